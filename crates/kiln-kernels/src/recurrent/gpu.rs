//! Recurrent layers on a GPU: one product for what the inputs give to the gates, one launch for the
//! walk through time, the same for the walk back, and a product for each of the weights' gradients.
//!
//! Rows of a batch do not depend on each other, so a workgroup carries a tile of rows of one
//! direction through all steps and waits for nobody but its own units. Where the state is so wide
//! that every workgroup would read large weights in every step, a step is a product over the whole
//! batch and a launch for the gates.

mod join;
mod walk;
mod walk_back;

use std::sync::atomic::{AtomicBool, Ordering};

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Cube, TensorMetadata};
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::autodiff::{RecurrentInputs, RecurrentKernels};
use super::options::{CellKind, Directions, RecurrentOptions, Sizes};
use crate::activation::Activation;
use crate::backend::gpu::adapter::{Adapter, Limit};
use crate::backend::gpu::on_tensors::{OnTensors, Output, only};
use crate::backend::gpu::tensors::{ALIGNED, contiguous, empty, owned, part, product, reshaped, upload, zeros};

/// The widest state that a workgroup carries through all steps by itself.
const WIDEST_WALKED: usize = 256;

/// The widest state whose recurrent weights the units hold in registers: one column of them each.
const WIDEST_HELD: usize = 64;

/// Tensors of either walk. With what CubeCL tells a kernel beside them, which is a buffer too, these
/// are the eight that WebGPU's least adapters bind.
const BUFFERS: usize = 7;

/// Rows of a tile at most.
const MOST_ROWS: usize = 8;

impl RecurrentKernels for Cube {
    type Kept = Kept<FloatTensor<Cube>>;

    fn predict(inputs: RecurrentInputs<Self>, options: &RecurrentOptions) -> FloatTensor<Self> {
        let (output, options) = (output_of(inputs.sizes(), options), options.clone());
        only(Self::on_tensors("kiln_recurrent_predict", list(inputs), [output], move |inputs| {
            [forward(inputs_of(inputs), &options, false).0]
        }))
    }

    fn train(inputs: RecurrentInputs<Self>, options: &RecurrentOptions) -> (FloatTensor<Self>, Self::Kept) {
        let sizes = inputs.sizes();
        let [steps, spans] = kept_shapes(sizes, options);
        let outputs = [output_of(sizes, options), Output::floats(steps), Output::counts(spans)];
        let options = options.clone();
        let [output, steps, spans] = Self::on_tensors("kiln_recurrent_train", list(inputs), outputs, move |inputs| {
            let (output, kept) = forward(inputs_of(inputs), &options, true);
            let kept = kept.expect("a training pass keeps its gates");
            [output, kept.steps, kept.spans]
        });
        (output, Kept { steps, spans })
    }

    fn backward(
        inputs: RecurrentInputs<Self>,
        options: &RecurrentOptions,
        kept: Self::Kept,
        gradient: FloatTensor<Self>,
        wants_input: bool,
    ) -> [Option<FloatTensor<Self>>; 5] {
        let inputs = list(inputs);
        let mut outputs = inputs.each_ref().map(|tensor| Output::floats(tensor.shape()));
        if !wants_input {
            // There is always a place for the input's gradient, with one number where it is not wanted.
            outputs[0] = Output::floats([1]);
        }
        let [input, kernel, recurrent_kernel, bias, initial] = inputs;
        let inputs = [input, kernel, recurrent_kernel, bias, initial, kept.steps, kept.spans, gradient];
        let options = options.clone();
        let made = Self::on_tensors("kiln_recurrent_backward", inputs, outputs, move |inputs| {
            let [input, kernel, recurrent_kernel, bias, initial, steps, spans, gradient] = inputs;
            let inputs = inputs_of([input, kernel, recurrent_kernel, bias, initial]);
            backward(inputs, &options, Kept { steps, spans }, gradient, wants_input)
        });
        let [input, kernel, recurrent_kernel, bias, initial] = made.map(Some);
        [input.filter(|_| wants_input), kernel, recurrent_kernel, bias, initial]
    }

