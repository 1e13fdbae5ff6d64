//! [`Error`]: the one error type of this crate. Each message says what was expected, what was found, where, and what to
//! do. The errors of one domain are in separate enums (`error/`), which `?` converts into it.

mod corpus_error;
mod quoted;
mod row_problem;
mod series_error;
mod subword_error;
mod text_vectorization_error;
mod vectorizer_error;
mod vocabulary_error;

use std::io;
use std::path::{Path, PathBuf};

use kiln_base::{FileError, OptionError};

pub use corpus_error::CorpusError;
pub(crate) use quoted::quoted;
pub use row_problem::RowProblem;
pub use series_error::SeriesError;
pub use subword_error::SubwordError;
pub use text_vectorization_error::TextVectorizationError;
pub use vectorizer_error::VectorizerError;
pub use vocabulary_error::VocabularyError;

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong between a text file and a batch of numbers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused an operation on a file or folder.
    #[error(transparent)]
    File(#[from] FileError),

    /// An option has an invalid value.
    #[error(transparent)]
    Option(#[from] OptionError),

    /// Another error, with the file that caused it.
    #[error("{}: {source}", .path.display())]
    InFile {
        /// The file that was being read.
        path: PathBuf,
        /// The error in it.
        source: Box<Error>,
    },

    /// A tokenizer was fitted on texts without a word.
    #[error(
        "a tokenizer needs at least one word to fit on, found none in {documents} documents: \
         check that the texts were read and that the options do not remove every word"
    )]
    EmptyCorpus {
        /// How many documents were read.
        documents: u64,
    },

    /// The out-of-vocabulary token occurs as a word of the corpus.
    #[error(
        "the oov_token {token:?} is a word of document {document} (counted from 0), so it cannot stand for unknown words: \
         choose an oov_token that the texts do not contain"
    )]
    OovInCorpus {
        /// The token.
        token: String,
        /// The document in this call, counted from 0.
        document: u64,
    },

    /// More words than ids, or more numbers than fit in memory.
    #[error("{what} of {rows} x {columns} does not fit in memory: use fewer texts at a time or a smaller limit")]
    TooLarge {
        /// The object that was to be created.
        what: &'static str,
        /// Its number of rows.
        rows: usize,
        /// The numbers per row.
        columns: usize,
    },

    /// A matrix was requested from a tokenizer that has neither words nor `num_words`.
    #[error("a matrix needs columns: fit the tokenizer first, or set num_words")]
    MatrixWithoutWords,

    /// tf-idf was requested from a tokenizer that has seen no document.
    #[error("tf-idf needs document counts, and this tokenizer has seen no document: fit it first")]
    TfIdfWithoutDocuments,

    /// [`ImdbIds`](crate::encoders::ImdbIds) was given a tokenizer with an `oov_token`.
    #[error(
        "the ids of keras.datasets.imdb have their own unknown id 2, but the tokenizer has the oov_token {token:?}: \
         fit it without an oov_token"
    )]
    ImdbOovToken {
        /// The tokenizer's token.
        token: String,
    },

    /// There is no longest sequence to pad to, because all are empty.
    #[error("cannot pad to the longest of {sequences} sequences, because all of them are empty: set max_len")]
    NothingToPad {
        /// How many sequences were given.
        sequences: usize,
    },

    /// The steps of a sequence of vectors differ in width.
    #[error(
        "every step should have {expected} numbers, like the first, found {found} in sequence {sequence}, step {step} \
         (both counted from 0)"
    )]
    StepWidth {
        /// The sequence, counted from 0.
        sequence: usize,
        /// The step in it, counted from 0.
        step: usize,
        /// The width of the first step of all.
        expected: usize,
        /// The width found.
        found: usize,
    },

    /// A corpus has no document.
    #[error("a corpus needs at least one document, found none")]
    NoDocuments,

    /// A corpus has fewer than two classes.
    #[error("a corpus needs two classes or more, found {found}: {names:?}")]
    TooFewClasses {
        /// How many class names were given.
        found: usize,
        /// The names.
        names: Vec<String>,
    },

    /// A document's label is not the number of a class.
    #[error(
        "labels should be below {classes}, the number of class names, found {label} in document {document} (counted \
         from 0)"
    )]
    LabelOutOfRange {
        /// The document, counted from 0.
        document: usize,
        /// Its label.
        label: u32,
        /// How many classes there are.
        classes: usize,
    },

    /// Documents are to be joined by class name, and one side has a name twice.
    #[error(
        "documents are joined by class name, but two classes on one side are called {name:?}: give each class another \
         name with `Documents::new(documents.into_documents(), names)`"
    )]
    SameClassName {
        /// The name.
        name: String,
    },

    /// Documents are to be joined, and the two sides have no class in common.
    #[error(
        "documents to join should have a class in common, found ({}) and ({}): if these are the same classes, rename \
         those of one side with `Documents::new(documents.into_documents(), names)`; if they are different classes, \
         give one side the names of both with the same call",
        listed(.first),
        listed(.second)
    )]
    NoSharedClass {
        /// The names of the classes on the left side.
        first: Vec<String>,
        /// Those on the right side.
        second: Vec<String>,
    },

    /// A fraction that leaves one part of a split empty.
    #[error(
        "the fraction to split off should be above 0 and below 1 and leave a document on either side, found {fraction} \
         of {documents} documents"
    )]
    SplitFraction {
        /// The fraction given.
        fraction: f64,
        /// How many documents there are.
        documents: usize,
    },

    /// Documents are to be split, but they are sorted by class.
    #[error(
        "the {documents} documents are sorted by class ({}), so the last part would lack some classes: call `shuffled` \
         before `split_tail`, or choose the parts yourself (`take`, `into_documents`)",
        listed(.classes)
    )]
    SortedByClass {
        /// How many documents there are.
        documents: usize,
        /// The names of the classes.
        classes: Vec<String>,
    },

    /// A text file is not UTF-8.
    #[error("{file} is not UTF-8: the first invalid byte is at offset {offset}; convert the file to UTF-8")]
    NotUtf8 {
        /// The file.
        file: String,
        /// The offset of the first invalid byte.
        offset: usize,
    },

    /// A folder lacks the folder of a class.
    #[error("{} should hold the folders {expected:?}, found {found:?}", .path.display())]
    ClassFolderMissing {
        /// The folder searched.
        path: PathBuf,
        /// The class folders that should be in it.
        expected: Vec<String>,
        /// The names found, sorted, at most twenty.
        found: Vec<String>,
    },

    /// A class has no `.txt` file.
    #[error(
        "{} holds no .txt file: every class needs at least one document; if the files have other names, set \
         `any_extension(true)` on the `ClassFolder`",
        .path.display()
    )]
    ClassEmpty {
        /// The class folder; in an archive, its path after the archive's name.
        path: PathBuf,
    },

    /// A path is neither the IMDB folder nor its archive.
    #[error(
        "{} is not the IMDB review data: expected a folder that is or contains aclImdb (with train and test, \
         each with neg and pos) or aclImdb_v1.tar.gz, found {found:?}", .path.display()
    )]
    NotImdb {
        /// The path given.
        path: PathBuf,
        /// The names found, sorted, at most twenty.
        found: Vec<String>,
    },

    /// An archive ends early or is damaged.
    #[error("{} is not a whole .tar.gz archive: {source}; fetch it again", .archive.display())]
    Archive {
        /// The archive.
        archive: PathBuf,
        /// The error of the decompressor or the tar reader.
        source: io::Error,
    },

    /// An archive has an entry that could do harm and that no data set needs.
    #[error("{}: refused entry {entry:?}: {problem}", .archive.display())]
    ArchiveEntry {
        /// The archive.
        archive: PathBuf,
        /// The entry's name.
        entry: String,
        /// Why it was refused.
        problem: &'static str,
    },

    /// The user has no cache folder to download into.
    #[error(
        "this user has no cache folder: set KILN_CACHE to a folder, or fetch the data yourself and pass its path to \
         `Imdb::open`"
    )]
    NoCacheFolder,

    /// A download failed to start.
    #[cfg(feature = "download")]
    #[error(
        "cannot download {url}: {source}; check the network, or fetch the file yourself and pass its path (for the \
         reviews, to `Imdb::open`)"
    )]
    Download {
        /// The address.
        url: String,
        /// The error of the connection.
        source: Box<ureq::Error>,
    },

    /// This build cannot download files.
    #[error(
        "cannot download {url}: this program is built without the feature `download` of kiln; build it with the \
         feature, or fetch the file yourself and pass its path (for the reviews, to `Imdb::open`)"
    )]
    DownloadNotBuilt {
        /// The address.
        url: String,
    },

    /// A download was interrupted.
    #[error(
        "the download of {url} broke off: {source}; try again, or fetch the file yourself and pass its path (for the \
         reviews, to `Imdb::open`)"
    )]
    DownloadBroken {
        /// The address.
        url: String,
        /// The error of the connection.
        source: io::Error,
    },

    /// A file has the wrong size.
    #[error(
        "{file} should have {expected} bytes, found {found}: nothing was kept; try again, or fetch the file yourself \
         and pass its path (for the reviews, to `Imdb::open`)"
    )]
    WrongSize {
        /// The address or file.
        file: String,
        /// The published size.
        expected: u64,
        /// The size found; for a download that is too long, the bytes read before it was stopped.
        found: u64,
    },

    /// A file has the wrong checksum.
    #[error(
        "{file} should have the SHA-256 {expected}, found {found}: nothing was kept; try again, or fetch the file \
         yourself and pass its path (for the reviews, to `Imdb::open`)"
    )]
    WrongChecksum {
        /// The address or file.
        file: String,
        /// The published checksum.
        expected: String,
        /// The checksum found.
        found: String,
    },

    /// A progress callback stopped a pass.
    #[error("stopped by the progress callback after {documents} documents")]
    Stopped {
        /// How many documents were read.
        documents: u64,
    },

    /// A file is not valid JSON, or a part of it has the wrong type.
    #[error("cannot read {part} as the JSON of a {class_name}: {source}")]
    FileJson {
        /// The class to be read.
        class_name: &'static str,
        /// The part being parsed: `the file`, or one of the five dictionaries in Keras's tokenizer.
        part: &'static str,
        /// The parser's message, with line and column.
        source: serde_json::Error,
    },

    /// A file holds another class.
    #[error("expected a file of class_name {expected}, found {found}")]
    FileClass {
        /// The classes that can be read, quoted.
        expected: String,
        /// The class name in the file, quoted, with the function that reads it, or another description of the file.
        found: String,
    },

    /// A file was written by a newer Kiln.
    #[error("the {class_name} has format version {found}, but this Kiln reads only up to {supported}: update Kiln")]
    FileVersion {
        /// The class.
        class_name: &'static str,
        /// The version in the file.
        found: u64,
        /// The newest version this build reads.
        supported: u64,
    },

    /// A file parses, but a field has an invalid value.
    #[error("not a usable {class_name}: {field} should be {expected}, found {found}")]
    FileField {
        /// The class.
        class_name: &'static str,
        /// The field.
        field: &'static str,
        /// What it should contain.
        expected: &'static str,
        /// What it contains.
        found: String,
    },

    /// A regular expression is not valid.
    #[error("the pattern {pattern:?} is not a valid regular expression of the regex crate: {source}")]
    Pattern {
        /// The pattern given.
        pattern: String,
        /// The error of the regex crate, with the position.
        source: Box<regex::Error>,
    },

    /// A regular expression for tokens has more than one group.
    #[error(
        "the pattern {pattern:?} should have at most one group, which then is the token, found {found}: write (?:...) \
         for groups that do not capture"
    )]
    PatternGroups {
        /// The pattern given.
        pattern: String,
        /// How many capturing groups it has.
        found: usize,
    },

    /// An id is outside a table or vocabulary.
    #[error(
        "ids should be below {limit}, {what}, found {id} in sequence {sequence}, element {position} (both counted from \
         0)"
    )]
    IdOutOfRange {
        /// What the limit is, in words.
        what: &'static str,
        /// The sequence in this call, counted from 0.
        sequence: usize,
        /// The position in it, counted from 0.
        position: usize,
        /// The id.
        id: u32,
        /// The first id that is too large.
        limit: usize,
    },

    /// An error in the files of a corpus.
    #[error(transparent)]
    Corpus(#[from] CorpusError),

    /// An error in the length of a series or of a batch plan.
    #[error(transparent)]
    Series(#[from] SeriesError),

    /// An error in the options, files or training of subwords.
    #[error(transparent)]
    Subword(#[from] SubwordError),

    /// An error in the options of a `TextVectorization` or in the vocabulary given to it.
    #[error(transparent)]
    TextVectorization(#[from] TextVectorizationError),

    /// An error in scikit-learn's vectorizers, their terms or their matrices.
    #[error(transparent)]
    Vectorizer(#[from] VectorizerError),

    /// An error in a group of workers.
    #[error(transparent)]
    Group(#[from] kiln_group::Error),

    /// An error in the limits, tokens or text files of a vocabulary.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
}

impl Error {
    /// For `map_err`: an [`Error::File`] that names the path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        move |source| FileError::new(action, path)(source).into()
    }

    /// For `map_err`: the same error, with the file that caused it.
    pub(crate) fn in_file(path: &Path) -> impl FnOnce(Error) -> Error {
        let path = path.to_path_buf();
        move |source| Error::InFile { path, source: Box::new(source) }
    }
}

/// Names for a message, cut off after the first few.
fn listed(names: &[String]) -> String {
    const MOST: usize = 20;
    let shown = names[..names.len().min(MOST)].join(", ");
    if names.len() > MOST { format!("{shown} and {} more", names.len() - MOST) } else { shown }
}
