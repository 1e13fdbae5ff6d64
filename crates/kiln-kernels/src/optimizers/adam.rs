//! The Adam optimizer's step.

mod autodiff;
#[cfg_attr(not(any(feature = "flex", feature = "ndarray")), allow(dead_code))]
mod cpu;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu;
pub(crate) mod twin;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use self::autodiff::{AdamOps, Moments};
use super::descent::scaled;
use crate::backend::choice::{assert_same_device, is_fused};

/// The numbers of one step of Adam with Keras's rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// Decay of the mean of gradients.
    pub beta_1: f64,
    /// Decay of the mean of squared gradients.
    pub beta_2: f64,
    /// Keeps the division finite.
    pub epsilon: f64,
    /// The learning rate times sqrt(1 - beta_2^t) / (1 - beta_1^t), t counted from 1.
    pub rate: f64,
}

/// One step of Adam with Keras's rule. Returns the value and the means of the gradients and of their squares:
///
/// ```text
/// mean' = beta_1 mean + (1 - beta_1) g        square' = beta_2 square + (1 - beta_2) g^2
/// value' = value - rate mean' / (sqrt(square') + epsilon)
/// ```
///
/// where g is the gradient times `scale`, one number, or 1 without it. Autodiff records nothing.
///
/// # Shapes
///
/// - value, mean, square, gradient: the same
/// - scale: `[1]`
///
/// # Fast path
///
/// One pass on the CPU backends, one launch on a GPU (two with a scale), if all tensors are 32-bit floats. Tensors that
/// nothing else holds are updated in place. Anything else goes through
/// [`reference::adam_step`](crate::reference::adam_step).
///
/// # Panics
///
/// If the shapes or the devices differ.
///
/// # References
///
/// Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014; like Keras, it adds epsilon to the root of the
/// uncorrected second moment.
pub fn adam_step(
    value: Tensor<1>,
    mean: Tensor<1>,
    square: Tensor<1>,
    gradient: Tensor<1>,
    scale: Option<Tensor<1>>,
    step: AdamStep,
) -> (Tensor<1>, Tensor<1>, Tensor<1>) {
    let expected = value.dims();
    for (what, got) in [("mean", mean.dims()), ("square", square.dims()), ("gradient", gradient.dims())] {
        assert_eq!(got, expected, "the {what} must have the value's shape {expected:?}, but has {got:?}");
    }
    for (what, tensor) in [("mean", &mean), ("square", &square), ("gradient", &gradient)] {
        assert_same_device(what, &tensor.device(), &value.device());
    }
    if ![&value, &mean, &square, &gradient].into_iter().all(is_fused) {
        let scale = scale.map(Tensor::detach);
        return twin::adam_step(value.detach(), mean.detach(), square.detach(), gradient.detach(), scale, step);
    }
    let (gradient, scale) = scaled(gradient, scale);
    let [value, mean, square] = [value, mean, square].map(Tensor::into_dispatch);
    let moments = Moments { value, mean, square };
    let moments = <Dispatch as AdamOps>::adam(moments, gradient.into_dispatch(), scale, step);
    let [value, mean, square] = [moments.value, moments.mean, moments.square].map(Tensor::from_dispatch);
    (value, mean, square)
}
