//! [`CorpusDocuments`]: the iterator over a corpus that is read from files one document at a time, with its handling of
//! bad rows and its progress callback. The formats are in `formats/` and in the files next to this one.
//!
//! Files may be plain or gzip, which is recognised by their first bytes. Only the current document is in memory.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::corpora::documents::{Document, Documents};
use crate::error::{CorpusError, Error, Result};
use crate::io::observed::TextProgress;
use crate::io::text::are_texts;

/// How many bad rows a report holds.
const MOST_REPORTED: usize = 10;

/// How many documents lie between two calls of a progress callback.
const DOCUMENTS_BETWEEN_CALLS: u64 = 1000;

/// What to do with a row that is not a valid document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BadRow {
    /// Return its error in its place. Iterating further returns the next row.
    #[default]
    Fail,
    /// Skip it, count it, and keep the errors of the first ten.
    Skip,
}

/// The rows that [`BadRow::Skip`] skipped.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct BadRows {
    /// How many rows were skipped.
    pub skipped: u64,
    /// The errors of the first ten: [`CorpusError::Row`] with file, line and reason, or, if each document is a file,
    /// [`CorpusError::NotUtf8`].
    pub first: Vec<Error>,
}

/// Reads a format: returns the next document, or its error. After an error that is not about a single row it is not
/// called again.
pub(crate) trait Rows: Send {
    fn next_row(&mut self) -> Option<Result<Document>>;
}

/// Whether an error is about one row, so that good rows may follow.
fn is_of_a_row(error: &Error) -> bool {
    matches!(error, Error::Corpus(CorpusError::Row { .. } | CorpusError::NotUtf8 { .. }))
}

/// The documents of a corpus, read from its files one at a time.
///
/// # Examples
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("reviews.csv");
/// # std::fs::write(&path, "text,stars\ndull,1\nodd,3\n\"fine, really\",5\n").unwrap();
/// use kiln_text::corpora::{BadRow, DelimitedCorpus, Labels};
///
/// let corpus = DelimitedCorpus::new([&path]).text("text").label("stars", Labels::map([("1", "neg"), ("5", "pos")]));
/// let mut documents = corpus.documents()?.on_bad_row(BadRow::Skip);
/// let reviews = documents.collect_documents()?;
/// assert_eq!(reviews.texts().collect::<Vec<_>>(), ["dull", "fine, really"]);
/// assert_eq!(documents.bad_rows().skipped, 1);
/// assert!(documents.bad_rows().first[0].to_string().ends_with(
///     "reviews.csv, line 3: the label should be one of \"1\", \"5\", found \"3\""
/// ));
/// # Ok::<(), kiln_text::Error>(())
/// ```
pub struct CorpusDocuments<'a> {
    rows: Box<dyn Rows>,
    on_bad_row: BadRow,
    bad_rows: BadRows,
    observe: Option<Box<dyn FnMut(TextProgress) -> ControlFlow<()> + 'a>>,
    /// Bytes read from files so far.
    read: Arc<AtomicU64>,
    total_bytes: u64,
    /// Empty if the documents have no labels.
    class_names: Vec<String>,
    documents: u64,
    done: bool,
}

