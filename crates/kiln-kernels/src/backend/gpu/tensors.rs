//! GPU tensors for the kernels: contiguous, reshaped and new ones, and their products.

use std::any::Any;

use burn::backend::{DType, TensorMetadata};
use burn::tensor::Shape;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::kernel::matmul::{MatmulStrategy, matmul};
use burn_cubecl::ops::numeric::{empty_device_contiguous_dtype, zeros_client};
use burn_cubecl::tensor::CubeTensor;

/// The tensor with its numbers in order, without gaps.
pub(crate) use burn_cubecl::kernel::into_contiguous as contiguous;

/// The alignment of a part of a buffer, in numbers: no adapter needs more than 256 bytes.
pub(crate) const ALIGNED: usize = 64;

/// Converts `value` to the type that it has at run time.
pub(crate) fn same<A: Any, B: Any>(value: A) -> B {
    let value: Box<dyn Any> = Box::new(value);
    *value.downcast().expect("both are the tensors of one backend")
}

/// A contiguous tensor that nothing else holds.
pub(crate) fn owned(tensor: CubeTensor) -> CubeTensor {
    let tensor = contiguous(tensor);
    // A copy may have padded rows, as on CUDA.
    if tensor.can_mut() { tensor } else { contiguous(tensor.copy()) }
}

/// Zeros on the device of `like`, contiguous.
pub(crate) fn zeros(like: &CubeTensor, shape: Shape) -> CubeTensor {
    // One dimension is never padded.
    let numbers = Shape::new([shape.num_elements()]);
    let numbers = zeros_client(like.client.clone(), like.device.clone(), numbers, DType::F32);
    CubeTensor::new_contiguous(like.client.clone(), like.device.clone(), shape, numbers.handle, DType::F32)
}

/// An unwritten tensor of 32-bit floats on the device of `like`.
pub(crate) fn empty(like: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    empty_of(like, shape, DType::F32)
}

/// The same with another type.
pub(crate) fn empty_of(like: &CubeTensor, shape: impl Into<Shape>, dtype: DType) -> CubeTensor {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), shape.into(), dtype)
}

/// Numbers of the host, copied to the device of `like`.
pub(crate) fn upload(numbers: &[u32], like: &CubeTensor) -> CubeTensor {
    let handle = like.client.create_from_slice(u32::as_bytes(numbers));
    let (client, device) = (like.client.clone(), like.device.clone());
    CubeTensor::new_contiguous(client, device, Shape::new([numbers.len()]), handle, DType::U32)
}

/// A contiguous tensor in another shape.
pub(crate) fn reshaped<const D: usize>(tensor: &CubeTensor, shape: [usize; D]) -> CubeTensor {
    debug_assert_eq!(tensor.shape().num_elements(), shape.iter().product::<usize>());
    let (client, device) = (tensor.client.clone(), tensor.device.clone());
    CubeTensor::new_contiguous(client, device, Shape::new(shape), tensor.handle.clone(), tensor.dtype)
}

/// The tensor's numbers from `from`, a multiple of [`ALIGNED`], as a tensor.
pub(crate) fn part<const D: usize>(tensor: &CubeTensor, from: usize, shape: [usize; D]) -> CubeTensor {
    debug_assert!(from.is_multiple_of(ALIGNED));
    let after = tensor.shape().num_elements() - from - shape.iter().product::<usize>();
    let bytes = |numbers: usize| (numbers * size_of::<f32>()) as u64;
    let handle = tensor.handle.clone().offset_start(bytes(from)).offset_end(bytes(after));
    let (client, device) = (tensor.client.clone(), tensor.device.clone());
    CubeTensor::new_contiguous(client, device, Shape::new(shape), handle, tensor.dtype)
}

/// A batch of matrix products into a contiguous tensor of `shape`.
pub(crate) fn product<const D: usize>(lhs: CubeTensor, rhs: CubeTensor, shape: [usize; D]) -> CubeTensor {
    let out = empty(&lhs, shape);
    matmul(lhs, rhs, Some(out), MatmulStrategy::default(), DType::F32).expect("Burn has a kernel for every product")
}
