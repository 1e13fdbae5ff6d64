//! Convolution over time with stride 1, bias and relu.
//!
//! In `[batch, time, channel]`, a window of `kernel_size` steps is contiguous, so the convolution is one product over
//! overlapping rows, without copying.

use std::mem::MaybeUninit;
use std::ops::Range;

use burn::backend::TensorMetadata;
use burn::backend::tensor::FloatTensor;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::autodiff::{ConvInputs, ConvKernels, Recorded};
use crate::backend::cpu::lanes::{dispatch, lanes};
use crate::backend::cpu::product::{Factors, PANEL, Packed, Start, multiply, panels, tile_rows, tiles};
use crate::backend::cpu::shared::{Scratch, Shared, assert_holds, at_least, filled};
use crate::backend::cpu::slices::Slices;

/// Rows of the inner dimension at a time: their part of a panel fits the nearest cache.
const INNER: usize = 128;
/// Steps at a time.
const STEPS: usize = 96;

impl<B: Slices> ConvKernels for B {
    fn forward(ConvInputs { input, kernel, bias }: ConvInputs<Self>, relu: bool) -> FloatTensor<Self> {
        let sizes = ConvSizes::of::<Self>(&input, &kernel);
        let [input, kernel, bias] = [input, kernel, bias].map(Self::contiguous);
        let [input, kernel, bias] = [&input, &kernel, &bias].map(|tensor| Self::numbers(tensor));
        let output = forward(sizes, input, kernel, bias, relu);
        Self::tensor(output, [sizes.batch, sizes.out_time(), sizes.filters])
    }

    fn backward(recorded: Recorded<Self>, gradient: FloatTensor<Self>) -> [FloatTensor<Self>; 3] {
        let (input, kernel, output) = recorded;
        let sizes = ConvSizes::of::<Self>(&input, &kernel);
        let [input, kernel, gradient] = [input, kernel, gradient].map(Self::contiguous);
        let output = output.map(Self::contiguous);
        let output = output.as_ref().map(|tensor| Self::numbers(tensor));
        let [of_input, of_kernel, of_bias] =
            backward(sizes, Self::numbers(&input), Self::numbers(&kernel), output, Self::numbers(&gradient));
        [
            Self::tensor(of_input, input.shape()),
            Self::tensor(of_kernel, kernel.shape()),
            Self::tensor(of_bias, [sizes.filters]),
        ]
    }
}

/// The sizes of a call.
#[derive(Clone, Copy)]
struct ConvSizes {
    batch: usize,
    time: usize,
    d_input: usize,
    filters: usize,
    window: usize,
}

impl ConvSizes {
    fn of<B: Slices>(input: &FloatTensor<B>, kernel: &FloatTensor<B>) -> Self {
        let ([batch, time, d_input], [window, _, filters]) = (input.shape().dims(), kernel.shape().dims());
        Self { batch, time, d_input, filters, window }
    }

    fn out_time(&self) -> usize {
        self.time + 1 - self.window
    }

    /// # Panics
    ///
    /// If input or kernel have other sizes, or the window is longer than the sequence.
    fn check(&self, input: &[f32], kernel: &[f32]) {
        let Self { batch, time, d_input, filters, window } = *self;
        assert!((1..=time).contains(&window), "a window of {window} steps does not fit a sequence of {time}");
        assert_holds("input", input, [batch, time, d_input]);
        assert_holds("kernel", kernel, [window, d_input, filters]);
    }

    /// Numbers per window.
    fn inner(&self) -> usize {
        self.window * self.d_input
    }
}

/// `input` is `[batch, time, d_input]`, `kernel` is `[window, d_input, filters]`, `bias` is `[filters]`; returns
/// `[batch, time + 1 - window, filters]`.
fn forward(sizes: ConvSizes, input: &[f32], kernel: &[f32], bias: &[f32], relu: bool) -> Vec<f32> {
    sizes.check(input, kernel);
    assert_holds("bias", bias, [sizes.filters]);
    let (steps, filters) = (sizes.out_time(), sizes.filters);
    let packed = Packed::by_rows(sizes.inner(), filters, lanes(), kernel);
    // Every task writes a range of steps of one row.
    let parts: Vec<(usize, Range<usize>)> =
        (0..sizes.batch).flat_map(|row| tiles(0..steps, STEPS).map(move |steps| (row, steps))).collect();
    let convolve = |out: &mut [MaybeUninit<f32>]| {
        let shared = Shared::new(out);
        let work = steps.min(STEPS) * sizes.inner() * filters;
        parts.into_par_iter().with_min_len(at_least(work)).for_each(|(row, part)| {
            // SAFETY: no two parts overlap.
            let to = unsafe { shared.part((row * steps + part.start) * filters, part.len() * filters) };
            let from = (row * sizes.time + part.start) * sizes.d_input..(row + 1) * sizes.time * sizes.d_input;
            dispatch(Rows {
                rows: part.len(),
                stride: sizes.d_input,
                inner: sizes.inner(),
                from: &input[from],
                packed: &packed,
                columns: filters,
                bias: Some((bias, relu)),
                to,
            });
        });
    };
    // SAFETY: the parts cover every step of every row.
    unsafe { filled([sizes.batch, steps, filters], convolve) }
}

