//! The errors of this crate.

use kiln_base::{FileError, OptionError};

/// Predictions that cannot be evaluated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There are no rows.
    #[error("at least one row is needed, found no rows")]
    NoRows,
    /// A classifier with fewer than two classes.
    #[error("at least two classes are needed, found {found}")]
    TooFewClasses {
        /// How many there are.
        found: usize,
    },
    /// A report of labels without label names.
    #[error("at least one label is needed, found none")]
    NoLabels,
    /// An option is outside its range.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// Truth and predictions differ in length.
    #[error("{what}: expected {expected}, found {found}")]
    Length {
        /// What is counted.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A class that has no name.
    #[error("row {row} (counted from 0): {what} is class {class}, but there are only {classes} class names")]
    UnknownClass {
        /// The row.
        row: usize,
        /// The truth or the prediction.
        what: &'static str,
        /// The class.
        class: u32,
        /// How many names there are.
        classes: usize,
    },
    /// A number that is not a probability.
    #[error(
        "row {row} (counted from 0): the probability of class {class} should be a number from 0 to 1, found {found}"
    )]
    NotAProbability {
        /// The row.
        row: usize,
        /// The class.
        class: usize,
        /// The number.
        found: f64,
    },
    /// Probabilities that do not add up.
    #[error("row {row} (counted from 0): its probabilities should add up to 1, found {found}")]
    Sum {
        /// The row.
        row: usize,
        /// Their sum.
        found: f64,
    },
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A picture cannot be drawn.
    #[error("cannot draw {path}: {message}")]
    Plot {
        /// The file.
        path: String,
        /// Why not.
        message: String,
    },
}

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;
