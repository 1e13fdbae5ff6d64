//! Gradient descent with a unit a number; the squared norm in Burn's operations.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Cube, TensorMetadata};
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::autodiff::DescentOps;
use crate::backend::gpu::adapter::Adapter;
use crate::backend::gpu::on_tensors::{OnTensors, Output, only};
use crate::backend::gpu::tensors::{contiguous, owned};

impl DescentOps for Cube {
    fn descend(value: FloatTensor<Self>, gradient: FloatTensor<Self>, rate: f32) -> FloatTensor<Self> {
        let output = Output::floats(value.shape());
        only(Self::on_tensors("kiln_sgd", [value, gradient], [output], move |inputs| [update(inputs, rate)]))
    }

    fn squared_norm(tensor: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::float_sum(Self::float_mul(tensor.clone(), tensor))
    }
}

/// One step, in place where nothing else holds the value.
fn update([value, gradient]: [CubeTensor; 2], rate: f32) -> CubeTensor {
    let (value, gradient) = (owned(value), contiguous(gradient));
    let count = gradient.shape().num_elements();
    if count > 0 {
        let (groups, dim) = Adapter::of(&gradient).elementwise(count);
        descend::launch(
            &gradient.client,
            groups,
            dim,
            value.clone().into_buffer_arg(),
            gradient.clone().into_buffer_arg(),
            count,
            rate,
        );
    }
    value
}

#[cube(launch)]
fn descend(value: &mut [f32], gradient: &[f32], count: usize, rate: f32) {
    if ABSOLUTE_POS >= count {
        terminate!();
    }
    value[ABSOLUTE_POS] -= gradient[ABSOLUTE_POS] * rate;
}
