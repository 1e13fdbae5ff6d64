//! Recurrent layers on a GPU: one product for the inputs' part of the gates, one launch for the walk through time, the
//! same for the walk back, and one product for each weight's gradient.
//!
//! Rows of a batch do not depend on each other. So a workgroup carries a tile of rows of one direction through all
//! steps and waits only for its own units. If the state is so wide that every workgroup would read large weights in
//! every step, a step is a product over the whole batch and a launch for the gates.

mod join;
mod plan;
mod units;
mod walk;
mod walk_back;

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Cube, TensorMetadata};
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use self::plan::{Kept, Pass, Plan, Products, Valid, before_at, kept_shapes, numbers_kept};
use super::autodiff::{Recorded, RecurrentInputs, RecurrentKernels};
use super::options::{RecurrentOptions, Sizes};
use crate::backend::gpu::adapter::Adapter;
use crate::backend::gpu::on_tensors::{OnTensors, Output, only};
use crate::backend::gpu::tensors::{contiguous, empty, owned, part, product, reshaped, zeros};

pub(super) use self::plan::is_fused;

impl RecurrentKernels for Cube {
    type Kept = Kept<FloatTensor<Cube>>;

    fn predict(inputs: RecurrentInputs<Self>, options: &RecurrentOptions) -> FloatTensor<Self> {
        let (output, options) = (output_of(inputs.sizes(), options), options.clone());
        only(Self::on_tensors("kiln_recurrent_predict", inputs.list(), [output], move |inputs| {
            [forward(RecurrentInputs::of(inputs), &options, Pass::Predict).0]
        }))
    }

    fn train(inputs: RecurrentInputs<Self>, options: &RecurrentOptions) -> (FloatTensor<Self>, Self::Kept) {
        let sizes = inputs.sizes();
        let [steps, spans] = kept_shapes(sizes, options);
        let outputs = [output_of(sizes, options), Output::floats(steps), Output::counts(spans)];
        let options = options.clone();
        let [output, steps, spans] = Self::on_tensors("kiln_recurrent_train", inputs.list(), outputs, move |inputs| {
            let (output, kept) = forward(RecurrentInputs::of(inputs), &options, Pass::Train);
            let kept = kept.expect("a training pass keeps its gates");
            [output, kept.steps, kept.spans]
        });
        (output, Kept { steps, spans })
    }

