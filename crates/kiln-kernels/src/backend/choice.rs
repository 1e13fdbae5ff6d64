//! Which kernels a tensor is computed by.

use std::cell::Cell;

use burn::tensor::{DType, Device, Tensor};

#[cfg(any(feature = "wgpu", feature = "cuda"))]
use super::gpu::adapter::Adapter;

thread_local! {
    static TWINS: Cell<bool> = const { Cell::new(false) };
}

/// Runs `act` with every operation of this thread computed by its twin in [`reference`](mod@crate::reference), to find
/// out whether a kernel is to blame for a number.
///
/// A backward pass goes through twins if its forward pass did, also outside of `act`.
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
    /// Restores the old choice, also if `act` panics.
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

/// The kernels for a tensor.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kernels {
    /// The CPU's, for Flex and NdArray.
    #[cfg_attr(not(any(feature = "flex", feature = "ndarray")), allow(dead_code))]
    Cpu,
    /// The GPU's, within the adapter's limits.
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    Gpu(Adapter),
}

impl Kernels {
    /// The kernels for a tensor: it must have 32-bit floats, be outside of [`with_twins`], be on a backend with
    /// kernels, and on a GPU be small enough for 32-bit indices.
    pub(crate) fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        #[allow(unused_imports)]
        use burn::backend::DispatchDevice;
        if wants_twins() || tensor.dtype() != DType::F32 {
            return None;
        }
        match tensor.device().inner().as_dispatch() {
            #[cfg(feature = "flex")]
            DispatchDevice::Flex(_) => Some(Self::Cpu),
            #[cfg(feature = "ndarray")]
            DispatchDevice::NdArray(_) => Some(Self::Cpu),
            #[cfg(any(feature = "wgpu", feature = "cuda"))]
            DispatchDevice::Cube(device) => {
                let adapter = Adapter::new(device);
                adapter.holds(tensor.dims()).then_some(Self::Gpu(adapter))
            }
            #[allow(unreachable_patterns)] // a build may have no other backend
            _ => None,
        }
    }

    /// The kernels for all of the tensors, which are on one device.
    pub(crate) fn of_all<const D: usize>(tensors: &[&Tensor<D>]) -> Option<Self> {
        let mut kernels = None;
        for tensor in tensors {
            kernels = Some(Self::of(tensor)?);
        }
        kernels
    }

    /// Whether a kernel supports the call: the CPU's support every size, a GPU's may have limits.
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    pub(crate) fn fit(self, on_a_gpu: impl FnOnce(&Adapter) -> bool) -> bool {
        match self {
            Self::Cpu => true,
            Self::Gpu(adapter) => on_a_gpu(&adapter),
        }
    }
}

/// Whether there are kernels for the tensor, see [`Kernels::of`].
pub(crate) fn is_fused<const D: usize>(tensor: &Tensor<D>) -> bool {
    Kernels::of(tensor).is_some()
}

pub(crate) fn assert_same_device(what: &str, got: &Device, expected: &Device) {
    let (got, expected) = (got.clone().inner(), expected.clone().inner());
    assert_eq!(got, expected, "the {what} must be on device {expected:?} like the rest, but is on {got:?}");
}
