//! The twin of the convolution in plain Burn operations.

use burn::tensor::Tensor;

use crate::activation::Activation;

/// [`crate::conv1d`] as a product for each place in the window.
///
/// # Shapes
///
/// Those of [`crate::conv1d`], which checks them.
///
/// # Panics
///
/// If the shapes do not fit.
pub fn conv1d(input: Tensor<3>, kernel: Tensor<3>, bias: Tensor<1>, activation: Activation) -> Tensor<3> {
    let [batch, steps, d_input] = input.dims();
    let [window, _, filters] = kernel.dims();
    let out_steps = steps + 1 - window;
    let rows = input.reshape([batch * steps, d_input]);
    let place = |place: usize| {
        // Each place multiplies the whole input once; what it adds to output t is its row t + place.
        let weight = kernel.clone().narrow(0, place, 1).reshape([d_input, filters]);
        rows.clone().matmul(weight).reshape([batch, steps, filters]).narrow(1, place, out_steps)
    };
    let sum = (1..window).fold(place(0), |sum, at| sum + place(at));
    activation.apply(sum + bias.unsqueeze())
}
