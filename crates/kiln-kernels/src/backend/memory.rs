//! A GPU's name and memory, as reported by its runtime, and how much memory this process holds.

use burn::tensor::Device;

/// The memory of a GPU in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceMemory {
    /// The largest buffer.
    pub largest_buffer: u64,
    /// What this process holds, in use or kept for the next tensors.
    pub held: u64,
    /// The whole memory; `None` if the runtime does not report it, as WebGPU does not.
    pub all: Option<u64>,
}

/// The memory of `device`; `None` if it is not a GPU. Waits until all earlier work has been submitted to the device.
///
/// # Panics
///
/// CubeCL may panic if the device is lost.
#[cfg_attr(not(any(feature = "wgpu", feature = "cuda")), allow(unused_variables))]
pub fn device_memory(device: &Device) -> Option<DeviceMemory> {
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    return with_client(device, |client| {
        let memory = &client.properties().memory;
        DeviceMemory {
            largest_buffer: memory.max_page_size,
            held: device.clone().inner().memory_pool_usage().map_or(0, |usage| usage.bytes_reserved),
            all: memory.max_memory(),
        }
    });
    #[cfg(not(any(feature = "wgpu", feature = "cuda")))]
    None
}

/// The GPU's name; `None` if `device` is not a GPU.
#[cfg_attr(not(any(feature = "wgpu", feature = "cuda")), allow(unused_variables))]
pub fn gpu_name(device: &Device) -> Option<String> {
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    return with_client(device, |client| client.properties().identity.name.clone());
    #[cfg(not(any(feature = "wgpu", feature = "cuda")))]
    None
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn with_client<R>(device: &Device, act: impl FnOnce(&burn_cubecl::cubecl::client::Client) -> R) -> Option<R> {
    match device.clone().inner().as_dispatch() {
        burn::backend::DispatchDevice::Cube(device) => Some(act(&device.client())),
        #[allow(unreachable_patterns)] // a build may have no other backend
        _ => None,
    }
}
