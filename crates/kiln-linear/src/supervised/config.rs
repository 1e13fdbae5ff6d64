//! The options of the supervised model, with fastText's defaults.

use kiln_base::{OptionError, RowWeights, options};
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// How the outputs of a model are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// One label is right: the probabilities of all labels sum to 1. If a line has several labels, one is drawn in each
    /// epoch.
    #[default]
    Softmax,
    /// Any number of labels may be right, each independently.
    OneVsAll,
}

impl Loss {
    /// The loss of one probability.
    #[inline(always)]
    pub(super) fn of(self, is_right: bool, probability: f32) -> f32 {
        match self {
            _ if is_right => -(probability + 1e-5).ln(),
            Self::Softmax => 0.0,
            Self::OneVsAll => -(1.0 - probability + 1e-5).ln(),
        }
    }
}

/// [`RowWeights`] in serialised form.
#[derive(Serialize, Deserialize)]
#[serde(remote = "RowWeights", rename_all = "snake_case")]
enum RowWeightsData {
    Equal,
    Balanced,
    Classes(Vec<f64>),
    Rows(Vec<f64>),
}

options! {
    /// The options of [`Supervised`](crate::Supervised).
    ///
    /// | option | default | |
    /// |---|---|---|
    /// | `d` | 100 | numbers in a row |
    /// | `learning_rate` | 0.1 | the initial rate; it falls to 0 with the tokens seen |
    /// | `epochs` | 5 | |
    /// | `word_ngrams` | 1 | the longest run of words that has its own row |
    /// | `min_n`, `max_n` | 0, 0 | the lengths of runs of characters with their own rows; none at 0 |
    /// | `buckets` | 2,000,000 | rows that runs of words and characters share by their hashes; unused without runs |
    /// | `min_count`, `min_count_label` | 1, 0 | rarer words and labels are dropped |
    /// | `loss` | softmax | |
    /// | `label_prefix` | `__label__` | the prefix of labels |
    /// | `seed` | 0 | |
    /// | `shuffle` | none | the seed for shuffling the lines; none keeps their order |
    /// | `row_weights` | equal | how much a line with a label counts: by label, balanced or given, or line by line |
    /// | `patience` | none | epochs without a lower validation loss before training stops; none runs all epochs |
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[non_exhaustive]
    pub struct SupervisedConfig [
        /// fastText's defaults.
        pub fn new
    ] {
        /// Numbers in a row.
        pub d: usize = 100,
        /// The initial learning rate.
        pub learning_rate: f32 = 0.1,
        /// Passes over the text.
        pub epochs: usize = 5,
        /// The longest run of words with its own row: 2 for pairs.
        pub word_ngrams: usize = 1,
        /// The shortest run of characters with its own row: 3 is common.
        pub min_n: usize = 0,
        /// The longest run of characters with its own row: 6 is common; 0 for no runs.
        pub max_n: usize = 0,
        /// Rows that runs share by their hashes; each takes four bytes times `d`.
        pub buckets: usize = 2_000_000,
        /// Words that occur less often are dropped.
        pub min_count: u64 = 1,
        /// Labels that occur less often are dropped.
        pub min_count_label: u64 = 0,
        /// How outputs are compared.
        pub loss: Loss = Loss::Softmax,
        /// The prefix of labels.
        pub into label_prefix: String = "__label__".to_owned(),
        /// The seed of the initial values, and of the choice among several labels.
        pub seed: u32 = 0,
        /// The seed for shuffling the lines before the first pass. Lines sorted by label need it, since the learning
        /// rate falls with the lines. fastText has no such option; its users run `shuf`.
        pub some shuffle: u64,
        /// How much each line with a label counts: its step's learning rate and its loss are multiplied by its weight.
        /// The mean loss is over lines, whatever their weights.
        ///
        /// [`RowWeights::Rows`] has one weight per line with a label, in the order of the text, lines whose labels are
        /// rarer than `min_count_label` included. [`RowWeights::Classes`] has one weight per label, in the order of
        /// [`Supervised::labels`](crate::Supervised::labels): the most frequent first, of equally frequent ones the
        /// first in the text. With `Classes` or [`RowWeights::Balanced`], several labels in a line are an error,
        /// whatever the `loss`. Weights far above 1 make long steps and may need a smaller `learning_rate`.
        @[serde(with = "RowWeightsData", default)]
        pub into row_weights: RowWeights = RowWeights::Equal,
        /// Training stops after this many epochs without a lower validation loss, 1 or more. The model is then that of
        /// the epoch with the lowest validation loss, also if training ran to the end. Needs
        /// [`Supervised::fit_with_validation`](crate::Supervised::fit_with_validation).
        pub some patience: usize,
    }
}

impl SupervisedConfig {
    /// The rows that runs share: 0 if there are no runs with rows.
    pub(super) fn used_buckets(&self) -> usize {
        if self.word_ngrams <= 1 && self.max_n == 0 { 0 } else { self.buckets }
    }

    pub(super) fn check(&self) -> Result<()> {
        const LARGEST: usize = i32::MAX as usize;
        let has_runs = self.word_ngrams > 1 || self.max_n > 0;
        let rate = self.learning_rate;
        let least_buckets = usize::from(has_runs);
        let buckets = format!("{least_buckets} to {LARGEST}; runs of words or characters need at least 1");
        OptionError::unless(self.d > 0, "d", "1 or more", self.d)?;
        OptionError::unless((1..=LARGEST).contains(&self.epochs), "epochs", format!("1 to {LARGEST}"), self.epochs)?;
        let no_less = format!("min_n = {} or more", self.min_n);
        OptionError::unless(self.min_n == 0 || self.max_n > 0, "max_n", no_less, self.max_n)?;
        OptionError::unless(rate.is_finite() && rate > 0.0, "learning_rate", "a number above 0", rate)?;
        OptionError::unless(self.word_ngrams > 0, "word_ngrams", "1 or more", self.word_ngrams)?;
        let is_length = self.max_n == 0 || (1..=self.max_n).contains(&self.min_n);
        OptionError::unless(is_length, "min_n", format!("1 to max_n = {}", self.max_n), self.min_n)?;
        OptionError::unless((least_buckets..=LARGEST).contains(&self.buckets), "buckets", buckets, self.buckets)?;
        if let Some(patience) = self.patience {
            OptionError::unless(patience > 0, "patience", "1 or more", patience)?;
        }
        Ok(OptionError::unless(!self.label_prefix.is_empty(), "label_prefix", "one character or more", "none")?)
    }
}