    fn join(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self> {
        let [directions, rows, columns] = first.shape().dims();
        let output = Output::floats([2 * directions, rows, columns]);
        only(Self::on_tensors("kiln_join", [first, second], [output], |inputs| [join::join(inputs)]))
    }

    fn halves(tensor: FloatTensor<Self>) -> [FloatTensor<Self>; 2] {
        let [directions, rows, columns] = tensor.shape().dims();
        let outputs = [(); 2].map(|()| Output::floats([directions / 2, rows, columns]));
        Self::on_tensors("kiln_halves", [tensor], outputs, |[tensor]| join::halves(tensor))
    }
}

fn list(inputs: RecurrentInputs<Cube>) -> [FloatTensor<Cube>; 5] {
    let RecurrentInputs { input, kernel, recurrent_kernel, bias, initial } = inputs;
    [input, kernel, recurrent_kernel, bias, initial]
}

fn inputs_of([input, kernel, recurrent_kernel, bias, initial]: [CubeTensor; 5]) -> RecurrentInputs<CubeBackend> {
    RecurrentInputs { input, kernel, recurrent_kernel, bias, initial }
}

fn output_of(sizes: Sizes, options: &RecurrentOptions) -> Output {
    let width = options.directions.walks().len() * sizes.d_hidden;
    Output::floats([sizes.batch, options.out_rows(sizes.time), width])
}

/// What a kernel is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Layer {
    hidden: usize,
    gates: usize,
    /// Gates times hidden units.
    width: usize,
    biases: usize,
    /// Numbers that a hidden unit keeps of a step for the walk back.
    kept: usize,
    is_lstm: bool,
    /// Whether the reset gate acts before the recurrent product.
    resets_before: bool,
    /// Whether inputs and state have gradients of their own: the candidate of a GRU whose reset gate
    /// acts behind the product.
    is_split: bool,
    is_relu: bool,
    is_spanned: bool,
    is_training: bool,
    wants_sequence: bool,
    wants_hidden: bool,
    wants_cell: bool,
    /// Rows of a tile.
    rows: usize,
    /// Units of a workgroup.
    units: usize,
    /// Whether each unit holds its weights in registers.
    is_held: bool,
    /// Whether the recurrent products of the one step of a launch are given.
    is_given: bool,
}

impl Layer {
    /// Turns of a loop over weights that are written out.
    const UNROLLED: usize = 8;

    /// Bytes of a workgroup's memory, in the walk that takes more.
    fn shared_memory(&self) -> usize {
        let states = self.hidden * (if self.is_lstm { 2 } else { 1 } + usize::from(self.resets_before));
        let sums = if self.is_given { 0 } else { 2 * self.width };
        // Every array of the workgroup begins at a multiple of 16 bytes.
        (self.rows * (states + sums) + 16) * size_of::<f32>()
    }

    /// Turns that a unit takes in a step, in all loops together, at most.
    fn turns(&self) -> usize {
        let columns = self.width.div_ceil(self.units) * (2 + self.hidden / Self::UNROLLED);
        2 * columns + 3 * (self.rows * self.hidden).div_ceil(self.units) + 8
    }
}

/// How a layer is computed on a device.
struct Plan {
    layer: Layer,
    sizes: Sizes,
    directions: usize,
    /// The directions from this one on walk from the last step to the first.
    reversed_from: usize,
    out_rows: usize,
    /// Steps of a launch.
    places: usize,
    tiles: u32,
}

