//! The error type of this crate. Bugs of the crate panic instead.

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

    /// A text could not be read, or a file of texts could not be written.
    #[error(transparent)]
    Text(#[from] kiln_text::Error),

    /// An option has an invalid value.
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
        /// The prefix of labels.
        prefix: String,
    },

    /// The validation text has nothing to judge a model by.
    #[error(
        "the validation text has {lines} lines, but none with both a word and a label of the training text: \
         write lines such as \"{prefix}good I liked it\", with labels of the training text"
    )]
    NothingToValidate {
        /// How many lines were read.
        lines: usize,
        /// The prefix of labels.
        prefix: String,
    },

    /// The lines are sorted by label, and `shuffle` is not set.
    #[error(
        "the {lines} lines are sorted by label ({labels} labels), so the learning rate falls before the last label is \
         seen: shuffle the lines, or set `shuffle` to a seed"
    )]
    SortedLines {
        /// How many lines were read.
        lines: usize,
        /// How many labels there are.
        labels: usize,
    },

    /// A model of this size does not fit into memory or into its file format.
    #[error(
        "a table of {rows} rows of {d} numbers does not fit ({bytes} bytes): use fewer buckets, a smaller d, or a \
         larger min_count"
    )]
    TooLarge {
        /// Rows of the table.
        rows: usize,
        /// Numbers in a row.
        d: usize,
        /// Bytes of the table.
        bytes: u128,
    },

    /// The loss left the range of floats.
    #[error(
        "the loss is not a number after {tokens} tokens, at a learning_rate of {learning_rate}: use a smaller one; the \
         model is not kept"
    )]
    Diverged {
        /// Tokens seen.
        tokens: u64,
        /// The learning rate at that point.
        learning_rate: f32,
    },

    /// The observer stopped the training.
    #[error("the observer stopped the training after {tokens} of {total_tokens} tokens; the model is not kept")]
    Stopped {
        /// Tokens seen.
        tokens: u64,
        /// Tokens of all epochs.
        total_tokens: u64,
    },

    /// A class has no documents.
    #[error("the class {class:?} has no document to learn from: remove its name, or add documents")]
    EmptyClass {
        /// The class.
        class: String,
    },

    /// The numbers of class names and classes differ.
    #[error("{expected} class names are needed, one for each class, found {found}")]
    ClassNames {
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },

    /// Numbers do not make a valid model.
    #[error("{problem}")]
    BadParts {
        /// What is expected and what was found.
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

    /// The number of labels or weights differs from that of the rows.
    #[error("{rows} rows need {rows} {what}, one each, found {found}")]
    UnevenRows {
        /// How many rows.
        rows: usize,
        /// What every row needs: `labels` or `weights`.
        what: &'static str,
        /// How many of them.
        found: usize,
    },

    /// Rows have another number of columns than the model.
    #[error(
        "the rows should have {expected} columns, as the model has, found {found}: use the features it was fitted with"
    )]
    Columns {
        /// The model's columns.
        expected: usize,
        /// The rows' columns.
        found: usize,
    },

    /// The labels have fewer than two classes.
    #[error("a classifier needs rows of at least two classes, found only label {label} in {rows} rows")]
    OneClass {
        /// The only label; 0 if there are no rows.
        label: u32,
        /// How many rows.
        rows: usize,
    },

    /// The highest label is far too high for the number of rows: labels are numbers from 0 without gaps.
    #[error(
        "the highest label is {highest}, so there would be {} classes for {rows} rows: number the classes from 0 \
         without gaps",
        u64::from(*.highest) + 1
    )]
    TooManyClasses {
        /// The highest label.
        highest: u32,
        /// How many rows.
        rows: usize,
    },

    /// The objective left the range of 64-bit floats.
    #[error("the objective should be finite, but is not with c = {c}: scale the rows, or use another c")]
    NotFinite {
        /// The weight of the loss.
        c: f64,
    },

    /// A row or a weight has a number that cannot be used.
    #[error(
        "{what} of row {row} (counted from 0) should be finite{}, found {found}",
        if *.not_negative { " and at least 0" } else { "" }
    )]
    BadNumber {
        /// `a value` or `the weight`.
        what: &'static str,
        /// The row, from 0.
        row: usize,
        /// The number.
        found: f64,
        /// Whether negative numbers are refused, too.
        not_negative: bool,
    },
}
