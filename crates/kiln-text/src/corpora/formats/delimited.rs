//! [`DelimitedCorpus`]: columns separated by commas, tabs or another character. Rows and their lines are found in
//! `rows.rs`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::labels::Labels;
use super::lines::total_bytes;
use super::rows::{Dialect, Row, RowReader};
use kiln_base::{Column, Encoding};

use crate::corpora::corpus_documents::{CorpusDocuments, Rows};
use crate::corpora::documents::Document;
use crate::error::{CorpusError, Error, Result, RowProblem};

/// Files of rows with delimited fields, plain or gzip, of which one or two columns are read.
///
/// A field may be quoted, and may then contain delimiters, line ends, and quotes written twice. Every row of a file has
/// as many fields as the first. Empty lines are skipped.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("reviews.tsv");
/// # std::fs::write(&path, "id\tlabel\treview\n7\tpos\t\"so \"\"good\"\"\"\n8\tneg\tdull\n").unwrap();
/// use kiln_text::corpora::{DelimitedCorpus, Labels};
///
/// let corpus = DelimitedCorpus::new([&path]).delimiter(b'\t').text("review").label(1, Labels::names(["neg", "pos"]));
/// let documents = corpus.documents()?.collect_documents()?;
/// assert_eq!(documents.texts().collect::<Vec<_>>(), ["so \"good\"", "dull"]);
/// assert_eq!(documents.labels(), [1, 0]);
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelimitedCorpus {
    paths: Vec<PathBuf>,
    dialect: Dialect,
    encoding: Encoding,
    headers: bool,
    text: Column,
    label: Option<(Column, Labels)>,
}

impl DelimitedCorpus {
    /// Reads the files in the order given.
    pub fn new(paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self {
            paths: paths.into_iter().map(Into::into).collect(),
            dialect: Dialect::default(),
            encoding: Encoding::UTF_8,
            headers: true,
            text: Column::Number(0),
            label: None,
        }
    }

    setters! {
        /// The byte that separates fields. Default: a comma.
        ///
        /// Tab-separated files are often written without quoting: set [`quote`](Self::quote) to `None` for them.
        delimiter(delimiter: u8) => dialect.delimiter = delimiter;

        /// The byte that encloses a field, or `None` if fields are never enclosed and quotes are ordinary characters.
        /// Default: `"`.
        ///
        /// A quote encloses a field only if it is the field's first byte; further in it is an ordinary character. The
        /// closing quote must end the field. If text follows it, as in `"nice" film`, the line that the row begins in
        /// is a bad row, [`RowProblem::BehindQuote`], and reading continues with the next line. A file with such rows
        /// was most likely written without quoting and should be read with `None`; otherwise fields that open a quote
        /// may swallow the lines below.
        quote(quote: impl Into<Option<u8>>) => dialect.quote = quote.into();

        /// The byte that makes the next byte an ordinary character, inside and outside quotes, and is itself dropped: a
        /// backslash in files written by Spark and MySQL, as in `"he said \"no\""`. Escape sequences are not decoded:
        /// `\n` is read as "n", MySQL's `\N` as "N". Default: none. Python's `escapechar`.
        escape(escape: impl Into<Option<u8>>) => dialect.escape = escape.into();

        /// Whether spaces after a delimiter are dropped, as in `1, "a, b"`, so that a quote after them encloses the
        /// field. Default: false; they are then part of the field. Python's `skipinitialspace`.
        skip_initial_space(skip: bool) => dialect.skip_initial_space = skip;

        /// The encoding of the files. Default: UTF-8, the only one that refuses invalid bytes; the others replace them
        /// by U+FFFD.
        encoding(encoding: Encoding) => encoding = encoding;

        /// Whether the first row of every file names the columns. Default: true.
        headers(headers: bool) => headers = headers;

        /// The column that holds the text. Default: the first.
        text(column: impl Into<Column>) => text = column.into();

        /// The column that holds the label, and its classes. Default: none; the documents then have no classes.
        label(column: impl Into<Column>, labels: Labels) => label = Some((column.into(), labels));
    }

    /// Reads the documents from the beginning.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] if delimiter, quote and escape are not different bytes, or are line ends;
    /// [`CorpusError::NoFiles`]; [`Error::File`] for a missing file. As items: [`CorpusError::Row`] for a row that is
    /// shorter or longer than the first, is not UTF-8, has a quote that is not closed or does not end its field, or has
    /// a label without a class; [`CorpusError::NoColumn`] if the first row lacks a column; [`CorpusError::NoHeader`] if
    /// it should be a header and has a label; [`CorpusError::EmptyFile`]; [`Error::File`].
    pub fn documents(&self) -> Result<CorpusDocuments<'static>> {
        self.dialect.check()?;
        let total = total_bytes(&self.paths)?;
        let read = Arc::<AtomicU64>::default();
        let rows = DelimitedRows { corpus: self.clone(), file: 0, open: None, read: Arc::clone(&read) };
        let class_names = self.label.as_ref().map(|(_, labels)| labels.class_names().to_vec()).unwrap_or_default();
        Ok(CorpusDocuments::new(rows, read, total, class_names))
    }
}

