//! The twins of gradient descent and of the squared norm in plain Burn operations.

use burn::tensor::Tensor;

/// [`crate::sgd_step`] operation by operation.
///
/// # Shapes
///
/// Those of [`crate::sgd_step`], which checks them.
///
/// # Panics
///
/// If the shapes do not fit.
pub fn sgd_step(value: Tensor<1>, gradient: Tensor<1>, scale: Option<Tensor<1>>, rate: f64) -> Tensor<1> {
    let gradient = match scale {
        Some(scale) => gradient * scale,
        None => gradient,
    };
    value - gradient * rate
}

/// [`crate::squared_norm`] operation by operation.
pub fn squared_norm<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    tensor.square().sum()
}
