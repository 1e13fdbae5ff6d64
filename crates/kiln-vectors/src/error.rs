//! The one error type of this crate, for every failure that a user can cause: what was expected, what was found, where,
//! and what to do. Bugs of the crate itself panic.

use std::fmt;
use std::path::{Path, PathBuf};

use kiln_base::{FileError, OptionError};

use crate::format::kind::Format;

/// The result type of this crate's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// A place in a file of vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// A line of text, counted from 1; a header is line 1.
    Line(u64),
    /// A word of a binary file, counted from 1.
    Word(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Word(word) => write!(f, "word {word}"),
        }
    }
}

/// What can go wrong from reading a file of word vectors to computing with them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused a file or folder, or a gzip stream is broken.
    #[error(transparent)]
    File(#[from] FileError),

    /// An option has a value that it cannot have.
    #[error(transparent)]
    Option(#[from] OptionError),

    /// A word has no vector.
    #[error("{word:?} is not one of the {words} words{}; `get` returns None for unknown words", closest(.suggestions))]
    UnknownWord {
        /// The word.
        word: String,
        /// How many words there are.
        words: usize,
        /// The words with the most similar spelling, the closest first, at most three.
        suggestions: Vec<String>,
    },

    /// None of several words has a vector, but at least one must.
    #[error("{what} needs at least one known word, found none of {words:?} among the {known} words")]
    NoKnownWord {
        /// What needs a known word.
        what: &'static str,
        /// The given words, at most ten.
        words: Vec<String>,
        /// How many words have vectors.
        known: usize,
    },

    /// A list that must not be empty is empty.
    #[error("{what} needs at least one {item}, found none")]
    EmptyList {
        /// What needs the list.
        what: &'static str,
        /// What the list should hold.
        item: &'static str,
    },

    /// The vectors of a query cancel each other out, or are zero.
    #[error(
        "the words and vectors of the query add up to zero, which has no direction and so no neighbours: \
         check that no word is positive and negative at once, and that no vector is all zeros"
    )]
    ZeroQuery,

    /// A vector or weight of a query is NaN or infinite.
    #[error("{what} should be finite numbers, found {value} at position {position} (counted from 0)")]
    NotFinite {
        /// What was given.
        what: &'static str,
        /// The position in it, counted from 0.
        position: usize,
        /// What was found.
        value: f64,
    },

    /// The number of values, weights or counts is wrong.
    #[error("{needed}, found {found}")]
    WrongCount {
        /// What is needed.
        needed: String,
        /// How many there are.
        found: usize,
    },

    /// There are no words.
    #[error("word vectors need at least one word, found none")]
    NoWords,

    /// There are more words than an index can number.
    #[error("at most {most} words can be held, found more: use `limit` to read the first ones")]
    TooManyWords {
        /// The largest number of words.
        most: usize,
    },

    /// A word occurs twice.
    #[error("words should differ, found {word:?} at {first} and again at {second} (counted from 0)")]
    DuplicateWord {
        /// The word.
        word: String,
        /// The first place of the word.
        first: usize,
        /// The second place of the word.
        second: usize,
    },

    /// A value is NaN or infinite.
    #[error(
        "the values of word vectors should be finite, found {value} at position {position} of word {index}, {word:?} \
         (counted from 0)"
    )]
    ValueNotFinite {
        /// The word.
        word: String,
        /// Its index.
        index: usize,
        /// The position in its vector, counted from 0.
        position: usize,
        /// What was found.
        value: f32,
    },

    /// A file, or a line or word in it, is not as it should be.
    #[error("{}{}{problem}", .path.display(), within(*.place))]
    BadFile {
        /// The file.
        path: PathBuf,
        /// The line or word; `None` for the whole file.
        place: Option<Place>,
        /// The rest of the message: what is expected, what was found, and what to do.
        problem: String,
    },

    /// A word is not UTF-8.
    #[error(
        "{}, {place}: words should be UTF-8, found an invalid byte at {byte}; \
         use InvalidUtf8::Replace to read U+FFFD instead", .path.display()
    )]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line, or the word of a binary file.
        place: Place,
        /// The first invalid byte, counted from 0 from the beginning of the file, after decompression.
        byte: u64,
    },

    /// A safetensors file cannot be parsed.
    #[error("{} is not a whole safetensors file: {source}; fetch it again", .path.display())]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// The parser's message.
        source: safetensors::SafeTensorError,
    },

    /// A word cannot be written in a format.
    #[error(
        "the word {word:?} at {index} (counted from 0) has {what}, which {format} cannot hold: \
         use Format::Safetensors or change the word"
    )]
    WordNotWritable {
        /// The word.
        word: String,
        /// Its index.
        index: usize,
        /// What the format cannot hold.
        what: &'static str,
        /// The format.
        format: Format,
    },

    /// A file of word pairs has too few pairs for a correlation.
    #[error(
        "{} should hold at least two pairs of known words, found {used} ({unknown} with unknown words, \
         {invalid} lines that are not two words and a number{first_invalid}): check the delimiter, `columns` and \
         `restrict_vocab`",
        .path.display()
    )]
    TooFewPairs {
        /// The file.
        path: PathBuf,
        /// Pairs used.
        used: usize,
        /// Pairs with an unknown word.
        unknown: usize,
        /// Lines that are not a pair.
        invalid: usize,
        /// What the first of them holds.
        first_invalid: String,
    },

    /// An id is outside the vocabulary.
    #[error(
        "ids should be below vocab_size, which is {vocab_size}, found {id} in sentence {sentence}, position {position} \
         (both counted from 0): give the vocab_size of the encoder that made the ids"
    )]
    IdOutOfVocabulary {
        /// The id.
        id: u32,
        /// How many words there are.
        vocab_size: usize,
        /// The sentence, counted from 0.
        sentence: u64,
        /// The position in it, counted from 0.
        position: usize,
    },

    /// No sentence has two words, so there are no pairs to count.
    #[error(
        "co-occurrence needs a sentence of two words or more, found none in {sentences} sentences: \
         check that the sentences were read and encoded"
    )]
    NothingToCount {
        /// The number of sentences that were read.
        sentences: u64,
    },

    /// A value of a matrix or of points cannot be used.
    #[error("{expected}, found {found} in row {row}, column {column} (both counted from 0)")]
    BadCell {
        /// What all values must be.
        expected: &'static str,
        /// The row, counted from 0.
        row: usize,
        /// The column, counted from 0.
        column: usize,
        /// The value there.
        found: f32,
    },

    /// All counts of a matrix are 0.
    #[error("PMI needs a matrix with a count above 0, found none in {rows} rows and {columns} columns")]
    NoCounts {
        /// How many rows.
        rows: usize,
        /// How many columns.
        columns: usize,
    },

    /// A matrix is too large to be decomposed in full.
    #[error(
        "a matrix of {rows} x {columns} cannot be decomposed in full, which is limited to 2^32 cells of 8 bytes: \
         use SvdMethod::Randomized, or remove rare words"
    )]
    MatrixTooLarge {
        /// Its rows.
        rows: usize,
        /// Its columns.
        columns: usize,
    },

    /// The iteration for singular values or eigenvalues did not converge.
    #[error(
        "the decomposition of {rows} x {columns} did not converge: \
         the values may differ too much in size; scale them, or keep fewer dimensions"
    )]
    NoConvergence {
        /// Rows of the matrix.
        rows: usize,
        /// Columns of the matrix.
        columns: usize,
    },

    /// Values are not a whole number of rows.
    #[error("{len} values should be a whole number of rows of d = {d} values, with d at least 1")]
    RowWidth {
        /// The number of values.
        len: usize,
        /// The width of a row.
        d: usize,
    },

    /// There are fewer than two points.
    #[error("principal components need two points or more, found {found}")]
    TooFewPoints {
        /// The number of points.
        found: usize,
    },
}

