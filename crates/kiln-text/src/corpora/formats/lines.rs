//! Files of lines: opening them, plain or gzip, reading them line by line with line numbers, and dividing their lines
//! into shards.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use kiln_base::input::lines_within;
use kiln_base::{Encoding, Input, OptionError};

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
    Ok(sizes(paths)?.iter().sum())
}

fn sizes(paths: &[PathBuf]) -> Result<Vec<u64>> {
    if paths.is_empty() {
        return Err(CorpusError::NoFiles.into());
    }
    paths.iter().map(|path| fs::metadata(path).map(|file| file.len()).map_err(Error::io("read", path))).collect()
}

/// `name` in a folder, or `name.gz` if only that exists.
pub(crate) fn plain_or_gz(folder: &Path, name: &str) -> PathBuf {
    let (plain, packed) = (folder.join(name), folder.join(format!("{name}.gz")));
    if !plain.exists() && packed.exists() { packed } else { plain }
}

/// One part of the lines of some files. All parts together have every line once.
///
/// The files, one after the other, are divided into ranges of as many bytes each; a line is in the part that has its
/// first byte. A file that cannot be cut at any line feed, since it is packed, is not UTF-8 or ends its lines in CR, is
/// as a whole in the part that has its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    pub(crate) index: usize,
    pub(crate) of: usize,
}

impl Shard {
    /// All lines.
    pub(crate) const WHOLE: Self = Self { index: 0, of: 1 };

    fn pieces(self, paths: &[PathBuf]) -> Result<Vec<Piece>> {
        let sizes = sizes(paths)?;
        let Self { index, of } = self;
        OptionError::unless(index < of, "shard", "an index below the number of shards", format!("{index} of {of}"))?;
        let total: u64 = sizes.iter().sum();
        let bound = |index: usize| (u128::from(total) * index as u128 / of as u128) as u64;
        let (start, end) = (bound(index), bound(index + 1));
        let mut begins = 0;
        let mut pieces = Vec::new();
        for (file, (path, &size)) in paths.iter().zip(&sizes).enumerate() {
            let within = |place: u64| place.saturating_sub(begins).min(size);
            let range = within(start)..within(end);
            // An empty file is an error, which one part must return.
            if !range.is_empty() || size == 0 && index == 0 {
                // The last range has no end: a pipe has no size, and a file may grow.
                let end = if range.end == size { u64::MAX } else { range.end };
                pieces.push(Piece { path: path.clone(), file, start: range.start, end });
            }
            begins += size;
        }
        Ok(pieces)
    }
}

/// A range of bytes of one file.
struct Piece {
    path: PathBuf,
    /// The index of the file among those given.
    file: usize,
    start: u64,
    end: u64,
}

/// A piece that is being read.
struct OpenPiece {
    contents: Box<dyn BufRead + Send>,
    /// Where the first line begins in the file.
    first: u64,
    /// How many lines were read.
    lines: u64,
}

impl Piece {
    /// Opens the piece; `None` if the file cannot be cut, and its first byte is in another piece.
    fn open(&self, encoding: Encoding, read: &Arc<AtomicU64>) -> Result<Option<OpenPiece>> {
        let Self { start, end, .. } = *self;
        let input = open(&self.path, encoding, read)?;
        if start == 0 && end == u64::MAX || !input.can_be_cut() {
            let whole = || OpenPiece { contents: input.into_lines(), first: 0, lines: 0 };
            return Ok((start == 0).then(whole));
        }
        let (lines, first) = lines_within(&self.path, start..end, |byte| byte == b'\n', read)?;
        Ok(Some(OpenPiece { contents: Box::new(lines), first, lines: 0 }))
    }
}

/// How many lines end in the first bytes of a file; 0 if it cannot be read.
fn lines_in(path: &Path, bytes: u64) -> u64 {
    let mut lines = 0;
    let Ok(file) = File::open(path) else { return 0 };
    let mut start = BufReader::new(file.take(bytes));
    while let Ok(part) = start.fill_buf() {
        if part.is_empty() {
            break;
        }
        let length = part.len();
        lines += memchr::memchr_iter(b'\n', part).count() as u64;
        start.consume(length);
    }
    lines
}

/// One line of a file.
pub(crate) struct Line<'a> {
    pub(crate) path: &'a Path,
    /// The index of the file among those given.
    pub(crate) file: usize,
    /// Counted from 1 in the whole file, or where a shard begins within it.
    pub(crate) number: u64,
    /// Where the counting of lines began in the file.
    first: u64,
    /// The text without its line end.
    pub(crate) text: &'a str,
}

impl Line<'_> {
    pub(crate) fn bad(&self, problem: RowProblem) -> Error {
        let line = lines_in(self.path, self.first) + self.number;
        Error::Corpus(CorpusError::Row { path: self.path.to_path_buf(), line, problem })
    }
}

/// The lines of a shard of several files, each turned into a document, or skipped, by `parse`. Lines end in LF or CR LF.
pub(crate) struct LineRows<F> {
    pieces: Vec<Piece>,
    encoding: Encoding,
    /// The piece being read, or to be opened next.
    piece: usize,
    open: Option<OpenPiece>,
    line: Vec<u8>,
    read: Arc<AtomicU64>,
    parse: F,
}

impl<F: FnMut(Line) -> Result<Option<Document>> + Send + 'static> LineRows<F> {
    /// The documents of a shard of `paths`, whose classes have `class_names`.
    pub(crate) fn documents(
        paths: &[PathBuf],
        shard: Shard,
        encoding: Encoding,
        class_names: Vec<String>,
        parse: F,
    ) -> Result<CorpusDocuments<'static>> {
        let pieces = shard.pieces(paths)?;
        let total = total_bytes(paths)? / shard.of as u64;
        let read = Arc::<AtomicU64>::default();
        let rows = Self { pieces, encoding, piece: 0, open: None, line: Vec::new(), read: Arc::clone(&read), parse };
        Ok(CorpusDocuments::new(rows, read, total, class_names))
    }

    fn next_piece(&mut self) -> Option<Option<Document>> {
        self.open = None;
        self.piece += 1;
        Some(None)
    }

    /// The next line's document, `Some(None)` if the line is not a document, or `None` at the end.
    fn next_line(&mut self) -> Result<Option<Option<Document>>> {
        let Some(piece) = self.pieces.get(self.piece) else { return Ok(None) };
        if self.open.is_none() {
            self.open = piece.open(self.encoding, &self.read)?;
        }
        self.line.clear();
        let Some(open) = self.open.as_mut() else { return Ok(self.next_piece()) };
        let path = &piece.path;
        let read = open.contents.read_until(b'\n', &mut self.line).map_err(Error::io("read", path))?;
        if read == 0 {
            return Ok(self.next_piece());
        }
        open.lines += 1;
        let (number, first) = (open.lines, open.first);
        let bytes = self.line.as_slice();
        let bytes = bytes.strip_suffix(b"\n").map_or(bytes, |line| line.strip_suffix(b"\r").unwrap_or(line));
        let line = |text| Line { path, file: piece.file, number, first, text };
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
