//! word2vec's inner loop: windows drawn from sentences, negative words drawn by frequency, and the
//! two tables updated in place, on the CPU or on a device. Reading corpora and the schedule of an
//! epoch are left to callers.

mod device_tables;

use rayon::prelude::*;

use crate::cpu::word_tables::{self, Table};
use crate::random::RandomKey;

pub use device_tables::DeviceTables;

pub use crate::cpu::word_tables::{LossSum, Prediction, Window, WindowBatch, Workspace};

/// The table of words as context or centre, and the table of words as what is predicted.
///
/// An update touches the rows of the words in its windows alone, in place. Rows are padded to whole
/// cache lines.
///
/// # Examples
///
/// ```
/// use kiln_kernels::word2vec::{Prediction, Window, WindowBatch, WordTables, Workspace};
///
/// let mut tables = WordTables::new(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], &[0.0; 6], 2);
/// let batch = WindowBatch {
///     ids: vec![0, 1],
///     windows: vec![Window { centre: 0, start: 0, end: 2 }],
///     negatives: vec![2],
/// };
/// let loss = tables.update(&batch, Prediction::CbowMean, 0.5, &mut Workspace::default());
/// assert!((loss.sum - 2.0 * 2f64.ln()).abs() < 1e-6);
/// assert_eq!(tables.output()[..2], [0.5 * 0.5 * 0.3, 0.5 * 0.5 * 0.4]);
/// ```
#[derive(Debug)]
pub struct WordTables {
    input: Table,
    output: Table,
    width: usize,
}

impl WordTables {
    /// Tables of these rows, each `width` numbers.
    ///
    /// # Panics
    ///
    /// If the width is 0, or the tables are not of as many whole rows.
    #[must_use]
    pub fn new(input: &[f32], output: &[f32], width: usize) -> Self {
        assert!(width > 0, "rows must hold at least one number");
        assert_eq!(input.len() % width, 0, "{} numbers are no whole rows of {width}", input.len());
        assert_eq!(input.len(), output.len(), "both tables must have as many rows");
        Self { input: Table::new(input, width), output: Table::new(output, width), width }
    }

    /// Fresh tables as gensim makes them: input rows uniform in ±1 / width, each keyed by its row, and
    /// output rows of zeros.
    ///
    /// # Panics
    ///
    /// If the width is 0.
    #[must_use]
    pub fn random(rows: usize, width: usize, key: RandomKey) -> Self {
        let mut tables = Self::new(&[], &[], width);
        tables.grow(rows, key);
        tables
    }

    /// Adds rows up to `rows`, made as [`WordTables::random`] makes them.
    pub fn grow(&mut self, rows: usize, key: RandomKey) {
        let scale = 2.0 / self.width as f32;
        let fresh: Vec<f32> = (self.rows()..rows)
            .into_par_iter()
            .flat_map_iter(|row| key.index(row as u64).uniform(self.width))
            .map(|unit| (unit - 0.5) * scale)
            .collect();
        self.input.extend(&fresh);
        self.output.extend(&vec![0.0; fresh.len()]);
    }

    /// How many rows each table has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.input.rows()
    }

    /// Numbers in a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The input rows, one after another.
    #[must_use]
    pub fn input(&self) -> Vec<f32> {
        self.input.values()
    }

    /// The output rows, one after another.
    #[must_use]
    pub fn output(&self) -> Vec<f32> {
        self.output.values()
    }

    /// One step of stochastic gradient descent a window, in their order. Gives the loss before it:
    /// -ln sigmoid(score of the centre) - sum of ln sigmoid(-score of a negative word).
    ///
    /// CBOW scores a target by the mean or the sum of the context's input rows, and each of those
    /// rows takes the whole gradient of the mean, as in word2vec.c. Skip-gram scores each context
    /// word's input row against the centre and the window's negative words, which the context
    /// shares; all of a window's gradients are of the rows before it.
    ///
    /// # Panics
    ///
    /// If an id is not below [`WordTables::rows`], a window does not lie within the ids, or the
    /// negative words are not as many for each window.
    pub fn update(
        &mut self,
        batch: &WindowBatch,
        prediction: Prediction,
        rate: f32,
        memory: &mut Workspace,
    ) -> LossSum {
        check(batch, self.rows());
        word_tables::update(&self.input, &self.output, batch, prediction, rate, memory)
    }

    /// As [`WordTables::update`], while other threads do the same. No thread waits for another: where
    /// two add to a number at once, one of the sums may be lost, so results vary from run to run
    /// (Recht et al., "Hogwild!", 2011).
    ///
    /// # Panics
    ///
    /// As [`WordTables::update`].
    pub fn update_racing(
        &self,
        batch: &WindowBatch,
        prediction: Prediction,
        rate: f32,
        memory: &mut Workspace,
    ) -> LossSum {
        check(batch, self.rows());
        word_tables::update(&self.input, &self.output, batch, prediction, rate, memory)
    }
}

