//! The start of a run: weights of another run, and checks of the data before the first step.

use kiln_models::weights::{Precision, to_safetensors, weights_of};
use kiln_train::{Batches, EncodedDataset, Error, ExistingRun, Optimizer, PadBatcher, TokenDataset, Trainer};

use crate::small_run::SmallRun;
use crate::training::{cpu, folder};

/// The rows of `data` with other classes.
fn with_classes(data: &TokenDataset, change: impl Fn(usize, u32) -> u32) -> TokenDataset {
    use burn::data::dataset::Dataset;
    let rows: Vec<Vec<u32>> = data.iter().map(|item| item.unwrap().ids).collect();
    let padded = kiln_text::rows::pad_sequences(&rows, data.steps()).unwrap();
    let classes = data.classes().iter().enumerate().map(|(row, &class)| change(row, class)).collect();
    TokenDataset::new(padded, classes, 1_000).unwrap()
}

#[test]
fn a_run_starts_from_the_weights_of_another_with_other_options() {
    let (first, second, small) = (folder(), folder(), SmallRun::new());
    let fit = |trainer: Trainer<_>| trainer.quiet().fit(small.model(&cpu()), &small.train, &small.valid);
    let before = fit(small.trainer(first.path(), 2).existing_run(ExistingRun::Refuse)).unwrap();
    let weights = weights_of(before.model());
    // A rate of almost zero leaves them unchanged.
    let still = |path: &std::path::Path| {
        let trainer = Trainer::new(second.path()).existing_run(ExistingRun::Overwrite).from_weights(path);
        fit(trainer.batch_size(4).seed(1).optimizer(Optimizer::sgd().learning_rate(1e-30)))
    };
    let file = first.path().join("copy.safetensors");
    std::fs::write(&file, to_safetensors(&weights, Precision::Full, None).unwrap()).unwrap();
    for path in [first.path().to_owned(), file, first.path().join("model.safetensors")] {
        let run = still(&path).unwrap();
        assert_eq!(weights_of(run.model()), weights, "{}", path.display());
    }
    // If a run kept no best weights, the checkpoint has those that it returned.
    let plain = folder();
    let run = fit(Trainer::new(plain.path()).epochs(2).batch_size(8)).unwrap();
    std::fs::remove_file(plain.path().join("model.safetensors")).unwrap();
    for path in [plain.path().to_owned(), plain.path().join("checkpoint.kiln")] {
        assert_eq!(weights_of(still(&path).unwrap().model()), weights_of(run.model()), "{}", path.display());
    }

    // Other words, from another tokenizer.
    let artifact = || {
        let tokenizer = kiln_text::encoders::WordTokenizer::builder().fit(["other words"]).unwrap();
        let encode = kiln_predict::SequenceEncoder::new(tokenizer, 9).unwrap();
        kiln_train::ArtifactConfig::text(&small.model(&cpu()), &encode, &small.class_names)
    };
    let trainer = Trainer::new(second.path()).existing_run(ExistingRun::Overwrite).from_weights(first.path());
    let error = fit(trainer.artifact(artifact())).map(drop).unwrap_err();
    assert!(matches!(error, Error::OtherTokenizer { .. }) || error.to_string().contains("vocabulary"), "{error}");
    let resuming = small.trainer(first.path(), 3).from_weights(first.path());
    assert!(fit(resuming).map(drop).unwrap_err().to_string().contains("from_weights"));

    std::fs::remove_file(plain.path().join("checkpoint.kiln")).unwrap();
    let error = still(plain.path()).unwrap_err();
    assert!(matches!(error, Error::NoWeights { .. }), "{error}");
    assert!(still(&first.path().join("missing")).unwrap_err().to_string().contains("missing"));
    let mut other = small.config.clone();
    other.d_hidden = vec![7];
    let other = to_safetensors(&weights_of(&other.init(&cpu(), 0).unwrap()), Precision::Full, None).unwrap();
    let file = first.path().join("other.safetensors");
    std::fs::write(&file, &other).unwrap();
    let error = still(&file).unwrap_err();
    assert!(matches!(error, Error::FromWeights { .. }) && error.to_string().contains("other.safetensors"), "{error}");
    std::fs::write(&file, &other[..other.len() - 9]).unwrap();
    assert!(matches!(still(&file).unwrap_err(), Error::Damaged { .. }));
}