/// The product of overlapping rows with packed columns.
struct Rows<'a> {
    rows: usize,
    /// The stride from row to row.
    stride: usize,
    inner: usize,
    from: &'a [f32],
    packed: &'a Packed,
    columns: usize,
    /// What is added to each row, and whether relu follows.
    bias: Option<(&'a [f32], bool)>,
    to: &'a mut [MaybeUninit<f32>],
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let vectors = self.columns.div_ceil(S::F32_LANES);
        let width = vectors * S::F32_LANES;
        let mut sums = Scratch::new(self.rows * width);
        for first in (0..self.inner).step_by(INNER) {
            let inner = INNER.min(self.inner - first);
            for (panel, columns) in panels(vectors).enumerate() {
                for rows in tiles(0..self.rows, tile_rows::<S>()) {
                    let factors = Factors {
                        rows: &self.from[rows.start * self.stride + first..],
                        rows_by: [self.stride, 1, 0],
                        columns: &self.packed.panel(panel)[first * self.packed.width()..],
                        columns_by: [self.packed.width(), 0],
                        inner,
                        turns: 1,
                    };
                    let start = if first == 0 { Start::Zeros } else { Start::Kept };
                    let to = &mut sums[rows.start * width + columns.start * S::F32_LANES..];
                    multiply(simd, [rows.len(), columns.len()], start, &factors, to, width);
                }
            }
        }
        for (to, from) in self.to.chunks_exact_mut(self.columns).zip(sums.chunks_exact(width)) {
            match self.bias {
                None => {
                    to.write_copy_of_slice(&from[..self.columns]);
                }
                Some((bias, relu)) => {
                    for ((to, from), bias) in to.iter_mut().zip(from).zip(bias) {
                        let sum = from + bias;
                        to.write(if relu && sum < 0.0 { 0.0 } else { sum }); // NaN stays NaN
                    }
                }
            }
        }
    }
}

/// The gradients of input, kernel and bias. With relu, `output` is that of the forward pass.
fn backward(
    sizes: ConvSizes,
    input: &[f32],
    kernel: &[f32],
    output: Option<&[f32]>,
    gradient: &[f32],
) -> [Vec<f32>; 3] {
    let ConvSizes { batch, time, d_input, filters, window } = sizes;
    sizes.check(input, kernel);
    for (what, numbers) in [("gradient", gradient), ("output", output.unwrap_or(gradient))] {
        assert_holds(what, numbers, [batch, sizes.out_time(), filters]);
    }
    // dx[t] = sum over k of dy[t - k] kernel[k]^T: the window in reverse order.
    let transposed = Packed::by_value(window * filters, d_input, lanes(), |k, unit| {
        let (place, filter) = (window - 1 - k / filters, k % filters);
        kernel[(place * d_input + unit) * filters + filter]
    });
    let parts: Vec<Range<usize>> = tiles(0..batch, batch.div_ceil(rayon::current_num_threads()).max(1)).collect();
    let mut sums: Vec<(Scratch, Vec<f32>)> = Vec::new();
    let run = |out: &mut [MaybeUninit<f32>]| {
        let shared = Shared::new(out);
        sums = parts
            .into_par_iter()
            .map(|rows| {
                // SAFETY: no two parts overlap.
                let to = unsafe { shared.part(rows.start * time * d_input, rows.len() * time * d_input) };
                dispatch(Backward { sizes, rows, input, output, gradient, transposed: &transposed, to })
            })
            .collect();
    };
    // SAFETY: the parts cover every row, and each writes all its steps.
    let d_input_all = unsafe { filled([batch, time, d_input], run) };
    let (mut d_kernel, mut d_bias) = (vec![0.0; kernel.len()], vec![0.0; filters]);
    for (kernel_sums, bias_sums) in &sums {
        let width = kernel_sums.len() / sizes.inner();
        for (to, from) in d_kernel.chunks_exact_mut(filters).zip(kernel_sums.chunks_exact(width)) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        }
        d_bias.iter_mut().zip(bias_sums).for_each(|(to, from)| *to += from);
    }
    [d_input_all, d_kernel, d_bias]
}

