//! [`VocabularyError`]: an error in the limits, tokens or text files of a vocabulary.

use super::quoted;

/// An error in the limits, tokens or text files of a vocabulary.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VocabularyError {
    /// No token is left for a vocabulary.
    #[error(
        "a vocabulary needs at least one token, found none to keep among {distinct} distinct tokens in {documents} \
         documents: check that the texts were read, and that the tokenizer, the limits and the stop words do not \
         remove every token"
    )]
    Empty {
        /// How many distinct tokens were counted or given.
        distinct: usize,
        /// How many documents were read.
        documents: u64,
    },

    /// A file of tokens is empty.
    #[error("a vocabulary needs at least one token, one per line, but the file is empty")]
    EmptyFile,

    /// A minimum is above its maximum.
    #[error("min_{what} should not be above max_{what}, found {low} and {high}, which keep no token")]
    FrequencyRange {
        /// The options' name without `min_` and `max_`.
        what: &'static str,
        /// The minimum, as a number of times.
        low: f64,
        /// The maximum, as a number of times.
        high: f64,
    },

    /// A token is given twice.
    #[error("every token should be given once, found {token:?} at place {first} and again at {place} (counted from 0)")]
    DuplicateToken {
        /// The token.
        token: String,
        /// Its second index.
        place: usize,
        /// Its first index.
        first: usize,
    },

    /// A file of tokens contains a token twice.
    #[error("every line should be a different token, found {token:?} in line {first} and again in line {line}")]
    DuplicateLine {
        /// The token.
        token: String,
        /// The line of its second occurrence, counted from 1.
        line: usize,
        /// The line of its first occurrence.
        first: usize,
    },

    /// A file of tokens does not begin with the special tokens.
    #[error("line {line} should be the special token {expected:?}, found {}", line_or_end(.found))]
    SpecialTokenLine {
        /// The line, counted from 1.
        line: usize,
        /// The special token expected.
        expected: String,
        /// The line found, if there is one.
        found: Option<String>,
    },

    /// The unknown token is not one of the special tokens.
    #[error("the unknown_token should be one of the special tokens {special_tokens:?}, found {token:?}")]
    UnknownToken {
        /// The token given.
        token: String,
        /// The special tokens.
        special_tokens: Vec<String>,
    },

    /// A token cannot be saved in a file with one token per line.
    #[error("the token {token:?} with id {id} contains a line end, which plain text cannot hold: save JSON instead")]
    TokenWithLineEnd {
        /// The token.
        token: String,
        /// Its id.
        id: usize,
    },

    /// No token has this id.
    #[error("ids should be below {tokens}, the size of the vocabulary, found {id}")]
    NoSuchId {
        /// The id.
        id: u32,
        /// How many tokens there are.
        tokens: usize,
    },

    /// Id 0 is not a token for padding.
    #[error(
        "the first special token has id 0 and should be a token for padding, not the unknown token, found {}: set for \
         example special_tokens([\"<pad>\", \"<unk>\"])",
        .found.as_ref().map_or_else(|| "none".to_owned(), |found| format!("{found:?}"))
    )]
    NoPadding {
        /// The first special token, if there is one.
        found: Option<String>,
    },
}

fn line_or_end(found: &Option<String>) -> String {
    found.as_ref().map_or_else(|| "the end of the file".to_owned(), |line| quoted(line))
}
