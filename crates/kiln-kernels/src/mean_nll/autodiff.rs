//! The mean negative log-likelihood as an operation of a backend, and what autodiff records of it.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, AutodiffBackend, Backend, ExtensionType, TensorMetadata, backend_extension};
use burn::tensor::Shape;

use super::KernelLayout;
use crate::backend::autodiff::record;

/// The tensors of a call.
#[derive(Clone, Debug, ExtensionType)]
pub(crate) struct NllInputs<B: Backend> {
    /// `[rows, d_input]`
    pub(super) input: FloatTensor<B>,
    /// `[d_input, classes]` or `[classes, d_input]`
    pub(super) kernel: FloatTensor<B>,
    /// `[classes]`
    pub(super) bias: FloatTensor<B>,
}

/// What a call returns.
#[derive(Clone, Debug, ExtensionType)]
pub(crate) struct Nll<B: Backend> {
    /// `[1]`
    pub(super) mean: FloatTensor<B>,
    /// `[rows, 1]`
    pub(super) log_probs: FloatTensor<B>,
}

/// What is computed from the scores.
pub(crate) struct OfScores<B: Backend> {
    /// `[rows, 1]`
    pub(super) log_probs: FloatTensor<B>,
    /// The gradients of the negative mean by scores `[rows, classes]` and bias `[classes]`, where they are wanted.
    pub(super) gradients: Option<[FloatTensor<B>; 2]>,
}

/// The kernels of a backend.
pub(crate) trait NllKernels: Backend {
    /// Log-probabilities and gradients from the scores without bias, `[rows, classes]`, in their place where nothing else
    /// holds them.
    fn of_scores(
        scores: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        classes: IntTensor<Self>,
        wants_gradients: bool,
    ) -> OfScores<Self>;

    /// `gradient` times the one number of `by`, in place where nothing else holds it.
    fn times(gradient: FloatTensor<Self>, by: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// The mean negative log-likelihood of a backend, differentiable under autodiff.
#[backend_extension(
    Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")), Autodiff
)]
pub(crate) trait NllOps: Backend {
    /// See [`crate::mean_nll`].
    fn mean_nll(#[extension_type] inputs: NllInputs<Self>, classes: IntTensor<Self>, layout: KernelLayout)
    -> Nll<Self>;
}

/// Scores, and what is computed from them.
fn scored<B: NllKernels>(
    inputs: NllInputs<B>,
    classes: IntTensor<B>,
    layout: KernelLayout,
    wants_gradients: bool,
) -> OfScores<B> {
    let NllInputs { input, kernel, bias } = inputs;
    let kernel = match layout {
        KernelLayout::InputByClass => kernel,
        KernelLayout::ClassByInput => B::float_transpose(kernel),
    };
    B::of_scores(B::float_matmul(input, kernel), bias, classes, wants_gradients)
}

fn mean<B: Backend>(log_probs: FloatTensor<B>) -> FloatTensor<B> {
    B::float_reshape(B::float_neg(B::float_mean(log_probs)), Shape::new([1]))
}

impl<B: NllKernels> NllOps for B {
    fn mean_nll(inputs: NllInputs<Self>, classes: IntTensor<Self>, layout: KernelLayout) -> Nll<Self> {
        let log_probs = scored(inputs, classes, layout, false).log_probs;
        Nll { mean: mean::<B>(log_probs.clone()), log_probs }
    }
}

impl<B: NllKernels, C: CheckpointStrategy> NllOps for Autodiff<B, C> {
    fn mean_nll(inputs: NllInputs<Self>, classes: IntTensor<Self>, layout: KernelLayout) -> Nll<Self> {
        let NllInputs { input, kernel, bias } = inputs;
        let nodes = [input.node(), kernel.node(), bias.node()];
        let [input, kernel, bias] = [input, kernel, bias].map(|tensor| tensor.into_primitive());
        let mut log_probs = None;
        let forward = |tracked: bool| {
            let inputs = NllInputs { input: input.clone(), kernel: kernel.clone(), bias };
            let scored = scored::<B>(inputs, classes, layout, tracked);
            log_probs = Some(scored.log_probs.clone());
            let gradients = scored.gradients.map(|[by_scores, by_bias]| {
                let by_kernel = match layout {
                    KernelLayout::InputByClass => B::float_matmul(B::float_transpose(input), by_scores.clone()),
                    KernelLayout::ClassByInput => B::float_matmul(B::float_transpose(by_scores.clone()), input),
                };
                let kernel = match layout {
                    KernelLayout::InputByClass => B::float_transpose(kernel),
                    KernelLayout::ClassByInput => kernel,
                };
                [B::float_matmul(by_scores, kernel), by_kernel, by_bias]
            });
            (mean::<B>(scored.log_probs), gradients)
        };
        let mean = record::<B, C, [FloatTensor<B>; 3], 3>(nodes, forward, |gradients, by, _| {
            debug_assert_eq!(by.shape().num_elements(), 1);
            gradients.map(|gradient| Some(B::times(gradient, by.clone())))
        });
        let log_probs = log_probs.expect("a forward pass has computed them");
        Nll { mean, log_probs: Self::from_inner(log_probs) }
    }
}
