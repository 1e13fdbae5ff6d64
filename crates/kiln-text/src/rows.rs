//! Rows of ids: padding to one length, batches of similar length, windows of long rows, and dense matrices.

pub(crate) mod length_batches;
pub(crate) mod matrix;
pub(crate) mod pad;
pub(crate) mod sliding;

pub use kiln_base::Span;
pub use length_batches::{BatchPlan, LengthBatches, PaddingReport};
pub use matrix::Matrix;
pub use pad::{PadSequences, Padded, PaddedSamples, Padding, Truncating, pad_sequences};
pub use sliding::{Remainder, SlidingWindows};
