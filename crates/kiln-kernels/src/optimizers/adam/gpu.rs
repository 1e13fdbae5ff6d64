//! Adam's step, one unit per number.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Cube, TensorMetadata};
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::AdamStep;
use super::autodiff::{AdamOps, Moments};
use crate::backend::gpu::adapter::Adapter;
use crate::backend::gpu::on_tensors::{OnTensors, Output};
use crate::backend::gpu::tensors::{contiguous, owned};

impl AdamOps for Cube {
    fn adam(moments: Moments<Self>, gradient: FloatTensor<Self>, scale: f32, step: AdamStep) -> Moments<Self> {
        let Moments { value, mean, square } = moments;
        let outputs = [(); 3].map(|()| Output::floats(value.shape()));
        let inputs = [value, mean, square, gradient];
        let [value, mean, square] =
            Self::on_tensors("kiln_adam", inputs, outputs, move |inputs| update(inputs, scale, step));
        Moments { value, mean, square }
    }
}

/// One step of Adam, in place if nothing else holds the tensors.
fn update([value, mean, square, gradient]: [CubeTensor; 4], scale: f32, step: AdamStep) -> [CubeTensor; 3] {
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
            scale,
            step.beta_1 as f32,
            (1.0 - step.beta_1) as f32,
            step.beta_2 as f32,
            (1.0 - step.beta_2) as f32,
            step.epsilon as f32,
            step.rate as f32,
        );
    }
    [value, mean, square]
}

#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn step_of_adam(
    value: &mut [f32],
    mean: &mut [f32],
    square: &mut [f32],
    gradient: &[f32],
    count: usize,
    scale: f32,
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
    let gradient = gradient[at] * scale;
    let new_mean = mean[at] * beta_1 + gradient * rest_1;
    let new_square = square[at] * beta_2 + gradient * gradient * rest_2;
    mean[at] = new_mean;
    square[at] = new_square;
    value[at] -= rate * new_mean / (new_square.sqrt() + epsilon);
}
