//! [`Source`]: a file that is being read, unpacked if it is compressed, of which the beginning can be looked at.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use kiln_base::FileError;

use crate::error::{Error, Result};

/// Bytes at the beginning that can be looked at.
const HEAD: u64 = 1 << 16;

/// gzip makes at best 1,032 bytes of one.
const MOST_EXPANSION: u64 = 1032;

/// A file, from its beginning.
pub(super) struct Source {
    pub(super) path: PathBuf,
    /// At most the first 64 KiB, after decompression.
    pub(super) head: Vec<u8>,
    rest: Box<dyn Read>,
    /// Bytes as the file lies on the disk.
    pub(super) file_bytes: u64,
    pub(super) gzip: bool,
}

impl Source {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let read = || FileError::new("read", path);
        let mut file = File::open(path).map_err(read())?;
        let metadata = file.metadata().map_err(read())?;
        let mut magic = Vec::with_capacity(2);
        file.by_ref().take(2).read_to_end(&mut magic).map_err(read())?;
        let gzip = magic == [0x1f, 0x8b];
        let whole = Cursor::new(magic).chain(file);
        let mut rest: Box<dyn Read> = match gzip {
            true => Box::new(MultiGzDecoder::new(BufReader::with_capacity(1 << 18, whole))),
            false => Box::new(whole),
        };
        let mut head = Vec::new();
        rest.by_ref().take(HEAD).read_to_end(&mut head).map_err(read())?;
        // What is not a file on a disk does not say how long it is.
        let file_bytes = if metadata.is_file() { metadata.len() } else { u64::MAX };
        Ok(Self { path: path.to_path_buf(), head, rest, file_bytes, gzip })
    }

    /// Opens a file of word vectors that holds something.
    pub(super) fn with_contents(path: &Path) -> Result<Self> {
        let empty = || Error::bad_file(path, None, " should hold word vectors, found an empty file");
        Some(Self::open(path)?).filter(|source| !source.head.is_empty()).ok_or_else(empty)
    }

    /// The first line, with its end if it has one.
    pub(super) fn first_line(&self) -> &[u8] {
        let end = self.head.iter().position(|&byte| byte == b'\n').map_or(self.head.len(), |at| at + 1);
        &self.head[..end]
    }

    /// More bytes cannot come of it.
    pub(super) fn most_bytes(&self) -> u64 {
        if self.gzip { self.file_bytes.saturating_mul(MOST_EXPANSION) } else { self.file_bytes }
    }

    /// What it makes sense to make room for.
    pub(super) fn room(&self) -> Room {
        /// Compressed, a file might hold a thousand times its length and more likely holds little.
        const UNTOLD: u64 = 1 << 24;
        Room(if self.gzip || self.file_bytes == u64::MAX { UNTOLD } else { self.file_bytes })
    }

    /// The extension in lower case, before `.gz`.
    pub(super) fn extension(&self) -> String {
        let stem = self.path.file_stem().map(Path::new);
        let name = if is_gzip_name(&self.path) { stem } else { Some(self.path.as_path()) };
        let extension = name.and_then(Path::extension).and_then(|extension| extension.to_str());
        extension.unwrap_or_default().to_ascii_lowercase()
    }

    /// Everything from the beginning.
    pub(super) fn into_reader(self) -> impl Read {
        Cursor::new(self.head).chain(self.rest)
    }
}

/// Bytes that a file can hold, or a guess.
#[derive(Clone, Copy)]
pub(super) struct Room(u64);

impl Room {
    /// At most `records`, and no more than there is room for if each takes at least so many bytes.
    pub(super) fn records(self, records: u64, bytes: u64) -> usize {
        usize::try_from(records.min(self.0 / bytes.max(1))).unwrap_or(usize::MAX)
    }
}

/// A whole file, unpacked if it is compressed.
pub(crate) fn read_whole(path: &Path) -> Result<Vec<u8>> {
    let mut contents = Vec::new();
    Source::open(path)?.into_reader().read_to_end(&mut contents).map_err(FileError::new("read", path))?;
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

/// Reads until `buffer` holds `length` bytes or there are no more. Whether there are no more.
pub(super) fn fill(reader: &mut impl Read, buffer: &mut Vec<u8>, length: usize) -> io::Result<bool> {
    let missing = length.saturating_sub(buffer.len());
    Ok(reader.by_ref().take(missing as u64).read_to_end(buffer)? < missing)
}

/// Whether a file of this name is to be compressed.
pub(super) fn is_gzip_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}
