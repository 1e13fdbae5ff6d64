//! A finished run: its model, its history, and what it found out about its data.

use std::path::{Path, PathBuf};

use crate::data::batches::Batches;
use crate::error::Result;
use crate::report::history::History;
use crate::run::evaluate::{Evaluation, evaluate};
use crate::run::trainable::Trainable;
use crate::run::training_loop::PaddingOnly;

/// A finished run.
#[derive(Debug)]
pub struct Run<M> {
    pub(crate) model: M,
    pub(crate) history: History,
    pub(crate) stopped: Option<String>,
    pub(crate) has_trained: bool,
    pub(crate) shared_rows: Option<usize>,
    pub(crate) padding_only: Option<PaddingOnly>,
    pub(crate) folder: PathBuf,
    pub(crate) batch_size: usize,
}

impl<M: Trainable> Run<M> {
    /// The model: the best one if a callback kept it; otherwise the averaged one, if the run has averaged weights
    /// ([`Trainer::weight_averaging`](crate::Trainer::weight_averaging)), or the last.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The model by value.
    #[must_use]
    pub fn into_model(self) -> M {
        self.model
    }

    /// What happened in each epoch.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Why the run ended before its last epoch, if a callback or the time limit ended it.
    pub fn stopped(&self) -> Option<&str> {
        self.stopped.as_deref()
    }

    /// Whether this process has trained the model. It has not if it resumed a run that had ended: all epochs were done,
    /// or the callback that ended the run would end it again.
    pub fn has_trained(&self) -> bool {
        self.has_trained
    }

    /// How many validation rows have the same input as a training row, which the model has seen. `None` if the data
    /// have no row digests ([`Batches::row_digest`]).
    pub fn shared_rows(&self) -> Option<usize> {
        self.shared_rows
    }

    /// How many training steps of this process had only rows of padding: their texts are empty, or the tokenizer knows
    /// none of their words.
    pub fn padding_only_steps(&self) -> usize {
        self.padding_only.map_or(0, |found| found.steps)
    }

    /// The run's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Measures the model on another data set.
    ///
    /// # Errors
    ///
    /// Those of [`evaluate`].
    pub fn evaluate<D>(&self, data: &D) -> Result<Evaluation>
    where
        D: Batches<Batch = M::Batch> + Clone + 'static,
    {
        evaluate(&self.model, data, self.batch_size)
    }
}
