//! The twin of max pooling in plain Burn operations.

use burn::tensor::Tensor;

/// [`crate::max_pool1d`] as the maximum of a dimension.
///
/// # Shapes
///
/// Those of [`crate::max_pool1d`], which checks them.
///
/// # Panics
///
/// If the shapes do not match.
pub fn max_pool1d(input: Tensor<3>, pool: usize) -> Tensor<3> {
    let [batch, steps, channels] = input.dims();
    let windows = steps / pool;
    if windows == 0 {
        return Tensor::zeros([batch, 0, channels], (&input.device(), input.dtype()));
    }
    let input = if windows * pool < steps { input.narrow(1, 0, windows * pool) } else { input };
    input.reshape([batch, windows, pool, channels]).max_dim(2).reshape([batch, windows, channels])
}
