//! [`SkipGrams`]: pairs of neighbouring words and pairs of random words, like Keras's `skipgrams`, and its
//! [`make_sampling_table`].
//!
//! Version followed: `keras.src.legacy.preprocessing.sequence` of Keras 3. Departures: the random draws come from
//! SplitMix64, so they differ but have the same distribution; an id beyond the vocabulary or the table is an error.

use kiln_base::{OptionError, SplitMix64};
use rayon::prelude::*;

use crate::error::{Error, Result};

/// Pairs of words, and whether the second was near the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SkipGramPairs {
    /// The pairs: the word in the middle of a window, and the other word.
    pub pairs: Vec<[u32; 2]>,
    /// For each pair, 1 if the other word was in the window, 0 if it was drawn. With Keras's `categorical`, a label is
    /// `[1 - label, label]`.
    pub labels: Vec<u8>,
}

kiln_base::options! {
    /// Makes [`SkipGramPairs`] from sequences of ids. Id 0 is not a word and occurs in no pair.
    ///
    /// Positive pairs are exactly Keras's: for every word, left to right, that word with every other word of its
    /// window, left to right. With a sampling table, a word with id `i` is the middle of a window only with probability
    /// `table[i]`; it stays in the windows of other words.
    ///
    /// Then come `floor(positives * negatives)` negative pairs. Their first words are those of the positive pairs,
    /// shuffled and used in turn, repeatedly if needed. Their second words are uniform on 1 to `vocab_size - 1`, so
    /// they can be true neighbours, as in Keras. Finally, all pairs are shuffled together with their labels.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_text::keras::SkipGrams;
    ///
    /// let near = SkipGrams::new(10).window(1).negatives(0.0).shuffle(false).pairs(&[1, 2, 0, 3, 4])?;
    /// assert_eq!(near.pairs, [[1, 2], [2, 1], [3, 4], [4, 3]]);
    /// assert_eq!(near.labels, [1, 1, 1, 1]);
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    ///
    /// # References
    ///
    /// Mikolov, Chen, Corrado, Dean: Efficient Estimation of Word Representations in Vector Space (2013).
    #[derive(Clone, Debug, PartialEq)]
    pub struct SkipGrams<'t> [
        /// Keras's defaults for ids below `vocab_size`: a window of 4 to either side, one negative pair per positive
        /// one, shuffled.
        pub const fn new
    ] {
        required vocab_size: usize,
        /// How many words to either side are in a window. Default: 4.
        window: usize = 4,
        /// How many negative pairs there are for each positive one. Default: 1.
        negatives: f64 = 1.0,
        /// For each id, the probability that it is the middle of a window; see [`make_sampling_table`]. Default: 1 for
        /// all.
        some sampling_table: &'t [f64],
        /// Whether the pairs are shuffled. Default: true.
        shuffle: bool = true,
        /// The seed of all draws. Default: 0.
        seed: u64 = 0,
    }
}

