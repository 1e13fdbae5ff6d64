//! Recurrent layers over whole sequences: SimpleRNN, LSTM and GRU in one call a layer.

mod autodiff;
#[cfg_attr(not(any(feature = "flex", feature = "ndarray")), allow(dead_code))]
mod cpu;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu;
mod options;
pub(crate) mod twin;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use self::autodiff::{RecurrentInputs, RecurrentOps};
use crate::backend::choice::{Kernels, assert_same_device, is_fused};

pub use self::options::{CellKind, Direction, Directions, RecurrentOptions, Wanted};

/// The weights of a recurrent layer, those of its directions one after another.
#[derive(Clone, Debug)]
pub struct RecurrentWeights {
    /// `[directions, d_input, gates * d_hidden]`
    pub kernel: Tensor<3>,
    /// `[directions, d_hidden, gates * d_hidden]`
    pub recurrent_kernel: Tensor<3>,
    /// `[directions, biases, gates * d_hidden]`
    pub bias: Tensor<3>,
}

impl RecurrentWeights {
    /// The weights of two directions side by side.
    pub fn both(forward: Self, backward: Self) -> Self {
        let join = |forward: Tensor<3>, backward: Tensor<3>| {
            if forward.dims() != backward.dims() || Kernels::of_all(&[&forward, &backward]).is_none() {
                return Tensor::cat(vec![forward, backward], 0);
            }
            Tensor::from_dispatch(<Dispatch as RecurrentOps>::joined(forward.into_dispatch(), backward.into_dispatch()))
        };
        Self {
            kernel: join(forward.kernel, backward.kernel),
            recurrent_kernel: join(forward.recurrent_kernel, backward.recurrent_kernel),
            bias: join(forward.bias, backward.bias),
        }
    }
}

/// A recurrent layer over a batch of sequences.
///
/// What is wanted lies along the second dimension: the output of every step, then the final hidden
/// state, then the final cell state. Directions lie side by side along the last. A padded step
/// carries the state through and its output is zero; a row of length 0 ends in its initial state.
///
/// # Shapes
///
/// - input: `[batch, time, d_input]`
/// - initial: `[states, directions, batch, d_hidden]`; zeros if not given
/// - output: `[batch, time + final states, directions * d_hidden]`, as far as wanted
///
/// # Fast path
///
/// There are kernels where all tensors are 32-bit floats and the cell is an LSTM, a GRU, or a
/// SimpleRNN with tanh or relu. Anything else goes through [`reference::recurrent`](crate::reference::recurrent()), the same
/// arithmetic in plain operations. Tensors need not be contiguous. Prediction keeps nothing for a
/// backward pass.
///
/// On the CPU backends one kernel does it all. The last bits of the gradients depend on the number
/// of threads, never on their timing; gradients of a state below 1e-25 count as zero.
///
/// On a GPU the inputs' part of the gates is one product, and the walk through time one launch, both
/// directions at once: a workgroup carries a tile of rows through all steps. The walk back is one
/// launch too, and each weight's gradient a product. Beyond 256 hidden units a step is a product over
/// the batch and a launch, except in a GRU that resets before the product. Where the adapter is too
/// small for it the reference goes, and the first time the limit is logged as a warning:
/// - the memory of a workgroup is too small: a row takes up to 10 numbers a hidden unit of an LSTM, 8
///   of a GRU, 3 of a SimpleRNN;
/// - a tensor on the way, up to `[directions, batch, time, 6 * d_hidden]`, does not fit one buffer of
///   the device, or 32 bits do not count twice its numbers;
/// - a kernel may take fewer than 7 tensors, or a launch fewer workgroups than there are tiles of rows;
/// - the adapter is a software one that ends a unit's loops after 65,535 turns, and a step has more.
///
/// Products on a card with units for them may be of shorter numbers (TF32 on NVIDIA's), which changes
/// results by about a thousandth; and Burn's `autotune` chooses them by timing, so that with it two runs
/// may differ in their last bits.
///
/// # Panics
///
/// If a shape does not fit the others, a span does not lie within the sequence, or the tensors are
/// on several devices; the message says what was expected and what was given.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use kiln_kernels::{CellKind, Directions, RecurrentOptions, RecurrentWeights, Wanted, recurrent};
///
/// let device = Device::flex();
/// let weights = RecurrentWeights {
///     kernel: Tensor::zeros([1, 3, 4 * 5], &device),
///     recurrent_kernel: Tensor::zeros([1, 5, 4 * 5], &device),
///     bias: Tensor::zeros([1, 1, 4 * 5], &device),
/// };
/// let options = RecurrentOptions {
///     cell: CellKind::Lstm,
///     directions: Directions::Forward,
///     spans: None,
///     wanted: Wanted::SEQUENCE,
/// };
/// let output = recurrent(Tensor::ones([2, 7, 3], &device), weights, None, options);
/// assert_eq!(output.dims(), [2, 7, 5]);
/// # }
/// ```
pub fn recurrent(
    input: Tensor<3>,
    weights: RecurrentWeights,
    initial: Option<Tensor<4>>,
    options: RecurrentOptions,
) -> Tensor<3> {
    check(&input, &weights, initial.as_ref(), &options);
    let RecurrentWeights { kernel, recurrent_kernel, bias } = &weights;
    let fused = options.cell_is_fused()
        && Kernels::of_all(&[&input, kernel, recurrent_kernel, bias])
            .is_some_and(|kernels| fits(kernels, &input, recurrent_kernel, &options))
        && initial.as_ref().is_none_or(is_fused);
    if !fused {
        return twin::recurrent(input, weights, initial, options);
    }
    let [batch, _, _] = input.dims();
    let [directions, d_hidden, _] = recurrent_kernel.dims();
    let initial = initial.unwrap_or_else(|| {
        Tensor::zeros([options.cell.states(), directions, batch, d_hidden], (&input.device(), input.dtype()))
    });
    let RecurrentWeights { kernel, recurrent_kernel, bias } = weights;
    let [kernel, recurrent_kernel, bias] = [kernel, recurrent_kernel, bias].map(Tensor::into_dispatch);
    let inputs = [input.into_dispatch(), kernel, recurrent_kernel, bias, initial.into_dispatch()];
    let inputs = RecurrentInputs::of(inputs);
    Tensor::from_dispatch(<Dispatch as RecurrentOps>::recurrent(inputs, options))
}

