//! What a run reports: its history, its curves, and its progress in the terminal.

mod bar;
pub(crate) mod file;
pub(crate) mod history;
pub(crate) mod metrics;
#[cfg(feature = "plot")]
mod plot;
pub(crate) mod progress;
pub(crate) mod silent;

pub use history::{EpochLogs, History};
