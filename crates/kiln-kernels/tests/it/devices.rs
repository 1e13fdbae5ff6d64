//! The devices of the build, for tests to run on.

use burn::tensor::Device;

/// Every backend of the build that has a device on this machine.
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
    #[cfg(feature = "cuda")]
    match Device::enumerate(burn::tensor::DeviceType::Cuda).into_vec().into_iter().next() {
        Some(device) => devices.push(("cuda", device)),
        None => crate::skips::no_card(),
    }
    assert!(!devices.is_empty(), "a build without a backend tests nothing: name a feature");
    devices
}

/// Only the CPU's backends, for tests with many cases.
#[allow(dead_code)] // other crates include this file
pub(crate) fn on_the_cpu() -> Vec<(&'static str, Device)> {
    all().into_iter().filter(|(name, _)| !matches!(*name, "wgpu" | "cuda")).collect()
}
