//! The mean negative log-likelihood of classes after a dense layer, with its gradient on the way.
//!
//! Through a softmax over thousands of classes the scores are the largest tensors of a step, and a graph over them keeps
//! several copies and walks each again. Here the gradient by the scores is made where the scores are, and what leaves
//! are the gradients by input, kernel and bias. There are no gradients of gradients.

use burn::tensor::activation::softmax;
use burn::tensor::{IndexingUpdateOp, Int, Tensor};

/// The mean of -log softmax(input * kernel + bias) at the rows' classes, and these log-probabilities.
///
/// The log-probabilities have no gradient; the mean has one by input, kernel and bias.
///
/// # Shapes
///
/// - input: `[batch, d_input]`
/// - kernel: `[d_input, classes]`
/// - bias: `[classes]`
/// - classes: `[batch]`
/// - mean: `[1]`, log-probabilities `[batch, 1]`
pub(crate) fn mean_nll(
    input: Tensor<2>,
    kernel: Tensor<2>,
    bias: Tensor<1>,
    classes: Tensor<1, Int>,
) -> (Tensor<1>, Tensor<2>) {
    let strategy = input.gradient_checkpointing_strategy();
    let (x, w, b) =
        (input.clone().without_autodiff(), kernel.clone().without_autodiff(), bias.clone().without_autodiff());
    let index = classes.without_autodiff().unsqueeze_dim::<2>(1);
    let [rows, _] = x.dims();

    let scores = x.clone().matmul(w.clone()) + b.unsqueeze();
    let highest = scores.clone().max_dim(1);
    let of_class = scores.clone().gather(1, index.clone());
    let shares = softmax(scores, 1);
    // The highest share is 1 / sum of exp(score - highest), and never underflows.
    let log_probs = of_class - highest + shares.clone().max_dim(1).log();
    let mean = log_probs.clone().mean().neg();
    let Some(strategy) = strategy else {
        return (mean, log_probs);
    };

    let on_graph = |tensor: Tensor<2>| Tensor::from_inner(tensor).with_gradient_checkpointing_strategy(strategy);
    let minus_one = index.clone().float().zeros_like().sub_scalar(1.0);
    let by_scores = shares.scatter(1, index, minus_one, IndexingUpdateOp::Add);
    let by_kernel = on_graph(x.transpose().matmul(by_scores.clone()));
    let by_bias = on_graph(by_scores.clone().sum_dim(0));
    let by_input = on_graph(by_scores.matmul(w.transpose()));
    // Its gradients are those numbers, and its own value cancels out.
    let carrier = (input * by_input).sum() + (kernel * by_kernel).sum() + (bias.unsqueeze() * by_bias).sum();
    let zero = (carrier.clone() - carrier.detach()).div_scalar(rows as f64);
    let mean = Tensor::from_inner(mean).with_gradient_checkpointing_strategy(strategy);
    (mean + zero, log_probs)
}
