//! [`VocabularyError`]: what is wrong with a vocabulary's limits, tokens and text files. Leaves out its JSON.

use super::quoted;

/// What is wrong with a vocabulary's limits, tokens and text files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VocabularyError {
    /// No token is left for a vocabulary.
    #[error(
        "a vocabulary needs at least one token, found none among {distinct} different ones in {documents} documents: \
         check that the texts were read, and that the tokenizer, the limits and the stop words leave something of them"
    )]
    Empty {
        /// How many different tokens were counted or given.
        distinct: usize,
        /// How many documents were looked at.
        documents: u64,
    },

    /// A file of tokens has no line.
    #[error("a vocabulary needs at least one token, a line each, and the file is empty")]
    EmptyFile,

    /// A minimum above its maximum.
    #[error(
        "the {what} should reach from a minimum to a maximum above it, found {low} to {high}, which keeps no token"
    )]
    FrequencyRange {
        /// Which limit.
        what: &'static str,
        /// The minimum, in times.
        low: f64,
        /// The maximum, in times.
        high: f64,
    },

    /// A token was given twice.
    #[error("every token must be given once, found {token:?} at place {first} and again at {place} (counted from 0)")]
    DuplicateToken {
        /// The token.
        token: String,
        /// Where it is for the second time.
        place: usize,
        /// Where it is first.
        first: usize,
    },

    /// A file of tokens has one twice.
    #[error("every line must be another token, found {token:?} in line {line} and in line {first} already")]
    DuplicateLine {
        /// The token.
        token: String,
        /// The line where it is for the second time, counted from 1.
        line: usize,
        /// The line where it is first.
        first: usize,
    },

    /// A file of tokens does not begin with the special ones.
    #[error("line {line} should be the special token {expected:?}, found {}", line_or_end(.found))]
    SpecialTokenLine {
        /// The line, counted from 1.
        line: usize,
        /// The special token.
        expected: String,
        /// The line, if there is one.
        found: Option<String>,
    },

    /// The unknown token is not among the special ones.
    #[error("the unknown_token must be one of the special tokens {special_tokens:?}, found {token:?}")]
    UnknownToken {
        /// The token given.
        token: String,
        /// The special tokens.
        special_tokens: Vec<String>,
    },

    /// A token cannot stand in a file that has a token a line.
    #[error("the token {token:?} with id {id} has a line end in it, which plain text cannot hold: save JSON instead")]
    TokenWithLineEnd {
        /// The token.
        token: String,
        /// Its id.
        id: usize,
    },

    /// No token has this id.
    #[error("ids must be below {tokens}, the size of the vocabulary, found {id}")]
    NoSuchId {
        /// The id.
        id: u32,
        /// How many tokens there are.
        tokens: usize,
    },

    /// Id 0 is to be padding and is something else.
    #[error(
        "the first special token must stand for padding, which has id 0, and be another than the unknown token, found \
         {}: give special_tokens([\"<pad>\", \"<unk>\"]), for example",
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
