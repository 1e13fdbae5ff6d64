//! Searches and comparisons: [`Query`] and the nearest words, and comparisons of words, under gensim's names.
//!
//! `rows.rs` scores rows of numbers, with the 8-bit codes of `codes.rs`, the heap of `ranking.rs` and the arithmetic of
//! `kernel.rs`; these four do not deal with words.

pub(crate) mod codes;
mod kernel;
pub(crate) mod query;
mod ranking;
pub(crate) mod rows;
mod similarity;

pub use query::{Query, Similar};
pub use similarity::{MeanOptions, UnknownWords};
