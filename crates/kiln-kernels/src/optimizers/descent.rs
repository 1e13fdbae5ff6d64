//! A step of gradient descent, and the squared norm of a gradient.

mod autodiff;
#[cfg_attr(not(any(feature = "flex", feature = "ndarray")), allow(dead_code))]
mod cpu;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu;
pub(crate) mod twin;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use self::autodiff::DescentOps;
use crate::backend::choice::{Kernels, assert_same_device, is_fused};

/// The value after one step of gradient descent: `value - rate * scale * gradient`, where `scale` is one number, 1 by
/// default. Autodiff records none of it.
///
/// # Shapes
///
/// - value, gradient: the same
/// - scale: `[1]`
///
/// # Fast path
///
/// One pass on the CPU backends, one launch on a GPU (two with a scale), where all are 32-bit floats; a value that
/// nothing else holds is updated in place. Anything else goes through
/// [`reference::sgd_step`](crate::reference::sgd_step()).
///
/// # Panics
///
/// If the shapes or the devices differ.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use kiln_kernels::sgd_step;
///
/// let of = |numbers: [f32; 2]| Tensor::<1>::from_floats(numbers, &Device::flex());
/// let value = sgd_step(of([1.0, 2.0]), of([4.0, 0.0]), None, 0.25);
/// assert_eq!(value.to_data().to_vec::<f32>().unwrap(), [0.0, 2.0]);
/// # }
/// ```
pub fn sgd_step(value: Tensor<1>, gradient: Tensor<1>, scale: Option<Tensor<1>>, rate: f64) -> Tensor<1> {
    let (expected, got) = (value.dims(), gradient.dims());
    assert_eq!(got, expected, "the gradient must have the value's shape {expected:?}, but has {got:?}");
    assert_same_device("gradient", &gradient.device(), &value.device());
    if ![&value, &gradient].into_iter().all(is_fused) {
        return twin::sgd_step(value.detach(), gradient.detach(), scale.map(Tensor::detach), rate);
    }
    let (gradient, scale) = scaled(gradient, scale);
    let rate = (rate * f64::from(scale)) as f32;
    Tensor::from_dispatch(<Dispatch as DescentOps>::descend(value.into_dispatch(), gradient.into_dispatch(), rate))
}

/// What a kernel takes of a gradient and its scale: on the CPU the number itself, which lies in the host's memory; on a
/// GPU, which would have to be waited for, the product.
pub(crate) fn scaled(gradient: Tensor<1>, scale: Option<Tensor<1>>) -> (Tensor<1>, f32) {
    match scale {
        None => (gradient, 1.0),
        Some(scale) if matches!(Kernels::of(&scale), Some(Kernels::Cpu)) => (gradient, scale.into_scalar()),
        Some(scale) => (gradient * scale, 1.0),
    }
}

/// The sum of the squares of all numbers. It is not recorded by autodiff.
///
/// # Shapes
///
/// - tensor: any
/// - output: `[1]`
///
/// # Fast path
///
/// One pass on all threads on the CPU backends, with 32-bit floats; the sum does not depend on how many threads there are.
/// Anything else goes through [`reference::squared_norm`](crate::reference::squared_norm()).
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use kiln_kernels::squared_norm;
///
/// let squares = squared_norm(Tensor::<2>::from_floats([[1.0, 2.0], [2.0, 4.0]], &Device::flex()));
/// assert_eq!(squares.into_scalar::<f32>(), 25.0);
/// # }
/// ```
pub fn squared_norm<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    match Kernels::of(&tensor) {
        Some(Kernels::Cpu) => Tensor::from_dispatch(<Dispatch as DescentOps>::squared_norm(tensor.into_dispatch())),
        _ => twin::squared_norm(tensor.detach()),
    }
}
