//! Adam.

mod autodiff;
#[cfg_attr(not(any(feature = "flex", feature = "ndarray")), allow(dead_code))]
mod cpu;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu;
pub(crate) mod twin;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use self::autodiff::{AdamOps, Moments};
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

/// Value, mean and square of gradients after one step of Adam with Keras's rule:
///
/// ```text
/// mean' = beta_1 mean + (1 - beta_1) g        square' = beta_2 square + (1 - beta_2) g^2
/// value' = value - rate mean' / (sqrt(square') + epsilon)
/// ```
///
/// None of it is recorded by autodiff.
///
/// # Shapes
///
/// All four tensors have the same shape.
///
/// # Fast path
///
/// One pass on the CPU backends, one launch on a GPU, where all are 32-bit floats; tensors that nothing else holds are
/// updated in place. Anything else goes through [`reference::adam_step`](crate::reference::adam_step).
///
/// # Panics
///
/// If the shapes or the devices differ.
///
/// # References
///
/// Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014; Keras places epsilon next to
/// the root of the uncorrected second moment.
pub fn adam_step(
    value: Tensor<1>,
    mean: Tensor<1>,
    square: Tensor<1>,
    gradient: Tensor<1>,
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
        return twin::adam_step(value.detach(), mean.detach(), square.detach(), gradient.detach(), step);
    }
    let [value, mean, square] = [value, mean, square].map(Tensor::into_dispatch);
    let moments = <Dispatch as AdamOps>::adam(Moments { value, mean, square }, gradient.into_dispatch(), step);
    let [value, mean, square] = [moments.value, moments.mean, moments.square].map(Tensor::from_dispatch);
    (value, mean, square)
}
