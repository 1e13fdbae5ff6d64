//! [`CorpusError`]: an error in the files of a corpus. Errors within a row are in `row_problem.rs`.

use std::path::PathBuf;

use super::{RowProblem, quoted};

/// How many columns a message lists.
const MOST_COLUMNS: usize = 20;

/// An error in the files of a corpus.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// A corpus file is empty.
    #[error("{} is empty: a corpus needs at least one line in every file", .path.display())]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },

    /// The documents of a corpus have no labels.
    #[error(
        "the corpus has no labels, so its documents have no classes: set `label` of a `DelimitedCorpus` or \
         `JsonLinesCorpus`, or `label_by_file` of a `LineCorpus`; to read only the texts, call `texts`"
    )]
    NoLabels,

    /// A document's file is not UTF-8. [`BadRow::Skip`](crate::corpora::BadRow) skips such files.
    #[error(
        "{file} is not UTF-8: the first invalid byte is at offset {offset}; set the corpus's `encoding`, for example \
         `Encoding::WINDOWS_1252` for Latin-1, or `Encoding::UTF_8_LOSSY` to replace invalid bytes by U+FFFD"
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

    /// A column is missing, in the header or by its number.
    #[error("{}, line 1, should have the column {column}, found {}", .path.display(), columns(.found))]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column requested; a name is quoted.
        column: String,
        /// The columns found.
        found: Vec<String>,
    },

    /// The first row should name the columns, but has a label in the label column.
    #[error(
        "{}, line 1, should name the columns, found the label {} in it: for files without such a line set `headers(false)`",
        .path.display(),
        quoted(.label)
    )]
    NoHeader {
        /// The file.
        path: PathBuf,
        /// The value in the label column.
        label: String,
    },

    /// A row of a corpus file is not a valid document. [`BadRow::Skip`](crate::corpora::BadRow) skips such rows.
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