impl CorpusDocuments<'_> {
    /// `class_names`: empty if the documents have no labels.
    pub(crate) fn new(
        rows: impl Rows + 'static,
        read: Arc<AtomicU64>,
        total_bytes: u64,
        class_names: Vec<String>,
    ) -> Self {
        Self {
            rows: Box::new(rows),
            on_bad_row: BadRow::default(),
            bad_rows: BadRows::default(),
            observe: None,
            read,
            total_bytes,
            class_names,
            documents: 0,
            done: false,
        }
    }

    setters! {
        /// What to do with a row that is not a valid document. Default: [`BadRow::Fail`].
        ///
        /// A file that cannot be read, is empty or lacks a column is always an error, and the last item.
        on_bad_row(on_bad_row: BadRow) => on_bad_row = on_bad_row;
    }

    /// Calls `observe` after every 1,000 documents and at the end. If it breaks, [`Error::Stopped`] is the last item.
    #[must_use]
    pub fn on_progress<'b>(self, observe: impl FnMut(TextProgress) -> ControlFlow<()> + 'b) -> CorpusDocuments<'b> {
        let Self { rows, on_bad_row, bad_rows, observe: _, read, total_bytes, class_names, documents, done } = self;
        let observe: Option<Box<dyn FnMut(TextProgress) -> ControlFlow<()> + 'b>> = Some(Box::new(observe));
        CorpusDocuments { rows, on_bad_row, bad_rows, observe, read, total_bytes, class_names, documents, done }
    }

    /// The rows skipped so far.
    pub fn bad_rows(&self) -> &BadRows {
        &self.bad_rows
    }

    /// Reads the remaining documents into memory, as [`Documents`] with the corpus's class names.
    ///
    /// # Errors
    /// [`CorpusError::NoLabels`] if the corpus has no labels, the first error among the documents, and those of
    /// [`Documents::new`].
    pub fn collect_documents(&mut self) -> Result<Documents> {
        if self.class_names.is_empty() {
            return Err(CorpusError::NoLabels.into());
        }
        Documents::new(self.collect::<Result<_>>()?, self.class_names.iter().cloned())
    }

    fn observe(&mut self) -> ControlFlow<()> {
        let progress = TextProgress {
            documents: self.documents,
            bytes: self.read.load(Ordering::Relaxed),
            total_bytes: Some(self.total_bytes),
        };
        self.observe.as_mut().map_or(ControlFlow::Continue(()), |observe| observe(progress))
    }

    fn next_document(&mut self) -> Option<Result<Document>> {
        loop {
            match self.rows.next_row() {
                Some(Err(error)) if self.on_bad_row == BadRow::Skip && is_of_a_row(&error) => {
                    self.bad_rows.skipped += 1;
                    if self.bad_rows.first.len() < MOST_REPORTED {
                        self.bad_rows.first.push(error);
                    }
                }
                next => return next,
            }
        }
    }
}

impl<'a> CorpusDocuments<'a> {
    /// Only the texts.
    pub fn texts(self) -> impl Iterator<Item = Result<String>> + use<'a> {
        self.map(|document| document.map(|document| document.text))
    }

    /// All documents as one sequence of words, split at white space: the input of a language model.
    pub fn words(self) -> impl Iterator<Item = Result<String>> + use<'a> {
        self.flat_map(|document| match document {
            Ok(Document { text, .. }) => text.split_whitespace().map(|word| Ok(word.to_owned())).collect(),
            Err(error) => vec![Err(error)],
        })
    }
}

impl Iterator for CorpusDocuments<'_> {
    type Item = Result<Document>;

    fn next(&mut self) -> Option<Result<Document>> {
        if self.done {
            return None;
        }
        let next = self.next_document();
        self.documents += u64::from(matches!(next, Some(Ok(_))));
        self.done = match &next {
            Some(Ok(_)) => false,
            Some(Err(error)) if is_of_a_row(error) => false,
            Some(Err(_)) => return next.inspect(|_| self.done = true),
            None => true,
        };
        let call = self.done || (matches!(next, Some(Ok(_))) && self.documents.is_multiple_of(DOCUMENTS_BETWEEN_CALLS));
        if call && self.observe().is_break() {
            self.done = true;
            return Some(Err(Error::Stopped { documents: self.documents }));
        }
        next
    }
}

impl fmt::Debug for CorpusDocuments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("CorpusDocuments");
        out.field("documents", &self.documents).field("bad_rows", &self.bad_rows).finish_non_exhaustive()
    }
}

are_texts!(Document, &Document);

impl AsRef<str> for Document {
    fn as_ref(&self) -> &str {
        &self.text
    }
}
