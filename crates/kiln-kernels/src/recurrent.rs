//! Recurrent layers over whole sequences: SimpleRNN, LSTM and GRU, one call per layer.

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

/// The weights of a recurrent layer, its directions one after another.
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
    /// Joins the weights of two directions.
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
/// The wanted outputs are concatenated along the second dimension: the outputs of all steps, then the final hidden
/// state, then the final cell state. Directions are concatenated along the last. Padded steps leave the state unchanged
/// and output zeros; a row of length 0 ends in its initial state.
///
/// # Shapes
///
/// - input: `[batch, time, d_input]`
/// - initial: `[states, directions, batch, d_hidden]`; zeros if `None`
/// - output: `[batch, time + final states, directions * d_hidden]`, as far as wanted
///
/// # Fast path
///
/// There are kernels if all tensors are 32-bit floats and the cell is an LSTM, a GRU, or a SimpleRNN with tanh or relu.
/// Anything else goes through [`reference::recurrent`](crate::reference::recurrent()), the same arithmetic in plain
/// operations. Tensors need not be contiguous. Prediction keeps nothing for a backward pass.
///
/// On the CPU backends it is a single kernel. The last bits of the gradients depend on the number of threads, but not
/// on their timing; gradients of a state below 1e-25 count as zero.
///
/// On a GPU, the inputs' part of the gates is one product, and the walk through time one launch for both directions: a
/// workgroup carries a tile of rows through all steps. The walk back is also one launch, and each weight's gradient one
/// product. Beyond 256 hidden units, a step is a product over the batch and a launch, except in a GRU that resets
/// before the product. If the adapter is too small, the reference is used, and the first time the limit is logged as a
/// warning:
/// - the memory of a workgroup is too small: per hidden unit, a row takes up to 10 numbers in an LSTM, 8 in a GRU and 3
///   in a SimpleRNN;
/// - an intermediate tensor, up to `[directions, batch, time, 6 * d_hidden]`, does not fit one buffer of the device, or
///   32 bits cannot count twice its numbers;
/// - a kernel can have fewer than 7 tensors, or a launch fewer workgroups than there are tiles of rows;
/// - the adapter is a software one that ends a unit's loops after 65,535 iterations, and a step has more.
///
/// Cards with matrix units may compute products with shorter numbers (TF32 on NVIDIA), which changes results by about a
/// thousandth. Burn's `autotune` chooses products by timing, so that two runs may differ in their last bits.
///
/// # Panics
///
/// If a shape does not match the others, a span is not within the sequence, or the tensors are on different devices;
/// the message says what was expected and what was found.
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

/// Whether there is a kernel for a layer of these sizes.
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
    assert_eq!(directions, walks, "weights of {walks} directions are needed, found {directions}");
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
        "the final cell state is wanted, but {cell:?} has no cell state"
    );
    assert_same_device("kernel", &weights.kernel.device(), &input.device());
    assert_same_device("recurrent kernel", &weights.recurrent_kernel.device(), &input.device());
    assert_same_device("bias", &weights.bias.device(), &input.device());
    if let Some(spans) = &options.spans {
        assert_eq!(spans.len(), batch, "a batch of {batch} rows needs {batch} spans, found {}", spans.len());
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
