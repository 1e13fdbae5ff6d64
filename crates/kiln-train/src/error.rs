//! The errors of this crate.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::data::dataset::DatasetError;
use burn::train::{EventProcessorError, TrainingError};
use kiln_base::{FileError, OptionError};
use kiln_predict::device_failure::OfDevice;

/// What can go wrong when a model is trained, saved, loaded or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// An option is outside its range.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// Ranks of a group differ, fail or are missing.
    #[error(transparent)]
    Group(#[from] kiln_group::Error),
    /// The same after training has begun.
    #[error("{source}; {kept}")]
    InGroup {
        /// The group's error.
        source: kiln_group::Error,
        /// What was kept and how to continue.
        kept: String,
    },
    /// The artifact folder already holds a run.
    #[error(
        "{} already holds a run: continue it (`--resume`, `ExistingRun::Resume`), replace it (`--overwrite`, \
         `ExistingRun::Overwrite`), or use another folder",
        path.display()
    )]
    RunExists {
        /// The folder.
        path: PathBuf,
    },
    /// Another process is training into the folder.
    #[error(
        "{} is in use: process {holder} is training into it; wait until it ends, or use another folder",
        path.display()
    )]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The process id.
        holder: String,
    },
    /// A file of the run cannot be written.
    #[error("{source}; {kept}")]
    NotWritten {
        /// The file.
        source: FileError,
        /// What was kept and how to continue.
        kept: String,
    },
    /// The folder holds files that have the names of a run's files, but are not from Kiln.
    #[error(
        "{} holds files that are not from Kiln and are left unchanged ({files}): use another folder",
        path.display()
    )]
    NotARun {
        /// The folder.
        path: PathBuf,
        /// The files.
        files: String,
    },
    /// There is no checkpoint to resume from.
    #[error(
        "nothing to resume: {} does not exist; it is written when the first epoch ends. Check the folder, or start \
         a new run without `resume`",
        path.display()
    )]
    NothingToResume {
        /// The missing checkpoint.
        path: PathBuf,
    },
    /// A run is resumed with other options than it was started with.
    #[error(
        "cannot resume {}: it was started with {what} {before}, but is resumed with {now}; use the \
         same, start again (`ExistingRun::Overwrite`), or start a new run from its weights (`Trainer::from_weights`)",
        path.display()
    )]
    ResumeMismatch {
        /// The checkpoint.
        path: PathBuf,
        /// The option.
        what: String,
        /// Its value in the checkpoint.
        before: String,
        /// Its value now.
        now: String,
    },
    /// A file of a run is damaged.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There are no weights to start from.
    #[error(
        "cannot start from the weights in {}: it holds neither model.safetensors nor checkpoint.kiln; give the \
         folder of a run or an artifact, or a weights file",
        path.display()
    )]
    NoWeights {
        /// The folder.
        path: PathBuf,
    },
    /// The weights to start from belong to a tokenizer with other word ids.
    #[error(
        "cannot start from the weights in {}: its tokenizer.json is not that of this run, so its ids mean other words; \
         load that tokenizer and encode the texts with it",
        path.display()
    )]
    OtherTokenizer {
        /// The folder.
        path: PathBuf,
    },
    /// The weights to start from belong to another model.
    #[error(
        "cannot start from the weights in {}: {source}; use a model with the same layers and sizes",
        path.display()
    )]
    FromWeights {
        /// The folder or file.
        path: PathBuf,
        /// The weight that does not fit.
        source: kiln_models::Error,
    },
    /// All training rows are of one class.
    #[error(
        "all {rows} training rows are of class {class}, but a classifier needs at least two classes: check the label \
         column, and shuffle before you split"
    )]
    OneClass {
        /// How many there are.
        rows: usize,
        /// The class.
        class: u32,
    },
    /// Validation rows are also training rows, and the trainer refuses shared rows.
    #[error("{shared} of the {rows} validation rows are also among the training rows: remove them from one of the two")]
    SharedRows {
        /// How many.
        shared: usize,
        /// Rows of the validation data.
        rows: usize,
    },
    /// A data set has no rows.
    #[error("the {what} set has no rows: a run needs at least one")]
    EmptyData {
        /// Training or validation.
        what: &'static str,
    },
    /// The data do not fit the model or the options, or their parts do not fit together.
    #[error("{what}: expected {expected}, found {found}")]
    Data {
        /// What was checked.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A token id is beyond the vocabulary.
    #[error(
        "row {row}, step {step} (both counted from 0): the id should be below vocab, which is {vocab}, found {id}; \
         give the tokenizer's `vocab_size()`"
    )]
    IdOutOfRange {
        /// The row of the data set.
        row: usize,
        /// The step in the row.
        step: usize,
        /// The id.
        id: u32,
        /// The vocabulary.
        vocab: usize,
    },
    /// The run does not have the metric that is monitored.
    #[error("cannot monitor the metric '{name}': monitor one that this run has: {available}")]
    UnknownMetric {
        /// The name asked for.
        name: String,
        /// The names of the run's metrics.
        available: String,
    },
    /// The run was stopped from outside.
    #[error("{reason} in epoch {epoch}: {kept}")]
    Interrupted {
        /// Who stopped it.
        reason: String,
        /// The epoch that did not end.
        epoch: usize,
        /// What was kept and how to continue.
        kept: String,
    },
    /// A batch cannot be trained on.
    #[error("step {step} of epoch {epoch}: {source}; {kept}")]
    Step {
        /// The epoch.
        epoch: usize,
        /// The step in the epoch, counted from 1.
        step: usize,
        /// What is wrong with it.
        source: Box<Error>,
        /// What was kept.
        kept: String,
    },
    /// A loss or a weight is no longer finite, or the loss exploded.
    #[error(
        "{what} became {} in step {step} of epoch {epoch} at learning rate {learning_rate:?}; {gradient}: {}; {kept}",
        shown(*.value), what.advice()
    )]
    NotFinite {
        /// What is not finite, or exploded.
        what: Broken,
        /// Its value.
        value: f64,
        /// The step in the epoch, counted from 1; for the validation loss and for weights, the last step of the epoch.
        step: usize,
        /// The epoch.
        epoch: usize,
        /// The learning rate of the step.
        learning_rate: f64,
        /// The largest gradient of the epoch up to this step; in the first step, that of the previous epoch.
        gradient: String,
        /// What was kept.
        kept: String,
    },
    /// The loss of a dynamic evaluation is no longer finite.
    #[error(
        "the loss became {} in window {window} of {windows}, after gradient steps at learning rate {learning_rate:?}; \
         evaluate again with a smaller learning rate",
        shown(*.value)
    )]
    Diverged {
        /// The window, counted from 1.
        window: usize,
        /// The number of windows of the text.
        windows: usize,
        /// The loss.
        value: f64,
        /// The learning rate.
        learning_rate: f64,
    },
    /// Burn's training machinery reported an error.
    #[error("training stopped: {0}")]
    Training(Arc<TrainingError>),
    /// A Burn metric failed.
    #[error("a metric failed: {0}")]
    Metric(EventProcessorError),
    /// A data set cannot be read.
    #[error("the data cannot be read: {0}")]
    Dataset(DatasetError),
    /// Ctrl-C cannot be handled.
    #[error("cannot handle Ctrl-C: {0}; with `stop_on_ctrl_c`, the program must not set its own handler")]
    CtrlC(#[from] ctrlc::Error),
    /// A callback failed.
    #[error("callback {name}: {message}")]
    Callback {
        /// The callback.
        name: String,
        /// Its message.
        message: String,
    },
    /// A picture cannot be drawn.
    #[error("cannot draw {}: {message}", path.display())]
    Plot {
        /// The file.
        path: PathBuf,
        /// Why not.
        message: String,
    },
    /// An error of a model's weights or configuration.
    #[error(transparent)]
    Model(#[from] kiln_models::Error),
    /// An error of a report on predictions.
    #[error(transparent)]
    Report(kiln_report::Error),
    /// An error of a text or a tokenizer.
    #[error(transparent)]
    Text(#[from] kiln_text::Error),
    /// An error of an artifact or of the device.
    #[error(transparent)]
    Predict(#[from] kiln_predict::Error),
}

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<kiln_report::Error> for Error {
    fn from(error: kiln_report::Error) -> Self {
        match error {
            kiln_report::Error::File(error) => Self::File(error),
            kiln_report::Error::Plot { path, message } => Self::Plot { path: path.into(), message },
            other => Self::Report(other),
        }
    }
}

/// A number for a message; large ones are rounded.
fn shown(value: f64) -> String {
    if value.abs() < 1e6 { value.to_string() } else { format!("{value:.3e}") }
}

impl OfDevice for Error {
    fn is_of_device(&self) -> bool {
        match self {
            Self::Predict(error) => error.is_of_device(),
            Self::Training(_) | Self::Metric(_) => true,
            _ => false,
        }
    }
}

impl Error {
    pub(crate) fn damaged(path: &Path, reason: impl fmt::Display) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.to_string() }
    }
}

/// What in a run became infinite or NaN, or exploded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The loss of a training step.
    TrainLoss,
    /// The loss of a training step, finite but beyond `Trainer::loss_limit`.
    Exploded,
    /// The loss on the validation data, although the weights are finite.
    ValidLoss,
    /// A weight, by its name.
    Weight(String),
}

impl Broken {
    fn advice(&self) -> &'static str {
        match self {
            Self::TrainLoss | Self::Exploded | Self::Weight(_) => {
                "start again with a lower learning_rate, or with clip_norm"
            }
            Self::ValidLoss => {
                "the weights are finite, so look for NaN or infinity in the validation data; otherwise start \
                 again with a lower learning_rate"
            }
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TrainLoss => f.write_str("the training loss"),
            Self::Exploded => f.write_str("the training loss exploded: it"),
            Self::ValidLoss => f.write_str("the validation loss"),
            Self::Weight(name) => write!(f, "the weight {name}"),
        }
    }
}
