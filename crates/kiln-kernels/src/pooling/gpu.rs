//! Max pooling, one unit per number.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Cube, DType, TensorMetadata};
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::autodiff::PoolKernels;
use crate::backend::gpu::adapter::Adapter;
use crate::backend::gpu::on_tensors::{OnTensors, Output, only};
use crate::backend::gpu::tensors::{contiguous, empty, empty_of};

impl PoolKernels for Cube {
    type Places = FloatTensor<Cube>;

    fn forward(input: FloatTensor<Self>, pool: usize) -> (FloatTensor<Self>, Self::Places) {
        let [batch, time, channels] = input.shape().dims();
        let shape = [batch, time / pool, channels];
        let outputs = [Output::floats(shape), Output::counts(shape)];
        Self::on_tensors("kiln_max_pool1d", [input], outputs, move |[input]| largest(input, pool)).into()
    }

    fn backward(gradient: FloatTensor<Self>, places: Self::Places, time: usize, pool: usize) -> FloatTensor<Self> {
        let [batch, _, channels] = gradient.shape().dims();
        let output = Output::floats([batch, time, channels]);
        only(Self::on_tensors("kiln_max_pool1d_backward", [gradient, places], [output], move |[gradient, places]| {
            [to_places(gradient, places, time, pool)]
        }))
    }
}

/// The sizes of a call; `count` is the number of numbers to write.
#[derive(CubeType, CubeLaunch)]
struct Pools {
    count: usize,
    time: usize,
    windows: usize,
    channels: usize,
    pool: usize,
}

/// The largest number of each window, `[batch, time / pool, channels]`, and its position in it.
fn largest(input: CubeTensor, pool: usize) -> [CubeTensor; 2] {
    let input = contiguous(input);
    let [batch, time, channels] = input.shape().dims();
    let windows = time / pool;
    let output = empty(&input, [batch, windows, channels]);
    let places = empty_of(&input, [batch, windows, channels], DType::U32);
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
            PoolsLaunch::new(count, time, windows, channels, pool),
        );
    }
    [output, places]
}

#[cube(launch)]
fn largest_of_windows(input: &[f32], output: &mut [f32], places: &mut [u32], sizes: &Pools) {
    if ABSOLUTE_POS >= sizes.count {
        terminate!();
    }
    let channel = ABSOLUTE_POS % sizes.channels;
    let window = ABSOLUTE_POS / sizes.channels;
    let from = (window / sizes.windows * sizes.time + window % sizes.windows * sizes.pool) * sizes.channels + channel;
    let mut largest = input[from];
    let mut place = 0u32.runtime();
    for step in 1..sizes.pool {
        let value = input[from + step * sizes.channels];
        // NaN wins and stays.
        if value > largest || (value.is_nan() && !largest.is_nan()) {
            largest = value;
            place = step as u32;
        }
    }
    output[ABSOLUTE_POS] = largest;
    places[ABSOLUTE_POS] = place;
}

/// The gradient of an input of `time` steps: each output's gradient at the position of its value.
fn to_places(gradient: CubeTensor, places: CubeTensor, time: usize, pool: usize) -> CubeTensor {
    let gradient = contiguous(gradient);
    let [batch, windows, channels] = gradient.shape().dims();
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
            PoolsLaunch::new(count, time, windows, channels, pool),
        );
    }
    output
}

#[cube(launch)]
fn gradient_to_places(gradient: &[f32], places: &[u32], output: &mut [f32], sizes: &Pools) {
    if ABSOLUTE_POS >= sizes.count {
        terminate!();
    }
    let channel = ABSOLUTE_POS % sizes.channels;
    let step = ABSOLUTE_POS / sizes.channels % sizes.time;
    let window = step / sizes.pool;
    let mut value = 0.0f32;
    if window < sizes.windows {
        let at = (ABSOLUTE_POS / sizes.channels / sizes.time * sizes.windows + window) * sizes.channels + channel;
        if places[at] as usize == step % sizes.pool {
            value = gradient[at];
        }
    }
    output[ABSOLUTE_POS] = value;
}
