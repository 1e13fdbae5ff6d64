//! Max pooling over time, without overlap.

use std::sync::Arc;

use burn::backend::TensorMetadata;
use burn::backend::tensor::FloatTensor;
use rayon::prelude::*;

use super::autodiff::PoolKernels;
use crate::backend::cpu::shared::{UNLIKE_PRODUCTS, assert_holds, at_least};
use crate::backend::cpu::slices::Slices;

impl<B: Slices> PoolKernels for B {
    type Places = Arc<[u8]>;

    fn forward(input: FloatTensor<Self>, pool: usize) -> (FloatTensor<Self>, Self::Places) {
        let [batch, time, channels] = input.shape().dims();
        let sizes = PoolSizes { batch, time, channels, pool };
        let input = Self::contiguous(input);
        let (output, places) = largest(sizes, Self::numbers(&input));
        (Self::tensor(output, [batch, sizes.windows(), channels]), places.into())
    }

    fn backward(gradient: FloatTensor<Self>, places: Self::Places, time: usize, pool: usize) -> FloatTensor<Self> {
        let [batch, _, channels] = gradient.shape().dims();
        let gradient = Self::contiguous(gradient);
        let input = to_places(PoolSizes { batch, time, channels, pool }, &places, Self::numbers(&gradient));
        Self::tensor(input, [batch, time, channels])
    }
}

/// The sizes of a call.
#[derive(Clone, Copy)]
struct PoolSizes {
    batch: usize,
    time: usize,
    channels: usize,
    pool: usize,
}

impl PoolSizes {
    fn windows(&self) -> usize {
        self.time / self.pool
    }
}

/// The largest value of each window, `[batch, time / pool, channels]`, and its position in it; the first one of equal
/// values.
fn largest(sizes: PoolSizes, input: &[f32]) -> (Vec<f32>, Vec<u8>) {
    let PoolSizes { batch, time, channels, pool } = sizes;
    assert_holds("input", input, [batch, time, channels]);
    let windows = sizes.windows();
    let mut out = vec![0.0; batch * windows * channels];
    let mut places = vec![0_u8; out.len()];
    let row = windows * channels;
    if row == 0 {
        return (out, places);
    }
    let rows = out.par_chunks_mut(row).zip(places.par_chunks_mut(row)).zip(input.par_chunks(time * channels));
    rows.with_min_len(at_least(UNLIKE_PRODUCTS * time * channels)).for_each(|((out, places), input)| {
        let windows = out.chunks_exact_mut(channels).zip(places.chunks_exact_mut(channels));
        for ((out, places), window) in windows.zip(input.chunks_exact(pool * channels)) {
            out.copy_from_slice(&window[..channels]);
            for (place, step) in window.chunks_exact(channels).enumerate().skip(1) {
                for ((out, at), &value) in out.iter_mut().zip(places.iter_mut()).zip(step) {
                    // NaN wins and stays.
                    let larger = value > *out || (value.is_nan() && !out.is_nan());
                    *out = if larger { value } else { *out };
                    *at = if larger { place as u8 } else { *at };
                }
            }
        }
    });
    (out, places)
}

/// The gradient of the input: each output's gradient at the position of its value.
fn to_places(sizes: PoolSizes, places: &[u8], gradient: &[f32]) -> Vec<f32> {
    let PoolSizes { batch, time, channels, pool } = sizes;
    assert_holds("gradient", gradient, [batch, sizes.windows(), channels]);
    assert_eq!(places.len(), gradient.len(), "there must be a place for each number of the gradient");
    let row = sizes.windows() * channels;
    let mut out = vec![0.0; batch * time * channels];
    if row == 0 {
        return out;
    }
    out.par_chunks_mut(time * channels).zip(places.par_chunks(row)).zip(gradient.par_chunks(row)).for_each(
        |((out, places), gradient)| {
            let outputs = places.chunks_exact(channels).zip(gradient.chunks_exact(channels));
            for (window, (places, gradient)) in out.chunks_exact_mut(pool * channels).zip(outputs) {
                for (place, step) in window.chunks_exact_mut(channels).enumerate() {
                    for ((to, &at), &gradient) in step.iter_mut().zip(places).zip(gradient) {
                        *to = if usize::from(at) == place { gradient } else { 0.0 };
                    }
                }
            }
        },
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: PoolSizes = PoolSizes { batch: 2, time: 5, channels: 3, pool: 2 };

    #[test]
    #[should_panic(expected = "the input must hold [2, 5, 3] numbers, but holds 29")]
    fn an_input_of_the_wrong_length_is_refused() {
        largest(SIZES, &[0.0; 29]);
    }

    #[test]
    #[should_panic(expected = "the gradient must hold [2, 2, 3] numbers, but holds 13")]
    fn a_gradient_of_the_wrong_length_is_refused() {
        to_places(SIZES, &[0; 12], &[0.0; 13]);
    }

    #[test]
    #[should_panic(expected = "a place for each number of the gradient")]
    fn places_of_the_wrong_length_are_refused() {
        to_places(SIZES, &[0; 11], &[0.0; 12]);
    }
}
