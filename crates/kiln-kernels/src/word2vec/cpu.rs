//! The update of word2vec's two tables by negative sampling, in place, by one or more threads at once.

use pulp::{Simd, WithSimd};

use super::batch::{LossSum, Prediction, WindowBatch};
use super::rows::{Floats, LINE, Rows, Table, axpy, dot};
use crate::backend::cpu::lanes::{self, dispatch, load, store};

/// How many windows ahead a row is prefetched.
const AHEAD: usize = 2;

/// The logarithm of a product of many probabilities, computed only now and then.
struct LogProduct {
    log: f64,
    product: f64,
}

impl LogProduct {
    /// Multiplies by the probability `sigmoid(score)` of a right word, or by the complement for a wrong one.
    #[inline(always)]
    fn take_in(&mut self, score: f32, sigmoid: f32, is_right: bool) {
        /// From here on, ln sigmoid(-x) is -x to six digits, and the sigmoid has lost its own digits.
        const FAR: f32 = 12.0;
        let wrongness = if is_right { -score } else { score };
        if wrongness > FAR || wrongness.is_nan() {
            self.log -= f64::from(wrongness);
            return;
        }
        let probability = f64::from(if is_right { sigmoid } else { 1.0 - sigmoid });
        // At least 1e-7, so that no product underflows.
        self.product *= probability.max(1e-7);
        if self.product < 1e-290 {
            self.log += self.product.ln();
            self.product = 1.0;
        }
    }
}

/// Buffers of one thread.
#[derive(Debug, Default)]
pub struct Workspace {
    inputs: Vec<f32>,
    outputs: Vec<f32>,
    errors: Vec<f32>,
    scores: Vec<f32>,
    context: Vec<u32>,
    targets: Vec<u32>,
}

struct Update<'a> {
    input: Rows<'a>,
    output: Rows<'a>,
    batch: &'a WindowBatch,
    prediction: Prediction,
    rate: f32,
    memory: &'a mut Workspace,
}

impl WithSimd for Update<'_> {
    type Output = LossSum;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) -> LossSum {
        let mut loss = LogProduct { log: 0.0, product: 1.0 };
        let mut count = 0;
        let windows = self.batch.windows.len();
        let negatives = self.batch.negatives.len().checked_div(windows).unwrap_or(0);
        for (n, window) in self.batch.windows.iter().enumerate() {
            let ids = &self.batch.ids;
            if let Some(soon) = self.batch.windows.get(n + AHEAD) {
                // The other words of its context were prefetched for the windows before.
                self.input.prefetch(ids[soon.end as usize - 1]);
                self.output.prefetch(ids[soon.centre as usize]);
                for &word in &self.batch.negatives[(n + AHEAD) * negatives..][..negatives] {
                    self.output.prefetch(word);
                }
            }
            let Workspace { context, targets, .. } = &mut *self.memory;
            context.clear();
            context.extend_from_slice(&ids[window.start as usize..window.centre as usize]);
            context.extend_from_slice(&ids[window.centre as usize + 1..window.end as usize]);
            targets.clear();
            targets.push(ids[window.centre as usize]);
            targets.extend_from_slice(&self.batch.negatives[n * negatives..(n + 1) * negatives]);
            if self.prediction == Prediction::SkipGram {
                count += self.memory.context.len() as u64;
                self.skip_gram(simd, &mut loss);
            } else {
                count += 1;
                self.cbow(simd, &mut loss);
            }
        }
        LossSum { sum: -(loss.log + loss.product.ln()), count }
    }
}

