//! Log-probabilities and gradients of scores in one pass over each row, which stays in the nearest caches.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::Shape;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::autodiff::{NllKernels, OfScores};
use crate::backend::cpu::lanes::dispatch;
use crate::backend::cpu::shared::{UNLIKE_PRODUCTS, assert_holds, at_least};
use crate::backend::cpu::slices::{Slices, ids_below};

/// Rows that one task takes: as many whatever the number of threads, so that the bias's gradient is always added up in
/// the same order.
const ROWS: usize = 16;
/// Sums that are added up side by side.
const SIDE_BY_SIDE: usize = 64;

impl<B: Slices> NllKernels for B {
    fn of_scores(
        scores: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        classes: IntTensor<Self>,
        wants_gradients: bool,
    ) -> OfScores<Self> {
        let (mut scores, bias) = (Self::contiguous(scores), Self::contiguous(bias));
        let width = Self::numbers(&bias).len();
        let classes = ids_below::<Self>(classes, width);
        let (log_probs, by_bias) =
            of_rows(Self::numbers_mut(&mut scores), Self::numbers(&bias), &classes, wants_gradients);
        OfScores {
            log_probs: Self::tensor(log_probs, Shape::new([classes.len(), 1])),
            gradients: by_bias.map(|by_bias| [scores, Self::tensor(by_bias, Shape::new([width]))]),
        }
    }

    fn times(gradient: FloatTensor<Self>, by: FloatTensor<Self>) -> FloatTensor<Self> {
        let by = Self::numbers(&Self::contiguous(by))[0];
        if by == 1.0 {
            return gradient;
        }
        let mut gradient = Self::contiguous(gradient);
        Self::numbers_mut(&mut gradient).par_chunks_mut(1 << 14).for_each(|part| {
            part.iter_mut().for_each(|number| *number *= by);
        });
        gradient
    }
}

/// The log-probability of each row's class, and with `wants_gradients` the gradient of the negative mean by the bias; the
/// scores then become the gradient by the scores. Otherwise they become anything.
fn of_rows(scores: &mut [f32], bias: &[f32], classes: &[u32], wants_gradients: bool) -> (Vec<f32>, Option<Vec<f32>>) {
    let width = bias.len();
    assert_holds("scores", scores, [classes.len(), width]);
    let scale = 1.0 / classes.len() as f32;
    let mut log_probs = vec![0.0; classes.len()];
    let tasks = scores.par_chunks_mut(ROWS * width.max(1)).zip(classes.par_chunks(ROWS));
    let tasks = tasks.zip(log_probs.par_chunks_mut(ROWS)).with_min_len(at_least(UNLIKE_PRODUCTS * ROWS * width));
    let tasks = tasks.map(|((scores, classes), log_probs)| {
        let mut by_bias = vec![0.0; if wants_gradients { width } else { 0 }];
        for ((row, &class), log_prob) in scores.chunks_exact_mut(width).zip(classes).zip(log_probs) {
            let gradient = wants_gradients.then_some((by_bias.as_mut_slice(), scale));
            *log_prob = dispatch(Row { scores: row, bias, class: class as usize, gradient });
        }
        by_bias
    });
    if !wants_gradients {
        tasks.for_each(drop);
        return (log_probs, None);
    }
    let parts: Vec<Vec<f32>> = tasks.collect();
    let mut by_bias = vec![0.0; width];
    for part in parts {
        by_bias.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    (log_probs, Some(by_bias))
}

/// A row of scores without bias.
struct Row<'a> {
    scores: &'a mut [f32],
    bias: &'a [f32],
    class: usize,
    /// The sum of the gradients by the bias, and what a gradient is multiplied by.
    gradient: Option<(&'a mut [f32], f32)>,
}

impl WithSimd for Row<'_> {
    type Output = f32;

    // Plain loops: compiled with the machine's vectors since they lie in here.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> f32 {
        let Self { scores, bias, class, gradient } = self;
        let mut highest = [f32::NEG_INFINITY; SIDE_BY_SIDE];
        for (scores, bias) in scores.chunks_mut(SIDE_BY_SIDE).zip(bias.chunks(SIDE_BY_SIDE)) {
            for ((score, bias), highest) in scores.iter_mut().zip(bias).zip(&mut highest) {
                *score += bias;
                *highest = if *score > *highest { *score } else { *highest };
            }
        }
        let highest = highest.into_iter().fold(f32::NEG_INFINITY, f32::max);
        let of_class = scores[class];
        let mut sums = [0.0_f32; SIDE_BY_SIDE];
        for scores in scores.chunks_mut(SIDE_BY_SIDE) {
            for (score, sum) in scores.iter_mut().zip(&mut sums) {
                *score = exp(*score - highest);
                *sum += *score;
            }
        }
        let sum: f32 = sums.iter().sum();
        if let Some((by_bias, scale)) = gradient {
            let share = scale / sum;
            for (score, by_bias) in scores.iter_mut().zip(by_bias.iter_mut()) {
                *score *= share;
                *by_bias += *score;
            }
            scores[class] -= scale;
            by_bias[class] -= scale;
        }
        of_class - highest - sum.ln()
    }
}

/// The exponential of a number that is not above 0, within 2e-7 of itself; NaN stays NaN.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Adding it rounds to a whole number, which the last bits then hold.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts, of which the first has few bits.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    /// Below this the result is taken for that of this.
    const LEAST: f32 = -87.0;
    let x = if x < LEAST { LEAST } else { x };
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let whole = rounded - ROUND;
    let rest = x - whole * LN_2[0] - whole * LN_2[1];
    let mut sum = 1.0 / 5040.0;
    for factor in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = sum * rest + factor;
    }
    let power = f32::from_bits((rounded.to_bits() << 23).wrapping_add(1.0_f32.to_bits()));
    sum * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_within_2e_7() {
        for n in 0..=87_000 {
            let x = -(n as f32) / 1_000.0;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(error < 2e-7, "exp({x}) is off by {error}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NEG_INFINITY) < 1e-37 && exp(f32::NAN).is_nan());
    }

    #[test]
    #[should_panic(expected = "the scores must hold [2, 3] numbers, but holds 5")]
    fn scores_of_the_wrong_length_are_refused() {
        of_rows(&mut [0.0; 5], &[0.0; 3], &[0, 1], true);
    }

    #[test]
    fn a_score_that_is_not_a_number_makes_the_log_probability_none() {
        let (log_probs, _) = of_rows(&mut [0.0, f32::NAN, 1.0, 0.0, 1.0, 2.0], &[0.0; 3], &[0, 1], true);
        assert!(log_probs[0].is_nan() && log_probs[1].is_finite(), "{log_probs:?}");
    }
}
