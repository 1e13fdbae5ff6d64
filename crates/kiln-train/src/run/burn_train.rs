//! The connection to burn-train, which calls Kiln's loop once, computes metrics and can interrupt the loop.
//!
//! Burn's own strategy clones the model before each optimizer step, so that nothing is updated in place, and saves
//! before early stopping has seen the epoch.

use std::sync::{Arc, Mutex, PoisonError, mpsc};

use burn::module::Module;
use burn::optim::SgdConfig;
use burn::train::logger::InMemoryMetricLogger;
use burn::train::{
    InferenceStep, Learner, SupervisedLearningStrategy, SupervisedTraining, SupervisedTrainingEventProcessor,
    TrainLoader, TrainOutput, TrainStep, TrainingComponents, TrainingStrategy, ValidLoader,
};

use crate::data::loader::StepInput;
use crate::error::{Error, Result};
use crate::report::metrics::Metrics;
use crate::report::silent::Silent;
use crate::run::trainable::{StepOutput, Trainable};
use crate::run::training_loop::{Trained, TrainingLoop};
use kiln_predict::device_failure::Work;

/// Adds a metric to Burn's machinery.
pub(crate) type AddMetric<M> = Box<dyn FnOnce(SupervisedTraining<Fitting<M>>) -> SupervisedTraining<Fitting<M>>>;

/// What Burn's `Learner` holds: the model, until the loop takes it out and trains it.
#[derive(Module, Debug)]
pub(crate) struct Fitting<M: Trainable> {
    model: Option<M>,
}

impl<M: Trainable> TrainStep for Fitting<M> {
    type Input = StepInput<M::Batch>;
    type Output = StepOutput;

    fn step(&self, _: Self::Input) -> TrainOutput<StepOutput> {
        unreachable!("the loop makes the steps")
    }
}

impl<M: Trainable> InferenceStep for Fitting<M> {
    type Input = StepInput<M::Batch>;
    type Output = StepOutput;

    fn step(&self, _: Self::Input) -> StepOutput {
        unreachable!("the loop makes the steps")
    }
}

/// A Burn strategy cannot return a `Result`: the loop is passed in by value, and sent back through `slot` with its
/// result.
struct Strategy<M: Trainable> {
    training: Mutex<Option<TrainingLoop<M>>>,
    slot: mpsc::Sender<(TrainingLoop<M>, Result<Trained<M>>)>,
}

impl<M: Trainable> SupervisedLearningStrategy<Fitting<M>> for Strategy<M> {
    fn fit(
        &self,
        components: TrainingComponents<Fitting<M>>,
        learner: Learner<Fitting<M>>,
        _: TrainLoader<Fitting<M>>,
        _: ValidLoader<Fitting<M>>,
        _: usize,
    ) -> (Fitting<M>, SupervisedTrainingEventProcessor<Fitting<M>>) {
        let model = learner.model().model;
        drop(learner); // it held a second handle, with which nothing is updated in place
        let TrainingComponents { event_processor: processor, event_store: store, interrupter, .. } = components;
        let mut metrics = Metrics { processor, store, interrupter, epoch: 0 };
        let training = self.training.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(mut training), Some(model)) = (training, model) {
            let trained = training.run(model, &mut metrics);
            self.slot.send((training, trained)).ok();
        }
        (Fitting { model: None }, metrics.processor)
    }
}

/// Runs the loop in Burn's machinery and returns it with its result. `work` handles failures outside the loop.
pub(crate) fn launch<M: Trainable>(
    training: TrainingLoop<M>,
    model: M,
    metrics: Vec<AddMetric<M>>,
    work: &Work,
) -> (TrainingLoop<M>, Result<Trained<M>>) {
    let burn = SupervisedTraining::new(training.folder.path(), training.train.clone(), training.valid.clone())
        .num_epochs(training.epochs)
        .with_application_logger(None)
        .with_interrupter(training.interrupter.clone())
        .renderer(Box::new(Silent))
        .with_metric_logger(InMemoryMetricLogger::default());
    let (slot, out) = mpsc::channel();
    let strategy = TrainingStrategy::Custom(Arc::new(Strategy { training: Mutex::new(Some(training)), slot }));
    let burn = metrics.into_iter().fold(burn.with_training_strategy(strategy), |burn, add| add(burn));
    // Required by Burn's types; the loop uses its own optimizer and rates.
    let learner = Learner::new(Fitting { model: Some(model) }, SgdConfig::new().init(), 0.0);
    let launched = work.run(|| burn.launch(learner).error.map_or(Ok(()), |error| Err(Error::Training(error))));
    let (training, trained) = out.recv().expect("Burn calls its strategy once");
    (training, trained.and_then(|trained| launched.map(|()| trained)))
}
