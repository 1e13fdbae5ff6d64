//! What all recurrent layers share: the walk over time, valid spans, directions and states.
//!
//! The cells themselves are in `simple_rnn`, `lstm` and `gru`; this walk in plain Burn operations
//! is also what fused kernels are to be held against.

use burn::module::{Module, ModuleDisplay};
use burn::tensor::{Bool, Device, Tensor};

use crate::spans::Spans;

/// The order in which a layer walks over time. Outputs stay at their steps in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// From the first step to the last.
    #[default]
    Forward,
    /// From the last step to the first.
    Reverse,
}

/// What a recurrent layer carries from step to step.
#[derive(Clone, Debug)]
pub struct RecurrentState {
    /// `[batch, d_hidden]`
    pub hidden: Tensor<2>,
    /// An LSTM's cell, `[batch, d_hidden]`; `None` in the other layers.
    pub cell: Option<Tensor<2>>,
}

impl RecurrentState {
    /// `before` where a row is `padded`, else `self`. What a padded step computed is not even looked
    /// at, so that it may be infinite or NaN.
    fn unless_padded(self, before: Self, padded: &Tensor<2, Bool>) -> Self {
        let choose = |new: Tensor<2>, old: Tensor<2>| new.mask_where(padded.clone(), old);
        Self {
            hidden: choose(self.hidden, before.hidden),
            cell: self.cell.zip(before.cell).map(|(new, old)| choose(new, old)),
        }
    }
}

/// Which outputs of a recurrent layer are wanted: Keras's `return_sequences`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sequence {
    /// The output of every step.
    #[default]
    Full,
    /// The state behind the last step alone.
    Last,
}

/// A recurrent layer: a cell that is walked over time.
///
/// # Padding
///
/// With `spans`, a padded step carries the state through and its output is zero, whichever end it
/// lies at and in both directions, as in PyTorch's packed sequences; a row of length 0 ends in the
/// initial state. Without `spans` every step is valid.
pub trait Recurrent: Module + ModuleDisplay {
    /// Width of the state.
    fn d_hidden(&self) -> usize;

    /// Zeros.
    fn zero_state(&self, batch: usize, device: &Device) -> RecurrentState {
        RecurrentState { hidden: Tensor::zeros([batch, self.d_hidden()], device), cell: None }
    }

    /// The inputs' part of every gate.
    ///
    /// # Shapes
    ///
    /// - input: `[rows, d_input]`
    /// - output: `[rows, gates * d_hidden]`
    fn project(&self, input: Tensor<2>) -> Tensor<2>;

    /// One step from `state`, where `projected`, `[batch, gates * d_hidden]`, is the inputs' part.
    fn step(&self, projected: Tensor<2>, state: RecurrentState) -> RecurrentState;

    /// The output of every step and the final state.
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
        let (outputs, state) = walk(self, input, spans, direction, initial, Sequence::Full);
        (Tensor::stack(outputs, 1), state)
    }

    /// The final state alone, which keeps no output on the way.
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
        walk(self, input, spans, direction, initial, Sequence::Last).1
    }
}

fn walk<L: Recurrent>(
    layer: &L,
    input: Tensor<3>,
    spans: Option<&Spans>,
    direction: Direction,
    initial: Option<RecurrentState>,
    wanted: Sequence,
) -> (Vec<Tensor<2>>, RecurrentState) {
    let [batch, steps, d_input] = input.dims();
    let device = input.device();
    if let Some(spans) = spans {
        assert_eq!(
            spans.rows().len(),
            batch,
            "a batch of {batch} rows needs as many spans, but was given {}",
            spans.rows().len()
        );
    }
    let by_time = input.swap_dims(0, 1).reshape([steps * batch, d_input]);
    let projected = layer.project(by_time);
    let [_, width] = projected.dims();
    let projected = split_time(projected.reshape([steps, batch, width]));
    let padding = spans.map(|spans| spans.padding(steps, &device));

    let mut state = initial.unwrap_or_else(|| layer.zero_state(batch, &device));
    let mut outputs: Vec<Option<Tensor<2>>> = vec![None; steps];
    let mut projected: Vec<_> = projected.into_iter().map(Some).collect();
    for place in 0..steps {
        let time = match direction {
            Direction::Forward => place,
            Direction::Reverse => steps - 1 - place,
        };
        let valid = spans.map_or(batch, |spans| spans.valid_at(time));
        let taken = projected[time].take();
        let output = if valid == 0 {
            Tensor::zeros([batch, layer.d_hidden()], &device)
        } else if let (Some(padding), true) = (&padding, valid < batch) {
            let padded = padding.clone().narrow(0, time, 1).reshape([batch, 1]);
            let padded = padded.expand([batch, layer.d_hidden()]);
            let next = layer.step(taken.expect("each step is walked once"), state.clone());
            state = next.unless_padded(state, &padded);
            state.hidden.clone().mask_fill(padded, 0.0)
        } else {
            state = layer.step(taken.expect("each step is walked once"), state);
            state.hidden.clone()
        };
        if wanted == Sequence::Full {
            outputs[time] = Some(output);
        }
    }
    (outputs.into_iter().flatten().collect(), state)
}

/// The steps of `[time, batch, width]`, each `[batch, width]`.
///
/// Halving again and again keeps the backward pass at O(time * log time): the gradient of one
/// slice fills a tensor of its whole parent, so slicing step by step would cost O(time^2).
fn split_time(tensor: Tensor<3>) -> Vec<Tensor<2>> {
    let [steps, batch, width] = tensor.dims();
    match steps {
        0 => Vec::new(),
        1 => vec![tensor.reshape([batch, width])],
        _ => {
            let half = steps / 2;
            let mut parts = split_time(tensor.clone().narrow(0, 0, half));
            parts.append(&mut split_time(tensor.narrow(0, half, steps - half)));
            parts
        }
    }
}

/// The columns of gate `index` of `[batch, gates * width]`.
pub(super) fn gate(gates: &Tensor<2>, index: usize, width: usize) -> Tensor<2> {
    let [batch, _] = gates.dims();
    gates.clone().slice([0..batch, index * width..(index + 1) * width])
}
