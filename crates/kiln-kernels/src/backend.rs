//! The CPU's kernels for Flex and NdArray: fetch slices, run the core, wrap what it gives.

use std::sync::Arc;

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::read_sync;

use crate::adam::AdamStep;
use crate::cpu::conv::ConvSizes;
use crate::cpu::pooling::PoolSizes;
use crate::cpu::recurrent::{Kept, Sizes, Weights};
use crate::cpu::{adam, conv, dropout, embedding, pooling, recurrent};
use crate::ops::{FusedKernels, RecurrentInputs};
use crate::random::RandomKey;
use crate::recurrent::RecurrentOptions;

/// Slices of a CPU backend's tensors of 32-bit floats.
trait Slices: Backend {
    /// The tensor with its numbers in order and nothing else in its storage.
    fn contiguous(tensor: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The numbers of a contiguous tensor.
    fn numbers(tensor: &FloatTensor<Self>) -> &[f32];

    /// The same to write to; copied first if the tensor shares them.
    fn numbers_mut(tensor: &mut FloatTensor<Self>) -> &mut [f32];

    /// A tensor that owns `numbers`.
    fn tensor(numbers: Vec<f32>, shape: &[usize]) -> FloatTensor<Self>;
}

#[cfg(feature = "flex")]
impl Slices for burn::backend::Flex {
    fn contiguous(tensor: FloatTensor<Self>) -> FloatTensor<Self> {
        tensor.to_contiguous()
    }

    fn numbers(tensor: &FloatTensor<Self>) -> &[f32] {
        tensor.storage::<f32>()
    }

    fn numbers_mut(tensor: &mut FloatTensor<Self>) -> &mut [f32] {
        tensor.storage_mut::<f32>()
    }

    fn tensor(numbers: Vec<f32>, shape: &[usize]) -> FloatTensor<Self> {
        burn::backend::flex::FlexTensor::from_data(burn::tensor::TensorData::new(numbers, shape.to_vec()))
    }
}

#[cfg(feature = "ndarray")]
mod with_ndarray {
    use burn::backend::NdArray;
    use burn::backend::ndarray::{NdArrayTensor, SharedArray};
    use burn::backend::tensor::FloatTensor;

    use super::Slices;

    const FLOATS: &str = "the fast path takes 32-bit floats alone";
    const IN_ORDER: &str = "made contiguous before";

    impl Slices for NdArray {
        fn contiguous(tensor: FloatTensor<Self>) -> FloatTensor<Self> {
            let NdArrayTensor::F32(storage) = tensor else { unreachable!("{FLOATS}") };
            if storage.view().is_standard_layout() {
                return NdArrayTensor::F32(storage);
            }
            let array = storage.view().as_standard_layout().into_owned().into_shared();
            NdArrayTensor::from(array)
        }

        fn numbers(tensor: &FloatTensor<Self>) -> &[f32] {
            let NdArrayTensor::F32(storage) = tensor else { unreachable!("{FLOATS}") };
            storage.view().to_slice().expect(IN_ORDER)
        }

        fn numbers_mut(tensor: &mut FloatTensor<Self>) -> &mut [f32] {
            let NdArrayTensor::F32(storage) = tensor else { unreachable!("{FLOATS}") };
            storage.ensure_owned().as_slice_mut().expect(IN_ORDER)
        }

        fn tensor(numbers: Vec<f32>, shape: &[usize]) -> FloatTensor<Self> {
            let array = SharedArray::from_shape_vec(shape.to_vec(), numbers).expect("a kernel fills its shape");
            NdArrayTensor::from(array)
        }
    }
}

/// The ids of an integer tensor.
///
/// # Panics
///
/// If an id is not below `vocab`.
fn ids<B: Slices>(tensor: IntTensor<B>, vocab: usize) -> Vec<u32> {
    let data = read_sync(B::int_into_data(tensor)).expect("the memory of the CPU can be read");
    data.iter::<i64>()
        .map(|id| {
            assert!(id >= 0 && (id as usize) < vocab, "an id must be below the table's {vocab} rows, but one is {id}");
            id as u32
        })
        .collect()
}

/// Contiguous tensors of a recurrent layer and their sizes.
fn prepare<B: Slices>(inputs: RecurrentInputs<B>) -> (RecurrentInputs<B>, Sizes) {
    let shape = inputs.input.shape();
    let sizes =
        Sizes { batch: shape[0], time: shape[1], d_input: shape[2], d_hidden: inputs.recurrent_kernel.shape()[1] };
    let inputs = RecurrentInputs {
        input: B::contiguous(inputs.input),
        kernel: B::contiguous(inputs.kernel),
        recurrent_kernel: B::contiguous(inputs.recurrent_kernel),
        bias: B::contiguous(inputs.bias),
        initial: B::contiguous(inputs.initial),
    };
    (inputs, sizes)
}

fn weights<B: Slices>(inputs: &RecurrentInputs<B>) -> Weights<'_> {
    Weights {
        kernel: B::numbers(&inputs.kernel),
        recurrent_kernel: B::numbers(&inputs.recurrent_kernel),
        bias: B::numbers(&inputs.bias),
        initial: B::numbers(&inputs.initial),
    }
}

