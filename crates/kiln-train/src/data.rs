//! Data sets for training, and how text becomes their rows.

pub(crate) mod batches;
mod burn_dataset;
mod context_dataset;
pub(crate) mod loader;
pub(crate) mod rows;
mod sequence_datasets;
mod text_dataset;
mod text_windows;

pub use batches::{Batches, DataLimits, Labelled};
pub use burn_dataset::BurnDataset;
pub use context_dataset::ContextDataset;
pub use rows::{SeriesDataset, TokenDataset};
pub use sequence_datasets::SequenceDatasets;
pub use text_dataset::{DocumentDataset, EncodedBatches, EncodedDataset, EncodedText, PadBatcher};
pub use text_windows::TextWindows;
