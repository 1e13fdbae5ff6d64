//! The options of word2vec, with gensim's names and defaults.

use kiln_base::OptionError;
use serde::{Deserialize, Serialize};

use super::train::Updates;
use crate::error::{Result, at_least_one};

/// What is predicted from what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// A word from the words around it (gensim: `sg=0`).
    #[default]
    Cbow,
    /// A word from each of the words around it (gensim: `sg=1`).
    SkipGram,
}

/// How CBOW joins the vectors of a context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Context {
    /// Their mean (gensim: `cbow_mean=1`).
    #[default]
    Mean,
    /// Their sum (gensim: `cbow_mean=0`).
    Sum,
}

kiln_base::options! {
    /// Configuration of a [`Word2Vec`](super::Word2Vec).
    ///
    /// Names and defaults are gensim's. Differences from gensim:
    ///
    /// - CBOW starts at a learning rate of 0.05, as word2vec.c does, and skip-gram at 0.03, since the pairs on one side
    ///   of a window are learned at once; gensim starts both at 0.025;
    /// - a negative word that equals the target is drawn again, not skipped;
    /// - scores beyond ±6 are trained on, not skipped, and the sigmoid is computed, not looked up;
    /// - the context words on one side of a skip-gram window share their negative words (Ji et al., "Parallelizing
    ///   Word2Vec in Shared and Distributed Memory", 2016, shares them in the whole window);
    /// - with [`Context::Sum`], each context word receives the whole gradient, not its share;
    /// - words of equal count keep the order in which they were first seen.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_models::word2vec::{Architecture, Word2VecConfig};
    ///
    /// let config = Word2VecConfig::new().architecture(Architecture::SkipGram).epochs(10);
    /// assert_eq!((config.vector_size, config.window, config.negative), (100, 5, 5));
    /// ```
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct Word2VecConfig {
        /// The initial learning rate. Default: 0.05 for CBOW, 0.03 for skip-gram.
        pub some alpha: f64,
        /// What is predicted from what. Default: CBOW.
        pub architecture: Architecture = Architecture::Cbow,
        /// How CBOW joins the vectors of a context. Default: their mean.
        pub context: Context = Context::Mean,
        /// Numbers in a vector. Default: 100.
        pub vector_size: usize = 100,
        /// Most words on each side. Default: 5.
        pub window: usize = 5,
        /// Whether each window has a random reach of 1 to `window` words. Default: true.
        pub shrink_windows: bool = true,
        /// Words that occur less often are dropped. Default: 5.
        pub min_count: u64 = 5,
        /// Negative words per window. Default: 5.
        pub negative: usize = 5,
        /// Negative words are drawn in proportion to their counts to this power. Default: 0.75.
        pub ns_exponent: f64 = 0.75,
        /// Words whose share of the corpus is above this are dropped at random; 0 drops none. Default: 1e-3.
        pub sample: f64 = 1e-3,
        /// The final learning rate; between the two it falls with the words seen. Default: 1e-4.
        pub min_alpha: f64 = 1e-4,
        /// Passes over the corpus. Default: 5.
        pub epochs: usize = 5,
        /// The seed of the initial vectors, windows and negative words. Default: 1.
        pub seed: u64 = 1,
        /// How threads share the vectors. Default: all update at once, without waiting.
        pub updates: Updates = Updates::Racing,
        /// Training threads; 0 means all cores. Default: 0.
        pub workers: usize = 0,
        /// In a group, about how many words a rank reads between two averages of the vectors. With more words, the
        /// ranks send fewer bytes. Default: 25,000.
        @[serde(default = "sync_words", skip_serializing_if = "is_usual")]
        pub sync_words: u64 = sync_words(),
    }
}

const fn sync_words() -> u64 {
    25_000
}

/// Then it is not written, so that files from before the option keep their checksums.
fn is_usual(words: &u64) -> bool {
    *words == sync_words()
}

burn_config!(Word2VecConfig);

impl Word2VecConfig {
    /// The initial learning rate.
    pub fn first_alpha(&self) -> f64 {
        self.alpha.unwrap_or(match self.architecture {
            Architecture::Cbow => 0.05,
            Architecture::SkipGram => 0.03,
        })
    }

    pub(crate) fn check(&self) -> Result<()> {
        let sizes = [
            ("vector_size", self.vector_size),
            ("window", self.window),
            ("negative", self.negative),
            ("epochs", self.epochs),
        ];
        for (option, size) in sizes {
            at_least_one(option, size)?;
        }
        OptionError::unless(self.sync_words > 0, "sync_words", "1 or more", self.sync_words)?;
        let limits = [
            ("vector_size", self.vector_size, 1 << 16, "at most 65,536"),
            ("window", self.window, 10_000, "at most 10,000, the longest sentence"),
            ("negative", self.negative, 1_000, "at most 1,000"),
            ("workers", self.workers, 1_024, "at most 1,024"),
        ];
        for (option, size, most, expected) in limits {
            OptionError::unless(size <= most, option, expected, size)?;
        }
        let alpha = self.first_alpha();
        let ranges = [
            ("sample", self.sample, self.sample >= 0.0 && self.sample < 1.0, "at least 0 and below 1"),
            ("ns_exponent", self.ns_exponent, self.ns_exponent.abs() <= 2.0, "between -2 and 2"),
            ("alpha", alpha, alpha > 0.0 && alpha.is_finite(), "above 0"),
            ("min_alpha", self.min_alpha, self.min_alpha >= 0.0 && self.min_alpha <= alpha, "from 0 to alpha"),
        ];
        for (option, value, is_right, expected) in ranges {
            OptionError::unless(is_right, option, expected, value)?;
        }
        Ok(())
    }
}
