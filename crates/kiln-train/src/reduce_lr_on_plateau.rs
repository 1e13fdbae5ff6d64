//! Lowering the learning rate when a metric no longer improves, by Keras's rule. PyTorch's rule is left out.

use serde::{Deserialize, Serialize};

use crate::callback::{Callback, CallbackState, Control};
use crate::early_stopping::from_values;
use crate::error::{Error, Result};
use crate::history::EpochLogs;
use crate::monitor::Monitor;

/// Multiplies the learning rate by `factor` when a metric has not improved for `patience` epochs:
/// Keras's `ReduceLROnPlateau`, with its options and its rule.
///
/// PyTorch's scheduler of the same name waits one epoch longer and measures the change relatively.
/// One departure from Keras: a NaN in the first epoch is no improvement.
#[derive(Clone, Debug)]
pub struct ReduceLrOnPlateau {
    monitor: Monitor,
    factor: f64,
    patience: usize,
    min_delta: f64,
    cooldown: usize,
    min_lr: f64,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct State {
    wait: usize,
    cooldown: usize,
    best: Option<f64>,
}

impl ReduceLrOnPlateau {
    /// Watches `monitor` with Keras's defaults: factor 0.1, patience 10, minimal change 1e-4, no
    /// cooldown, least rate 0.
    #[must_use]
    pub fn on(monitor: Monitor) -> Self {
        Self { monitor, factor: 0.1, patience: 10, min_delta: 1e-4, cooldown: 0, min_lr: 0.0, state: State::default() }
    }

    /// What the rate is multiplied by: above 0 and below 1.
    #[must_use]
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// Epochs without improvement after which the rate is lowered; 0 acts like 1.
    #[must_use]
    pub fn patience(mut self, epochs: usize) -> Self {
        self.patience = epochs;
        self
    }

    /// The least change that counts as an improvement; its sign is ignored.
    #[must_use]
    pub fn min_delta(mut self, delta: f64) -> Self {
        self.min_delta = delta.abs();
        self
    }

    /// Epochs to wait after a reduction before counting again. As in Keras, 1 acts like 0.
    #[must_use]
    pub fn cooldown(mut self, epochs: usize) -> Self {
        self.cooldown = epochs;
        self
    }

    /// The rate that is never gone below.
    #[must_use]
    pub fn min_lr(mut self, rate: f64) -> Self {
        self.min_lr = rate;
        self
    }
}

impl Callback for ReduceLrOnPlateau {
    fn name(&self) -> &'static str {
        "reduce_lr_on_plateau"
    }

    fn check(&self) -> Result<()> {
        if !(self.factor > 0.0 && self.factor < 1.0) {
            return Err(Error::option("the plateau's factor", "above 0 and below 1", self.factor));
        }
        if !(self.min_lr.is_finite() && self.min_lr >= 0.0) {
            return Err(Error::option("the plateau's least rate", "at least 0", self.min_lr));
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, logs: &EpochLogs, control: &mut Control<'_>) -> Result<()> {
        let value = self.monitor.value(logs)?;
        let state = &mut self.state;
        if state.cooldown > 0 {
            state.cooldown -= 1;
            state.wait = 0;
        }
        if self.monitor.improves(value, state.best, self.min_delta) {
            state.best = Some(value);
            state.wait = 0;
        } else if state.cooldown == 0 {
            state.wait += 1;
            if state.wait >= self.patience && control.learning_rate() > self.min_lr {
                let rate = (control.learning_rate() * self.factor).max(self.min_lr);
                control.set_learning_rate(rate);
                state.cooldown = self.cooldown;
                state.wait = 0;
            }
        }
        Ok(())
    }

    fn state(&self) -> CallbackState {
        CallbackState { values: serde_json::to_value(self.state).unwrap_or_default(), ..Default::default() }
    }

    fn restore(&mut self, state: CallbackState) -> Result<()> {
        self.state = from_values(self.name(), state.values)?;
        Ok(())
    }
}
