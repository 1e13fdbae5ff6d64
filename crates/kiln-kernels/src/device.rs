//! Which tensors the kernels take.

use burn::tensor::{DType, Device, Tensor};

/// Whether the CPU's kernels take the tensor: 32-bit floats on one of the CPU backends.
pub(crate) fn is_fused<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.dtype() == DType::F32 && is_cpu(&tensor.device())
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
