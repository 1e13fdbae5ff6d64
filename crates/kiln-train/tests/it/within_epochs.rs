//! Checkpoints within an epoch: from each of them, a run continues to the bits of one that was never stopped.

use std::collections::BTreeSet;
use std::path::Path;

use burn::train::Interrupter;
use burn::train::metric::LossMetric;
use kiln_models::weights::weights_of;
use kiln_models::{LanguageModelConfig, RecurrentKind};
use kiln_train::{
    Callback, Control, Error, ExistingRun, LearningRateSchedule, StepLogs, TextWindows, Trainable, Trainer,
    WeightAveraging,
};

use crate::small_run::SmallRun;
use crate::training::{cpu, folder, numbers, slope};

/// The checkpoints that a run has kept in addition to the last.
pub(crate) fn retained(folder: &Path) -> BTreeSet<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("checkpoint-")).collect()
}

/// Trains with a checkpoint after every step, and continues from each of them in another folder.
pub(crate) fn each_goes_on_to_the_same_bits<M: Trainable>(
    fit: impl Fn(&Path, &dyn Fn(Trainer<M>) -> Trainer<M>, ExistingRun) -> kiln_train::Run<M>,
    steps: usize,
) {
    let whole = folder();
    let run =
        fit(whole.path(), &|trainer| trainer.checkpoint_every_steps(1).keep_checkpoints(100), ExistingRun::Refuse);
    let (weights, history) = (weights_of(run.model()), format!("{:?}", run.history().epochs()));
    let names = retained(whole.path());
    assert_eq!(names.len(), steps);
    let plain = fit(folder().path(), &|trainer| trainer, ExistingRun::Refuse);
    assert_eq!(weights_of(plain.model()), weights, "checkpoints change nothing");
    for name in names {
        let folder = folder();
        std::fs::copy(whole.path().join(&name), folder.path().join("checkpoint.kiln")).unwrap();
        let resumed = fit(folder.path(), &|trainer| trainer.checkpoint_every_steps(3), ExistingRun::Resume);
        assert_eq!(weights_of(resumed.model()), weights, "{name}");
        assert_eq!(format!("{:?}", resumed.history().epochs()), history, "{name}");
    }
}

#[test]
fn a_classifier_with_every_callback_goes_on_from_any_step() {
    let small = SmallRun::new();
    // 31 rows in batches of 8.
    each_goes_on_to_the_same_bits(
        |folder, with, existing| {
            let trainer = with(small.trainer(folder, 3).gradient_norms()).existing_run(existing);
            trainer.fit(small.model(&cpu()), &small.train, &small.valid).unwrap()
        },
        12,
    );
}

#[test]
fn a_run_with_a_schedule_of_the_learning_rate_goes_on_from_any_step() {
    let small = SmallRun::new();
    for schedule in [LearningRateSchedule::cosine().warm_up(5), LearningRateSchedule::one_cycle(0.02)] {
        each_goes_on_to_the_same_bits(
            |folder, with, existing| {
                let trainer = Trainer::new(folder).epochs(3).batch_size(8).seed(11).quiet().existing_run(existing);
                let trainer = with(trainer.callback(schedule.clone()));
                trainer.fit(small.model(&cpu()), &small.train, &small.valid).unwrap()
            },
            12,
        );
    }
}

#[test]
fn a_run_that_accumulates_gradients_goes_on_from_any_of_its_steps() {
    let small = SmallRun::new();
    // 31 rows in batches of 4: steps after the batches 3, 6 and 8.
    each_goes_on_to_the_same_bits(
        |folder, with, existing| {
            let trainer = small.trainer(folder, 3).batch_size(4).gradient_accumulation_steps(3).gradient_norms();
            with(trainer).existing_run(existing).fit(small.model(&cpu()), &small.train, &small.valid).unwrap()
        },
        9,
    );
}