impl Plan {
    /// An error where the device's limits are too small.
    fn new(adapter: &Adapter, sizes: Sizes, options: &RecurrentOptions, is_training: bool) -> Result<Self, Limit> {
        let directions = options.directions.walks().len();
        let (cell, h) = (options.cell, sizes.d_hidden);
        let width = cell.gates() * h;
        let resets_before = cell == (CellKind::Gru { reset_after: false });
        let mut layer = Layer {
            hidden: h,
            gates: cell.gates(),
            width,
            biases: cell.biases(),
            kept: kept_of(cell),
            is_lstm: cell == CellKind::Lstm,
            resets_before,
            is_split: cell == (CellKind::Gru { reset_after: true }),
            is_relu: cell == (CellKind::SimpleRnn { activation: Activation::Relu }),
            is_spanned: options.spans.is_some(),
            is_training,
            wants_sequence: options.wanted.sequence,
            wants_hidden: options.wanted.hidden,
            wants_cell: options.wanted.cell,
            rows: adapter.rows_a_group(sizes.batch * directions, MOST_ROWS),
            units: adapter.units(width),
            is_held: h <= WIDEST_HELD && adapter.units(width) >= width,
            is_given: h > WIDEST_WALKED && !resets_before,
        };
        while layer.rows > 1 && layer.shared_memory() > adapter.shared_memory {
            layer.rows /= 2;
        }
        Limit::keep("bytes of a workgroup's memory", layer.shared_memory(), adapter.shared_memory)?;
        let turns = layer.turns();
        let places = if layer.is_given { 1 } else { adapter.turns(turns, sizes.time)? };
        let tiles = sizes.batch.div_ceil(layer.rows);
        Limit::keep("workgroups in a launch", tiles, adapter.groups.0 as usize)?;
        Limit::keep("rows of workgroups in a launch", directions, adapter.groups.1 as usize)?;
        adapter.hold([directions, sizes.batch, sizes.time, width.max(sizes.d_input)])?;
        adapter.hold([numbers_kept(sizes, options)])?;
        adapter.hold([directions, h, width])?;
        adapter.hold([sizes.batch, options.out_rows(sizes.time), directions, h])?;
        adapter.bind(BUFFERS)?;
        Ok(Self {
            layer,
            sizes,
            directions,
            reversed_from: match options.directions {
                Directions::Forward | Directions::Both => 1,
                Directions::Reverse => 0,
            },
            out_rows: options.out_rows(sizes.time),
            places,
            tiles: tiles as u32,
        })
    }

    fn count(&self) -> CubeCount {
        CubeCount::Static(self.tiles, self.directions as u32, 1)
    }

    fn dim(&self) -> CubeDim {
        CubeDim::new_1d(self.layer.units as u32)
    }

    /// `[directions, batch * time, width]` and the like.
    fn by_step(&self, width: usize) -> [usize; 3] {
        [self.directions, self.sizes.batch * self.sizes.time, width]
    }

    /// First step and end of each row; where all steps are valid, something that is not read.
    fn spans(&self, options: &RecurrentOptions, like: &CubeTensor) -> CubeTensor {
        let ends: Vec<u32> = match &options.spans {
            Some(spans) => spans.iter().flat_map(|span| [span.start as u32, (span.start + span.len) as u32]).collect(),
            None => vec![0],
        };
        upload(&ends, like)
    }
}

/// Whether the device has a kernel for the layer. The first time that a limit is why it has not, the
/// limit is logged.
pub(crate) fn is_fused(adapter: &Adapter, sizes: Sizes, options: &RecurrentOptions) -> bool {
    static IS_SAID: AtomicBool = AtomicBool::new(false);
    let Sizes { batch, time, d_input, d_hidden } = sizes;
    if batch == 0 || time == 0 || d_input == 0 || d_hidden == 0 || options.out_rows(time) == 0 {
        return false;
    }
    let plan = Plan::new(adapter, sizes, options, true);
    if let Err(limit) = &plan
        && !IS_SAID.swap(true, Ordering::Relaxed)
    {
        log::warn!(
            "a recurrent layer of {d_hidden} hidden units over {batch} rows of {time} steps is computed step by step, \
             many times slower than by its kernel: {limit}"
        );
    }
    plan.is_ok()
}

/// What a walk leaves for the walk back, on CubeCL's tensors or on those of a build that fuses operations.
#[derive(Clone, Debug)]
pub(crate) struct Kept<T> {
    /// `[directions, batch * time, kept * hidden]`, of the gates, and from [`before_at`] on
    /// `[directions, batch * time, hidden]`, the state before each step. In one buffer, since an adapter
    /// may bind few.
    steps: T,
    /// First step and end of each row.
    spans: T,
}

