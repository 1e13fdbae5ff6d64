//! [`LineCorpus`]: a sentence a line. Leaves out how lines are read (`lines.rs`).

use std::path::PathBuf;

use super::lines::LineRows;
use crate::corpora::corpus_documents::CorpusDocuments;
use crate::corpora::documents::Document;
use crate::error::Result;

/// Files with a document a line, plain or gzip, read one behind the other.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let (neg, pos) = (folder.path().join("rt.neg"), folder.path().join("rt.pos"));
/// # std::fs::write(&neg, "a bore .\n").unwrap();
/// # std::fs::write(&pos, "a joy .\nfine .\n").unwrap();
/// use kiln_text::corpora::LineCorpus;
///
/// let mut documents = LineCorpus::new([&neg, &pos]).label_by_file(true).documents()?;
/// let documents = documents.collect_documents(["neg", "pos"])?;
/// assert_eq!(documents.labels(), [0, 1, 1]);
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineCorpus {
    paths: Vec<PathBuf>,
    label_by_file: bool,
    skip_empty: bool,
}

impl LineCorpus {
    /// Takes the files in the order given.
    pub fn new(paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self { paths: paths.into_iter().map(Into::into).collect(), label_by_file: false, skip_empty: false }
    }

    setters! {
        /// Whether a document's label is the place of its file among those given. Default: false, and all labels are 0.
        label_by_file(label_by_file: bool) => label_by_file = label_by_file;

        /// Whether to pass over lines of white space alone. Default: false, and they are documents.
        skip_empty(skip_empty: bool) => skip_empty = skip_empty;
    }

    /// Reads the documents, from the first.
    ///
    /// # Errors
    ///
    /// [`CorpusError::NoFiles`](crate::error::CorpusError::NoFiles), and [`Error::File`](crate::Error::File) for a file that is
    /// not there. As items: [`CorpusError::Row`](crate::error::CorpusError::Row) for a line that is not UTF-8,
    /// [`CorpusError::EmptyFile`](crate::error::CorpusError::EmptyFile), [`Error::File`](crate::Error::File).
    pub fn documents(&self) -> Result<CorpusDocuments<'static>> {
        let Self { label_by_file, skip_empty, .. } = *self;
        LineRows::documents(&self.paths, move |line| {
            if skip_empty && line.text.trim().is_empty() {
                return Ok(None);
            }
            let label = if label_by_file { line.file as u32 } else { 0 };
            Ok(Some(Document { text: line.text.to_owned(), label }))
        })
    }
}
