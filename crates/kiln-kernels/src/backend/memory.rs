//! A GPU's name and memory, as far as its runtime says, and how much of the memory this process holds.

use burn::tensor::Device;

/// The memory of a GPU in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceMemory {
    /// The largest buffer that it gives.
    pub largest_buffer: u64,
    /// What this process has taken, used or kept for the next tensors.
    pub held: u64,
    /// What there is; `None` where the runtime does not say, as WebGPU does not.
    pub all: Option<u64>,
}

/// The memory of `device`; `None` of a device that is no GPU. Waits until the device has been given what
/// was asked of it before.
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

/// What a GPU calls itself; `None` of a device that is no GPU.
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
        #[allow(unreachable_patterns)] // a build may hold no other backend
        _ => None,
    }
}
