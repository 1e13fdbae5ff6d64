//! A finished run: its model, its history, and what it tells of its data.

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
    pub(crate) shared_rows: Option<usize>,
    pub(crate) padding_only: Option<PaddingOnly>,
    pub(crate) folder: PathBuf,
    pub(crate) batch_size: usize,
}

impl<M: Trainable> Run<M> {
    /// The model: the best one where a callback kept it, else the last.
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

    /// Why the run ended before its last epoch, if a callback ended it.
    pub fn stopped(&self) -> Option<&str> {
        self.stopped.as_deref()
    }

    /// How many validation rows have an input that a training row has, too: the model has seen them. `None` where the data do
    /// not say what their rows hold ([`Batches::row_digest`]).
    pub fn shared_rows(&self) -> Option<usize> {
        self.shared_rows
    }

    /// How many training steps had rows of padding only, since this process began the run or took it up: their texts are empty, or
    /// the tokenizer knows none of their words.
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
    /// As [`evaluate`].
    pub fn evaluate<D>(&self, data: &D) -> Result<Evaluation>
    where
        D: Batches<Batch = M::Batch> + Clone + 'static,
    {
        evaluate(&self.model, data, self.batch_size)
    }
}
