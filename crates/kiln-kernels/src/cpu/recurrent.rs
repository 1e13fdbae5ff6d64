//! A recurrent layer over a whole batch of sequences, in one call.
//!
//! A task is a direction and a tile of the batch's rows. It goes through time in chunks: the
//! inputs' products of a chunk at once, then its steps one by one, each a product with the packed
//! recurrent kernel whose result stays in registers for the gates' arithmetic. Backward the same
//! in reverse order, and the products for the weights once a chunk. Nothing is allocated on the
//! way.

mod backward;
mod forward;

use std::ops::Range;

use super::cells::{GruBeforeCell, GruCell, LstmCell, SimpleCell};
use super::lanes::lanes;
use super::product::{Packed, tiles};
use super::shared::Scratch;
use crate::activation::Activation;
use crate::recurrent::{CellKind, Direction, RecurrentOptions};
use crate::span::Span;

/// Rows times steps of a chunk: few enough for its gates to stay in the cache of one core.
const CHUNK: usize = 128;

/// The sizes of a call.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) batch: usize,
    pub(crate) time: usize,
    pub(crate) d_input: usize,
    pub(crate) d_hidden: usize,
}

/// Weights and initial states, all contiguous.
#[derive(Clone, Copy)]
pub(crate) struct Weights<'a> {
    /// `[directions, d_input, gates * d_hidden]`
    pub(crate) kernel: &'a [f32],
    /// `[directions, d_hidden, gates * d_hidden]`
    pub(crate) recurrent_kernel: &'a [f32],
    /// `[directions, biases, gates * d_hidden]`
    pub(crate) bias: &'a [f32],
    /// `[states, directions, batch, d_hidden]`
    pub(crate) initial: &'a [f32],
}

/// What a forward pass leaves for the backward pass.
#[derive(Debug)]
pub struct Kept {
    /// `[directions, time + 1, batch, padded]`, in the order of the walk.
    hidden: Scratch,
    /// `[directions, time + 1, blocks, batch, lanes]` of cells that carry a second state.
    cell: Scratch,
    /// `[directions, time, blocks, batch, kept vectors, lanes]`
    gates: Scratch,
}

/// The gradients of a call.
pub(crate) struct InputGradients {
    pub(crate) input: Vec<f32>,
    pub(crate) kernel: Vec<f32>,
    pub(crate) recurrent_kernel: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    pub(crate) initial: Vec<f32>,
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

    /// Floats of block `block` that are units and no padding.
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

    /// The rows of each task of a direction.
    fn row_tiles(&self) -> Vec<Range<usize>> {
        let tasks = rayon::current_num_threads().div_ceil(self.directions.len());
        let tasks = tasks.clamp(1, self.sizes.batch.max(1));
        let tiles = tiles(0..self.sizes.batch, self.sizes.batch.div_ceil(tasks).max(1));
        tiles.filter(|rows| !rows.is_empty()).collect()
    }

    fn tasks(&self) -> Vec<(usize, Range<usize>)> {
        let tiles = self.row_tiles();
        (0..self.directions.len()).flat_map(|d| tiles.iter().cloned().map(move |rows| (d, rows))).collect()
    }

    /// The panels of a matrix `[inner, gates * d_hidden]`: one a block, its gates side by side.
    fn pack_gates(&self, matrix: &[f32], inner: usize) -> Packed {
        let (gates, units) = (self.gates, self.sizes.d_hidden);
        Packed::new(inner, self.blocks, gates, self.lanes, |k, block, row| {
            let count = self.units(block);
            for (gate, vector) in row.chunks_exact_mut(self.lanes).enumerate() {
                let from = k * gates * units + gate * units + block * self.lanes;
                vector[..count].copy_from_slice(&matrix[from..from + count]);
            }
        })
    }

    /// The panels of the transpose of `[columns, gates * d_hidden]`, its inner dimension in the
    /// order of the blocks.
    fn pack_transposed(&self, matrix: &[f32], columns: usize) -> Packed {
        let (gates, units) = (self.gates, self.sizes.d_hidden);
        Packed::by_value(self.blocks * gates * self.lanes, columns, self.lanes, |k, column| {
            let (block, gate, lane) = (k / (gates * self.lanes), k / self.lanes % gates, k % self.lanes);
            let unit = block * self.lanes + lane;
            if unit < units { matrix[column * gates * units + gate * units + unit] } else { 0.0 }
        })
    }

    /// Steps of a chunk for a tile of `rows`.
    fn chunk(&self, rows: usize) -> usize {
        (CHUNK / rows.max(1)).clamp(1, self.sizes.time.max(1))
    }
}

/// The outputs, and with `training` what the backward pass needs.
pub(crate) fn forward(
    options: &RecurrentOptions,
    sizes: Sizes,
    input: &[f32],
    weights: &Weights<'_>,
    training: bool,
) -> (Vec<f32>, Option<Kept>) {
    match options.cell {
        CellKind::Lstm => forward::forward_cell(LstmCell, options, sizes, input, weights, training),
        CellKind::Gru { reset_after: true } => forward::forward_cell(GruCell, options, sizes, input, weights, training),
        CellKind::Gru { reset_after: false } => {
            forward::forward_cell(GruBeforeCell, options, sizes, input, weights, training)
        }
        CellKind::SimpleRnn { activation } => forward::forward_cell(
            SimpleCell { relu: activation == Activation::Relu },
            options,
            sizes,
            input,
            weights,
            training,
        ),
    }
}

/// The gradients of input, weights and initial states. `gradient` is that of the output; `kept` is
/// what the forward pass left. The input's gradient is empty unless `wants_input`.
pub(crate) fn backward(
    options: &RecurrentOptions,
    sizes: Sizes,
    input: &[f32],
    weights: &Weights<'_>,
    kept: &Kept,
    gradient: &[f32],
    wants_input: bool,
) -> InputGradients {
    match options.cell {
        CellKind::Lstm => {
            backward::backward_cell(LstmCell, options, sizes, input, weights, kept, gradient, wants_input)
        }
        CellKind::Gru { reset_after: true } => {
            backward::backward_cell(GruCell, options, sizes, input, weights, kept, gradient, wants_input)
        }
        CellKind::Gru { reset_after: false } => {
            backward::backward_cell(GruBeforeCell, options, sizes, input, weights, kept, gradient, wants_input)
        }
        CellKind::SimpleRnn { activation } => backward::backward_cell(
            SimpleCell { relu: activation == Activation::Relu },
            options,
            sizes,
            input,
            weights,
            kept,
            gradient,
            wants_input,
        ),
    }
}
