//! Kernels with a unit a number, or a few: dropout, pooling, Adam, rows of a table, two tensors in one.

use burn::backend::ops::FloatTensorOps;
use burn::backend::{DType, TensorMetadata};
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;

use super::device::{ALIGNED, Adapter, contiguous, empty, owned, part};
use crate::adam::AdamStep;
use crate::random::{MULTIPLIERS, RandomKey, WEYL};

/// Each number times 0 with probability `rate`, else times 1 / (1 - `rate`), as
/// [`RandomKey::dropout_mask`] says.
pub(crate) fn dropout(input: CubeTensor, key: RandomKey, rate: f64) -> CubeTensor {
    let (threshold, kept) = RandomKey::dropout_limits(rate);
    let Some(highest_dropped) = threshold.checked_sub(1) else { return input };
    let input = contiguous(input);
    let count = input.shape().num_elements();
    let (client, device) = (input.client.clone(), input.device.clone());
    let output = empty_device_contiguous_dtype(client, device, input.shape(), DType::F32);
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
        // Below 2^32, since a rate is below 1 and a threshold at most 2^32.
        highest_dropped as u32,
        kept,
    );
    output
}

/// A unit makes a block of four random numbers and drops by them.
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

/// The largest number of each window, `[batch, time / pool, channels]`, and its place in it.
pub(crate) fn max_pool(input: CubeTensor, pool: usize) -> (CubeTensor, CubeTensor) {
    let input = contiguous(input);
    let shape = input.shape();
    let (batch, time, channels) = (shape[0], shape[1], shape[2]);
    let windows = time / pool;
    let output = empty(&input, [batch, windows, channels]);
    let (client, device) = (input.client.clone(), input.device.clone());
    let shape = Shape::new([batch, windows, channels]);
    let places = empty_device_contiguous_dtype(client, device, shape, DType::U32);
    let count = batch * windows * channels;
    if count > 0 {
        let (groups, dim) = Adapter::of(&input).elementwise(count);
        largest_of_windows::launch(
            &input.client,
            groups,
            dim,
            input.clone().into_buffer_arg(),
            output.clone().into_buffer_arg(),
            places.clone().into_buffer_arg(),
            count,
            time,
            windows,
            channels,
            pool,
        );
    }
    (output, places)
}

#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn largest_of_windows(
    input: &[f32],
    output: &mut [f32],
    places: &mut [u32],
    count: usize,
    time: usize,
    windows: usize,
    channels: usize,
    pool: usize,
) {
    if ABSOLUTE_POS >= count {
        terminate!();
    }
    let channel = ABSOLUTE_POS % channels;
    let window = ABSOLUTE_POS / channels;
    let from = (window / windows * time + window % windows * pool) * channels + channel;
    let mut largest = input[from];
    let mut place = 0u32.runtime();
    for step in 1..pool {
        let value = input[from + step * channels];
        // NaN is taken over and stays.
        if value > largest || (value.is_nan() && !largest.is_nan()) {
            largest = value;
            place = step as u32;
        }
    }
    output[ABSOLUTE_POS] = largest;
    places[ABSOLUTE_POS] = place;
}

/// The gradient of an input of `time` steps: that of each output at the place its value came from.
pub(crate) fn max_pool_back(gradient: CubeTensor, places: CubeTensor, time: usize, pool: usize) -> CubeTensor {
    let gradient = contiguous(gradient);
    let shape = gradient.shape();
    let (batch, windows, channels) = (shape[0], shape[1], shape[2]);
    let output = empty(&gradient, [batch, time, channels]);
    let count = batch * time * channels;
    if count > 0 {
        let (groups, dim) = Adapter::of(&gradient).elementwise(count);
        gradient_to_places::launch(
            &gradient.client,
            groups,
            dim,
            gradient.clone().into_buffer_arg(),
            places.into_buffer_arg(),
            output.clone().into_buffer_arg(),
            count,
            time,
            windows,
            channels,
            pool,
        );
    }
    output
}

#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn gradient_to_places(
    gradient: &[f32],
    places: &[u32],
    output: &mut [f32],
    count: usize,
    time: usize,
    windows: usize,
    channels: usize,
    pool: usize,
) {
    if ABSOLUTE_POS >= count {
        terminate!();
    }
    let channel = ABSOLUTE_POS % channels;
    let step = ABSOLUTE_POS / channels % time;
    let window = step / pool;
    let mut value = 0.0f32;
    if window < windows {
        let at = (ABSOLUTE_POS / channels / time * windows + window) * channels + channel;
        if places[at] as usize == step % pool {
            value = gradient[at];
        }
    }
    output[ABSOLUTE_POS] = value;
}

