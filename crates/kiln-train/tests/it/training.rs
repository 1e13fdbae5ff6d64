//! Whole runs: the best model is returned, a killed run resumes to the same bits, interruptions and bad options leave
//! nothing half-done, and learning rates reach the weights.

use std::path::Path;
use std::process::Command;

use burn::data::dataloader::batcher::Batcher;
use burn::data::dataset::InMemDataset;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use burn::train::metric::AccuracyMetric;
use kiln_models::weights::weights_of;
use kiln_models::{Pass, Targets};
use kiln_train::{
    Batches, BurnDataset, Callback, Control, EarlyStopping, EncodedDataset, EpochLogs, Error, ExistingRun, History,
    Monitor, Optimizer, PadBatcher, ReduceLrOnPlateau, SeriesDataset, StepLogs, StepOutput, TokenDataset, Trainable,
    Trainer, evaluate,
};

use crate::devices;
use crate::small_run::SmallRun;

/// The number of files that a run writes; without the feature `plot` there are no curves.
const FILES: usize = if cfg!(feature = "plot") { 8 } else { 6 };

pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Resuming needs a checkpoint; a first run starts in an empty folder.
fn fresh<M: Trainable>(trainer: Trainer<M>) -> Trainer<M> {
    trainer.existing_run(ExistingRun::Refuse)
}

pub(crate) fn cpu() -> Device {
    devices::all().swap_remove(0).1
}

#[test]
fn a_run_learns_and_leaves_its_files_on_every_backend() {
    let small = SmallRun::new();
    for (backend, device) in devices::all() {
        let folder = folder();
        let run = fresh(small.trainer(folder.path(), 30))
            .optimizer(Optimizer::adam().learning_rate(0.02))
            .fit(small.model(&device), &small.train, &small.valid)
            .unwrap();
        let losses = run.history().values("loss");
        assert!(losses.last().unwrap() < &(losses[0] * 0.7), "{backend}: {losses:?}");
        let accuracy = run.evaluate(&small.train).unwrap().accuracy.unwrap();
        assert!(accuracy > 0.8, "{backend}: {accuracy}");
        for file in [
            "config.json",
            "tokenizer.json",
            "model.safetensors",
            "history.json",
            "history.csv",
            "checkpoint.kiln",
            "curves.svg",
            "curves.png",
        ]
        .into_iter()
        .take(FILES)
        {
            assert!(folder.path().join(file).metadata().unwrap().len() > 50, "{backend} {file}");
        }
        assert_eq!(&History::load_json(folder.path().join("history.json")).unwrap(), run.history());
        let csv = std::fs::read_to_string(folder.path().join("history.csv")).unwrap();
        assert!(csv.starts_with("epoch,loss,accuracy,val_loss,val_accuracy,learning_rate\n1,"), "{csv}");
        assert_eq!(csv.lines().count(), run.history().epochs().len() + 1);
        if cfg!(feature = "plot") {
            let svg = std::fs::read_to_string(folder.path().join("curves.svg")).unwrap();
            assert!(svg.contains("validation") && svg.contains("Accuracy"));
        }
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left.len(), FILES, "no temporary file is left: {left:?}");
    }
}

#[test]
fn the_best_model_comes_back_also_when_the_run_ends_by_itself() {
    let small = SmallRun::new();
    let folder = folder();
    let run = fresh(small.trainer(folder.path(), 6))
        .optimizer(Optimizer::adam().learning_rate(0.3))
        .fit(small.model(&cpu()), &small.train, &small.valid)
        .unwrap();
    assert_eq!(run.stopped(), None);
    // `save_best` was added last, so its weights are the run's.
    let best = run.history().values("val_accuracy").into_iter().fold(0.0, f64::max);
    let returned = evaluate(run.model(), &small.valid, 4).unwrap();
    assert_eq!(returned.accuracy, Some(best));
    let saved = std::fs::read(folder.path().join("model.safetensors")).unwrap();
    assert_eq!(kiln_models::weights::from_safetensors(&saved).unwrap(), weights_of(run.model()));
}

