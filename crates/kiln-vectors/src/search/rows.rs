//! Searches rows for those nearest to a query: in full, with the codes of `codes.rs`, or for many queries at once. All
//! three return the same rows with the same scores. `query.rs` turns words into targets.

use std::ops::Range;

use gemm::{Parallelism, gemm};
use rayon::prelude::*;

use super::codes::{BLOCK, CodedQuery, Codes};
use super::kernel::{cosine, dispatched, dot, length_of};
use super::ranking::{Best, Ranked};

/// Rows in a product with many queries: with 128 queries the scores take 256 KB and stay in the second-level cache.
const PRODUCT_ROWS: usize = 512;

/// Queries in one product.
const PRODUCT_QUERIES: usize = 128;

/// With fewer queries, a product saves nothing.
const FEWEST_FOR_PRODUCT: usize = 4;

/// The smallest number of rows that is worth a thread.
const FEWEST_ROWS: usize = 8192;

/// The lengths of the rows, and the factors that turn dot products into cosines.
pub(crate) struct Lengths {
    pub(crate) lengths: Vec<f64>,
    /// NaN where 32 bits might overflow or lose precision, so that such rows are always scored in full.
    pub(crate) reciprocals: Vec<f32>,
}

impl Lengths {
    pub(crate) fn new(values: &[f32], d: usize) -> Self {
        const SAFE: Range<f64> = 1e-12..1e12;
        const ROWS: usize = 1024;
        let mut lengths = vec![0.0; values.len() / d];
        lengths
            .par_chunks_mut(ROWS)
            .zip(values.par_chunks(ROWS * d))
            .for_each(|(lengths, rows)| super::kernel::lengths_of(rows, d, lengths));
        let reciprocal = |&length: &f64| match length {
            0.0 => 0.0,
            _ if SAFE.contains(&length) => (1.0 / length) as f32,
            _ => f32::NAN,
        };
        let reciprocals = lengths.iter().map(reciprocal).collect();
        Self { lengths, reciprocals }
    }
}

/// What is searched.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) d: usize,
    pub(crate) lengths: &'a Lengths,
}

impl Rows<'_> {
    #[inline(always)]
    fn score(&self, row: usize, target: &Target) -> f32 {
        let values = &self.values[row * self.d..(row + 1) * self.d];
        cosine(dot(values, &target.wide), self.lengths.lengths[row], target.length)
    }

    /// Scores a row in full, unless it is excluded.
    #[inline(always)]
    fn consider(&self, row: usize, target: &Target, best: &mut Best) {
        let score = self.score(row, target);
        if score >= best.threshold() && target.excluded.binary_search(&(row as u32)).is_err() {
            best.offer(Ranked { score, row: row as u32 });
        }
    }
}

/// What is searched for, and where.
pub(crate) struct Target {
    /// Of length 1, up to rounding.
    query: Vec<f32>,
    /// The same in 64 bits.
    wide: Vec<f64>,
    /// The length of `query`.
    length: f64,
    /// Rows to search.
    range: Range<usize>,
    /// Rows to exclude, sorted.
    excluded: Vec<u32>,
}

impl Target {
    /// A target in the direction of `query`, or `None` if it has no direction.
    pub(crate) fn new(query: &[f64], range: Range<usize>, mut excluded: Vec<u32>) -> Option<Self> {
        // Dividing by the largest first keeps the squares from overflowing.
        let largest = query.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
        if !(largest > 0.0 && largest.is_finite()) {
            return None;
        }
        let length = query.iter().map(|value| (value / largest).powi(2)).sum::<f64>().sqrt();
        let query: Vec<f32> = query.iter().map(|value| (value / largest / length) as f32).collect();
        let length = length_of(&query);
        let wide = query.iter().map(|&value| f64::from(value)).collect();
        excluded.sort_unstable();
        excluded.dedup();
        Some(Self { query, wide, length, range, excluded })
    }
}

/// The best `top` rows, best first.
pub(crate) fn search(rows: Rows<'_>, codes: Option<&Codes>, target: &Target, top: usize) -> Vec<Ranked> {
    let top = top.min(target.range.len());
    if top == 0 {
        return Vec::new();
    }
    let coded = codes.map(|codes| {
        let unit: Vec<f64> = target.wide.iter().map(|value| value / target.length).collect();
        (codes, CodedQuery::new(&unit))
    });
    let coded = coded.as_ref().map(|(codes, query)| (*codes, query));
    let scan = |piece| scan(rows, coded, target, piece, top);
    pieces(&target.range, BLOCK).into_par_iter().map(scan).reduce(|| Best::new(top), Best::merge).into_sorted()
}

