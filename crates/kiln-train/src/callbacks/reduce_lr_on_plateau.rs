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
    /// PyTorch's scheduler of the same name waits one epoch longer and measures the change relatively;
    /// [`ReduceLrOnPlateau::rule`] selects its rule. One difference from Keras: a NaN in the first epoch is not an
    /// improvement.
    ///
    /// Not together with [`LearningRateSchedule`](crate::LearningRateSchedule), which sets the rate of every step.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_models::weights::Weights;
    /// use kiln_train::{Callback, Control, EpochLogs, Monitor, ReduceLrOnPlateau};
    ///
    /// let mut plateau = ReduceLrOnPlateau::on(Monitor::ValidLoss).factor(0.5).patience(2);
    /// let weights = Weights::new;
    /// let mut control = Control::new(0.1, &weights);
    /// for (epoch, val_loss) in [(1, 0.5), (2, 0.6), (3, 0.7)] {
    ///     plateau.on_epoch_end(&EpochLogs { epoch, val_loss, ..EpochLogs::default() }, &mut control)?;
    /// }
    /// assert_eq!(control.learning_rate(), 0.05);
    /// # Ok::<(), kiln_train::Error>(())
    /// ```
    #[derive(Clone, Debug)]
    pub struct ReduceLrOnPlateau [
        /// Watches `monitor` with Keras's defaults: factor 0.1, patience 10, minimal change 1e-4, no cooldown, lowest
        /// rate 0.
        pub fn on
    ] {
        required monitor: Monitor,
        /// The rule, Keras's or PyTorch's. Default: Keras's.
        rule: PlateauRule = PlateauRule::Keras,
        /// The factor for the learning rate: above 0 and below 1.
        factor: f64 = 0.1,
        /// Epochs without improvement after which the rate is lowered; by Keras's rule 0 acts like 1.
        patience: usize = 10,
        /// The smallest change that counts as an improvement; its sign is ignored.
        min_delta: f64 = 1e-4,
        /// Epochs to wait after a reduction before counting again. By Keras's rule 1 acts like 0.
        cooldown: usize = 0,
        /// The lowest learning rate.
        min_lr: f64 = 0.0,
        bare state: State = State { wait: 0, cooldown: 0, best: None },
    }
}

/// Keras's or PyTorch's rule.
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
        /// The smallest change of the rate that is applied. PyTorch's default is 1e-8.
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
    pub(crate) const NAME: &'static str = "reduce_lr_on_plateau";

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
        Self::NAME
    }

    fn check(&self) -> Result<()> {
        let eps = match self.rule {
            PlateauRule::PyTorch { eps, .. } => eps,
            PlateauRule::Keras => 0.0,
        };
        let is_factor = self.factor > 0.0 && self.factor < 1.0;
        let is_size = |value: f64| value.is_finite() && value >= 0.0;
        for (option, is_right, expected, value) in [
            ("factor of ReduceLrOnPlateau", is_factor, "above 0 and below 1", self.factor),
            ("min_delta of ReduceLrOnPlateau", self.min_delta.is_finite(), "a finite number", self.min_delta),
            ("eps of PlateauRule::PyTorch", is_size(eps), "a number of at least 0", eps),
            ("min_lr of ReduceLrOnPlateau", is_size(self.min_lr), "a number of at least 0", self.min_lr),
        ] {
            OptionError::unless(is_right, option, expected, value)?;
        }
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
