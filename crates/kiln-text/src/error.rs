//! The one error type of this crate. It holds every failure that a user can cause, with what was expected, what was
//! found, where, and what to do; those of one domain in an enum of their own (`error/`), which `?` turns into it. It
//! leaves out nothing but bugs of the crate itself, which would panic.

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

/// What can go wrong between a file of text and a batch of numbers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused a file or folder.
    #[error(transparent)]
    File(#[from] FileError),

    /// An option has a value that it cannot have.
    #[error(transparent)]
    Option(#[from] OptionError),

    /// Another error, with the file it came from.
    #[error("{}: {source}", .path.display())]
    InFile {
        /// The file that was being read.
        path: PathBuf,
        /// What was wrong in it.
        source: Box<Error>,
    },

    /// A tokenizer was fitted on texts that hold no word.
    #[error(
        "a tokenizer needs at least one word to fit on, found none in {documents} documents: \
         check that the texts were read, and that the options leave something of them"
    )]
    EmptyCorpus {
        /// How many documents were looked at.
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

    /// More words than ids, or more numbers than an address space holds.
    #[error("{what} of {rows} x {columns} does not fit in memory: take fewer texts at a time, or a smaller limit")]
    TooLarge {
        /// What was to be made.
        what: &'static str,
        /// Rows asked for.
        rows: usize,
        /// Numbers a row.
        columns: usize,
    },

    /// A matrix was asked of a tokenizer that has neither words nor `num_words`.
    #[error("a matrix needs columns: fit the tokenizer first, or give it num_words")]
    MatrixWithoutWords,

    /// tf-idf was asked of a tokenizer that has seen no document.
    #[error("tf-idf needs document counts, and this tokenizer has seen no document: fit it first")]
    TfIdfWithoutDocuments,

    /// [`ImdbIds`](crate::encoders::ImdbIds) was given a tokenizer with an `oov_token`.
    #[error(
        "the ids of keras.datasets.imdb have their own unknown id 2, but the tokenizer has the oov_token {token:?}: \
         fit it without oov_token"
    )]
    ImdbOovToken {
        /// The tokenizer's token.
        token: String,
    },

    /// There is no longest sequence to pad to.
    #[error(
        "cannot pad to the longest of {sequences} sequences: none of them has an element; give max_len to say how long"
    )]
    NothingToPad {
        /// How many sequences were given.
        sequences: usize,
    },

    /// The steps of a sequence of vectors differ in width.
    #[error(
        "every step must have {expected} numbers as the first has, found {found} in sequence {sequence}, step {step}"
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

    /// A document's label has no class name.
    #[error(
        "labels must be below {classes}, the number of class names; document {document} (counted from 0) has {label}"
    )]
    LabelOutOfRange {
        /// The document, counted from 0.
        document: usize,
        /// Its label.
        label: u32,
        /// How many classes there are.
        classes: usize,
    },

    /// A fraction that leaves one side of a split empty.
    #[error(
        "the fraction to split off must be above 0 and below 1 and leave a document on either side; \
         found {fraction} of {documents} documents"
    )]
    SplitFraction {
        /// The fraction given.
        fraction: f64,
        /// How many documents there are.
        documents: usize,
    },

    /// Documents are to be split, and those of each class follow one another.
    #[error(
        "the {documents} documents are sorted by class ({}), so the last part would lack some of them: call `shuffled` before \
         `split_tail`, or take the parts by hand (`take`, `into_documents`)",
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

    /// A folder of classes lacks a class.
    #[error("{} should hold the folders {expected:?}, found {found:?}", .path.display())]
    ClassFolderMissing {
        /// The folder looked into.
        path: PathBuf,
        /// The class folders that should be there.
        expected: Vec<String>,
        /// What is there, sorted, at most twenty names.
        found: Vec<String>,
    },

    /// A class has no `.txt` file.
    #[error(
        "{} holds no .txt file: every class needs at least one document; for files of other names, of a folder a class set \
         `any_extension(true)`",
        .path.display()
    )]
    ClassEmpty {
        /// The class folder, in an archive below the archive's name.
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
        /// What is there, sorted, at most twenty names.
        found: Vec<String>,
    },

    /// An archive does not read to its end.
    #[error("{} is not a whole .tar.gz archive: {source}; fetch it again", .archive.display())]
    Archive {
        /// The archive.
        archive: PathBuf,
        /// What the decompressor or the tar reader said.
        source: io::Error,
    },

    /// An archive holds an entry that no data set needs and that could do harm.
    #[error("{}: refused entry {entry:?}: {problem}", .archive.display())]
    ArchiveEntry {
        /// The archive.
        archive: PathBuf,
        /// The entry's name.
        entry: String,
        /// Why it was refused.
        problem: &'static str,
    },

    /// There is no cache folder to download into.
    #[error(
        "this user has no cache folder: set KILN_CACHE to a folder, or fetch the data yourself and give its path to `Imdb::open`"
    )]
    NoCacheFolder,

    /// A download did not happen.
    #[cfg(feature = "download")]
    #[error(
        "cannot download {url}: {source}; check the network, or fetch the file yourself and give its path, for the reviews to `Imdb::open`"
    )]
    Download {
        /// The address.
        url: String,
        /// What the connection said.
        source: Box<ureq::Error>,
    },

    /// The program cannot fetch files.
    #[error(
        "cannot download {url}: this program is built without the feature `download` of kiln; build it with the feature, or \
         fetch the file yourself and give its path, for the reviews to `Imdb::open`"
    )]
    DownloadNotBuilt {
        /// The address.
        url: String,
    },

    /// A download broke off.
    #[error(
        "the download of {url} broke off: {source}; try again, or fetch the file yourself and give its path, for the reviews to `Imdb::open`"
    )]
    DownloadBroken {
        /// The address.
        url: String,
        /// What the connection said.
        source: io::Error,
    },

    /// A file has the wrong size.
    #[error(
        "{file} should have {expected} bytes, found {found}: nothing was kept; try again, or fetch it yourself and give its path, for the reviews to `Imdb::open`"
    )]
    WrongSize {
        /// The address or file.
        file: String,
        /// The published size.
        expected: u64,
        /// The size found; for a download that runs over, how much was read before it was stopped.
        found: u64,
    },

    /// A file has the wrong checksum.
    #[error(
        "{file} should have the SHA-256 {expected}, found {found}: nothing was kept; \
         try again, or fetch the file yourself and give its path, for the reviews to `Imdb::open`"
    )]
    WrongChecksum {
        /// The address or file.
        file: String,
        /// The published checksum.
        expected: String,
        /// The checksum found.
        found: String,
    },

    /// A progress callback answered that a pass shall stop.
    #[error("stopped by the progress callback after {documents} documents")]
    Stopped {
        /// How many documents were seen.
        documents: u64,
    },

    /// A file does not parse, or a part of it has the wrong type.
    #[error("not a {class_name} in JSON, in {part}: {source}")]
    FileJson {
        /// The class that was to be read.
        class_name: &'static str,
        /// The part being parsed: `the file`, or one of the five dictionaries in Keras's tokenizer.
        part: &'static str,
        /// The parser's message, with line and column.
        source: serde_json::Error,
    },

    /// A file is of another class.
    #[error("expected a file of class_name {expected}, found {found}")]
    FileClass {
        /// The classes that can be read here, quoted.
        expected: String,
        /// The class name in the file, quoted, with what reads it, or what else the file is.
        found: String,
    },

    /// A file was written by a newer Kiln.
    #[error("the {class_name}'s format version is {found}, this Kiln reads up to {supported}: update Kiln")]
    FileVersion {
        /// The class.
        class_name: &'static str,
        /// The version in the file.
        found: u64,
        /// The newest version this build reads.
        supported: u64,
    },

    /// A file parses, but says something that cannot be.
    #[error("not a usable {class_name}: {field} should be {expected}, found {found}")]
    FileField {
        /// The class.
        class_name: &'static str,
        /// The field.
        field: &'static str,
        /// What it should hold.
        expected: &'static str,
        /// What it holds.
        found: String,
    },

    /// A regular expression does not compile.
    #[error("the pattern {pattern:?} is no regular expression that the regex crate can use: {source}")]
    Pattern {
        /// The pattern given.
        pattern: String,
        /// What the compiler said, with the place.
        source: Box<regex::Error>,
    },

    /// A regular expression for tokens has more than one group.
    #[error(
        "the pattern {pattern:?} should have no group, or one, which is then the token; found {found}: \
         write (?:...) for groups that only hold together"
    )]
    PatternGroups {
        /// The pattern given.
        pattern: String,
        /// How many capturing groups it has.
        found: usize,
    },

    /// An id is beyond a table or vocabulary.
    #[error("ids must be below {limit}, {what}; element {position} of sequence {sequence} (counted from 0) is {id}")]
    IdOutOfRange {
        /// What the limit is.
        what: &'static str,
        /// The sequence in this call, counted from 0.
        sequence: usize,
        /// The place in it, counted from 0.
        position: usize,
        /// The id.
        id: u32,
        /// The first id that is too large.
        limit: usize,
    },

    /// What is wrong with the files of a corpus.
    #[error(transparent)]
    Corpus(#[from] CorpusError),

    /// What is wrong with the length of a series or of a batch plan.
    #[error(transparent)]
    Series(#[from] SeriesError),

    /// What is wrong with the options, files and training of subwords.
    #[error(transparent)]
    Subword(#[from] SubwordError),

    /// What is wrong with a `TextVectorization`'s options and the vocabulary given to it.
    #[error(transparent)]
    TextVectorization(#[from] TextVectorizationError),

    /// What is wrong with scikit-learn's vectorizers, their terms and their matrices.
    #[error(transparent)]
    Vectorizer(#[from] VectorizerError),

    /// What is wrong with a vocabulary's limits, tokens and text files.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
}

impl Error {
    /// For `map_err`: an [`Error::File`] that names the path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        move |source| FileError::new(action, path)(source).into()
    }

    /// For `map_err`: the same error, with the file it came from.
    pub(crate) fn in_file(path: &Path) -> impl FnOnce(Error) -> Error {
        let path = path.to_path_buf();
        move |source| Error::InFile { path, source: Box::new(source) }
    }
}

/// Names for a message, not too many.
fn listed(names: &[String]) -> String {
    const MOST: usize = 20;
    let shown = names[..names.len().min(MOST)].join(", ");
    if names.len() > MOST { format!("{shown} and {} more", names.len() - MOST) } else { shown }
}