#[test]
fn evaluation_weighs_rows_not_batches() {
    let small = SmallRun::new();
    let model = small.model(&cpu());
    let whole = evaluate(&model, &small.valid, 100).unwrap();
    let pieces = evaluate(&model, &small.valid, 4).unwrap();
    assert_eq!(whole.rows, small.valid.rows());
    assert_ne!(whole.rows % 4, 0, "the last batch is smaller");
    assert!((whole.loss - pieces.loss).abs() < 1e-6, "{whole:?} {pieces:?}");
    assert_eq!(whole.accuracy, pieces.accuracy);
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_seed_others() {
    let small = SmallRun::new();
    let run = |seed: u64| {
        let folder = folder();
        let run = fresh(small.trainer(folder.path(), 3)).seed(seed);
        weights_of(&run.fit(small.model(&cpu()), &small.train, &small.valid).unwrap().into_model())
    };
    let first = run(1);
    assert_eq!(first, run(1));
    assert_ne!(first, run(2));
}

/// Ends the process at the end of an epoch, before its checkpoint is written.
struct Die;

impl Callback for Die {
    fn name(&self) -> &'static str {
        "die"
    }

    fn on_epoch_end(&mut self, logs: &EpochLogs, _: &mut Control<'_>) -> kiln_train::Result<()> {
        if logs.epoch == 3 && std::env::var_os("KILN_TEST_DIE").is_some() {
            std::process::abort();
        }
        Ok(())
    }
}

fn run_that_may_die(folder: &Path, existing: ExistingRun) -> (kiln_models::weights::Weights, History) {
    let small = SmallRun::new();
    let run = small
        .trainer(folder, 5)
        .metric(AccuracyMetric::new())
        .callback(Die)
        .existing_run(existing)
        .fit(small.model(&cpu()), &small.train, &small.valid)
        .unwrap();
    let history = run.history().clone();
    (weights_of(&run.into_model()), history)
}

/// The child process of the next test runs this; otherwise it does nothing.
#[test]
fn child_that_dies() {
    if let Some(folder) = std::env::var_os("KILN_TEST_DIE") {
        run_that_may_die(Path::new(&folder), ExistingRun::Refuse);
    }
}

#[test]
fn a_killed_run_resumes_to_the_bits_of_one_never_stopped() {
    let whole = run_that_may_die(folder().path(), ExistingRun::Refuse);

    let killed = folder();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "training::child_that_dies"])
        .env("KILN_TEST_DIE", killed.path())
        .output()
        .unwrap();
    assert!(!status.status.success(), "the child was to die");
    assert_eq!(History::load_json(killed.path().join("history.json")).unwrap().epochs().len(), 2);
    let resumed = run_that_may_die(killed.path(), ExistingRun::Resume);
    assert_eq!(resumed.1, whole.1);
    assert_eq!(resumed.0, whole.0);
    let rates = whole.1.values("learning_rate");
    assert!(rates.last() < rates.first(), "the schedule is part of what is resumed: {rates:?}");
}

#[test]
fn a_run_that_has_ended_resumes_to_itself() {
    let folder = folder();
    let whole = run_that_may_die(folder.path(), ExistingRun::Refuse);
    let again = run_that_may_die(folder.path(), ExistingRun::Resume);
    assert_eq!(whole.1, again.1);
    assert_eq!(whole.0, again.0);
}

#[test]
fn a_run_that_early_stopping_ended_goes_on_with_more_patience_to_the_bits_of_one_never_stopped() {
    let small = SmallRun::new();
    // Nothing improves by that much.
    let stopping = |patience| EarlyStopping::on(Monitor::ValidLoss).min_delta(1e6).patience(patience);
    let run = |folder: &Path, patience, existing| {
        let trainer = Trainer::new(folder).epochs(4).batch_size(8).seed(5).quiet().existing_run(existing);
        trainer.early_stopping(stopping(patience)).fit(small.model(&cpu()), &small.train, &small.valid).unwrap()
    };
    let (stopped, whole) = (folder(), folder());
    let losses = |run: &kiln_train::Run<_>| run.history().values("loss");
    assert_eq!(losses(&run(stopped.path(), 2, ExistingRun::Refuse)).len(), 3);
    let again = run(stopped.path(), 2, ExistingRun::Resume);
    assert!(losses(&again).len() == 3 && !again.has_trained(), "its patience is still at an end");
    let resumed = run(stopped.path(), 50, ExistingRun::Resume);
    assert!(resumed.has_trained());
    assert_eq!(losses(&resumed), losses(&run(whole.path(), 50, ExistingRun::Refuse)));
    assert_eq!(losses(&resumed).len(), 4);
}