/// One step of Adam, in place where nothing else holds the tensors.
pub(crate) fn adam(
    value: CubeTensor,
    mean: CubeTensor,
    square: CubeTensor,
    gradient: CubeTensor,
    step: AdamStep,
) -> (CubeTensor, CubeTensor, CubeTensor) {
    let [value, mean, square] = [value, mean, square].map(owned);
    let gradient = contiguous(gradient);
    let count = gradient.shape().num_elements();
    if count > 0 {
        let (groups, dim) = Adapter::of(&gradient).elementwise(count);
        step_of_adam::launch(
            &gradient.client,
            groups,
            dim,
            value.clone().into_buffer_arg(),
            mean.clone().into_buffer_arg(),
            square.clone().into_buffer_arg(),
            gradient.clone().into_buffer_arg(),
            count,
            step.beta_1 as f32,
            (1.0 - step.beta_1) as f32,
            step.beta_2 as f32,
            (1.0 - step.beta_2) as f32,
            step.epsilon as f32,
            step.rate as f32,
        );
    }
    (value, mean, square)
}

#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn step_of_adam(
    value: &mut [f32],
    mean: &mut [f32],
    square: &mut [f32],
    gradient: &[f32],
    count: usize,
    beta_1: f32,
    rest_1: f32,
    beta_2: f32,
    rest_2: f32,
    epsilon: f32,
    rate: f32,
) {
    let at = ABSOLUTE_POS;
    if at >= count {
        terminate!();
    }
    let new_mean = mean[at] * beta_1 + gradient[at] * rest_1;
    let new_square = square[at] * beta_2 + gradient[at] * gradient[at] * rest_2;
    mean[at] = new_mean;
    square[at] = new_square;
    value[at] -= rate * new_mean / (new_square.sqrt() + epsilon);
}

/// Two tensors of one shape, the second behind the first.
pub(crate) fn join(first: CubeTensor, second: CubeTensor) -> CubeTensor {
    let [first, second] = [first, second].map(contiguous);
    let shape = first.shape();
    let joined = empty(&first, [2 * shape[0], shape[1], shape[2]]);
    let count = shape.num_elements();
    if count > 0 {
        let (groups, dim) = Adapter::of(&first).elementwise(2 * count);
        put_behind::launch(
            &first.client,
            groups,
            dim,
            first.clone().into_buffer_arg(),
            second.into_buffer_arg(),
            joined.clone().into_buffer_arg(),
            count,
        );
    }
    joined
}

#[cube(launch)]
fn put_behind(first: &[f32], second: &[f32], joined: &mut [f32], count: usize) {
    if ABSOLUTE_POS >= 2 * count {
        terminate!();
    }
    joined[ABSOLUTE_POS] = if ABSOLUTE_POS < count { first[ABSOLUTE_POS] } else { second[ABSOLUTE_POS - count] };
}

/// The two halves of a tensor: where they are, if a tensor may begin at the second.
pub(crate) fn halves(tensor: CubeTensor) -> [CubeTensor; 2] {
    let tensor = contiguous(tensor);
    let shape = tensor.shape();
    let half = [shape[0] / 2, shape[1], shape[2]];
    let count: usize = half.iter().product();
    if count.is_multiple_of(ALIGNED) {
        return [0, count].map(|from| part(&tensor, from, half));
    }
    [0, half[0]].map(|from| CubeBackend::float_slice(tensor.clone(), &[(from..from + half[0]).into()]))
}

/// The table with other rows, in place where nothing else holds it.
pub(crate) fn put_rows(table: CubeTensor, ids: CubeTensor, rows: CubeTensor) -> CubeTensor {
    let (table, rows) = (owned(table), contiguous(rows));
    let count = rows.shape().num_elements();
    let (groups, dim) = Adapter::of(&rows).elementwise(count);
    write_rows::launch(
        &rows.client,
        groups,
        dim,
        table.clone().into_buffer_arg(),
        ids.into_buffer_arg(),
        rows.clone().into_buffer_arg(),
        count,
        table.shape()[0],
        table.shape()[1],
    );
    table
}

#[cube(launch)]
fn write_rows(table: &mut [f32], ids: &[i32], rows: &[f32], count: usize, vocab: usize, width: usize) {
    if ABSOLUTE_POS >= count {
        terminate!();
    }
    let id = ids[ABSOLUTE_POS / width] as usize;
    // An id beyond the table writes nothing.
    if id < vocab {
        table[id * width + ABSOLUTE_POS % width] = rows[ABSOLUTE_POS];
    }
}
