//! Language models are trained, stopped, resumed, saved and used to generate text: the order of windows, states from
//! batch to batch, perplexity, exploding gradients, and prompts and artifacts that do not fit.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;

use burn::tensor::Device;
use kiln_models::weights::{Weights, weights_of};
use kiln_models::{LanguageModel, LanguageModelConfig, OutputLayer, RecurrentKind, Sampling, Targets};
use kiln_text::vocabulary::{TokenOrder, Vocabulary};
use kiln_train::{
    ArtifactConfig, Batches, Broken, Callback, Control, EarlyStopping, Error, ExistingRun, History, Mode, Monitor,
    Optimizer, ReduceLrOnPlateau, SeriesPredictor, StepLogs, TextGenerator, TextPredictor, TextWindows, TokenUnit,
    Trainer, evaluate,
};

use crate::broken_runs::Reckless;
use crate::devices;
use crate::small_run::SmallRun;

fn cpu() -> Device {
    devices::all().swap_remove(0).1
}

const TEXT: &str = "the cat sat on the mat <eos> the dog sat on the log <eos> a <unk> sat by the door <eos> ";
const STREAMS: usize = 3;
const WINDOW: usize = 4;

/// A text of few words, in which the next word depends on the words before.
struct Running {
    vocabulary: Vocabulary,
    train: TextWindows,
    valid: TextWindows,
    config: LanguageModelConfig,
}

impl Running {
    fn new() -> Self {
        let builder = Vocabulary::builder().special_tokens(["<unk>"]).unknown_token("<unk>");
        let vocabulary = builder
            .order(TokenOrder::FirstAppearance)
            .fit([TEXT], |text, take| TokenUnit::Words.each(text, take))
            .unwrap();
        let ids = vocabulary.encode(TEXT.repeat(9).split_whitespace());
        let config = LanguageModelConfig::new(vocabulary.len())
            .kind(RecurrentKind::Gru)
            .d_embedding(6)
            .d_hidden(vec![5, 6])
            .dropout(0.2)
            .output(OutputLayer::Tied);
        Self {
            train: TextWindows::new(ids.clone(), STREAMS, WINDOW).unwrap(),
            valid: TextWindows::new(ids[..60].to_vec(), STREAMS, WINDOW).unwrap(),
            vocabulary,
            config,
        }
    }

    fn model(&self, device: &Device) -> LanguageModel {
        self.config.init(device, 4).unwrap()
    }

    fn trainer(&self, folder: &Path, epochs: usize) -> Trainer<LanguageModel> {
        Trainer::new(folder)
            .epochs(epochs)
            .batch_size(STREAMS)
            .seed(7)
            .quiet()
            .optimizer(Optimizer::sgd().learning_rate(2.0))
            .clip_norm(0.25)
            .perplexity()
            .gradient_norms()
            .reduce_lr_on_plateau(ReduceLrOnPlateau::on(Monitor::ValidLoss).factor(0.25).patience(1).min_delta(0.0))
            .save_best(Monitor::ValidLoss)
            .artifact(ArtifactConfig::language_model(&self.model(&cpu()), &self.vocabulary, TokenUnit::Words))
    }
}

pub(crate) fn ids_of(batch: &<TextWindows as Batches>::Batch) -> (Vec<i32>, Vec<i32>) {
    let Targets::Classes(classes) = &batch.targets else { panic!("targets are classes") };
    let ids = batch.input.ids.clone().into_data().try_into_vec_as::<i32>().unwrap();
    (ids, classes.clone().into_data().try_into_vec_as::<i32>().unwrap())
}

/// 24 tokens in 3 streams: (24 - 1) / 3 = 7 per stream, which begin at 0, 7 and 14; windows of 4 and of 3.
#[test]
fn streams_are_read_side_by_side_and_the_next_token_is_predicted() {
    let text = TextWindows::new((0..24).collect(), 3, 4).unwrap();
    assert_eq!((text.rows(), text.windows(), text.tokens(), text.streams()), (6, 2, 21, Some(3)));
    let (ids, targets) = ids_of(&text.batch(&[0, 1, 2], &cpu()).unwrap());
    assert_eq!(ids, [0, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 17]);
    assert_eq!(targets, [1, 2, 3, 4, 8, 9, 10, 11, 15, 16, 17, 18]);
    let (ids, targets) = ids_of(&text.batch(&[3, 4, 5], &cpu()).unwrap());
    assert_eq!(ids, [4, 5, 6, 11, 12, 13, 18, 19, 20]);
    assert_eq!(targets, [5, 6, 7, 12, 13, 14, 19, 20, 21]);
    let error = text.batch(&[2, 3], &cpu()).unwrap_err().to_string();
    assert!(error.contains("4 tokens in row 2 and 3 in row 3"), "{error}");
}

