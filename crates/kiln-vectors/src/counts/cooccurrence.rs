//! How often a word occurs near another: the window, the weight of a neighbour, and the sparse matrix of counts.
//! [`Ppmi`](super::Ppmi) weights the counts.

use std::ops::Range;

use rayon::prelude::*;

use super::pair_sums::{PairSum, Runs, key, merged, sorted, unkey};
use super::sparse::{CsrMatrix, CsrView, from_rows};
use crate::error::{Error, Result};
use kiln_base::sparse::row;
use kiln_base::{OptionError, options};

/// Which side of a word is its context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Context {
    /// The words on both sides. The matrix is symmetric, and each pair is counted from both of its words.
    #[default]
    Symmetric,
    /// The words before it.
    Left,
    /// The words after it.
    Right,
}

/// How much a neighbour counts, by its distance `d` from the word; an adjacent word has distance 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Weighting {
    /// 1 at every distance.
    #[default]
    Flat,
    /// `1 / d`, as GloVe counts.
    InverseDistance,
    /// `(window - d + 1) / window`: what word2vec counts on average, since it draws the size of each window.
    Linear,
}

options! {
    /// Counts which words occur near which.
    ///
    /// | option | default | |
    /// |---|---|---|
    /// | [`window`](Self::window) | 2 | words looked at on each side |
    /// | [`context`](Self::context) | [`Context::Symmetric`] | which sides |
    /// | [`weighting`](Self::weighting) | [`Weighting::Flat`] | how much a neighbour counts |
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_vectors::counts::{Cooccurrence, Weighting};
    ///
    /// let sentences = [vec![0, 1, 2], vec![2, 1]];
    /// let counts = Cooccurrence::new().window(2).count(3, &sentences)?;
    /// assert_eq!(counts.get(1, 2), 2.0);
    /// assert_eq!(counts.row(0).collect::<Vec<_>>(), [(1, 1.0), (2, 1.0)]);
    ///
    /// let nearer_counts_more = Cooccurrence::new().window(2).weighting(Weighting::InverseDistance).count(3, &sentences)?;
    /// assert_eq!(nearer_counts_more.get(0, 2), 0.5);
    /// # Ok::<(), kiln_vectors::Error>(())
    /// ```
    ///
    /// # References
    ///
    /// - Saito, K. (2018). *Deep Learning from Scratch 2*, chapter 2: flat and symmetric, window 1 in the text and 2 on
    ///   the Penn Treebank, which is the default here.
    /// - Pennington, J., Socher, R. and Manning, C. (2014). *GloVe: Global Vectors for Word Representation*. EMNLP.
    /// - Levy, O., Goldberg, Y. and Dagan, I. (2015). *Improving Distributional Similarity with Lessons Learned from
    ///   Word Embeddings*. TACL 3, 211-225, section 3.1: the weights by distance.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Cooccurrence [
        /// The defaults: window 2, both sides, every neighbour counts 1.
        pub const fn new
    ] {
        /// How many words are looked at on each side; 0 is an error, and `usize::MAX` means the whole sentence.
        /// Default: 2.
        window: usize = 2,
        /// Which side of a word is its context. Default: [`Context::Symmetric`].
        context: Context = Context::Symmetric,
        /// How much a neighbour counts, by its distance. Default: [`Weighting::Flat`].
        weighting: Weighting = Weighting::Flat,
    }
}

/// Pairs that one task sorts: few enough that the sort stays in a core's own cache.
const TASK_PAIRS: usize = 1 << 15;

/// Tasks whose sums are held at once, for any number of threads: 64 MiB at 16 bytes a pair.
const GROUP: usize = 128;

/// The denominator of weights that are not whole numbers. A sum can hold four billion adjacent pairs, and a weight is
/// wrong by at most 2^-33, less than the rounding to `f32` for distances up to 256.
const FIXED_POINT: u64 = 1 << 32;

