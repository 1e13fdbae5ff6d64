//! Draws windows from sentences, and negative words by frequency.

use kiln_base::SplitMix64;

use super::batch::{Window, WindowBatch};

/// Draws numbers in proportion to weights in constant time (Walker's alias method, with Vose's construction).
#[derive(Clone, Debug)]
pub struct AliasTable {
    /// For each number: the threshold below which a draw selects it, and the number selected otherwise.
    entries: Vec<(u32, u32)>,
    /// Cumulative sums of the weights.
    sums: Vec<f64>,
}

impl AliasTable {
    /// A table for `weights`, none of them negative.
    ///
    /// # Panics
    ///
    /// If no weight is positive, or one is NaN or infinite.
    pub fn new(weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        assert!(total > 0.0 && total.is_finite(), "weights must have a positive, finite sum, found {total}");
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

    /// The number drawn by the random word `bits`.
    #[inline]
    pub fn draw(&self, bits: u64) -> u32 {
        // The high half chooses an entry, the low half one of its two numbers.
        let place = ((bits >> 32) * self.entries.len() as u64) >> 32;
        let (below, other) = self.entries[place as usize];
        if (bits as u32) < below { place as u32 } else { other }
    }

    /// Draws in proportion to the weights of all numbers except `other`, which must not be the only one with a weight.
    #[inline]
    pub fn draw_other(&self, other: u32, random: &mut SplitMix64) -> u32 {
        /// After this many draws, `other` must have nearly all of the weight.
        const TRIES: usize = 32;
        for _ in 0..TRIES {
            let drawn = self.draw(random.next_u64());
            if drawn != other {
                return drawn;
            }
        }
        self.search_other(other, random)
    }

    /// The same by searching the sums of the weights, in logarithmic time.
    #[cold]
    fn search_other(&self, other: u32, random: &mut SplitMix64) -> u32 {
        let below = |n: usize| if n == 0 { 0.0 } else { self.sums[n - 1] };
        let (place, last) = (other as usize, self.sums.len() - 1);
        let (before, after) = (below(place), self.sums[last] - self.sums[place]);
        let at = random.unit() * (before + after);
        let (first, end, at) = if at < before || place == last {
            (0, place, at)
        } else {
            (place + 1, last + 1, at + self.sums[place] - before)
        };
        let found = (first + self.sums[first..end].partition_point(|&sum| sum <= at)).min(end - 1);
        // Rounding may point beyond the last number with a weight.
        (first..=found).rev().find(|&n| self.sums[n] > below(n)).unwrap_or(found) as u32
    }
}

/// Draws windows from sentences: frequent words are dropped at random, windows are shrunk at random, and negative words
/// are drawn by a power of their counts.
#[derive(Clone, Debug)]
pub struct WindowSampler {
    /// Most words on each side of a centre.
    pub window: usize,
    /// Whether each window's reach is drawn from 1 to `window`.
    pub shrink_windows: bool,
    /// Negative words per window.
    pub negative: usize,
    /// Whether a word's window is split into two, before and after it, each with its own negative words; for skip-gram,
    /// whose context words share them. Default: false.
    pub halves: bool,
    /// For each word, how many of 2^32 draws keep it.
    keep: Vec<u64>,
    negatives: AliasTable,
}

impl WindowSampler {
    /// A sampler for words that occur `counts` times each.
    ///
    /// A word is kept with probability (sqrt(c / t) + 1) t / c, where t is `sample` times the number of words in the
    /// corpus; with `sample` 0, all are kept. Negative words are drawn in proportion to c^`exponent`, and never the
    /// centre.
    ///
    /// # Panics
    ///
    /// If fewer than two words have a count, or the window is 0.
    pub fn new(
        counts: &[u64],
        window: usize,
        shrink_windows: bool,
        negative: usize,
        sample: f64,
        exponent: f64,
    ) -> Self {
        assert!(window > 0, "a window must reach at least one word");
        assert!(counts.iter().filter(|&&count| count > 0).count() > 1, "at least two words must have a count");
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

    /// Adds the windows of a sentence to the batch. A sentence with fewer than two kept words has none.
    pub fn draw(&self, sentence: &[u32], random: &mut SplitMix64, batch: &mut WindowBatch) {
        let first = batch.ids.len();
        batch.ids.extend(sentence.iter().filter(|&&id| {
            let keep = self.keep[id as usize];
            keep >> 32 != 0 || random.next_u64() >> 32 < keep
        }));
        let end = batch.ids.len();
        if end - first < 2 {
            batch.ids.truncate(first);
            return;
        }
        for centre in first..end {
            let reach = if self.shrink_windows {
                1 + (((random.next_u64() >> 32) * self.window as u64) >> 32) as usize
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
