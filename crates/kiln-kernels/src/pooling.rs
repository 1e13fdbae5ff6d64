//! Max pooling over time.

mod autodiff;
#[cfg_attr(not(any(feature = "flex", feature = "ndarray")), allow(dead_code))]
mod cpu;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu;
pub(crate) mod twin;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use self::autodiff::PoolOps;
use crate::backend::choice::is_fused;

/// The largest value of each channel in every `pool` steps, without overlap. Steps that do not fill a last window are
/// dropped.
///
/// # Shapes
///
/// - input: `[batch, time, channel]`
/// - output: `[batch, time / pool, channel]`
///
/// # Fast path
///
/// On the CPU backends and on GPUs, with 32-bit floats and pools of up to 256 steps. Anything else goes through
/// [`reference::max_pool1d`](crate::reference::max_pool1d()). Among equal values, the first receives the gradient.
///
/// # Panics
///
/// If `pool` is 0.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use kiln_kernels::max_pool1d;
///
/// let input = Tensor::<3>::from_floats([[[1.0], [3.0], [2.0], [0.0], [9.0]]], &Device::flex());
/// assert_eq!(max_pool1d(input, 2).to_data().to_vec::<f32>().unwrap(), [3.0, 2.0]);
/// # }
/// ```
pub fn max_pool1d(input: Tensor<3>, pool: usize) -> Tensor<3> {
    assert!(pool > 0, "a pool must hold at least 1 step, but holds 0");
    if !is_fused(&input) || pool > 256 {
        return twin::max_pool1d(input, pool);
    }
    Tensor::from_dispatch(<Dispatch as PoolOps>::max_pool1d(input.into_dispatch(), pool))
}
