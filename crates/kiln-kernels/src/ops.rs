//! The operations as a Burn backend extension: routing to a backend's kernels, and what autodiff
//! records.

use std::fmt::Debug;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, AutodiffBackend, Backend, TensorMetadata, backend_extension};

use crate::adam::AdamStep;
use crate::random::RandomKey;
use crate::recurrent::RecurrentOptions;

/// The tensors of a recurrent layer.
#[derive(Clone, Debug)]
pub struct RecurrentInputs<B: Backend> {
    /// `[batch, time, d_input]`
    pub input: FloatTensor<B>,
    /// `[directions, d_input, gates * d_hidden]`
    pub kernel: FloatTensor<B>,
    /// `[directions, d_hidden, gates * d_hidden]`
    pub recurrent_kernel: FloatTensor<B>,
    /// `[directions, biases, gates * d_hidden]`
    pub bias: FloatTensor<B>,
    /// `[states, directions, batch, d_hidden]`
    pub initial: FloatTensor<B>,
}

/// The kernels of one backend, forward and backward. The functions of this crate check shapes and
/// types before they call these.
pub trait FusedKernels: Backend {
    /// What a recurrent layer keeps for its backward pass.
    type Kept: Clone + Debug + Send + 'static;
    /// Where in its window each pooled value came from.
    type Places: Clone + Debug + Send + 'static;

    /// A recurrent layer for prediction, which keeps nothing.
    ///
    /// # Shapes
    ///
    /// - inputs: see [`RecurrentInputs`]
    /// - output: `[batch, time + final states, directions * d_hidden]`, as far as wanted
    fn recurrent_predict(inputs: RecurrentInputs<Self>, options: &RecurrentOptions) -> FloatTensor<Self>;

    /// A recurrent layer for training: the output of [`FusedKernels::recurrent_predict`], and what the
    /// backward pass needs.
    fn recurrent_train(inputs: RecurrentInputs<Self>, options: &RecurrentOptions) -> (FloatTensor<Self>, Self::Kept);

    /// The gradients of input (unless `wants_input` is false), kernel, recurrent kernel, bias and
    /// initial states, each shaped like what it is of.
    ///
    /// # Shapes
    ///
    /// - gradient: as the output of [`FusedKernels::recurrent_predict`]
    fn recurrent_backward(
        inputs: RecurrentInputs<Self>,
        options: &RecurrentOptions,
        kept: Self::Kept,
        gradient: FloatTensor<Self>,
        wants_input: bool,
    ) -> [Option<FloatTensor<Self>>; 5];

    /// Two tensors of one shape, the second behind the first along the first dimension.
    ///
    /// # Shapes
    ///
    /// - first and second: `[directions, rows, columns]`
    /// - output: `[2 * directions, rows, columns]`
    fn join(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::float_cat(vec![first, second], 0)
    }

    /// What [`FusedKernels::join`] joined.
    fn halves(tensor: FloatTensor<Self>) -> [FloatTensor<Self>; 2] {
        let half = tensor.shape()[0] / 2;
        [0, half].map(|from| Self::float_slice(tensor.clone(), &[(from..from + half).into()]))
    }

