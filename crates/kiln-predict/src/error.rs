//! The errors of this crate.

use std::fmt;
use std::path::{Path, PathBuf};

use burn::tensor::TensorReadError;
use kiln_base::{FileError, OptionError};
use kiln_kernels::DeviceMemory;

use crate::device_failure::OfDevice;

/// What can go wrong when an artifact is written, loaded or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// An option is outside its range.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// A file of an artifact is damaged.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder lacks a file that an artifact needs.
    #[error("{} is not a complete artifact: it lacks {file}; it holds {found}", path.display())]
    MissingFile {
        /// The folder.
        path: PathBuf,
        /// The file.
        file: &'static str,
        /// What the folder holds.
        found: String,
    },
    /// An artifact is of another kind than the one asked for.
    #[error("{} holds a {found}, but a {expected} was asked for: load it as a {found}", path.display())]
    ArtifactKind {
        /// The folder.
        path: PathBuf,
        /// The kind asked for.
        expected: &'static str,
        /// The kind found.
        found: String,
    },
    /// The program does not know the model or the encoder of an artifact.
    #[error(
        "{}: this program does not know the {what} {name:?}; it knows {known}: load the artifact with the program that \
         wrote it, or with a `Registry` that holds the {what}",
        path.display()
    )]
    Unknown {
        /// The artifact's `config.json`.
        path: PathBuf,
        /// A model or an encoder.
        what: &'static str,
        /// Its name.
        name: String,
        /// The names that the program knows, and the one that was probably meant.
        known: String,
    },
    /// Parts of an artifact, or a model and its input, do not fit together.
    #[error("{what}: expected {expected}, found {found}")]
    Data {
        /// What is compared.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A result could not be read from the device.
    #[error("the device failed: {0}")]
    Device(TensorReadError),
    /// A device has too little memory for a step.
    #[error("{shortage}{}", then(kept))]
    OutOfMemory {
        /// What was requested, and what the device has.
        shortage: Box<Shortage>,
        /// What the run has kept; empty outside of a run.
        kept: String,
    },
    /// A GPU failed: it was lost (its driver was reset, a kernel took too long, or the card was removed), or work on it
    /// ended without a result.
    #[error("the device {device} failed: {reason}{}", then(kept))]
    DeviceFailed {
        /// The device's own name.
        device: String,
        /// What its driver reports.
        reason: String,
        /// What the run has kept, and how to continue it; empty outside of a run.
        kept: String,
    },
    /// The model has nothing to train.
    #[error("the model has no parameters, so there is nothing to train or to run on a device")]
    NoParameters,
    /// A model's weights or configuration.
    #[error(transparent)]
    Model(#[from] kiln_models::Error),
    /// Text or a tokenizer.
    #[error(transparent)]
    Text(#[from] kiln_text::Error),
}

/// The result type of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A text that follows another sentence, if there is one.
fn then(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("; {text}") }
}

impl OfDevice for Error {
    fn is_of_device(&self) -> bool {
        matches!(self, Self::Device(_))
    }
}

impl Error {
    pub(crate) fn damaged(path: &Path, reason: impl fmt::Display) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn data(what: &'static str, expected: impl Into<String>, found: impl fmt::Display) -> Self {
        Self::Data { what, expected: expected.into(), found: found.to_string() }
    }
}

/// A request that did not fit into a device's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shortage {
    /// The device's own name.
    pub device: String,
    /// Bytes of the requested buffer; `None` if the driver does not say.
    pub asked: Option<u64>,
    /// The device's memory; `None` if it no longer answers.
    pub memory: Option<DeviceMemory>,
    /// Rows of a batch.
    pub batch_size: usize,
    /// Rows of a batch to try; `None` if no smaller batch helps.
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
                "the parameter {name} of shape {shape:?} needs {}, but the largest buffer of {device} holds {}: no \
                 batch size helps; use a smaller model or another device",
                Bytes(bytes_of(shape)),
                Bytes(largest)
            );
        }
        match (self.asked, largest) {
            (Some(asked), Some(largest)) if asked > largest => write!(
                f,
                "a batch of {batch_size} rows needs a buffer of {}, but the largest of {device} holds {}",
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
            None => write!(f, "; no smaller batch helps: use a smaller model, shorter rows or another device"),
        }
    }
}

/// A number of bytes, formatted for people.
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