#[test]
fn a_run_is_not_resumed_with_other_data() {
    let small = SmallRun::new();
    let turned = |data: &TokenDataset| with_classes(data, |_, class| 1 - class);
    // Two rows are swapped: the same rows in another order.
    let exchanged = |data: &TokenDataset| {
        use burn::data::dataset::Dataset;
        let mut rows: Vec<_> = data.iter().map(|item| item.unwrap()).collect();
        rows.swap(0, 1);
        let padded =
            kiln_text::rows::pad_sequences(&rows.iter().map(|row| row.ids.clone()).collect::<Vec<_>>(), data.steps());
        TokenDataset::new(padded.unwrap(), rows.iter().map(|row| row.label).collect(), 1_000).unwrap()
    };
    for (train, valid, says) in [
        (turned(&small.train), small.valid.clone(), "targets (labels) of the training rows"),
        (small.train.clone(), turned(&small.valid), "targets (labels) of the validation rows"),
        (exchanged(&small.train), small.valid.clone(), "inputs of the training rows"),
        (small.train.clone(), exchanged(&small.valid), "inputs of the validation rows"),
    ] {
        let folder = folder();
        let fit = |epochs, existing, train: &TokenDataset, valid: &TokenDataset| {
            small.trainer(folder.path(), epochs).existing_run(existing).fit(small.model(&cpu()), train, valid)
        };
        fit(1, ExistingRun::Refuse, &small.train, &small.valid).unwrap();
        let error = fit(2, ExistingRun::Resume, &train, &valid).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("from_weights"), "{error}");
        fit(2, ExistingRun::Resume, &small.train, &small.valid).unwrap();
    }
}

#[test]
fn training_data_of_one_class_are_refused() {
    let small = SmallRun::new();
    let fit = |train: &TokenDataset, valid: &TokenDataset| {
        let folder = folder();
        Trainer::new(folder.path()).quiet().fit(small.model(&cpu()), train, valid).map(drop)
    };
    let one = |data: &TokenDataset| with_classes(data, |_, _| 1);
    let train = fit(&one(&small.train), &small.valid).unwrap_err();
    assert!(matches!(train, Error::OneClass { rows: 31, class: 1 }), "{train}");
    // A small validation set may well have no row of a rare class.
    assert!(fit(&small.train, &one(&small.valid)).is_ok());
    let few = with_classes(&small.train, |row, class| if row == 7 { 1 - class } else { class });
    assert!(fit(&few, &small.valid).is_ok());
}

#[test]
fn rows_that_training_and_validation_share_are_counted() {
    let rows = |range: std::ops::Range<u32>| {
        let rows: Vec<Vec<u32>> = range.clone().map(|row| vec![1 + row % 20, 2 + row / 20]).collect();
        EncodedDataset::new(rows, range.map(|row| row % 2).collect(), 1_000).unwrap()
    };
    let small = SmallRun::new();
    let batches = |data: EncodedDataset| data.batches(PadBatcher::new().max_len(9)).unwrap();
    let (train, valid) = (batches(rows(0..30)), batches(rows(25..40)));
    let mut config = small.config.clone();
    config.vocab_size = 1_000;
    let folders = folder();
    let trainer = || Trainer::new(tempfile::tempdir_in(folders.path()).unwrap().keep()).quiet();
    let run = trainer().fit(config.init(&cpu(), 0).unwrap(), &train, &valid).unwrap();
    assert_eq!(run.shared_rows(), Some(5));
    let error = trainer().refuse_shared_rows().fit(config.init(&cpu(), 0).unwrap(), &train, &valid).unwrap_err();
    assert!(matches!(error, Error::SharedRows { shared: 5, rows: 15 }), "{error}");
    let apart = batches(rows(30..40));
    let run = trainer().refuse_shared_rows().fit(config.init(&cpu(), 0).unwrap(), &train, &apart).unwrap();
    assert_eq!(run.shared_rows(), Some(0));

    // The same ids with other padding are the same row.
    let padded = |steps| TokenDataset::new(kiln_text::rows::pad_sequences(&[vec![3, 4]], steps).unwrap(), vec![1], 9);
    assert_eq!(padded(2).unwrap().row_digest(0), padded(7).unwrap().row_digest(0));
}