/// The scores of all rows in the target's range, in order, excluded ones included.
pub(crate) fn scores(rows: Rows<'_>, target: &Target) -> Vec<f32> {
    score_each(rows, target.range.clone(), Measure::Cosine(target))
}

/// The 3CosMul score of every row: the product of the similarities to `positive`, each moved to [0, 1], divided by that
/// of those to `negative`.
///
/// O. Levy and Y. Goldberg, "Linguistic Regularities in Sparse and Explicit Word Representations", CoNLL 2014,
/// equation 4 and footnote 7.
pub(crate) fn multiplied(rows: Rows<'_>, positive: &[Target], negative: &[Target]) -> Vec<f32> {
    score_each(rows, 0..rows.lengths.lengths.len(), Measure::Quotient { positive, negative })
}

fn score_each(rows: Rows<'_>, range: Range<usize>, measure: Measure<'_>) -> Vec<f32> {
    let mut scores = vec![0.0; range.len()];
    scores.par_chunks_mut(FEWEST_ROWS).enumerate().for_each(|(piece, scores)| {
        score_rows(rows, measure, range.start + piece * FEWEST_ROWS, scores);
    });
    scores
}

/// [`search`] for many targets.
pub(crate) fn search_many(rows: Rows<'_>, codes: Option<&Codes>, targets: &[Target], top: usize) -> Vec<Vec<Ranked>> {
    let mut all = Vec::with_capacity(targets.len());
    for group in targets.chunks(PRODUCT_QUERIES) {
        if group.len() < FEWEST_FOR_PRODUCT {
            all.extend(group.iter().map(|target| search(rows, codes, target, top)));
        } else {
            all.extend(search_group(rows, group, top));
        }
    }
    all
}

/// Splits a range for the threads; except for its two ends, it is cut at multiples of `align`, for any number of
/// threads.
fn pieces(range: &Range<usize>, align: usize) -> Vec<Range<usize>> {
    let threads = rayon::current_num_threads();
    let count = if threads == 1 { 1 } else { 4 * threads };
    let length = range.len().div_ceil(count).max(FEWEST_ROWS).next_multiple_of(align);
    let first = range.start / align * align;
    let starts = (first..range.end).step_by(length);
    starts.map(|start| start.max(range.start)..(start + length).min(range.end)).collect()
}

dispatched! {
    /// Searches one piece for one target.
    fn scan<'a>(
        rows: Rows<'a>, coded: Option<(&'a Codes, &'a CodedQuery)>, target: &'a Target, piece: Range<usize>, top: usize,
    ) -> Best {
        let mut best = Best::new(top);
        let Some((codes, query)) = coded else {
            for row in piece {
                rows.consider(row, target, &mut best);
            }
            return best;
        };
        for block in piece.start / BLOCK..piece.end.div_ceil(BLOCK) {
            let bounds = codes.upper_bounds(block, query);
            let threshold = best.threshold();
            let mut reached = false;
            for &bound in &bounds {
                reached |= bound >= threshold;
            }
            if !reached {
                continue;
            }
            for (slot, &bound) in bounds.iter().enumerate() {
                let row = block * BLOCK + slot;
                if bound >= best.threshold() && row >= piece.start && row < piece.end {
                    rows.consider(row, target, &mut best);
                }
            }
        }
        best
    }
}

/// What a row is scored by.
#[derive(Clone, Copy)]
enum Measure<'a> {
    Cosine(&'a Target),
    Quotient { positive: &'a [Target], negative: &'a [Target] },
}

dispatched! {
    /// Scores the rows from `first` on.
    fn score_rows<'a>(rows: Rows<'a>, measure: Measure<'a>, first: usize, scores: &'a mut [f32]) -> () {
        for (row, score) in (first..).zip(scores) {
            *score = match measure {
                Measure::Cosine(target) => rows.score(row, target),
                Measure::Quotient { positive, negative } => {
                    let (mut above, mut below) = (1.0, 1.0);
                    for target in positive {
                        above *= (1.0 + f64::from(rows.score(row, target))) / 2.0;
                    }
                    for target in negative {
                        below *= (1.0 + f64::from(rows.score(row, target))) / 2.0;
                    }
                    (above / (below + 1e-6)) as f32
                }
            };
        }
    }
}

