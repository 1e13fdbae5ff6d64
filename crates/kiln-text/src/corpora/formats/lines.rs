//! Files of lines: opening them, plain or gzip, and reading them line by line with line numbers.

use std::fs;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use kiln_base::{Encoding, Input};

use crate::corpora::corpus_documents::{CorpusDocuments, Rows};
use crate::corpora::documents::Document;
use crate::error::{CorpusError, Error, Result, RowProblem};

/// Opens a text file that is not empty, as UTF-8, unpacked if it is gzip and without a byte order mark.
///
/// # Errors
///
/// [`Error::File`]; [`CorpusError::EmptyFile`] if the file is empty.
pub(crate) fn open(path: &Path, encoding: Encoding, read: &Arc<AtomicU64>) -> Result<Input> {
    let input = Input::decoded(path, encoding, read)?;
    match input.head() {
        [] => Err(CorpusError::EmptyFile { path: path.to_path_buf() }.into()),
        _ => Ok(input),
    }
}

/// The total size of the files on the disk in bytes.
///
/// # Errors
///
/// [`CorpusError::NoFiles`] without a file, [`Error::File`] for a missing one.
pub(crate) fn total_bytes(paths: &[PathBuf]) -> Result<u64> {
    if paths.is_empty() {
        return Err(CorpusError::NoFiles.into());
    }
    paths.iter().map(|path| fs::metadata(path).map(|file| file.len()).map_err(Error::io("read", path))).sum()
}

/// `name` in a folder, or `name.gz` if only that exists.
pub(crate) fn plain_or_gz(folder: &Path, name: &str) -> PathBuf {
    let (plain, packed) = (folder.join(name), folder.join(format!("{name}.gz")));
    if !plain.exists() && packed.exists() { packed } else { plain }
}

/// One line of a file.
pub(crate) struct Line<'a> {
    pub(crate) path: &'a Path,
    /// The index of the file among those given.
    pub(crate) file: usize,
    /// Counted from 1.
    pub(crate) number: u64,
    /// The text without its line end.
    pub(crate) text: &'a str,
}

impl Line<'_> {
    pub(crate) fn bad(&self, problem: RowProblem) -> Error {
        Error::Corpus(CorpusError::Row { path: self.path.to_path_buf(), line: self.number, problem })
    }
}

/// The lines of several files, each turned into a document, or skipped, by `parse`. Lines end in LF or CR LF.
pub(crate) struct LineRows<F> {
    paths: Vec<PathBuf>,
    encoding: Encoding,
    /// The file being read, or to be opened next.
    file: usize,
    contents: Option<Box<dyn BufRead + Send>>,
    number: u64,
    line: Vec<u8>,
    read: Arc<AtomicU64>,
    parse: F,
}

impl<F: FnMut(Line) -> Result<Option<Document>> + Send + 'static> LineRows<F> {
    /// The documents of `paths`, whose classes have `class_names`.
    pub(crate) fn documents(
        paths: &[PathBuf],
        encoding: Encoding,
        class_names: Vec<String>,
        parse: F,
    ) -> Result<CorpusDocuments<'static>> {
        let total = total_bytes(paths)?;
        let read = Arc::<AtomicU64>::default();
        let rows = Self {
            paths: paths.to_vec(),
            encoding,
            file: 0,
            contents: None,
            number: 0,
            line: Vec::new(),
            read: Arc::clone(&read),
            parse,
        };
        Ok(CorpusDocuments::new(rows, read, total, class_names))
    }

    /// The next line's document, `Some(None)` if the line is not a document, or `None` at the end.
    fn next_line(&mut self) -> Result<Option<Option<Document>>> {
        let Some(path) = self.paths.get(self.file) else { return Ok(None) };
        let contents = match &mut self.contents {
            Some(contents) => contents,
            None => {
                self.number = 0;
                self.contents.insert(open(path, self.encoding, &self.read)?.into_lines())
            }
        };
        self.line.clear();
        if contents.read_until(b'\n', &mut self.line).map_err(Error::io("read", path))? == 0 {
            self.contents = None;
            self.file += 1;
            return Ok(Some(None));
        }
        self.number += 1;
        let bytes = self.line.as_slice();
        let bytes = bytes.strip_suffix(b"\n").map_or(bytes, |line| line.strip_suffix(b"\r").unwrap_or(line));
        let line = |text| Line { path, file: self.file, number: self.number, text };
        match std::str::from_utf8(bytes) {
            Ok(text) => (self.parse)(line(text)).map(Some),
            Err(error) => Err(line("").bad(RowProblem::NotUtf8 { place: "the line", offset: error.valid_up_to() })),
        }
    }
}

impl<F: FnMut(Line) -> Result<Option<Document>> + Send + 'static> Rows for LineRows<F> {
    fn next_row(&mut self) -> Option<Result<Document>> {
        loop {
            match self.next_line() {
                Ok(None) => return None,
                Ok(Some(None)) => {}
                Ok(Some(Some(document))) => return Some(Ok(document)),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
