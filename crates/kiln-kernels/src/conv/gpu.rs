//! Convolution over time on a GPU as matrix products. Each position p of the window multiplies the whole input; output
//! t adds row t + p of that product. Backward, the gradient is laid out once for every position of the window; one
//! product with it is the input's gradient, another one the kernel's.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Cube, TensorMetadata};
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::autodiff::{ConvInputs, ConvKernels, Recorded};
use crate::backend::gpu::adapter::Adapter;
use crate::backend::gpu::on_tensors::{OnTensors, Output, only};
use crate::backend::gpu::tensors::{contiguous, empty, product, reshaped};

impl ConvKernels for Cube {
    fn forward(ConvInputs { input, kernel, bias }: ConvInputs<Self>, relu: bool) -> FloatTensor<Self> {
        let ([batch, time, _], [window, _, filters]) = (input.shape().dims(), kernel.shape().dims());
        let output = Output::floats([batch, time + 1 - window, filters]);
        only(Self::on_tensors("kiln_conv1d", [input, kernel, bias], [output], move |inputs| [forward(inputs, relu)]))
    }

    fn backward(recorded: Recorded<Self>, gradient: FloatTensor<Self>) -> [FloatTensor<Self>; 3] {
        let (input, kernel, output) = recorded;
        let filters = kernel.shape()[2];
        let outputs = [Output::floats(input.shape()), Output::floats(kernel.shape()), Output::floats([filters])];
        let relu = output.is_some();
        // Without relu the output is not read.
        let inputs = [input, kernel, output.unwrap_or_else(|| gradient.clone()), gradient];
        Self::on_tensors("kiln_conv1d_backward", inputs, outputs, move |inputs| backward(inputs, relu))
    }
}

/// Whether the device has kernels for the convolution.
pub(crate) fn is_fused(adapter: &Adapter, [batch, time, d_input]: [usize; 3], window: usize, filters: usize) -> bool {
    batch > 0
        && adapter.holds([batch, time, d_input])
        && adapter.holds([batch, time, window, filters])
        && adapter.holds([window, d_input, filters])
}

/// `[batch, time + 1 - window, filters]`
fn forward(inputs: [CubeTensor; 3], relu: bool) -> CubeTensor {
    let [input, kernel, bias] = inputs.map(contiguous);
    let ([batch, time, d_input], [window, _, filters]) = (input.shape().dims(), kernel.shape().dims());
    let steps = time + 1 - window;
    let places = product(reshaped(&input, [1, batch * time, d_input]), kernel, [window, batch * time, filters]);
    let output = empty(&input, [batch, steps, filters]);
    let count = batch * steps * filters;
    let (groups, dim) = Adapter::of(&input).elementwise(count);
    add_places::launch(
        &input.client,
        groups,
        dim,
        places.into_buffer_arg(),
        bias.into_buffer_arg(),
        output.clone().into_buffer_arg(),
        SizesLaunch::new(count, time, steps, filters, window),
        batch * time,
        relu,
    );
    output
}

/// The sizes of a call; `count` is the number of numbers to write.
#[derive(CubeType, CubeLaunch)]
struct Sizes {
    count: usize,
    time: usize,
    steps: usize,
    filters: usize,
    window: usize,
}

/// Sums the products of the window's positions, `[window, batch * time, filters]`.
#[cube(launch)]
fn add_places(places: &[f32], bias: &[f32], output: &mut [f32], sizes: &Sizes, lines: usize, #[comptime] relu: bool) {
    if ABSOLUTE_POS >= sizes.count {
        terminate!();
    }
    let filter = ABSOLUTE_POS % sizes.filters;
    let step = ABSOLUTE_POS / sizes.filters;
    let line = step / sizes.steps * sizes.time + step % sizes.steps;
    let mut sum = bias[filter];
    for place in 0..sizes.window {
        sum += places[(place * lines + line + place) * sizes.filters + filter];
    }
    if comptime!(relu) {
        // NaN stays NaN.
        output[ABSOLUTE_POS] = if sum < 0.0 { 0.0f32 } else { sum };
    } else {
        output[ABSOLUTE_POS] = sum;
    }
}

/// The gradients of input, kernel and bias, from input, kernel, output and the output's gradient.
fn backward(inputs: [CubeTensor; 4], relu: bool) -> [CubeTensor; 3] {
    let [input, kernel, output, gradient] = inputs;
    let [input, kernel, gradient] = [input, kernel, gradient].map(contiguous);
    let output = if relu { contiguous(output) } else { gradient.clone() };
    let ([batch, time, d_input], [window, _, filters]) = (input.shape().dims(), kernel.shape().dims());
    let steps = time + 1 - window;

    let sums = empty(&gradient, [batch * steps, filters]);
    let laid_out = empty(&gradient, [batch * time, window * filters]);
    let count = batch * time * window * filters;
    let (groups, dim) = Adapter::of(&gradient).elementwise(count);
    lay_out::launch(
        &gradient.client,
        groups,
        dim,
        gradient.clone().into_buffer_arg(),
        output.into_buffer_arg(),
        sums.clone().into_buffer_arg(),
        laid_out.clone().into_buffer_arg(),
        SizesLaunch::new(count, time, steps, filters, window),
        relu,
    );
    let lines = reshaped(&input, [batch * time, d_input]);
    // [d_input, window, filters]
    let of_kernel = product(CubeBackend::float_swap_dims(lines, 0, 1), laid_out.clone(), [d_input, window * filters]);
    let of_kernel = CubeBackend::float_swap_dims(reshaped(&of_kernel, [d_input, window, filters]), 0, 1);
    let by_place = reshaped(&contiguous(CubeBackend::float_swap_dims(kernel, 1, 2)), [window * filters, d_input]);
    let of_input = reshaped(&product(laid_out, by_place, [batch * time, d_input]), [batch, time, d_input]);
    let of_bias = CubeBackend::float_sum_dim(sums, 0);
    [of_input, contiguous(of_kernel), CubeBackend::float_reshape(of_bias, Shape::new([filters]))]
}

/// Writes the gradient before relu, `[batch * steps, filters]`, and the gradients that each input step meets at each
/// position of the window, `[batch * time, window * filters]`.
#[cube(launch)]
fn lay_out(
    gradient: &[f32],
    output: &[f32],
    sums: &mut [f32],
    laid_out: &mut [f32],
    sizes: &Sizes,
    #[comptime] relu: bool,
) {
    if ABSOLUTE_POS >= sizes.count {
        terminate!();
    }
    let filter = ABSOLUTE_POS % sizes.filters;
    let place = ABSOLUTE_POS / sizes.filters % sizes.window;
    let line = ABSOLUTE_POS / sizes.filters / sizes.window;
    let step = line % sizes.time;
    let mut value = 0.0f32;
    if step >= place && step - place < sizes.steps {
        let at = (line / sizes.time * sizes.steps + step - place) * sizes.filters + filter;
        value = gradient[at];
        if comptime!(relu) && output[at] <= 0.0 {
            value = 0.0;
        }
        if place == 0 {
            sums[at] = value;
        }
    }
    laid_out[ABSOLUTE_POS] = value;
}
