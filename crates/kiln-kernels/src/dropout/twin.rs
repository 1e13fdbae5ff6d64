//! The twin of dropout in plain Burn operations.

use burn::tensor::{Tensor, TensorData};

use crate::random::RandomKey;

/// [`crate::dropout`] with the mask as a tensor.
///
/// # Shapes
///
/// Those of [`crate::dropout`], which checks them.
///
/// # Panics
///
/// If the shapes do not match.
pub fn dropout<const D: usize>(input: Tensor<D>, key: RandomKey, rate: f64) -> Tensor<D> {
    let shape = input.dims();
    let mask = key.dropout_mask(shape.iter().product(), rate);
    let mask = Tensor::from_data(TensorData::new(mask, shape), (&input.device(), input.dtype()));
    // Dropped elements are zero even if they were infinite or NaN.
    let dropped = mask.clone().equal_elem(0.0);
    (input * mask).mask_fill(dropped, 0.0)
}
