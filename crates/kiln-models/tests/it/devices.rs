//! The devices of the build that tests run on; what is skipped is named.

use std::io::Write;

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
        None => skip("wgpu: no adapter, not even a software one"),
    }
    assert!(!devices.is_empty(), "a build without a backend tests nothing: name a feature");
    devices
}

/// Names what is left out, past the test harness's capture; where nothing may be, fails.
#[allow(dead_code)]
pub(crate) fn skip(what: &str) {
    assert!(std::env::var_os("KILN_NO_SKIP").is_none(), "must not be skipped: {what}");
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let _ = writeln!(std::io::stderr(), "skipped in {test}: {what}");
}
