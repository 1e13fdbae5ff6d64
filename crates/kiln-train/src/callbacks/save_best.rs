//! Keeps the best weights: on disk as the artifact's weights, and as the result of the run.

use std::path::PathBuf;

use kiln_models::weights::{self, Weights};
use serde::{Deserialize, Serialize};

use crate::callbacks::callback::{Callback, CallbackState, Control};
use crate::callbacks::monitor::Monitor;
use crate::error::Result;
use crate::report::file::write_file;
use crate::report::history::EpochLogs;

/// Writes the weights to a safetensors file whenever a metric reaches a new best value, and ends the run with the best
/// ones: Keras's `ModelCheckpoint` with `save_best_only`, except that the file is never half-written.
#[derive(Clone, Debug)]
pub struct SaveBest {
    monitor: Monitor,
    /// `None` if another rank of a group writes the file.
    path: Option<PathBuf>,
    state: State,
    best_weights: Weights,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct State {
    best: Option<f64>,
    best_epoch: usize,
}

impl SaveBest {
    /// Watches `monitor` and writes to `path`.
    pub fn on(monitor: Monitor, path: impl Into<PathBuf>) -> Self {
        Self::of_run(monitor, Some(path.into()))
    }

    pub(crate) fn of_run(monitor: Monitor, path: Option<PathBuf>) -> Self {
        Self { monitor, path, state: State::default(), best_weights: Weights::new() }
    }
}

impl Callback for SaveBest {
    fn name(&self) -> &'static str {
        "save_best"
    }

    fn on_epoch_end(&mut self, logs: &EpochLogs, control: &mut Control<'_>) -> Result<()> {
        let value = self.monitor.value(logs)?;
        if self.monitor.improves(value, self.state.best, 0.0) {
            self.state = State { best: Some(value), best_epoch: logs.epoch };
            self.best_weights = control.weights();
            if let Some(path) = &self.path {
                write_file(path, &weights::to_safetensors(&self.best_weights, weights::Precision::Full, None)?)?;
            }
        }
        Ok(())
    }

    fn on_train_end(&mut self, control: &mut Control<'_>) -> Result<()> {
        if !self.best_weights.is_empty() {
            control.set_weights(std::mem::take(&mut self.best_weights));
        }
        Ok(())
    }

    fn kept_epoch(&self) -> Option<usize> {
        (self.state.best_epoch > 0).then_some(self.state.best_epoch)
    }

    fn state(&self) -> CallbackState {
        CallbackState::of(self.state, self.best_weights.clone())
    }

    fn restore(&mut self, state: CallbackState) -> Result<()> {
        (self.state, self.best_weights) = state.read(self.name())?;
        Ok(())
    }
}
