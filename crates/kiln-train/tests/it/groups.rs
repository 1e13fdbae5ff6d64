//! Training in a group: any number of ranks ends in the same bits, also when a run is resumed by another number; ranks
//! stop together, and ranks that differ are refused.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use burn::tensor::Device;
use burn::train::Interrupter;
use burn::train::metric::AccuracyMetric;
use kiln_group::{Group, Launch};
use kiln_models::weights::{Weights, from_safetensors, weights_of};
use kiln_models::{LanguageModel, LanguageModelConfig, OutputLayer, RecurrentClassifier};
use kiln_train::{
    Callback, Control, Error, ExistingRun, LearningRateSchedule, Optimizer, Run, StepLogs, TextWindows, Trainable,
    Trainer, WeightAveraging,
};

use crate::determinism::distance;
use crate::devices;
use crate::small_run::SmallRun;
use crate::training::{cpu, folder};

fn launch() -> Launch {
    Launch::new().time_limit(Duration::from_secs(20))
}

/// What a run ended in.
#[derive(Clone, Debug, PartialEq)]
struct End {
    weights: Weights,
    history: String,
    stopped: Option<String>,
    shared_rows: Option<usize>,
}

impl End {
    fn of<M: Trainable>(run: &Run<M>) -> Self {
        Self {
            weights: weights_of(run.model()),
            history: format!("{:?}", run.history().epochs()),
            stopped: run.stopped().map(str::to_owned),
            shared_rows: run.shared_rows(),
        }
    }
}

/// The one end of all ranks.
fn same(ends: Vec<Result<End, Error>>) -> Result<End, Error> {
    let mut ends = ends.into_iter().collect::<Result<Vec<_>, _>>()?;
    let first = ends.swap_remove(0);
    assert!(ends.iter().all(|end| *end == first), "ranks end differently");
    Ok(first)
}

type Change<'a, M> = &'a (dyn Fn(Trainer<M>) -> Trainer<M> + Sync);

/// A classifier with dropout and every callback, 31 rows in batches of 8, the last of 7.
fn classifier(folder: &Path, ranks: usize, device: &Device, sparse: bool, with: Change<RecurrentClassifier>) -> End {
    let small = SmallRun::new();
    let ends = launch().threads(ranks, |group| {
        let mut model = small.model(device);
        model.embedding = model.embedding.sparse(sparse);
        let trainer = small.trainer(folder, 3).existing_run(ExistingRun::Refuse).gradient_norms();
        Ok(End::of(&with(trainer).fit_over(group, model, &small.train, &small.valid)?))
    });
    same(ends).unwrap()
}

#[test]
fn any_number_of_ranks_ends_in_the_same_bits_on_every_backend() {
    for (backend, device) in devices::all() {
        for sparse in [false, true] {
            let fit = |ranks| {
                let folder = folder();
                // The last batch has 7 rows, so one of its micro-batches is empty.
                let end = classifier(folder.path(), ranks, &device, sparse, &|trainer| trainer.micro_batches(8));
                let saved = std::fs::read(folder.path().join("model.safetensors")).unwrap();
                assert_eq!(from_safetensors(&saved).unwrap(), end.weights, "{backend}");
                end
            };
            let one = fit(1);
            for ranks in [2, 3, 8] {
                assert_eq!(fit(ranks), one, "{backend}, sparse {sparse}, {ranks} ranks");
            }
        }
    }
}

/// Without dropout, whose masks belong to micro-batches.
#[test]
fn a_group_trains_like_one_process() {
    let mut small = SmallRun::new();
    small.config = small.config.dropout(0.0);
    for optimizer in [Optimizer::sgd().learning_rate(0.3), Optimizer::adam().learning_rate(0.01)] {
        let trainer = |folder: &Path| small.trainer(folder, 3).existing_run(ExistingRun::Refuse).optimizer(optimizer);
        let plain = trainer(folder().path()).fit(small.model(&cpu()), &small.train, &small.valid).unwrap();
        let shared = folder();
        let ends = launch().threads(3, |group| {
            Ok(End::of(&trainer(shared.path()).fit_over(group, small.model(&cpu()), &small.train, &small.valid)?))
        });
        let apart = distance(&same(ends).unwrap().weights, &weights_of(plain.model()));
        assert!(apart < 1e-5, "{optimizer:?}: {apart}");
    }
}

fn windows() -> (TextWindows, TextWindows) {
    let ids = |count: u32| (0..count).map(|i| i * i % 7).collect();
    (TextWindows::new(ids(241), 6, 8).unwrap(), TextWindows::new(ids(61), 6, 5).unwrap())
}

