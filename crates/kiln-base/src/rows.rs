//! Rows of data: where each is valid, how much it counts, which part it is in, and sparse ones.

pub(crate) mod span;
#[cfg(feature = "sparse")]
pub mod sparse;
pub mod split;
pub(crate) mod weights;