impl Cooccurrence {
    /// Counts the pairs of sentences, which are read once. A window does not reach into the next sentence.
    ///
    /// Sentences with about four million pairs are held at once, plus at most one longer sentence. Memory also grows
    /// with the number of distinct pairs: at most 64 bytes each, and 8 for each number of the result.
    ///
    /// Runs on the threads of the current `rayon` pool. Sums are integers, so the result has the same bits for any
    /// number of threads. Flat counts are exact up to the rounding to `f32`, which begins at 2^24; other weights are
    /// rounded to multiples of 2^-32 first.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for a bad window or `vocab_size`, before a sentence is read; [`Error::IdOutOfVocabulary`] at
    /// the first id that is `vocab_size` or above; [`Error::NothingToCount`] if no sentence has two words.
    pub fn count<S: AsRef<[u32]> + Send + Sync>(
        &self,
        vocab_size: usize,
        sentences: impl IntoIterator<Item = S>,
    ) -> Result<CooccurrenceMatrix> {
        let window = "1 or more: it is the number of words looked at on each side";
        OptionError::unless(self.window > 0, "window", window, self.window)?;
        let most = u32::MAX as usize;
        let words = format!("1 to {most}: it is the number of words, and ids run from 0 to vocab_size - 1");
        OptionError::unless((1..=most).contains(&vocab_size), "vocab_size", words, vocab_size)?;
        let mut runs = Runs::default();
        let mut batch: Vec<S> = Vec::new();
        let mut pairs_in_batch = 0usize;
        let mut looked_at = 0;
        let mut counted = false;
        for sentence in sentences {
            let ids = sentence.as_ref();
            if let Some(position) = ids.iter().position(|&id| id as usize >= vocab_size) {
                let id = ids[position];
                return Err(Error::IdOutOfVocabulary { id, vocab_size, sentence: looked_at, position });
            }
            looked_at += 1;
            if ids.len() < 2 {
                continue;
            }
            counted = true;
            pairs_in_batch = pairs_in_batch.saturating_add(ids.len().saturating_mul(self.window.min(ids.len())));
            batch.push(sentence);
            if pairs_in_batch >= GROUP * TASK_PAIRS {
                self.count_batch(&batch, &mut runs);
                batch.clear();
                pairs_in_batch = 0;
            }
        }
        if !counted {
            return Err(Error::NothingToCount { sentences: looked_at });
        }
        self.count_batch(&batch, &mut runs);
        drop(batch);
        Ok(CooccurrenceMatrix { counts: self.matrix(vocab_size, runs.into_run()) })
    }

    /// Adds the pairs of some sentences, each as (word, later word). The other direction is derived at the end.
    fn count_batch<S: AsRef<[u32]> + Sync>(&self, batch: &[S], runs: &mut Runs) {
        let mut tasks: Vec<Vec<(usize, Range<usize>)>> = Vec::new();
        let mut room = 0;
        for (at, sentence) in batch.iter().enumerate() {
            let len = sentence.as_ref().len();
            let pairs_each = self.window.min(len);
            let mut start = 0;
            while start < len {
                if room == 0 {
                    tasks.push(Vec::new());
                    room = TASK_PAIRS;
                }
                let end = len.min(start + (room / pairs_each).max(1));
                room = room.saturating_sub((end - start) * pairs_each);
                if let Some(task) = tasks.last_mut() {
                    task.push((at, start..end));
                }
                start = end;
            }
        }
        for group in tasks.chunks(GROUP) {
            let run = group
                .par_iter()
                .map(|task| {
                    let mut pairs = Vec::with_capacity(TASK_PAIRS);
                    for (at, words) in task {
                        self.push_pairs(batch[*at].as_ref(), words.clone(), &mut pairs);
                    }
                    sorted(pairs)
                })
                .reduce(Vec::new, merged);
            runs.push(run);
        }
    }

    /// The pairs of `words` with those after them, by distance, so that each weight is computed once.
    fn push_pairs(&self, ids: &[u32], words: Range<usize>, pairs: &mut Vec<PairSum>) {
        for distance in 1..=self.window.min(ids.len() - 1 - words.start) {
            let weight = self.weight(distance);
            let befores = &ids[words.start..words.end.min(ids.len() - distance)];
            let afters = &ids[words.start + distance..];
            pairs.extend(befores.iter().zip(afters).map(|(&before, &after)| (key(before, after), weight)));
        }
    }

    /// All weights are multiples of one over this number.
    fn denominator(&self) -> u64 {
        if self.weighting == Weighting::Flat { 1 } else { FIXED_POINT }
    }

    /// The weight for a distance, times the denominator.
    fn weight(&self, distance: usize) -> u64 {
        let weight = match self.weighting {
            Weighting::Flat => return 1,
            Weighting::InverseDistance => 1.0 / distance as f64,
            Weighting::Linear => (self.window - distance + 1) as f64 / self.window as f64,
        };
        (weight * FIXED_POINT as f64).round() as u64
    }