/// The shapes of what a layer keeps.
fn kept_shapes(sizes: Sizes, options: &RecurrentOptions) -> [Shape; 2] {
    let spans = options.spans.as_ref().map_or(1, |spans| 2 * spans.len());
    [Shape::new([numbers_kept(sizes, options)]), Shape::new([spans])]
}

/// Where in what is kept the states before the steps begin.
fn before_at(sizes: Sizes, options: &RecurrentOptions) -> usize {
    let steps = options.directions.walks().len() * sizes.batch * sizes.time;
    (steps * kept_of(options.cell) * sizes.d_hidden).next_multiple_of(ALIGNED)
}

fn numbers_kept(sizes: Sizes, options: &RecurrentOptions) -> usize {
    let steps = options.directions.walks().len() * sizes.batch * sizes.time;
    before_at(sizes, options) + steps * sizes.d_hidden
}

/// Numbers that a hidden unit keeps of a step for the walk back.
fn kept_of(cell: CellKind) -> usize {
    match cell {
        CellKind::SimpleRnn { .. } => 1,
        CellKind::Lstm => 5,
        CellKind::Gru { .. } => 4,
    }
}

/// The outputs, and with `is_training` what the walk back needs.
fn forward(
    inputs: RecurrentInputs<CubeBackend>,
    options: &RecurrentOptions,
    is_training: bool,
) -> (CubeTensor, Option<Kept<CubeTensor>>) {
    let sizes = inputs.sizes();
    let RecurrentInputs { input, kernel, recurrent_kernel, bias, initial } = inputs.map::<CubeBackend>(contiguous);
    let plan = Plan::new(&Adapter::of(&input), sizes, options, is_training).expect("planned before");
    let (layer, Sizes { batch, time, d_input, d_hidden }) = (plan.layer, sizes);
    let rows = reshaped(&input, [1, batch * time, d_input]);
    let projected = product(rows, kernel, plan.by_step(layer.width));
    let states = owned(initial);
    let spans = plan.spans(options, &projected);
    let output = empty(&projected, [batch, plan.out_rows, plan.directions * d_hidden]);
    let kept = empty(&projected, [if is_training { numbers_kept(sizes, options) } else { 1 }]);
    let mut first = 0;
    while first < time {
        let places = plan.places.min(time - first);
        let recurrent = if layer.is_given {
            let hidden = part(&states, 0, [plan.directions, batch, d_hidden]);
            product(hidden, recurrent_kernel.clone(), [plan.directions, batch, layer.width])
        } else {
            recurrent_kernel.clone()
        };
        walk::walk::launch(
            &projected.client,
            plan.count(),
            plan.dim(),
            projected.clone().into_buffer_arg(),
            recurrent.into_buffer_arg(),
            bias.clone().into_buffer_arg(),
            spans.clone().into_buffer_arg(),
            states.clone().into_buffer_arg(),
            output.clone().into_buffer_arg(),
            kept.clone().into_buffer_arg(),
            batch,
            time,
            first,
            places,
            plan.out_rows,
            plan.reversed_from,
            before_at(sizes, options),
            layer,
        );
        first += places;
    }
    (output, is_training.then_some(Kept { steps: kept, spans }))
}