#[test]
fn a_run_with_averaged_weights_goes_on_from_any_step() {
    let small = SmallRun::new();
    each_goes_on_to_the_same_bits(
        |folder, with, existing| {
            let trainer = small.trainer(folder, 3).weight_averaging(WeightAveraging::swa(1));
            let run =
                with(trainer).existing_run(existing).fit(small.model(&cpu()), &small.train, &small.valid).unwrap();
            assert_eq!(run.history().values("averaged"), [1.0, 2.0, 3.0]);
            run
        },
        12,
    );
    // The validation loss rises from the first epoch on, so steps are averaged from the fourth on.
    each_goes_on_to_the_same_bits(
        |folder, with, existing| {
            let trainer = Trainer::new(folder).epochs(5).batch_size(2).seed(3).quiet();
            let trainer = trainer.weight_averaging(WeightAveraging::Asgd { non_monotone: 1 });
            let run = with(trainer).existing_run(existing);
            let run = run.fit(slope(&cpu()), &numbers(1.0, 6), &numbers(-1.0, 2)).unwrap();
            assert_eq!(run.history().values("averaged"), [0.0, 0.0, 0.0, 3.0, 6.0]);
            run
        },
        15,
    );
}

#[test]
fn a_language_model_goes_on_with_the_states_of_its_streams() {
    let ids: Vec<u32> = (0..121).map(|at| at * 7 % 13).collect();
    let (train, valid) = (TextWindows::new(ids.clone(), 4, 6).unwrap(), TextWindows::new(ids, 4, 10).unwrap());
    for kind in [RecurrentKind::Lstm, RecurrentKind::Gru] {
        let config = LanguageModelConfig::new(13)
            .kind(kind)
            .d_embedding(5)
            .d_hidden(vec![6, 6])
            .dropout(0.2)
            .locked_dropout(true)
            .embedding_dropout(0.2)
            .weight_dropout(0.3)
            .activation_penalty(2.0)
            .temporal_activation_penalty(1.0);
        each_goes_on_to_the_same_bits(
            |folder, with, existing| {
                let trainer = Trainer::new(folder).epochs(2).batch_size(4).seed(3).perplexity().quiet();
                let trainer = with(trainer.clip_norm(0.5)).existing_run(existing);
                trainer.fit(config.init(&cpu(), 1).unwrap(), &train, &valid).unwrap()
            },
            10,
        );
    }
}

/// Stops the run after a step.
struct StopAt(usize, usize, Interrupter);

impl Callback for StopAt {
    fn name(&self) -> &'static str {
        "stop"
    }

    fn on_step_end(&mut self, logs: &StepLogs, _: &mut Control<'_>) -> kiln_train::Result<()> {
        if (logs.epoch, logs.step) == (self.0, self.1) {
            self.2.stop(Some("stopped by this test"));
        }
        Ok(())
    }
}

#[test]
fn a_run_whose_time_is_up_ends_within_its_epoch_and_goes_on_there_when_resumed() {
    let small = SmallRun::new();
    let trainer = |folder: &Path, existing| small.trainer(folder, 3).existing_run(existing);
    let fit = |trainer: Trainer<_>| trainer.fit(small.model(&cpu()), &small.train, &small.valid).unwrap();
    let whole = fit(trainer(folder().path(), ExistingRun::Refuse));

    let folder = folder();
    let mut run = fit(trainer(folder.path(), ExistingRun::Refuse).max_minutes(1e-9));
    let reason = run.stopped().unwrap_or_default().to_owned();
    assert!(reason.starts_with("the time limit of "), "{reason}");
    // The epoch that was cut short has a validation loss, and the folder a model.
    assert_eq!(run.history().epochs().len(), 1);
    assert!(folder.path().join("model.safetensors").exists());
    let mut runs = 1;
    while run.history().epochs().len() < 2 {
        run = fit(trainer(folder.path(), ExistingRun::Resume).max_minutes(1e-9));
        runs += 1;
        assert!(runs < 20, "every run makes a step");
    }
    assert!(runs > 2, "the first epoch has several steps, and each of these runs makes one");
    let run = fit(trainer(folder.path(), ExistingRun::Resume).max_minutes(60.0));
    assert_eq!((run.history().epochs().len(), run.stopped()), (3, None));
    assert_eq!(weights_of(run.model()), weights_of(whole.model()));
    let error = trainer(folder.path(), ExistingRun::Overwrite).max_minutes(0.0);
    let error = error.fit(small.model(&cpu()), &small.train, &small.valid).map(drop).unwrap_err();
    assert!(error.to_string().contains("max_minutes"));
}

