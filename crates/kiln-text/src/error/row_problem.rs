//! [`RowProblem`]: what is wrong with one row of a corpus file. Leaves out which file and line, which
//! [`CorpusError::Row`](crate::error::CorpusError::Row) adds.

use super::quoted;

/// What is wrong with one row of a corpus file.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RowProblem {
    /// It is not UTF-8.
    #[error(
        "not UTF-8, the first invalid byte of {place} is at offset {offset}: set the corpus's `encoding`, such as `Encoding::WINDOWS_1252` for Latin-1"
    )]
    NotUtf8 {
        /// What was being read: `the line` or `the field`.
        place: &'static str,
        /// The offset in it.
        offset: usize,
    },

    /// It has too few fields, or too many.
    #[error(
        "expected {expected} fields, found {found}{}",
        if *quote_after_space { ": a field begins with a space and a quote; set `.skip_initial_space(true)` to read it as quoted" } else { "" }
    )]
    Fields {
        /// How many the first row has, or the format prescribes.
        expected: usize,
        /// How many it has.
        found: usize,
        /// Whether a field begins with a space and a quote.
        quote_after_space: bool,
    },

    /// A quoted field does not end before the file does.
    #[error("a quote opens in this row and does not close before the end of the file")]
    UnclosedQuote,

    /// A quoted field does not end with the quote that closes it. Reading goes on with the line behind.
    #[error(
        "expected a delimiter or the end of the line after the closing quote in line {closed}, found text: if quotes are \
         letters like any other, set `.quote(None)`{}",
        if *is_escaped { "" } else { "; if \\\" is a quote in a field, set `.escape(b'\\\\')`" }
    )]
    BehindQuote {
        /// The line of the closing quote, counted from 1.
        closed: u64,
        /// Whether an escape is set.
        is_escaped: bool,
    },

    /// It is longer than any row should be, which an unclosed quote brings about.
    #[error("the row has more than {limit} bytes: look for a quote that opens and does not close")]
    TooLong {
        /// The limit.
        limit: u64,
    },

    /// Its label stands for no class.
    #[error("the label should be {expected}, found {}", quoted(.found))]
    Label {
        /// The labels there are, in words.
        expected: String,
        /// The label in the row.
        found: String,
    },

    /// It is not JSON, or not an object.
    #[error("not a JSON object, at column {column}: {problem}")]
    Json {
        /// The column, counted in bytes from 1.
        column: usize,
        /// What the parser said.
        problem: String,
    },

    /// It has no such field.
    #[error("there is no field {field:?}; there are {}", if .found.is_empty() { "none".into() } else { .found.join(", ") })]
    NoField {
        /// The field.
        field: String,
        /// The fields that are there, in quotes.
        found: Vec<String>,
    },

    /// A field is of the wrong type.
    #[error("the field {field:?} should be {expected}, found {found}")]
    FieldType {
        /// The field.
        field: String,
        /// The type it should have, in words.
        expected: &'static str,
        /// What it holds.
        found: String,
    },
}