#[test]
fn a_text_shorter_than_a_window_in_each_stream_is_refused() {
    let of = |tokens: u32, streams, window| TextWindows::new((0..tokens).collect(), streams, window);
    assert_eq!(of(13, 3, 4).unwrap().windows(), 1);
    let error = of(12, 3, 4).unwrap_err().to_string();
    assert!(error.contains("at least 13") && error.contains("found 12") && error.contains("smaller window"), "{error}");
    assert!(of(0, 1, 1).is_err());
    assert!(of(9, 0, 1).unwrap_err().to_string().contains("the option streams should"));
    assert!(of(9, 1, 0).unwrap_err().to_string().contains("the option window should"));
    assert!(of(9, usize::MAX, 2).is_err());
}

#[test]
fn batches_of_another_size_than_the_streams_are_refused() {
    let text = Running::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let trainer = text.trainer(&path, 1).batch_size(4);
    let message = trainer.fit(text.model(&cpu()), &text.train, &text.valid).unwrap_err().to_string();
    assert!(message.contains("batch_size: expected") && message.contains("3, the number of streams"), "{message}");
    assert!(!path.exists(), "nothing was written");
    assert!(evaluate(&text.model(&cpu()), &text.valid, 4).is_err());
}

/// The windows of an evaluation are one text: a state lost between two windows, or a token with another weight, would
/// change the mean.
#[test]
fn an_evaluation_in_windows_equals_one_long_window() {
    let text = Running::new();
    let ids = text.vocabulary.encode(TEXT.repeat(3).split_whitespace());
    for (backend, device) in devices::all() {
        let model = text.model(&device);
        let whole = evaluate(&model, &TextWindows::new(ids.clone(), 1, ids.len() - 1).unwrap(), 1).unwrap();
        // 62 tokens in windows of 7: the last one has 6.
        let pieces = evaluate(&model, &TextWindows::new(ids.clone(), 1, 7).unwrap(), 1).unwrap();
        assert_eq!((ids.len(), whole.rows, pieces.rows), (63, 1, 9));
        assert!((whole.loss - pieces.loss).abs() < 1e-6, "{backend}: {whole:?} {pieces:?}");
        assert!((pieces.perplexity() - pieces.loss.exp()).abs() < 1e-12);
        assert_eq!(pieces.accuracy, None);
    }
}

#[test]
fn a_language_model_learns_on_every_backend_and_tells_its_perplexity() {
    let text = Running::new();
    for (backend, device) in devices::all() {
        let folder = tempfile::tempdir().unwrap();
        // Callbacks see perplexity too: an unknown metric would be an error.
        let monitor = Monitor::Metric { name: "val_perplexity".to_owned(), mode: Mode::Min };
        let trainer = text.trainer(folder.path(), 12).early_stopping(EarlyStopping::on(monitor).patience(12));
        let run = trainer.fit(text.model(&device), &text.train, &text.valid).unwrap();
        let history = run.history();
        let perplexities = history.values("val_perplexity");
        assert_eq!(perplexities.len(), 12);
        // For random guesses, it is the number of words.
        assert!(perplexities[0] < 1.1 * text.vocabulary.len() as f64, "{backend}: {perplexities:?}");
        assert!(perplexities[11] < 0.5 * perplexities[0], "{backend}: {perplexities:?}");
        for logs in history.epochs() {
            assert_eq!(logs.get("perplexity"), Some(logs.loss.exp()));
            assert_eq!(logs.get("val_perplexity"), Some(logs.val_loss.exp()));
        }
        if cfg!(feature = "plot") {
            let svg = std::fs::read_to_string(folder.path().join("curves.svg")).unwrap();
            assert!(svg.contains("Perplexity") && !svg.contains("Accuracy"));
        }
    }
}

#[test]
fn an_adaptive_softmax_learns_too() {
    let text = Running::new();
    let folder = tempfile::tempdir().unwrap();
    let mut config = text.config.clone();
    config.output = OutputLayer::Adaptive { cutoffs: vec![4, 9], div_value: 2.0 };
    let run = Trainer::new(folder.path())
        .epochs(12)
        .batch_size(STREAMS)
        .quiet()
        .optimizer(Optimizer::sgd().learning_rate(2.0))
        .clip_norm(0.25)
        .fit(config.init(&cpu(), 4).unwrap(), &text.train, &text.valid)
        .unwrap();
    let losses = run.history().values("val_loss");
    assert!(losses[11] < losses[0] - 0.7, "{losses:?}");
}

