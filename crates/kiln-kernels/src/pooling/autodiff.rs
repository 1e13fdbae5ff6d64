//! Max pooling as an operation of a backend, and its record for autodiff.

use std::fmt::Debug;

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, TensorMetadata, backend_extension};

use crate::backend::autodiff::record;

/// The kernels of a backend.
pub(crate) trait PoolKernels: Backend {
    /// The position in its window of each pooled value.
    type Places: Clone + Debug + Send + 'static;

    /// The largest values and their positions.
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

/// A backend's max pooling, differentiable under autodiff.
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

impl<B: PoolKernels, C: CheckpointStrategy> PoolOps for Autodiff<B, C> {
    fn max_pool1d(input: FloatTensor<Self>, pool: usize) -> FloatTensor<Self> {
        let (nodes, time) = ([input.node()], input.shape()[1]);
        let forward = |_| {
            let (output, places) = B::forward(input.into_primitive(), pool);
            (output, Some((places, time, pool)))
        };
        record::<B, C, (B::Places, usize, usize), 1>(nodes, forward, |(places, time, pool), gradient, _| {
            [Some(B::backward(gradient, places, time, pool))]
        })
    }
}
