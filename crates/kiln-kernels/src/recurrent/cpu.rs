//! A recurrent layer over a whole batch of sequences, in one call.
//!
//! A task is a direction and a tile of the batch's rows. It goes through time in chunks: the
//! inputs' products of a chunk at once, then its steps one by one, each a product with the packed
//! recurrent kernel whose result stays in registers for the gates' arithmetic. Backward the same
//! in reverse order, and the products for the weights once a chunk. Nothing is allocated on the
//! way.

mod backward;
mod cells;
mod forward;
mod joint;

use std::ops::Range;
use std::sync::Arc;

use burn::backend::TensorMetadata;
use burn::backend::tensor::FloatTensor;
use rayon::prelude::*;

use self::cells::{GruBeforeCell, GruCell, LstmCell, SimpleCell};
use super::autodiff::{Recorded, RecurrentInputs, RecurrentKernels};
use super::options::{CellKind, Direction, RecurrentOptions, Sizes};
use crate::backend::activation::Activation;
use crate::backend::cpu::lanes::lanes;
use crate::backend::cpu::product::{PANEL, Packed, tiles};
use crate::backend::cpu::shared::{Scratch, assert_holds, count};
use crate::backend::cpu::slices::Slices;
use crate::backend::cpu::together::{Meeting, together};
use kiln_base::Span;

/// Rows times steps of a chunk: few enough for its gates to stay in the cache of one core.
const CHUNK: usize = 128;
/// Numbers of a recurrent kernel that no core's own cache has room for.
const WIDE: usize = 1 << 18;
/// Rows of a task up to which reading the weights takes longer than the products.
const FEW_ROWS: usize = 24;

impl<B: Slices> RecurrentKernels for B {
    type Kept = Arc<Kept>;

    fn predict(inputs: RecurrentInputs<Self>, options: &RecurrentOptions) -> FloatTensor<Self> {
        forward_on_tensors::<Self>(inputs, options, false).0
    }

    fn train(inputs: RecurrentInputs<Self>, options: &RecurrentOptions) -> (FloatTensor<Self>, Self::Kept) {
        let (output, kept) = forward_on_tensors::<Self>(inputs, options, true);
        (output, Arc::new(kept.expect("a training pass keeps its gates")))
    }

    fn backward(
        (inputs, options, kept): Recorded<Self>,
        gradient: FloatTensor<Self>,
        wants_input: bool,
    ) -> [Option<FloatTensor<Self>>; 5] {
        let (sizes, inputs, gradient) = (inputs.sizes(), inputs.map(Self::contiguous), Self::contiguous(gradient));
        let (input, weights) = (Self::numbers(&inputs.input), &Weights::of::<Self>(&inputs));
        let call = Call { options: &options, sizes, input, weights };
        let gradients = backward(call, &kept, Self::numbers(&gradient), wants_input);
        let like = |numbers: Vec<f32>, tensor: &FloatTensor<Self>| Some(Self::tensor(numbers, tensor.shape()));
        [
            if wants_input { like(gradients.input, &inputs.input) } else { None },
            like(gradients.kernel, &inputs.kernel),
            like(gradients.recurrent_kernel, &inputs.recurrent_kernel),
            like(gradients.bias, &inputs.bias),
            like(gradients.initial, &inputs.initial),
        ]
    }
}

fn forward_on_tensors<B: Slices>(
    inputs: RecurrentInputs<B>,
    options: &RecurrentOptions,
    training: bool,
) -> (FloatTensor<B>, Option<Kept>) {
    let (sizes, inputs) = (inputs.sizes(), inputs.map(B::contiguous));
    let (input, weights) = (B::numbers(&inputs.input), &Weights::of::<B>(&inputs));
    let (output, kept) = forward(Call { options, sizes, input, weights }, training);
    let width = options.directions.walks().len() * sizes.d_hidden;
    (B::tensor(output, [sizes.batch, options.out_rows(sizes.time), width]), kept)
}

/// Weights and initial states, all contiguous.
#[derive(Clone, Copy)]
struct Weights<'a> {
    /// `[directions, d_input, gates * d_hidden]`
    kernel: &'a [f32],
    /// `[directions, d_hidden, gates * d_hidden]`
    recurrent_kernel: &'a [f32],
    /// `[directions, biases, gates * d_hidden]`
    bias: &'a [f32],
    /// `[states, directions, batch, d_hidden]`
    initial: &'a [f32],
}

