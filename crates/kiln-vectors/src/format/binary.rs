//! word2vec's binary format: a first line with the number of words and the width, then for each word its text, a space,
//! and its values as little-endian 32-bit floats. word2vec itself writes a line feed after each word, gensim does not;
//! both are read.

use std::io::{self, BufRead, Write};
use std::path::Path;

use super::source::{Source, fill};
use super::{Gathered, Header, LoadOptions, not_finite, push_word};
use kiln_base::FileError;

use crate::error::{Error, Place, Result, quoted};
use crate::word_vectors::WordVectors;

/// Bytes that are read at once.
const BLOCK: usize = 1 << 20;

/// If a word is longer, the bytes are not what they are taken for.
const LONGEST_WORD: usize = 1 << 16;

/// A stream of bytes that can be looked at before they are read.
struct Ahead<'a, R> {
    reader: R,
    path: &'a Path,
    buffer: Vec<u8>,
    /// Where in the buffer the next byte is, and where in the file the buffer begins.
    next: usize,
    begins: u64,
    ended: bool,
}

impl<R: BufRead> Ahead<'_, R> {
    /// The bytes ahead, at least `wanted` of them unless the file ends before.
    fn look(&mut self, wanted: usize) -> Result<&[u8]> {
        if self.buffer.len() - self.next < wanted && !self.ended {
            self.buffer.drain(..self.next);
            self.begins += self.next as u64;
            self.next = 0;
            let length = wanted.max(BLOCK);
            // Grows as bytes arrive, so that a wrong header cannot make it large.
            self.ended = fill(&mut self.reader, &mut self.buffer, length).map_err(FileError::new("read", self.path))?;
        }
        Ok(&self.buffer[self.next..])
    }

    fn skip(&mut self, bytes: usize) {
        self.next += bytes;
    }

    /// The offset of the next byte in the file.
    fn offset(&self) -> u64 {
        self.begins + self.next as u64
    }

    fn skip_line_feeds(&mut self) -> Result<()> {
        while self.look(1)?.first() == Some(&b'\n') {
            self.skip(1);
        }
        Ok(())
    }
}

/// Reads a binary file.
pub(super) fn read(source: Source, options: &LoadOptions) -> Result<WordVectors> {
    let path = source.path.clone();
    let header = Header::check(&source, 4)?;
    let header_bytes = source.first_line().len();
    let limit = options.limit.map_or(u64::MAX, |limit| limit as u64);
    let count = header.words.min(limit);
    let cut_short = |word, byte| {
        let (whole, words) = (word - 1, header.words);
        let what_is_there = match whole {
            0 => String::new(),
            _ => format!(", or read what is there with `limit({whole})`"),
        };
        let problem = format!(
            " ends at byte {byte}, inside word {word} of the {words} that line 1 promises: the file is cut short or \
             its header is wrong; fetch it again{what_is_there}"
        );
        Err(Error::bad_file(&path, None, problem))
    };
    let d = usize::try_from(header.d).unwrap_or(usize::MAX);
    let Some(vector_bytes) = d.checked_mul(size_of::<f32>()).filter(|&bytes| bytes as u64 <= source.most_bytes())
    else {
        return cut_short(1, source.file_bytes());
    };

    let mut gathered = Gathered::new(d);
    gathered.reserve(source.room().records(count, vector_bytes as u64 + 1));
    let mut vector = Vec::new();
    let mut word = String::new();
    let mut ahead =
        Ahead { reader: source.into_reader(), path: &path, buffer: Vec::new(), next: 0, begins: 0, ended: false };
    ahead.look(header_bytes)?;
    ahead.skip(header_bytes);
    for number in 1..=count {
        ahead.skip_line_feeds()?;
        let begins = ahead.offset();
        let bytes = ahead.look(LONGEST_WORD)?;
        let bytes = &bytes[..bytes.len().min(LONGEST_WORD)];
        let Some(length) = bytes.iter().position(|&byte| byte == b' ') else {
            if bytes.len() < LONGEST_WORD {
                return cut_short(number, begins + bytes.len() as u64);
            }
            let problem = format!(
                ", byte {begins}: a word should end with a space within {LONGEST_WORD} bytes, found none: the width in \
                 line 1 is wrong, or the file is not in word2vec's binary format"
            );
            return Err(Error::bad_file(&path, Place::Word(number), problem));
        };
        word.clear();
        let pushed = push_word(&mut word, &bytes[..length], options.invalid_utf8);
        pushed.map_err(|at| Error::not_utf8(&path, Place::Word(number), begins + at as u64))?;
        ahead.skip(length + 1);
        let begins = ahead.offset();
        let bytes = ahead.look(vector_bytes)?;
        let Some(bytes) = bytes.get(..vector_bytes) else {
            return cut_short(number, begins + bytes.len() as u64);
        };
        vector.clear();
        vector.extend(bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)));
        if let Some(at) = vector.iter().position(|value| !value.is_finite()) {
            let problem = not_finite(at + 1, &quoted(word.as_bytes()), vector[at]);
            return Err(Error::bad_file(&path, Place::Word(number), problem));
        }
        ahead.skip(vector_bytes);
        gathered.add(&word, &vector)?;
    }
    if count == header.words && limit > count {
        ahead.skip_line_feeds()?;
        if !ahead.look(1)?.is_empty() {
            return Err(header.wrong_count(&path, count + 1));
        }
    }
    gathered.finish()
}

/// Writes a binary file as gensim does, without line feeds between words.
pub(super) fn write(vectors: &WordVectors, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} {}", vectors.len(), vectors.d())?;
    let mut record = Vec::new();
    for (index, word) in vectors.words().iter().enumerate() {
        record.clear();
        record.extend_from_slice(word.as_bytes());
        record.push(b' ');
        record.extend(vectors.row_of(index).iter().flat_map(|value| value.to_le_bytes()));
        out.write_all(&record)?;
    }
    Ok(())
}
