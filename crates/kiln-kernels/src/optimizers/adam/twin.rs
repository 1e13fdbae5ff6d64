//! The twin of Adam's step in plain Burn operations.

use burn::tensor::Tensor;

use super::AdamStep;

/// [`crate::adam_step`] operation by operation.
///
/// # Shapes
///
/// Those of [`crate::adam_step`], which checks them.
///
/// # Panics
///
/// If the shapes do not fit.
pub fn adam_step(
    value: Tensor<1>,
    mean: Tensor<1>,
    square: Tensor<1>,
    gradient: Tensor<1>,
    scale: Option<Tensor<1>>,
    step: AdamStep,
) -> (Tensor<1>, Tensor<1>, Tensor<1>) {
    let gradient = match scale {
        Some(scale) => gradient * scale,
        None => gradient,
    };
    let mean = mean * step.beta_1 + gradient.clone() * (1.0 - step.beta_1);
    let square = square * step.beta_2 + gradient.square() * (1.0 - step.beta_2);
    let update = mean.clone() * step.rate / (square.clone().sqrt() + step.epsilon);
    (value - update, mean, square)
}
