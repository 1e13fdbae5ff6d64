//! The common part of the GPU's kernels. Each is written once in CubeCL for all its runtimes: Vulkan, Metal, DirectX 12
//! and WebGPU through wgpu, and CUDA.

pub(crate) mod adapter;
pub(crate) mod on_tensors;
pub(crate) mod tensors;
