//! The twin of recurrent layers in plain Burn operations.

use burn::tensor::activation::{sigmoid, tanh};
use burn::tensor::{Bool, Device, Tensor, TensorData};

use super::{CellKind, Direction, RecurrentOptions, RecurrentWeights, Wanted};
use kiln_base::Span;

/// [`crate::recurrent`] step by step.
///
/// # Shapes
///
/// Those of [`crate::recurrent`], which checks them.
///
/// # Panics
///
/// If the shapes do not match.
pub fn recurrent(
    input: Tensor<3>,
    weights: RecurrentWeights,
    initial: Option<Tensor<4>>,
    options: RecurrentOptions,
) -> Tensor<3> {
    let directions = options.directions.walks().iter().enumerate().map(|(n, &direction)| {
        let walk = Walk {
            cell: options.cell,
            kernel: part(weights.kernel.clone(), n),
            recurrent_kernel: part(weights.recurrent_kernel.clone(), n),
            bias: part(weights.bias.clone(), n),
        };
        let initial = initial.as_ref().map(|states| {
            let [count, _, batch, units] = states.dims();
            let own = states.clone().narrow(1, n, 1).reshape([count, batch, units]);
            (0..count).map(|state| own.clone().narrow(0, state, 1).reshape([batch, units])).collect()
        });
        walk.run(input.clone(), initial, options.spans.as_deref(), direction, options.wanted)
    });
    Tensor::cat(directions.collect(), 2)
}

/// Matrix `index` of a stack.
fn part(stack: Tensor<3>, index: usize) -> Tensor<2> {
    let [_, rows, columns] = stack.dims();
    stack.narrow(0, index, 1).reshape([rows, columns])
}

/// One direction.
struct Walk {
    cell: CellKind,
    kernel: Tensor<2>,
    recurrent_kernel: Tensor<2>,
    bias: Tensor<2>,
}

/// The hidden state, and an LSTM's cell.
type States = Vec<Tensor<2>>;

impl Walk {
    fn run(
        &self,
        input: Tensor<3>,
        initial: Option<States>,
        spans: Option<&[Span]>,
        direction: Direction,
        wanted: Wanted,
    ) -> Tensor<3> {
        let [batch, steps, d_input] = input.dims();
        let [units, _] = self.recurrent_kernel.dims();
        let device = input.device();
        let options = (&device, input.dtype());
        let padding = spans.map(|spans| padding(spans, steps, &device));
        let mut by_time = input.swap_dims(0, 1).reshape([steps * batch, d_input]);
        if let Some(padding) = &padding {
            // Otherwise NaN under padding would reach the kernel's gradient.
            let padded = padding.clone().reshape([steps * batch, 1]).expand([steps * batch, d_input]);
            by_time = by_time.mask_fill(padded, 0.0);
        }
        let projected = by_time.matmul(self.kernel.clone()) + self.bias.clone().narrow(0, 0, 1);
        let [_, width] = projected.dims();
        let projected = split_time(projected.reshape([steps, batch, width]));

        let zeros = || Tensor::zeros([batch, units], options);
        let mut states = initial.unwrap_or_else(|| (0..self.cell.states()).map(|_| zeros()).collect());
        let mut outputs: Vec<Option<Tensor<2>>> = vec![None; steps];
        let mut projected: Vec<_> = projected.into_iter().map(Some).collect();
        for place in 0..steps {
            let time = match direction {
                Direction::Forward => place,
                Direction::Reverse => steps - 1 - place,
            };
            let valid = spans.map_or(batch, |spans| spans.iter().filter(|span| span.contains(time)).count());
            let taken = projected[time].take().expect("each step is walked once");
            let output = if valid == 0 {
                zeros()
            } else if let (Some(padding), true) = (&padding, valid < batch) {
                let padded = padding.clone().narrow(0, time, 1).reshape([batch, 1]).expand([batch, units]);
                // The result of a padded step is not used at all: it may be infinite or NaN.
                let next = self.step(taken, &states);
                states = next.into_iter().zip(states).map(|(new, old)| new.mask_where(padded.clone(), old)).collect();
                states[0].clone().mask_fill(padded, 0.0)
            } else {
                states = self.step(taken, &states);
                states[0].clone()
            };
            if wanted.sequence {
                outputs[time] = Some(output);
            }
        }
        let mut rows: Vec<Tensor<2>> = outputs.into_iter().flatten().collect();
        if wanted.hidden {
            rows.push(states[0].clone());
        }
        if wanted.cell {
            rows.push(states[1].clone());
        }
        if rows.is_empty() {
            return Tensor::zeros([batch, 0, units], options);
        }
        Tensor::stack(rows, 1)
    }

    /// One step; `projected`, `[batch, gates * d_hidden]`, is the inputs' part of the gates.
    fn step(&self, projected: Tensor<2>, states: &[Tensor<2>]) -> States {
        let hidden = states[0].clone();
        let [units, _] = self.recurrent_kernel.dims();
        let kernel = self.recurrent_kernel.clone();
        match self.cell {
            CellKind::SimpleRnn { activation } => vec![activation.apply(projected + hidden.matmul(kernel))],
            CellKind::Lstm => {
                let gates = projected + hidden.matmul(kernel);
                let gate = |index| columns(&gates, index * units, units);
                let candidate = sigmoid(gate(0)) * tanh(gate(2));
                let cell = sigmoid(gate(1)) * states[1].clone() + candidate;
                vec![sigmoid(gate(3)) * tanh(cell.clone()), cell]
            }
            CellKind::Gru { reset_after } => {
                let input = |index| columns(&projected, index * units, units);
                let (update, candidate) = if reset_after {
                    let recurrent = hidden.clone().matmul(kernel) + self.bias.clone().narrow(0, 1, 1);
                    let state = |index| columns(&recurrent, index * units, units);
                    let reset = sigmoid(input(1) + state(1));
                    (sigmoid(input(0) + state(0)), tanh(input(2) + reset * state(2)))
                } else {
                    let recurrent = hidden.clone().matmul(columns(&kernel, 0, 2 * units));
                    let state = |index| columns(&recurrent, index * units, units);
                    let reset = sigmoid(input(1) + state(1));
                    let recurrent = (reset * hidden.clone()).matmul(columns(&kernel, 2 * units, units));
                    (sigmoid(input(0) + state(0)), tanh(input(2) + recurrent))
                };
                vec![update.clone() * hidden + update.neg().add_scalar(1.0) * candidate]
            }
        }
    }
}

/// Columns `first` to `first + count` - 1.
fn columns(tensor: &Tensor<2>, first: usize, count: usize) -> Tensor<2> {
    tensor.clone().narrow(1, first, count)
}

/// True where a step is padding, `[time, batch]`.
fn padding(spans: &[Span], steps: usize, device: &Device) -> Tensor<2, Bool> {
    let values: Vec<bool> = (0..steps).flat_map(|time| spans.iter().map(move |span| !span.contains(time))).collect();
    Tensor::from_data(TensorData::new(values, [steps, spans.len()]), device)
}

/// Splits `[time, batch, width]` into steps, each `[batch, width]`.
///
/// Halving repeatedly keeps the backward pass at O(time * log time): the gradient of a slice fills a tensor of its
/// parent's size, so slicing step by step would cost O(time^2).
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
