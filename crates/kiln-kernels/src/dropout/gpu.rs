//! Dropout, one unit per four numbers: the mask is computed in the kernel and never stored.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Cube, TensorMetadata};
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::autodiff::DropoutOps;
use crate::backend::gpu::adapter::Adapter;
use crate::backend::gpu::on_tensors::{OnTensors, Output, only};
use crate::backend::gpu::tensors::{contiguous, empty};
use crate::random::{MULTIPLIERS, RandomKey, WEYL};

impl DropoutOps for Cube {
    fn dropout(input: FloatTensor<Self>, key: RandomKey, rate: f64) -> FloatTensor<Self> {
        let output = Output::floats(input.shape());
        only(Self::on_tensors("kiln_dropout", [input], [output], move |[input]| [apply(input, key, rate)]))
    }
}

/// Multiplies each number by 0 with probability `rate`, otherwise by 1 / (1 - `rate`), as [`RandomKey::dropout_mask`]
/// does.
fn apply(input: CubeTensor, key: RandomKey, rate: f64) -> CubeTensor {
    let (threshold, kept) = RandomKey::dropout_limits(rate);
    let Some(highest_dropped) = threshold.checked_sub(1) else { return input };
    let input = contiguous(input);
    let count = input.shape().num_elements();
    let output = empty(&input, input.shape());
    if count == 0 {
        return output;
    }
    let (key, stream) = key.parts();
    let (groups, dim) = Adapter::of(&input).elementwise(count.div_ceil(4));
    drop_numbers::launch(
        &input.client,
        groups,
        dim,
        input.clone().into_buffer_arg(),
        output.clone().into_buffer_arg(),
        count,
        key[0],
        key[1],
        stream[0],
        stream[1],
        // Below 2^32, since a rate is below 1 and a threshold is at most 2^32.
        highest_dropped as u32,
        kept,
    );
    output
}

/// A unit draws a block of four random numbers and applies dropout with them.
#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn drop_numbers(
    input: &[f32],
    output: &mut [f32],
    count: usize,
    first_key: u32,
    second_key: u32,
    first_stream: u32,
    second_stream: u32,
    highest_dropped: u32,
    kept: f32,
) {
    let first = ABSOLUTE_POS * 4;
    if first >= count {
        terminate!();
    }
    // Philox4x32-10; the block's number is below 2^32.
    let mut counter_0 = ABSOLUTE_POS as u32;
    let mut counter_1 = 0u32.runtime();
    let mut counter_2 = first_stream;
    let mut counter_3 = second_stream;
    let mut key_0 = first_key;
    let mut key_1 = second_key;
    #[unroll]
    for _ in 0..10 {
        let low_0 = counter_0 * comptime!(MULTIPLIERS[0]);
        let high_0 = counter_0.mul_hi(comptime!(MULTIPLIERS[0]).runtime());
        let low_1 = counter_2 * comptime!(MULTIPLIERS[1]);
        let high_1 = counter_2.mul_hi(comptime!(MULTIPLIERS[1]).runtime());
        counter_0 = high_1 ^ counter_1 ^ key_0;
        counter_1 = low_1;
        counter_2 = high_0 ^ counter_3 ^ key_1;
        counter_3 = low_0;
        key_0 += comptime!(WEYL[0]);
        key_1 += comptime!(WEYL[1]);
    }
    drop_one(input, output, first, count, counter_0, highest_dropped, kept);
    drop_one(input, output, first + 1, count, counter_1, highest_dropped, kept);
    drop_one(input, output, first + 2, count, counter_2, highest_dropped, kept);
    drop_one(input, output, first + 3, count, counter_3, highest_dropped, kept);
}

#[cube]
fn drop_one(input: &[f32], output: &mut [f32], at: usize, count: usize, drawn: u32, highest_dropped: u32, kept: f32) {
    if at < count {
        output[at] = if drawn <= highest_dropped { 0.0f32 } else { input[at] * kept };
    }
}