#[test]
fn a_folder_with_a_run_is_refused_unless_told_otherwise() {
    let small = SmallRun::new();
    let folder = folder();
    std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let fit = |existing| {
        let trainer = small.trainer(folder.path(), 1).existing_run(existing);
        trainer.fit(small.model(&cpu()), &small.train, &small.valid)
    };
    let error = fit(ExistingRun::Resume).unwrap_err();
    assert!(matches!(error, Error::NothingToResume { .. }), "{error}");
    fit(ExistingRun::Refuse).unwrap();
    let before = std::fs::read(folder.path().join("checkpoint.kiln")).unwrap();
    let error = fit(ExistingRun::Refuse).unwrap_err();
    assert!(matches!(error, Error::RunExists { .. }), "{error}");
    assert_eq!(std::fs::read(folder.path().join("checkpoint.kiln")).unwrap(), before);
    fit(ExistingRun::Overwrite).unwrap();
    assert_eq!(std::fs::read_to_string(folder.path().join("notes.txt")).unwrap(), "mine");
}

#[test]
fn a_checkpoint_that_is_damaged_or_of_other_options_is_refused() {
    let small = SmallRun::new();
    let folder = folder();
    let resume = |seed: u64| {
        let trainer = small.trainer(folder.path(), 2).seed(seed);
        trainer.fit(small.model(&cpu()), &small.train, &small.valid).unwrap_err().to_string()
    };
    fresh(small.trainer(folder.path(), 1)).fit(small.model(&cpu()), &small.train, &small.valid).unwrap();
    let message = resume(12);
    assert!(message.contains("seed 11") && message.contains("12"), "{message}");

    let path = folder.path().join("checkpoint.kiln");
    let good = std::fs::read(&path).unwrap();
    let mut bent = good.clone();
    *bent.last_mut().unwrap() ^= 1;
    for (bytes, reason) in [
        (&good[..good.len() - 1], "should hold"),
        (&good[..20], "cut short"),
        (&b"hello"[..], "not a Kiln checkpoint"),
        (&bent[..], "checksum"),
        (&[&good[..8], &[9], &good[9..]].concat()[..], "version 9"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let message = resume(11);
        assert!(message.contains(reason) && message.contains("checkpoint.kiln"), "{reason}: {message}");
    }
}

/// Stops the run from outside in the middle of an epoch.
pub(crate) struct StopAt(pub(crate) burn::train::Interrupter, pub(crate) usize, pub(crate) usize);

impl Callback for StopAt {
    fn name(&self) -> &'static str {
        "stop_at"
    }

    fn on_step_end(&mut self, step: &StepLogs, _: &mut Control<'_>) -> kiln_train::Result<()> {
        if (step.epoch, step.step) == (self.1, self.2) {
            self.0.stop(Some("stopped by Ctrl-C"));
        }
        Ok(())
    }
}

#[test]
fn an_interrupted_run_keeps_its_whole_epochs_and_says_how_to_go_on() {
    let small = SmallRun::new();
    let folder = folder();
    let trainer = fresh(small.trainer(folder.path(), 4));
    let stop = StopAt(trainer.stop_handle(), 3, 2);
    let error = trainer.callback(stop).fit(small.model(&cpu()), &small.train, &small.valid).unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, Error::Interrupted { epoch: 3, .. }), "{message}");
    assert!(message.contains("Ctrl-C") && message.contains("end of epoch 2") && message.contains("`resume`"));
    assert_eq!(History::load_json(folder.path().join("history.json")).unwrap().epochs().len(), 2);
    let best = std::fs::read(folder.path().join("model.safetensors")).unwrap();
    assert!(kiln_models::weights::from_safetensors(&best).is_ok());
}

