//! What a recurrent layer is: its cell, its directions, which outputs are wanted, and its sizes.

use std::sync::Arc;

use crate::activation::Activation;
use kiln_base::Span;

/// The order in which a layer walks over time. Outputs stay at their steps in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// From the first step to the last.
    #[default]
    Forward,
    /// From the last step to the first.
    Reverse,
}

/// The directions that one call walks in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Directions {
    /// One direction.
    #[default]
    Forward,
    /// One direction, from the last step to the first.
    Reverse,
    /// Both, outputs side by side.
    Both,
}

impl Directions {
    /// The walks in the order of their weights and outputs.
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
        /// The function of the state. Only tanh and relu are fused.
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
    /// How many gates.
    #[must_use]
    pub fn gates(self) -> usize {
        match self {
            Self::SimpleRnn { .. } => 1,
            Self::Lstm => 4,
            Self::Gru { .. } => 3,
        }
    }

    /// How many rows the bias has.
    #[must_use]
    pub fn biases(self) -> usize {
        if self == (Self::Gru { reset_after: true }) { 2 } else { 1 }
    }

    /// How many states are carried.
    #[must_use]
    pub fn states(self) -> usize {
        if self == Self::Lstm { 2 } else { 1 }
    }
}

/// Which outputs are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The output of every step.
    pub sequence: bool,
    /// The final hidden state.
    pub hidden: bool,
    /// The final cell state of an LSTM.
    pub cell: bool,
}

impl Wanted {
    /// Only the output of every step.
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
    /// The valid span of each row; without them every step is valid.
    pub spans: Option<Arc<[Span]>>,
    /// The outputs.
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

    /// Rows of a sequence in the output.
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
