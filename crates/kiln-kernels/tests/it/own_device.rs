//! A separate device for one test on the first adapter: with lower limits than the adapter's, or to be lost.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use burn::tensor::Device;
use burn::tensor::wgpu::{WgpuSetup, wgpu};

/// A device that no other test uses, with the adapter's limits as modified by `change`, and wgpu's handle of it; `None`
/// without an adapter.
pub(crate) fn own_device(change: impl FnOnce(&mut wgpu::Limits)) -> Option<(Device, wgpu::Device)> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapter = wait(instance.enumerate_adapters(wgpu::Backends::PRIMARY)).into_iter().next()?;
    let mut required_limits = adapter.limits();
    change(&mut required_limits);
    let left_out = wgpu::Features::MAPPABLE_PRIMARY_BUFFERS | wgpu::Features::all_experimental_mask();
    let required_features = adapter.features().difference(left_out);
    let descriptor = wgpu::DeviceDescriptor { required_features, required_limits, ..Default::default() };
    let (handle, queue) = wait(adapter.request_device(&descriptor)).expect("limits below an adapter's are given");
    let backend = adapter.get_info().backend;
    let setup = WgpuSetup { instance, adapter, device: handle.clone(), queue, backend };
    let device = Device::wgpu_options().setup(setup).init().expect("wgpu's own device is taken");
    Some((device, handle))
}

/// The result of a future. wgpu's futures are ready at once, except in a browser.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
        std::thread::yield_now();
    }
}
