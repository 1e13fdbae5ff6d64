//! [`RowProblem`]: an error in one row of a corpus file. [`CorpusError::Row`](crate::error::CorpusError::Row) adds file
//! and line.

use super::quoted;

/// An error in one row of a corpus file.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RowProblem {
    /// The row is not UTF-8.
    #[error(
        "not UTF-8: the first invalid byte of {place} is at offset {offset}; set the corpus's `encoding`, for example \
         `Encoding::WINDOWS_1252` for Latin-1"
    )]
    NotUtf8 {
        /// What was read: `the line` or `the field`.
        place: &'static str,
        /// The offset of the first invalid byte in it.
        offset: usize,
    },

    /// The row has too few or too many fields.
    #[error(
        "expected {expected} fields, found {found}{}",
        if *quote_after_space { ": a field begins with a space and a quote; set `.skip_initial_space(true)` to read it as quoted" } else { "" }
    )]
    Fields {
        /// The number of fields of the first row, or of the format.
        expected: usize,
        /// The number of fields found.
        found: usize,
        /// Whether a field begins with a space and a quote.
        quote_after_space: bool,
    },

    /// A quoted field is not closed before the end of the file.
    #[error("a quote opened in this row is not closed before the end of the file")]
    UnclosedQuote,

    /// Text follows the closing quote of a field. Reading continues with the next line.
    #[error(
        "expected a delimiter or the end of the line after the closing quote in line {closed}, found text: if quotes \
         are ordinary characters, set `.quote(None)`{}",
        if *is_escaped { "" } else { "; if \\\" is a quote within a field, set `.escape(b'\\\\')`" }
    )]
    BehindQuote {
        /// The line of the closing quote, counted from 1.
        closed: u64,
        /// Whether an escape is set.
        is_escaped: bool,
    },

    /// The row is longer than any row should be, as after an unclosed quote.
    #[error("the row has more than {limit} bytes: look for a quote that is not closed")]
    TooLong {
        /// The limit.
        limit: u64,
    },

    /// The label does not belong to a class.
    #[error("the label should be {expected}, found {}", quoted(.found))]
    Label {
        /// The valid labels, in words.
        expected: String,
        /// The label in the row.
        found: String,
    },

    /// The row is not JSON, or not an object.
    #[error("not a JSON object, at column {column}: {problem}")]
    Json {
        /// The column, counted in bytes from 1.
        column: usize,
        /// The message of the parser.
        problem: String,
    },

    /// A field is missing.
    #[error("expected a field {field:?}, found {}", if .found.is_empty() { "none".into() } else { .found.join(", ") })]
    NoField {
        /// The field.
        field: String,
        /// The fields found, in quotes.
        found: Vec<String>,
    },

    /// The label is a list of labels.
    #[error("the field {field:?} should be a string, a number or a boolean, found a list")]
    LabelList {
        /// The field.
        field: String,
        /// The labels of the list: strings, and numbers and booleans as JSON writes them.
        found: Vec<String>,
    },

    /// A field is of the wrong type.
    #[error("the field {field:?} should be {expected}, found {found}")]
    FieldType {
        /// The field.
        field: String,
        /// The expected type, in words.
        expected: &'static str,
        /// The value found.
        found: String,
    },
}