/// A language model whose states go from batch to batch: 5 windows of 6 streams.
fn language_model(folder: &Path, ranks: usize, existing: ExistingRun, with: Change<LanguageModel>) -> End {
    let (train, valid) = windows();
    let ends = launch().threads(ranks, |group| {
        let config = LanguageModelConfig::new(7).d_embedding(5).d_hidden(vec![4, 5]).output(OutputLayer::Tied);
        let model = config.dropout(0.2).activation_penalty(2.0).init(&cpu(), 3)?;
        let trainer = Trainer::new(folder).epochs(2).batch_size(6).seed(5).quiet().perplexity().clip_norm(0.25);
        let trainer = trainer.optimizer(Optimizer::sgd().learning_rate(1.0)).micro_batches(3).existing_run(existing);
        Ok(End::of(&with(trainer).fit_over(group, model, &train, &valid)?))
    });
    same(ends).unwrap()
}

#[test]
fn a_language_model_goes_on_from_any_step_with_another_number_of_ranks() {
    let whole = folder();
    let kept = |trainer: Trainer<_>| trainer.checkpoint_every_steps(1).keep_checkpoints(100);
    let expected = language_model(whole.path(), 2, ExistingRun::Refuse, &kept);
    assert_eq!(language_model(folder().path(), 1, ExistingRun::Refuse, &|trainer| trainer), expected);
    let names = crate::within_epochs::retained(whole.path());
    assert_eq!(names.len(), 10);
    for (name, ranks) in names.iter().zip([1, 2, 3].into_iter().cycle()) {
        let folder = folder();
        std::fs::copy(whole.path().join(name), folder.path().join("checkpoint.kiln")).unwrap();
        let resumed = language_model(folder.path(), ranks, ExistingRun::Resume, &|trainer| trainer);
        assert_eq!(resumed, expected, "{name}, {ranks} ranks");
    }
}

#[test]
fn accumulated_and_averaged_steps_are_those_of_all_ranks() {
    let with = |trainer: Trainer<_>| {
        trainer.micro_batches(4).gradient_accumulation_steps(3).weight_averaging(WeightAveraging::swa(2))
    };
    let fit = |ranks| classifier(folder().path(), ranks, &cpu(), false, &with);
    assert_eq!(fit(3), fit(1));
}

/// Stops the run, or its rank, after step 2.
struct StopsAt {
    handle: Option<Interrupter>,
}

impl Callback for StopsAt {
    fn name(&self) -> &'static str {
        "stops_at"
    }

    fn on_step_end(&mut self, logs: &StepLogs, _: &mut Control<'_>) -> kiln_train::Result<()> {
        if let Some(handle) = self.handle.as_ref().filter(|_| logs.step == 2) {
            handle.stop(Some("this rank was stopped"));
        }
        Ok(())
    }
}

#[test]
fn a_rank_that_is_stopped_stops_all_after_the_same_step_and_the_run_goes_on() {
    let small = SmallRun::new();
    let kept = folder();
    let stopped = AtomicUsize::new(0);
    let ends = launch().threads(3, |group| {
        let trainer = small.trainer(kept.path(), 2).existing_run(ExistingRun::Refuse).micro_batches(4);
        let trainer = trainer.checkpoint_every_steps(100);
        let handle = (group.rank() == 1).then(|| trainer.stop_handle());
        let trainer = trainer.callback(StopsAt { handle });
        let error = trainer.fit_over(group, small.model(&cpu()), &small.train, &small.valid).unwrap_err();
        stopped.fetch_add(1, Ordering::Relaxed);
        Ok::<_, Error>(error.to_string())
    });
    assert_eq!(stopped.into_inner(), 3);
    for (rank, told) in ends.into_iter().map(Result::unwrap).enumerate() {
        let reason = if rank == 1 { "this rank was stopped" } else { "another rank was stopped" };
        assert!(told.contains(reason), "{rank}: {told}");
        assert!(told.contains("keeps everything up to step 3 of epoch 1"), "{rank}: {told}");
    }
    let fit = |folder: &Path, ranks, existing| {
        let ends = launch().threads(ranks, |group| {
            let trainer = small.trainer(folder, 2).existing_run(existing).micro_batches(4);
            let trainer = trainer.callback(StopsAt { handle: None });
            Ok(End::of(&trainer.fit_over(group, small.model(&cpu()), &small.train, &small.valid)?))
        });
        same(ends).unwrap()
    };
    assert_eq!(fit(kept.path(), 2, ExistingRun::Resume), fit(folder().path(), 4, ExistingRun::Refuse));
}

