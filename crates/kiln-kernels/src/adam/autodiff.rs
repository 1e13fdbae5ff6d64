//! Adam's step as an operation of a backend, which autodiff never records.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend, ExtensionType, backend_extension};

use super::AdamStep;

/// A parameter and its moments, all of one shape.
#[derive(Clone, Debug, ExtensionType)]
pub(crate) struct Moments<B: Backend> {
    pub(crate) value: FloatTensor<B>,
    pub(crate) mean: FloatTensor<B>,
    pub(crate) square: FloatTensor<B>,
}

/// Adam's step of a backend.
#[backend_extension(
    Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")), Autodiff
)]
pub(crate) trait AdamOps: Backend {
    /// What is there after one step, in place where nothing else holds it. The gradient is of the same shape.
    fn adam(#[extension_type] moments: Moments<Self>, gradient: FloatTensor<Self>, step: AdamStep) -> Moments<Self>;
}

impl<B: AdamOps, C: CheckpointStrategy> AdamOps for Autodiff<B, C> {
    fn adam(moments: Moments<Self>, gradient: FloatTensor<Self>, step: AdamStep) -> Moments<Self> {
        let Moments { value, mean, square } = moments;
        let [value, mean, square] = [value, mean, square].map(|tensor| tensor.into_primitive());
        let Moments { value, mean, square } = B::adam(Moments { value, mean, square }, gradient.into_primitive(), step);
        let [value, mean, square] = [value, mean, square].map(Self::from_inner);
        Moments { value, mean, square }
    }
}
