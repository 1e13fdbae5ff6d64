//! Burn's metrics: what they read from a step, and how the training loop reports to them.

use std::sync::Arc;

use burn::data::dataloader::Progress;
use burn::tensor::{ExecutionError, Tensor};
use burn::train::metric::store::{Aggregate, EventStoreClient};
use burn::train::metric::{AccuracyInput, Adaptor, LossInput};
use burn::train::{AsyncProcessorTraining, EventProcessorTraining, Interrupter, ItemLazy, LearnerEvent, TrainingItem};
use kiln_models::Targets;

use crate::error::{Error, Result};
use crate::run::StepOutput;

pub(crate) use burn::train::metric::store::Split;

impl ItemLazy for StepOutput {
    fn sync(self) -> Result<Self, ExecutionError> {
        self.loss.device().flush()?;
        Ok(Self {
            loss: self.loss.without_autodiff(),
            outputs: self.outputs.without_autodiff(),
            targets: match self.targets {
                Targets::Classes(classes) => Targets::Classes(classes.without_autodiff()),
                Targets::Values(values) => Targets::Values(values.without_autodiff()),
            },
            correct: self.correct.map(Tensor::without_autodiff),
            terms: self.terms,
            penalty: self.penalty.map(Tensor::without_autodiff),
        })
    }
}

impl Adaptor<LossInput> for StepOutput {
    fn adapt(&self) -> LossInput {
        LossInput::new(self.loss.clone())
    }
}

impl Adaptor<AccuracyInput> for StepOutput {
    /// A single logit becomes two, for class 0 and class 1.
    ///
    /// # Panics
    ///
    /// If the targets are not classes.
    fn adapt(&self) -> AccuracyInput {
        let Targets::Classes(classes) = &self.targets else {
            panic!("accuracy needs classes as targets, but these are numbers");
        };
        AccuracyInput::new(class_scores(self.outputs.clone()), classes.clone())
    }
}

/// A user's own metric may take the whole output.
impl Adaptor<StepOutput> for StepOutput {
    fn adapt(&self) -> StepOutput {
        self.clone()
    }
}

fn class_scores(outputs: Tensor<2>) -> Tensor<2> {
    match outputs.dims() {
        [_, 1] => Tensor::cat(vec![outputs.zeros_like(), outputs], 1),
        _ => outputs,
    }
}

/// Burn's metrics in a run.
pub(crate) struct Metrics {
    pub(crate) processor: AsyncProcessorTraining<LearnerEvent<StepOutput>, LearnerEvent<StepOutput>>,
    pub(crate) store: Arc<EventStoreClient>,
    pub(crate) interrupter: Interrupter,
    /// The epoch as the metrics count it: from the first epoch that they see.
    pub(crate) epoch: usize,
}

impl Metrics {
    /// Starts a pass over a split. A pass over the training rows starts an epoch.
    pub(crate) fn start(&mut self, split: Split, total_items: usize) {
        self.epoch += usize::from(split == Split::Train);
        self.tell(split, LearnerEvent::StartSplit { epoch_number: self.epoch, total_items });
    }

    /// Adds a step; in training, `rate` is its learning rate.
    pub(crate) fn add(&mut self, split: Split, output: StepOutput, progress: Progress, step: usize, rate: Option<f64>) {
        let item = TrainingItem::new(output, progress, Some(step), rate.map(Into::into));
        self.tell(split, LearnerEvent::ProcessedItem(item));
    }

    /// Ends the pass over a split.
    pub(crate) fn end(&mut self, split: Split) {
        self.tell(split, LearnerEvent::EndSplit(self.epoch));
    }

    /// Waits until everything reported is computed.
    ///
    /// # Errors
    ///
    /// A metric failed.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.processor.flush().map_err(Error::Metric)
    }

    /// A metric's mean over the epoch.
    pub(crate) fn mean(&self, name: &str, split: &Split) -> Option<f64> {
        self.store.find_metric(name, self.epoch, Aggregate::Mean, split)
    }

    /// Reports an event. Failures of metrics reach the loop through the interrupter.
    fn tell(&mut self, split: Split, event: LearnerEvent<StepOutput>) {
        let told = match split {
            Split::Train => self.processor.process_train(event),
            Split::Valid | Split::Test(_) => self.processor.process_valid(event),
        };
        self.interrupter.fail_on_error(told);
    }
}
