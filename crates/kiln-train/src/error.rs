//! The errors of this crate.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::data::dataset::DatasetError;
use burn::tensor::TensorReadError;
use burn::train::{EventProcessorError, TrainingError};
use kiln_base::{FileError, OptionError};
use kiln_kernels::DeviceMemory;

/// What can go wrong when a model is trained, saved, loaded or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// An option is outside its range.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The artifact folder already holds a run.
    #[error(
        "{} already holds a run: continue it (`--resume`, `ExistingRun::Resume`), replace it (`--overwrite`, \
         `ExistingRun::Overwrite`), or name another folder",
        path.display()
    )]
    RunExists {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds files of a run's names that are no run of Kiln's.
    #[error("{} holds {files}, which are not Kiln's: they stay as they are; name another folder", path.display())]
    NotARun {
        /// The folder.
        path: PathBuf,
        /// The files.
        files: String,
    },
    /// There is no checkpoint to resume from.
    #[error(
        "nothing to resume: {} is not there; it is written when the first epoch ends. Check the folder, or start \
         anew without `resume`",
        path.display()
    )]
    NothingToResume {
        /// The checkpoint looked for.
        path: PathBuf,
    },
    /// A run is resumed with other options than it was begun with.
    #[error(
        "cannot resume {}: it was begun with {what} {before}, but is resumed with {now}; use the \
         same, or start anew with `overwrite`",
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
    /// A folder lacks a file that an artifact needs.
    #[error("{} is no complete artifact: it lacks {file}; it holds {found}", path.display())]
    MissingFile {
        /// The folder.
        path: PathBuf,
        /// The file.
        file: &'static str,
        /// What the folder holds.
        found: String,
    },
    /// An artifact is of another kind than the one asked for.
    #[error("{} holds a {found}, but a {expected} was asked for", path.display())]
    ArtifactKind {
        /// The folder.
        path: PathBuf,
        /// The kind asked for.
        expected: &'static str,
        /// The kind found.
        found: String,
    },
    /// A data set has no rows.
    #[error("the {what} set has no rows: a run needs at least one")]
    EmptyData {
        /// Training or validation.
        what: &'static str,
    },
    /// Inputs and targets do not fit together.
    #[error("{what}: expected {expected}, found {found}")]
    Data {
        /// What is compared.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A token id is beyond the vocabulary.
    #[error(
        "row {row}, step {step}: id {id} is not below the vocabulary of {vocab}; give the \
         embedding the tokenizer's `vocab_size()`"
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
    /// A monitored metric is not among those of the run.
    #[error("there is no metric '{name}' to monitor; this run has {available}")]
    UnknownMetric {
        /// The name asked for.
        name: String,
        /// The names there are.
        available: String,
    },
    /// The run was stopped from outside.
    #[error("{reason} in epoch {epoch}: {kept}")]
    Interrupted {
        /// Who stopped it.
        reason: String,
        /// The epoch that did not end.
        epoch: usize,
        /// What was kept and how to go on.
        kept: String,
    },
    /// A loss or a weight is no longer a number.
    #[error(
        "{what} became {value} in step {step} of epoch {epoch} at learning rate {learning_rate:?}; {gradient}: {}; {kept}",
        what.advice()
    )]
    NotFinite {
        /// What is not finite.
        what: Broken,
        /// Its value.
        value: f64,
        /// The step in the epoch, counted from 1; for the validation loss and for weights the epoch's last.
        step: usize,
        /// The epoch.
        epoch: usize,
        /// The step's rate.
        learning_rate: f64,
        /// The largest gradient of the epoch up to this step; in its first step, that of the epoch before.
        gradient: String,
        /// What was kept.
        kept: String,
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
    /// What was computed could not be read.
    #[error("the device failed: {0}")]
    Device(TensorReadError),
    /// A device's memory does not hold what a step asks for.
    #[error("{shortage}{}", then(kept))]
    OutOfMemory {
        /// What was asked for, and what there is.
        shortage: Box<Shortage>,
        /// What is left of a run; empty outside of one.
        kept: String,
    },
    /// A GPU failed: it was lost, by a reset of its driver, a kernel that took too long or a card that went away, or work
    /// on it ended without a result.
    #[error("the device {device} failed: {reason}{}", then(kept))]
    DeviceFailed {
        /// What the device calls itself.
        device: String,
        /// What its driver says.
        reason: String,
        /// What is left of a run, and how to go on; empty outside of one.
        kept: String,
    },
    /// Ctrl-C cannot be handled.
    #[error("Ctrl-C cannot be handled: {0}; with `stop_on_ctrl_c` a program sets no handler of its own")]
    CtrlC(#[from] ctrlc::Error),
    /// The model has nothing to train.
    #[error("the model has no parameters, so there is nothing to train or to run on a device")]
    NoParameters,
    /// A callback of the user's failed.
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
    /// A model's weights or configuration.
    #[error(transparent)]
    Model(#[from] kiln_models::Error),
    /// Text or a tokenizer.
    #[error(transparent)]
    Text(#[from] kiln_text::Error),
}

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// After another sentence, where there is something to say.
fn then(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("; {text}") }
}

impl Error {
    pub(crate) fn damaged(path: &Path, reason: impl fmt::Display) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.to_string() }
    }
}