impl<'a> Weights<'a> {
    fn of<B: Slices>(inputs: &'a RecurrentInputs<B>) -> Self {
        Self {
            kernel: B::numbers(&inputs.kernel),
            recurrent_kernel: B::numbers(&inputs.recurrent_kernel),
            bias: B::numbers(&inputs.bias),
            initial: B::numbers(&inputs.initial),
        }
    }
}

/// What a forward pass leaves for the backward pass.
#[derive(Debug)]
pub(crate) struct Kept {
    /// `[directions, time + 1, batch, padded]`, in the order of the walk.
    hidden: Scratch,
    /// `[directions, time + 1, blocks, batch, lanes]` of cells that carry a second state.
    cell: Scratch,
    /// `[directions, time, blocks, batch, kept vectors, lanes]`
    gates: Scratch,
}

/// The gradients of a call.
struct InputGradients {
    input: Vec<f32>,
    kernel: Vec<f32>,
    recurrent_kernel: Vec<f32>,
    bias: Vec<f32>,
    initial: Vec<f32>,
}

/// Everything about a call that both passes share.
struct Plan<'a> {
    sizes: Sizes,
    directions: &'a [Direction],
    spans: Option<&'a [Span]>,
    gates: usize,
    lanes: usize,
    /// Vectors of units.
    blocks: usize,
    /// Slots of the states: every step's, or two that take turns.
    slots: usize,
    /// Rows of the output a sequence, and where the final states lie among them.
    out_rows: usize,
    sequence: bool,
    hidden_row: Option<usize>,
    cell_row: Option<usize>,
}

impl<'a> Plan<'a> {
    fn new(sizes: Sizes, options: &'a RecurrentOptions, training: bool) -> Self {
        let lanes = lanes();
        let wanted = options.wanted;
        let steps = if wanted.sequence { sizes.time } else { 0 };
        Self {
            sizes,
            directions: options.directions.walks(),
            spans: options.spans.as_deref(),
            gates: options.cell.gates(),
            lanes,
            blocks: sizes.d_hidden.div_ceil(lanes),
            slots: if training { sizes.time + 1 } else { 2 },
            out_rows: options.out_rows(sizes.time),
            sequence: wanted.sequence,
            hidden_row: wanted.hidden.then_some(steps),
            cell_row: wanted.cell.then_some(steps + usize::from(wanted.hidden)),
        }
    }

    /// # Panics
    ///
    /// If the tensors are of other sizes.
    fn check(&self, call: Call<'_>) {
        let Call { options, sizes, input, weights } = call;
        let (cell, Sizes { batch, time, d_input, d_hidden }) = (options.cell, sizes);
        let (directions, width) = (self.directions.len(), count([self.gates, d_hidden]));
        assert_holds("input", input, [batch, time, d_input]);
        assert_holds("kernel", weights.kernel, [directions, d_input, width]);
        assert_holds("recurrent kernel", weights.recurrent_kernel, [directions, d_hidden, width]);
        assert_holds("bias", weights.bias, [directions, cell.biases(), width]);
        assert_holds("initial states", weights.initial, [cell.states(), directions, batch, d_hidden]);
        let spans = self.spans.map_or(batch, <[Span]>::len);
        assert_eq!(spans, batch, "a batch of {batch} rows needs {batch} spans, found {spans}");
    }

    /// Width of the state in whole vectors.
    #[inline(always)]
    fn padded(&self) -> usize {
        self.blocks * self.lanes
    }

    /// The step that is walked in place `place`.
    #[inline(always)]
    fn time(&self, direction: usize, place: usize) -> usize {
        match self.directions[direction] {
            Direction::Forward => place,
            Direction::Reverse => self.sizes.time - 1 - place,
        }
    }

    #[inline(always)]
    fn valid(&self, row: usize, time: usize) -> bool {
        self.spans.is_none_or(|spans| spans[row].contains(time))
    }

    #[inline(always)]
    fn any_valid(&self, mut rows: Range<usize>, time: usize) -> bool {
        self.spans.is_none() || rows.any(|row| self.valid(row, time))
    }

    /// Floats of block `block` that are units, not padding.
    #[inline(always)]
    fn units(&self, block: usize) -> usize {
        self.lanes.min(self.sizes.d_hidden - block * self.lanes)
    }

    fn hidden_at(&self, direction: usize, place: usize, row: usize) -> usize {
        ((direction * self.slots + place % self.slots) * self.sizes.batch + row) * self.padded()
    }

    fn cell_at(&self, direction: usize, place: usize, block: usize, row: usize) -> usize {
        let slot = direction * self.slots + place % self.slots;
        ((slot * self.blocks + block) * self.sizes.batch + row) * self.lanes
    }

