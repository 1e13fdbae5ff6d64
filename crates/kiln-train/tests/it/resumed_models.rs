//! Runs that are resumed with the same model in another form: directly, or as a variant of an enum of models.

use std::path::Path;

use kiln_models::TextClassifier;
use kiln_models::weights::{Weights, weights_of};
use kiln_train::{Batches, ExistingRun, TokenDataset, Trainable};

use crate::small_run::SmallRun;
use crate::training::{cpu, folder};

fn fit<M>(small: &SmallRun, model: M, folder: &Path, epochs: usize, existing: ExistingRun) -> Weights
where
    M: Trainable<Batch = <TokenDataset as Batches>::Batch>,
{
    let trainer = small.trainer(folder, epochs).existing_run(existing);
    weights_of(&trainer.fit(model, &small.train, &small.valid).unwrap().into_model())
}

/// Trains a recurrent classifier with Adam, directly or as a variant of `TextClassifier`.
fn train(folder: &Path, in_enum: bool, epochs: usize, existing: ExistingRun) -> Weights {
    let small = SmallRun::new();
    let model = small.model(&cpu());
    match in_enum {
        true => fit(&small, TextClassifier::RecurrentClassifier(model), folder, epochs, existing),
        false => fit(&small, model, folder, epochs, existing),
    }
}

#[test]
fn a_run_resumed_inside_an_enum_of_models_finds_its_moments() {
    let whole = train(folder().path(), false, 3, ExistingRun::Refuse);
    for (begun, resumed) in [(false, false), (true, true), (false, true), (true, false)] {
        let folder = folder();
        train(folder.path(), begun, 2, ExistingRun::Refuse);
        let weights = train(folder.path(), resumed, 3, ExistingRun::Resume);
        assert_eq!(weights, whole, "begun in an enum: {begun}, resumed in one: {resumed}");
    }
}
