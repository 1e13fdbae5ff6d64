//! Corpora of sentences, read in blocks by several threads: files with one sentence per line, plain or gzip, never
//! whole in memory, or sentences in memory.

use std::fs::File;
use std::io::{BufRead, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use kiln_base::input::lines_within;
use kiln_base::{Encoding, FileError, Input, OptionError};

/// Most words of a sentence; longer ones are split.
const LONGEST: usize = 10_000;
/// How far beyond its size a block looks for the end of a line before it ends at a space.
const SLACK: usize = 1 << 16;

/// Sentences of words.
///
/// Words are separated by ASCII white space, and each line is a sentence. Lines of more than 10,000 words are split
/// into several sentences.
///
/// # Examples
///
/// ```
/// use kiln_models::word2vec::Corpus;
///
/// let corpus = Corpus::sentences([["you", "say", "goodbye"], ["i", "say", "hello"]]);
/// assert!(corpus.vocabulary(1)?.words().eq(["say", "you", "goodbye", "i", "hello"]));
/// # Ok::<(), kiln_models::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Corpus(Source);

#[derive(Clone, Debug)]
enum Source {
    Files { parts: Arc<[FilePart]>, encoding: Encoding, lowercase: bool },
    Sentences(Arc<[Vec<String>]>, Range<usize>),
}

/// A file, or the lines of one whose first byte is in a range.
#[derive(Clone, Debug)]
struct FilePart {
    path: PathBuf,
    range: Option<Range<u64>>,
}

impl FilePart {
    fn size(&self) -> Result<u64, FileError> {
        let whole = || std::fs::metadata(&self.path).map(|data| data.len()).map_err(FileError::new("read", &self.path));
        self.range.as_ref().map_or_else(whole, |range| Ok(range.end - range.start))
    }
}

impl Corpus {
    /// Files with one sentence per line, read in the given order. Gzip is decompressed while reading, whatever the
    /// file's name. The files are read again in every epoch and must not change.
    ///
    /// # Errors
    ///
    /// A file cannot be opened, or there are no files.
    pub fn files<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<Self> {
        let part = |path: P| FilePart { path: path.as_ref().to_owned(), range: None };
        let parts: Arc<[FilePart]> = paths.into_iter().map(part).collect();
        if parts.is_empty() {
            return Err(OptionError::new("paths", "at least one file", "none").into());
        }
        for FilePart { path, .. } in &*parts {
            File::open(path).map_err(FileError::new("open", path))?;
            if path.is_dir() {
                let source = std::io::Error::from(std::io::ErrorKind::IsADirectory);
                return Err(FileError { action: "read", path: path.clone(), source }.into());
            }
        }
        Ok(Self(Source::Files { parts, encoding: Encoding::UTF_8, lowercase: false }))
    }

    /// The files' encoding. Default: UTF-8, the only one that refuses invalid bytes; the others replace them by U+FFFD.
    /// It has no effect on sentences in memory.
    #[must_use]
    pub fn encoding(self, encoding: Encoding) -> Self {
        match self.0 {
            Source::Files { parts, lowercase, .. } => Self(Source::Files { parts, encoding, lowercase }),
            sentences @ Source::Sentences(..) => Self(sentences),
        }
    }

    /// Whether the files are read in lower case. Default: false. It has no effect on sentences in memory.
    #[must_use]
    pub fn lowercase(self, lowercase: bool) -> Self {
        match self.0 {
            Source::Files { parts, encoding, .. } => Self(Source::Files { parts, encoding, lowercase }),
            sentences @ Source::Sentences(..) => Self(sentences),
        }
    }

    /// Sentences in memory.
    pub fn sentences<S, W>(sentences: impl IntoIterator<Item = S>) -> Self
    where
        S: IntoIterator<Item = W>,
        W: Into<String>,
    {
        let sentences = sentences.into_iter().map(|words| words.into_iter().map(Into::into).collect());
        let sentences: Arc<[Vec<String>]> = sentences.collect();
        let all = 0..sentences.len();
        Self(Source::Sentences(sentences, all))
    }

    /// The bytes of the files, or the sentences in memory.
    pub(crate) fn length(&self) -> Result<u64> {
        match &self.0 {
            Source::Files { parts, .. } => Ok(parts.iter().map(FilePart::size).sum::<Result<u64, _>>()?),
            Source::Sentences(_, range) => Ok(range.len() as u64),
        }
    }

    /// What the ranks of a group compare: how the files are read and how long each is, or how many sentences there are.
    pub(crate) fn outline(&self) -> Result<String> {
        match &self.0 {
            Source::Files { parts, encoding, lowercase } => {
                let sizes = parts.iter().map(FilePart::size).collect::<Result<Vec<_>, _>>()?;
                let case = if *lowercase { ", lower case" } else { "" };
                Ok(format!("files of {sizes:?} bytes, {encoding}{case}"))
            }
            Source::Sentences(_, range) => Ok(format!("{} sentences", range.len())),
        }
    }

    /// # Errors
    ///
    /// A file cannot be read, or is packed, in another encoding or with lines that end in CR.
    pub(crate) fn check_can_be_cut(&self) -> Result<()> {
        let Source::Files { parts, encoding, .. } = &self.0 else { return Ok(()) };
        for FilePart { path, .. } in &**parts {
            if !Input::decoded(path, *encoding, &Arc::default())?.can_be_cut() {
                return Err(Error::CannotCut { path: path.clone() });
            }
        }
        Ok(())
    }

    /// The words whose first byte is in a range of the bytes of the files, one after another; or the sentences of a
    /// range. A line that begins in one range and goes on in another becomes two sentences. The files must be such that
    /// can be cut.
    ///
    /// # Errors
    ///
    /// A file cannot be read.
    pub(crate) fn part(&self, range: Range<u64>) -> Result<Self> {
        let within = |begins: u64, size: u64| {
            let place = |at: u64| at.saturating_sub(begins).min(size);
            place(range.start)..place(range.end)
        };
        match &self.0 {
            Source::Files { parts, encoding, lowercase } => {
                let (mut begins, mut some) = (0, Vec::new());
                for part in &**parts {
                    let (size, start) = (part.size()?, part.range.as_ref().map_or(0, |range| range.start));
                    let inside = within(begins, size);
                    begins += size;
                    if !inside.is_empty() {
                        // A whole file need not be cut.
                        let range = (inside != (0..size)).then(|| start + inside.start..start + inside.end);
                        some.push(FilePart { path: part.path.clone(), range: range.or(part.range.clone()) });
                    }
                }
                Ok(Self(Source::Files { parts: some.into(), encoding: *encoding, lowercase: *lowercase }))
            }
            Source::Sentences(sentences, all) => {
                let inside = within(0, all.len() as u64);
                let inside = all.start + inside.start as usize..all.start + inside.end as usize;
                Ok(Self(Source::Sentences(sentences.clone(), inside)))
            }
        }
    }

    /// The blocks, from the first; `size` is chosen by the corpus if it is `None`.
    pub(crate) fn blocks(&self, size: Option<usize>) -> Blocks {
        let size = size.unwrap_or_else(|| match &self.0 {
            Source::Files { parts, .. } => {
                // Enough blocks for many threads, also in a small corpus.
                let bytes: u64 = parts.iter().filter_map(|part| part.size().ok()).sum();
                (bytes / 256).clamp(1 << 14, 1 << 20) as usize
            }
            Source::Sentences(_, range) => (range.len() / 256).clamp(16, 4096),
        });
        let source = self.0.clone();
        Blocks { source, size, next: 0, open: None, begun: 0, kept: Vec::new(), byte: 0, read: 0, failed: false }
    }
}

/// Hands out blocks in order.
pub(crate) struct Blocks {
    source: Source,
    /// Bytes or sentences per block.
    size: usize,
    /// The number of the next block.
    next: u64,
    open: Option<(usize, Box<dyn BufRead + Send>)>,
    /// Files, or sentences, that were started.
    begun: usize,
    /// What was read beyond the end of the last block.
    kept: Vec<u8>,
    /// The offset of `kept` in its file.
    byte: u64,
    /// The place in the corpus where the next block begins: in bytes, or in sentences.
    read: u64,
    /// Whether a block could not be read; no block follows.
    failed: bool,
}

/// Some sentences and the block's number in the corpus.
pub(crate) struct Block {
    pub(crate) number: u64,
    content: Content,
}

enum Content {
    Text(String),
    Sentences(Arc<[Vec<String>]>, Range<usize>),
}

/// An element of a block.
pub(crate) enum Token<'a> {
    Word(&'a str),
    /// The end of a sentence.
    End,
}

impl Block {
    /// Calls `act` with every word and every end of a sentence.
    pub(crate) fn tokens<'a>(&'a self, mut act: impl FnMut(Token<'a>)) {
        match &self.content {
            Content::Text(text) => {
                for line in text.split('\n') {
                    sentence(line.split_ascii_whitespace(), &mut act);
                }
            }
            Content::Sentences(sentences, range) => {
                for words in &sentences[range.clone()] {
                    sentence(words.iter().map(String::as_str), &mut act);
                }
            }
        }
    }
}

fn sentence<'a>(words: impl Iterator<Item = &'a str>, act: &mut impl FnMut(Token<'a>)) {
    let mut count = 0;
    for word in words {
        if count == LONGEST {
            act(Token::End);
            count = 0;
        }
        act(Token::Word(word));
        count += 1;
    }
    if count > 0 {
        act(Token::End);
    }
}

impl Blocks {
    /// Bytes or sentences per block.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// The place in the corpus where the next block begins: in bytes, or in sentences.
    pub(crate) fn place(&self) -> u64 {
        self.read
    }

    /// The next block; `None` after the last, and after an error.
    pub(crate) fn next(&mut self) -> Result<Option<Block>> {
        if self.failed {
            return Ok(None);
        }
        let next = self.read();
        self.failed = next.is_err();
        next
    }

    fn read(&mut self) -> Result<Option<Block>> {
        let content = match &self.source {
            Source::Sentences(sentences, all) => {
                let range = all.start + self.begun..all.end.min(all.start + self.begun + self.size);
                self.begun += range.len();
                self.read += range.len() as u64;
                (!range.is_empty()).then(|| Content::Sentences(sentences.clone(), range))
            }
            Source::Files { parts, encoding, lowercase } => {
                let (parts, encoding, lowercase) = (parts.clone(), *encoding, *lowercase);
                let text = self.text(&parts, encoding)?;
                text.map(|text| Content::Text(if lowercase { text.to_lowercase() } else { text }))
            }
        };
        Ok(content.map(|content| {
            self.next += 1;
            Block { number: self.next - 1, content }
        }))
    }

    /// The next piece of text. It ends at the end of a line, or between words of a very long line.
    fn text(&mut self, parts: &[FilePart], encoding: Encoding) -> Result<Option<String>> {
        loop {
            let Some((file, reader)) = &mut self.open else {
                let Some(FilePart { path, range }) = parts.get(self.begun) else { return Ok(None) };
                let reader = if let Some(range) = range {
                    let is_space = |byte: u8| byte.is_ascii_whitespace();
                    let (reader, first) = lines_within(path, range.clone(), is_space, &Arc::default())?;
                    self.byte = first;
                    Box::new(reader)
                } else {
                    let input = Input::decoded(path, encoding, &Arc::default())?;
                    self.byte = input.mark_bytes();
                    input.into_lines()
                };
                self.begun += 1;
                self.read += self.byte - range.as_ref().map_or(0, |range| range.start);
                self.open = Some((self.begun - 1, reader));
                continue;
            };
            let path = &parts[*file].path;
            let mut bytes = std::mem::take(&mut self.kept);
            let mut wanted = self.size;
            let (end, is_last) = loop {
                let missing = wanted.saturating_sub(bytes.len()) as u64;
                let read = reader.take(missing).read_to_end(&mut bytes).map_err(FileError::new("read", path))?;
                if (read as u64) < missing {
                    break (bytes.len(), true);
                }
                let line_end = memrchr(b"\n", &bytes);
                if let Some(place) =
                    line_end.or_else(|| (wanted > self.size).then(|| memrchr(b" \t\r", &bytes)).flatten())
                {
                    break (place + 1, false);
                }
                // A word longer than a block and its slack is read whole; doubling keeps the cost linear.
                wanted = 2 * wanted + SLACK;
            };
            self.kept = bytes.split_off(end);
            let start = self.byte;
            self.byte += end as u64;
            self.read += end as u64;
            let path = path.clone();
            if is_last {
                self.open = None;
            }
            if bytes.is_empty() {
                continue;
            }
            return match String::from_utf8(bytes) {
                Ok(text) => Ok(Some(text)),
                Err(error) => Err(Error::NotUtf8 { path, byte: start + error.utf8_error().valid_up_to() as u64 }),
            };
        }
    }
}

/// The last position of any of `needles`.
fn memrchr(needles: &[u8], bytes: &[u8]) -> Option<usize> {
    bytes.iter().rposition(|byte| needles.contains(byte))
}
