//! Reads and writes files of word vectors: [`LoadOptions`], and the detection of formats. Their layouts are in
//! `text.rs`, `binary.rs` and `tensors.rs`, and the last one's checksums in `checksums.rs`.

mod binary;
pub(crate) mod checksums;
pub(crate) mod kind;
mod source;
mod tensors;
mod text;

use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use kiln_base::input::is_html;
use kiln_base::{FileError, Interner, WholeFile, options};

use crate::error::{Error, Place, Result, quoted};
use crate::word_list::WordList;
use crate::word_vectors::{Values, WordVectors};

pub use kind::{Format, InvalidUtf8};
use source::{Source, is_gzip_name};
pub(crate) use source::{lines, read_whole};

options! {
    /// How a file of word vectors is read.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_vectors::{Format, LoadOptions};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("vectors.txt");
    /// std::fs::write(&path, "the 0.1 0.2\nNew York 0.3 0.4\nthe 9 9\nof 0.5 0.6\n").unwrap();
    /// let vectors = LoadOptions::new().format(Format::Glove).limit(3).load(&path)?;
    /// assert_eq!(vectors.words().iter().collect::<Vec<_>>(), ["the", "New York"]);
    /// assert_eq!(vectors.vector("the")?, [0.1, 0.2]);
    /// assert_eq!(vectors.duplicates(), 1);
    /// # Ok::<(), kiln_vectors::Error>(())
    /// ```
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct LoadOptions [
        /// All words of a file whose format is detected from its contents and name.
        pub const fn new
    ] {
        /// The format. By default it is detected from the file's first bytes and lines or, if these are ambiguous, its
        /// name. A first line of exactly two whole numbers counts as a header.
        some format: Format,
        /// Reads only the first `limit` words; repeated words count. Default: all.
        some limit: usize,
        /// What happens to words that are not UTF-8. Default: the file is refused.
        invalid_utf8: InvalidUtf8 = InvalidUtf8::Refuse,
        /// A file of counts for the vectors: a line `word count` for each word, as word2vec's `-save-vocab` and
        /// [`WordVectors::save_counts`] write it. Words that it lacks get 0. Default: none; counts are then known only
        /// if the file of vectors has them.
        into some counts: PathBuf,
    }
}

impl LoadOptions {
    /// Reads a file, compressed with gzip or not.
    ///
    /// Text is split into lines at line feeds, and lines into fields at spaces and tabs, of which several count as one.
    /// Blanks around a word, carriage returns and blanks at the end of a line, and empty lines are ignored. The last
    /// values of a line are the vector, and what comes before them is the word, which may contain blanks. Numbers are
    /// read in 64 bits and rounded to 32. Of a repeated word the first vector is kept, and
    /// [`duplicates`](WordVectors::duplicates) counts the others. Memory is never allocated only because a header asks
    /// for it. A file in [`Format::Safetensors`] is checked against its checksums.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is empty, is in no known format, is cut short, or contradicts its header; or if it
    /// holds a value that is not a finite number, a line with too few or too many values, or a word that is not UTF-8.
    /// The error names the line or the byte.
    pub fn load(&self, path: impl AsRef<Path>) -> Result<WordVectors> {
        let path = path.as_ref();
        if self.limit == Some(0) {
            return Err(Error::NoWords);
        }
        let source = Source::with_contents(path)?;
        let vectors = match self.format.map_or_else(|| detect(&source), Ok)? {
            // A value takes at least a digit and a space.
            Format::Word2VecText | Format::FastText => text::read(Some(Header::check(&source, 2)?), source, self),
            Format::Glove => text::read(None, source, self),
            Format::Word2VecBinary => binary::read(source, self),
            Format::Safetensors => tensors::read(source, self),
        };
        let vectors = vectors.map_err(|error| error.in_file(path))?;
        let Some(counts) = &self.counts else { return Ok(vectors) };
        let counts = read_counts(counts, vectors.words(), self.invalid_utf8)?;
        vectors.with_counts(counts)
    }
}

