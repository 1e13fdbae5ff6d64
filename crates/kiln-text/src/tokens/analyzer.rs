//! [`Analyzer`]: from a text to its tokens, with a normaliser, a splitter and, optionally, n-grams.

use kiln_base::options;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::tokens::ngrams::NGrams;
use crate::tokens::normalizer::Normalizer;
use crate::tokens::word_splitter::WordSplitter;

options! {
    /// Turns texts into tokens: first a [`Normalizer`], then a [`WordSplitter`], then optionally [`NGrams`].
    ///
    /// A [`WordTokenizer`](crate::encoders::WordTokenizer) accepts one in place of Keras's rules, like the `analyzer`
    /// of Keras's `Tokenizer`, and saves it in its file. The default is Keras's rule: lower case, then
    /// [`WordSplitter::keras`].
    ///
    /// # Examples
    ///
    /// Words and pairs of words, without tags, case and accents, counted like Keras's words:
    ///
    /// ```
    /// use kiln_text::encoders::WordTokenizer;
    /// use kiln_text::keras::MatrixMode;
    /// use kiln_text::tokens::{Accents, Analyzer, Html, NGrams, Normalizer, Segments, WordSplitter};
    ///
    /// let analyzer = Analyzer::default()
    ///     .normalizer(Normalizer::new().html(Html::Breaks).lower(true).accents(Accents::Strip))
    ///     .words(WordSplitter::unicode(Segments::Words))
    ///     .ngrams(NGrams::new(1..=2)?);
    /// assert_eq!(analyzer.tokens("Très<br />bon!"), ["tres", "bon", "tres bon"]);
    ///
    /// let tokenizer = WordTokenizer::builder().analyzer(analyzer).fit(["Très bon", "pas bon"])?;
    /// let matrix = tokenizer.texts_to_matrix(&["bon, pas bon"], MatrixMode::Count)?;
    /// assert_eq!(tokenizer.words().collect::<Vec<_>>(), ["bon", "tres", "tres bon", "pas", "pas bon"]);
    /// assert_eq!(matrix.row(0), [0.0, 2.0, 0.0, 0.0, 1.0, 1.0]);
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct Analyzer [pub(crate) fn new] {
        /// What happens to a text first. Default: lower case.
        into normalizer: Normalizer = Normalizer::new().lower(true),
        /// How the text is split. Default: [`WordSplitter::keras`].
        into words: WordSplitter = WordSplitter::keras(),
        /// The n-grams of the words to use as tokens. Default: the words themselves.
        into some ngrams: NGrams,
    }
}

impl Analyzer {
    /// The tokens of a text, in order.
    pub fn tokens(&self, text: &str) -> Vec<String> {
        let mut tokens = Vec::new();
        self.each(text, |token| tokens.push(token.to_owned()));
        tokens
    }

    /// The tokens of many texts, on all threads. The result does not depend on the number of threads.
    pub fn tokens_batch(&self, texts: &[impl AsRef<str> + Sync]) -> Vec<Vec<String>> {
        texts.par_iter().with_min_len(16).map(|text| self.tokens(text.as_ref())).collect()
    }

    /// The separator when tokens are joined again.
    pub(crate) fn between_tokens(&self) -> &'static str {
        if self.words.are_characters() && self.ngrams.is_none() { "" } else { " " }
    }

    /// Calls `take` with every token, in order; none is empty.
    pub fn each(&self, text: &str, take: impl FnMut(&str)) {
        let text = self.normalizer.normalize(text);
        let Some(ngrams) = &self.ngrams else {
            return self.words.each(&text, take);
        };
        let mut joined = ngrams.joiner();
        self.words.each(&text, |word| joined.push(word));
        joined.grams().for_each(take);
    }
}
