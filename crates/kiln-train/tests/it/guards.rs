//! Losses that explode, batches of only padding, and classes that the model does not have.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use kiln_models::{Pass, Targets, TokenBatch};
use kiln_text::rows::PadSequences;
use kiln_train::{Batches, Broken, Error, Labelled, Optimizer, Result, StepOutput, TokenDataset, Trainable, Trainer};

use crate::devices;
use crate::small_run::SmallRun;
use crate::training::{cpu, folder, numbers};

/// The square of the distance to a number that is to be found.
#[derive(Module, Debug)]
struct Parabola {
    x: Param<Tensor<1>>,
}

impl Trainable for Parabola {
    type Batch = Tensor<2>;

    fn step(&self, targets: Tensor<2>, _: &Pass) -> StepOutput {
        let outputs = targets.zeros_like() + self.x.val().unsqueeze();
        let loss = (outputs.clone() - targets.clone()).square().mean();
        StepOutput::new(loss, outputs, Targets::Values(targets))
    }
}

#[test]
fn a_loss_that_explodes_ends_the_run() {
    for (backend, device) in devices::all() {
        let fit = |limit: Option<f64>, rate| {
            let folder = folder();
            let trainer = Trainer::new(folder.path()).epochs(1).batch_size(1).quiet();
            let mut trainer = trainer.optimizer(Optimizer::sgd().learning_rate(rate));
            if let Some(limit) = limit {
                trainer = trainer.loss_limit(limit);
            }
            let model = Parabola { x: Param::from_data([0.0], &device) };
            trainer.fit(model, &numbers(1.0, 20), &numbers(1.0, 1)).map(drop)
        };
        // Each step multiplies the distance by 1 - 2 * 2.5 = -4, so the loss by 16; the first loss is 1.
        let Error::NotFinite { what, value, step, epoch, .. } = fit(None, 2.5).unwrap_err() else {
            panic!("{backend}")
        };
        assert_eq!((what, step, epoch), (Broken::Exploded, 5, 1), "{backend}");
        assert!((value / 65_536.0 - 1.0).abs() < 1e-3, "{backend}: {value}");
        let Error::NotFinite { step: 3, .. } = fit(Some(200.0), 2.5).unwrap_err() else { panic!("{backend}") };
        fit(Some(f64::INFINITY), 2.5).unwrap();
        fit(None, 0.1).unwrap();
        for limit in [0.5, f64::NAN] {
            assert!(fit(Some(limit), 0.1).unwrap_err().to_string().contains("loss_limit"));
        }
    }
}

/// Rows whose data set does not report their classes.
#[derive(Clone)]
struct Untold(TokenDataset);

impl Batches for Untold {
    type Batch = Labelled<TokenBatch>;

    fn rows(&self) -> usize {
        self.0.rows()
    }

    fn batch(&self, rows: &[usize], device: &Device) -> Result<Self::Batch> {
        self.0.batch(rows, device)
    }
}

#[test]
fn a_class_that_the_model_does_not_have_is_named_with_its_step() {
    let small = SmallRun::new();
    let rows = |class: u32| {
        let padded = PadSequences::new().max_len(9).pad(&vec![vec![1_u32, 2]; 20]).unwrap();
        let mut classes = vec![0; 20];
        classes[19] = class;
        Untold(TokenDataset::new(padded, classes, small.encode.vocab_size()).unwrap())
    };
    for (backend, device) in devices::all() {
        let folder = folder();
        let trainer = || Trainer::new(folder.path()).batch_size(4).quiet();
        let error = trainer().fit(small.model(&device), &rows(2), &small.valid).unwrap_err();
        let Error::Step { epoch: 1, step, source, .. } = &error else { panic!("{backend}: {error}") };
        assert!((1..=5).contains(step) && matches!(**source, Error::Data { .. }), "{backend}: {error}");
        let told = error.to_string();
        assert!(told.contains("the classes of the batch: expected 0 to 1") && told.contains("found 2"), "{told}");
        trainer().fit(small.model(&device), &rows(1), &rows(1)).unwrap();
        // In validation data, and in an evaluation.
        let other = crate::training::folder();
        let trainer = Trainer::new(other.path()).batch_size(4).quiet();
        let error = trainer.fit(small.model(&device), &rows(1), &rows(2)).unwrap_err();
        assert!(matches!(error, Error::Step { epoch: 1, step: 5, .. }), "{backend}: {error}");
        let error = kiln_train::evaluate(&small.model(&device), &rows(2), 4).unwrap_err().to_string();
        assert!(error.contains("the classes of the batch"), "{backend}: {error}");
    }
}

#[test]
fn rows_of_padding_only_are_refused_or_counted() {
    let small = SmallRun::new();
    let rows = |texts: Vec<Vec<u32>>| {
        let classes = (0..texts.len()).map(|row| row as u32 % 2).collect();
        TokenDataset::new(PadSequences::new().max_len(9).pad(&texts).unwrap(), classes, small.encode.vocab_size())
            .unwrap()
    };
    let folder = folder();
    let trainer = || Trainer::new(folder.path()).batch_size(1).quiet();
    let error = trainer().fit(small.model(&cpu()), &rows(vec![Vec::new(); 12]), &small.valid).unwrap_err().to_string();
    assert!(error.contains("padding only, in every row") && error.contains("the tokenizer knows none"), "{error}");
    let mut texts = vec![vec![1, 2]; 12];
    texts[3].clear();
    texts[7].clear();
    let run = trainer().fit(small.model(&cpu()), &rows(texts), &small.valid).unwrap();
    assert_eq!(run.padding_only_steps(), 2);
}
