//! The training loop's steps in a group: each rank learns from its micro-batches, and all go on with the sum.

use std::time::Instant;

use burn::data::dataloader::DataLoader;
use kiln_models::Carried;
use kiln_models::weights::{self, Weights};

use crate::data::loader::Part;
use crate::error::Result;
use crate::group::step_sum::{Learned, Signals, StepSum};
use crate::group::team::weights_digest;
use crate::run::Trainable;
use crate::run::meter::Measured;
use crate::run::training_loop::{TrainingLoop, WithinEpochs, has_passed, learn};

impl<M: Trainable> TrainingLoop<M> {
    /// What this process tells the others in a step.
    pub(crate) fn signals(&self, began: Instant, kept_at: Instant) -> Signals {
        let WithinEpochs { minutes, limit, .. } = self.within_epochs;
        Signals {
            learning_rate: self.learning_rate.to_bits(),
            stop: self.interrupter.should_stop(),
            end: limit.is_some_and(|minutes| has_passed(began, minutes)),
            checkpoint: minutes.is_some_and(|minutes| has_passed(kept_at, minutes)),
            has_words: true,
        }
    }

    /// The loss and the gradients of a batch, of which this process has `parts`; the output, if it has all.
    pub(crate) fn learn(
        &self,
        model: &M,
        parts: Vec<Part<M::Batch>>,
        rows: usize,
        began: Instant,
        kept_at: Instant,
    ) -> Result<Learned> {
        let has_words = parts.iter().any(|part| !model.is_padding_only(&part.batch));
        let signals = Signals { has_words, ..self.signals(began, kept_at) };
        let mut parts = parts.into_iter().peekable();
        let Some(team) = &self.team else {
            let Part { batch, pass, .. } = parts.next().expect("a batch that is not cut is its only part");
            let (output, gradients) = learn(model, batch, &pass);
            let measured = Measured::of(&output, rows);
            return Ok(Learned { measured, gradients, output: Some(output), has_words, agreed: None });
        };
        let sum = team.sum(|place| match parts.next_if(|part| part.place == place) {
            Some(Part { batch, pass, rows, .. }) => {
                let (output, gradients) = learn(model, batch, &pass);
                StepSum::of(signals, model, &output, gradients, rows)
            }
            // The last batch of an epoch may have fewer rows than micro-batches.
            None => Ok(StepSum::nothing(signals)),
        })?;
        let means = sum.means(model, &self.valid.device);
        let measured = Measured { loss: means.loss, correct: means.correct, terms: means.terms, rows };
        let (gradients, signals) = (means.gradients, means.signals);
        Ok(Learned { measured, gradients, output: None, has_words: signals.has_words, agreed: Some(signals) })
    }

    /// The states that the last batch passed on, whole. In a group only rank 0 has them.
    pub(crate) fn carried_states(&self) -> Result<Weights> {
        let states = |carried: &Carried| carried.peek().map(|states| states.to_weights()).transpose();
        let own = self.train.carried().into_iter().map(|carried| Ok(states(&carried)?.unwrap_or_default()));
        let own = own.collect::<Result<Vec<_>, _>>().map_err(kiln_predict::Error::Device)?;
        match &self.team {
            Some(team) => team.joined(own),
            None => Ok(own.into_iter().next().unwrap_or_default()),
        }
    }

    /// The validation rows of this rank, whole batches of them. `None` if it validates all: there are no others, or the
    /// rows are streams, whose batches follow from one another.
    pub(crate) fn share_of_validation(&self) -> Option<std::ops::Range<usize>> {
        let team = self.team.as_ref().filter(|_| self.valid.data.streams().is_none())?;
        let batches = kiln_group::share(self.valid.steps(), &*team.group);
        let row = |batch: usize| (batch * self.valid.batch_size).min(self.valid.num_items());
        Some(row(batches.start)..row(batches.end))
    }

    /// # Errors
    ///
    /// The replicas of a group have become different.
    pub(crate) fn check_same(&self, model: &M, epoch: usize) -> Result<()> {
        let Some(team) = &self.team else { return Ok(()) };
        let what = format!(
            "the weights after epoch {epoch} (they differ if machines have other kinds of processors or other numbers of \
             threads, or if a callback sets weights on one rank)"
        );
        Ok(team.group.agree(&what, &weights_digest(&weights::weights_of(model)))?)
    }
}