    /// The matrix of counts from the sorted sums by (word, later word).
    fn matrix(&self, vocab_size: usize, after: Vec<PairSum>) -> CsrMatrix {
        let after = if self.context == Context::Left { transposed(vocab_size, &after) } else { after };
        let before = if self.context == Context::Symmetric { transposed(vocab_size, &after) } else { Vec::new() };
        let starts = |sums: &[PairSum]| row_starts(vocab_size, sums.iter().map(|&(pair, _)| unkey(pair).0));
        let (after_starts, before_starts) = (starts(&after), starts(&before));
        let denominator = self.denominator() as f64;
        from_rows((vocab_size, vocab_size), |row, indices, data| {
            let mut after = &after[after_starts[row]..after_starts[row + 1]];
            let mut before = &before[before_starts[row]..before_starts[row + 1]];
            while let Some(&(next, _)) = [after.first(), before.first()].into_iter().flatten().min() {
                let mut sum = 0u64;
                for side in [&mut after, &mut before] {
                    if let Some((&(_, more), rest)) = side.split_first().filter(|((key, _), _)| *key == next) {
                        sum = sum.saturating_add(more);
                        *side = rest;
                    }
                }
                indices.push(unkey(next).1);
                data.push((sum as f64 / denominator) as f32);
            }
        })
    }
}

/// Where each row starts in sums sorted by row, and where the last one ends; `ids` are the rows of the sums, unordered.
fn row_starts(rows: usize, ids: impl Iterator<Item = u32>) -> Vec<usize> {
    let mut starts = vec![0; rows + 1];
    ids.for_each(|id| starts[id as usize + 1] += 1);
    for row in 0..rows {
        starts[row + 1] += starts[row];
    }
    starts
}

/// The sums with rows and columns exchanged, sorted again: one pass counts them, a second puts them into place.
fn transposed(rows: usize, sums: &[PairSum]) -> Vec<PairSum> {
    let mut next = row_starts(rows, sums.iter().map(|&(pair, _)| unkey(pair).1));
    let mut by_column = vec![(0, 0); sums.len()];
    for &(pair, sum) in sums {
        let (row, column) = unkey(pair);
        let place = &mut next[column as usize];
        by_column[*place] = (key(column, row), sum);
        *place += 1;
    }
    by_column
}

/// How often each word (row) has each word (column) in its context; made by [`Cooccurrence::count`].
///
/// # Shapes
///
/// `[vocab, vocab]`, sparse: only pairs that occur are stored.
#[derive(Clone, Debug, PartialEq)]
pub struct CooccurrenceMatrix {
    counts: CsrMatrix,
}

impl CooccurrenceMatrix {
    /// The number of rows and of columns.
    pub fn vocab_size(&self) -> usize {
        self.counts.rows()
    }

    /// The number of pairs that occur.
    pub fn nnz(&self) -> usize {
        self.counts.nnz()
    }

    /// How often `word` has `other` in its context; 0 for pairs that do not occur and for ids outside the vocabulary.
    pub fn get(&self, word: u32, other: u32) -> f32 {
        let inside = (word as usize) < self.vocab_size() && (other as usize) < self.vocab_size();
        let count = if inside { self.counts.get(word as usize, other as usize) } else { None };
        count.copied().unwrap_or(0.0)
    }

    /// The words in the context of `word`, ascending, with their counts; empty for an id outside the vocabulary.
    pub fn row(&self, word: u32) -> impl ExactSizeIterator<Item = (u32, f32)> + '_ {
        let row = word as usize;
        let range = if row < self.vocab_size() { self.counts.indptr().outer_inds_sz(row) } else { 0..0 };
        self.counts.indices()[range.clone()].iter().copied().zip(self.counts.data()[range].iter().copied())
    }

    /// The sum of all counts.
    pub fn sum(&self) -> f64 {
        self.counts.data().iter().copied().map(f64::from).sum()
    }

    /// The sum of each row: how much context a word has.
    pub fn row_sums(&self) -> Vec<f64> {
        let counts = self.view();
        (0..self.vocab_size()).map(|word| row(&counts, word).1.iter().copied().map(f64::from).sum()).collect()
    }

    /// The matrix for [`Ppmi`](super::Ppmi), [`TruncatedSvd`](super::TruncatedSvd) and anything else that accepts
    /// sparse rows.
    pub fn view(&self) -> CsrView<'_> {
        self.counts.view()
    }

    /// The matrix itself.
    pub fn into_csr(self) -> CsrMatrix {
        self.counts
    }
}