/// A file being read, and what its first row says.
struct OpenFile {
    rows: RowReader,
    /// How many fields every row has.
    fields: usize,
    text: usize,
    label: Option<usize>,
    /// A first row that is not a header and has not been returned yet.
    first: bool,
}

struct DelimitedRows {
    corpus: DelimitedCorpus,
    /// The file being read, or to be opened next.
    file: usize,
    open: Option<OpenFile>,
    read: Arc<AtomicU64>,
}

impl DelimitedRows {
    /// Opens the next file and reads its first row. `None` at the end, or if there is no row.
    fn open_next(&mut self) -> Result<Option<OpenFile>> {
        let corpus = &self.corpus;
        let Some(path) = corpus.paths.get(self.file) else { return Ok(None) };
        let mut rows = RowReader::open(path, corpus.dialect, corpus.encoding, &self.read)?;
        let Some(first) = rows.next_row()? else { return Err(CorpusError::EmptyFile { path: path.clone() }.into()) };
        let names: Vec<String> = first.fields().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
        let find = |column: &Column| {
            let is_there = corpus.headers || matches!(column, Column::Number(_));
            column.find(&names).filter(|_| is_there).ok_or_else(|| {
                Error::Corpus(CorpusError::NoColumn {
                    path: path.clone(),
                    column: match is_there {
                        true => column.to_string(),
                        false => format!("{column} (with `headers(false)` columns have numbers only, from 0)"),
                    },
                    found: names.clone(),
                })
            })
        };
        let (text, label) = (find(&corpus.text)?, corpus.label.as_ref().map(|(column, _)| find(column)).transpose()?);
        if let (true, Some(label), Some((Column::Number(_), labels))) = (corpus.headers, label, &corpus.label)
            && labels.class(&names[label]).is_ok()
            && !is_numbered(&names)
        {
            let (path, label) = (path.clone(), names[label].clone());
            return Err(CorpusError::NoHeader { path, label }.into());
        }
        Ok(Some(OpenFile { rows, fields: names.len(), text, label, first: !corpus.headers }))
    }

    /// The next document, `Some(None)` at the end of a file, or `None` at the end of all files.
    fn next_document(&mut self) -> Result<Option<Option<Document>>> {
        if self.open.is_none() {
            self.open = match self.open_next() {
                Ok(open) => open,
                // If the first row cannot be read, the rest of this file cannot be either.
                Err(error) => {
                    self.file += 1;
                    return Err(error);
                }
            };
        }
        let Some(open) = &mut self.open else { return Ok(None) };
        let row = if std::mem::take(&mut open.first) { Some(open.rows.same_row()) } else { open.rows.next_row()? };
        let Some(row) = row else {
            self.open = None;
            self.file += 1;
            return Ok(Some(None));
        };
        let labels = self.corpus.label.as_ref().map(|(_, labels)| labels);
        document(&row, self.corpus.dialect, open.fields, open.text, open.label.zip(labels))
            .map(|document| Some(Some(document)))
            .map_err(|problem| row.bad(problem))
    }
}

/// Whether a header is only column numbers, as pandas writes it for a table without names, with or without an index
/// column.
fn is_numbered(names: &[String]) -> bool {
    let names = names.strip_prefix(&[String::new()]).unwrap_or(names);
    names.iter().enumerate().all(|(at, name)| *name == at.to_string())
}

fn document(
    row: &Row,
    dialect: Dialect,
    fields: usize,
    text: usize,
    label: Option<(usize, &Labels)>,
) -> std::result::Result<Document, RowProblem> {
    let found = row.fields().len();
    if found != fields {
        let opens = |field: &[u8]| field.len() > 1 && field[0] == b' ' && dialect.quote == Some(field[1]);
        let quote_after_space = !dialect.skip_initial_space && row.fields().any(opens);
        return Err(RowProblem::Fields { expected: fields, found, quote_after_space });
    }
    let field = |column| {
        let bytes = row.fields().nth(column).unwrap_or_default();
        let not_utf8 =
            |error: std::str::Utf8Error| RowProblem::NotUtf8 { place: "the field", offset: error.valid_up_to() };
        std::str::from_utf8(bytes).map_err(not_utf8)
    };
    let label = match label {
        Some((column, labels)) => labels.class(field(column)?)?,
        None => 0,
    };
    Ok(Document { text: field(text)?.to_owned(), label })
}

impl Rows for DelimitedRows {
    fn next_row(&mut self) -> Option<Result<Document>> {
        loop {
            match self.next_document() {
                Ok(None) => return None,
                Ok(Some(None)) => {}
                Ok(Some(Some(document))) => return Some(Ok(document)),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