    /// Convolution of stride 1 without padding.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, time, d_input]`
    /// - kernel: `[window, d_input, filters]`
    /// - bias: `[filters]`
    /// - output: `[batch, time - window + 1, filters]`
    fn conv1d_forward(
        input: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self>;

    /// The gradients of input, kernel and bias, each shaped like what it is of; `output` is the forward
    /// pass's where relu acts.
    ///
    /// # Shapes
    ///
    /// - output and gradient: `[batch, time - window + 1, filters]`
    fn conv1d_backward(
        input: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        output: Option<FloatTensor<Self>>,
        gradient: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 3];

    /// Times the mask of `key`, whatever the shape; its own backward pass.
    fn dropout_apply(input: FloatTensor<Self>, key: RandomKey, rate: f64) -> FloatTensor<Self>;

    /// Rows of a table.
    ///
    /// # Shapes
    ///
    /// - table: `[vocab, d_embedding]`
    /// - ids: `[batch, time]`
    /// - output: `[batch, time, d_embedding]`
    fn table_rows(table: FloatTensor<Self>, ids: IntTensor<Self>) -> FloatTensor<Self>;

    /// The gradient of a table of `vocab` rows.
    ///
    /// # Shapes
    ///
    /// - gradient: `[batch, time, d_embedding]`
    /// - output: `[vocab, d_embedding]`
    fn rows_gradient(gradient: FloatTensor<Self>, ids: IntTensor<Self>, vocab: usize) -> FloatTensor<Self>;

    /// The table with other rows, in place where nothing else holds it.
    ///
    /// # Shapes
    ///
    /// - table: `[vocab, width]`
    /// - ids: `[1, rows]`, all different
    /// - rows: `[rows, width]`
    fn table_put(table: FloatTensor<Self>, ids: IntTensor<Self>, rows: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Max pooling over time.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, time, d_input]`
    /// - output: `[batch, time / pool, d_input]`, rounded down
    fn max_pool1d_forward(input: FloatTensor<Self>, pool: usize) -> (FloatTensor<Self>, Self::Places);

    /// The gradient of an input of `time` steps.
    ///
    /// # Shapes
    ///
    /// - gradient: `[batch, time / pool, d_input]`, rounded down
    /// - output: `[batch, time, d_input]`
    fn max_pool1d_backward(
        gradient: FloatTensor<Self>,
        places: Self::Places,
        time: usize,
        pool: usize,
    ) -> FloatTensor<Self>;

    /// Value, mean and square behind one step of Adam, in place where nothing else holds them; all of
    /// one shape.
    fn adam_update(
        value: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        square: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// The fused operations, differentiable under autodiff.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")),
    Autodiff
)]
pub trait FusedOps: Backend {
    /// See [`crate::recurrent`].
    fn recurrent(
        input: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        recurrent_kernel: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        options: RecurrentOptions,
    ) -> FloatTensor<Self>;

    /// Two tensors of one shape, the second behind the first along the first dimension.
    fn joined(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self>;

    /// See [`crate::conv1d`].
    fn conv1d(
        input: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self>;

    /// See [`crate::dropout`].
    fn dropout(input: FloatTensor<Self>, key: RandomKey, rate: f64) -> FloatTensor<Self>;

    /// See [`crate::embedding`].
    fn embedding(table: FloatTensor<Self>, ids: IntTensor<Self>) -> FloatTensor<Self>;

    /// See [`crate::row_gradient`]. Never recorded by autodiff.
    fn table_gradient(gradient: FloatTensor<Self>, ids: IntTensor<Self>, vocab: usize) -> FloatTensor<Self>;

    /// See [`crate::put_rows`]. Never recorded by autodiff.
    fn put_rows(table: FloatTensor<Self>, ids: IntTensor<Self>, rows: FloatTensor<Self>) -> FloatTensor<Self>;

    /// See [`crate::max_pool1d`].
    fn max_pool1d(input: FloatTensor<Self>, pool: usize) -> FloatTensor<Self>;

    /// See [`crate::adam_step`]. Never recorded by autodiff.
    fn adam(
        value: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        square: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// A backend with kernels runs them.
macro_rules! fused_by_kernels {
    ($backend:ty) => {
        impl FusedOps for $backend {
            fn recurrent(
                input: FloatTensor<Self>,
                kernel: FloatTensor<Self>,
                recurrent_kernel: FloatTensor<Self>,
                bias: FloatTensor<Self>,
                initial: FloatTensor<Self>,
                options: RecurrentOptions,
            ) -> FloatTensor<Self> {
                let inputs = RecurrentInputs { input, kernel, recurrent_kernel, bias, initial };
                Self::recurrent_predict(inputs, &options)
            }

            fn joined(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self> {
                Self::join(first, second)
            }

            fn conv1d(
                input: FloatTensor<Self>,
                kernel: FloatTensor<Self>,
                bias: FloatTensor<Self>,
                relu: bool,
            ) -> FloatTensor<Self> {
                Self::conv1d_forward(input, kernel, bias, relu)
            }

            fn dropout(input: FloatTensor<Self>, key: RandomKey, rate: f64) -> FloatTensor<Self> {
                Self::dropout_apply(input, key, rate)
            }

            fn embedding(table: FloatTensor<Self>, ids: IntTensor<Self>) -> FloatTensor<Self> {
                Self::table_rows(table, ids)
            }

            fn table_gradient(gradient: FloatTensor<Self>, ids: IntTensor<Self>, vocab: usize) -> FloatTensor<Self> {
                Self::rows_gradient(gradient, ids, vocab)
            }

            fn put_rows(table: FloatTensor<Self>, ids: IntTensor<Self>, rows: FloatTensor<Self>) -> FloatTensor<Self> {
                Self::table_put(table, ids, rows)
            }

            fn max_pool1d(input: FloatTensor<Self>, pool: usize) -> FloatTensor<Self> {
                Self::max_pool1d_forward(input, pool).0
            }

            fn adam(
                value: FloatTensor<Self>,
                mean: FloatTensor<Self>,
                square: FloatTensor<Self>,
                gradient: FloatTensor<Self>,
                step: AdamStep,
            ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
                Self::adam_update(value, mean, square, gradient, step)
            }
        }
    };
}

#[cfg(feature = "flex")]
fused_by_kernels!(burn::backend::Flex);
#[cfg(feature = "ndarray")]
fused_by_kernels!(burn::backend::NdArray);
#[cfg(any(feature = "wgpu", feature = "cuda"))]
fused_by_kernels!(burn::backend::Cube);

/// Hands a gradient to a parent that wants one.
macro_rules! register {
    ($backend:ty, $grads:expr, $parents:expr, $gradients:expr) => {
        for (parent, gradient) in $parents.into_iter().zip($gradients) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                $grads.register::<$backend>(parent.id, gradient);
            }
        }
    };
}

#[derive(Debug)]
struct RecurrentBackward;

impl<B: FusedKernels> Backward<B, 5> for RecurrentBackward {
    type State = (RecurrentInputs<B>, RecurrentOptions, B::Kept);

    fn backward(self, ops: Ops<Self::State, 5>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let (inputs, options, kept) = ops.state;
        let wants_input = ops.parents[0].is_some();
        let gradients = B::recurrent_backward(inputs, &options, kept, gradient, wants_input);
        register!(B, grads, ops.parents, gradients);
    }
}

#[derive(Debug)]
struct JoinBackward;

impl<B: FusedKernels> Backward<B, 2> for JoinBackward {
    type State = ();

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        register!(B, grads, ops.parents, B::halves(gradient).map(Some));
    }
}

#[derive(Debug)]
struct ConvBackward;

impl<B: FusedKernels> Backward<B, 3> for ConvBackward {
    type State = (FloatTensor<B>, FloatTensor<B>, Option<FloatTensor<B>>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let (input, kernel, output) = ops.state;
        let gradients = B::conv1d_backward(input, kernel, output, gradient).map(Some);
        register!(B, grads, ops.parents, gradients);
    }
}

#[derive(Debug)]
struct DropoutBackward;

impl<B: FusedKernels> Backward<B, 1> for DropoutBackward {
    type State = (RandomKey, f64);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let (key, rate) = ops.state;
        register!(B, grads, ops.parents, [Some(B::dropout_apply(gradient, key, rate))]);
    }
}

#[derive(Debug)]
struct EmbeddingBackward;

impl<B: FusedKernels> Backward<B, 1> for EmbeddingBackward {
    type State = (IntTensor<B>, usize);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let (ids, vocab) = ops.state;
        register!(B, grads, ops.parents, [Some(B::rows_gradient(gradient, ids, vocab))]);
    }
}

#[derive(Debug)]
struct PoolBackward;

impl<B: FusedKernels> Backward<B, 1> for PoolBackward {
    type State = (B::Places, usize, usize);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let (places, time, pool) = ops.state;
        register!(B, grads, ops.parents, [Some(B::max_pool1d_backward(gradient, places, time, pool))]);
    }
}

impl<B: FusedKernels, C: CheckpointStrategy> FusedOps for Autodiff<B, C> {
    fn recurrent(
        input: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        recurrent_kernel: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        options: RecurrentOptions,
    ) -> FloatTensor<Self> {
        let nodes = [input.node(), kernel.node(), recurrent_kernel.node(), bias.node(), initial.node()];
        let inputs = RecurrentInputs {
            input: input.into_primitive(),
            kernel: kernel.into_primitive(),
            recurrent_kernel: recurrent_kernel.into_primitive(),
            bias: bias.into_primitive(),
            initial: initial.into_primitive(),
        };
        match RecurrentBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (output, kept) = B::recurrent_train(inputs.clone(), &options);
                prep.finish((inputs, options, kept), output)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::recurrent_predict(inputs, &options)),
        }
    }

    fn joined(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [first.node(), second.node()];
        let output = B::join(first.into_primitive(), second.into_primitive());
        match JoinBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn conv1d(
        input: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self> {
        let nodes = [input.node(), kernel.node(), bias.node()];
        let (input, kernel, bias) = (input.into_primitive(), kernel.into_primitive(), bias.into_primitive());
        match ConvBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let output = B::conv1d_forward(input.clone(), kernel.clone(), bias, relu);
                prep.finish((input, kernel, relu.then(|| output.clone())), output)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::conv1d_forward(input, kernel, bias, relu)),
        }
    }

    fn dropout(input: FloatTensor<Self>, key: RandomKey, rate: f64) -> FloatTensor<Self> {
        let nodes = [input.node()];
        let output = B::dropout_apply(input.into_primitive(), key, rate);
        match DropoutBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((key, rate), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn embedding(table: FloatTensor<Self>, ids: IntTensor<Self>) -> FloatTensor<Self> {
        let nodes = [table.node()];
        let vocab = table.shape()[0];
        let output = B::table_rows(table.into_primitive(), ids.clone());
        match EmbeddingBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((ids, vocab), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn table_gradient(gradient: FloatTensor<Self>, ids: IntTensor<Self>, vocab: usize) -> FloatTensor<Self> {
        Self::from_inner(B::rows_gradient(gradient.into_primitive(), ids, vocab))
    }

    fn put_rows(table: FloatTensor<Self>, ids: IntTensor<Self>, rows: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::from_inner(B::table_put(table.into_primitive(), ids, rows.into_primitive()))
    }

    fn max_pool1d(input: FloatTensor<Self>, pool: usize) -> FloatTensor<Self> {
        let nodes = [input.node()];
        let time = input.shape()[1];
        let (output, places) = B::max_pool1d_forward(input.into_primitive(), pool);
        match PoolBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((places, time, pool), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn adam(
        value: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        square: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let (value, mean, square) = B::adam_update(
            value.into_primitive(),
            mean.into_primitive(),
            square.into_primitive(),
            gradient.into_primitive(),
            step,
        );
        (Self::from_inner(value), Self::from_inner(mean), Self::from_inner(square))
    }
}
