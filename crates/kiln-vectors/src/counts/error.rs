//! The one error type of this crate. It holds every failure that a user can cause, with what was expected, what was
//! found, where, and what to do. It leaves out nothing but bugs of the crate itself, which would panic.

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, CountError>;

/// What can go wrong between sentences and count-based vectors.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CountError {
    /// A window that reaches no word.
    #[error("the window must be 1 or more, found 0: it is the number of words looked at on a side")]
    ZeroWindow,

    /// A vocabulary that is empty, or too large for ids of 32 bits.
    #[error(
        "vocab_size must be 1 to {}, found {found}: it is the number of words, and ids run from 0 to vocab_size - 1",
        u32::MAX
    )]
    VocabSize {
        /// The value given.
        found: usize,
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

    /// The exponent of context distribution smoothing.
    #[error("the smoothing exponent must be above 0 and at most 1, found {found}: 1 is no smoothing, 0.75 is usual")]
    Smoothing {
        /// The value given.
        found: f64,
    },

    /// The number that is subtracted from every PMI.
    #[error(
        "the shift must be 0 or more and finite, found {found}: it is the base-2 logarithm of k, so 0 for k = 1 (none)"
    )]
    Shift {
        /// The value given.
        found: f64,
    },

    /// A count that counts nothing.
    #[error("counts must be 0 or more and finite, found {found} in row {row}, column {column}")]
    Count {
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
    NotFinite {
        /// The row, counted from 0.
        row: usize,
        /// The column, counted from 0.
        column: usize,
        /// The value there.
        found: f32,
    },

    /// More dimensions than there are, or none.
    #[error(
        "the number of dimensions to keep must be 1 to {}, the smaller side of {rows} x {columns}; found {found}",
        (*.rows).min(*.columns)
    )]
    Dimensions {
        /// The number asked for.
        found: usize,
        /// Rows of the matrix.
        rows: usize,
        /// Columns of the matrix.
        columns: usize,
    },

    /// A matrix too large to decompose densely.
    #[error(
        "a matrix of {rows} x {columns} cannot be decomposed in full, which takes 2^32 cells at most, 8 bytes each: \
         use SvdMethod::Randomized, or leave out rare words"
    )]
    TooLarge {
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