#[test]
fn options_and_data_that_make_no_run_are_refused_before_anything_is_written() {
    let small = SmallRun::new();
    let folder = folder();
    let path = folder.path().join("run");
    let fit = |change: &dyn Fn(Trainer<_>) -> Trainer<_>| {
        change(fresh(small.trainer(&path, 1)))
            .fit(small.model(&cpu()), &small.train, &small.valid)
            .unwrap_err()
            .to_string()
    };
    assert!(fit(&|t| t.epochs(0)).contains("the option epochs should"));
    assert!(fit(&|t| t.batch_size(0)).contains("the option batch_size should"));
    assert!(fit(&|t| t.clip_norm(-1.0)).contains("the option clip_norm should"));
    assert!(
        fit(&|t| t.optimizer(Optimizer::adam().learning_rate(f64::NAN))).contains("the option learning_rate should")
    );
    assert!(!path.exists(), "nothing was written");
    let padded = small.encode.pad(&["a film"]).unwrap();
    let error = TokenDataset::new(padded.clone(), vec![0], 2).unwrap_err();
    assert!(matches!(error, Error::IdOutOfRange { row: 0, vocab: 2, .. }), "{error}");
    assert!(TokenDataset::new(padded, vec![0, 1], 99).is_err());
    assert!(SeriesDataset::new(vec![1.0; 5], [2, 1], vec![0.0; 2], 1).is_err());
    for (row, outputs, option) in [([0, 1], 1, "steps"), ([1, 0], 1, "d_input"), ([1, 1], 0, "outputs")] {
        let error = SeriesDataset::new(Vec::new(), row, Vec::new(), outputs).unwrap_err().to_string();
        assert!(error.contains(&format!("the option {option} should be at least 1")), "{error}");
    }
    let error = SeriesDataset::new(vec![1.0, 2.0, 3.0, f32::NAN], [2, 1], vec![0.0; 2], 1).unwrap_err().to_string();
    assert!(error.contains("NaN in row 1, step 1"), "{error}");
    let error = SeriesDataset::new(vec![1.0; 4], [2, 1], vec![0.0, f32::INFINITY], 1).unwrap_err().to_string();
    assert!(error.contains("inf in row 1, target 0"), "{error}");
}

/// One weight whose gradient is the batch's number: the loss is weight * number.
#[derive(Module, Debug)]
pub(crate) struct Slope {
    weight: Param<Tensor<1>>,
}

impl Trainable for Slope {
    type Batch = Tensor<2>;

    fn step(&self, numbers: Tensor<2>, _: &Pass) -> StepOutput {
        let outputs = numbers.clone() * self.weight.val().unsqueeze();
        StepOutput::new(outputs.clone().mean(), outputs, Targets::Values(numbers))
    }
}

#[derive(Clone)]
pub(crate) struct Numbers;

impl Batcher<f32, Tensor<2>> for Numbers {
    fn batch(&self, items: Vec<f32>, device: &Device) -> Tensor<2> {
        let rows = items.len();
        Tensor::<1>::from_data(items.as_slice(), device).reshape([rows, 1])
    }
}

pub(crate) fn numbers(of: f32, rows: usize) -> BurnDataset<f32, Tensor<2>> {
    BurnDataset::new(std::sync::Arc::new(InMemDataset::new(vec![of; rows])), std::sync::Arc::new(Numbers))
}

pub(crate) fn slope(device: &Device) -> Slope {
    Slope { weight: Param::from_data([0.0], device) }
}

pub(crate) fn weight(slope: &Slope) -> f32 {
    slope.weight.val().into_scalar()
}

#[test]
fn the_rates_of_a_real_run_follow_the_plateau_and_reach_the_weights() {
    // A validation of zeros never improves after the first epoch.
    for (backend, device) in devices::all() {
        let folder = folder();
        let run = Trainer::new(folder.path())
            .epochs(7)
            .batch_size(2)
            .quiet()
            .optimizer(Optimizer::sgd().learning_rate(0.4))
            .reduce_lr_on_plateau(ReduceLrOnPlateau::on(Monitor::ValidLoss).factor(0.5).patience(2))
            .fit(slope(&device), &numbers(1.0, 6), &numbers(0.0, 3))
            .unwrap();
        let rates = run.history().values("learning_rate");
        assert_eq!(rates, [0.4, 0.4, 0.4, 0.2, 0.2, 0.1, 0.1], "{backend}");
        // Three steps per epoch, each with gradient 1.
        let moved = -3.0 * rates.iter().sum::<f64>() as f32;
        let weight = weight(run.model());
        assert!((weight - moved).abs() < 1e-5, "{backend}: {weight}, by the rates {moved}");
    }
}

/// [`Slope`] with three times its weight as a penalty.
#[derive(Module, Debug)]
struct Penalised {
    slope: Slope,
}

impl Trainable for Penalised {
    type Batch = Tensor<2>;

    fn step(&self, numbers: Tensor<2>, pass: &Pass) -> StepOutput {
        let penalty = self.slope.weight.val() * 3.0;
        self.slope.step(numbers, pass).penalty(Some(penalty))
    }
}