impl Update<'_> {
    #[inline(always)]
    fn cbow<S: Simd>(&mut self, simd: S, loss: &mut LogProduct) {
        let stride = self.input.stride();
        let Workspace { inputs, outputs, errors, scores, context, targets } = &mut *self.memory;
        let (mean, error) = (&mut inputs[..stride], &mut errors[..stride]);
        mean.fill(0.0);
        for &word in &*context {
            self.input.add_to(simd, word, mean);
        }
        if self.prediction == Prediction::CbowMean {
            let scale = simd.splat_f32s(1.0 / context.len() as f32);
            for at in (0..stride).step_by(S::F32_LANES) {
                let value = simd.mul_f32s(scale, load::<S>(mean, at));
                store::<S>(mean, at, value);
            }
        }
        for n in 0..targets.len() {
            let row = &mut outputs[n * stride..][..stride];
            self.output.read(simd, targets[n], row);
            scores[n] = dot(simd, mean, row);
        }
        gradients(simd, scores, targets.len(), 1, self.rate, loss);
        error.fill(0.0);
        for n in 0..targets.len() {
            axpy(simd, scores[n], &outputs[n * stride..][..stride], error);
            self.output.add(simd, targets[n], scores[n], mean);
        }
        for &word in &*context {
            self.input.add(simd, word, 1.0, error);
        }
    }

    #[inline(always)]
    fn skip_gram<S: Simd>(&mut self, simd: S, loss: &mut LogProduct) {
        let stride = self.input.stride();
        let Workspace { inputs, outputs, errors, scores, context, targets } = &mut *self.memory;
        let (words, count) = (context.len(), targets.len());
        for n in 0..words {
            self.input.read(simd, context[n], &mut inputs[n * stride..][..stride]);
        }
        for n in 0..count {
            self.output.read(simd, targets[n], &mut outputs[n * stride..][..stride]);
        }
        // Scores are ordered by target, so those of the centre come first.
        for target in 0..count {
            let row = &outputs[target * stride..][..stride];
            for word in 0..words {
                scores[target * words + word] = dot(simd, &inputs[word * stride..][..stride], row);
            }
        }
        gradients(simd, scores, count * words, words, self.rate, loss);
        let error = &mut errors[..stride];
        for word in 0..words {
            combine(simd, outputs, stride, count, &scores[word..], words, error);
            self.input.add(simd, context[word], 1.0, error);
        }
        for target in 0..count {
            combine(simd, inputs, stride, words, &scores[target * words..], 1, error);
            self.output.add(simd, targets[target], 1.0, error);
        }
    }
}

/// `out = sum over n < count of weights[n * step] * rows[n]`
#[inline(always)]
fn combine<S: Simd>(simd: S, rows: &[f32], stride: usize, count: usize, weights: &[f32], step: usize, out: &mut [f32]) {
    for at in (0..stride).step_by(S::F32_LANES) {
        let mut sum = simd.splat_f32s(0.0);
        for n in 0..count {
            let weight = simd.splat_f32s(weights[n * step]);
            sum = simd.mul_add_e_f32s(weight, load::<S>(rows, n * stride + at), sum);
        }
        store::<S>(out, at, sum);
    }
}

/// Turns scores into `rate * (label - sigmoid(score))`; the first `positive` have label 1. Multiplies the probability
/// of each label into the loss.
#[inline(always)]
fn gradients<S: Simd>(simd: S, scores: &mut [f32], count: usize, positive: usize, rate: f32, loss: &mut LogProduct) {
    let mut sigmoids = Floats::default();
    for first in (0..count).step_by(LINE) {
        for at in (0..LINE).step_by(S::F32_LANES) {
            let [sigmoid] = lanes::sigmoids_and_tanh(simd, [load::<S>(scores, first + at)], usize::MAX);
            store::<S>(&mut sigmoids.0, at, sigmoid);
        }
        for (n, sigmoid) in (first..count).zip(sigmoids.0) {
            let is_right = n < positive;
            loss.take_in(scores[n], sigmoid, is_right);
            scores[n] = rate * (if is_right { 1.0 - sigmoid } else { -sigmoid });
        }
    }
}

impl Workspace {
    fn reserve(&mut self, stride: usize, batch: &WindowBatch) {
        let words = batch.windows.iter().map(|window| (window.end - window.start) as usize).max().unwrap_or(0);
        let targets = 1 + batch.negatives.len().checked_div(batch.windows.len()).unwrap_or(0);
        let grow = |buffer: &mut Vec<f32>, len: usize| {
            if buffer.len() < len {
                buffer.resize(len, 0.0);
            }
        };
        grow(&mut self.inputs, words.max(1) * stride);
        grow(&mut self.outputs, targets * stride);
        grow(&mut self.errors, stride);
        grow(&mut self.scores, (words.max(1) * targets).next_multiple_of(64));
    }
}

/// Every id of the batch must be below the number of rows of both tables, and every window within the ids. Other
/// threads may update at the same time.
pub(super) fn update(
    input: &Table,
    output: &Table,
    batch: &WindowBatch,
    prediction: Prediction,
    rate: f32,
    memory: &mut Workspace,
) -> LossSum {
    memory.reserve(input.row_lines() * LINE, batch);
    dispatch(Update { input: input.shared(), output: output.shared(), batch, prediction, rate, memory })
}
