//! [`Source`]: a file that is being read, decompressed if needed, whose beginning can be looked at.

use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use kiln_base::{FileError, Input};

use crate::error::{Error, Result};

/// gzip expands one byte to at most 1,032.
const MOST_EXPANSION: u64 = 1032;

/// A file, from its beginning.
pub(super) struct Source {
    pub(super) path: PathBuf,
    input: Input,
}

impl Source {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_path_buf(), input: Input::open(path)? })
    }

    /// At most the first 64 KiB, after decompression.
    pub(super) fn head(&self) -> &[u8] {
        self.input.head()
    }

    /// The length of the byte order mark that was dropped.
    pub(super) fn mark_bytes(&self) -> u64 {
        self.input.mark_bytes()
    }

    pub(super) fn is_gzip(&self) -> bool {
        self.input.is_gzip()
    }

    /// The size of the file on disk; the largest number if it is unknown.
    pub(super) fn file_bytes(&self) -> u64 {
        self.input.bytes().unwrap_or(u64::MAX)
    }

    /// Opens a file of word vectors, and refuses an empty one.
    pub(super) fn with_contents(path: &Path) -> Result<Self> {
        let empty = || Error::bad_file(path, None, " should hold word vectors, found an empty file");
        Some(Self::open(path)?).filter(|source| !source.head().is_empty()).ok_or_else(empty)
    }

    /// The first line, including its end if it has one.
    pub(super) fn first_line(&self) -> &[u8] {
        let head = self.head();
        let end = head.iter().position(|&byte| byte == b'\n').map_or(head.len(), |at| at + 1);
        &head[..end]
    }

    /// The most bytes that can come out of it.
    pub(super) fn most_bytes(&self) -> u64 {
        if self.is_gzip() { self.file_bytes().saturating_mul(MOST_EXPANSION) } else { self.file_bytes() }
    }

    /// How much room it makes sense to reserve.
    pub(super) fn room(&self) -> Room {
        /// A compressed file might hold a thousand times its size, but probably holds little.
        const UNTOLD: u64 = 1 << 24;
        Room(if self.is_gzip() { UNTOLD } else { self.input.bytes().unwrap_or(UNTOLD) })
    }

    /// The extension in lower case, before `.gz`.
    pub(super) fn extension(&self) -> String {
        let stem = self.path.file_stem().map(Path::new);
        let name = if is_gzip_name(&self.path) { stem } else { Some(self.path.as_path()) };
        let extension = name.and_then(Path::extension).and_then(|extension| extension.to_str());
        extension.unwrap_or_default().to_ascii_lowercase()
    }

    /// Everything from the beginning.
    pub(super) fn into_reader(self) -> Box<dyn BufRead + Send> {
        self.input.into_reader()
    }
}

/// How many bytes a file can hold, or a guess.
#[derive(Clone, Copy)]
pub(super) struct Room(u64);

impl Room {
    /// At most `records`, and no more than there is room for if each takes at least `bytes` bytes.
    pub(super) fn records(self, records: u64, bytes: u64) -> usize {
        usize::try_from(records.min(self.0 / bytes.max(1))).unwrap_or(usize::MAX)
    }
}

/// Reads a whole file of lines, decompressed if needed.
pub(crate) fn read_whole(path: &Path) -> Result<Vec<u8>> {
    let mut contents = Vec::new();
    Source::open(path)?.input.into_lines().read_to_end(&mut contents).map_err(FileError::new("read", path))?;
    Ok(contents)
}

/// The lines of a text, without their ends: the number, counted from 1, the offset of the first byte, and the bytes.
pub(crate) fn lines(contents: &[u8]) -> impl Iterator<Item = (u64, u64, &[u8])> {
    let mut next = 0;
    (1..).zip(contents.split_inclusive(|&byte| byte == b'\n')).map(move |(number, line)| {
        let begins = next;
        next += line.len() as u64;
        (number, begins, line.strip_suffix(b"\n").unwrap_or(line))
    })
}

/// Reads until `buffer` holds `length` bytes or the input ends. Returns whether it has ended.
pub(super) fn fill(reader: &mut impl BufRead, buffer: &mut Vec<u8>, length: usize) -> io::Result<bool> {
    while buffer.len() < length {
        let available = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            available => available?,
        };
        if available.is_empty() {
            return Ok(true);
        }
        let taken = available.len().min(length - buffer.len());
        buffer.extend_from_slice(&available[..taken]);
        reader.consume(taken);
    }
    Ok(false)
}

/// Whether a file of this name should be compressed.
pub(super) fn is_gzip_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}
