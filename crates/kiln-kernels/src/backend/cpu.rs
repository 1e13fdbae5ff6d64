//! The common part of the CPU's kernels, which work on slices of 32-bit floats: one core for all CPU
//! backends.

pub(crate) mod lanes;
pub(crate) mod product;
pub(crate) mod shared;
pub(crate) mod slices;
