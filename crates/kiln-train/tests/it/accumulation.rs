//! Gradient accumulation: several batches step like one, the last group of an epoch counts, and nothing is kept or ends
//! within a group.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kiln_models::weights::weights_of;
use kiln_models::{RecurrentKind, RecurrentRegressorConfig};
use kiln_train::{Callback, Control, Error, ExistingRun, Optimizer, Run, SeriesDataset, StepLogs, Trainable, Trainer};

use crate::determinism::distance;
use crate::devices;
use crate::small_run::SmallRun;
use crate::training::{Slope, StopAt, cpu, folder, numbers, slope, weight};
use crate::within_epochs::retained;

#[test]
fn accumulated_batches_step_like_one_batch_of_their_rows() {
    let values: Vec<f32> = (0..96).map(|i| (i * 37 % 11) as f32 / 11.0).collect();
    let sums = values.chunks(3).map(|row| row.iter().sum()).collect();
    let (train, valid) = SeriesDataset::new(values, [3, 1], sums, 1).unwrap().split_at(24).unwrap();
    let config = RecurrentRegressorConfig::new(1, 3).kind(RecurrentKind::Gru).d_hidden(vec![4]);
    for (backend, device) in devices::all() {
        let fit = |batch_size, accumulated| {
            let folder = folder();
            let trainer = Trainer::new(folder.path()).epochs(2).batch_size(batch_size).seed(2).quiet();
            let trainer = trainer.optimizer(Optimizer::sgd().learning_rate(0.1)).clip_norm(0.5);
            let model = config.init(&device, 1).unwrap();
            let run = trainer.gradient_accumulation_steps(accumulated).fit(model, &train, &valid).unwrap();
            weights_of(run.model())
        };
        let whole = fit(12, 1);
        let apart = distance(&fit(4, 3), &whole);
        assert!(apart < 1e-6, "{backend}: {apart}");
        let apart = distance(&fit(4, 1), &whole);
        assert!(apart > 1e-3, "{backend}: without accumulation the runs are only {apart} apart");
    }
}

/// Counts its calls, and asks to end the run in the first.
struct Counts(Arc<AtomicUsize>, bool);

impl Callback for Counts {
    fn name(&self) -> &'static str {
        "counts"
    }

    fn on_step_end(&mut self, _: &StepLogs, control: &mut Control<'_>) -> kiln_train::Result<()> {
        self.0.fetch_add(1, Ordering::Relaxed);
        if self.1 {
            control.stop("it was asked to");
        }
        Ok(())
    }
}

/// Five batches of one row whose gradient is 1, with rate 0.5, and two batches per step.
fn accumulating(folder: &Path) -> Trainer<Slope> {
    let trainer = Trainer::new(folder).batch_size(1).quiet().optimizer(Optimizer::sgd().learning_rate(0.5));
    trainer.gradient_accumulation_steps(2)
}

#[test]
fn the_last_group_of_an_epoch_is_applied_with_the_mean_of_its_own_batches() {
    for (backend, device) in devices::all() {
        let fit = |with: &dyn Fn(Trainer<Slope>) -> Trainer<Slope>| -> Run<Slope> {
            let folder = folder();
            let trainer = with(accumulating(folder.path()).epochs(2).gradient_norms());
            trainer.fit(slope(&device), &numbers(1.0, 5), &numbers(1.0, 1)).unwrap()
        };
        let calls = Arc::new(AtomicUsize::new(0));
        let run = fit(&|trainer| trainer.callback(Counts(calls.clone(), false)));
        // Two epochs of three steps: of two batches, two and one. Each mean is 1.
        assert!((weight(run.model()) + 3.0).abs() < 1e-5, "{backend}: {}", weight(run.model()));
        assert_eq!(calls.load(Ordering::Relaxed), 10, "{backend}: callbacks are called after each batch");
        for name in ["gradient_norm", "gradient_norm_max"] {
            let norms = run.history().values(name);
            assert!(norms.iter().all(|norm| (norm - 1.0).abs() < 1e-5), "{backend} {name}: {norms:?}");
        }
        // The mean is clipped like the gradient of one batch.
        let run = fit(&|trainer| trainer.clip_norm(0.25));
        assert!((weight(run.model()) + 0.75).abs() < 1e-5, "{backend}: {}", weight(run.model()));
    }
}

