//! The devices of the build that tests run on.

use burn::tensor::Device;

/// Every backend of the build that has a device here.
pub(crate) fn all() -> Vec<(&'static str, Device)> {
    let mut devices = Vec::new();
    #[cfg(feature = "flex")]
    devices.push(("flex", Device::flex()));
    #[cfg(feature = "ndarray")]
    #[allow(deprecated)]
    devices.push(("ndarray", Device::ndarray()));
    #[cfg(feature = "wgpu")]
    match Device::enumerate(burn::tensor::DeviceType::Wgpu).into_vec().into_iter().next() {
        Some(device) => devices.push(("wgpu", device)),
        None => crate::skips::no_adapter(),
    }
    assert!(!devices.is_empty(), "a build without a backend tests nothing: name a feature");
    devices
}