impl WordVectors {
    /// Reads a file of word vectors, compressed with gzip or not; its format is detected from its contents and name.
    /// Use [`LoadOptions`] to read a part, to set the format, or to add counts.
    ///
    /// # Errors
    ///
    /// Same as [`LoadOptions::load`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        LoadOptions::new().load(path)
    }

    /// Maps a file in [`Format::Safetensors`]: its vectors are read from the disk when they are first used, and shared
    /// between the programs that map it. Only reading the words takes time.
    ///
    /// The header, the words and the counts are checked against their checksum. The values are not checked before
    /// [`verify`](Self::verify), so a file that is damaged or from elsewhere may hold NaN; words with such vectors have
    /// similarity 0 to everything. Kiln never changes a file in place. As with any map, a program that changes the file
    /// while it is mapped may change the vectors or end this program, so do not map files that others may write to.
    ///
    /// # Errors
    ///
    /// If the file cannot be mapped, is damaged, is not in that format, or is compressed.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        tensors::open(path.as_ref())
    }

    /// Writes a file, whole or not at all, compressed with gzip if its name ends in `.gz`. Words keep their order, and
    /// text holds the shortest numbers that read back equal.
    ///
    /// # Errors
    ///
    /// If the file cannot be written, or the format cannot hold a word. Only [`Format::Safetensors`] can hold line
    /// feeds. Of the others, only [`Format::Glove`] can hold spaces, but not a word with a space followed by something
    /// that looks like a value, such as `python 3.12`, nor a first word like `windows 95`. No text format can hold a
    /// word that begins or ends with a space or a tab, or one with a tab followed by something that looks like a value.
    pub fn save(&self, path: impl AsRef<Path>, format: Format) -> Result<()> {
        let path = path.as_ref();
        self.check_writable(format)?;
        write_whole(path, |out| match format {
            Format::Word2VecText | Format::Glove | Format::FastText => text::write(self, format, out),
            Format::Word2VecBinary => binary::write(self, out),
            Format::Safetensors => tensors::write(self, out),
        })
    }

    /// Writes the counts, a line `word count` for each word, as [`LoadOptions::counts`] and gensim's `fvocab` read
    /// them. Words without counts get 0. gensim splits these lines at any white space, so from this file it does not
    /// read words that contain some, such as U+00A0, although it reads them from the vectors.
    ///
    /// # Errors
    ///
    /// If the file cannot be written, or a word holds a space or a line feed.
    pub fn save_counts(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.check_writable(Format::Word2VecText)?;
        write_whole(path, |out| {
            for (index, word) in self.words().iter().enumerate() {
                let count = self.counts().map_or(0, |counts| counts[index]);
                writeln!(out, "{word} {count}")?;
            }
            Ok(())
        })
    }

    /// Checks that a format can hold every word.
    fn check_writable(&self, format: Format) -> Result<()> {
        if format == Format::Safetensors {
            return Ok(());
        }
        for (index, word) in self.words().iter().enumerate() {
            // Only in GloVe's format does the first line set the width.
            let ambiguity = || text::ambiguity(word, index == 0 && format == Format::Glove);
            let what = if word.contains('\n') {
                "a line feed"
            } else if word.contains(' ') && format != Format::Glove {
                "a space"
            } else if format != Format::Word2VecBinary
                && let Some(what) = ambiguity()
            {
                what
            } else {
                continue;
            };
            return Err(Error::WordNotWritable { word: word.to_owned(), index, what, format });
        }
        Ok(())
    }
}

/// Writes `path` with `write`, compressed if the name ends in `.gz`. If anything fails, `path` is unchanged.
fn write_whole(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut file = WholeFile::create(path)?;
    let written = if is_gzip_name(path) {
        let mut encoder = GzEncoder::new(&mut file, Compression::default());
        write(&mut encoder).and_then(|()| encoder.finish().map(drop))
    } else {
        write(&mut file)
    };
    written.map_err(FileError::new("write", path))?;
    Ok(file.finish()?)
}

/// The numbers of a header: words and width.
#[derive(Clone, Copy)]
struct Header {
    words: u64,
    d: u64,
}

impl Header {
    /// Parses a line that holds exactly two whole numbers.
    fn parse(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?.trim_matches(['\n', '\r', ' ', '\t']);
        let (words, d) = line.split_once([' ', '\t'])?;
        let d = d.trim_start_matches([' ', '\t']);
        let digits = |field: &str| field.bytes().all(|byte| byte.is_ascii_digit());
        // Numbers beyond 64 bits only need to be larger than any file.
        let number = |field: &str| field.parse().unwrap_or(u64::MAX);
        let is_header = !words.is_empty() && !d.is_empty() && digits(words) && digits(d);
        is_header.then(|| Self { words: number(words), d: number(d) })
    }