/// The gradients of input (one number unless `wants_input`), kernel, recurrent kernel, bias and
/// initial states.
fn backward(
    inputs: RecurrentInputs<CubeBackend>,
    options: &RecurrentOptions,
    kept: Kept<CubeTensor>,
    gradient: CubeTensor,
    wants_input: bool,
) -> [CubeTensor; 5] {
    let sizes = inputs.sizes();
    let RecurrentInputs { input, kernel, recurrent_kernel, bias, initial } = inputs.map::<CubeBackend>(contiguous);
    let plan = Plan::new(&Adapter::of(&input), sizes, options, true).expect("planned before");
    let (layer, Sizes { batch, time, d_input, d_hidden }) = (plan.layer, sizes);
    let gradient = contiguous(gradient);
    let before_at = before_at(sizes, options);
    let d_gates = empty(&gradient, plan.by_step(layer.width));
    let d_state_gates =
        if layer.is_split { empty(&gradient, plan.by_step(layer.width)) } else { empty(&gradient, [1, 1, 1]) };
    let d_states = zeros(&gradient, initial.shape());
    let transposed = CubeBackend::float_swap_dims(recurrent_kernel.clone(), 1, 2);
    let recurrent = match (layer.is_held, layer.is_given) {
        (true, _) => recurrent_kernel.clone(),
        (_, true) => zeros(&gradient, Shape::new([plan.directions, batch, d_hidden])),
        _ => into_contiguous(transposed.clone()),
    };
    let mut given = recurrent;
    let mut end = time;
    while end > 0 {
        let places = plan.places.min(end);
        walk_back::walk_back::launch(
            &gradient.client,
            plan.count(),
            plan.dim(),
            gradient.clone().into_buffer_arg(),
            given.clone().into_buffer_arg(),
            kept.steps.clone().into_buffer_arg(),
            kept.spans.clone().into_buffer_arg(),
            d_gates.clone().into_buffer_arg(),
            d_state_gates.clone().into_buffer_arg(),
            d_states.clone().into_buffer_arg(),
            batch,
            time,
            end,
            places,
            plan.out_rows,
            plan.reversed_from,
            before_at,
            layer,
        );
        end -= places;
        if layer.is_given {
            let deltas = if layer.is_split { &d_state_gates } else { &d_gates };
            given = state_gradient(&plan, deltas, &transposed, end);
        }
    }
    let d_initial = if layer.is_given {
        // What the gates of the first step give is still to be added.
        let [states, directions] = [initial.shape()[0], plan.directions];
        let hidden = CubeBackend::float_add(part(&d_states, 0, [directions, batch, d_hidden]), given);
        let hidden = reshaped(&contiguous(hidden), [1, directions, batch, d_hidden]);
        if states == 1 {
            hidden
        } else {
            let cell = CubeBackend::float_slice(d_states, &[(1..2).into()]);
            CubeBackend::float_cat(vec![hidden, cell], 0)
        }
    } else {
        d_states
    };

    let deltas = if layer.is_split { d_state_gates } else { d_gates.clone() };
    let before = part(&kept.steps, before_at, plan.by_step(d_hidden));
    let d_recurrent = if layer.resets_before {
        // The candidate's weights meet the reset state, the other gates' the state itself.
        let columns = |tensor: &CubeTensor, from: usize, to: usize| {
            CubeBackend::float_slice(tensor.clone(), &[(..).into(), (..).into(), (from..to).into()])
        };
        let gates = part(&kept.steps, 0, plan.by_step(layer.kept * d_hidden));
        let reset_hidden = columns(&gates, 3 * d_hidden, 4 * d_hidden);
        let parts = [(before, 0, 2 * d_hidden), (reset_hidden, 2 * d_hidden, 3 * d_hidden)];
        let parts = parts.map(|(states, from, to)| {
            let states = CubeBackend::float_swap_dims(states, 1, 2);
            product(states, columns(&deltas, from, to), [plan.directions, d_hidden, to - from])
        });
        CubeBackend::float_cat(parts.to_vec(), 2)
    } else {
        let states = CubeBackend::float_swap_dims(before, 1, 2);
        product(states, deltas.clone(), [plan.directions, d_hidden, layer.width])
    };
    let of_inputs = CubeBackend::float_sum_dim(d_gates.clone(), 1);
    let d_bias = if layer.biases == 2 {
        CubeBackend::float_cat(vec![of_inputs, CubeBackend::float_sum_dim(deltas, 1)], 1)
    } else {
        of_inputs
    };
    let clean = if layer.is_spanned { without_padding(&input, &kept.spans) } else { input };
    let columns = CubeBackend::float_swap_dims(reshaped(&clean, [1, batch * time, d_input]), 1, 2);
    let d_kernel = product(columns, d_gates.clone(), [plan.directions, d_input, layer.width]);
    let d_input = if wants_input {
        let kernel = CubeBackend::float_swap_dims(kernel, 1, 2);
        let each = product(d_gates, kernel, plan.by_step(d_input));
        let sum = if plan.directions > 1 { CubeBackend::float_sum_dim(each, 0) } else { each };
        reshaped(&contiguous(sum), [batch, time, d_input])
    } else {
        empty(&gradient, [1])
    };
    let d_bias = reshaped(&contiguous(d_bias), [plan.directions, bias.shape()[1], layer.width]);
    [d_input, d_kernel, d_recurrent, d_bias, d_initial]
}