/// # Panics
///
/// If the batch is not one of tables of `rows` rows.
fn check(batch: &WindowBatch, rows: usize) {
    let places = batch.ids.len();
    if let Some(id) = batch.ids.iter().chain(&batch.negatives).find(|&&id| id as usize >= rows) {
        panic!("every id must be below {rows}, the rows of the tables, but one is {id}");
    }
    for &Window { centre, start, end } in &batch.windows {
        assert!(
            start <= centre && centre < end && end as usize <= places && end - start > 1,
            "a window must hold its centre and another word of {places}, but is {start}..{end} around {centre}"
        );
    }
    let windows = batch.windows.len().max(1);
    assert_eq!(batch.negatives.len() % windows, 0, "every window must have as many negative words");
}

/// Draws numbers in proportion to weights in constant time (Walker's alias method, Vose's set-up).
#[derive(Clone, Debug)]
pub struct AliasTable {
    /// Of each number: below which draw it stands for itself, and what it stands for otherwise.
    entries: Vec<(u32, u32)>,
    /// The sums of the weights of all numbers up to each.
    sums: Vec<f64>,
}

impl AliasTable {
    /// A table over `weights`, none of them negative.
    ///
    /// # Panics
    ///
    /// If there is no positive weight, or one is no number.
    #[must_use]
    pub fn new(weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        assert!(total > 0.0 && total.is_finite(), "weights must be positive and finite, but add up to {total}");
        let mut scaled: Vec<f64> = weights.iter().map(|weight| weight * weights.len() as f64 / total).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..weights.len()).partition(|&n| scaled[n] < 1.0);
        let mut entries: Vec<(u32, u32)> = (0..weights.len()).map(|n| (u32::MAX, n as u32)).collect();
        while let (Some(&low), Some(&high)) = (small.last(), large.last()) {
            small.pop();
            entries[low] = ((scaled[low] * 4_294_967_296.0) as u32, high as u32);
            scaled[high] -= 1.0 - scaled[low];
            if scaled[high] < 1.0 {
                large.pop();
                small.push(high);
            }
        }
        let mut sum = 0.0;
        let sums = weights.iter().map(|weight| {
            sum += weight;
            sum
        });
        Self { entries, sums: sums.collect() }
    }

    /// The number that the random word `bits` draws.
    #[inline]
    #[must_use]
    pub fn draw(&self, bits: u64) -> u32 {
        // The high half chooses an entry, the low half between its two numbers.
        let place = ((bits >> 32) * self.entries.len() as u64) >> 32;
        let (below, other) = self.entries[place as usize];
        if (bits as u32) < below { place as u32 } else { other }
    }

    /// Draws in proportion to the weights of all numbers but `other`, which must not be the only one
    /// with a weight.
    #[inline]
    pub fn draw_other(&self, other: u32, random: &mut RandomWords) -> u32 {
        /// Draws after which `other` is known to have nearly all of the weight.
        const TRIES: usize = 32;
        for _ in 0..TRIES {
            let drawn = self.draw(random.next_bits());
            if drawn != other {
                return drawn;
            }
        }
        self.search_other(other, random)
    }

    /// The same by the sums of the weights, in logarithmic time.
    #[cold]
    fn search_other(&self, other: u32, random: &mut RandomWords) -> u32 {
        let below = |n: usize| if n == 0 { 0.0 } else { self.sums[n - 1] };
        let (place, last) = (other as usize, self.sums.len() - 1);
        let (before, behind) = (below(place), self.sums[last] - self.sums[place]);
        let unit = (random.next_bits() >> 11) as f64 / (1u64 << 53) as f64;
        let at = unit * (before + behind);
        let (first, end, at) = if at < before || place == last {
            (0, place, at)
        } else {
            (place + 1, last + 1, at + self.sums[place] - before)
        };
        let found = (first + self.sums[first..end].partition_point(|&sum| sum <= at)).min(end - 1);
        // Rounding may point behind the last number that has a weight.
        (first..=found).rev().find(|&n| self.sums[n] > below(n)).unwrap_or(found) as u32
    }
}