#[test]
fn a_run_that_is_stopped_keeps_the_step_it_ends_after() {
    let small = SmallRun::new();
    let fit = |folder: &Path, stop: Option<(usize, usize)>, existing| {
        let trainer = Trainer::new(folder).epochs(2).batch_size(8).seed(11).quiet().checkpoint_every_minutes(60.0);
        let handle = trainer.stop_handle();
        let (epoch, step) = stop.unwrap_or_default();
        let trainer = trainer.existing_run(existing).callback(StopAt(epoch, step, handle));
        trainer.fit(small.model(&cpu()), &small.train, &small.valid)
    };
    let whole = weights_of(fit(folder().path(), None, ExistingRun::Refuse).unwrap().model());
    for (epoch, step) in [(1, 1), (1, 3), (2, 2)] {
        let folder = folder();
        let error = fit(folder.path(), Some((epoch, step)), ExistingRun::Refuse).map(drop).unwrap_err();
        assert!(matches!(error, Error::Interrupted { .. }));
        let told = error.to_string();
        assert!(told.contains(&format!("up to step {step} of epoch {epoch}; go on from there")), "{told}");
        let run = fit(folder.path(), None, ExistingRun::Resume).unwrap();
        assert_eq!(weights_of(run.model()), whole, "{epoch} {step}");
        assert_eq!(run.history().epochs().len(), 2);
    }
}

#[test]
fn earlier_checkpoints_are_kept_by_their_number_and_go_with_their_run() {
    let small = SmallRun::new();
    let folder = folder();
    let fit = |count, existing| {
        let trainer = small.trainer(folder.path(), 2).existing_run(existing).keep_checkpoints(count);
        trainer.checkpoint_every_steps(2).fit(small.model(&cpu()), &small.train, &small.valid).unwrap();
        retained(folder.path())
    };
    let two = ["checkpoint-000002-0000000002.kiln", "checkpoint-000002-9999999999.kiln"];
    assert_eq!(fit(2, ExistingRun::Refuse), BTreeSet::from(two.map(str::to_owned)));
    assert_eq!(fit(0, ExistingRun::Overwrite), BTreeSet::new());
    // The user's own files stay.
    let own = ["checkpoint-of-mine.kiln", "checkpoint-1.kiln", "checkpoint-1-2.kiln"];
    for name in own {
        std::fs::write(folder.path().join(name), "mine").unwrap();
    }
    assert_eq!(fit(1, ExistingRun::Overwrite).len(), 1 + own.len());
    assert!(own.iter().all(|name| folder.path().join(name).exists()));
}

#[test]
fn options_that_keep_nothing_are_refused() {
    let small = SmallRun::new();
    let told = |change: &dyn Fn(Trainer<_>) -> Trainer<_>| {
        let trainer = change(Trainer::new(folder().path()).quiet());
        trainer.fit(small.model(&cpu()), &small.train, &small.valid).map(drop).unwrap_err().to_string()
    };
    assert!(told(&|trainer| trainer.checkpoint_every_steps(0)).contains("checkpoint_every_steps"));
    for minutes in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(told(&|trainer| trainer.checkpoint_every_minutes(minutes)).contains("checkpoint_every_minutes"));
    }
    assert!(told(&|trainer| trainer.checkpoint_every_steps(1).metric(LossMetric::new())).contains("Burn metrics"));
}