    fn gates_at(&self, keeps: usize, direction: usize, place: usize, block: usize, row: usize) -> usize {
        let step = direction * self.sizes.time + place;
        ((step * self.blocks + block) * self.sizes.batch + row) * keeps * self.lanes
    }

    /// Where row `row` of `at`, a step or a final state, lies in the output of one direction.
    fn out_at(&self, direction: usize, row: usize, at: usize) -> usize {
        ((row * self.out_rows + at) * self.directions.len() + direction) * self.sizes.d_hidden
    }

    /// The tasks of a call of so many `resets` of the state before a product: parts of the rows, or of the units.
    ///
    /// A wide layer's weights fit in no core's own cache, and every task that walks over some of the rows reads all of
    /// them in every step. If a task has few rows, the threads walk over all rows together instead, each with a part of
    /// the units, and wait for each other in every step.
    fn parts(&self, resets: bool) -> Vec<Part> {
        let (threads, batch) = (rayon::current_num_threads(), self.sizes.batch);
        let weights = count([self.sizes.d_hidden, self.gates, self.padded()]);
        let is_wide = self.directions.len() == 1
            && !resets
            && threads > 1
            // On a thread of a pool others may be at work, and there would be more threads than cores.
            && rayon::current_thread_index().is_none()
            && batch > 0
            && batch.div_ceil(threads) <= FEW_ROWS
            && weights >= WIDE;
        if is_wide {
            let members = threads.min(self.blocks);
            return (0..members).map(|member| Part { direction: 0, rows: 0..batch, member, members }).collect();
        }
        let tasks = threads.div_ceil(self.directions.len()).clamp(1, batch.max(1));
        let tiles = tiles(0..batch, batch.div_ceil(tasks).max(1)).filter(|rows| !rows.is_empty());
        let tiles: Vec<_> = tiles.collect();
        let part = |direction, rows| Part { direction, rows, member: 0, members: 1 };
        (0..self.directions.len()).flat_map(|d| tiles.iter().cloned().map(move |rows| part(d, rows))).collect()
    }

    /// The panels of a matrix `[inner, gates * d_hidden]`: one per block, its gates side by side.
    fn pack_gates(&self, matrix: &[f32], inner: usize) -> Packed {
        let (gates, units, lanes) = (self.gates, self.sizes.d_hidden, self.lanes);
        Packed::new(inner, self.blocks, gates, lanes, |block, rows| {
            let count = self.units(block);
            for (row, from) in rows.chunks_exact_mut(gates * lanes).zip(matrix.chunks_exact(gates * units)) {
                for (gate, vector) in row.chunks_exact_mut(lanes).enumerate() {
                    vector[..count].copy_from_slice(&from[gate * units + block * lanes..][..count]);
                    vector[count..].fill(0.0);
                }
            }
        })
    }

    /// The panels of the transpose of `[columns, gates * d_hidden]`, its inner dimension in the
    /// order of the blocks.
    fn pack_transposed(&self, matrix: &[f32], columns: usize) -> Packed {
        let (gates, units, lanes) = (self.gates, self.sizes.d_hidden, self.lanes);
        let width = PANEL * lanes;
        Packed::new(self.blocks * gates * lanes, columns.div_ceil(width), PANEL, lanes, |panel, rows| {
            let part = panel * width..columns.min((panel + 1) * width);
            for (at, rows) in rows.chunks_exact_mut(lanes * width).enumerate() {
                let (block, gate) = (at / gates, at % gates);
                let count = self.units(block);
                if count < lanes || part.len() < width {
                    rows.fill(0.0);
                }
                for (place, column) in part.clone().enumerate() {
                    let from = &matrix[(column * gates + gate) * units + block * lanes..][..count];
                    for (row, value) in rows.chunks_exact_mut(width).zip(from) {
                        row[place] = *value;
                    }
                }
            }
        })
    }

    /// Steps of a chunk for a tile of `rows`.
    fn chunk(&self, rows: usize) -> usize {
        (CHUNK / rows.max(1)).clamp(1, self.sizes.time.max(1))
    }
}

/// A tile of rows, a block of units, and the step in place `place` of the walk, the chunk's step `step`.
struct Tile {
    place: usize,
    step: usize,
    block: usize,
    rows: Range<usize>,
}

/// A task's part of a call: a direction's rows, and a share of their units if several tasks walk over them together.
#[derive(Clone, Debug)]
struct Part {
    direction: usize,
    rows: Range<usize>,
    member: usize,
    members: usize,
}

