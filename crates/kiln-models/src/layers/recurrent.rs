//! What recurrent layers share: directions, valid spans and states.
//!
//! The cells' parameters are in `simple_rnn`, `lstm` and `gru`; `kiln-kernels` computes the cells.

pub(crate) mod stack;

use burn::module::{Module, ModuleDisplay, Param, ParamId};
use burn::tensor::{Device, Tensor};
use kiln_kernels::{CellKind, Direction, Directions, RandomKey, RecurrentOptions, RecurrentWeights, Wanted, recurrent};

use crate::error::{Result, at_least_one};
use crate::forward::layer_tape::{list, parameters};
use crate::forward::spans::Spans;
use crate::weights::initializer::Initializer;

/// What a recurrent layer carries from step to step.
#[derive(Clone, Debug)]
pub struct RecurrentState {
    /// `[batch, d_hidden]`
    pub hidden: Tensor<2>,
    /// An LSTM's cell, `[batch, d_hidden]`; `None` in the other layers.
    pub cell: Option<Tensor<2>>,
}

impl RecurrentState {
    /// `[states, 1, batch, d_hidden]`. If an LSTM's cell is missing, it is zeros.
    fn stacked(self, cell: CellKind) -> Tensor<4> {
        let [batch, units] = self.hidden.dims();
        let mut states = vec![self.hidden];
        if cell.states() == 2 {
            let zeros = states[0].zeros_like();
            states.push(self.cell.unwrap_or(zeros));
        }
        let count = states.len();
        Tensor::<2>::stack::<3>(states, 0).reshape([count, 1, batch, units])
    }
}