fn recurrent_forward<B: Slices>(
    inputs: RecurrentInputs<B>,
    options: &RecurrentOptions,
    training: bool,
) -> (FloatTensor<B>, Option<Kept>) {
    let (inputs, sizes) = prepare::<B>(inputs);
    let (output, kept) =
        recurrent::forward(options, sizes, B::numbers(&inputs.input), &weights::<B>(&inputs), training);
    let width = options.directions.walks().len() * sizes.d_hidden;
    (B::tensor(output, &[sizes.batch, options.out_rows(sizes.time), width]), kept)
}

fn recurrent_backward<B: Slices>(
    inputs: RecurrentInputs<B>,
    options: &RecurrentOptions,
    kept: &Kept,
    gradient: FloatTensor<B>,
    wants_input: bool,
) -> [Option<FloatTensor<B>>; 5] {
    let (inputs, sizes) = prepare::<B>(inputs);
    let gradient = B::contiguous(gradient);
    let gradients = recurrent::backward(
        options,
        sizes,
        B::numbers(&inputs.input),
        &weights::<B>(&inputs),
        kept,
        B::numbers(&gradient),
        wants_input,
    );
    let like = |numbers: Vec<f32>, tensor: &FloatTensor<B>| {
        let shape = tensor.shape();
        let dims: Vec<usize> = (0..shape.num_dims()).map(|dim| shape[dim]).collect();
        Some(B::tensor(numbers, &dims))
    };
    [
        if wants_input { like(gradients.input, &inputs.input) } else { None },
        like(gradients.kernel, &inputs.kernel),
        like(gradients.recurrent_kernel, &inputs.recurrent_kernel),
        like(gradients.bias, &inputs.bias),
        like(gradients.initial, &inputs.initial),
    ]
}

fn conv_sizes<B: Slices>(input: &FloatTensor<B>, kernel: &FloatTensor<B>) -> ConvSizes {
    let (input, kernel) = (input.shape(), kernel.shape());
    ConvSizes { batch: input[0], time: input[1], d_input: input[2], window: kernel[0], filters: kernel[2] }
}

