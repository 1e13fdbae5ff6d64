//! The options of a [`WordTokenizer`], their defaults and their checks.

use kiln_base::{OptionError, options};

use crate::encoders::word_tokenizer::WordTokenizer;
use crate::error::Result;
use crate::io::text::Text;
use crate::tokens::analyzer::Analyzer;
use crate::tokens::splitter::{DEFAULT_FILTERS, Splitter};

options! {
    /// Options for a [`WordTokenizer`]; made by [`WordTokenizer::builder`].
    ///
    /// ```
    /// use kiln_text::encoders::{Encoder, WordTokenizer};
    ///
    /// let tokenizer = WordTokenizer::builder().num_words(4).oov_token("<OOV>").fit(["a b b c c c"])?;
    /// assert_eq!(tokenizer.encode("c b a z"), [2, 3, 1, 1]);
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    #[derive(Clone, Debug, PartialEq)]
    pub struct WordTokenizerBuilder [pub(crate) fn new] {
        /// Keeps the ids below `num_words`: `num_words - 1` words, including the `oov_token`. Default: all.
        ///
        /// The limit applies when a text is encoded; all words are counted and kept. 0 and 1 keep no word and are an
        /// error.
        some num_words: usize,
        /// The characters that are replaced by `split`. Default: [`DEFAULT_FILTERS`].
        into filters: String = DEFAULT_FILTERS.to_owned(),
        /// Whether to lower-case, in full Unicode. Default: true.
        lower: bool = true,
        /// The string to split at, which may have several characters; empty is an error. Default: one space.
        into split: String = " ".to_owned(),
        /// Whether every code point is a token; `filters` and `split` are then ignored, as in Keras. Default: false.
        char_level: bool = false,
        /// A token for all words that are unknown or beyond `num_words`. It gets id 1, and words start at 2. Default:
        /// none; such words are dropped.
        into some oov_token: String,
        /// An [`Analyzer`] that splits texts (Keras's `analyzer`); `filters`, `lower`, `split` and `char_level` are
        /// then ignored. It is saved in the tokenizer's file, which Keras then refuses to read. Default: Keras's own
        /// rules.
        into some analyzer: Analyzer,
    }
}

impl WordTokenizerBuilder {
    /// A tokenizer that knows no word yet; fit it with [`WordTokenizer::fit_on_texts`].
    ///
    /// # Errors
    ///
    /// [`Error::Option`](crate::Error::Option) for a `num_words` of 0 or 1, or for an empty `split`.
    pub fn build(self) -> Result<WordTokenizer> {
        check_limit("num_words", self.num_words)?;
        let mut splitter = Splitter::new(self.filters, self.lower, self.split, self.char_level)?;
        if let Some(analyzer) = self.analyzer {
            splitter = splitter.by_analyzer(analyzer);
        }
        Ok(WordTokenizer::unfitted(splitter, self.num_words, self.oov_token))
    }

    /// A tokenizer fitted on `texts`, which are read once; they need not all be in memory.
    ///
    /// # Errors
    ///
    /// Those of [`build`](Self::build) and of [`WordTokenizer::fit_on_texts`].
    pub fn fit(self, texts: impl IntoIterator<Item = impl Text>) -> Result<WordTokenizer> {
        let mut tokenizer = self.build()?;
        tokenizer.fit_on_texts(texts)?;
        Ok(tokenizer)
    }
}

/// An error for a limit that keeps no id.
pub(crate) fn check_limit(option: &'static str, limit: Option<usize>) -> Result<()> {
    let expected = format!("2 or more, since {option} N keeps the ids 1 to N - 1 (0 is padding); omit it to keep all");
    Ok(limit.map_or(Ok(()), |limit| OptionError::unless(limit > 1, option, expected, limit))?)
}
