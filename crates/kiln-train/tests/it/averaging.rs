//! Averaged weights: what enters the mean, where it is used, and where the raw weights stay.

use std::path::Path;
use std::sync::{Arc, Mutex};

use kiln_models::weights::{Weights, from_safetensors, weights_of};
use kiln_train::{
    Callback, Control, EpochLogs, Error, ExistingRun, Monitor, Optimizer, StepLogs, Trainer, WeightAveraging,
};

use crate::determinism::distance;
use crate::devices;
use crate::small_run::SmallRun;
use crate::training::{Slope, StopAt, cpu, folder, numbers, slope, weight};

/// The weights of the last step in the checkpoint at the end of an epoch. Its safetensors image begins at byte 52.
fn raw(folder: &Path, epoch: usize) -> Weights {
    let file = std::fs::read(folder.join(format!("checkpoint-{epoch:06}-9999999999.kiln"))).unwrap();
    let tensors = from_safetensors(&file[52..]).unwrap().into_iter();
    tensors.filter_map(|(name, weight)| Some((name.strip_prefix("model/")?.to_owned(), weight))).collect()
}

fn mean(all: &[Weights]) -> Weights {
    let mut mean = all[0].clone();
    for (name, weight) in &mut mean {
        for (at, value) in weight.values.iter_mut().enumerate() {
            let sum: f64 = all.iter().map(|weights| f64::from(weights[name].values[at])).sum();
            *value = (sum / all.len() as f64) as f32;
        }
    }
    mean
}

#[test]
fn swa_returns_the_mean_of_the_weights_at_the_ends_of_epochs_and_validates_it() {
    let small = SmallRun::new();
    for (backend, device) in devices::all() {
        let folder = folder();
        let trainer = Trainer::new(folder.path()).epochs(4).batch_size(8).seed(3).quiet().keep_checkpoints(10);
        let trainer =
            trainer.optimizer(Optimizer::adam().learning_rate(0.02)).weight_averaging(WeightAveraging::swa(2));
        // Frozen in the first of the epochs that count, and trained in the others.
        let trainer = trainer.frozen("embedding", 2);
        let run = trainer.fit(small.model(&device), &small.train, &small.valid).unwrap();
        assert_eq!(run.history().values("averaged"), [0.0, 1.0, 2.0, 3.0], "{backend}");

        let epochs: Vec<Weights> = (2..=4).map(|epoch| raw(folder.path(), epoch)).collect();
        let returned = weights_of(run.model());
        let far = distance(&returned, &mean(&epochs));
        assert!(far < 1e-6, "{backend}: {far}");
        assert!(distance(&returned, &epochs[2]) > 1e-3, "{backend}: training goes on from the raw weights");
        let table = "embedding.table";
        assert_ne!(epochs[0][table], epochs[1][table], "{backend}: it is trained from epoch 3 on");
        let saved = from_safetensors(&std::fs::read(folder.path().join("model.safetensors")).unwrap()).unwrap();
        assert_eq!(saved, returned, "{backend}");
        let loss = run.evaluate(&small.valid).unwrap().loss;
        assert!((loss - run.history().epochs()[3].val_loss).abs() < 1e-6, "{backend}: {loss}");
    }
}

/// A weight that each batch lowers by 0.5, two batches an epoch. The validation loss is the weight times `valid`.
fn falling(folder: &Path, epochs: usize, averaging: WeightAveraging) -> Trainer<Slope> {
    let trainer = Trainer::new(folder).epochs(epochs).batch_size(2).quiet().weight_averaging(averaging);
    trainer.optimizer(Optimizer::sgd().learning_rate(0.5))
}

fn are_close(found: &[f64], expected: &[f64]) -> bool {
    found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5)
}