/// What the gates of the step in place `place` give to the gradient of the state before it.
fn state_gradient(plan: &Plan, deltas: &CubeTensor, transposed: &CubeTensor, place: usize) -> CubeTensor {
    let Sizes { batch, time, d_hidden, .. } = plan.sizes;
    let width = plan.layer.width;
    let steps = (0..plan.directions).map(|direction| {
        let step = if direction >= plan.reversed_from { time - 1 - place } else { place };
        let by_row = reshaped(deltas, [plan.directions, batch, time, width]);
        let slice = [(direction..=direction).into(), (..).into(), (step..=step).into(), (..).into()];
        reshaped(&contiguous(CubeBackend::float_slice(by_row, &slice)), [1, batch, width])
    });
    let steps: Vec<_> = steps.collect();
    let deltas = if steps.len() == 1 { steps[0].clone() } else { CubeBackend::float_cat(steps, 0) };
    product(deltas, transposed.clone(), [plan.directions, batch, d_hidden])
}

/// The input with zeros at padded steps: what lies there may be no number, which would reach the
/// kernel's gradient.
fn without_padding(input: &CubeTensor, spans: &CubeTensor) -> CubeTensor {
    let shape = input.shape();
    let (time, d_input) = (shape[1], shape[2]);
    let count = shape.num_elements();
    let output = empty(input, [shape[0], time, d_input]);
    let adapter = Adapter::of(input);
    let (groups, dim) = adapter.elementwise(count);
    clear_padding::launch(
        &input.client,
        groups,
        dim,
        input.clone().into_buffer_arg(),
        spans.clone().into_buffer_arg(),
        output.clone().into_buffer_arg(),
        count,
        time,
        d_input,
    );
    output
}

#[cube(launch)]
fn clear_padding(input: &[f32], spans: &[u32], output: &mut [f32], count: usize, time: usize, d_input: usize) {
    if ABSOLUTE_POS >= count {
        terminate!();
    }
    let step = ABSOLUTE_POS / d_input;
    let is_valid = walk::is_valid(spans, step / time, step % time, true);
    output[ABSOLUTE_POS] = if is_valid { input[ABSOLUTE_POS] } else { 0.0f32 };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recurrent::options::Wanted;

    #[test]
    fn the_least_adapter_has_kernels_for_every_cell() {
        let cells = [
            CellKind::SimpleRnn { activation: Activation::Tanh },
            CellKind::Lstm,
            CellKind::Gru { reset_after: true },
            CellKind::Gru { reset_after: false },
        ];
        for cell in cells {
            for d_hidden in [32, 64, 128, 256, 512] {
                if d_hidden == 512 && cell == (CellKind::Gru { reset_after: false }) {
                    continue; // 16 KiB hold up to 509
                }
                let wanted = Wanted::SEQUENCE;
                let options = RecurrentOptions { cell, directions: Directions::Both, spans: None, wanted };
                let sizes = Sizes { batch: 16, time: 100, d_input: 200, d_hidden };
                let plan = Plan::new(&Adapter::least(), sizes, &options, true).map(|_| ());
                assert_eq!(plan, Ok(()), "{cell:?} of {d_hidden}");
            }
        }
    }
}
