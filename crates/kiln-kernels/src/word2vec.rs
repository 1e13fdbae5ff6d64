//! word2vec's inner loop: windows drawn from sentences, negative words drawn by frequency, and two tables updated in
//! place, on the CPU or on a device. Callers read the corpus and schedule the epochs.

mod batch;
mod cpu;
mod device_tables;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu;
mod rows;
mod sampler;
mod tables;
pub(crate) mod twin;

pub use batch::{LossSum, Prediction, Window, WindowBatch};
pub use cpu::Workspace;
pub use device_tables::DeviceTables;
pub use sampler::{AliasTable, WindowSampler};
pub use tables::WordTables;
