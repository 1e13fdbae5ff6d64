//! The convolution as an operation of a backend, and what autodiff records of it.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, ExtensionType, backend_extension};

use crate::backend::autodiff::derive;

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

/// The kernels of a backend.
pub(crate) trait ConvKernels: Backend {
    /// Convolution of stride 1 without padding.
    ///
    /// # Shapes
    ///
    /// - inputs: see [`ConvInputs`]
    /// - output: `[batch, time - window + 1, filters]`
    fn forward(inputs: ConvInputs<Self>, relu: bool) -> FloatTensor<Self>;

    /// The gradients of input, kernel and bias, each shaped like what it is of; `output` is the forward
    /// pass's where relu acts.
    ///
    /// # Shapes
    ///
    /// - output and gradient: `[batch, time - window + 1, filters]`
    fn backward(
        input: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        output: Option<FloatTensor<Self>>,
        gradient: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 3];
}

/// The convolution of a backend, differentiable under autodiff.
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

#[derive(Debug)]
struct ConvBackward;

impl<B: ConvKernels> Backward<B, 3> for ConvBackward {
    type State = (FloatTensor<B>, FloatTensor<B>, Option<FloatTensor<B>>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        derive::<B, _, 3>(ops, grads, |(input, kernel, output), gradient, _| {
            B::backward(input, kernel, output, gradient).map(Some)
        });
    }
}

impl<B: ConvKernels, C: CheckpointStrategy> ConvOps for Autodiff<B, C> {
    fn conv1d(inputs: ConvInputs<Self>, relu: bool) -> FloatTensor<Self> {
        let ConvInputs { input, kernel, bias } = inputs;
        let nodes = [input.node(), kernel.node(), bias.node()];
        let [input, kernel, bias] = [input, kernel, bias].map(|tensor| tensor.into_primitive());
        let inputs = ConvInputs { input: input.clone(), kernel: kernel.clone(), bias };
        match ConvBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let output = B::forward(inputs, relu);
                prep.finish((input, kernel, relu.then(|| output.clone())), output)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::forward(inputs, relu)),
        }
    }
}
