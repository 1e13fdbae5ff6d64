//! [`CorpusError`]: what is wrong with the files of a corpus. Leaves out what is wrong within a row (`row_problem.rs`),
//! and what the operating system refuses.

use std::path::PathBuf;

use super::{RowProblem, quoted};

/// The most columns that a message lists.
const MOST_COLUMNS: usize = 20;

/// What is wrong with the files of a corpus.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// A corpus file holds nothing.
    #[error("{} is empty: a corpus needs at least one line in every file", .path.display())]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },

    /// The documents of a corpus have no labels.
    #[error(
        "the corpus has no labels, so its documents have no classes: set `label` of a `DelimitedCorpus` or `JsonLinesCorpus`, \
         or `label_by_file` of a `LineCorpus`; for the texts only, call `texts`"
    )]
    NoLabels,

    /// A document's file is not UTF-8. [`BadRow::Skip`](crate::corpora::BadRow) passes over such files.
    #[error(
        "{file} is not UTF-8: the first invalid byte is at offset {offset}; set the corpus's `encoding`, such as \
         `Encoding::WINDOWS_1252` for Latin-1, or `Encoding::UTF_8_LOSSY` for U+FFFD in place of what is not UTF-8"
    )]
    NotUtf8 {
        /// The file, or archive and entry.
        file: String,
        /// The offset of the first invalid byte.
        offset: usize,
    },

    /// A corpus has no file.
    #[error("a corpus needs at least one file, found none")]
    NoFiles,

    /// A file's header lacks a column, or there is no such column.
    #[error("{}, line 1, should have the column {column}, found {}", .path.display(), columns(.found))]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column asked for, a name quoted.
        column: String,
        /// The columns there are.
        found: Vec<String>,
    },

    /// A first row that should name the columns has a label in the label's column.
    #[error(
        "{}, line 1, should name the columns, found the label {} in it: for files without such a line set `headers(false)`",
        .path.display(),
        quoted(.label)
    )]
    NoHeader {
        /// The file.
        path: PathBuf,
        /// What the label's column holds.
        label: String,
    },

    /// A row of a corpus file cannot be a document. [`BadRow::Skip`](crate::corpora::BadRow) passes over such rows.
    #[error("{}, line {line}: {problem}", .path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The line that the row begins in, counted from 1.
        line: u64,
        /// What is wrong with it.
        problem: RowProblem,
    },
}

fn columns(found: &[String]) -> String {
    let mut shown: Vec<String> = found.iter().take(MOST_COLUMNS).map(|name| quoted(name)).collect();
    if found.len() > MOST_COLUMNS {
        shown.push(format!("and {} more", found.len() - MOST_COLUMNS));
    }
    format!("[{}]", shown.join(", "))
}
