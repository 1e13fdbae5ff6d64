//! [`TextVectorizationError`]: an error in the options of a `TextVectorization` or in the vocabulary given to it.

/// An error in the options of a `TextVectorization` or in the vocabulary given to it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextVectorizationError {
    /// The output mode of a [`TextVectorization`](crate::keras::TextVectorization) does not support a method or an
    /// option.
    #[error("output_mode {mode} does not support {asked}: choose another output mode in the builder")]
    OutputMode {
        /// The method's result, or the option.
        asked: &'static str,
        /// The output mode.
        mode: &'static str,
    },

    /// A special token is in the wrong place of a given vocabulary.
    #[error(
        "{token:?} is a special token and should come first, in the order of the special tokens, found at place \
         {place} (counted from 0)"
    )]
    ReservedToken {
        /// The token.
        token: String,
        /// Its index.
        place: usize,
    },

    /// A given vocabulary has more tokens than `max_tokens`.
    #[error(
        "the vocabulary should have at most max_tokens = {max_tokens} tokens, special ones included, found {found}"
    )]
    TooManyTokens {
        /// The number of tokens.
        found: usize,
        /// The limit.
        max_tokens: usize,
    },

    /// A given vocabulary has the wrong number of weights.
    #[error("a vocabulary for output_mode {mode} should come with {expected} idf_weights, found {found}")]
    IdfWeights {
        /// The expected number: one per token with `tf_idf`, none otherwise.
        expected: usize,
        /// The number given.
        found: usize,
        /// The output mode.
        mode: &'static str,
    },
}