/// What stopped being a number in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The loss of a training step.
    TrainLoss,
    /// The loss on the validation data, with weights that are numbers.
    ValidLoss,
    /// A weight, by its name.
    Weight(String),
}

impl Broken {
    fn advice(&self) -> &'static str {
        match self {
            Self::TrainLoss | Self::Weight(_) => "start anew with a lower rate or clipped gradients",
            Self::ValidLoss => {
                "the weights are numbers, so look for what is none in the validation data, else start anew with a lower rate"
            }
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TrainLoss => f.write_str("the training loss"),
            Self::ValidLoss => f.write_str("the validation loss"),
            Self::Weight(name) => write!(f, "the weight {name}"),
        }
    }
}

/// What a device's memory did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shortage {
    /// What the device calls itself.
    pub device: String,
    /// Bytes of the buffer asked for; `None` where the driver does not say.
    pub asked: Option<u64>,
    /// The device's memory; `None` where it no longer answers.
    pub memory: Option<DeviceMemory>,
    /// Rows of a batch.
    pub batch_size: usize,
    /// Rows of a batch to try; `None` where no smaller one helps.
    pub try_batch_size: Option<usize>,
    /// A parameter that is larger than the device's largest buffer, with its shape.
    pub parameter: Option<(String, Vec<usize>)>,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { device, batch_size, .. } = self;
        let largest = self.memory.map(|memory| memory.largest_buffer);
        if let (Some((name, shape)), Some(largest)) = (&self.parameter, largest) {
            return write!(
                f,
                "the parameter {name} of shape {shape:?} takes {}, and the largest buffer of {device} holds {}: no \
                 batch size helps; take a smaller model or another device",
                Bytes(bytes_of(shape)),
                Bytes(largest)
            );
        }
        match (self.asked, largest) {
            (Some(asked), Some(largest)) if asked > largest => write!(
                f,
                "a batch of {batch_size} rows asks for a buffer of {}, and the largest of {device} holds {}",
                Bytes(asked),
                Bytes(largest)
            )?,
            (Some(asked), _) => write!(f, "{device} has no room for a buffer of {}", Bytes(asked))?,
            (None, _) => write!(f, "{device} has no room for a buffer of a batch of {batch_size} rows")?,
        }
        if let Some(DeviceMemory { largest_buffer, held, all }) = self.memory
            && self.asked.is_none_or(|asked| asked <= largest_buffer)
        {
            match all {
                Some(all) => write!(
                    f,
                    ": this process holds {} of its {}, so at most {} are free",
                    Bytes(held),
                    Bytes(all),
                    Bytes(all.saturating_sub(held))
                )?,
                None => write!(
                    f,
                    ": this process holds {} of its memory, and the driver does not say how much is free; its largest \
                     buffer holds {}",
                    Bytes(held),
                    Bytes(largest_buffer)
                )?,
            }
        }
        match self.try_batch_size {
            Some(rows) => write!(f, "; try a batch size of {rows} instead of {batch_size}"),
            None => write!(f, "; no smaller batch helps: take a smaller model, shorter rows or another device"),
        }
    }
}

/// A number of bytes for a person.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        match units.into_iter().find(|&(unit, _)| self.0 >= unit) {
            Some((unit, name)) => write!(f, "{:.1} {name}", self.0 as f64 / unit as f64),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

/// Bytes of a parameter of 32-bit floats.
pub(crate) fn bytes_of(shape: &[usize]) -> u64 {
    shape.iter().map(|&size| size as u64).product::<u64>() * size_of::<f32>() as u64
}
