//! [`SubwordError`]: an error in the options, files or training of subwords.

/// An error in the options, files or training of subwords.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubwordError {
    /// The texts have more distinct characters than subwords were requested.
    #[error(
        "vocab_size should be {needed} or more, for the single characters of these texts and the special tokens, found \
         {found}: raise it, or use byte-level BPE, which needs only 256 and the special tokens"
    )]
    Alphabet {
        /// The smallest possible vocabulary size.
        needed: usize,
        /// The size requested.
        found: usize,
    },

    /// A line of a `.subwords` file is invalid.
    #[error("not a .subwords file of SubwordTextEncoder: line {line} should be {expected}, found {found}")]
    FileLine {
        /// The line, counted from 1.
        line: usize,
        /// What it should be.
        expected: &'static str,
        /// The line found, quoted.
        found: String,
    },

    /// A subword that cannot be saved in a `.subwords` file.
    #[error(
        "a .subwords file has one subword per line, but {subword:?} contains a line feed: save as JSON, or build from \
         texts without line feeds"
    )]
    LineFeed {
        /// The subword.
        subword: String,
    },

    /// A `tokenizer.json` with an unsupported version.
    #[error("the version of a tokenizer.json should be {supported:?}, found {found}: it may be from a newer release")]
    Version {
        /// The version in the file.
        found: String,
        /// The supported version.
        supported: &'static str,
    },

    /// The ids of a `tokenizer.json` have such gaps that tables by id would be far larger than the file.
    #[error(
        "the ids of a tokenizer.json with {tokens} tokens should be at most {}, found {highest}: number the tokens \
         from 0 without large gaps",
        4 * tokens + 65_536
    )]
    SparseIds {
        /// How many tokens there are.
        tokens: usize,
        /// The highest id.
        highest: u32,
    },

    /// Hugging Face's `tokenizers` refused a file, a text or a training, or is not in this build.
    #[error("cannot {action}: {message}")]
    Library {
        /// What was tried, as a verb: `read a tokenizer.json`, `train subwords`.
        action: &'static str,
        /// What the library says, or how to get it.
        message: String,
    },
}