#[test]
fn a_penalty_is_part_of_the_gradient_and_not_of_the_reported_loss() {
    for (backend, device) in devices::all() {
        let folder = folder();
        let trainer = Trainer::new(folder.path()).epochs(1).batch_size(1).quiet();
        let trainer = trainer.optimizer(Optimizer::sgd().learning_rate(0.125));
        let model = Penalised { slope: slope(&device) };
        let run = trainer.fit(model, &numbers(1.0, 2), &numbers(1.0, 1)).unwrap();
        // Two steps with the gradient 1 + 3. The losses are the weights: 0, -0.5, and -1 in the validation.
        let weight: f32 = run.model().slope.weight.val().into_scalar();
        let found = [f64::from(weight), run.history().values("loss")[0], run.history().values("val_loss")[0]];
        assert_eq!(found, [-1.0, -0.25, -1.0], "{backend}");
    }
}

/// Fails in the second epoch.
struct Fails;

impl Callback for Fails {
    fn name(&self) -> &'static str {
        "fails"
    }

    fn on_epoch_end(&mut self, logs: &EpochLogs, _: &mut Control<'_>) -> kiln_train::Result<()> {
        if logs.epoch < 2 {
            return Ok(());
        }
        Err(Error::Callback { name: self.name().into(), message: "as it must".into() })
    }
}

#[test]
fn a_callback_that_fails_ends_the_run_with_its_error() {
    let folder = folder();
    let error = Trainer::new(folder.path())
        .epochs(3)
        .quiet()
        .callback(Fails)
        .fit(slope(&cpu()), &numbers(1.0, 4), &numbers(1.0, 4))
        .unwrap_err();
    assert!(error.to_string().contains("as it must"), "{error}");
}

#[test]
fn a_burn_metric_stands_in_the_history_and_agrees_with_kilns() {
    let small = SmallRun::new();
    for (backend, device) in devices::all() {
        let folder = folder();
        let run = Trainer::new(folder.path())
            .epochs(2)
            .batch_size(8)
            .quiet()
            .metric(AccuracyMetric::new())
            .fit(small.model(&device), &small.train, &small.valid)
            .unwrap();
        for logs in run.history().epochs() {
            let burn = logs.get("val_Accuracy").expect("the metric is there") / 100.0;
            assert!((burn - logs.val_accuracy.unwrap()).abs() < 1e-6, "{backend} {logs:?}");
            assert!(logs.get("Accuracy").is_some());
        }
    }
}

#[test]
fn data_beyond_the_model_is_refused_before_anything_is_written() {
    let small = SmallRun::new();
    let folder = folder();
    let path = folder.path().join("run");
    let fit = |config: &kiln_models::RecurrentClassifierConfig, classes: Vec<u32>| {
        let texts: Vec<String> = (0..classes.len()).map(|i| format!("a fine film {i}")).collect();
        let data = TokenDataset::new(small.encode.pad(&texts).unwrap(), classes, small.encode.vocab_size()).unwrap();
        let model = config.init(&cpu(), 0).unwrap();
        Trainer::new(&path).quiet().fit(model, &data, &data).map(|_| ()).unwrap_err().to_string()
    };
    let message = fit(&small.config, vec![0, 1, 2]);
    assert!(message.contains("highest class") && message.contains("below the 2 classes"), "{message}");
    assert!(message.contains("Head::for_classes(3)"), "{message}");
    let mut narrow = small.config.clone();
    narrow.vocab_size = 3;
    let message = fit(&narrow, vec![0, 1]);
    assert!(message.contains("highest id") && message.contains("vocabulary of 3"), "{message}");
    let mut long = small.config.clone();
    long.max_len = 12;
    let message = fit(&long, vec![0, 1]);
    assert!(message.contains("steps") && message.contains("12") && message.contains('9'), "{message}");
    let mut regressor = small.config.clone();
    regressor.head = kiln_models::Head::Values(1);
    let message = fit(&regressor, vec![0, 1]);
    assert!(message.contains("numbers, for a regressor"), "{message}");
    assert!(!path.exists(), "nothing was written");
}

#[test]
fn rows_shorter_than_a_models_window_are_refused_before_the_first_step_or_padded() {
    let data = EncodedDataset::new([vec![1; 9], vec![2], vec![3; 7], vec![1, 2]], vec![0, 1, 0, 1], 5).unwrap();
    let folder = folder();
    let fit = |batcher: PadBatcher| {
        let model = kiln_models::ConvClassifierConfig::new(5, 9).kernel_size(5).init(&cpu(), 0).unwrap();
        let batches = data.batches(batcher).unwrap().group_by_length();
        let trainer = Trainer::new(folder.path().join("run")).epochs(1).batch_size(2).quiet();
        trainer.fit(model, &batches, &batches).map(|_| ()).map_err(|error| error.to_string())
    };
    let error = fit(PadBatcher::new()).unwrap_err();
    assert!(error.contains("at least 5") && error.contains("`PadBatcher::min_len(5)`"), "{error}");
    fit(PadBatcher::new().min_len(5)).unwrap();
}

