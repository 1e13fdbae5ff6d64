//! Lowering the learning rate when a metric no longer improves, by Keras's rule or by PyTorch's.

use kiln_base::OptionError;
use kiln_models::weights::Weights;
use serde::{Deserialize, Serialize};

use crate::callbacks::callback::{Callback, CallbackState, Control};
use crate::callbacks::monitor::Monitor;
use crate::error::Result;
use crate::report::history::EpochLogs;

kiln_base::options! {
    /// Multiplies the learning rate by `factor` when a metric has not improved for `patience` epochs:
    /// Keras's `ReduceLROnPlateau`, with its options and its rule.
    ///
    /// PyTorch's scheduler of the same name waits one epoch longer and measures the change relatively:
    /// [`ReduceLrOnPlateau::rule`] takes its rule. One departure from Keras: a NaN in the first epoch is no improvement.
    #[derive(Clone, Debug)]
    pub struct ReduceLrOnPlateau [
        /// Watches `monitor` with Keras's defaults: factor 0.1, patience 10, minimal change 1e-4, no
        /// cooldown, least rate 0.
        pub fn on
    ] {
        required monitor: Monitor,
        /// Whose rule decides. Default: Keras's.
        rule: PlateauRule = PlateauRule::Keras,
        /// What the rate is multiplied by: above 0 and below 1.
        factor: f64 = 0.1,
        /// Epochs without improvement after which the rate is lowered; by Keras's rule 0 acts like 1.
        patience: usize = 10,
        /// The least change that counts as an improvement; its sign is ignored.
        min_delta: f64 = 1e-4,
        /// Epochs to wait after a reduction before counting again. By Keras's rule 1 acts like 0.
        cooldown: usize = 0,
        /// The rate that is never gone below.
        min_lr: f64 = 0.0,
        bare state: State = State { wait: 0, cooldown: 0, best: None },
    }
}

/// Whose rule decides.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum PlateauRule {
    /// Keras's: the rate falls as soon as `patience` epochs have not improved, and the minimal change
    /// is a difference.
    #[default]
    Keras,
    /// PyTorch's: the rate falls when more than `patience` epochs have not improved.
    PyTorch {
        /// How the minimal change is measured.
        threshold: Threshold,
        /// The least change of the rate that is made. PyTorch's default is 1e-8.
        eps: f64,
    },
}

impl PlateauRule {
    /// PyTorch's rule with its defaults: a relative threshold and an `eps` of 1e-8.
    pub fn pytorch() -> Self {
        Self::PyTorch { threshold: Threshold::Relative, eps: 1e-8 }
    }
}

/// How PyTorch's rule measures the minimal change (`threshold_mode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Threshold {
    /// As a share of the best value: PyTorch's `rel`, its default. It assumes values above 0.
    #[default]
    Relative,
    /// As a difference: PyTorch's `abs`.
    Absolute,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct State {
    wait: usize,
    cooldown: usize,
    best: Option<f64>,
}

impl ReduceLrOnPlateau {
    fn keras(&mut self, value: f64, control: &mut Control<'_>) {
        let state = &mut self.state;
        if state.cooldown > 0 {
            state.cooldown -= 1;
            state.wait = 0;
        }
        if self.monitor.improves(value, state.best, self.min_delta.abs()) {
            state.best = Some(value);
            state.wait = 0;
        } else if state.cooldown == 0 {
            state.wait += 1;
            if state.wait >= self.patience && control.learning_rate() > self.min_lr {
                self.reduce(control);
            }
        }
    }

    fn pytorch(&mut self, value: f64, threshold: Threshold, eps: f64, control: &mut Control<'_>) {
        let state = &mut self.state;
        let delta = match (threshold, state.best) {
            (Threshold::Relative, Some(best)) => self.min_delta.abs() * best,
            _ => self.min_delta.abs(),
        };
        if self.monitor.improves(value, state.best, delta) {
            state.best = Some(value);
            state.wait = 0;
        } else {
            state.wait += 1;
        }
        if state.cooldown > 0 {
            state.cooldown -= 1;
            state.wait = 0;
        }
        if state.wait > self.patience {
            let rate = control.learning_rate();
            if rate - (rate * self.factor).max(self.min_lr) > eps {
                self.reduce(control);
            }
            self.state.cooldown = self.cooldown;
            self.state.wait = 0;
        }
    }

    fn reduce(&mut self, control: &mut Control<'_>) {
        control.set_learning_rate((control.learning_rate() * self.factor).max(self.min_lr));
        self.state.cooldown = self.cooldown;
        self.state.wait = 0;
    }
}

impl Callback for ReduceLrOnPlateau {
    fn name(&self) -> &'static str {
        "reduce_lr_on_plateau"
    }

    fn check(&self) -> Result<()> {
        let eps = match self.rule {
            PlateauRule::PyTorch { eps, .. } => eps,
            PlateauRule::Keras => 0.0,
        };
        let is_factor = self.factor > 0.0 && self.factor < 1.0;
        let is_size = |value: f64| value.is_finite() && value >= 0.0;
        OptionError::unless(is_factor, "factor of the plateau", "above 0 and below 1", self.factor)?;
        OptionError::unless(self.min_delta.is_finite(), "min_delta of the plateau", "a number", self.min_delta)?;
        OptionError::unless(is_size(eps), "eps of the plateau", "a number of at least 0", eps)?;
        OptionError::unless(is_size(self.min_lr), "min_lr of the plateau", "at least 0", self.min_lr)?;
        Ok(())
    }

    fn on_epoch_end(&mut self, logs: &EpochLogs, control: &mut Control<'_>) -> Result<()> {
        let value = self.monitor.value(logs)?;
        match self.rule {
            PlateauRule::Keras => self.keras(value, control),
            PlateauRule::PyTorch { threshold, eps } => self.pytorch(value, threshold, eps, control),
        }
        Ok(())
    }

    fn state(&self) -> CallbackState {
        CallbackState::of(self.state, Weights::new())
    }

    fn restore(&mut self, state: CallbackState) -> Result<()> {
        (self.state, _) = state.read(self.name())?;
        Ok(())
    }
}
