//! The one error type of this crate. Bugs of the crate itself panic.

use std::path::PathBuf;

use kiln_base::{FileError, OptionError};

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong between labelled texts and a linear model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused a file or folder.
    #[error(transparent)]
    File(#[from] FileError),

    /// A text could not be read, or a file of texts not be written.
    #[error(transparent)]
    Text(#[from] kiln_text::Error),

    /// An option has a value that it cannot have.
    #[error(transparent)]
    Option(#[from] OptionError),

    /// The training text has nothing to learn from.
    #[error(
        "the training text has {lines} lines, but none with both a label and a word that are kept: \
         write lines such as \"{prefix}good I liked it\", and check min_count and min_count_label"
    )]
    NothingToLearn {
        /// How many lines were read.
        lines: usize,
        /// What labels begin with.
        prefix: String,
    },

    /// The lines are sorted by label, and `shuffle` is not set.
    #[error(
        "the {lines} lines are sorted by label ({labels} labels), so the learning rate has fallen before the last label is seen: \
         shuffle the lines, or set `shuffle` to a seed"
    )]
    SortedLines {
        /// How many lines were read.
        lines: usize,
        /// How many labels there are.
        labels: usize,
    },

    /// The model of this size does not fit into memory or into its file format.
    #[error(
        "a table of {rows} rows of {d} numbers cannot be had ({bytes} bytes): take fewer buckets, a smaller d, or a larger \
         min_count"
    )]
    TooLarge {
        /// Rows of the table.
        rows: usize,
        /// Numbers in a row.
        d: usize,
        /// Bytes of the table.
        bytes: u128,
    },

    /// Training went out of what floats can hold.
    #[error(
        "the loss is not a number any more after {tokens} tokens at a learning rate of {learning_rate}: take a smaller \
         learning rate; the model is not kept"
    )]
    Diverged {
        /// Tokens seen.
        tokens: u64,
        /// The rate there.
        learning_rate: f32,
    },

    /// The observer asked to stop.
    #[error("stopped after {tokens} of {total_tokens} tokens, as asked; the model is not kept")]
    Stopped {
        /// Tokens seen.
        tokens: u64,
        /// Tokens of all epochs.
        total_tokens: u64,
    },

    /// A class that no document is of.
    #[error("the class {class:?} has no document to learn from: remove its name, or add documents")]
    EmptyClass {
        /// The class.
        class: String,
    },

    /// There are not as many names as classes.
    #[error("{expected} class names are needed, one for each class, found {found}")]
    ClassNames {
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },

    /// Numbers are not those of a model.
    #[error("these numbers make no model: {problem}")]
    BadParts {
        /// What is wrong.
        problem: String,
    },

    /// A file is not a model that this crate reads.
    #[error("{} is not a model that can be read: {problem}", .path.display())]
    BadModel {
        /// The file.
        path: PathBuf,
        /// What is wrong, and at which byte where that helps.
        problem: String,
    },

    /// There are not as many labels as rows, or not as many weights.
    #[error("{rows} rows have {found} {what}: one each is needed")]
    UnevenRows {
        /// How many rows.
        rows: usize,
        /// What is given for each: `labels`, `weights`.
        what: &'static str,
        /// How many of them.
        found: usize,
    },

    /// Rows have another number of columns than the model.
    #[error(
        "the rows have {found} columns, but the model has {expected}: transform texts by what the model was fitted with"
    )]
    Columns {
        /// The model's columns.
        expected: usize,
        /// The rows' columns.
        found: usize,
    },

    /// Fewer than two classes occur in the labels.
    #[error("a classifier needs rows of two classes at least, found only label {label} in {rows} rows")]
    OneClass {
        /// The only label; 0 where there are no rows.
        label: u32,
        /// How many rows.
        rows: usize,
    },

    /// The highest label is far beyond what the rows can teach: labels are numbers from 0 up, without gaps.
    #[error(
        "the highest label is {highest}, so there would be {} classes for {rows} rows: number the classes from 0 up without \
         gaps",
        u64::from(*.highest) + 1
    )]
    TooManyClasses {
        /// The highest label.
        highest: u32,
        /// How many rows.
        rows: usize,
    },

    /// The objective went out of what 64-bit floats can hold.
    #[error("the objective is not a finite number with C = {c}: scale the rows, or take another C")]
    NotFinite {
        /// The weight of the loss.
        c: f64,
    },

    /// A number among rows or weights cannot be learned from.
    #[error("{what} of row {row} is {found}, but must be finite{}", if *.not_negative { " and not negative" } else { "" })]
    BadNumber {
        /// `a value`, `the weight`.
        what: &'static str,
        /// The row, from 0.
        row: usize,
        /// The number.
        found: f64,
        /// Whether it must not be below 0 either.
        not_negative: bool,
    },
}