#[test]
fn asgd_averages_every_step_after_validation_has_stalled() {
    for (backend, device) in devices::all() {
        let fit = |accumulated| {
            let folder = folder();
            let trainer = falling(folder.path(), 5, WeightAveraging::Asgd { non_monotone: 1 });
            let trainer = trainer.gradient_accumulation_steps(accumulated);
            trainer.fit(slope(&device), &numbers(1.0, 4), &numbers(-1.0, 2)).unwrap()
        };
        // The losses are 1, 2 and 3, and 3 is above the best but the last one, 1. Then the steps give -3.5 and -4, with
        // the mean -3.75, and -4.5 and -5, with the mean -4.25 of all four.
        let run = fit(1);
        assert_eq!(run.history().values("averaged"), [0.0, 0.0, 0.0, 2.0, 4.0], "{backend}");
        let losses = run.history().values("val_loss");
        assert!(are_close(&losses, &[1.0, 2.0, 3.0, 3.75, 4.25]), "{backend}: {losses:?}");
        assert!((weight(run.model()) + 4.25).abs() < 1e-5, "{backend}: {}", weight(run.model()));
        // With one step an epoch: -0.5, -1, -1.5, and then the mean of -2 and -2.5.
        let run = fit(2);
        assert_eq!(run.history().values("averaged"), [0.0, 0.0, 0.0, 1.0, 2.0], "{backend}");
        assert!((weight(run.model()) + 2.25).abs() < 1e-5, "{backend}: {}", weight(run.model()));
    }
}

#[test]
fn asgd_does_not_begin_while_validation_improves() {
    let folder = folder();
    let trainer = falling(folder.path(), 4, WeightAveraging::Asgd { non_monotone: 1 });
    let run = trainer.fit(slope(&cpu()), &numbers(1.0, 4), &numbers(1.0, 2)).unwrap();
    assert_eq!(run.history().values("averaged"), [0.0; 4]);
    assert!((weight(run.model()) + 4.0).abs() < 1e-6, "the weights of the last step: {}", weight(run.model()));
}

/// Keeps the weights that it reads after steps and epochs, and at the end sets others if it is asked to.
struct Reads {
    seen: Arc<Mutex<Vec<(&'static str, f32)>>>,
    set: Option<f32>,
}

impl Reads {
    fn read(&self, when: &'static str, control: &Control<'_>) {
        self.seen.lock().unwrap().push((when, control.weights()["weight"].values[0]));
    }
}

impl Callback for Reads {
    fn name(&self) -> &'static str {
        "reads"
    }

    fn on_step_end(&mut self, _: &StepLogs, control: &mut Control<'_>) -> kiln_train::Result<()> {
        self.read("step", control);
        Ok(())
    }

    fn on_epoch_end(&mut self, _: &EpochLogs, control: &mut Control<'_>) -> kiln_train::Result<()> {
        self.read("epoch", control);
        Ok(())
    }

    fn on_train_end(&mut self, control: &mut Control<'_>) -> kiln_train::Result<()> {
        self.read("end", control);
        if let Some(value) = self.set {
            let mut weights = control.weights();
            weights.values_mut().for_each(|weight| weight.values.fill(value));
            control.set_weights(weights);
        }
        Ok(())
    }
}

#[test]
fn callbacks_read_the_mean_where_an_epoch_or_the_run_ends_and_may_replace_it_at_the_end() {
    for (set, returned) in [(None, -1.5), (Some(7.0), 7.0)] {
        let (folder, seen) = (folder(), Arc::new(Mutex::new(Vec::new())));
        let trainer = falling(folder.path(), 2, WeightAveraging::swa(1)).callback(Reads { seen: seen.clone(), set });
        let run = trainer.fit(slope(&cpu()), &numbers(1.0, 4), &numbers(1.0, 2)).unwrap();
        let expected = [
            ("step", -0.5),
            ("step", -1.0),
            ("epoch", -1.0),
            ("step", -1.5),
            ("step", -2.0),
            ("epoch", -1.5),
            ("end", -1.5),
        ];
        assert_eq!(*seen.lock().unwrap(), expected);
        assert_eq!(weight(run.model()), returned);
    }
}

/// The one weight in the folder's `model.safetensors`.
fn saved(folder: &Path) -> f32 {
    from_safetensors(&std::fs::read(folder.join("model.safetensors")).unwrap()).unwrap()["weight"].values[0]
}