#[test]
fn a_time_limit_and_a_schedule_by_the_clock_are_the_same_on_all_ranks() {
    let small = SmallRun::new();
    let folder = folder();
    let ends = launch().threads(2, |group| {
        let trainer = Trainer::new(folder.path()).epochs(10_000).batch_size(8).quiet().max_minutes(0.01);
        let trainer = trainer.callback(LearningRateSchedule::cosine());
        Ok(End::of(&trainer.fit_over(group, small.model(&cpu()), &small.train, &small.valid)?))
    });
    assert_eq!(same(ends).unwrap().stopped.as_deref(), Some("the time limit of 0.01 minutes was reached"));
}

#[test]
fn ranks_without_the_folder_train_and_resume() {
    let small = SmallRun::new();
    let (shared, none) = (folder(), folder().path().join("none"));
    let fit = |folder: &Path, ranks, epochs, existing| {
        let ends = launch().threads(ranks, |group| {
            let folder = if group.rank() == 0 { folder } else { &none };
            let trainer = small.trainer(folder, epochs).existing_run(existing).micro_batches(3);
            Ok(End::of(&trainer.fit_over(group, small.model(&cpu()), &small.train, &small.valid)?))
        });
        same(ends).unwrap()
    };
    fit(shared.path(), 3, 1, ExistingRun::Refuse);
    let resumed = fit(shared.path(), 2, 3, ExistingRun::Resume);
    assert_eq!(resumed, fit(folder().path(), 1, 3, ExistingRun::Refuse));
    assert!(!none.exists());
}

#[test]
fn a_rank_that_resumes_alone_is_refused() {
    let small = SmallRun::new();
    let folder = folder();
    let fit = |ranks, resumes: &(dyn Fn(usize) -> bool + Sync)| {
        launch().threads(ranks, |group| {
            let existing = if resumes(group.rank()) { ExistingRun::Resume } else { ExistingRun::Overwrite };
            let trainer = small.trainer(folder.path(), 1).existing_run(existing).micro_batches(2);
            trainer.fit_over(group, small.model(&cpu()), &small.train, &small.valid).map(drop)
        })
    };
    assert!(fit(1, &|_| false).pop().unwrap().is_ok());
    for one in [0, 1] {
        for end in fit(2, &|rank| rank == one) {
            let told = end.unwrap_err().to_string();
            assert!(told.contains("whether the run is resumed"), "{told}");
        }
    }
}

/// Stops the run during validation.
struct StopsInValidation(Interrupter);

impl Callback for StopsInValidation {
    fn name(&self) -> &'static str {
        "stops_in_validation"
    }

    fn on_step_end(&mut self, logs: &StepLogs, _: &mut Control<'_>) -> kiln_train::Result<()> {
        if logs.step == 4 {
            self.0.stop(Some("stopped after the last step"));
        }
        Ok(())
    }
}

#[test]
fn a_rank_that_is_stopped_in_validation_stops_all() {
    let small = SmallRun::new();
    let folder = folder();
    let ends = launch().threads(3, |group| {
        let trainer = small.trainer(folder.path(), 2).existing_run(ExistingRun::Refuse);
        let handle = if group.rank() == 2 { trainer.stop_handle() } else { Interrupter::new() };
        let trainer = trainer.callback(StopsInValidation(handle));
        let fitted = trainer.fit_over(group, small.model(&cpu()), &small.train, &small.valid);
        Ok::<_, Error>(matches!(fitted, Err(Error::Interrupted { .. })))
    });
    assert!(ends.into_iter().all(Result::unwrap));
}

#[test]
fn a_loss_beyond_all_numbers_is_the_same_error_everywhere() {
    let small = SmallRun::new();
    let folder = folder();
    let ends = launch().threads(2, |group| {
        let trainer = small.trainer(folder.path(), 2).existing_run(ExistingRun::Refuse);
        let trainer = trainer.optimizer(Optimizer::sgd().learning_rate(1e30));
        trainer.fit_over(group, small.model(&cpu()), &small.train, &small.valid).map(drop)
    });
    let mut told: Vec<String> = ends.into_iter().map(|end| end.unwrap_err().to_string()).collect();
    assert!(told[0].contains("not finite") || told[0].contains("exploded"), "{told:?}");
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
}

