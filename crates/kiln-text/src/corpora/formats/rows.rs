//! The rows of a delimited file, each with the line it begins in, by the rules of RFC 4180. What the RFC leaves open is
//! read as Python's `csv` and the `csv` crate do, except text after a closing quote: here it is an error, and reading
//! continues with the next line. Both of them take such text into the field, and with it line after line of a file
//! whose quotes are ordinary characters; neither has an option against that.

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use kiln_base::{Encoding, OptionError};
use memchr::{memchr, memchr2, memchr3};

use super::lines::open;
use crate::error::{CorpusError, Error, Result, RowProblem};

/// The most bytes of a row. A longer one is treated as an unclosed quote, which would read the rest of the file into
/// memory.
const MOST_BYTES: usize = 64 << 20;

/// The bytes with a special meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    /// Separates fields.
    pub(super) delimiter: u8,
    /// Encloses a field.
    pub(super) quote: Option<u8>,
    /// Makes the next byte an ordinary character.
    pub(super) escape: Option<u8>,
    /// Whether spaces before a field are dropped.
    pub(super) skip_initial_space: bool,
}

impl Default for Dialect {
    fn default() -> Self {
        Self { delimiter: b',', quote: Some(b'"'), escape: None, skip_initial_space: false }
    }
}

impl Dialect {
    /// # Errors
    ///
    /// One byte has two meanings.
    pub(super) fn check(&self) -> Result<()> {
        let Self { delimiter, quote, escape, skip_initial_space } = *self;
        let others = |of: &[Option<u8>], byte| {
            let is_skipped = skip_initial_space && byte == b' ';
            !of.contains(&Some(byte)) && !matches!(byte, b'\r' | b'\n') && !is_skipped
        };
        let expected = "a byte other than the delimiter, the quote, the escape, line ends and spaces that are skipped";
        let shown = |byte: u8| format!("{:?}", char::from(byte));
        OptionError::unless(others(&[quote, escape], delimiter), "delimiter", expected, shown(delimiter))?;
        for (option, byte, other) in [("quote", quote, escape), ("escape", escape, quote)] {
            if let Some(byte) = byte {
                OptionError::unless(others(&[Some(delimiter), other], byte), option, expected, shown(byte))?;
            }
        }
        Ok(())
    }
}

/// Reads a file row by row.
pub(super) struct RowReader {
    path: PathBuf,
    contents: Box<dyn BufRead + Send>,
    dialect: Dialect,
    /// The byte that ends lines, apart from a CR before an LF.
    line_end: u8,
    /// What has been read from the file and not been returned yet, from `at` on.
    ahead: Vec<u8>,
    at: usize,
    /// The line that `at` is in, counted from 1.
    next_line: u64,
    record: Record,
    /// The line that the row begins in.
    line: u64,
    done: bool,
}

/// The fields of a row, one after the other.
#[derive(Default)]
struct Record {
    bytes: Vec<u8>,
    /// Where each field ends.
    ends: Vec<usize>,
}

impl Record {
    fn end_field(&mut self) {
        self.ends.push(self.bytes.len());
    }
}

/// Where in a row a byte is.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    FieldStart,
    Plain,
    Quoted,
    /// After a quote in a quoted field, which closes it unless another quote follows.
    BehindQuote,
}

/// A row of a file.
pub(super) struct Row<'a> {
    path: &'a Path,
    line: u64,
    record: &'a Record,
}

impl<'a> Row<'a> {
    pub(super) fn fields(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let record = self.record;
        (0..record.ends.len()).map(|field| {
            let start = field.checked_sub(1).map_or(0, |before| record.ends[before]);
            &record.bytes[start..record.ends[field]]
        })
    }

    pub(super) fn bad(&self, problem: RowProblem) -> Error {
        Error::Corpus(CorpusError::Row { path: self.path.to_path_buf(), line: self.line, problem })
    }
}

impl RowReader {
    pub(super) fn open(path: &Path, dialect: Dialect, encoding: Encoding, read: &Arc<AtomicU64>) -> Result<Self> {
        let input = open(path, encoding, read)?;
        let mut reader = Self {
            path: path.to_path_buf(),
            line_end: if input.ends_lines_in_cr() { b'\r' } else { b'\n' },
            contents: input.into_reader(),
            dialect,
            ahead: Vec::new(),
            at: 0,
            next_line: 1,
            record: Record::default(),
            line: 0,
            done: false,
        };
        reader.read_line()?;
        Ok(reader)
    }

    /// Reads up to the next line end. False at the end of the file.
    fn read_line(&mut self) -> Result<bool> {
        // Returned bytes are dropped only when they are the larger part, so that no byte is moved often.
        if self.at > self.ahead.len() / 2 {
            self.ahead.drain(..self.at);
            self.at = 0;
        }
        let limit = (MOST_BYTES + 1).saturating_sub(self.ahead.len() - self.at) as u64;
        let read = (&mut self.contents).take(limit).read_until(self.line_end, &mut self.ahead);
        Ok(read.map_err(Error::io("read", &self.path))? > 0)
    }