#[test]
fn the_best_weights_are_averaged_ones() {
    let folder = folder();
    let trainer = falling(folder.path(), 3, WeightAveraging::swa(1)).save_best(Monitor::ValidLoss);
    let run = trainer.fit(slope(&cpu()), &numbers(1.0, 4), &numbers(1.0, 2)).unwrap();
    // After each epoch -1, -2 and -3, so the means are -1, -1.5 and -2, and the last one is the best.
    assert!(are_close(&run.history().values("val_loss"), &[-1.0, -1.5, -2.0]));
    assert!((saved(folder.path()) + 2.0).abs() < 1e-6 && (weight(run.model()) + 2.0).abs() < 1e-6);
}

#[test]
fn a_run_that_fails_keeps_the_mean_of_its_whole_epochs() {
    let folder = folder();
    let trainer = falling(folder.path(), 4, WeightAveraging::swa(1));
    let stop = StopAt(trainer.stop_handle(), 3, 1);
    trainer.callback(stop).fit(slope(&cpu()), &numbers(1.0, 4), &numbers(1.0, 2)).unwrap_err();
    assert!((saved(folder.path()) + 1.5).abs() < 1e-6, "{}", saved(folder.path()));
    // The checkpoint's own weights are those of the last step: a run that starts from them stands still at -2.
    let other = crate::training::folder();
    let trainer = Trainer::new(other.path()).quiet().optimizer(Optimizer::sgd().learning_rate(1e-30));
    let trainer = trainer.from_weights(folder.path().join("checkpoint.kiln"));
    let run = trainer.fit(slope(&cpu()), &numbers(1.0, 4), &numbers(1.0, 2)).unwrap();
    assert_eq!(weight(run.model()), -2.0);
}

#[test]
fn a_run_with_averaged_weights_that_has_ended_resumes_to_itself_and_goes_on() {
    let fit = |folder: &Path, epochs, existing| {
        let trainer = falling(folder, epochs, WeightAveraging::swa(1)).existing_run(existing);
        trainer.fit(slope(&cpu()), &numbers(1.0, 4), &numbers(1.0, 2)).unwrap()
    };
    let (whole, parts) = (folder(), folder());
    let expected = fit(whole.path(), 4, ExistingRun::Refuse);
    let ended = weight(fit(parts.path(), 3, ExistingRun::Refuse).model());
    assert_eq!(weight(fit(parts.path(), 3, ExistingRun::Resume).model()), ended);
    let run = fit(parts.path(), 4, ExistingRun::Resume);
    assert_eq!(weight(run.model()), weight(expected.model()));
    assert_eq!(run.history(), expected.history());
}

#[test]
fn averaging_out_of_range_is_refused_and_so_is_another_one_in_a_resumed_run() {
    let folder = folder();
    let fit = |averaging: Option<WeightAveraging>, existing| {
        let trainer = Trainer::new(folder.path()).epochs(3).batch_size(2).quiet().existing_run(existing);
        let trainer = averaging.into_iter().fold(trainer, Trainer::weight_averaging);
        trainer.fit(slope(&cpu()), &numbers(1.0, 4), &numbers(1.0, 2)).map(drop)
    };
    for (averaging, option) in [
        (WeightAveraging::swa(0), "start_epoch of weight averaging"),
        (WeightAveraging::swa(4), "start_epoch of weight averaging should be from 1 to the number of epochs, 3"),
        (WeightAveraging::Asgd { non_monotone: 0 }, "non_monotone of weight averaging"),
    ] {
        let error = fit(Some(averaging), ExistingRun::Refuse).unwrap_err();
        assert!(matches!(error, Error::Option(_)) && error.to_string().contains(option), "{error}");
    }
    fit(Some(WeightAveraging::swa(3)), ExistingRun::Refuse).unwrap();
    for (averaging, now) in [(None, "none"), (Some(WeightAveraging::asgd()), "Asgd")] {
        let told = fit(averaging, ExistingRun::Resume).unwrap_err().to_string();
        let expected = format!("weight_averaging Swa {{ start_epoch: 3 }}, but is resumed with {now}");
        assert!(told.contains(&expected), "{told}");
    }
    fit(Some(WeightAveraging::swa(3)), ExistingRun::Resume).unwrap();
}