/// Whether there is a kernel for a layer of such sizes.
#[cfg_attr(not(any(feature = "wgpu", feature = "cuda")), allow(unused_variables))]
fn fits(kernels: Kernels, input: &Tensor<3>, recurrent_kernel: &Tensor<3>, options: &RecurrentOptions) -> bool {
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    {
        let [batch, time, d_input] = input.dims();
        let sizes = self::options::Sizes { batch, time, d_input, d_hidden: recurrent_kernel.dims()[1] };
        kernels.fit(|adapter| gpu::is_fused(adapter, sizes, options))
    }
    #[cfg(not(any(feature = "wgpu", feature = "cuda")))]
    true
}

fn check(input: &Tensor<3>, weights: &RecurrentWeights, initial: Option<&Tensor<4>>, options: &RecurrentOptions) {
    let [batch, time, d_input] = input.dims();
    let [directions, d_hidden, _] = weights.recurrent_kernel.dims();
    let (cell, walks) = (options.cell, options.directions.walks().len());
    let width = cell.gates() * d_hidden;
    assert_eq!(directions, walks, "weights of {walks} directions are needed, but there are those of {directions}");
    let shapes = [
        ("kernel", weights.kernel.dims(), [walks, d_input, width]),
        ("recurrent kernel", weights.recurrent_kernel.dims(), [walks, d_hidden, width]),
        ("bias", weights.bias.dims(), [walks, cell.biases(), width]),
    ];
    for (what, got, expected) in shapes {
        assert_eq!(got, expected, "the {what} of {cell:?} must have shape {expected:?}, but has {got:?}");
    }
    if let Some(initial) = initial {
        let (got, expected) = (initial.dims(), [cell.states(), walks, batch, d_hidden]);
        assert_eq!(got, expected, "the initial states of {cell:?} must have shape {expected:?}, but have {got:?}");
        assert_same_device("initial states", &initial.device(), &input.device());
    }
    assert!(
        !options.wanted.cell || cell == CellKind::Lstm,
        "{cell:?} has no cell state, but its final one was asked for"
    );
    assert_same_device("kernel", &weights.kernel.device(), &input.device());
    assert_same_device("recurrent kernel", &weights.recurrent_kernel.device(), &input.device());
    assert_same_device("bias", &weights.bias.device(), &input.device());
    if let Some(spans) = &options.spans {
        assert_eq!(spans.len(), batch, "a batch of {batch} rows needs as many spans, but was given {}", spans.len());
        for (row, span) in spans.iter().enumerate() {
            assert!(
                span.len == 0 || span.start.checked_add(span.len).is_some_and(|end| end <= time),
                "the span of row {row} must lie within {time} steps, but is {} to {}",
                span.start,
                span.start.saturating_add(span.len - 1)
            );
        }
    }
}
