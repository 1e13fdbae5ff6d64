//! [`TextVectorizationError`]: what is wrong with a `TextVectorization`'s options and the vocabulary given to it.
//! Leaves out its JSON.

/// What is wrong with a `TextVectorization`'s options and the vocabulary given to it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextVectorizationError {
    /// [`TextVectorization`](crate::keras::TextVectorization) was asked, or has an option, for what its output mode does not
    /// give.
    #[error("{asked} cannot be had with output_mode {mode}: choose another output mode in the builder")]
    OutputMode {
        /// What was asked for.
        asked: &'static str,
        /// The output mode.
        mode: &'static str,
    },

    /// A vocabulary given has a token that stands for something else.
    #[error(
        "{token:?} is a special token and may only be in front, with the others in their order; found it at place {place}"
    )]
    ReservedToken {
        /// The token.
        token: String,
        /// Where it is, counted from 0.
        place: usize,
    },

    /// A vocabulary given has more tokens than `max_tokens`.
    #[error("the vocabulary must have at most max_tokens = {max_tokens} tokens, special ones included, found {found}")]
    TooManyTokens {
        /// How many there are.
        found: usize,
        /// The limit.
        max_tokens: usize,
    },

    /// A vocabulary given has the wrong number of weights.
    #[error("a vocabulary for output_mode {mode} should come with {expected} idf_weights, found {found}")]
    IdfWeights {
        /// How many there should be: one a token with `tf_idf`, none otherwise.
        expected: usize,
        /// How many were given.
        found: usize,
        /// The output mode.
        mode: &'static str,
    },
}