    /// The header of a file, from [`parse`](Self::parse), if its numbers are possible.
    fn check(source: &Source, bytes_per_value: u64) -> Result<Self> {
        /// Above this, the header is wrong; below it, the file may be cut short.
        const TEBIBYTE: u128 = 1 << 40;
        let wrong = |problem| Error::bad_file(&source.path, Place::Line(1), problem);
        let line = source.first_line();
        let header = Self::parse(line).filter(|header| header.words > 0 && header.d > 0).ok_or_else(|| {
            wrong(format!(
                " should be the number of words and the width of the vectors, both 1 or more, as in `400000 100`, \
                 found {:?}; a file without a header is Format::Glove",
                quoted(line.strip_suffix(b"\n").unwrap_or(line))
            ))
        })?;
        let values = u128::from(header.words) * u128::from(header.d);
        let needed = values.saturating_mul(u128::from(bytes_per_value));
        let bytes = values.saturating_mul(4);
        if bytes > TEBIBYTE && needed > u128::from(source.most_bytes()) {
            let (Self { words, d }, tebibytes, file_bytes) =
                (header, bytes as f64 / TEBIBYTE as f64, source.file_bytes());
            return Err(wrong(format!(
                " promises {words} words of width {d}, which would take {bytes} bytes ({tebibytes:.1} TiB) of memory, \
                 but the file has {file_bytes} bytes: the header is wrong, or the file is in another format"
            )));
        }
        Ok(header)
    }

    /// The error for a file that has `found` words instead of those promised.
    fn wrong_count(self, path: &Path, found: u64) -> Error {
        let Self { words, .. } = self;
        let (at_least, told) = (if found > words { "at least " } else { "" }, found.min(words));
        let advice = match told {
            0 => "fetch it again".to_owned(),
            told => format!("`limit({told})` reads the words that are there"),
        };
        let problem = format!(
            " promises {words} words, found {at_least}{found}: the file is cut short or its header is wrong; {advice}"
        );
        Error::bad_file(path, Place::Line(1), problem)
    }
}

/// Vectors that are being read.
struct Gathered {
    words: Interner,
    values: Vec<f32>,
    d: usize,
    duplicates: usize,
}

impl Gathered {
    fn new(d: usize) -> Self {
        Self { words: Interner::default(), values: Vec::new(), d, duplicates: 0 }
    }

    /// Words read so far, repeated ones included.
    fn read(&self) -> u64 {
        (self.words.len() + self.duplicates) as u64
    }

    /// Makes room for `words` words; the caller has checked that the file can hold them.
    fn reserve(&mut self, words: usize) {
        if self.words.is_empty() {
            self.words = Interner::with_capacity(words, 8 * words);
            self.values.reserve(words.saturating_mul(self.d));
        }
    }

    fn add(&mut self, word: &str, vector: &[f32]) -> Result<()> {
        if self.words.len() >= WordList::MOST {
            return Err(Error::TooManyWords { most: WordList::MOST });
        }
        match self.words.intern(word) {
            (_, true) => self.values.extend_from_slice(vector),
            (_, false) => self.duplicates += 1,
        }
        Ok(())
    }

    fn finish(mut self) -> Result<WordVectors> {
        if self.words.is_empty() {
            return Err(Error::NoWords);
        }
        self.words.shrink_to_fit();
        self.values.shrink_to_fit();
        Ok(WordVectors::from_parts(WordList(self.words), Values::Owned(self.values), self.d, None, self.duplicates))
    }
}

/// Adds a word's text to `words`, or returns where it is not UTF-8.
fn push_word(words: &mut String, bytes: &[u8], invalid: InvalidUtf8) -> std::result::Result<(), usize> {
    match (std::str::from_utf8(bytes), invalid) {
        (Ok(word), _) => words.push_str(word),
        (Err(_), InvalidUtf8::Replace) => words.push_str(&String::from_utf8_lossy(bytes)),
        (Err(error), InvalidUtf8::Refuse) => return Err(error.valid_up_to()),
    }
    Ok(())
}

/// The message for a value that is NaN, infinite, or out of range for 32 bits.
fn not_finite(position: usize, word: &str, found: impl Display) -> String {
    format!(": value {position} of the word {word:?} should be a finite 32-bit number, found {found}")
}

