//! The options of the supervised model, by fastText's defaults.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What the outputs of a model are compared by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// One label is right: probabilities of all labels add up to 1. Of a line's several labels one is drawn in each
    /// epoch.
    #[default]
    Softmax,
    /// Any number of labels may be right, each by itself.
    OneVsAll,
}

/// The options of [`Supervised`](crate::Supervised).
///
/// | option | default | |
/// |---|---|---|
/// | `d` | 100 | numbers in a row |
/// | `learning_rate` | 0.1 | the first; it falls to 0 with the tokens seen |
/// | `epochs` | 5 | |
/// | `word_ngrams` | 1 | the longest run of words that has a row of its own |
/// | `min_n`, `max_n` | 0, 0 | the lengths of runs of characters with rows of their own; none at 0 |
/// | `buckets` | 2,000,000 | rows that runs of words and of characters share by their hashes; none if there are no such runs |
/// | `min_count`, `min_count_label` | 1, 0 | rarer words and labels are left out |
/// | `loss` | softmax | |
/// | `label_prefix` | `__label__` | what a label begins with |
/// | `seed` | 0 | |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SupervisedConfig {
    /// Numbers in a row.
    pub d: usize,
    /// The first learning rate.
    pub learning_rate: f32,
    /// Passes over the text.
    pub epochs: usize,
    /// The longest run of words with a row of its own.
    pub word_ngrams: usize,
    /// The shortest run of characters with a row of its own.
    pub min_n: usize,
    /// The longest such run; 0 for none.
    pub max_n: usize,
    /// Rows that runs share by their hashes.
    pub buckets: usize,
    /// Words that occur less often are left out.
    pub min_count: u64,
    /// Labels that occur less often are left out.
    pub min_count_label: u64,
    /// What outputs are compared by.
    pub loss: Loss,
    /// What a label begins with.
    pub label_prefix: String,
    /// The seed of first values, and of the label drawn of several.
    pub seed: u32,
}

impl Default for SupervisedConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl SupervisedConfig {
    /// fastText's defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            d: 100,
            learning_rate: 0.1,
            epochs: 5,
            word_ngrams: 1,
            min_n: 0,
            max_n: 0,
            buckets: 2_000_000,
            min_count: 1,
            min_count_label: 0,
            loss: Loss::Softmax,
            label_prefix: "__label__".to_owned(),
            seed: 0,
        }
    }

    /// Numbers in a row.
    #[must_use]
    pub fn with_d(mut self, d: usize) -> Self {
        self.d = d;
        self
    }

    /// The first learning rate.
    #[must_use]
    pub fn with_learning_rate(mut self, rate: f32) -> Self {
        self.learning_rate = rate;
        self
    }

    /// Passes over the text.
    #[must_use]
    pub fn with_epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// The longest run of words with a row of its own: 2 for pairs.
    #[must_use]
    pub fn with_word_ngrams(mut self, longest: usize) -> Self {
        self.word_ngrams = longest;
        self
    }

    /// The lengths of runs of characters with rows of their own: 3 and 6 are common.
    #[must_use]
    pub fn with_characters(mut self, shortest: usize, longest: usize) -> Self {
        (self.min_n, self.max_n) = (shortest, longest);
        self
    }

    /// Rows that runs share by their hashes; memory is four bytes times `d` for each.
    #[must_use]
    pub fn with_buckets(mut self, buckets: usize) -> Self {
        self.buckets = buckets;
        self
    }

    /// Words and labels that occur less often are left out.
    #[must_use]
    pub fn with_min_counts(mut self, words: u64, labels: u64) -> Self {
        (self.min_count, self.min_count_label) = (words, labels);
        self
    }

    /// What outputs are compared by.
    #[must_use]
    pub fn with_loss(mut self, loss: Loss) -> Self {
        self.loss = loss;
        self
    }

    /// What a label begins with.
    #[must_use]
    pub fn with_label_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.label_prefix = prefix.into();
        self
    }

    /// The seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u32) -> Self {
        self.seed = seed;
        self
    }

    /// The rows that runs share: none where no run has a row.
    pub(super) fn used_buckets(&self) -> usize {
        if self.word_ngrams <= 1 && self.max_n == 0 { 0 } else { self.buckets }
    }

    pub(super) fn check(&self) -> Result<()> {
        let refuse = |option, expected, found: String| Err(Error::Option { option, expected, found });
        if self.d == 0 {
            return refuse("d", "at least 1", self.d.to_string());
        }
        if self.epochs == 0 {
            return refuse("epochs", "at least 1", self.epochs.to_string());
        }
        if self.epochs > i32::MAX as usize {
            return refuse("epochs", "at most 2,147,483,647", self.epochs.to_string());
        }
        if self.min_n > 0 && self.max_n == 0 {
            return refuse("max_n", "at least min_n", "0".to_owned());
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return refuse("learning_rate", "a number above 0", self.learning_rate.to_string());
        }
        if self.word_ngrams == 0 {
            return refuse("word_ngrams", "at least 1", self.word_ngrams.to_string());
        }
        if self.max_n > 0 && !(1..=self.max_n).contains(&self.min_n) {
            return refuse("min_n", "from 1 to max_n", self.min_n.to_string());
        }
        if self.buckets == 0 && (self.word_ngrams > 1 || self.max_n > 0) {
            return refuse("buckets", "at least 1 for runs of words or characters", "0".to_owned());
        }
        if self.buckets > i32::MAX as usize {
            return refuse("buckets", "at most 2,147,483,647", self.buckets.to_string());
        }
        if self.label_prefix.is_empty() {
            return refuse("label_prefix", "at least one character", "none".to_owned());
        }
        Ok(())
    }
}
