//! The numbers of Flex's and NdArray's tensors as slices, for the CPU's kernels.

use burn::backend::Backend;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::{Shape, read_sync};

/// Slices of a CPU backend's tensors of 32-bit floats.
pub(crate) trait Slices: Backend {
    /// The tensor with its numbers in order, and nothing else in its storage.
    fn contiguous(tensor: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The numbers of a contiguous tensor.
    fn numbers(tensor: &FloatTensor<Self>) -> &[f32];

    /// The numbers for writing; they are copied first if the tensor shares them.
    fn numbers_mut(tensor: &mut FloatTensor<Self>) -> &mut [f32];

    /// A tensor that owns `numbers`.
    fn tensor(numbers: Vec<f32>, shape: impl Into<Shape>) -> FloatTensor<Self>;
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

    fn tensor(numbers: Vec<f32>, shape: impl Into<Shape>) -> FloatTensor<Self> {
        burn::backend::flex::FlexTensor::from_data(burn::tensor::TensorData::new(numbers, shape))
    }
}

#[cfg(feature = "ndarray")]
mod with_ndarray {
    use burn::backend::NdArray;
    use burn::backend::ndarray::{NdArrayTensor, SharedArray};
    use burn::backend::tensor::FloatTensor;
    use burn::tensor::Shape;

    use super::Slices;

    const FLOATS: &str = "the fast path needs 32-bit floats";
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

        fn tensor(numbers: Vec<f32>, shape: impl Into<Shape>) -> FloatTensor<Self> {
            let array = SharedArray::from_shape_vec(shape.into().to_vec(), numbers).expect("a kernel fills its shape");
            NdArrayTensor::from(array)
        }
    }
}

/// The ids of an integer tensor.
///
/// # Panics
///
/// If an id is not below `vocab`.
pub(crate) fn ids_below<B: Slices>(tensor: IntTensor<B>, vocab: usize) -> Vec<u32> {
    let data = read_sync(B::int_into_data(tensor)).expect("the memory of the CPU can be read");
    data.iter::<i64>()
        .map(|id| {
            assert!(id >= 0 && (id as usize) < vocab, "an id must be below the table's {vocab} rows, but one is {id}");
            id as u32
        })
        .collect()
}
