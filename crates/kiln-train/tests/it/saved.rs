//! Folders saved by commit a0376b4: their artifacts predict the same bits, and their runs continue from the checkpoints
//! to the same bits.
//!
//! `tests/fixtures/saved/README.md` describes how the folders were made: by this test, at that commit.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use burn::tensor::Device;
use kiln_models::{
    ConvBiLstmConfig, LanguageModel, LanguageModelConfig, OutputLayer, RecurrentKind, RecurrentRegressorConfig,
    Sampling, TextClassifierConfig,
};
use kiln_text::vocabulary::Vocabulary;
use kiln_train::{
    ArtifactConfig, ExistingRun, Monitor, Optimizer, ReduceLrOnPlateau, Run, SeriesDataset, SeriesPredictor,
    TextGenerator, TextPredictor, TextWindows, TokenUnit, Trainable, Trainer, evaluate,
};
use serde_json::{Value, json};

use crate::small_run::{SENTENCES, SmallRun};

const TEXT: &str = "the cat sat on the mat <eos> the dog lay by the log <eos> a bird sang at dawn <eos> ";
const STREAMS: usize = 3;
/// The number of epochs that were saved; one more is trained here.
const SAVED: usize = 2;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/saved")
}

fn hex(values: impl IntoIterator<Item = f32>) -> Vec<String> {
    values.into_iter().map(|value| format!("{:08x}", value.to_bits())).collect()
}

/// The losses of the last epoch.
fn losses<M: Trainable>(run: &Run<M>) -> Vec<String> {
    let last = |name| run.history().values(name).last().map(|value| format!("{:016x}", value.to_bits())).unwrap();
    vec![last("loss"), last("val_loss")]
}

/// A saved run: how it is trained up to an epoch, and what its artifact predicts.
struct Saved {
    name: &'static str,
    train: fn(&Path, usize, &Device) -> Vec<String>,
    predict: fn(&Path, &Device) -> Vec<String>,
}

const RUNS: [Saved; 4] = [
    Saved { name: "classifier", train: classifier, predict: texts },
    Saved { name: "any-classifier", train: any_classifier, predict: texts },
    Saved { name: "language-model", train: language_model, predict: text },
    Saved { name: "regressor", train: regressor, predict: series },
];

/// A GRU with dropout, every callback and Adam.
fn classifier(folder: &Path, epochs: usize, device: &Device) -> Vec<String> {
    let small = SmallRun::new();
    let trainer = small.trainer(folder, epochs).existing_run(existing(folder));
    losses(&trainer.fit(small.model(device), &small.train, &small.valid).unwrap())
}

/// A model in the enum of all classifiers, whose parameter paths contain a variant.
fn any_classifier(folder: &Path, epochs: usize, device: &Device) -> Vec<String> {
    let small = SmallRun::new();
    let config = ConvBiLstmConfig::new(small.encode.vocab_size(), small.encode.shape().max_len)
        .d_embedding(6)
        .filters(5)
        .kernel_size(3)
        .pool_size(2)
        .d_hidden([4, 3])
        .dropout(0.2);
    let model = TextClassifierConfig::from(config).init(device, 3).unwrap();
    let trainer = small_trainer(folder, epochs)
        .optimizer(Optimizer::RmsProp {
            learning_rate: 0.01,
            weight_decay: 0.0,
            rho: 0.9,
            momentum: 0.5,
            epsilon: 1e-7,
        })
        .save_best(Monitor::ValidLoss)
        .artifact(ArtifactConfig::text(&model, &small.encode, &small.class_names));
    losses(&trainer.fit(model, &small.train, &small.valid).unwrap())
}

/// Two GRUs with tied weights on running text, with gradient norms and a falling rate.
fn language_model(folder: &Path, epochs: usize, device: &Device) -> Vec<String> {
    let vocabulary = Vocabulary::builder().fit([TEXT], |text, take| TokenUnit::Words.each(text, take)).unwrap();
    let config = LanguageModelConfig::new(vocabulary.len())
        .output(OutputLayer::Tied)
        .dropout(0.2)
        .kind(RecurrentKind::Gru)
        .d_embedding(6)
        .d_hidden(vec![5, 6]);
    let model = config.init(device, 4).unwrap();
    let windows = windows(&vocabulary);
    let trainer = small_trainer(folder, epochs)
        .batch_size(STREAMS)
        .optimizer(Optimizer::Sgd { learning_rate: 1.0, weight_decay: 0.0, momentum: 0.5, nesterov: true })
        .clip_norm(0.25)
        .perplexity()
        .gradient_norms()
        .reduce_lr_on_plateau(ReduceLrOnPlateau::on(Monitor::ValidLoss).factor(0.25).patience(1).min_delta(0.0))
        .save_best(Monitor::ValidLoss)
        .artifact(ArtifactConfig::language_model(&model, &vocabulary, TokenUnit::Words));
    losses(&trainer.fit(model, &windows, &windows).unwrap())
}

fn windows(vocabulary: &Vocabulary) -> TextWindows {
    TextWindows::new(vocabulary.encode(TEXT.repeat(8).split_whitespace()), STREAMS, 4).unwrap()
}