    /// The next row, or `None` at the end. A row with an unclosed quote, or one that is too long, is an error, after
    /// which there are no more rows.
    pub(super) fn next_row(&mut self) -> Result<Option<Row<'_>>> {
        if self.done {
            return Ok(None);
        }
        // Anything that returns before the end of this function is the end of the file.
        self.done = true;
        loop {
            match self.ahead.get(self.at).copied() {
                Some(end @ (b'\r' | b'\n')) => {
                    self.at += 1;
                    self.next_line += u64::from(end == self.line_end);
                }
                Some(_) => break,
                None if self.read_line()? => {}
                None => return Ok(None),
            }
        }
        self.line = self.next_line;
        self.record.bytes.clear();
        self.record.ends.clear();
        let read = self.read_row();
        if let Err(problem) = read? {
            self.done = !matches!(problem, RowProblem::BehindQuote { .. });
            return Err(self.same_row().bad(problem));
        }
        self.done = false;
        Ok(Some(self.same_row()))
    }

    /// Reads the row that begins at `at`, with its line end.
    fn read_row(&mut self) -> Result<std::result::Result<(), RowProblem>> {
        let Dialect { delimiter, quote, escape, skip_initial_space } = self.dialect;
        let mut place = Place::FieldStart;
        // Counted from `at`, which reading may move.
        let mut offset = 0;
        loop {
            let rest = &self.ahead[self.at + offset..];
            let Some(&byte) = rest.first() else {
                if self.ahead.len() - self.at > MOST_BYTES {
                    return Ok(Err(RowProblem::TooLong { limit: MOST_BYTES as u64 }));
                }
                if self.read_line()? {
                    continue;
                }
                if place == Place::Quoted {
                    return Ok(Err(RowProblem::UnclosedQuote));
                }
                break;
            };
            let is_quote = quote == Some(byte);
            match place {
                _ if escape == Some(byte) && place != Place::BehindQuote => {
                    let Some(&letter) = rest.get(1) else {
                        if self.read_line()? {
                            continue;
                        }
                        // At the end of the file there is nothing to escape.
                        self.record.bytes.push(byte);
                        offset += 1;
                        continue;
                    };
                    // The two bytes of a CR LF are one line end.
                    let taken = if letter == b'\r' && rest.get(2) == Some(&b'\n') { 2 } else { 1 };
                    let letters = &rest[1..=taken];
                    self.next_line += u64::from(letters.last() == Some(&self.line_end));
                    self.record.bytes.extend_from_slice(letters);
                    offset += 1 + taken;
                    if place == Place::FieldStart {
                        place = Place::Plain;
                    }
                    continue;
                }
                Place::FieldStart if is_quote => place = Place::Quoted,
                Place::FieldStart if skip_initial_space && byte == b' ' => {}
                Place::Quoted if is_quote => place = Place::BehindQuote,
                Place::Quoted => {
                    let end = quote.and_then(|quote| memchr2(quote, escape.unwrap_or(quote), rest));
                    let length = end.unwrap_or(rest.len());
                    self.next_line += rest[..length].iter().filter(|&&byte| byte == self.line_end).count() as u64;
                    self.record.bytes.extend_from_slice(&rest[..length]);
                    offset += length;
                    continue;
                }
                Place::BehindQuote if is_quote => {
                    self.record.bytes.push(byte);
                    place = Place::Quoted;
                }
                _ if byte == delimiter => {
                    self.record.end_field();
                    place = Place::FieldStart;
                }
                // The line end itself is skipped with those before the next row.
                _ if matches!(byte, b'\r' | b'\n') => break,
                Place::BehindQuote => {
                    let closed = self.next_line;
                    self.pass_line();
                    return Ok(Err(RowProblem::BehindQuote { closed, is_escaped: escape.is_some() }));
                }
                Place::FieldStart | Place::Plain => {
                    let end = memchr3(delimiter, b'\r', b'\n', rest).unwrap_or(rest.len());
                    let length = escape.and_then(|escape| memchr(escape, &rest[..end])).unwrap_or(end);
                    self.record.bytes.extend_from_slice(&rest[..length]);
                    offset += length;
                    place = Place::Plain;
                    continue;
                }
            }
            offset += 1;
        }
        self.record.end_field();
        self.at += offset;
        Ok(Ok(()))
    }

    /// Continues with the line after the one that the row begins in, however far the row has been read.
    fn pass_line(&mut self) {
        let rest = &self.ahead[self.at..];
        self.at += rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
        self.next_line = self.line;
    }

    /// The row that [`next_row`](Self::next_row) returned last.
    pub(super) fn same_row(&self) -> Row<'_> {
        Row { path: &self.path, line: self.line, record: &self.record }
    }
}