#[test]
fn a_callback_that_ends_the_run_ends_it_after_the_group() {
    // In the second run the time is up in the same step.
    for minutes in [1e9, 1e-9] {
        let (folder, calls) = (folder(), Arc::new(AtomicUsize::new(0)));
        let fit = |existing| {
            let trainer = accumulating(folder.path()).epochs(3).max_minutes(minutes).existing_run(existing);
            let trainer = trainer.callback(Counts(calls.clone(), true));
            trainer.fit(slope(&cpu()), &numbers(1.0, 5), &numbers(1.0, 1)).unwrap()
        };
        let run = fit(ExistingRun::Refuse);
        assert_eq!((run.stopped(), run.history().epochs().len()), (Some("it was asked to"), 1));
        assert_eq!(calls.load(Ordering::Relaxed), 2);
        assert!((weight(run.model()) + 0.5).abs() < 1e-6, "{}", weight(run.model()));
        let again = fit(ExistingRun::Resume);
        assert_eq!((again.history(), weight(again.model())), (run.history(), weight(run.model())));
        assert!(!again.has_trained());
    }
}

/// 31 rows in batches of 4, three batches per step: the steps are after the batches 3, 6 and 8.
fn grouped<M: Trainable>(small: &SmallRun, folder: &Path) -> Trainer<M> {
    let trainer = small.trainer(folder, 1).existing_run(ExistingRun::Refuse);
    trainer.batch_size(4).gradient_accumulation_steps(3).keep_checkpoints(10)
}

#[test]
fn checkpoints_within_an_epoch_wait_for_the_end_of_the_group() {
    let small = SmallRun::new();
    let kept = |with: &dyn Fn(Trainer<_>) -> Trainer<_>| {
        let folder = folder();
        let run = with(grouped(&small, folder.path())).fit(small.model(&cpu()), &small.train, &small.valid);
        (run.map(drop).map_err(|error| error.to_string()), retained(folder.path()))
    };
    let steps =
        |steps: &[&str]| steps.iter().map(|step| format!("checkpoint-000001-{step}.kiln")).collect::<BTreeSet<_>>();
    for (every, expected) in [
        (1, &["0000000003", "0000000006", "9999999999"][..]),
        (2, &["0000000003", "0000000006", "9999999999"][..]),
        (4, &["0000000006", "9999999999"][..]),
        (7, &["9999999999"][..]),
    ] {
        assert_eq!(kept(&|trainer| trainer.checkpoint_every_steps(every)).1, steps(expected), "every {every} steps");
    }
    // The time limit: the run goes on within the epoch when it is resumed.
    let (run, names) = kept(&|trainer| trainer.max_minutes(1e-9));
    assert_eq!((run, names), (Ok(()), steps(&["0000000003"])));
    // What stops the run from outside.
    let (run, names) = kept(&|trainer| {
        let stop = StopAt(trainer.stop_handle(), 1, 1);
        trainer.checkpoint_every_minutes(60.0).callback(stop)
    });
    assert!(run.as_ref().is_err_and(|error| error.contains("up to step 3 of epoch 1")), "{run:?}");
    assert_eq!(names, steps(&["0000000003"]));
}

#[test]
fn no_batches_per_step_are_refused_and_so_are_others_in_a_resumed_run() {
    let small = SmallRun::new();
    let folder = folder();
    let fit = |accumulated, existing| {
        let trainer = grouped(&small, folder.path()).gradient_accumulation_steps(accumulated).existing_run(existing);
        trainer.fit(small.model(&cpu()), &small.train, &small.valid).map(drop)
    };
    let error = fit(0, ExistingRun::Refuse).unwrap_err();
    let told = error.to_string();
    assert!(matches!(error, Error::Option(_)) && told.contains("gradient_accumulation_steps"), "{told}");
    fit(3, ExistingRun::Refuse).unwrap();
    let error = fit(2, ExistingRun::Resume).unwrap_err();
    let told = error.to_string();
    assert!(matches!(error, Error::ResumeMismatch { .. }), "{told}");
    assert!(told.contains("gradient_accumulation_steps 3, but is resumed with 2"), "{told}");
    fit(3, ExistingRun::Resume).unwrap();
}
