//! Small building blocks that Kiln's crates share.
//!
//! | what | with |
//! |---|---|
//! | reading a user's file | [`Input`] |
//! | writing a file whole or not at all | [`WholeFile`], [`write_whole`] |
//! | a folder in which only one process works at a time | [`FolderLock`] |
//! | decoding bytes into characters | [`Encoding`] |
//! | choosing a column of a file | [`Column`] |
//! | the errors that every crate has | [`FileError`], [`OptionError`] |
//! | random numbers and orders from a seed, and detecting unshuffled rows | [`SplitMix64`], [`is_sorted_by_class`] |
//! | words numbered by first appearance | [`Interner`] |
//! | the valid steps of a padded row | [`Span`] |
//! | checksums in files | [`checksum`] |
//! | the options of a builder or configuration | [`options!`](crate::options) |
//! | splitting rows into parts | [`split`] |
//! | how much each row counts in training | [`RowWeights`] |
//! | sparse matrices stored by rows (feature `sparse`) | `sparse::CsrMatrix` |

pub mod checksum;
mod column;
mod error;
mod folder_lock;
pub mod input;
mod interner;
mod options;
pub mod packed;
mod random;
mod rows;
mod whole_file;

pub use column::Column;
pub use error::{FileError, OptionError};
pub use folder_lock::FolderLock;
pub use input::Input;
pub use input::encoding::Encoding;
pub use interner::{BadParts, Interner};
pub use random::{SplitMix64, is_sorted_by_class};
pub use rows::span::Span;
#[cfg(feature = "sparse")]
pub use rows::sparse;
pub use rows::split;
pub use rows::weights::RowWeights;
pub use whole_file::{WholeFile, write_whole};