#[test]
fn an_artifact_whose_parts_do_not_fit_is_refused_before_the_first_step() {
    let small = SmallRun::new();
    let folder = folder();
    let path = folder.path().join("run");
    let fit = |artifact: kiln_train::ArtifactConfig| {
        let trainer = Trainer::new(&path).quiet().artifact(artifact);
        trainer.fit(small.model(&cpu()), &small.train, &small.valid).map(|_| ()).unwrap_err().to_string()
    };
    let names = small.class_names.clone();
    let text = |config: kiln_models::RecurrentClassifierConfig, names: &[String]| {
        kiln_train::ArtifactConfig::text(&config.init(&cpu(), 0).unwrap(), &small.encode, names)
    };
    let mut short = small.config.clone();
    short.max_len = 4;
    assert!(fit(text(short, &names)).contains("length"));
    let mut narrow = small.config.clone();
    narrow.vocab_size = 5;
    assert!(fit(text(narrow, &names)).contains("vocabulary"));
    assert!(fit(text(small.config.clone(), &names[..1])).contains("class names"));
    assert!(!path.exists(), "nothing was written");
}

#[test]
fn a_callback_out_of_range_deletes_nothing() {
    let small = SmallRun::new();
    let folder = folder();
    fresh(small.trainer(folder.path(), 1)).fit(small.model(&cpu()), &small.train, &small.valid).unwrap();
    let error = small
        .trainer(folder.path(), 1)
        .existing_run(ExistingRun::Overwrite)
        .reduce_lr_on_plateau(ReduceLrOnPlateau::on(Monitor::ValidLoss).factor(2.0))
        .fit(small.model(&cpu()), &small.train, &small.valid)
        .unwrap_err();
    assert!(error.to_string().contains("factor of ReduceLrOnPlateau should"), "{error}");
    assert!(folder.path().join("model.safetensors").exists());
}

#[test]
fn a_run_that_is_overwritten_stands_until_the_new_ones_first_epoch_ends() {
    let small = SmallRun::new();
    let folder = folder();
    fresh(small.trainer(folder.path(), 1)).fit(small.model(&cpu()), &small.train, &small.valid).unwrap();
    let model = || std::fs::read(folder.path().join("model.safetensors")).unwrap();
    let old = model();
    let stopped_at = |epoch, step| {
        let trainer = small.trainer(folder.path(), 3).seed(12).existing_run(ExistingRun::Overwrite);
        let stop = StopAt(trainer.stop_handle(), epoch, step);
        trainer.callback(stop).fit(small.model(&cpu()), &small.train, &small.valid).map(|_| ()).unwrap_err().to_string()
    };
    let message = stopped_at(1, 1);
    assert!(message.contains("is as it was"), "{message}");
    assert_eq!(model(), old);
    stopped_at(2, 1);
    assert_ne!(model(), old);
}

#[test]
fn files_of_another_program_are_never_overwritten() {
    let small = SmallRun::new();
    let folder = folder();
    for name in ["config.json", "model.safetensors"] {
        std::fs::write(folder.path().join(name), "{\"architectures\": []}").unwrap();
    }
    let error = small
        .trainer(folder.path(), 1)
        .existing_run(ExistingRun::Overwrite)
        .fit(small.model(&cpu()), &small.train, &small.valid)
        .unwrap_err();
    assert!(matches!(error, Error::NotARun { .. }) && error.to_string().contains("config.json"), "{error}");
    assert!(std::fs::read_to_string(folder.path().join("model.safetensors")).unwrap().contains("architectures"));
}

#[test]
fn an_interrupted_run_without_a_best_model_keeps_the_last_whole_epochs() {
    let small = SmallRun::new();
    let folder = folder();
    let trainer = Trainer::new(folder.path()).epochs(4).batch_size(8).quiet();
    let stop = StopAt(trainer.stop_handle(), 2, 1);
    trainer.callback(stop).fit(small.model(&cpu()), &small.train, &small.valid).unwrap_err();
    let bytes = std::fs::read(folder.path().join("model.safetensors")).unwrap();
    let weights = kiln_models::weights::from_safetensors(&bytes).unwrap();
    assert_eq!(weights.keys().collect::<Vec<_>>(), weights_of(&small.model(&cpu())).keys().collect::<Vec<_>>());
}
