//! [`VectorizerError`]: an error in scikit-learn's vectorizers, their terms or their matrices.

/// An error in scikit-learn's vectorizers, their terms or their matrices.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VectorizerError {
    /// A vectorizer would have no columns.
    #[error(
        "a vectorizer needs at least one term, found none in {documents} documents: check that the texts were read, \
         that stop_words and token_pattern do not remove every term, and that a given vocabulary is not empty"
    )]
    NoTerms {
        /// How many documents were read.
        documents: usize,
    },

    /// No term lies within `min_df` and `max_df`.
    #[error(
        "at least one of the {terms} terms should occur in {least} (min_df) to {most} (max_df) of the {documents} \
         documents, found none: lower min_df or raise max_df"
    )]
    NoTermsLeft {
        /// How many terms there are.
        terms: usize,
        /// The lower limit, in documents.
        least: f64,
        /// The upper limit, in documents.
        most: f64,
        /// How many documents there are.
        documents: usize,
    },

    /// A vocabulary contains a term twice.
    #[error("the terms of a vocabulary should differ, found {term:?} in columns {first} and {second} (counted from 0)")]
    DuplicateTerm {
        /// The term.
        term: String,
        /// Its first column.
        first: usize,
        /// Its second column.
        second: usize,
    },

    /// A weight is infinite or not a number.
    #[error(
        "the tf-idf of row {row}, column {column} should be a finite number, but the count is {count} and the inverse \
         document frequency {idf}: fit on rows in which every term occurs, or keep `smooth_idf`; counts must be above 0 for \
         `sublinear_tf`"
    )]
    NotFinite {
        /// The row, counted from 0.
        row: usize,
        /// The column, counted from 0.
        column: usize,
        /// The count in that cell.
        count: f64,
        /// The factor of the count.
        idf: f64,
    },

    /// A matrix has the wrong number of columns.
    #[error("the matrix should have {expected} columns, one for each term, found {found}")]
    MatrixColumns {
        /// How many terms there are.
        expected: usize,
        /// How many columns the matrix has.
        found: usize,
    },
}
