//! Dropout.

mod autodiff;
#[cfg_attr(not(any(feature = "flex", feature = "ndarray")), allow(dead_code))]
mod cpu;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu;
pub(crate) mod twin;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use self::autodiff::DropoutOps;
use crate::backend::choice::is_fused;
use crate::random::RandomKey;

/// Sets elements to 0 with probability `rate` and multiplies the others by 1 / (1 - `rate`).
///
/// Which elements depends only on the key and the position: the mask is that of [`RandomKey::dropout_mask`].
///
/// # Shapes
///
/// The output has the shape of the input, which may be any.
///
/// # Fast path
///
/// With 32-bit floats on the CPU backends and on GPUs, the mask is computed in the kernel, forward and backward, and
/// never stored. Anything else goes through [`reference::dropout`](crate::reference::dropout()).
///
/// # Panics
///
/// If the rate is below 0 or not below 1.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use kiln_kernels::{RandomKey, dropout};
///
/// let input = Tensor::<2>::ones([8, 8], &Device::flex());
/// let output = dropout(input, RandomKey::new(0), 0.5).to_data().to_vec::<f32>().unwrap();
/// assert!(output.iter().all(|&value| value == 0.0 || value == 2.0));
/// # }
/// ```
pub fn dropout<const D: usize>(input: Tensor<D>, key: RandomKey, rate: f64) -> Tensor<D> {
    assert!((0.0..1.0).contains(&rate), "a dropout rate must be at least 0 and below 1, but is {rate}");
    if !is_fused(&input) {
        return twin::dropout(input, key, rate);
    }
    Tensor::from_dispatch(<Dispatch as DropoutOps>::dropout(input.into_dispatch(), key, rate))
}
