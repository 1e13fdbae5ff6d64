//! The rows of a delimited file with the line that each begins in. The `csv` crate finds rows and fields; here is what
//! it does not tell: that a quote did not close, and the line where empty lines or CR LF go before. Leaves out what a
//! row says.

use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::lines::open;
use crate::error::{CorpusError, Error, Result, RowProblem};

/// The most bytes of a row. More is taken for an unclosed quote, which would read the rest of the file into memory.
const MOST_BYTES: u64 = 64 << 20;

/// A row of its own that is put behind every file. If it comes back in another row, that row had a quote open.
const END_MARK: &[u8] = b"end";

/// A file's contents with the end mark behind.
struct Marked {
    contents: Box<dyn BufRead + Send>,
    /// What is left of a line end, the end mark and another line end, once the contents are read.
    mark: Option<Vec<u8>>,
    /// What was given last, and where it begins: `csv` asks for more only when it has used that.
    last: Vec<u8>,
    last_start: u64,
    /// How many bytes the contents have, once that is known.
    end: Option<u64>,
    row_start: u64,
    too_long: bool,
}

impl Read for Marked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let start = self.last_start + self.last.len() as u64;
        if start - self.row_start > MOST_BYTES {
            self.too_long = true;
            return Err(io::Error::other("the row is too long"));
        }
        let mut read = match self.mark {
            None => self.contents.read(buffer)?,
            Some(_) => 0,
        };
        if read == 0 && !buffer.is_empty() {
            self.end.get_or_insert(start);
            let mark = self.mark.get_or_insert_with(|| [b"\n", END_MARK, b"\n"].concat());
            read = mark.as_slice().read(buffer)?;
            mark.drain(..read);
        }
        if read > 0 {
            self.last.clear();
            self.last.extend_from_slice(&buffer[..read]);
            self.last_start = start;
        }
        Ok(read)
    }
}

/// Reads a file row by row.
pub(super) struct RowReader {
    path: PathBuf,
    reader: Reader<Marked>,
    record: ByteRecord,
    line: u64,
    done: bool,
}

/// A row of a file.
pub(super) struct Row<'a> {
    path: &'a Path,
    /// The line that it begins in, counted from 1.
    line: u64,
    record: &'a ByteRecord,
}

impl<'a> Row<'a> {
    pub(super) fn fields(&self) -> csv::ByteRecordIter<'a> {
        self.record.iter()
    }

    pub(super) fn bad(&self, problem: RowProblem) -> Error {
        Error::Corpus(CorpusError::Row { path: self.path.to_path_buf(), line: self.line, problem })
    }
}

impl RowReader {
    pub(super) fn open(path: &Path, delimiter: u8, quote: Option<u8>, read: &Arc<AtomicU64>) -> Result<Self> {
        let marked = Marked {
            contents: open(path, read)?,
            mark: None,
            last: Vec::new(),
            last_start: 0,
            end: None,
            row_start: 0,
            too_long: false,
        };
        let reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .quoting(quote.is_some())
            .quote(quote.unwrap_or(b'"'))
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(1 << 16)
            .from_reader(marked);
        Ok(Self { path: path.to_path_buf(), reader, record: ByteRecord::new(), line: 0, done: false })
    }

    /// The next row, or `None` at the end. After a row with an open quote there is none.
    pub(super) fn next_row(&mut self) -> Result<Option<Row<'_>>> {
        if self.done {
            return Ok(None);
        }
        let before = self.reader.position().clone();
        self.reader.get_mut().row_start = before.byte();
        let read = self.reader.read_byte_record(&mut self.record);
        let (after, marked) = (self.reader.position(), self.reader.get_ref());
        let bad = |line, problem| Error::Corpus(CorpusError::Row { path: self.path.clone(), line, problem });
        match read {
            Ok(true) => {}
            Ok(false) => {
                self.done = true;
                return Ok(None);
            }
            Err(error) => {
                self.done = true;
                if marked.too_long {
                    return Err(bad(before.line(), RowProblem::TooLong { limit: MOST_BYTES }));
                }
                let source = match error.into_kind() {
                    csv::ErrorKind::Io(source) => source,
                    other => io::Error::other(format!("{other:?}")),
                };
                return Err(Error::Io { action: "read", path: self.path.clone(), source });
            }
        }
        // A row of the file ends with it, or with the line end of the mark.
        let beyond = marked.end.is_some_and(|end| after.byte() > end + 1);
        if beyond && self.record.iter().eq([END_MARK]) {
            self.done = true;
            return Ok(None);
        }
        // All line feeds since the last row are before this one, in its fields, or its end. With CR LF, `csv` leaves the
        // line feed to the next row.
        let ended_by_line_feed =
            !beyond && marked.last.get((after.byte() - 1 - marked.last_start) as usize) == Some(&b'\n');
        let inside: usize = self.record.iter().map(|field| field.iter().filter(|&&byte| byte == b'\n').count()).sum();
        self.line = after.line() - inside as u64 - u64::from(ended_by_line_feed);
        if beyond {
            self.done = true;
            return Err(bad(self.line, RowProblem::UnclosedQuote));
        }
        Ok(Some(self.same_row()))
    }

    /// The row that [`next_row`](Self::next_row) gave last.
    pub(super) fn same_row(&self) -> Row<'_> {
        Row { path: &self.path, line: self.line, record: &self.record }
    }
}