/// The kernels of a cell with `gates` gates: Glorot uniform and orthogonal, each over its whole width. `options` names
/// the two sizes for errors.
pub(crate) fn kernels(
    options: [&'static str; 2],
    [d_input, d_hidden]: [usize; 2],
    gates: usize,
    device: &Device,
    key: RandomKey,
) -> Result<[Param<Tensor<2>>; 2]> {
    at_least_one(options[0], d_input)?;
    at_least_one(options[1], d_hidden)?;
    let width = gates.saturating_mul(d_hidden);
    let glorot = Initializer::GlorotUniform { fan_in: d_input, fan_out: width };
    Ok([
        glorot.param([d_input, width], key.child("kernel"), device),
        Initializer::Orthogonal.param([d_hidden, width], key.child("recurrent_kernel"), device),
    ])
}

/// A cell's parameters for one direction.
macro_rules! one_direction {
    () => {
        fn weights(&self) -> RecurrentWeights {
            RecurrentWeights {
                kernel: self.kernel.val().unsqueeze(),
                recurrent_kernel: self.recurrent_kernel.val().unsqueeze(),
                bias: self.bias.val().unsqueeze(),
            }
        }
    };
}
pub(crate) use one_direction;

/// A recurrent layer: a cell applied over time.
///
/// # Padding
///
/// With `spans`, padded steps leave the state unchanged and output zeros, at either end and in both directions, as in
/// PyTorch's packed sequences; a row of length 0 ends in the initial state. Without `spans`, every step is valid.
pub trait Recurrent: Module + ModuleDisplay {
    /// The kind of the cell.
    fn cell(&self) -> CellKind;

    /// The parameters, as one direction.
    fn weights(&self) -> RecurrentWeights;

    /// Width of the state.
    fn d_hidden(&self) -> usize;

    /// The zero state.
    fn zero_state(&self, batch: usize, device: &Device) -> RecurrentState {
        let zeros = Tensor::zeros([batch, self.d_hidden()], device);
        let cell = (self.cell().states() == 2).then(|| zeros.clone());
        RecurrentState { hidden: zeros, cell }
    }

    /// The outputs of all steps and the final state.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, time, d_input]`
    /// - output: `[batch, time, d_hidden]`, states `[batch, d_hidden]`
    fn forward(
        &self,
        input: Tensor<3>,
        spans: Option<&Spans>,
        direction: Direction,
        initial: Option<RecurrentState>,
    ) -> (Tensor<3>, RecurrentState) {
        self.forward_with(self.weights(), input, spans, direction, initial)
    }

    /// [`forward`](Self::forward) with `weights` in place of the layer's parameters.
    #[doc(hidden)]
    fn forward_with(
        &self,
        weights: RecurrentWeights,
        input: Tensor<3>,
        spans: Option<&Spans>,
        direction: Direction,
        initial: Option<RecurrentState>,
    ) -> (Tensor<3>, RecurrentState) {
        let [_, steps, _] = input.dims();
        let wanted = Wanted { sequence: true, ..self.states_wanted() };
        let output = self.run(weights, input, spans, direction, initial, wanted);
        (output.clone().narrow(1, 0, steps), self.states_of(output, steps))
    }

    /// Only the outputs of all steps.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, time, d_input]`
    /// - output: `[batch, time, d_hidden]`
    fn forward_sequence(&self, input: Tensor<3>, spans: Option<&Spans>, direction: Direction) -> Tensor<3> {
        self.run(self.weights(), input, spans, direction, None, Wanted::SEQUENCE)
    }

    /// Only the final state, without keeping the outputs.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, time, d_input]`
    /// - states: `[batch, d_hidden]`
    fn forward_last(
        &self,
        input: Tensor<3>,
        spans: Option<&Spans>,
        direction: Direction,
        initial: Option<RecurrentState>,
    ) -> RecurrentState {
        let output = self.run(self.weights(), input, spans, direction, initial, self.states_wanted());
        self.states_of(output, 0)
    }

    /// The final states that the cell has.
    #[doc(hidden)]
    fn states_wanted(&self) -> Wanted {
        Wanted { sequence: false, hidden: true, cell: self.cell().states() == 2 }
    }

    /// The final states, which follow the outputs of `steps` steps.
    #[doc(hidden)]
    fn states_of(&self, output: Tensor<3>, steps: usize) -> RecurrentState {
        let [batch, rows, units] = output.dims();
        let state = |row: usize| output.clone().narrow(1, row, 1).reshape([batch, units]);
        RecurrentState { hidden: state(steps), cell: (rows > steps + 1).then(|| state(steps + 1)) }
    }

    #[doc(hidden)]
    fn run(
        &self,
        weights: RecurrentWeights,
        input: Tensor<3>,
        spans: Option<&Spans>,
        direction: Direction,
        initial: Option<RecurrentState>,
        wanted: Wanted,
    ) -> Tensor<3> {
        let directions = match direction {
            Direction::Forward => Directions::Forward,
            Direction::Reverse => Directions::Reverse,
        };
        let initial = initial.map(|state| state.stacked(self.cell()));
        let options = RecurrentOptions { cell: self.cell(), directions, spans: spans.map(Spans::shared), wanted };
        walk(input, weights, initial, options, || (name(self.cell()).to_owned(), parameters(self)))
    }
}

/// Runs the layer over the steps and lists it with the type and the parameters that `layer` returns.
fn walk(
    input: Tensor<3>,
    weights: RecurrentWeights,
    initial: Option<Tensor<4>>,
    options: RecurrentOptions,
    layer: impl FnOnce() -> (String, Vec<ParamId>),
) -> Tensor<3> {
    let ([batch, steps, _], is_sequence) = (input.dims(), options.wanted.sequence);
    let output = recurrent(input, weights, initial, options);
    let [_, _, width] = output.dims();
    let shape: &[usize] = if is_sequence { &[batch, steps, width] } else { &[batch, width] };
    list(None, shape, layer);
    output
}

/// The layer's name in Keras.
fn name(cell: CellKind) -> &'static str {
    match cell {
        CellKind::SimpleRnn { .. } => "SimpleRNN",
        CellKind::Lstm => "LSTM",
        CellKind::Gru { .. } => "GRU",
    }
}

/// Two layers of one kind, forward and reverse, in one call.
pub(crate) fn both<L: Recurrent>(
    forward: &L,
    backward: &L,
    input: Tensor<3>,
    spans: Option<&Spans>,
    wanted: Wanted,
) -> Tensor<3> {
    let options = RecurrentOptions {
        cell: forward.cell(),
        directions: Directions::Both,
        spans: spans.map(Spans::shared),
        wanted,
    };
    walk(input, RecurrentWeights::both(forward.weights(), backward.weights()), None, options, || {
        (format!("Bidirectional {}", name(forward.cell())), [forward, backward].map(parameters).concat())
    })
}

/// The final states of two layers of one kind, concatenated.
pub(crate) fn both_last<L: Recurrent>(forward: &L, backward: &L, input: Tensor<3>, spans: Option<&Spans>) -> Tensor<2> {
    let states = both(forward, backward, input, spans, Wanted::HIDDEN);
    let [batch, _, width] = states.dims();
    states.reshape([batch, width])
}
