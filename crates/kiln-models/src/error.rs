//! The errors of this crate. Shape mismatches between a caller's tensors are panics of Burn's own,
//! which print both shapes; they are not listed here.

#[cfg(feature = "vectors")]
use std::path::Path;
use std::path::PathBuf;

use kiln_base::{FileError, OptionError};

/// What can go wrong when a model is configured, its weights are loaded, or word vectors are trained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option is outside its range.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// A sequence is too short for the layers it has to pass.
    #[error(
        "a sequence of {length} steps is too short for {layer}, which needs at least {needed}: \
         use longer sequences or smaller windows"
    )]
    TooShort {
        /// The sequence's length.
        length: usize,
        /// The layer that cannot take it.
        layer: String,
        /// The least length that it takes.
        needed: usize,
    },
    /// A parameter of the model is not among the weights given.
    #[error(
        "the weights lack '{name}' ({shape:?}), which the model needs: \
         they belong to another model or were cut short"
    )]
    MissingWeight {
        /// The parameter's path.
        name: String,
        /// The shape expected.
        shape: Vec<usize>,
    },
    /// The weights hold a tensor that the model has no place for.
    #[error("the weights hold '{name}', which the model lacks: they belong to another model")]
    UnknownWeight {
        /// The tensor's name.
        name: String,
    },
    /// A device failed, or had no memory for word2vec's tables.
    #[error("the device failed: {0}; the vectors are as they were before: go on with them on another device")]
    Device(burn::tensor::TensorReadError),
    /// Ready vectors do not fit an embedding.
    #[error(
        "the matrix has {rows} rows of {d} numbers, but the embedding {vocab} of {d_embedding}: give it a word for each \
         id (the tokenizer's `vocab_size()`), and the embedding a width (`d_embedding`) of {d}"
    )]
    MatrixSize {
        /// Rows of the matrix.
        rows: usize,
        /// Their width.
        d: usize,
        /// Rows of the embedding.
        vocab: usize,
        /// Their width.
        d_embedding: usize,
    },
    /// A model has no parameter of this name.
    #[error("the model has no parameter '{path}'; it has {}", .known.join(", "))]
    NoParameter {
        /// What was asked for.
        path: String,
        /// The parameters' paths.
        known: Vec<String>,
    },
    /// Weights are not those that their file's checksum was made of.
    #[error("the weights do not fit the checksum in their file: it was damaged; take a fresh copy")]
    WeightChecksum,
    /// A number is too large for half precision.
    #[error("'{name}' holds {found}, and half precision ends at 65,504: write the weights with 32 bits")]
    BeyondHalfPrecision {
        /// The parameter's path.
        name: String,
        /// The number.
        found: f32,
    },
    /// A tensor has another shape than the model's parameter.
    #[error("'{name}' must have shape {expected:?}, but has {found:?}: the weights belong to a model of other sizes")]
    WeightShape {
        /// The parameter's path.
        name: String,
        /// The parameter's shape.
        expected: Vec<usize>,
        /// The shape found.
        found: Vec<usize>,
    },
    /// A safetensors file cannot be read as one.
    #[error("not a readable safetensors file: {0}")]
    Safetensors(#[from] safetensors::SafeTensorError),
    /// The operating system refused a file or folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another error, with the file it came from.
    #[error("{}: {source}", .path.display())]
    InFile {
        /// The file that was read.
        path: PathBuf,
        /// What was wrong in it.
        source: Box<Error>,
    },
    /// A text is not UTF-8.
    #[error("{} is not UTF-8 at byte {byte}: set the corpus's `encoding`, or convert the file", .path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The place of the first byte that cannot be read, from 0; in gzip of the text within.
        byte: u64,
    },
    /// A corpus leaves too few words.
    #[error("{}", empty_corpus(*.words, *.distinct, *.min_count))]
    EmptyCorpus {
        /// Running words that were found.
        words: u64,
        /// Words that differ.
        distinct: usize,
        /// How often a word must occur.
        min_count: u64,
    },
    /// A corpus that is to be added has no word in common with the vectors, and no new one.
    #[error(
        "of the corpus's {words} words, {distinct} of them different, none has a vector, and none occurs {min_count} \
         times (min_count) to get one"
    )]
    NoNewWord {
        /// Running words that were found.
        words: u64,
        /// Words that differ.
        distinct: usize,
        /// How often a new word must occur.
        min_count: u64,
    },
    /// A corpus is not the one whose words were counted.
    #[error(
        "the corpus must be the {expected} words that were counted, but {found} were read: \
         it has changed, is another one, or cannot be read twice"
    )]
    CorpusChanged {
        /// Running words that were counted.
        expected: u64,
        /// Running words that were read.
        found: u64,
    },
    /// The loss is infinite or not a number.
    #[error(
        "the vectors grew beyond all bounds in epoch {epoch}: start anew with a learning rate (alpha) below {alpha}"
    )]
    Diverged {
        /// The epoch, from 1.
        epoch: usize,
        /// The learning rate at the start.
        alpha: f64,
    },
    /// An epoch of word2vec had nothing to predict.
    #[error(
        "no word was trained on in a whole epoch: of the corpus's {words} words those that are left after subsampling \
         (sample = {sample}) have no neighbour; set `sample` to 0 for a small corpus, or give it more text"
    )]
    NothingTrained {
        /// Running words of the corpus.
        words: u64,
        /// The option.
        sample: f64,
    },
    /// A file is no saved word2vec training.
    #[error("no saved word2vec training: it lacks {lacks}; save one with `Word2Vec::save`")]
    NoWord2Vec {
        /// What it lacks.
        lacks: &'static str,
    },
    /// The vectors cannot be made or read.
    #[error(transparent)]
    #[cfg(feature = "vectors")]
    Vectors(#[from] kiln_vectors::Error),
    /// JSON cannot be read.
    #[error("not the JSON expected: {0}")]
    Json(#[from] serde_json::Error),
    /// A tensor holds something else than floats of 32 or 16 bits.
    #[error("'{name}' must hold floats of 32 or 16 bits (F32, F16, BF16), but holds {found}")]
    WeightType {
        /// The tensor's name.
        name: String,
        /// The type found.
        found: String,
    },
}

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(feature = "vectors")]
impl Error {
    /// The same error with the file it came from.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        Self::InFile { path: path.to_owned(), source: Box::new(self) }
    }
}

fn empty_corpus(words: u64, distinct: usize, min_count: u64) -> String {
    match words {
        0 => {
            "the corpus holds no word: a text with words apart by white space, a sentence a line, is needed".to_owned()
        }
        _ => format!(
            "two words at least must occur {min_count} times (min_count), but of the corpus's {words} words, \
             {distinct} of them different, fewer do: give it more text or a lower min_count"
        ),
    }
}

/// `value`, or an error that names the option if it is zero.
pub(crate) fn at_least_one(option: &'static str, value: usize) -> Result<usize> {
    OptionError::unless(value > 0, option, "at least 1", value)?;
    Ok(value)
}

/// `rate`, or an error that names the option unless 0 <= `rate` < 1.
pub(crate) fn dropout_rate(option: &'static str, rate: f64) -> Result<f64> {
    OptionError::unless((0.0..1.0).contains(&rate), option, "at least 0 and below 1", rate)?;
    Ok(rate)
}
