//! The twin of the mean negative log-likelihood in plain Burn operations.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

use super::KernelLayout;

/// [`crate::mean_nll`] operation by operation.
///
/// # Shapes
///
/// Those of [`crate::mean_nll`], which checks them.
///
/// # Panics
///
/// If the shapes do not fit.
pub fn mean_nll(
    input: Tensor<2>,
    kernel: Tensor<2>,
    bias: Tensor<1>,
    classes: Tensor<1, Int>,
    layout: KernelLayout,
) -> (Tensor<1>, Tensor<2>) {
    let kernel = match layout {
        KernelLayout::InputByClass => kernel,
        KernelLayout::ClassByInput => kernel.transpose(),
    };
    let scores = input.matmul(kernel) + bias.unsqueeze();
    let log_probs = log_softmax(scores, 1).gather(1, classes.unsqueeze_dim(1));
    (log_probs.clone().mean().neg(), log_probs.without_autodiff())
}