fn refused(
    ranks: usize,
    with: impl Fn(&dyn Group, Trainer<RecurrentClassifier>) -> Trainer<RecurrentClassifier> + Sync,
) -> Vec<String> {
    let small = SmallRun::new();
    let folder = folder();
    let ends = launch().threads(ranks, |group| {
        let trainer = small.trainer(folder.path(), 1).existing_run(ExistingRun::Refuse);
        with(group, trainer).fit_over(group, small.model(&cpu()), &small.train, &small.valid).map(drop)
    });
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is written");
    ends.into_iter().map(|end| end.unwrap_err().to_string()).collect()
}

#[test]
fn ranks_that_differ_and_options_that_no_group_can_have_are_refused() {
    let by_rank = |at: usize, or: usize| move |group: &dyn Group| if group.rank() == 1 { at } else { or };
    let epochs = by_rank(2, 3);
    for told in refused(3, |group, trainer| trainer.epochs(epochs(group))) {
        assert!(told.contains("epochs should be the same on all ranks"), "{told}");
        assert!(told.contains("on rank 1") && told.contains("on ranks 0, 2"), "{told}");
    }
    for told in refused(2, |group, trainer| trainer.seed(group.rank() as u64)) {
        assert!(
            told.contains("seed should be the same on all ranks, found \"0\" on rank 0 and \"1\" on rank 1"),
            "{told}"
        );
    }
    for (expected, told) in [
        ("micro_batches should be at least 3, one for each rank", refused(3, |_, t| t.micro_batches(2))),
        ("batch_size should be at least 9, a row for each micro-batch", refused(1, |_, t| t.micro_batches(9))),
        ("metric should be unset with micro-batches", refused(2, |_, t| t.metric(AccuracyMetric::new()))),
    ] {
        assert!(told[0].contains(expected), "{told:?}");
    }
}

#[test]
fn other_weights_on_one_rank_are_refused() {
    let small = SmallRun::new();
    let folder = folder();
    let ends = launch().threads(2, |group| {
        let model = small.config.init(&cpu(), group.rank() as u64)?;
        let trainer = small.trainer(folder.path(), 1).existing_run(ExistingRun::Refuse);
        trainer.fit_over(group, model, &small.train, &small.valid).map(drop)
    });
    for end in ends {
        let told = end.unwrap_err().to_string();
        assert!(told.contains("the model's weights at the start should be the same on all ranks"), "{told}");
    }
}

/// Makes its rank go on with other weights.
struct Strays(bool);

impl Callback for Strays {
    fn name(&self) -> &'static str {
        "strays"
    }

    fn on_step_end(&mut self, logs: &StepLogs, control: &mut Control<'_>) -> kiln_train::Result<()> {
        if self.0 && logs.step == 1 {
            let mut weights = control.weights();
            weights.values_mut().next().unwrap().values[0] += 1.0;
            control.set_weights(weights);
        }
        Ok(())
    }
}

#[test]
fn replicas_that_became_different_end_the_run() {
    let told = refused(2, |group, trainer| trainer.callback(Strays(group.rank() == 1)));
    assert!(told.iter().all(|told| told.contains("the weights after epoch 1")), "{told:?}");
}

#[test]
fn a_rank_that_fails_or_is_missing_ends_the_others_with_its_name() {
    let small = SmallRun::new();
    let run = |work: &(dyn Fn(&dyn Group) -> Result<(), Error> + Sync), limit| {
        let began = Instant::now();
        let ends = Launch::new().time_limit(Duration::from_secs(limit)).threads(3, work);
        assert!(began.elapsed() < Duration::from_secs(25));
        ends.into_iter().map(|end| end.unwrap_err().to_string()).collect::<Vec<_>>()
    };
    let fit = |folder: &Path, group: &dyn Group, epochs| {
        let trainer =
            small.trainer(folder, epochs).existing_run(ExistingRun::Refuse).callback(StopsAt { handle: None });
        trainer.fit_over(group, small.model(&cpu()), &small.train, &small.valid).map(drop)
    };
    let shared = folder();
    let told = run(
        &|group| match group.rank() {
            2 => Err(Error::EmptyData { what: "own" }),
            _ => fit(shared.path(), group, 1),
        },
        20,
    );
    assert!(told[0].starts_with("rank 2 ended the group: the own set has no rows"), "{told:?}");
    assert!(told[1].starts_with("rank 2 ended the group: the own set has no rows"), "{told:?}");

    let shared = folder();
    let told = run(
        &|group| match group.rank() {
            1 => {
                std::thread::sleep(Duration::from_secs(12));
                Err(Error::EmptyData { what: "own" })
            }
            _ => fit(shared.path(), group, 1),
        },
        4,
    );
    assert!(told[0].contains("rank 1 did not answer the roll call"), "{told:?}");
}
