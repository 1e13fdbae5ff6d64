//! The common part of the CPU's kernels. They work on slices of 32-bit floats and serve all CPU backends.

pub(crate) mod lanes;
pub(crate) mod product;
pub(crate) mod shared;
pub(crate) mod slices;
pub(crate) mod together;
