//! The value that a callback watches, and when it counts as better.

use crate::error::{Error, Result};
use crate::report::history::EpochLogs;

/// Whether lower or higher values are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Lower is better.
    Min,
    /// Higher is better.
    Max,
}

/// What a callback watches.
///
/// # Examples
///
/// ```
/// use kiln_train::{EpochLogs, Monitor};
///
/// let logs = EpochLogs { val_loss: 0.5, ..EpochLogs::default() };
/// let value = Monitor::ValidLoss.value(&logs)?;
/// assert!(Monitor::ValidLoss.improves(value, Some(0.75), 0.0));
/// # Ok::<(), kiln_train::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Monitor {
    /// The training loss.
    TrainLoss,
    /// The training accuracy.
    TrainAccuracy,
    /// The validation loss.
    ValidLoss,
    /// The validation accuracy.
    ValidAccuracy,
    /// A metric by its name in the history, such as `val_Accuracy` of a Burn metric.
    Metric {
        /// The name.
        name: String,
        /// Whether lower or higher is better.
        mode: Mode,
    },
}

impl Monitor {
    /// The value's name in the history.
    pub fn name(&self) -> &str {
        match self {
            Self::TrainLoss => "loss",
            Self::TrainAccuracy => "accuracy",
            Self::ValidLoss => "val_loss",
            Self::ValidAccuracy => "val_accuracy",
            Self::Metric { name, .. } => name,
        }
    }

    /// Whether lower or higher is better.
    pub fn mode(&self) -> Mode {
        match self {
            Self::TrainLoss | Self::ValidLoss => Mode::Min,
            Self::TrainAccuracy | Self::ValidAccuracy => Mode::Max,
            Self::Metric { mode, .. } => *mode,
        }
    }

    /// The value in `logs`.
    ///
    /// # Errors
    ///
    /// The run has no such metric; the message lists those it has.
    pub fn value(&self, logs: &EpochLogs) -> Result<f64> {
        logs.get(self.name()).ok_or_else(|| {
            let names: Vec<String> = logs.entries().into_iter().map(|(name, _)| name).collect();
            Error::UnknownMetric { name: self.name().to_owned(), available: names.join(", ") }
        })
    }

    /// Whether `value` is better than `best` by more than `min_delta`. NaN never is; any other value is better than
    /// none.
    pub fn improves(&self, value: f64, best: Option<f64>, min_delta: f64) -> bool {
        match (best, self.mode()) {
            (None, _) => !value.is_nan(),
            (Some(best), Mode::Min) => value + min_delta < best,
            (Some(best), Mode::Max) => value - min_delta > best,
        }
    }
}