#[test]
fn the_norms_of_gradients_stand_in_the_history_by_layer() {
    let text = Running::new();
    let folder = tempfile::tempdir().unwrap();
    // One window per stream is one step per epoch, so the means are the norms of that step.
    let one = TextWindows::new((0..13).map(|id| id % 9).collect(), STREAMS, WINDOW).unwrap();
    let run = text.trainer(folder.path(), 2).fit(text.model(&cpu()), &one, &one).unwrap();
    let logs = &run.history().epochs()[0];
    let layers = ["embedding", "output", "recurrent.forward_layers.0", "recurrent.forward_layers.1"];
    let norms: Vec<f64> = layers.iter().map(|layer| logs.get(&format!("gradient_norm.{layer}")).unwrap()).collect();
    assert!(norms.iter().all(|&norm| norm > 0.0 && norm.is_finite()), "{norms:?}");
    let whole = norms.iter().map(|norm| norm * norm).sum::<f64>().sqrt();
    assert!((logs.get("gradient_norm").unwrap() - whole).abs() < 1e-6);
    assert_eq!(logs.get("gradient_norm"), logs.get("gradient_norm_max"));
    assert_eq!(logs.metrics.len(), 2 + 2 + layers.len(), "{:?}", logs.metrics);
}

/// Stops the run from outside in the middle of an epoch.
struct StopAt(burn::train::Interrupter, usize, usize);

impl Callback for StopAt {
    fn name(&self) -> &'static str {
        "stop_at"
    }

    fn on_step_end(&mut self, step: &StepLogs, _: &mut Control<'_>) -> kiln_train::Result<()> {
        if (step.epoch, step.step) == (self.1, self.2) {
            self.0.stop(Some("stopped"));
        }
        Ok(())
    }
}

#[test]
fn a_stopped_run_resumes_to_the_bits_of_one_never_stopped() {
    let text = Running::new();
    let fit = |folder: &Path, existing, stop: (usize, usize)| -> kiln_train::Result<(Weights, History)> {
        let trainer = text.trainer(folder, 6).existing_run(existing);
        let stop = StopAt(trainer.stop_handle(), stop.0, stop.1);
        let run = trainer.callback(stop).fit(text.model(&cpu()), &text.train, &text.valid)?;
        let history = run.history().clone();
        Ok((weights_of(&run.into_model()), history))
    };
    let [whole, stopped] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let whole = fit(whole.path(), ExistingRun::Refuse, (0, 0)).unwrap();
    let error = fit(stopped.path(), ExistingRun::Refuse, (4, 5)).unwrap_err();
    assert!(matches!(error, Error::Interrupted { epoch: 4, .. }), "{error}");
    let resumed = fit(stopped.path(), ExistingRun::Resume, (0, 0)).unwrap();
    assert_eq!(resumed.1, whole.1);
    assert_eq!(resumed.0, whole.0);
}

#[test]
fn a_loss_that_turns_nan_ends_the_run_and_the_last_good_checkpoint_stands() {
    let text = Running::new();
    let folder = tempfile::tempdir().unwrap();
    let trainer = |folder: &std::path::Path| {
        Trainer::new(folder)
            .epochs(3)
            .batch_size(STREAMS)
            .quiet()
            .optimizer(Optimizer::sgd().learning_rate(0.5))
            .callback(Reckless(1e25))
    };
    // It explodes before it becomes NaN.
    let other = tempfile::tempdir().unwrap();
    let error = trainer(other.path()).fit(text.model(&cpu()), &text.train, &text.valid).unwrap_err();
    assert!(matches!(error, Error::NotFinite { what: Broken::Exploded, epoch: 2, .. }), "{error}");
    let trainer = trainer(folder.path()).loss_limit(f64::INFINITY);
    let error = trainer.fit(text.model(&cpu()), &text.train, &text.valid).unwrap_err();
    let message = error.to_string();
    let Error::NotFinite { what: Broken::TrainLoss, step, epoch: 2, learning_rate, value, .. } = error else {
        panic!("{message}")
    };
    assert!(!value.is_finite() && learning_rate == 1e25, "{message}");
    assert!(message.contains(&format!("in step {step} of epoch 2 at learning rate 1e25")), "{message}");
    assert!(message.contains("gradient") && message.contains("at step "), "{message}");
    assert!(message.contains("keeps everything up to the end of epoch 1"), "{message}");
    assert_eq!(History::load_json(folder.path().join("history.json")).unwrap().epochs().len(), 1);
    let kept = std::fs::read(folder.path().join("model.safetensors")).unwrap();
    let kept = kiln_models::weights::from_safetensors(&kept).unwrap();
    assert!(kept.values().flat_map(|weight| &weight.values).all(|value| value.is_finite()));
}

