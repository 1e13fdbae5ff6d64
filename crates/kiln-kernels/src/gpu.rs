//! The kernels of GPUs, each written once in CubeCL for every runtime of it: Vulkan, Metal, DirectX
//! 12 and WebGPU through wgpu, and CUDA.

mod backend;
pub(crate) mod conv;
mod device;
mod elementwise;
mod on_tensors;
pub(crate) mod recurrent;
pub(crate) mod table_gradient;
pub(crate) mod word_update;

pub(crate) use device::Adapter;
