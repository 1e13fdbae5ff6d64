//! The options of the supervised model, by fastText's defaults.

use kiln_base::{OptionError, options};
use serde::{Deserialize, Serialize};

use crate::error::Result;

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

options! {
    /// The options of [`Supervised`](crate::Supervised).
    ///
    /// | option | default | |
    /// |---|---|---|
    /// | `d` | 100 | numbers in a row |
    /// | `learning_rate` | 0.1 | the first; it falls to 0 with the tokens seen |
    /// | `epochs` | 5 | |
    /// | `word_ngrams` | 1 | the longest run of words that has its own row |
    /// | `min_n`, `max_n` | 0, 0 | the lengths of runs of characters with their own rows; none at 0 |
    /// | `buckets` | 2,000,000 | rows that runs of words and of characters share by their hashes; none if there are no such runs |
    /// | `min_count`, `min_count_label` | 1, 0 | rarer words and labels are left out |
    /// | `loss` | softmax | |
    /// | `label_prefix` | `__label__` | what a label begins with |
    /// | `seed` | 0 | |
    /// | `shuffle` | none | the seed to shuffle the lines with; none keeps their order |
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[non_exhaustive]
    pub struct SupervisedConfig [
        /// fastText's defaults.
        pub fn new
    ] {
        /// Numbers in a row.
        pub d: usize = 100,
        /// The first learning rate.
        pub learning_rate: f32 = 0.1,
        /// Passes over the text.
        pub epochs: usize = 5,
        /// The longest run of words with its own row: 2 for pairs.
        pub word_ngrams: usize = 1,
        /// The shortest run of characters with its own row: 3 is common.
        pub min_n: usize = 0,
        /// The longest run of characters with its own row: 6 is common; 0 for none.
        pub max_n: usize = 0,
        /// Rows that runs share by their hashes; memory is four bytes times `d` for each.
        pub buckets: usize = 2_000_000,
        /// Words that occur less often are left out.
        pub min_count: u64 = 1,
        /// Labels that occur less often are left out.
        pub min_count_label: u64 = 0,
        /// What outputs are compared by.
        pub loss: Loss = Loss::Softmax,
        /// What a label begins with.
        pub into label_prefix: String = "__label__".to_owned(),
        /// The seed of first values, and of the label drawn of several.
        pub seed: u32 = 0,
        /// The seed to shuffle the lines with before the first pass. Lines sorted by label need one, since the rate falls with the
        /// lines. fastText has no such option; `shuf` is used there.
        pub some shuffle: u64,
    }
}

impl SupervisedConfig {
    /// The rows that runs share: none where no run has a row.
    pub(super) fn used_buckets(&self) -> usize {
        if self.word_ngrams <= 1 && self.max_n == 0 { 0 } else { self.buckets }
    }

    pub(super) fn check(&self) -> Result<()> {
        const LARGEST: usize = i32::MAX as usize;
        let has_runs = self.word_ngrams > 1 || self.max_n > 0;
        let rate = self.learning_rate;
        let least_buckets = usize::from(has_runs);
        let buckets = format!("{least_buckets} to {LARGEST}; runs of words or characters need 1 or more");
        OptionError::unless(self.d > 0, "d", "1 or more", self.d)?;
        OptionError::unless((1..=LARGEST).contains(&self.epochs), "epochs", format!("1 to {LARGEST}"), self.epochs)?;
        let no_less = format!("min_n = {} or more", self.min_n);
        OptionError::unless(self.min_n == 0 || self.max_n > 0, "max_n", no_less, self.max_n)?;
        OptionError::unless(rate.is_finite() && rate > 0.0, "learning_rate", "a number above 0", rate)?;
        OptionError::unless(self.word_ngrams > 0, "word_ngrams", "1 or more", self.word_ngrams)?;
        let is_length = self.max_n == 0 || (1..=self.max_n).contains(&self.min_n);
        OptionError::unless(is_length, "min_n", format!("1 to max_n = {}", self.max_n), self.min_n)?;
        OptionError::unless((least_buckets..=LARGEST).contains(&self.buckets), "buckets", buckets, self.buckets)?;
        Ok(OptionError::unless(!self.label_prefix.is_empty(), "label_prefix", "one character or more", "none")?)
    }
}
