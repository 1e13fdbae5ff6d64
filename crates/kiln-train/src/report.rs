//! What a run tells: its history, the curves, and what a person sees while it goes on.

mod bar;
pub(crate) mod file;
pub(crate) mod history;
pub(crate) mod metrics;
#[cfg(feature = "plot")]
mod plot;
pub(crate) mod progress;
pub(crate) mod silent;

pub use history::{EpochLogs, History};
