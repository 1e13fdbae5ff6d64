//! The errors of this crate.

use std::fmt;
use std::path::{Path, PathBuf};

use burn::tensor::TensorReadError;
use kiln_base::{FileError, OptionError};
use kiln_kernels::DeviceMemory;

use crate::device_failure::OfDevice;

/// What can go wrong when an artifact is written, loaded or asked.
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
    /// The program does not know the model or the encoder of an artifact.
    #[error(
        "{}: this program does not know the {what} {name:?}; it knows {known}. Read the artifact with the program that wrote \
         it, or tell this one of it by a `Registry`",
        path.display()
    )]
    Unknown {
        /// The artifact's `config.json`.
        path: PathBuf,
        /// A model or an encoder.
        what: &'static str,
        /// Its name.
        name: String,
        /// The names that the program knows, and which of them may have been meant.
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

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// After another sentence, where there is something to say.
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