impl Part {
    /// Runs `act` for each part: all at the same time if they walk together, else as many as there are threads for, and at
    /// least `least` after one another on a thread.
    fn run<R: Send>(parts: &[Self], least: usize, act: impl Fn(&Self, &Meeting) -> R + Sync) -> Vec<R> {
        match parts.first() {
            Some(first) if first.members > 1 => together(parts.len(), |member, meeting| act(&parts[member], meeting)),
            _ => parts.par_iter().with_min_len(least).map(|part| act(part, &Meeting::of(1))).collect(),
        }
    }

    /// This task's share of so many blocks or panels.
    #[inline(always)]
    fn share(&self, of: usize) -> Range<usize> {
        of * self.member / self.members..of * (self.member + 1) / self.members
    }
}

/// What both passes of a call are of.
#[derive(Clone, Copy)]
struct Call<'a> {
    options: &'a RecurrentOptions,
    sizes: Sizes,
    input: &'a [f32],
    weights: &'a Weights<'a>,
}

/// Runs the expression with `$cell` as the arithmetic of the options' cell.
macro_rules! with_cell {
    ($options:expr, $cell:ident => $run:expr) => {
        match $options.cell {
            CellKind::Lstm => {
                let $cell = LstmCell;
                $run
            }
            CellKind::Gru { reset_after: true } => {
                let $cell = GruCell;
                $run
            }
            CellKind::Gru { reset_after: false } => {
                let $cell = GruBeforeCell;
                $run
            }
            CellKind::SimpleRnn { activation } => {
                let $cell = SimpleCell { relu: activation == Activation::Relu };
                $run
            }
        }
    };
}

/// The outputs, and with `training` what the backward pass needs.
fn forward(call: Call<'_>, training: bool) -> (Vec<f32>, Option<Kept>) {
    with_cell!(call.options, cell => forward::forward_cell(cell, call, training))
}

/// The gradients of input, weights and initial states. `gradient` is that of the output; `kept` is
/// what the forward pass left. The input's gradient is empty unless `wants_input`.
fn backward(call: Call<'_>, kept: &Kept, gradient: &[f32], wants_input: bool) -> InputGradients {
    with_cell!(call.options, cell => backward::backward_cell(cell, call, kept, gradient, wants_input))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recurrent::{Directions, Wanted};

    const SIZES: Sizes = Sizes { batch: 2, time: 5, d_input: 3, d_hidden: 4 };

    /// A forward pass over `input` numbers with so many numbers of bias and initial states, and the backward pass of a
    /// gradient of `gradient` numbers.
    fn run(input: usize, bias: usize, initial: usize, gradient: usize, spans: Option<usize>) {
        let options = RecurrentOptions {
            cell: CellKind::Lstm,
            directions: Directions::Both,
            spans: spans.map(|count| vec![Span::default(); count].into()),
            wanted: Wanted::SEQUENCE,
        };
        let [kernel, recurrent_kernel, bias, initial] = [96, 128, bias, initial].map(|len| vec![0.0; len]);
        let weights = Weights { kernel: &kernel, recurrent_kernel: &recurrent_kernel, bias: &bias, initial: &initial };
        let input = vec![0.0; input];
        let call = Call { options: &options, sizes: SIZES, input: &input, weights: &weights };
        let (_, kept) = forward(call, true);
        backward(call, &kept.unwrap(), &vec![0.0; gradient], true);
    }

    #[test]
    fn what_fits_is_taken() {
        run(30, 32, 32, 80, Some(2));
    }

    #[test]
    #[should_panic(expected = "the input must hold [2, 5, 3] numbers, but holds 29")]
    fn an_input_of_the_wrong_length_is_refused() {
        run(29, 32, 32, 80, None);
    }

    #[test]
    #[should_panic(expected = "the bias must hold [2, 1, 16] numbers, but holds 31")]
    fn a_bias_of_the_wrong_length_is_refused() {
        run(30, 31, 32, 80, None);
    }

    #[test]
    #[should_panic(expected = "the initial states must hold [2, 2, 2, 4] numbers, but holds 16")]
    fn initial_states_of_the_wrong_length_are_refused() {
        run(30, 32, 16, 80, None);
    }

    #[test]
    #[should_panic(expected = "the gradient must hold [2, 5, 8] numbers, but holds 79")]
    fn a_gradient_of_the_wrong_length_is_refused() {
        run(30, 32, 32, 79, None);
    }

    #[test]
    #[should_panic(expected = "a batch of 2 rows needs 2 spans, found 1")]
    fn spans_of_fewer_rows_are_refused() {
        run(30, 32, 32, 80, Some(1));
    }
}