/// Multiplies rows and queries, one product after the other. The 32-bit results are off by a bounded amount, so rows
/// that might be among the best are scored in full.
fn search_group(rows: Rows<'_>, targets: &[Target], top: usize) -> Vec<Vec<Ranked>> {
    let start = targets.iter().map(|target| target.range.start).min().unwrap_or(0);
    let end = targets.iter().map(|target| target.range.end).max().unwrap_or(0);
    let queries: Vec<f32> = targets.iter().flat_map(|target| target.query.iter().copied()).collect();
    let none = || -> Vec<Best> { targets.iter().map(|target| Best::new(top.min(target.range.len()))).collect() };
    let search_piece = |piece: Range<usize>| {
        let mut best = none();
        let mut products = vec![0.0f32; PRODUCT_ROWS.min(piece.len()) * targets.len()];
        let mut first = piece.start;
        while first < piece.end {
            let last = (first + PRODUCT_ROWS).min(piece.end);
            let products = &mut products[..(last - first) * targets.len()];
            let values = &rows.values[first * rows.d..last * rows.d];
            multiply(values, &queries, rows.d, products);
            sift(rows, targets, products, first..last, &mut best);
            first = last;
        }
        best
    };
    let merge = |a: Vec<Best>, b: Vec<Best>| a.into_iter().zip(b).map(|(a, b)| a.merge(b)).collect();
    let best = pieces(&(start..end), PRODUCT_ROWS).into_par_iter().map(search_piece).reduce(none, merge);
    best.into_iter().map(Best::into_sorted).collect()
}

/// The products of all rows of `d` numbers in `values` with all rows in `queries`, as `[queries, rows]`.
fn multiply(values: &[f32], queries: &[f32], d: usize, products: &mut [f32]) {
    let [rows, count] = [values.len() / d, queries.len() / d];
    assert_eq!(products.len(), rows * count, "a product for each row and query");
    let [rows_by, d_by] = [rows, d].map(|by| by as isize);
    // SAFETY: `values` holds `rows` rows of `d` numbers, `queries` holds `count` of them, `products` has a place for
    // each pair, and the strides go from one row, query or pair to the next.
    unsafe {
        gemm(
            rows,
            count,
            d,
            products.as_mut_ptr(),
            rows_by,
            1,
            false,
            values.as_ptr(),
            1,
            d_by,
            queries.as_ptr(),
            d_by,
            1,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

dispatched! {
    /// Keeps those products of `some` rows with all queries, `[queries, rows]`, that might be among the best.
    fn sift<'a>(
        rows: Rows<'a>, targets: &'a [Target], products: &'a [f32], some: Range<usize>, best: &'a mut [Best],
    ) -> () {
        let Range { start: first, end: last } = some;
        // In whatever order d products are added, their sum is off by less than d half-units in the last place of the
        // product of the lengths; a unit is 2^-23. The rest is for the conversion to a cosine.
        let error = (rows.d + 16) as f32 * f32::EPSILON;
        let reciprocals = &rows.lengths.reciprocals[first..last];
        for ((target, best), products) in targets.iter().zip(best).zip(products.chunks_exact(last - first)) {
            if target.range.is_empty() || target.range.start >= last || target.range.end <= first {
                continue;
            }
            let (mut at, mut reached_at) = (first, [false; BLOCK]);
            for (products, reciprocals) in products.chunks(BLOCK).zip(reciprocals.chunks(BLOCK)) {
                let threshold = best.threshold() - error;
                let mut any = false;
                for ((reached, &product), &reciprocal) in reached_at.iter_mut().zip(products).zip(reciprocals) {
                    let cosine = product * reciprocal;
                    *reached = (cosine >= threshold) | cosine.is_nan();
                    any |= *reached;
                }
                if any {
                    for (slot, &reached) in reached_at[..products.len()].iter().enumerate() {
                        if reached && target.range.contains(&(at + slot)) {
                            rows.consider(at + slot, target, best);
                        }
                    }
                }
                at += BLOCK;
            }
        }
    }
}