impl SkipGrams<'_> {
    /// The pairs of one sequence.
    ///
    /// # Errors
    ///
    /// [`Error::IdOutOfRange`] for an id beyond the vocabulary or the table; [`Error::Option`] if `negatives` is below
    /// 0 or not finite, or if negative pairs are requested with a vocabulary without words; [`Error::TooLarge`] if they
    /// do not fit in memory.
    pub fn pairs(&self, ids: &[u32]) -> Result<SkipGramPairs> {
        self.pairs_at(0, ids)
    }

    /// The pairs of many sequences, on all threads. The result does not depend on the number of threads. Each sequence
    /// has its own draws; those of the first are the draws of [`pairs`](Self::pairs).
    ///
    /// # Errors
    ///
    /// Those of [`pairs`](Self::pairs).
    pub fn pairs_batch(&self, sequences: &[impl AsRef<[u32]> + Sync]) -> Result<Vec<SkipGramPairs>> {
        sequences.par_iter().enumerate().map(|(at, ids)| self.pairs_at(at, ids.as_ref())).collect()
    }

    fn pairs_at(&self, sequence: usize, ids: &[u32]) -> Result<SkipGramPairs> {
        let holds = self.negatives >= 0.0 && self.negatives.is_finite();
        OptionError::unless(holds, "negatives", "0 or more, and finite", self.negatives)?;
        check_ids("the size of the vocabulary", self.vocab_size, sequence, ids)?;
        if let Some(table) = self.sampling_table {
            check_ids("the size of the sampling table", table.len(), sequence, ids)?;
        }
        let mut random = SplitMix64::new(SplitMix64::nth(self.seed, 1) ^ sequence as u64);
        let mut pairs = self.positives(ids, &mut random);
        let positives = pairs.len();
        let negatives = (positives as f64 * self.negatives) as usize;
        if negatives > 0 {
            let expected = "2 or more, so that there is a word to draw";
            OptionError::unless(self.vocab_size > 1, "vocab_size", expected, self.vocab_size)?;
            pairs.try_reserve(negatives).map_err(|_| Error::TooLarge {
                what: "an array of pairs",
                rows: negatives,
                columns: 2,
            })?;
            let mut middles: Vec<u32> = pairs.iter().map(|pair| pair[0]).collect();
            random.shuffle(&mut middles);
            for at in 0..negatives {
                let other = random.below(self.vocab_size as u64 - 1) as u32 + 1;
                pairs.push([middles[at % positives], other]);
            }
        }
        let mut labels = vec![1; positives];
        labels.resize(pairs.len(), 0);
        if self.shuffle {
            let mut both: Vec<([u32; 2], u8)> = pairs.into_iter().zip(labels).collect();
            random.shuffle(&mut both);
            (pairs, labels) = both.into_iter().unzip();
        }
        Ok(SkipGramPairs { pairs, labels })
    }

    fn positives(&self, ids: &[u32], random: &mut SplitMix64) -> Vec<[u32; 2]> {
        let mut pairs = Vec::new();
        for (at, &middle) in ids.iter().enumerate().filter(|(_, middle)| **middle != 0) {
            if self.sampling_table.is_some_and(|table| table[middle as usize] < random.unit()) {
                continue;
            }
            let start = at.saturating_sub(self.window);
            let end = at.saturating_add(self.window).saturating_add(1).min(ids.len());
            let others = ids[start..at].iter().chain(&ids[at + 1..end]);
            pairs.extend(others.filter(|other| **other != 0).map(|&other| [middle, other]));
        }
        pairs
    }
}

/// For each id, taken as a frequency rank, the probability to keep the word: Keras's `make_sampling_table`, whose
/// `sampling_factor` is 1e-5 by default.
///
/// Word frequencies are assumed to follow Zipf's law: the word of rank `r` has the frequency
/// `1 / (r (ln r + 0.577) + 1/2 - 1/(12 r))`, and it is kept with probability `min(1, sqrt(factor / frequency))`. Id 0
/// has the probability of id 1.
///
/// # Errors
///
/// [`Error::Option`] for a `size` of 0 or a factor that is not above 0 and finite, [`Error::TooLarge`] if the table
/// does not fit in memory.
///
/// ```
/// let table = kiln_text::keras::make_sampling_table(6, 1e-5)?;
/// assert!((table[0] - 0.00315225).abs() < 1e-8 && (table[5] - 0.01068435).abs() < 1e-8);
/// # Ok::<(), kiln_text::Error>(())
/// ```
pub fn make_sampling_table(size: usize, sampling_factor: f64) -> Result<Vec<f64>> {
    OptionError::unless(size > 0, "size", "1 or more", size)?;
    let holds = sampling_factor > 0.0 && sampling_factor.is_finite();
    OptionError::unless(holds, "sampling_factor", "above 0, and finite", sampling_factor)?;
    let mut table = crate::rows::pad::filled(size, 1, 0.0, "a sampling table")?;
    for (id, probability) in table.iter_mut().enumerate() {
        let rank = id.max(1) as f64;
        let inverse_frequency = rank * (rank.ln() + 0.577) + 0.5 - 1.0 / (12.0 * rank);
        let kept = sampling_factor * inverse_frequency;
        *probability = (kept / kept.sqrt()).min(1.0);
    }
    Ok(table)
}

/// Checks that all ids are below `limit`; `what` describes the limit.
pub(crate) fn check_ids(what: &'static str, limit: usize, sequence: usize, ids: &[u32]) -> Result<()> {
    match ids.iter().position(|&id| id as usize >= limit) {
        Some(position) => Err(Error::IdOutOfRange { what, sequence, position, id: ids[position], limit }),
        None => Ok(()),
    }
}
