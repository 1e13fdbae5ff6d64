//! [`Codes`]: the directions of all rows in 8 bits a value, to find the few rows that can be among the nearest without
//! reading the rest. `rows.rs` computes the exact scores of those few.
//!
//! A search of 400,000 rows of 100 floats reads 160 MB, and memory delivers that more slowly than any processor
//! computes. In 8 bits it is 40 MB. The loss is known: for every row, the codes stand for a direction c that differs
//! from its own direction u by e, and the length of e is stored. By Cauchy and Schwarz a unit query q then satisfies
//!
//!   |u.q - c.p| <= |e| |q| + |c| |f|
//!
//! where p is the query by its own codes of up to 16 bits, and f is what those lose. c.p is a sum of integers, so it is
//! exact. Only rows whose upper bound reaches the worst of the best so far are scored in full, and the result is the
//! same as if all rows were.

use rayon::prelude::*;

use super::kernel::dispatched;

/// Rows whose codes are interleaved: the first value of 32 rows, then the next. Sums then stay in the lanes of a vector
/// and are never added across lanes.
pub(crate) const BLOCK: usize = 32;

/// Above this width, 32-bit sums of products would leave too few bits for the query.
pub(crate) const MOST_WIDTH: usize = 1 << 16;

/// The largest code.
const LARGEST: f64 = 127.0;

/// Covers the rounding of the bounds themselves, which are computed in 32 bits.
const ROUNDING: f32 = 2e-6;

/// The codes of all rows.
pub(crate) struct Codes {
    d: usize,
    /// [rows / BLOCK, d, BLOCK]
    codes: Vec<i8>,
    /// For each row, the value of a code of 1.
    scales: Vec<f32>,
    /// For each row, the length of what its codes lose, rounded up.
    errors: Vec<f32>,
}

/// A query with its own codes.
pub(crate) struct CodedQuery {
    codes: Vec<i16>,
    scale: f32,
    /// The length of what the codes lose, rounded up.
    error: f32,
}

impl Codes {
    /// The codes of rows of width `d` with the given lengths. Rows without a direction get zeros.
    pub(crate) fn new(rows: &[f32], d: usize, lengths: &[f64]) -> Self {
        let blocks = lengths.len().div_ceil(BLOCK);
        let mut codes = vec![0i8; blocks * d * BLOCK];
        let mut scales = vec![0.0f32; blocks * BLOCK];
        let mut errors = vec![0.0f32; blocks * BLOCK];
        codes
            .par_chunks_mut(d * BLOCK)
            .zip(scales.par_chunks_mut(BLOCK))
            .zip(errors.par_chunks_mut(BLOCK))
            .zip(rows.par_chunks(d * BLOCK).zip(lengths.par_chunks(BLOCK)))
            .for_each(|(((codes, scales), errors), (rows, lengths))| {
                code_block(rows, d, lengths, codes, scales, errors);
            });
        Self { d, codes, scales, errors }
    }

    /// Bytes of memory for `rows` rows.
    pub(crate) fn bytes(rows: usize, d: usize) -> usize {
        rows.div_ceil(BLOCK) * BLOCK * (d + 8)
    }

    /// Upper bounds of the similarities of a block of rows.
    #[inline(always)]
    pub(crate) fn upper_bounds(&self, block: usize, query: &CodedQuery) -> [f32; BLOCK] {
        let codes = &self.codes[block * self.d * BLOCK..(block + 1) * self.d * BLOCK];
        let mut sums = [0i32; BLOCK];
        for (column, &q) in codes.as_chunks::<BLOCK>().0.iter().zip(&query.codes) {
            for (sum, &code) in sums.iter_mut().zip(column) {
                *sum += i32::from(code) * i32::from(q);
            }
        }
        let scales = &self.scales[block * BLOCK..(block + 1) * BLOCK];
        let errors = &self.errors[block * BLOCK..(block + 1) * BLOCK];
        let (error_factor, error) = (1.0 + query.error, query.error + ROUNDING);
        let mut bounds = [0.0; BLOCK];
        for (((bound, &sum), &scale), &lost) in bounds.iter_mut().zip(&sums).zip(scales).zip(errors) {
            *bound = sum as f32 * (scale * query.scale) + (lost * error_factor + error);
        }
        bounds
    }
}