macro_rules! kernels_of_the_cpu {
    ($backend:ty) => {
        impl FusedKernels for $backend {
            type Kept = Arc<Kept>;
            type Places = Arc<[u8]>;

            fn recurrent_predict(inputs: RecurrentInputs<Self>, options: &RecurrentOptions) -> FloatTensor<Self> {
                recurrent_forward::<Self>(inputs, options, false).0
            }

            fn recurrent_train(
                inputs: RecurrentInputs<Self>,
                options: &RecurrentOptions,
            ) -> (FloatTensor<Self>, Self::Kept) {
                let (output, kept) = recurrent_forward::<Self>(inputs, options, true);
                (output, Arc::new(kept.expect("a training pass keeps its gates")))
            }

            fn recurrent_backward(
                inputs: RecurrentInputs<Self>,
                options: &RecurrentOptions,
                kept: Self::Kept,
                gradient: FloatTensor<Self>,
                wants_input: bool,
            ) -> [Option<FloatTensor<Self>>; 5] {
                recurrent_backward::<Self>(inputs, options, &kept, gradient, wants_input)
            }

            fn conv1d_forward(
                input: FloatTensor<Self>,
                kernel: FloatTensor<Self>,
                bias: FloatTensor<Self>,
                relu: bool,
            ) -> FloatTensor<Self> {
                let sizes = conv_sizes::<Self>(&input, &kernel);
                let [input, kernel, bias] = [input, kernel, bias].map(Self::contiguous);
                let [input, kernel, bias] = [&input, &kernel, &bias].map(|tensor| Self::numbers(tensor));
                let output = conv::forward(sizes, input, kernel, bias, relu);
                Self::tensor(output, &[sizes.batch, sizes.time + 1 - sizes.window, sizes.filters])
            }

            fn conv1d_backward(
                input: FloatTensor<Self>,
                kernel: FloatTensor<Self>,
                output: Option<FloatTensor<Self>>,
                gradient: FloatTensor<Self>,
            ) -> [FloatTensor<Self>; 3] {
                let sizes = conv_sizes::<Self>(&input, &kernel);
                let [input, kernel, gradient] = [input, kernel, gradient].map(Self::contiguous);
                let output = output.map(Self::contiguous);
                let [d_input, d_kernel, d_bias] = conv::backward(
                    sizes,
                    Self::numbers(&input),
                    Self::numbers(&kernel),
                    output.as_ref().map(|tensor| Self::numbers(tensor)),
                    Self::numbers(&gradient),
                );
                [
                    Self::tensor(d_input, &[sizes.batch, sizes.time, sizes.d_input]),
                    Self::tensor(d_kernel, &[sizes.window, sizes.d_input, sizes.filters]),
                    Self::tensor(d_bias, &[sizes.filters]),
                ]
            }

            fn dropout_apply(input: FloatTensor<Self>, key: RandomKey, rate: f64) -> FloatTensor<Self> {
                let shape = input.shape();
                let dims: Vec<usize> = (0..shape.num_dims()).map(|dim| shape[dim]).collect();
                let input = Self::contiguous(input);
                Self::tensor(dropout::apply(Self::numbers(&input), key, rate), &dims)
            }

            fn table_rows(table: FloatTensor<Self>, ids: IntTensor<Self>) -> FloatTensor<Self> {
                let (rows, columns) = (ids.shape()[0], ids.shape()[1]);
                let (vocab, width) = (table.shape()[0], table.shape()[1]);
                let ids = self::ids::<Self>(ids, vocab);
                let table = Self::contiguous(table);
                Self::tensor(embedding::forward(Self::numbers(&table), width, &ids), &[rows, columns, width])
            }

            fn rows_gradient(gradient: FloatTensor<Self>, ids: IntTensor<Self>, vocab: usize) -> FloatTensor<Self> {
                let width = gradient.shape()[2];
                let ids = self::ids::<Self>(ids, vocab);
                let gradient = Self::contiguous(gradient);
                let table = embedding::backward(Self::numbers(&gradient), vocab, width, &ids);
                Self::tensor(table, &[vocab, width])
            }

            fn table_put(table: FloatTensor<Self>, ids: IntTensor<Self>, rows: FloatTensor<Self>) -> FloatTensor<Self> {
                let (vocab, width) = (table.shape()[0], table.shape()[1]);
                let ids = self::ids::<Self>(ids, vocab);
                let [mut table, rows] = [table, rows].map(Self::contiguous);
                embedding::put(Self::numbers_mut(&mut table), width, &ids, Self::numbers(&rows));
                table
            }

            fn max_pool1d_forward(input: FloatTensor<Self>, pool: usize) -> (FloatTensor<Self>, Self::Places) {
                let shape = input.shape();
                let sizes = PoolSizes { batch: shape[0], time: shape[1], channels: shape[2], pool };
                let input = Self::contiguous(input);
                let (output, places) = pooling::forward(sizes, Self::numbers(&input));
                (Self::tensor(output, &[sizes.batch, sizes.time / pool, sizes.channels]), places.into())
            }

            fn max_pool1d_backward(
                gradient: FloatTensor<Self>,
                places: Self::Places,
                time: usize,
                pool: usize,
            ) -> FloatTensor<Self> {
                let shape = gradient.shape();
                let sizes = PoolSizes { batch: shape[0], time, channels: shape[2], pool };
                let gradient = Self::contiguous(gradient);
                let input = pooling::backward(sizes, &places, Self::numbers(&gradient));
                Self::tensor(input, &[sizes.batch, time, sizes.channels])
            }

            fn adam_update(
                value: FloatTensor<Self>,
                mean: FloatTensor<Self>,
                square: FloatTensor<Self>,
                gradient: FloatTensor<Self>,
                step: AdamStep,
            ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
                let [mut value, mut mean, mut square, gradient] = [value, mean, square, gradient].map(Self::contiguous);
                adam::step(
                    Self::numbers_mut(&mut value),
                    Self::numbers_mut(&mut mean),
                    Self::numbers_mut(&mut square),
                    Self::numbers(&gradient),
                    step,
                );
                (value, mean, square)
            }
        }
    };
}

#[cfg(feature = "flex")]
kernels_of_the_cpu!(burn::backend::Flex);
#[cfg(feature = "ndarray")]
kernels_of_the_cpu!(burn::backend::NdArray);