/// Detects the format of a file from its first bytes and its name.
fn detect(source: &Source) -> Result<Format> {
    let head = source.head();
    let expected = "word vectors in a format of word2vec, GloVe, fastText or Kiln";
    let wrong = |found: &str| Err(Error::bad_file(&source.path, None, format!(" should be {expected}, found {found}")));
    if tensors::is_safetensors(head) {
        return Ok(Format::Safetensors);
    }
    let known: [(&[u8], &str); 2] = [
        (&[0xba, 0x16, 0x4f, 0x2f], "fastText's own model: use the .vec file next to it"),
        (&[0x80], "a Python pickle, as gensim's `save` writes it: write it with `save_word2vec_format`"),
    ];
    let text = head.trim_ascii_end();
    if text.contains(&b'\r') && !text.contains(&b'\n') {
        return wrong("lines that end in CR only: end them in LF, for example with tr '\\r' '\\n'");
    }
    if is_html(head) {
        return wrong("a web page (HTML): download the file itself");
    }
    if let Some((_, found)) = known.iter().find(|(magic, _)| head.starts_with(magic)) {
        return wrong(found);
    }
    let (line, rest) = head.split_at(source.first_line().len());
    match Header::parse(line) {
        None if has_control_bytes(head) => wrong("neither text nor the header of a binary format"),
        None if is_three_numbers(line) => {
            let problem = " should be a word and its values, or the number of words and the width of the vectors as in \
                           `400000 100`, found three whole numbers; set the format with `LoadOptions::format`";
            Err(Error::bad_file(&source.path, Place::Line(1), problem))
        }
        None => Ok(Format::Glove),
        Some(_) => Ok(match &*source.extension() {
            "bin" => Format::Word2VecBinary,
            "vec" => Format::FastText,
            "txt" => Format::Word2VecText,
            _ if is_text(rest) => Format::Word2VecText,
            _ => Format::Word2VecBinary,
        }),
    }
}

/// Whether a line could be a header with a third number, or a word that is a number and its two values.
fn is_three_numbers(line: &[u8]) -> bool {
    let fields: Vec<&[u8]> = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).collect();
    fields.len() == 3 && fields.iter().all(|field| field.iter().all(u8::is_ascii_digit))
}

fn has_control_bytes(bytes: &[u8]) -> bool {
    bytes.iter().any(|&byte| byte < b' ' && !matches!(byte, b'\n' | b'\r' | b'\t'))
}

/// Whether the part after a header is text: UTF-8 without control characters, or mostly the characters of numbers. The
/// latter holds for text with words that are not UTF-8, but not for floats.
fn is_text(bytes: &[u8]) -> bool {
    // The head may end inside a character.
    let valid = std::str::from_utf8(bytes).err().and_then(|error| error.error_len()).is_none();
    let of_numbers = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b' ' | b'\n' | b'\r');
    (valid && !has_control_bytes(bytes)) || 2 * bytes.iter().filter(of_numbers).count() > bytes.len()
}

/// The counts of `words`, from a file with a line for each.
fn read_counts(path: &Path, words: &WordList, invalid: InvalidUtf8) -> Result<Vec<u64>> {
    let contents = read_whole(path)?;
    if contents.is_empty() {
        return Err(Error::bad_file(path, None, " should hold counts of words, found an empty file"));
    }
    let mut counts = vec![0; words.len()];
    let mut word = String::new();
    for (line, begins, bytes) in lines(&contents) {
        let trimmed = bytes.trim_ascii_end();
        if trimmed.is_empty() {
            continue;
        }
        let parts = trimmed.iter().rposition(|&byte| byte == b' ').and_then(|space| {
            let count = std::str::from_utf8(&trimmed[space + 1..]).ok()?.parse().ok()?;
            Some((&trimmed[..space], count))
        });
        let (text, count) = parts.ok_or_else(|| {
            let problem = format!(" should be a word, a space and a whole number, found {:?}", quoted(trimmed));
            Error::bad_file(path, Place::Line(line), problem)
        })?;
        word.clear();
        let pushed = push_word(&mut word, text, invalid);
        pushed.map_err(|at| Error::not_utf8(path, Place::Line(line), begins + at as u64))?;
        if let Some(index) = words.index(&word) {
            counts[index] = count;
        }
    }
    Ok(counts)
}
