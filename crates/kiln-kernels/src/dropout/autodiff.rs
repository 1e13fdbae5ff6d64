//! Dropout as an operation of a backend, and its record for autodiff.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, backend_extension};

use crate::backend::autodiff::record;
use crate::random::RandomKey;

/// A backend's dropout.
#[backend_extension(
    Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")), Autodiff
)]
pub(crate) trait DropoutOps: Backend {
    /// Multiplies by the mask of `key`, in any shape; this is its own backward pass.
    fn dropout(input: FloatTensor<Self>, key: RandomKey, rate: f64) -> FloatTensor<Self>;
}

impl<B: DropoutOps, C: CheckpointStrategy> DropoutOps for Autodiff<B, C> {
    fn dropout(input: FloatTensor<Self>, key: RandomKey, rate: f64) -> FloatTensor<Self> {
        let nodes = [input.node()];
        let forward = |_| (B::dropout(input.into_primitive(), key, rate), Some((key, rate)));
        record::<B, C, _, 1>(nodes, forward, |(key, rate), gradient, _| [Some(B::dropout(gradient, key, rate))])
    }
}