impl CodedQuery {
    /// Codes for a query of length 1, as fine as possible without an overflow in a sum of products.
    pub(crate) fn new(query: &[f64]) -> Self {
        let most = f64::from(i32::MAX) / (LARGEST * query.len() as f64);
        let finest = most.floor().clamp(1.0, f64::from(i16::MAX));
        let largest = query.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
        let scale = (largest / finest) as f32;
        let mut lost = 0.0;
        let codes = query
            .iter()
            .map(|&value| {
                // The scale was rounded, which may push the largest value beyond the last code.
                let code = if scale > 0.0 { (value / f64::from(scale)).round().clamp(-finest, finest) } else { 0.0 };
                let difference = value - code * f64::from(scale);
                lost += difference * difference;
                code as i16
            })
            .collect();
        Self { codes, scale, error: round_up(lost.sqrt()) }
    }
}

dispatched! {
    /// Codes the rows of one block.
    fn code_block<'a>(
        rows: &'a [f32], d: usize, lengths: &'a [f64], codes: &'a mut [i8], scales: &'a mut [f32], errors: &'a mut [f32],
    ) -> () {
        let mut row_codes = vec![0i8; d];
        for (slot, (row, &length)) in rows.chunks_exact(d).zip(lengths).enumerate() {
            (scales[slot], errors[slot]) = code_row(row, length, &mut row_codes);
            for (column, &code) in codes.chunks_exact_mut(BLOCK).zip(&row_codes) {
                column[slot] = code;
            }
        }
    }
}

/// Codes one row, and returns the scale and the length of what the codes lose.
#[inline(always)]
fn code_row(row: &[f32], length: f64, codes: &mut [i8]) -> (f32, f32) {
    const LANES: usize = 8;
    let mut largest = [0.0f32; LANES];
    for values in row.chunks(LANES) {
        for (largest, &value) in largest.iter_mut().zip(values) {
            *largest = if value.abs() > *largest { value.abs() } else { *largest };
        }
    }
    let largest = largest.iter().fold(0.0f32, |largest, &value| largest.max(value));
    let scale = (f64::from(largest) / length / LARGEST) as f32;
    // Also true for NaN, which a row without a direction leads to.
    if !(scale > 0.0 && scale.is_finite()) {
        codes.fill(0);
        return (0.0, 0.0);
    }
    let (per_length, per_scale) = (1.0 / length, 1.0 / (length * f64::from(scale)));
    let mut lost = [0.0; LANES];
    for (values, codes) in row.chunks(LANES).zip(codes.chunks_mut(LANES)) {
        for ((&value, code), lost) in values.iter().zip(codes).zip(&mut lost) {
            let value = f64::from(value);
            let rounded = (value * per_scale).round_ties_even().clamp(-LARGEST, LARGEST);
            let difference = value * per_length - rounded * f64::from(scale);
            *lost += difference * difference;
            *code = rounded as i8;
        }
    }
    (scale, round_up(lost.iter().sum::<f64>().sqrt()))
}

/// A 32-bit float that is not below `value`, with a margin for the rounding of the sum that made it.
#[inline(always)]
fn round_up(value: f64) -> f32 {
    ((value * (1.0 + 1e-9)) as f32).next_up()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_never_below_the_cosine_and_close_to_it() {
        // Values of very different size, a zero row, and a width that is not a multiple of any vector's.
        let d = 37;
        let rows: Vec<f32> = (0..40 * d)
            .map(|n| ((n * 7919 % 1009) as f32 / 504.5 - 1.0) * if n % 11 == 0 { 30.0 } else { 1.0 })
            .enumerate()
            .map(|(n, value)| if n / d == 5 { 0.0 } else { value * 10f32.powi((n / d) as i32 - 20) })
            .collect();
        let lengths: Vec<f64> =
            rows.chunks(d).map(|row| row.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>().sqrt()).collect();
        let codes = Codes::new(&rows, d, &lengths);
        for (q, row) in rows.chunks(d).enumerate().filter(|&(q, _)| q != 5) {
            let query: Vec<f64> = row.iter().map(|&v| f64::from(v) / lengths[q]).collect();
            let coded = CodedQuery::new(&query);
            for (n, other) in rows.chunks(d).enumerate() {
                let dot: f64 = other.iter().zip(&query).map(|(&a, &b)| f64::from(a) * b).sum();
                let cosine = if n == 5 { 0.0 } else { dot / lengths[n] };
                let bound = f64::from(codes.upper_bounds(n / BLOCK, &coded)[n % BLOCK]);
                assert!(bound >= cosine, "row {n} for query {q}: {bound} should be at least {cosine}");
                assert!(bound <= cosine + 0.05, "row {n} for query {q}: {bound} is far above {cosine}");
            }
        }
    }
}