fn trained(folder: &Path) -> Running {
    let text = Running::new();
    text.trainer(folder, 40).fit(text.model(&cpu()), &text.train, &text.valid).unwrap();
    text
}

fn written(generator: &TextGenerator, prompt: &str, sampling: &Sampling, seed: u64) -> Vec<String> {
    let mut tokens = Vec::new();
    let take = |token: &str| {
        tokens.push(token.to_owned());
        if tokens.len() < 40 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    generator.generate(prompt, sampling, seed, take).unwrap();
    tokens
}

/// The child process of the next test runs this; otherwise it does nothing.
#[test]
fn child_that_writes() {
    if let Some(folder) = std::env::var_os("KILN_TEST_LANGUAGE_MODEL") {
        let generator = TextGenerator::load(Path::new(&folder), &cpu()).unwrap();
        println!("\nwrote {:?}", written(&generator, "the cat", &Sampling::default(), 3));
    }
}

#[test]
fn another_process_writes_the_same_text_from_the_artifact_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = trained(folder.path());
    let moved = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::copy(folder.path().join(file), moved.path().join(file)).unwrap();
    }
    let generator = TextGenerator::load(folder.path(), &cpu()).unwrap();
    assert_eq!(generator.vocabulary(), &text.vocabulary);
    assert_eq!(generator.unit(), TokenUnit::Words);
    let here = written(&generator, "the cat", &Sampling::default(), 3);
    assert_ne!(here, written(&generator, "the cat", &Sampling::default(), 4), "the seed matters");
    let surely = Sampling { top_k: Some(1), ..Sampling::default() };
    assert_eq!(written(&generator, "on the mat <eos> the cat", &surely, 0)[0], "sat");
    assert_ne!(written(&generator, "on the mat <eos> the cat sat", &surely, 0)[0], "sat", "the prompt matters");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "language_model::child_that_writes", "--nocapture"])
        .env("KILN_TEST_LANGUAGE_MODEL", moved.path())
        .output()
        .unwrap();
    let there = String::from_utf8(output.stdout).unwrap();
    assert!(there.contains(&format!("wrote {here:?}")), "{here:?}\n{there}");
}

#[test]
fn what_is_written_keeps_to_the_sampling() {
    let folder = tempfile::tempdir().unwrap();
    trained(folder.path());
    let generator = TextGenerator::load(folder.path(), &cpu()).unwrap();
    let freely = Sampling { temperature: 5.0, ..Sampling::default() };
    let all = written(&generator, "the", &freely, 1);
    assert!(all.iter().any(|token| token == "<eos>") && all.iter().any(|token| token == "the"), "{all:?}");
    let skip = generator.ids(["<eos>", "the", "<unk>"]).unwrap();
    let some = written(&generator, "the", &Sampling { skip, ..freely }, 1);
    assert!(some.iter().all(|token| !["<eos>", "the", "<unk>"].contains(&token.as_str())), "{some:?}");
    let surely = Sampling { top_k: Some(1), ..Sampling::default() };
    assert_eq!(written(&generator, "the", &surely, 1), written(&generator, "the", &surely, 2));
    let refused = generator.generate("the", &Sampling { temperature: 0.0, ..surely }, 1, |_| ControlFlow::Break(()));
    assert!(refused.unwrap_err().to_string().contains("temperature should be a number above 0"));
}