    fn backward(
        (inputs, options, kept): Recorded<Self>,
        gradient: FloatTensor<Self>,
        wants_input: bool,
    ) -> [Option<FloatTensor<Self>>; 5] {
        let inputs = inputs.list();
        let mut outputs = inputs.each_ref().map(|tensor| Output::floats(tensor.shape()));
        if !wants_input {
            // The input's gradient always has an output; if it is not wanted, of one number.
            outputs[0] = Output::floats([1]);
        }
        let [input, kernel, recurrent_kernel, bias, initial] = inputs;
        let inputs = [input, kernel, recurrent_kernel, bias, initial, kept.steps, kept.spans, gradient];
        let made = Self::on_tensors("kiln_recurrent_backward", inputs, outputs, move |inputs| {
            let [input, kernel, recurrent_kernel, bias, initial, steps, spans, gradient] = inputs;
            let inputs = RecurrentInputs::of([input, kernel, recurrent_kernel, bias, initial]);
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

fn output_of(sizes: Sizes, options: &RecurrentOptions) -> Output {
    let width = options.directions.walks().len() * sizes.d_hidden;
    Output::floats([sizes.batch, options.out_rows(sizes.time), width])
}

/// The outputs, and in training what the walk back needs.
fn forward(
    inputs: RecurrentInputs<CubeBackend>,
    options: &RecurrentOptions,
    pass: Pass,
) -> (CubeTensor, Option<Kept<CubeTensor>>) {
    let sizes = inputs.sizes();
    let RecurrentInputs { input, kernel, recurrent_kernel, bias, initial } = inputs.map::<CubeBackend>(contiguous);
    let plan = Plan::new(&Adapter::of(&input), sizes, options, pass).expect("planned before");
    let (layer, Sizes { batch, time, d_input, d_hidden }) = (plan.layer, sizes);
    let rows = reshaped(&input, [1, batch * time, d_input]);
    let projected = product(rows, kernel, plan.by_step(layer.width()));
    let states = owned(initial);
    let spans = plan.spans(options, &projected);
    let output = empty(&projected, [batch, plan.out_rows, plan.directions * d_hidden]);
    let kept = empty(&projected, [if pass == Pass::Train { numbers_kept(sizes, options) } else { 1 }]);
    let mut first = 0;
    while first < time {
        let places = plan.places.min(time - first);
        let recurrent = if layer.is_given() {
            let hidden = part(&states, 0, [plan.directions, batch, d_hidden]);
            product(hidden, recurrent_kernel.clone(), [plan.directions, batch, layer.width()])
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
            plan.walk(first, places, options),
            layer,
        );
        first += places;
    }
    (output, (pass == Pass::Train).then_some(Kept { steps: kept, spans }))
}

/// The gradients of input (one number if `wants_input` is false), kernel, recurrent kernel, bias and initial states.
fn backward(
    inputs: RecurrentInputs<CubeBackend>,
    options: &RecurrentOptions,
    kept: Kept<CubeTensor>,
    gradient: CubeTensor,
    wants_input: bool,
) -> [CubeTensor; 5] {
    let sizes = inputs.sizes();
    let RecurrentInputs { input, kernel, recurrent_kernel, bias, initial } = inputs.map::<CubeBackend>(contiguous);
    let plan = Plan::new(&Adapter::of(&input), sizes, options, Pass::Train).expect("planned before");
    let (layer, Sizes { batch, time, d_input, d_hidden }) = (plan.layer, sizes);
    let gradient = contiguous(gradient);
    let d_gates = empty(&gradient, plan.by_step(layer.width()));
    let d_state_gates =
        if layer.is_split() { empty(&gradient, plan.by_step(layer.width())) } else { empty(&gradient, [1, 1, 1]) };
    let d_states = zeros(&gradient, initial.shape());
    let transposed = CubeBackend::float_swap_dims(recurrent_kernel.clone(), 1, 2);
    let mut recurrent = match layer.products {
        Products::Held => recurrent_kernel,
        Products::Given => zeros(&gradient, Shape::new([plan.directions, batch, d_hidden])),
        Products::Read => contiguous(transposed.clone()),
    };
    let mut end = time;
    while end > 0 {
        let places = plan.places.min(end);
        walk_back::walk_back::launch(
            &gradient.client,
            plan.count(),
            plan.dim(),
            gradient.clone().into_buffer_arg(),
            recurrent.clone().into_buffer_arg(),
            kept.steps.clone().into_buffer_arg(),
            kept.spans.clone().into_buffer_arg(),
            d_gates.clone().into_buffer_arg(),
            d_state_gates.clone().into_buffer_arg(),
            d_states.clone().into_buffer_arg(),
            plan.walk(end, places, options),
            layer,
        );
        end -= places;
        if layer.is_given() {
            let deltas = if layer.is_split() { &d_state_gates } else { &d_gates };
            recurrent = state_gradient(&plan, deltas, &transposed, end);
        }
    }
    let d_initial = if layer.is_given() {
        // The part of the first step's gates is still to be added.
        let [states, directions] = [initial.shape()[0], plan.directions];
        let hidden = CubeBackend::float_add(part(&d_states, 0, [directions, batch, d_hidden]), recurrent);
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

    let deltas = if layer.is_split() { d_state_gates } else { d_gates.clone() };
    let before = part(&kept.steps, before_at(sizes, options), plan.by_step(d_hidden));
    let d_recurrent = if layer.resets_before() {
        // The candidate's weights multiply the reset state, the other gates' weights the state itself.
        let columns = |tensor: &CubeTensor, from: usize, to: usize| {
            CubeBackend::float_slice(tensor.clone(), &[(..).into(), (..).into(), (from..to).into()])
        };
        let gates = part(&kept.steps, 0, plan.by_step(layer.kept()));
        let reset_hidden = columns(&gates, 3 * d_hidden, 4 * d_hidden);
        let parts = [(before, 0, 2 * d_hidden), (reset_hidden, 2 * d_hidden, 3 * d_hidden)];
        let parts = parts.map(|(states, from, to)| {
            let states = CubeBackend::float_swap_dims(states, 1, 2);
            product(states, columns(&deltas, from, to), [plan.directions, d_hidden, to - from])
        });
        CubeBackend::float_cat(parts.to_vec(), 2)
    } else {
        let states = CubeBackend::float_swap_dims(before, 1, 2);
        product(states, deltas.clone(), [plan.directions, d_hidden, layer.width()])
    };
    let of_inputs = CubeBackend::float_sum_dim(d_gates.clone(), 1);
    let d_bias = if layer.cell.biases() == 2 {
        CubeBackend::float_cat(vec![of_inputs, CubeBackend::float_sum_dim(deltas, 1)], 1)
    } else {
        of_inputs
    };
    let clean = if layer.valid == Valid::Spans { without_padding(&input, &kept.spans) } else { input };
    let columns = CubeBackend::float_swap_dims(reshaped(&clean, [1, batch * time, d_input]), 1, 2);
    let d_kernel = product(columns, d_gates.clone(), [plan.directions, d_input, layer.width()]);
    let d_input = if wants_input {
        let kernel = CubeBackend::float_swap_dims(kernel, 1, 2);
        let each = product(d_gates, kernel, plan.by_step(d_input));
        let sum = if plan.directions > 1 { CubeBackend::float_sum_dim(each, 0) } else { each };
        reshaped(&contiguous(sum), [batch, time, d_input])
    } else {
        empty(&gradient, [1])
    };
    let d_bias = reshaped(&contiguous(d_bias), [plan.directions, bias.shape()[1], layer.width()]);
    [d_input, d_kernel, d_recurrent, d_bias, d_initial]
}

/// The part of the gates of the step at `place` in the gradient of the state before it.
fn state_gradient(plan: &Plan, deltas: &CubeTensor, transposed: &CubeTensor, place: usize) -> CubeTensor {
    let Sizes { batch, time, d_hidden, .. } = plan.sizes;
    let width = plan.layer.width();
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

/// The input with zeros at padded steps, which may hold NaN or infinity that would reach the kernel's gradient.
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
    let is_valid = units::is_valid(spans, step / time, step % time, comptime!(Valid::Spans));
    output[ABSOLUTE_POS] = if is_valid { input[ABSOLUTE_POS] } else { 0.0f32 };
}
