//! The twin of the convolution in plain Burn operations.

use burn::tensor::Tensor;

use crate::backend::activation::Activation;

/// [`crate::conv1d`] as one product per position of the window.
///
/// # Shapes
///
/// Those of [`crate::conv1d`], which checks them.
///
/// # Panics
///
/// If the shapes do not match.
pub fn conv1d(input: Tensor<3>, kernel: Tensor<3>, bias: Tensor<1>, activation: Activation) -> Tensor<3> {
    let [batch, steps, d_input] = input.dims();
    let [window, _, filters] = kernel.dims();
    let out_steps = steps + 1 - window;
    let rows = input.reshape([batch * steps, d_input]);
    let place = |place: usize| {
        // Each position multiplies the whole input once; output t adds row t + place of that product.
        let weight = kernel.clone().narrow(0, place, 1).reshape([d_input, filters]);
        rows.clone().matmul(weight).reshape([batch, steps, filters]).narrow(1, place, out_steps)
    };
    let sum = (1..window).fold(place(0), |sum, at| sum + place(at));
    activation.apply(sum + bias.unsqueeze())
}
