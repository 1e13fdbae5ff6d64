//! What operations need from the backends: the choice of kernels, slices and vectors on the CPU, limits and launches on
//! a GPU, recording for autodiff, and memory.

pub(crate) mod activation;
pub(crate) mod allocator;
pub(crate) mod autodiff;
pub(crate) mod choice;
#[cfg_attr(not(any(feature = "flex", feature = "ndarray")), allow(dead_code))]
pub(crate) mod cpu;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
pub(crate) mod gpu;
pub(crate) mod memory;
