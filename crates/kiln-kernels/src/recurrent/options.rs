//! The options of a recurrent layer (cell, directions, wanted outputs), and its sizes.

use std::sync::Arc;

use crate::backend::activation::Activation;
use kiln_base::Span;

/// The order in which a layer walks over time. Outputs stay at their steps in either order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// From the first step to the last.
    #[default]
    Forward,
    /// From the last step to the first.
    Reverse,
}

/// The directions of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Directions {
    /// One direction.
    #[default]
    Forward,
    /// One direction, from the last step to the first.
    Reverse,
    /// Both, outputs concatenated.
    Both,
}

impl Directions {
    /// The directions, in the order of their weights and outputs.
    #[must_use]
    pub fn walks(self) -> &'static [Direction] {
        match self {
            Self::Forward => &[Direction::Forward],
            Self::Reverse => &[Direction::Reverse],
            Self::Both => &[Direction::Forward, Direction::Reverse],
        }
    }
}

/// The cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CellKind {
    /// One gate.
    SimpleRnn {
        /// The activation of the state. Only tanh and relu are fused.
        activation: Activation,
    },
    /// Gates i, f, g, o.
    Lstm,
    /// Gates z, r, h.
    Gru {
        /// Whether the reset gate acts after the recurrent product.
        reset_after: bool,
    },
}

impl CellKind {
    /// The number of gates.
    #[must_use]
    pub fn gates(self) -> usize {
        match self {
            Self::SimpleRnn { .. } => 1,
            Self::Lstm => 4,
            Self::Gru { .. } => 3,
        }
    }

    /// The number of rows of the bias.
    #[must_use]
    pub fn biases(self) -> usize {
        if self == (Self::Gru { reset_after: true }) { 2 } else { 1 }
    }

    /// The number of states carried.
    #[must_use]
    pub fn states(self) -> usize {
        if self == Self::Lstm { 2 } else { 1 }
    }
}

/// Which outputs are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The outputs of all steps.
    pub sequence: bool,
    /// The final hidden state.
    pub hidden: bool,
    /// The final cell state of an LSTM.
    pub cell: bool,
}

impl Wanted {
    /// Only the outputs of all steps.
    pub const SEQUENCE: Self = Self { sequence: true, hidden: false, cell: false };
    /// Only the final hidden state.
    pub const HIDDEN: Self = Self { sequence: false, hidden: true, cell: false };
}

/// A recurrent layer's options.
#[derive(Clone, Debug)]
pub struct RecurrentOptions {
    /// The cell.
    pub cell: CellKind,
    /// The directions.
    pub directions: Directions,
    /// The valid span of each row; without spans, every step is valid.
    pub spans: Option<Arc<[Span]>>,
    /// The wanted outputs.
    pub wanted: Wanted,
}

impl RecurrentOptions {
    /// Whether there are kernels for the cell.
    pub(super) fn cell_is_fused(&self) -> bool {
        match self.cell {
            CellKind::SimpleRnn { activation } => matches!(activation, Activation::Tanh | Activation::Relu),
            CellKind::Lstm | CellKind::Gru { .. } => true,
        }
    }

    /// Rows of the output per sequence.
    pub fn out_rows(&self, time: usize) -> usize {
        let Wanted { sequence, hidden, cell } = self.wanted;
        let steps = if sequence { time } else { 0 };
        steps + usize::from(hidden) + usize::from(cell)
    }
}

/// The sizes of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) batch: usize,
    pub(super) time: usize,
    pub(super) d_input: usize,
    pub(super) d_hidden: usize,
}
