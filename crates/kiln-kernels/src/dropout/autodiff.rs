//! Dropout as an operation of a backend, and what autodiff records of it.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, backend_extension};

use crate::backend::autodiff::{derive, recorded};
use crate::random::RandomKey;

/// Dropout of a backend.
#[backend_extension(
    Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")), Autodiff
)]
pub(crate) trait DropoutOps: Backend {
    /// Times the mask of `key`, whatever the shape; its own backward pass.
    fn dropout(input: FloatTensor<Self>, key: RandomKey, rate: f64) -> FloatTensor<Self>;
}

#[derive(Debug)]
struct DropoutBackward;

impl<B: DropoutOps> Backward<B, 1> for DropoutBackward {
    type State = (RandomKey, f64);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        derive::<B, _, 1>(ops, grads, |(key, rate), gradient, _| [Some(B::dropout(gradient, key, rate))]);
    }
}

impl<B: DropoutOps, C: CheckpointStrategy> DropoutOps for Autodiff<B, C> {
    fn dropout(input: FloatTensor<Self>, key: RandomKey, rate: f64) -> FloatTensor<Self> {
        let nodes = [input.node()];
        let output = B::dropout(input.into_primitive(), key, rate);
        recorded::<B, C, _, 1>(DropoutBackward, nodes, (key, rate), output)
    }
}
