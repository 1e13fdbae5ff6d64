//! A recurrent layer as an operation of a backend, and its record for autodiff.

use std::fmt::Debug;

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, ExtensionType, TensorMetadata, backend_extension};

use super::options::{RecurrentOptions, Sizes};
use crate::backend::autodiff::record;

/// The tensors of a recurrent layer.
#[derive(Clone, Debug, ExtensionType)]
pub(crate) struct RecurrentInputs<B: Backend> {
    /// `[batch, time, d_input]`
    pub(super) input: FloatTensor<B>,
    /// `[directions, d_input, gates * d_hidden]`
    pub(super) kernel: FloatTensor<B>,
    /// `[directions, d_hidden, gates * d_hidden]`
    pub(super) recurrent_kernel: FloatTensor<B>,
    /// `[directions, biases, gates * d_hidden]`
    pub(super) bias: FloatTensor<B>,
    /// `[states, directions, batch, d_hidden]`
    pub(super) initial: FloatTensor<B>,
}

impl<B: Backend> RecurrentInputs<B> {
    /// The same tensors, each mapped by `act`.
    pub(super) fn map<T: Backend>(self, act: impl Fn(FloatTensor<B>) -> FloatTensor<T>) -> RecurrentInputs<T> {
        RecurrentInputs::of(self.list().map(act))
    }

    pub(super) fn of([input, kernel, recurrent_kernel, bias, initial]: [FloatTensor<B>; 5]) -> Self {
        Self { input, kernel, recurrent_kernel, bias, initial }
    }

    pub(super) fn list(self) -> [FloatTensor<B>; 5] {
        let Self { input, kernel, recurrent_kernel, bias, initial } = self;
        [input, kernel, recurrent_kernel, bias, initial]
    }

    /// The sizes of the layer.
    pub(super) fn sizes(&self) -> Sizes {
        let [batch, time, d_input] = self.input.shape().dims();
        Sizes { batch, time, d_input, d_hidden: self.recurrent_kernel.shape()[1] }
    }
}

/// The record of a forward pass.
pub(super) type Recorded<B> = (RecurrentInputs<B>, RecurrentOptions, <B as RecurrentKernels>::Kept);

/// The kernels of a backend.
pub(crate) trait RecurrentKernels: Backend {
    /// What a recurrent layer keeps for its backward pass.
    type Kept: Clone + Debug + Send + 'static;

    /// A recurrent layer for prediction, which keeps nothing.
    ///
    /// # Shapes
    ///
    /// - inputs: see [`RecurrentInputs`]
    /// - output: `[batch, time + final states, directions * d_hidden]`, as far as wanted
    fn predict(inputs: RecurrentInputs<Self>, options: &RecurrentOptions) -> FloatTensor<Self>;

    /// A recurrent layer for training: the output of [`RecurrentKernels::predict`], and what the backward pass needs.
    fn train(inputs: RecurrentInputs<Self>, options: &RecurrentOptions) -> (FloatTensor<Self>, Self::Kept);

    /// The gradients of input (unless `wants_input` is false), kernel, recurrent kernel, bias and initial states, in
    /// their shapes.
    ///
    /// # Shapes
    ///
    /// - gradient: as the output of [`RecurrentKernels::predict`]
    fn backward(
        recorded: Recorded<Self>,
        gradient: FloatTensor<Self>,
        wants_input: bool,
    ) -> [Option<FloatTensor<Self>>; 5];

    /// Concatenates two tensors of the same shape along the first dimension.
    ///
    /// # Shapes
    ///
    /// - first and second: `[directions, rows, columns]`
    /// - output: `[2 * directions, rows, columns]`
    fn join(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::float_cat(vec![first, second], 0)
    }

    /// The two tensors that [`RecurrentKernels::join`] joined.
    fn halves(tensor: FloatTensor<Self>) -> [FloatTensor<Self>; 2] {
        let half = tensor.shape()[0] / 2;
        [0, half].map(|from| Self::float_slice(tensor.clone(), &[(from..from + half).into()]))
    }
}

/// A backend's operations, differentiable under autodiff.
#[backend_extension(
    Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")), Autodiff
)]
pub(crate) trait RecurrentOps: Backend {
    /// See [`crate::recurrent`].
    fn recurrent(#[extension_type] inputs: RecurrentInputs<Self>, options: RecurrentOptions) -> FloatTensor<Self>;

    /// See [`RecurrentKernels::join`].
    fn joined(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl<B: RecurrentKernels> RecurrentOps for B {
    fn recurrent(inputs: RecurrentInputs<Self>, options: RecurrentOptions) -> FloatTensor<Self> {
        B::predict(inputs, &options)
    }

    fn joined(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self> {
        B::join(first, second)
    }
}

impl<B: RecurrentKernels, C: CheckpointStrategy> RecurrentOps for Autodiff<B, C> {
    fn recurrent(inputs: RecurrentInputs<Self>, options: RecurrentOptions) -> FloatTensor<Self> {
        let inputs = inputs.list();
        let nodes = inputs.each_ref().map(|tensor| tensor.node());
        let inputs = RecurrentInputs::of(inputs.map(|tensor| tensor.into_primitive()));
        let forward = |is_recorded: bool| {
            if !is_recorded {
                return (B::predict(inputs, &options), None);
            }
            let (output, kept) = B::train(inputs.clone(), &options);
            (output, Some((inputs, options, kept)))
        };
        record::<B, C, Recorded<B>, 5>(nodes, forward, |recorded, gradient, [wants_input, ..]| {
            B::backward(recorded, gradient, wants_input)
        })
    }

    fn joined(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [first.node(), second.node()];
        let forward = |_| (B::join(first.into_primitive(), second.into_primitive()), Some(()));
        record::<B, C, (), 2>(nodes, forward, |(), gradient, _| B::halves(gradient).map(Some))
    }
}
