//! The errors of this crate. Shape mismatches between a caller's tensors are not among them: Burn panics and prints
//! both shapes.

#[cfg(feature = "vectors")]
use std::path::Path;
use std::path::PathBuf;

use kiln_base::{FileError, OptionError};

/// What can go wrong when a model is configured, its weights are loaded, or word vectors are trained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option is out of range.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// A sequence is too short for the layers.
    #[error(
        "a sequence of {length} steps is too short for {layer}, which needs at least {needed}: raise max_len, or lower \
         kernel_size or pool_size"
    )]
    TooShort {
        /// The sequence's length.
        length: usize,
        /// The layer.
        layer: String,
        /// The shortest length that it accepts.
        needed: usize,
    },
    /// The weights lack a parameter of the model.
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
    /// The weights have a tensor that is not a parameter of the model.
    #[error("the weights have '{name}', but the model has no such parameter: they belong to another model")]
    UnknownWeight {
        /// The tensor's name.
        name: String,
    },
    /// A device failed, or had too little memory for word2vec's tables.
    #[error("the device failed: {0}; the vectors are unchanged: continue on another device")]
    Device(burn::tensor::TensorReadError),
    /// The vectors do not fit the embedding.
    #[error(
        "the embedding needs {vocab} rows of {d_embedding} numbers, but the matrix has {rows} rows of {d}: make the \
         matrix with one word per id (the tokenizer's `vocab_size()`), and the embedding with `d_embedding` = {d}"
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
    /// The model has no parameter with this path.
    #[error("the model has no parameter '{path}'; it has {}", .known.join(", "))]
    NoParameter {
        /// The path.
        path: String,
        /// The paths of the model's parameters.
        known: Vec<String>,
    },
    /// The weights do not match the checksum in their file.
    #[error("the weights do not match the checksum in their file: the file is damaged; get a fresh copy")]
    WeightChecksum,
    /// A number is too large for half precision.
    #[error("half precision ends at 65,504, but '{name}' holds {found}: write the weights with `Precision::Full`")]
    BeyondHalfPrecision {
        /// The parameter's path.
        name: String,
        /// The number.
        found: f32,
    },
    /// A tensor's shape differs from that of the model's parameter.
    #[error("'{name}' should have shape {expected:?}, found {found:?}: the weights belong to a model of other sizes")]
    WeightShape {
        /// The parameter's path.
        name: String,
        /// The parameter's shape.
        expected: Vec<usize>,
        /// The shape found.
        found: Vec<usize>,
    },
    /// A file is not valid safetensors.
    #[error("not a readable safetensors file: {0}")]
    Safetensors(#[from] safetensors::SafeTensorError),
    /// The operating system refused a file or folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another error, with the file that it came from.
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
        /// The offset of the first invalid byte, from 0; in gzip, the offset in the decompressed text.
        byte: u64,
    },
    /// A file of a corpus cannot be divided among the ranks of a group.
    #[error(
        "{} cannot be cut into parts for several ranks: write it as plain text in UTF-8 whose lines end in LF, unpacked, \
         or train in one process", .path.display()
    )]
    #[cfg(feature = "vectors")]
    CannotCut {
        /// The file, which is packed, in another encoding, or has lines that end in CR.
        path: PathBuf,
    },
    /// An operation of the group failed.
    #[error(transparent)]
    #[cfg(feature = "vectors")]
    Group(#[from] kiln_group::Error),
    /// Too few words of a corpus are frequent enough.
    #[error("{}", empty_corpus(*.words, *.distinct, *.min_count))]
    EmptyCorpus {
        /// Words of the corpus, repetitions included.
        words: u64,
        /// Distinct words.
        distinct: usize,
        /// How often a word must occur.
        min_count: u64,
    },
    /// A corpus to add has no word that has a vector, and none that gets one.
    #[error(
        "a corpus to add should have a word with a vector, or a word that occurs {min_count} times (min_count), found \
         neither in its {words} words ({distinct} different): add text"
    )]
    NoNewWord {
        /// Words of the corpus, repetitions included.
        words: u64,
        /// Distinct words.
        distinct: usize,
        /// How often a new word must occur.
        min_count: u64,
    },
    /// A corpus differs from the one whose words were counted.
    #[error(
        "the corpus should have the {expected} words that were counted, found {found}: it has changed, is another one, \
         or cannot be read twice; give the same corpus again"
    )]
    CorpusChanged {
        /// Words that were counted.
        expected: u64,
        /// Words that were read.
        found: u64,
    },
    /// The loss is infinite or not a number.
    #[error("the vectors diverged in epoch {epoch}: start again with an alpha below {alpha}")]
    Diverged {
        /// The epoch, from 1.
        epoch: usize,
        /// The learning rate at the start.
        alpha: f64,
    },
    /// An epoch of word2vec had no pair to train on.
    #[error(
        "no word was trained on in a whole epoch: of the corpus's {words} words, those left after subsampling \
         (sample = {sample}) have no neighbours; set `sample` to 0 for a small corpus, or add text"
    )]
    NothingTrained {
        /// Words of the corpus, repetitions included.
        words: u64,
        /// The option.
        sample: f64,
    },
    /// A file is not a saved word2vec training.
    #[error("not a saved word2vec training: it lacks {lacks}; save one with `Word2Vec::save`")]
    NoWord2Vec {
        /// What it lacks.
        lacks: &'static str,
    },
    /// The vectors could not be made or read.
    #[error(transparent)]
    #[cfg(feature = "vectors")]
    Vectors(#[from] kiln_vectors::Error),
    /// JSON could not be read.
    #[error("the JSON cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// A tensor does not hold floats of 32 or 16 bits.
    #[error("'{name}' should hold floats of 32 or 16 bits (F32, F16, BF16), found {found}")]
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
        0 => "the corpus should be text with a sentence in each line and white space between words, found no words"
            .to_owned(),
        _ => format!(
            "at least two words should occur {min_count} times (min_count), found fewer in the {words} words of the \
             corpus ({distinct} different): add text or lower min_count"
        ),
    }
}

/// `value`, or an error that names the option if it is 0.
pub(crate) fn at_least_one(option: &'static str, value: usize) -> Result<usize> {
    OptionError::unless(value > 0, option, "at least 1", value)?;
    Ok(value)
}
