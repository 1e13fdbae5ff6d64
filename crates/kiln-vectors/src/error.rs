//! The one error type of this crate: every failure that a user can cause, with what was expected, what was found,
//! where, and what to do. Bugs of the crate itself panic.

use std::fmt;
use std::path::PathBuf;

use kiln_base::{FileError, OptionError};

use crate::format::kind::Format;

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Where in a file of vectors something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// A line of text, counted from 1, the header being line 1.
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

/// What can go wrong between a file of word vectors and a number that is computed from it.
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
    #[error("{word:?} is none of the {words} words{}; `get` gives None for unknown words", closest(.suggestions))]
    UnknownWord {
        /// The word.
        word: String,
        /// How many words there are.
        words: usize,
        /// The words that are spelt most like it, the closest first, at most three.
        suggestions: Vec<String>,
    },

    /// None of several words has a vector, where one of them would do.
    #[error("{what} needs at least one known word, found none of {words:?} among the {known} words")]
    NoKnownWord {
        /// What was to be done.
        what: &'static str,
        /// The words given, at most ten.
        words: Vec<String>,
        /// How many words have vectors.
        known: usize,
    },

    /// A list that must hold something is empty.
    #[error("{what} needs at least one {item}, found none")]
    EmptyList {
        /// What was to be done.
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

    /// A vector given to a query has the wrong width.
    #[error("a vector of the query should have {expected} values as the word vectors have, found {found}")]
    QueryWidth {
        /// Values in a word vector.
        expected: usize,
        /// Values in the vector given.
        found: usize,
    },

    /// A vector or weight given to a query is NaN or infinite.
    #[error("{what} should be finite numbers, found {value} at position {position} (counted from 0)")]
    NotFinite {
        /// What was given.
        what: &'static str,
        /// The position in it, counted from 0.
        position: usize,
        /// What was found.
        value: f64,
    },

    /// As many weights as words are needed.
    #[error("the number of weights should be {expected}, one for each word, found {found}")]
    WeightCount {
        /// Words given.
        expected: usize,
        /// Weights given.
        found: usize,
    },

    /// There are no word vectors to hold.
    #[error("word vectors need at least one word, found none")]
    NoWords,

    /// The values are not one row for each word.
    #[error("{words} words of width {d} need {} values, found {found}", *.words as u128 * *.d as u128)]
    ValuesLength {
        /// Words given.
        words: usize,
        /// Values a word.
        d: usize,
        /// Values given.
        found: usize,
    },

    /// The width is zero.
    #[error("the width of word vectors should be 1 or more, found 0")]
    ZeroWidth,

    /// There are more words than an index can number.
    #[error("at most {most} words can be held, found more: use `limit` to read the first ones")]
    TooManyWords {
        /// The most words.
        most: usize,
    },

    /// A word was given twice.
    #[error("words should differ, found {word:?} at {first} and again at {second} (counted from 0)")]
    DuplicateWord {
        /// The word.
        word: String,
        /// Where it is first.
        first: usize,
        /// Where it is again.
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

    /// The counts are not one for each word.
    #[error("{expected} words need as many counts, found {found}")]
    CountsLength {
        /// Words there are.
        expected: usize,
        /// Counts given.
        found: usize,
    },

    /// A file of vectors holds nothing.
    #[error("{} should hold word vectors, found an empty file", .path.display())]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },

    /// A file is of no format that can be read here.
    #[error("{} should be {expected}, found {found}", .path.display())]
    WrongFormat {
        /// The file.
        path: PathBuf,
        /// What can be read.
        expected: &'static str,
        /// What the file is instead, and what to do.
        found: &'static str,
    },

    /// The first line of a file is not a header.
    #[error(
        "{}, line 1 should be the number of words and the width of the vectors, both 1 or more, as in `400000 100`, \
         found {found:?}; a file without a header is Format::Glove", .path.display()
    )]
    Header {
        /// The file.
        path: PathBuf,
        /// What the line holds, at most 80 bytes.
        found: String,
    },

    /// A header promises more than the file, or any machine, could hold.
    #[error(
        "{}, line 1 promises {words} words of width {d}, which would take {bytes} bytes ({:.1} TiB) of memory, \
         but the file has {file_bytes} bytes: the header is wrong, or the format is another",
        .path.display(), *.bytes as f64 / 1024f64.powi(4)
    )]
    HeaderTooLarge {
        /// The file.
        path: PathBuf,
        /// Words promised.
        words: u64,
        /// Values a word promised.
        d: u64,
        /// Bytes of memory that they would take.
        bytes: u128,
        /// Bytes in the file, as it lies on the disk.
        file_bytes: u64,
    },

    /// A header promises another number of words than there are.
    #[error(
        "{}, line 1 promises {expected} words, found {}{found}: the file is cut short or its header is wrong; \
         `limit({})` reads those that can be told", .path.display(),
        if *.found > *.expected { "at least " } else { "" }, (*.found).min(*.expected)
    )]
    HeaderCount {
        /// The file.
        path: PathBuf,
        /// Words promised.
        expected: u64,
        /// Words found.
        found: u64,
    },

    /// A line has too few or too many values.
    #[error(
        "{}, line {line}: the word {word:?} should have {expected} values, found {found}", .path.display()
    )]
    ValueCount {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The word that the line opens with.
        word: String,
        /// The width of the vectors, from the header or the first line.
        expected: usize,
        /// Values on the line.
        found: usize,
    },

    /// A value is not a number.
    #[error("{}, line {line}: value {position} of the word {word:?} should be a number, found {found:?}", .path.display())]
    NotANumber {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The word that the line opens with.
        word: String,
        /// The value, counted from 1.
        position: usize,
        /// What it holds.
        found: String,
    },

    /// A value in a file is NaN, infinite, or beyond what 32 bits hold.
    #[error(
        "{}, {place}: value {position} of the word {word:?} should be a finite 32-bit number, found {found}",
        .path.display()
    )]
    FileValueNotFinite {
        /// The file.
        path: PathBuf,
        /// The line, or the word of a binary file.
        place: Place,
        /// The word.
        word: String,
        /// The value, counted from 1.
        position: usize,
        /// What it holds.
        found: String,
    },

    /// A binary file ends inside a word.
    #[error(
        "{} ends at byte {byte}, inside word {word} of the {words} that line 1 promises: \
         the file is cut short or its header is wrong; fetch it again, or read what is there with `limit({})`",
        .path.display(), .word - 1
    )]
    CutShort {
        /// The file.
        path: PathBuf,
        /// The word that is not whole, counted from 1.
        word: u64,
        /// Words promised.
        words: u64,
        /// Bytes that there are, after decompression.
        byte: u64,
    },

    /// A binary file has no space where a word should end.
    #[error(
        "{}, word {word}, byte {byte}: a word should end with a space within {most} bytes, found none: \
         the width in line 1 is wrong, or the file is not in word2vec's binary format", .path.display()
    )]
    WordTooLong {
        /// The file.
        path: PathBuf,
        /// The word, counted from 1.
        word: u64,
        /// Where it begins.
        byte: u64,
        /// The longest word that is read.
        most: u64,
    },

    /// A word is not UTF-8.
    #[error(
        "{}, {place}: words should be UTF-8, found an invalid byte at {byte}; \
         InvalidUtf8::Replace reads U+FFFD in its place", .path.display()
    )]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line, or the word of a binary file.
        place: Place,
        /// The first invalid byte, counted from 0 from the beginning of the file, after decompression.
        byte: u64,
    },

    /// A safetensors file does not parse.
    #[error("{} is not a whole safetensors file: {source}; fetch it again", .path.display())]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// The parser's message.
        source: safetensors::SafeTensorError,
    },

    /// A safetensors file parses, but does not hold word vectors as Kiln writes them.
    #[error("{}: {part} should be {expected}, found {found}", .path.display())]
    Layout {
        /// The file.
        path: PathBuf,
        /// The tensor or metadata.
        part: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },

    /// A file was written by a newer Kiln.
    #[error("{} has the format version {found}, this Kiln reads {supported}: update Kiln", .path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: String,
        /// The version that this build reads.
        supported: &'static str,
    },

    /// A word cannot be written in a format.
    #[error(
        "the word {word:?} at {index} (counted from 0) has {what}, which {format} cannot hold: \
         use Format::Safetensors, or other words"
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

    /// A line of a file of counts is not a word and a count.
    #[error("{}, line {line} should be a word, a space and a whole number, found {found:?}", .path.display())]
    CountLine {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What it holds, at most 80 bytes.
        found: String,
    },

    /// A file of word pairs gives nothing to correlate.
    #[error(
        "{} should give at least two pairs of known words, found {used} ({unknown} with unknown words, \
         {invalid} lines that are not two words and a number): check the delimiter and `restrict_vocab`",
        .path.display()
    )]
    TooFewPairs {
        /// The file.
        path: PathBuf,
        /// Pairs used.
        used: usize,
        /// Pairs with a word that is not known.
        unknown: usize,
        /// Lines that are no pair.
        invalid: usize,
    },

    /// All similarities are the same, so that a correlation is not defined.
    #[error(
        "{}: a correlation needs similarities that differ, found {value} for all {used} pairs {of}", .path.display()
    )]
    ConstantSimilarities {
        /// The file.
        path: PathBuf,
        /// Whose similarities: `in the file` or `by the vectors`.
        of: &'static str,
        /// The one value.
        value: f64,
        /// Pairs used.
        used: usize,
    },

    /// A file of analogies has a question before its first section.
    #[error(
        "{}, line {line}: a section line such as `: capitals` should come before the first question, found {found:?}",
        .path.display()
    )]
    NoSection {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What it holds, at most 80 bytes.
        found: String,
    },

    /// A file of analogies has no question.
    #[error("{} should hold questions of four words each, found none in {lines} lines", .path.display())]
    NoQuestions {
        /// The file.
        path: PathBuf,
        /// Lines read.
        lines: u64,
    },

    /// An id that is no word.
    #[error(
        "ids must be below vocab_size, which is {vocab_size}; sentence {sentence}, position {position} \
         (both counted from 0) has {id}: give the vocab_size of the encoder that made the ids"
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

    /// No sentence has two words, so nothing stands near anything.
    #[error(
        "co-occurrence needs a sentence of two words or more, found none in {sentences} sentences: \
         check that the sentences were read and encoded"
    )]
    NothingToCount {
        /// How many sentences were looked at.
        sentences: u64,
    },

    /// A count that counts nothing.
    #[error("counts must be 0 or more and finite, found {found} in row {row}, column {column}")]
    BadCount {
        /// The row, counted from 0.
        row: usize,
        /// The column, counted from 0.
        column: usize,
        /// The value there.
        found: f32,
    },

    /// A matrix of counts in which all is 0.
    #[error("PMI needs a matrix with a count above 0, found none in {rows} rows and {columns} columns")]
    NoCounts {
        /// How many rows.
        rows: usize,
        /// How many columns.
        columns: usize,
    },

    /// A number that is infinite or none.
    #[error("every value must be finite, found {found} in row {row}, column {column} (both counted from 0)")]
    CellNotFinite {
        /// The row, counted from 0.
        row: usize,
        /// The column, counted from 0.
        column: usize,
        /// The value there.
        found: f32,
    },

    /// A matrix too large to decompose densely.
    #[error(
        "a matrix of {rows} x {columns} cannot be decomposed in full, which takes 2^32 cells at most, 8 bytes each: \
         use SvdMethod::Randomized, or leave out rare words"
    )]
    MatrixTooLarge {
        /// Its rows.
        rows: usize,
        /// Its columns.
        columns: usize,
    },

    /// The iteration for singular values or eigenvalues came to no end.
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

    /// Values that make no whole number of rows.
    #[error("{len} values should be a whole number of rows of d = {d} values, d being 1 or more")]
    RowWidth {
        /// How many values were given.
        len: usize,
        /// The width of a row given.
        d: usize,
    },

    /// Fewer than two points have no spread.
    #[error("principal components need two points or more, found {found}")]
    TooFewPoints {
        /// How many points were given.
        found: usize,
    },
}

/// The part of a message that offers other spellings.
fn closest(suggestions: &[String]) -> String {
    match suggestions {
        [] => String::new(),
        words => {
            let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
            format!(", closest are {}", words.join(", "))
        }
    }
}

/// What a message quotes of a line: at most 80 bytes.
pub(crate) fn quoted(line: &[u8]) -> String {
    const MOST: usize = 80;
    let mut text = String::from_utf8_lossy(&line[..line.len().min(MOST)]).into_owned();
    if line.len() > MOST {
        text.push('…');
    }
    text
}
