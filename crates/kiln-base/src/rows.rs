//! Rows of data: their valid steps, their weights, splits into parts, and sparse matrices.

pub(crate) mod span;
#[cfg(feature = "sparse")]
pub mod sparse;
pub mod split;
pub(crate) mod weights;
