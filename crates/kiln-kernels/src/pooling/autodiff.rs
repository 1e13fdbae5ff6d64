//! Max pooling as an operation of a backend, and what autodiff records of it.

use std::fmt::Debug;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, TensorMetadata, backend_extension};

use crate::backend::autodiff::{derive, recorded};

/// The kernels of a backend.
pub(crate) trait PoolKernels: Backend {
    /// Where in its window each pooled value came from.
    type Places: Clone + Debug + Send + 'static;

    /// The largest values and their places.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, time, d_input]`
    /// - output: `[batch, time / pool, d_input]`, rounded down
    fn forward(input: FloatTensor<Self>, pool: usize) -> (FloatTensor<Self>, Self::Places);

    /// The gradient of an input of `time` steps.
    ///
    /// # Shapes
    ///
    /// - gradient: `[batch, time / pool, d_input]`, rounded down
    /// - output: `[batch, time, d_input]`
    fn backward(gradient: FloatTensor<Self>, places: Self::Places, time: usize, pool: usize) -> FloatTensor<Self>;
}

/// Max pooling of a backend, differentiable under autodiff.
#[backend_extension(
    Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")), Autodiff
)]
pub(crate) trait PoolOps: Backend {
    /// See [`crate::max_pool1d`].
    fn max_pool1d(input: FloatTensor<Self>, pool: usize) -> FloatTensor<Self>;
}

impl<B: PoolKernels> PoolOps for B {
    fn max_pool1d(input: FloatTensor<Self>, pool: usize) -> FloatTensor<Self> {
        B::forward(input, pool).0
    }
}

#[derive(Debug)]
struct PoolBackward;

impl<B: PoolKernels> Backward<B, 1> for PoolBackward {
    type State = (B::Places, usize, usize);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        derive::<B, _, 1>(ops, grads, |(places, time, pool), gradient, _| {
            [Some(B::backward(gradient, places, time, pool))]
        });
    }
}

impl<B: PoolKernels, C: CheckpointStrategy> PoolOps for Autodiff<B, C> {
    fn max_pool1d(input: FloatTensor<Self>, pool: usize) -> FloatTensor<Self> {
        let (nodes, time) = ([input.node()], input.shape()[1]);
        let (output, places) = B::forward(input.into_primitive(), pool);
        recorded::<B, C, _, 1>(PoolBackward, nodes, (places, time, pool), output)
    }
}