struct Backward<'a> {
    sizes: ConvSizes,
    rows: Range<usize>,
    input: &'a [f32],
    output: Option<&'a [f32]>,
    gradient: &'a [f32],
    transposed: &'a Packed,
    to: &'a mut [MaybeUninit<f32>],
}

impl WithSimd for Backward<'_> {
    /// The sums for the gradients of the kernel, `[window * d_input, whole vectors]`, and of the bias.
    type Output = (Scratch, Vec<f32>);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let ConvSizes { time, d_input, filters, window, .. } = self.sizes;
        let (steps, inner) = (self.sizes.out_time(), self.sizes.inner());
        let vectors = filters.div_ceil(S::F32_LANES);
        let width = vectors * S::F32_LANES;
        let margin = (window - 1) * filters;
        // The last vector of the last row may extend beyond it.
        let mut padded = Scratch::new(2 * margin + steps * filters + width);
        padded.fill(0.0);
        let mut kernel_sums = Scratch::new(inner * width);
        kernel_sums.fill(0.0);
        let mut bias_sums = vec![0.0; filters];
        let first_row = self.rows.start;
        for row in self.rows.clone() {
            let part = row * steps * filters..(row + 1) * steps * filters;
            let masked = &mut padded[margin..margin + steps * filters];
            masked.copy_from_slice(&self.gradient[part.clone()]);
            if let Some(output) = self.output {
                for (gradient, &output) in masked.iter_mut().zip(&output[part]) {
                    *gradient = if output > 0.0 { *gradient } else { 0.0 };
                }
            }
            for step in masked.chunks_exact(filters) {
                bias_sums.iter_mut().zip(step).for_each(|(sum, step)| *sum += step);
            }
            let to = &mut self.to[(row - first_row) * time * d_input..][..time * d_input];
            Rows {
                rows: time,
                stride: filters,
                inner: window * filters,
                from: &padded,
                packed: self.transposed,
                columns: d_input,
                bias: None,
                to,
            }
            .with_simd(simd);
            let input = &self.input[row * time * d_input..(row + 1) * time * d_input];
            for part in tiles(0..steps, STEPS) {
                let (from, gradient) = (&input[part.start * d_input..], &padded[margin + part.start * filters..]);
                for (panel, columns) in panels(vectors).enumerate() {
                    let gradient = &gradient[panel * PANEL * S::F32_LANES..];
                    for units in tiles(0..inner, tile_rows::<S>()) {
                        let factors = Factors {
                            rows: &from[units.start..],
                            rows_by: [1, d_input, 0],
                            columns: gradient,
                            columns_by: [filters, 0],
                            inner: part.len(),
                            turns: 1,
                        };
                        let to = &mut kernel_sums[units.start * width + columns.start * S::F32_LANES..];
                        multiply(simd, [units.len(), columns.len()], Start::Kept, &factors, to, width);
                    }
                }
            }
        }
        (kernel_sums, bias_sums)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: ConvSizes = ConvSizes { batch: 2, time: 5, d_input: 3, filters: 4, window: 2 };
    const INPUT: [f32; 30] = [0.0; 30];
    const KERNEL: [f32; 24] = [0.0; 24];

    #[test]
    #[should_panic(expected = "the bias must hold [4] numbers, but holds 3")]
    fn a_bias_of_the_wrong_length_is_refused() {
        forward(SIZES, &INPUT, &KERNEL, &[0.0; 3], false);
    }

    #[test]
    #[should_panic(expected = "the input must hold [2, 5, 3] numbers, but holds 29")]
    fn an_input_of_the_wrong_length_is_refused() {
        forward(SIZES, &INPUT[1..], &KERNEL, &[0.0; 4], false);
    }

    #[test]
    #[should_panic(expected = "the kernel must hold [2, 3, 4] numbers, but holds 23")]
    fn a_kernel_of_the_wrong_length_is_refused() {
        backward(SIZES, &INPUT, &KERNEL[1..], None, &[0.0; 32]);
    }

    #[test]
    #[should_panic(expected = "the output must hold [2, 4, 4] numbers, but holds 31")]
    fn an_output_of_the_wrong_length_is_refused() {
        backward(SIZES, &INPUT, &KERNEL, Some(&[0.0; 31]), &[0.0; 32]);
    }

    #[test]
    #[should_panic(expected = "a window of 6 steps does not fit a sequence of 5")]
    fn a_window_beyond_the_sequence_is_refused() {
        forward(ConvSizes { window: 6, ..SIZES }, &INPUT, &[0.0; 72], &[0.0; 4], false);
    }
}
