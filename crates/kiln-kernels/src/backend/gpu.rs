//! The common part of the kernels of GPUs, each written once in CubeCL for every runtime of it: Vulkan,
//! Metal, DirectX 12 and WebGPU through wgpu, and CUDA.

pub(crate) mod adapter;
pub(crate) mod on_tensors;
pub(crate) mod tensors;