/// A stream of random words (SplitMix64).
#[derive(Clone, Debug)]
pub struct RandomWords(u64);

impl RandomWords {
    /// The stream of `key`.
    #[must_use]
    pub fn new(key: RandomKey) -> Self {
        let [a, b, ..] = key.block(0);
        Self(u64::from(a) | u64::from(b) << 32)
    }

    /// The next 64 bits.
    #[inline]
    pub fn next_bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }
}

/// Draws windows from sentences: frequent words left out now and then, windows shrunk at random,
/// negative words by a power of their counts.
#[derive(Clone, Debug)]
pub struct WindowSampler {
    /// The words to each side of a centre.
    pub window: usize,
    /// Whether each window is drawn from 1 to `window`.
    pub shrink_windows: bool,
    /// Negative words a window.
    pub negative: usize,
    /// Whether a word's window is drawn as two, before and behind it, each with negative words of its own:
    /// in skip-gram, whose context words share those. Default: it is not.
    pub halves: bool,
    /// Of each word: the draws, of 2^32, that keep it.
    keep: Vec<u64>,
    negatives: AliasTable,
}

impl WindowSampler {
    /// A sampler for words that occur `counts` times each.
    ///
    /// A word is kept with probability (sqrt(c / t) + 1) t / c, where t is `sample` times the
    /// corpus's words; `sample` 0 keeps all. Negative words are drawn in proportion to
    /// c^`exponent`, and never the centre.
    ///
    /// # Panics
    ///
    /// If fewer than two words have a count, or the window is 0.
    #[must_use]
    pub fn new(
        counts: &[u64],
        window: usize,
        shrink_windows: bool,
        negative: usize,
        sample: f64,
        exponent: f64,
    ) -> Self {
        assert!(window > 0, "a window must reach one word at least");
        assert!(counts.iter().filter(|&&count| count > 0).count() > 1, "two words at least must have a count");
        let threshold = sample * counts.iter().map(|&count| count as f64).sum::<f64>();
        let keep = |&count: &u64| {
            let share = threshold / count as f64;
            let probability = if sample == 0.0 || count == 0 { 1.0 } else { ((1.0 / share).sqrt() + 1.0) * share };
            (probability.min(1.0) * 4_294_967_296.0) as u64
        };
        let weights: Vec<f64> =
            counts.iter().map(|&count| if count == 0 { 0.0 } else { (count as f64).powf(exponent) }).collect();
        Self {
            window,
            shrink_windows,
            negative,
            halves: false,
            keep: counts.iter().map(keep).collect(),
            negatives: AliasTable::new(&weights),
        }
    }

    /// Adds the windows of a sentence to the batch. A sentence of fewer than two kept words has none.
    pub fn draw(&self, sentence: &[u32], random: &mut RandomWords, batch: &mut WindowBatch) {
        let first = batch.ids.len();
        batch.ids.extend(sentence.iter().filter(|&&id| {
            let keep = self.keep[id as usize];
            keep >> 32 != 0 || random.next_bits() >> 32 < keep
        }));
        let end = batch.ids.len();
        if end - first < 2 {
            batch.ids.truncate(first);
            return;
        }
        for centre in first..end {
            let reach = if self.shrink_windows {
                1 + (((random.next_bits() >> 32) * self.window as u64) >> 32) as usize
            } else {
                self.window
            };
            let (start, end) = (first.max(centre.saturating_sub(reach)), end.min(centre + reach + 1));
            let parts = if self.halves { [(start, centre + 1), (centre, end)] } else { [(start, end), (0, 0)] };
            for (start, end) in parts.into_iter().filter(|(start, end)| end - start > 1) {
                batch.windows.push(Window { centre: centre as u32, start: start as u32, end: end as u32 });
                let target = batch.ids[centre];
                for _ in 0..self.negative {
                    batch.negatives.push(self.negatives.draw_other(target, random));
                }
            }
        }
    }
}
