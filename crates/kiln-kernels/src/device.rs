//! Which tensors the kernels take.

use std::cell::Cell;

use burn::tensor::{DType, Device, Tensor};

thread_local! {
    static TWINS: Cell<bool> = const { Cell::new(false) };
}

/// Runs `act` with every operation that this thread asks for computed by its twin in
/// [`reference`](mod@crate::reference): to find out whether a kernel is to blame for a number.
///
/// A backward pass follows its forward pass: what was computed by a twin is derived through the
/// twin, also outside of `act`.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use kiln_kernels::{max_pool1d, with_twins};
///
/// let input = Tensor::<3>::from_floats([[[1.0], [3.0], [2.0], [0.0]]], &Device::flex());
/// let by_the_kernel = max_pool1d(input.clone(), 2);
/// let by_plain_operations = with_twins(|| max_pool1d(input, 2));
/// assert_eq!(by_the_kernel.to_data(), by_plain_operations.to_data());
/// # }
/// ```
pub fn with_twins<R>(act: impl FnOnce() -> R) -> R {
    /// Puts the old choice back, also when `act` panics.
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            TWINS.set(self.0);
        }
    }
    let _restore = Restore(TWINS.replace(true));
    act()
}

/// Whether this thread is within [`with_twins`].
pub(crate) fn wants_twins() -> bool {
    TWINS.get()
}

/// Whether the CPU's kernels take the tensor: 32-bit floats on one of the CPU backends, outside of
/// [`with_twins`].
pub(crate) fn is_fused<const D: usize>(tensor: &Tensor<D>) -> bool {
    !wants_twins() && tensor.dtype() == DType::F32 && is_cpu(&tensor.device())
}

/// Whether the device is of one of the CPU backends of this build.
pub(crate) fn is_cpu(device: &Device) -> bool {
    #[allow(unused_imports)]
    use burn::backend::DispatchDevice;
    match device.clone().inner().as_dispatch() {
        #[cfg(feature = "flex")]
        DispatchDevice::Flex(_) => true,
        #[cfg(feature = "ndarray")]
        DispatchDevice::NdArray(_) => true,
        #[allow(unreachable_patterns)] // a build may hold no other backend
        _ => false,
    }
}

pub(crate) fn assert_same_device(what: &str, got: &Device, expected: &Device) {
    let (got, expected) = (got.clone().inner(), expected.clone().inner());
    assert_eq!(got, expected, "the {what} must be on device {expected:?} like the rest, but is on {got:?}");
}