impl Error {
    pub(crate) fn bad_file(path: &Path, place: impl Into<Option<Place>>, problem: impl Into<String>) -> Self {
        Self::BadFile { path: path.to_path_buf(), place: place.into(), problem: problem.into() }
    }

    /// Adds the file's name to an error about its words.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        match self {
            Self::NoWords => Self::bad_file(path, None, " should hold at least one word and its vector, found none"),
            Self::TooManyWords { .. } => Self::bad_file(path, None, format!(": {self}")),
            named => named,
        }
    }

    pub(crate) fn not_utf8(path: &Path, place: Place, byte: u64) -> Self {
        Self::NotUtf8 { path: path.to_path_buf(), place, byte }
    }
}

/// The part of a message that names the place in a file.
fn within(place: Option<Place>) -> String {
    place.map_or_else(String::new, |place| format!(", {place}"))
}

/// The part of a message that suggests other spellings.
fn closest(suggestions: &[String]) -> String {
    let list = suggestions.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ");
    if list.is_empty() { list } else { format!(", closest are {list}") }
}

/// The part of a line that a message quotes: at most 80 bytes.
pub(crate) fn quoted(line: &[u8]) -> String {
    const MOST: usize = 80;
    let mut text = String::from_utf8_lossy(&line[..line.len().min(MOST)]).into_owned();
    if line.len() > MOST {
        text.push('…');
    }
    text
}
