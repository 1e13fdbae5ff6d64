//! Gradient descent and the squared norm as operations of a backend, which autodiff never records.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend, backend_extension};

/// A step of gradient descent and the squared norm of a backend.
#[backend_extension(
    Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")), Autodiff
)]
pub(crate) trait DescentOps: Backend {
    /// `value - rate * gradient`, in place where nothing else holds the value. Both have the same shape.
    fn descend(value: FloatTensor<Self>, gradient: FloatTensor<Self>, rate: f32) -> FloatTensor<Self>;

    /// The sum of the squares, `[1]`.
    fn squared_norm(tensor: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl<B: DescentOps, C: CheckpointStrategy> DescentOps for Autodiff<B, C> {
    fn descend(value: FloatTensor<Self>, gradient: FloatTensor<Self>, rate: f32) -> FloatTensor<Self> {
        Self::from_inner(B::descend(value.into_primitive(), gradient.into_primitive(), rate))
    }

    fn squared_norm(tensor: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::from_inner(B::squared_norm(tensor.into_primitive()))
    }
}
