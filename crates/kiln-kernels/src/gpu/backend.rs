//! The kernels of GPUs for Burn's CubeCL backend, whichever runtime a device is of.

use burn::backend::ops::{FloatTensorOps, IntTensorOps};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Cube, IntDType, TensorMetadata};
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;

use super::device::{contiguous, same};
use super::on_tensors::{OnTensors, Output};
use super::{conv, elementwise, recurrent, table_gradient};
use crate::adam::AdamStep;
use crate::ops::{FusedKernels, RecurrentInputs};
use crate::random::RandomKey;
use crate::recurrent::RecurrentOptions;

/// What a recurrent layer leaves for its backward pass.
#[derive(Clone, Debug)]
pub struct Kept {
    steps: FloatTensor<Cube>,
    spans: FloatTensor<Cube>,
}

/// A fixed number of tensors.
fn tensors<const N: usize>(tensors: Vec<CubeTensor>) -> [CubeTensor; N] {
    tensors.try_into().unwrap_or_else(|tensors: Vec<_>| unreachable!("{N} tensors are needed, not {}", tensors.len()))
}

/// One tensor out of one.
fn only<T>([tensor]: [T; 1]) -> T {
    tensor
}

fn list(inputs: RecurrentInputs<Cube>) -> Vec<FloatTensor<Cube>> {
    let RecurrentInputs { input, kernel, recurrent_kernel, bias, initial } = inputs;
    vec![input, kernel, recurrent_kernel, bias, initial]
}

fn inputs_of([input, kernel, recurrent_kernel, bias, initial]: [CubeTensor; 5]) -> RecurrentInputs<CubeBackend> {
    RecurrentInputs { input, kernel, recurrent_kernel, bias, initial }
}

fn sizes_of(inputs: &RecurrentInputs<Cube>) -> recurrent::Sizes {
    let shape = inputs.input.shape();
    let d_hidden = inputs.recurrent_kernel.shape()[1];
    recurrent::Sizes { batch: shape[0], time: shape[1], d_input: shape[2], d_hidden }
}

fn output_of(sizes: recurrent::Sizes, options: &RecurrentOptions) -> Output {
    let width = options.directions.walks().len() * sizes.d_hidden;
    Output::floats([sizes.batch, options.out_rows(sizes.time), width])
}

/// Ids as 32-bit numbers one after another.
fn ids_of(ids: CubeTensor) -> CubeTensor {
    contiguous(CubeBackend::int_cast(ids, IntDType::I32))
}

impl FusedKernels for Cube {
    type Kept = Kept;
    type Places = FloatTensor<Cube>;

    fn recurrent_predict(inputs: RecurrentInputs<Self>, options: &RecurrentOptions) -> FloatTensor<Self> {
        let output = output_of(sizes_of(&inputs), options);
        let options = options.clone();
        only(Self::on_tensors("kiln_recurrent_predict", list(inputs), [output], move |inputs| {
            [recurrent::forward(inputs_of(tensors(inputs)), &options, false).0]
        }))
    }

    fn recurrent_train(inputs: RecurrentInputs<Self>, options: &RecurrentOptions) -> (FloatTensor<Self>, Self::Kept) {
        let sizes = sizes_of(&inputs);
        let [steps, spans] = recurrent::kept_shapes(sizes, options);
        let outputs = [output_of(sizes, options), Output::floats(steps), Output::counts(spans)];
        let options = options.clone();
        let [output, steps, spans] = Self::on_tensors("kiln_recurrent_train", list(inputs), outputs, move |inputs| {
            let (output, kept) = recurrent::forward(inputs_of(tensors(inputs)), &options, true);
            let kept = kept.expect("a training pass keeps its gates");
            [output, kept.steps, kept.spans]
        });
        (output, Kept { steps, spans })
    }

    fn recurrent_backward(
        inputs: RecurrentInputs<Self>,
        options: &RecurrentOptions,
        kept: Self::Kept,
        gradient: FloatTensor<Self>,
        wants_input: bool,
    ) -> [Option<FloatTensor<Self>>; 5] {
        let weights = [&inputs.kernel, &inputs.recurrent_kernel, &inputs.bias, &inputs.initial];
        let [kernel, recurrent_kernel, bias, initial] = weights.map(|tensor| Output::floats(tensor.shape()));
        // A place for the input's gradient is always there, with one number where it is not wanted.
        let input = if wants_input { inputs.input.shape() } else { Shape::new([1]) };
        let outputs = [Output::floats(input), kernel, recurrent_kernel, bias, initial];
        let mut inputs = list(inputs);
        inputs.extend([kept.steps, kept.spans, gradient]);
        let options = options.clone();
        let made = Self::on_tensors("kiln_recurrent_backward", inputs, outputs, move |inputs| {
            let [input, kernel, recurrent_kernel, bias, initial, steps, spans, gradient] = tensors(inputs);
            let kept = recurrent::Kept { steps, spans };
            let inputs = inputs_of([input, kernel, recurrent_kernel, bias, initial]);
            recurrent::backward(inputs, &options, kept, gradient, wants_input)
        });
        let mut made = made.map(Some);
        if !wants_input {
            made[0] = None;
        }
        made
    }

