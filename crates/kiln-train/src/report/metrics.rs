//! Burn's metrics: what they take from a step, and how the training loop tells them of it.

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
        })
    }
}

impl Adaptor<LossInput> for StepOutput {
    fn adapt(&self) -> LossInput {
        LossInput::new(self.loss.clone())
    }
}

impl Adaptor<AccuracyInput> for StepOutput {
    /// One logit becomes two, of class 0 and of class 1.
    ///
    /// # Panics
    ///
    /// If the targets are no classes.
    fn adapt(&self) -> AccuracyInput {
        let Targets::Classes(classes) = &self.targets else {
            panic!("an accuracy needs classes as targets, but they are numbers");
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
    /// Counted as the metrics count: from the first epoch that they see.
    pub(crate) epoch: usize,
}

impl Metrics {
    /// A pass over a split begins; that over the training rows begins an epoch.
    pub(crate) fn start(&mut self, split: Split, total_items: usize) {
        self.epoch += usize::from(split == Split::Train);
        self.tell(split, LearnerEvent::StartSplit { epoch_number: self.epoch, total_items });
    }

    /// A step was made, in training at `rate`.
    pub(crate) fn add(&mut self, split: Split, output: StepOutput, progress: Progress, step: usize, rate: Option<f64>) {
        let item = TrainingItem::new(output, progress, Some(step), rate.map(Into::into));
        self.tell(split, LearnerEvent::ProcessedItem(item));
    }

    /// The pass over a split ends.
    pub(crate) fn end(&mut self, split: Split) {
        self.tell(split, LearnerEvent::EndSplit(self.epoch));
    }

    /// Waits until everything told is computed.
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

    /// Failures of metrics reach the loop by the interrupter.
    fn tell(&mut self, split: Split, event: LearnerEvent<StepOutput>) {
        let told = match split {
            Split::Train => self.processor.process_train(event),
            Split::Valid | Split::Test(_) => self.processor.process_valid(event),
        };
        self.interrupter.fail_on_error(told);
    }
}
