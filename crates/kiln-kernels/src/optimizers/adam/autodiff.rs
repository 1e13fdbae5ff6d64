//! Adam's step as an operation of a backend, never recorded by autodiff.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend, ExtensionType, backend_extension};

use super::AdamStep;

/// A parameter and its moments, all of the same shape.
#[derive(Clone, Debug, ExtensionType)]
pub(crate) struct Moments<B: Backend> {
    pub(crate) value: FloatTensor<B>,
    pub(crate) mean: FloatTensor<B>,
    pub(crate) square: FloatTensor<B>,
}

/// A backend's step of Adam.
#[backend_extension(
    Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")), Autodiff
)]
pub(crate) trait AdamOps: Backend {
    /// Value and moments after one step, in place if nothing else holds them. The gradient has the same shape and is
    /// multiplied by `scale` first.
    fn adam(
        #[extension_type] moments: Moments<Self>,
        gradient: FloatTensor<Self>,
        scale: f32,
        step: AdamStep,
    ) -> Moments<Self>;
}

impl<B: AdamOps, C: CheckpointStrategy> AdamOps for Autodiff<B, C> {
    fn adam(moments: Moments<Self>, gradient: FloatTensor<Self>, scale: f32, step: AdamStep) -> Moments<Self> {
        let Moments { value, mean, square } = moments;
        let [value, mean, square] = [value, mean, square].map(|tensor| tensor.into_primitive());
        let moments = Moments { value, mean, square };
        let Moments { value, mean, square } = B::adam(moments, gradient.into_primitive(), scale, step);
        let [value, mean, square] = [value, mean, square].map(Self::from_inner);
        Moments { value, mean, square }
    }
}