    fn join(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self> {
        let shape = first.shape();
        let output = Output::floats([2 * shape[0], shape[1], shape[2]]);
        only(Self::on_tensors("kiln_join", vec![first, second], [output], |inputs| {
            let [first, second] = tensors(inputs);
            [elementwise::join(first, second)]
        }))
    }

    fn halves(tensor: FloatTensor<Self>) -> [FloatTensor<Self>; 2] {
        let shape = tensor.shape();
        let outputs = [(); 2].map(|()| Output::floats([shape[0] / 2, shape[1], shape[2]]));
        Self::on_tensors("kiln_halves", vec![tensor], outputs, |inputs| elementwise::halves(only(tensors(inputs))))
    }

    fn conv1d_forward(
        input: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self> {
        let (shape, weights) = (input.shape(), kernel.shape());
        let output = Output::floats([shape[0], shape[1] + 1 - weights[0], weights[2]]);
        only(Self::on_tensors("kiln_conv1d", vec![input, kernel, bias], [output], move |inputs| {
            let [input, kernel, bias] = tensors(inputs);
            [conv::forward(input, kernel, bias, relu)]
        }))
    }

    fn conv1d_backward(
        input: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        output: Option<FloatTensor<Self>>,
        gradient: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 3] {
        let filters = kernel.shape()[2];
        let outputs = [Output::floats(input.shape()), Output::floats(kernel.shape()), Output::floats([filters])];
        let mut inputs = vec![input, kernel, gradient];
        inputs.extend(output);
        Self::on_tensors("kiln_conv1d_backward", inputs, outputs, |mut inputs| {
            let output = (inputs.len() == 4).then(|| inputs.pop()).flatten();
            let [input, kernel, gradient] = tensors(inputs);
            conv::backward(input, kernel, output, gradient)
        })
    }

    fn dropout_apply(input: FloatTensor<Self>, key: RandomKey, rate: f64) -> FloatTensor<Self> {
        let output = Output::floats(input.shape());
        only(Self::on_tensors("kiln_dropout", vec![input], [output], move |inputs| {
            [elementwise::dropout(only(tensors(inputs)), key, rate)]
        }))
    }

    fn table_rows(table: FloatTensor<Self>, ids: IntTensor<Self>) -> FloatTensor<Self> {
        let (rows, columns, width) = (ids.shape()[0], ids.shape()[1], table.shape()[1]);
        let output = Output::floats([rows, columns, width]);
        only(Self::on_tensors("kiln_table_rows", vec![table, same(ids)], [output], move |inputs| {
            let [table, ids] = tensors(inputs);
            let ids = CubeBackend::int_reshape(ids_of(ids), Shape::new([rows * columns]));
            let found = CubeBackend::float_select(table, 0, ids);
            [CubeBackend::float_reshape(found, Shape::new([rows, columns, width]))]
        }))
    }

    fn rows_gradient(gradient: FloatTensor<Self>, ids: IntTensor<Self>, vocab: usize) -> FloatTensor<Self> {
        let output = Output::floats([vocab, gradient.shape()[2]]);
        only(Self::on_tensors("kiln_rows_gradient", vec![gradient, same(ids)], [output], move |inputs| {
            let [gradient, ids] = tensors(inputs);
            [table_gradient::add_rows(gradient, ids_of(ids), vocab)]
        }))
    }

    fn table_put(table: FloatTensor<Self>, ids: IntTensor<Self>, rows: FloatTensor<Self>) -> FloatTensor<Self> {
        let output = Output::floats(table.shape());
        only(Self::on_tensors("kiln_table_put", vec![table, same(ids), rows], [output], |inputs| {
            let [table, ids, rows] = tensors(inputs);
            [elementwise::put_rows(table, ids_of(ids), rows)]
        }))
    }

    fn max_pool1d_forward(input: FloatTensor<Self>, pool: usize) -> (FloatTensor<Self>, Self::Places) {
        let shape = input.shape();
        let shape = Shape::new([shape[0], shape[1] / pool, shape[2]]);
        let outputs = [Output::floats(shape.clone()), Output::counts(shape)];
        let [output, places] = Self::on_tensors("kiln_max_pool1d", vec![input], outputs, move |inputs| {
            let (output, places) = elementwise::max_pool(only(tensors(inputs)), pool);
            [output, places]
        });
        (output, places)
    }

    fn max_pool1d_backward(
        gradient: FloatTensor<Self>,
        places: Self::Places,
        time: usize,
        pool: usize,
    ) -> FloatTensor<Self> {
        let shape = gradient.shape();
        let output = Output::floats([shape[0], time, shape[2]]);
        only(Self::on_tensors("kiln_max_pool1d_backward", vec![gradient, places], [output], move |inputs| {
            let [gradient, places] = tensors(inputs);
            [elementwise::max_pool_back(gradient, places, time, pool)]
        }))
    }

    fn adam_update(
        value: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        square: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let outputs = [(); 3].map(|()| Output::floats(value.shape()));
        let [value, mean, square] =
            Self::on_tensors("kiln_adam", vec![value, mean, square, gradient], outputs, move |inputs| {
                let [value, mean, square, gradient] = tensors(inputs);
                let (value, mean, square) = elementwise::adam(value, mean, square, gradient, step);
                [value, mean, square]
            });
        (value, mean, square)
    }
}
