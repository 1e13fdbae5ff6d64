//! [`VectorizerError`]: what is wrong with scikit-learn's vectorizers, their terms and their matrices. Leaves out their
//! patterns and n-grams, which others have too.

/// What is wrong with scikit-learn's vectorizers, their terms and their matrices.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VectorizerError {
    /// A vectorizer would have no column.
    #[error(
        "a vectorizer needs at least one term, found none in {documents} documents: check that the texts were read, \
         and that stop_words and token_pattern leave something of them; a vocabulary given must not be empty"
    )]
    NoTerms {
        /// How many documents were looked at.
        documents: usize,
    },

    /// No term is within `min_df` and `max_df`.
    #[error(
        "some of the {terms} terms should occur in at least {least} (min_df) and at most {most} (max_df) of the \
         {documents} documents, found none: lower min_df or raise max_df"
    )]
    NoTermsLeft {
        /// How many terms there are.
        terms: usize,
        /// The fewest documents allowed.
        least: f64,
        /// The most documents allowed.
        most: f64,
        /// How many documents there are.
        documents: usize,
    },

    /// A vocabulary has a term twice.
    #[error("a vocabulary needs different terms, found {term:?} in columns {first} and {second}, counted from 0")]
    DuplicateTerm {
        /// The term.
        term: String,
        /// Its first column.
        first: usize,
        /// Its second column.
        second: usize,
    },

    /// A weight is infinite or no number.
    #[error(
        "the tf-idf of row {row}, column {column} should be a finite number, but the count is {count} and the inverse \
         document frequency {idf}: fit on rows in which every term occurs, or keep `smooth_idf`; counts must be above 0 for \
         `sublinear_tf`"
    )]
    NotFinite {
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// The count there.
        count: f64,
        /// What it is multiplied by.
        idf: f64,
    },

    /// A matrix does not fit to what it is given to.
    #[error("the matrix should have {expected} columns, one for each term, found {found}")]
    MatrixColumns {
        /// How many terms there are.
        expected: usize,
        /// How many columns the matrix has.
        found: usize,
    },
}
