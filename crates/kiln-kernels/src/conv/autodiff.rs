//! The convolution as an operation of a backend, and its record for autodiff.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, ExtensionType, backend_extension};

use crate::backend::autodiff::record;

/// The tensors of a convolution.
#[derive(Clone, Debug, ExtensionType)]
pub(crate) struct ConvInputs<B: Backend> {
    /// `[batch, time, d_input]`
    pub(super) input: FloatTensor<B>,
    /// `[window, d_input, filters]`
    pub(super) kernel: FloatTensor<B>,
    /// `[filters]`
    pub(super) bias: FloatTensor<B>,
}

/// The record of a forward pass: input, kernel, and with relu the output.
pub(super) type Recorded<B> = (FloatTensor<B>, FloatTensor<B>, Option<FloatTensor<B>>);

/// The kernels of a backend.
pub(crate) trait ConvKernels: Backend {
    /// Convolution of stride 1 without padding.
    ///
    /// # Shapes
    ///
    /// - inputs: see [`ConvInputs`]
    /// - output: `[batch, time - window + 1, filters]`
    fn forward(inputs: ConvInputs<Self>, relu: bool) -> FloatTensor<Self>;

    /// The gradients of input, kernel and bias, in their shapes.
    ///
    /// # Shapes
    ///
    /// - gradient: `[batch, time - window + 1, filters]`
    fn backward(recorded: Recorded<Self>, gradient: FloatTensor<Self>) -> [FloatTensor<Self>; 3];
}

/// A backend's convolution, differentiable under autodiff.
#[backend_extension(
    Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")), Autodiff
)]
pub(crate) trait ConvOps: Backend {
    /// See [`crate::conv1d`].
    fn conv1d(#[extension_type] inputs: ConvInputs<Self>, relu: bool) -> FloatTensor<Self>;
}

impl<B: ConvKernels> ConvOps for B {
    fn conv1d(inputs: ConvInputs<Self>, relu: bool) -> FloatTensor<Self> {
        B::forward(inputs, relu)
    }
}

impl<B: ConvKernels, C: CheckpointStrategy> ConvOps for Autodiff<B, C> {
    fn conv1d(inputs: ConvInputs<Self>, relu: bool) -> FloatTensor<Self> {
        let ConvInputs { input, kernel, bias } = inputs;
        let nodes = [input.node(), kernel.node(), bias.node()];
        let [input, kernel, bias] = [input, kernel, bias].map(|tensor| tensor.into_primitive());
        let inputs = ConvInputs { input: input.clone(), kernel: kernel.clone(), bias };
        let forward = |_| {
            let output = B::forward(inputs, relu);
            let of_relu = relu.then(|| output.clone());
            (output, Some((input, kernel, of_relu)))
        };
        record::<B, C, Recorded<B>, 3>(nodes, forward, |recorded, gradient, _| {
            B::backward(recorded, gradient).map(Some)
        })
    }
}
