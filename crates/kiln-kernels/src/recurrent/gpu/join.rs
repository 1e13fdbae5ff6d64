//! Joins the weights of two directions in one tensor, and halves its gradient.

use burn::backend::TensorMetadata;
use burn::backend::ops::FloatTensorOps;
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use crate::backend::gpu::adapter::Adapter;
use crate::backend::gpu::tensors::{ALIGNED, contiguous, empty, part};

/// Two tensors of the same shape, one after the other.
pub(super) fn join(tensors: [CubeTensor; 2]) -> CubeTensor {
    let [first, second] = tensors.map(contiguous);
    let shape = first.shape();
    let joined = empty(&first, [2 * shape[0], shape[1], shape[2]]);
    let count = shape.num_elements();
    if count > 0 {
        let (groups, dim) = Adapter::of(&first).elementwise(2 * count);
        put_after::launch(
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
fn put_after(first: &[f32], second: &[f32], joined: &mut [f32], count: usize) {
    if ABSOLUTE_POS >= 2 * count {
        terminate!();
    }
    joined[ABSOLUTE_POS] = if ABSOLUTE_POS < count { first[ABSOLUTE_POS] } else { second[ABSOLUTE_POS - count] };
}

/// The two halves of a tensor: in place, if the second half is aligned.
pub(super) fn halves(tensor: CubeTensor) -> [CubeTensor; 2] {
    let tensor = contiguous(tensor);
    let shape = tensor.shape();
    let half = [shape[0] / 2, shape[1], shape[2]];
    let count: usize = half.iter().product();
    if count.is_multiple_of(ALIGNED) {
        return [0, count].map(|from| part(&tensor, from, half));
    }
    [0, half[0]].map(|from| CubeBackend::float_slice(tensor.clone(), &[(from..from + half[0]).into()]))
}