/// An LSTM on numbers.
fn regressor(folder: &Path, epochs: usize, device: &Device) -> Vec<String> {
    let values = values();
    let sums: Vec<f32> = values.chunks(6).map(|row| row.iter().sum()).collect();
    let data = SeriesDataset::new(values, [3, 2], sums, 1).unwrap();
    let config = RecurrentRegressorConfig::new(2, 3).kind(RecurrentKind::Lstm).d_hidden(vec![4]);
    let model = config.init(device, 1).unwrap();
    let trainer = small_trainer(folder, epochs).artifact(ArtifactConfig::series(&model));
    losses(&trainer.fit(model, &data, &data).unwrap())
}

/// A run with a checkpoint is resumed; without one it starts.
fn existing(folder: &Path) -> ExistingRun {
    if folder.join("checkpoint.kiln").exists() { ExistingRun::Resume } else { ExistingRun::Refuse }
}

fn small_trainer<M: Trainable>(folder: &Path, epochs: usize) -> Trainer<M> {
    Trainer::new(folder).epochs(epochs).batch_size(8).seed(5).quiet().existing_run(existing(folder))
}

fn values() -> Vec<f32> {
    (0..120).map(|i| (i * 13 % 17) as f32 / 17.0).collect()
}

fn texts(folder: &Path, device: &Device) -> Vec<String> {
    let predictions = TextPredictor::load(folder, device).unwrap().predict(&SENTENCES).unwrap();
    hex(predictions.into_iter().flat_map(|prediction| prediction.probabilities))
}

fn text(folder: &Path, device: &Device) -> Vec<String> {
    let generator = TextGenerator::load(folder, device).unwrap();
    let model: &LanguageModel = generator.model();
    let loss = evaluate(model, &windows(generator.vocabulary()), STREAMS).unwrap().loss;
    let mut found = vec![format!("{:016x}", loss.to_bits())];
    let take = |token: &str| {
        found.push(token.to_owned());
        if found.len() <= 20 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    generator.generate("the cat", &Sampling::default(), 3, take).unwrap();
    found
}

fn series(folder: &Path, device: &Device) -> Vec<String> {
    hex(SeriesPredictor::load(folder, device).unwrap().predict(&values()).unwrap().into_iter().flatten())
}

/// What each artifact predicts, the losses of the next epoch, and the predictions after it.
fn found() -> Value {
    let device = Device::flex();
    let runs = RUNS.iter().map(|Saved { name, train, predict }| {
        let folder = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(fixtures().join(name)).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
        let predicted = predict(folder.path(), &device);
        let losses = train(folder.path(), SAVED + 1, &device);
        let after = predict(folder.path(), &device);
        (name.to_string(), json!({"predicted": predicted, "losses": losses, "predicted_after": after}))
    });
    json!({"lanes": lanes(), "runs": Value::Object(runs.collect())})
}

/// The widest vectors of the processor that decide the order in which numbers are added.
fn lanes() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512f") {
        return "avx512";
    }
    std::env::consts::ARCH
}

/// The child processes of the next tests run this; otherwise it does nothing.
#[test]
fn child_that_goes_on() {
    match std::env::var("KILN_TEST_SAVED").as_deref() {
        Ok("make") => {
            for Saved { name, train, .. } in &RUNS {
                let folder = fixtures().join(name);
                train(&folder, SAVED, &Device::flex());
                for curves in ["curves.svg", "curves.png"] {
                    std::fs::remove_file(folder.join(curves)).ok();
                }
            }
            let text = serde_json::to_string_pretty(&found()).unwrap() + "\n";
            std::fs::write(fixtures().join("expected.json"), text).unwrap();
        }
        Ok("read") => println!("\nfound {}", found()),
        _ => {}
    }
}

/// Runs the child with one thread, since the order of sums depends on the number of threads.
fn child(task: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "saved::child_that_goes_on", "--nocapture"])
        .env("KILN_TEST_SAVED", task)
        .env("RAYON_NUM_THREADS", "1")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Writes the fixtures again.
#[test]
#[ignore = "writes into the sources; see tests/fixtures/saved/README.md"]
fn make() {
    child("make");
}

/// The number whose bits are written; `None` for a word.
fn number(text: &Value) -> Option<f64> {
    let text = text.as_str()?;
    match text.len() {
        8 => u32::from_str_radix(text, 16).ok().map(|bits| f64::from(f32::from_bits(bits))),
        16 => u64::from_str_radix(text, 16).ok().map(f64::from_bits),
        _ => None,
    }
}

#[test]
fn what_an_earlier_commit_saved_predicts_and_goes_on_to_the_same_bits() {
    let expected: Value =
        serde_json::from_str(&std::fs::read_to_string(fixtures().join("expected.json")).unwrap()).unwrap();
    let text = child("read");
    let found = text.lines().find_map(|line| line.strip_prefix("found ")).unwrap();
    let found: Value = serde_json::from_str(found).unwrap();
    assert_eq!(expected["runs"].as_object().unwrap().len(), RUNS.len());
    for Saved { name, .. } in &RUNS {
        let (found_here, expected_here) = (&found["runs"][name], &expected["runs"][name]);
        if found["lanes"] == expected["lanes"] {
            assert_eq!(found_here, expected_here, "{name}");
            continue;
        }
        // Another processor: the same numbers except for the order of sums.
        for what in ["predicted", "losses", "predicted_after"] {
            let numbers = |of: &Value| of[what].as_array().unwrap().iter().filter_map(number).collect::<Vec<f64>>();
            let (found, expected) = (numbers(found_here), numbers(expected_here));
            assert_eq!(found.len(), expected.len(), "{name}: {what}");
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-4, "{name}: {what}: found {found}, expected {expected}");
            }
        }
    }
}
