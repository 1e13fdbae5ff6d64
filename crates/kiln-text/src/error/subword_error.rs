//! [`SubwordError`]: what is wrong with the options, files and training of subwords. Leaves out what any tokenizer's
//! JSON can have wrong.

/// What is wrong with the options, files and training of subwords.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubwordError {
    /// More distinct characters than subwords asked for.
    #[error(
        "these texts need {needed} subwords or more for their single characters and the special tokens, \
         found vocab_size {found}: ask for more, or take byte-level BPE, which needs 256 and the special tokens"
    )]
    Alphabet {
        /// The least vocabulary size.
        needed: usize,
        /// The size asked for.
        found: usize,
    },

    /// A `.subwords` file says something else.
    #[error("not a .subwords file of SubwordTextEncoder: line {line} should be {expected}, found {found}")]
    FileLine {
        /// The line, counted from 1.
        line: usize,
        /// What it should be.
        expected: &'static str,
        /// The line, quoted.
        found: String,
    },

    /// A subword that a `.subwords` file cannot hold.
    #[error(
        "a .subwords file has a line a subword, and {subword:?} holds a line feed: \
         save as JSON, or build from texts without line feeds"
    )]
    LineFeed {
        /// The subword.
        subword: String,
    },

    /// A `tokenizer.json` of a version that is not known.
    #[error("the version of a tokenizer.json should be {supported:?}, found {found}: it may be of a newer tokenizers")]
    Version {
        /// What stands in the file.
        found: String,
        /// The version that is read.
        supported: &'static str,
    },

    /// Hugging Face's `tokenizers` refused a file, a text or a training.
    #[error("cannot {action}: tokenizers says {message:?}")]
    Library {
        /// What was tried, as a verb: `read a tokenizer.json`, `train subwords`.
        action: &'static str,
        /// The library's message.
        message: String,
    },
}
