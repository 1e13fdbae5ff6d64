//! The kernels of GPUs for Burn's CubeCL backend, whichever runtime a device is of.

use burn::backend::ops::{FloatTensorOps, IntTensorOps};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Cube, IntDType, TensorMetadata};
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;

use super::device::{contiguous, same};
use super::{conv, elementwise, recurrent, table_gradient};
use crate::adam::AdamStep;
use crate::ops::{FusedKernels, RecurrentInputs};
use crate::random::RandomKey;
use crate::recurrent::RecurrentOptions;

fn inputs_of(inputs: RecurrentInputs<Cube>) -> RecurrentInputs<CubeBackend> {
    RecurrentInputs {
        input: same(inputs.input),
        kernel: same(inputs.kernel),
        recurrent_kernel: same(inputs.recurrent_kernel),
        bias: same(inputs.bias),
        initial: same(inputs.initial),
    }
}

/// Ids as 32-bit numbers one after another.
fn ids_of(ids: IntTensor<Cube>) -> CubeTensor {
    contiguous(CubeBackend::int_cast(same(ids), IntDType::I32))
}

impl FusedKernels for Cube {
    type Kept = recurrent::Kept;
    type Places = CubeTensor;

    fn recurrent_predict(inputs: RecurrentInputs<Self>, options: &RecurrentOptions) -> FloatTensor<Self> {
        same(recurrent::forward(inputs_of(inputs), options, false).0)
    }

    fn recurrent_train(inputs: RecurrentInputs<Self>, options: &RecurrentOptions) -> (FloatTensor<Self>, Self::Kept) {
        let (output, kept) = recurrent::forward(inputs_of(inputs), options, true);
        (same(output), kept.expect("a training pass keeps its gates"))
    }

    fn recurrent_backward(
        inputs: RecurrentInputs<Self>,
        options: &RecurrentOptions,
        kept: Self::Kept,
        gradient: FloatTensor<Self>,
        wants_input: bool,
    ) -> [Option<FloatTensor<Self>>; 5] {
        let gradients = recurrent::backward(inputs_of(inputs), options, kept, same(gradient), wants_input);
        gradients.map(|gradient| gradient.map(same))
    }

    fn conv1d_forward(
        input: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self> {
        same(conv::forward(same(input), same(kernel), same(bias), relu))
    }

    fn conv1d_backward(
        input: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        output: Option<FloatTensor<Self>>,
        gradient: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 3] {
        conv::backward(same(input), same(kernel), output.map(same), same(gradient)).map(same)
    }

    fn dropout_apply(input: FloatTensor<Self>, key: RandomKey, rate: f64) -> FloatTensor<Self> {
        same(elementwise::dropout(same(input), key, rate))
    }

    fn table_rows(table: FloatTensor<Self>, ids: IntTensor<Self>) -> FloatTensor<Self> {
        let (table, ids): (CubeTensor, _) = (same(table), ids_of(ids));
        let (rows, columns, width) = (ids.shape()[0], ids.shape()[1], table.shape()[1]);
        let ids = CubeBackend::int_reshape(ids, Shape::new([rows * columns]));
        let found = CubeBackend::float_select(table, 0, ids);
        same(CubeBackend::float_reshape(found, Shape::new([rows, columns, width])))
    }

    fn rows_gradient(gradient: FloatTensor<Self>, ids: IntTensor<Self>, vocab: usize) -> FloatTensor<Self> {
        same(table_gradient::add_rows(same(gradient), ids_of(ids), vocab))
    }

    fn table_put(table: FloatTensor<Self>, ids: IntTensor<Self>, rows: FloatTensor<Self>) -> FloatTensor<Self> {
        same(elementwise::put_rows(same(table), ids_of(ids), same(rows)))
    }

    fn max_pool1d_forward(input: FloatTensor<Self>, pool: usize) -> (FloatTensor<Self>, Self::Places) {
        let (output, places) = elementwise::max_pool(same(input), pool);
        (same(output), places)
    }

    fn max_pool1d_backward(
        gradient: FloatTensor<Self>,
        places: Self::Places,
        time: usize,
        pool: usize,
    ) -> FloatTensor<Self> {
        same(elementwise::max_pool_back(same(gradient), places, time, pool))
    }

    fn adam_update(
        value: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        square: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let (value, mean, square) = elementwise::adam(same(value), same(mean), same(square), same(gradient), step);
        (same(value), same(mean), same(square))
    }
}