#[test]
fn prompts_that_the_model_cannot_read_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    trained(folder.path());
    let generator = TextGenerator::load(folder.path(), &cpu()).unwrap();
    let refused = |prompt: &str| generator.prompt(prompt).unwrap_err().to_string();
    assert!(refused("").contains("at least one word"));
    assert!(refused(" \n").contains("at least one word"));
    let message = refused("zebra crossing");
    assert!(message.contains("'zebra', 'crossing'") && message.contains("words among the"), "{message}");
    // One known word is enough if the vocabulary has a token for the others.
    assert_eq!(generator.prompt("the zebra").unwrap(), generator.prompt("the <unk>").unwrap());
    assert!(generator.ids(["zebra"]).unwrap_err().to_string().contains("'zebra'"));

    // Without such a token, every word must be known.
    let lacking = Vocabulary::builder().fit(["the cat sat"], |text, take| TokenUnit::Words.each(text, take)).unwrap();
    let config = LanguageModelConfig::new(3).d_embedding(2).d_hidden(vec![2]);
    let other = tempfile::tempdir().unwrap();
    let data = TextWindows::new(vec![0, 1, 2, 0, 1], 1, 2).unwrap();
    let model = config.init(&cpu(), 0).unwrap();
    Trainer::new(other.path())
        .batch_size(1)
        .quiet()
        .artifact(ArtifactConfig::language_model(&model, &lacking, TokenUnit::Words))
        .fit(model, &data, &data)
        .unwrap();
    let generator = TextGenerator::load(other.path(), &cpu()).unwrap();
    assert!(generator.prompt("the zebra sat").unwrap_err().to_string().contains("'zebra'"));
    assert_eq!(generator.prompt("sat the").unwrap().len(), 2);
}

#[test]
fn a_language_model_is_no_classifier_and_a_classifier_no_language_model() {
    let folder = tempfile::tempdir().unwrap();
    trained(folder.path());
    let error = TextPredictor::load(folder.path(), &cpu()).map(|_| ()).unwrap_err();
    assert!(matches!(error, kiln_predict::Error::ArtifactKind { .. }), "{error}");
    assert!(error.to_string().contains("holds a language model, but a text classifier was asked for"), "{error}");
    assert!(SeriesPredictor::load(folder.path(), &cpu()).is_err());

    let other = tempfile::tempdir().unwrap();
    let small = SmallRun::new();
    let trainer = small.trainer(other.path(), 1).existing_run(ExistingRun::Refuse);
    trainer.fit(small.model(&cpu()), &small.train, &small.valid).unwrap();
    let error = TextGenerator::load(other.path(), &cpu()).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("holds a text classifier, but a language model was asked for"), "{error}");
}

#[test]
fn damaged_artifacts_are_named() {
    let folder = tempfile::tempdir().unwrap();
    trained(folder.path());
    let load = || TextGenerator::load(folder.path(), &cpu()).map(|_| ()).unwrap_err().to_string();
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let path = folder.path().join(file);
        let good = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(load().contains(&format!("lacks {file}")), "{}", load());
        std::fs::write(&path, &good[..good.len() / 2]).unwrap();
        assert!(load().contains(file), "{}", load());
        std::fs::write(&path, good).unwrap();
    }
    let change = |file: &str, from: &str, to: &str| {
        let path = folder.path().join(file);
        let good = std::fs::read_to_string(&path).unwrap();
        assert!(good.contains(from), "{file} has no {from}: {good}");
        // An edit by a person who removes the checksum.
        let text = good.split(",\n  \"checksum\"").next().unwrap().to_owned();
        let end = if text == good { "" } else { "\n}\n" };
        std::fs::write(&path, text.replacen(from, to, 1) + end).unwrap();
        let message = load();
        std::fs::write(&path, good).unwrap();
        message
    };
    assert!(change("tokenizer.json", "mat", "rug").contains("trained with"));
    let vocab = format!("\"vocab\": {}", TextGenerator::load(folder.path(), &cpu()).unwrap().vocabulary().len());
    let narrow = change("config.json", &vocab, "\"vocab\": 3");
    assert!(narrow.contains("config.json") && narrow.contains("vocabulary"), "{narrow}");
    let wide = change("config.json", &vocab, "\"vocab\": 99");
    assert!(wide.contains("[99, ") && wide.contains("embedding") && wide.contains("config.json"), "{wide}");
    assert!(TextGenerator::load(folder.path(), &cpu()).is_ok());
}

#[test]
fn characters_are_tokens_with_their_white_space() {
    let text = "abba cab\n";
    let vocabulary = Vocabulary::builder().fit([text], |text, take| TokenUnit::Characters.each(text, take)).unwrap();
    assert_eq!(vocabulary.len(), 5);
    let mut tokens = Vec::new();
    TokenUnit::Characters.each("cé\n", &mut |token| tokens.push(token.to_owned()));
    assert_eq!(tokens, ["c", "é", "\n"]);
    let narrow = LanguageModelConfig::new(4).init(&cpu(), 0).unwrap();
    let error = ArtifactConfig::language_model(&narrow, &vocabulary, TokenUnit::Characters).check().unwrap_err();
    assert!(error.to_string().contains("at least the 5 tokens"), "{error}");
}
