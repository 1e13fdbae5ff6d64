//! Stopping when a metric no longer improves, by Keras's rule.

use kiln_base::OptionError;
use kiln_models::weights::Weights;
use serde::{Deserialize, Serialize};

use crate::callbacks::callback::{Callback, CallbackState, Control};
use crate::callbacks::monitor::Monitor;
use crate::error::Result;
use crate::report::history::EpochLogs;

kiln_base::options! {
    /// Stops a run when a metric has not improved for `patience` epochs: Keras's `EarlyStopping`, with
    /// its options and its rule.
    ///
    /// One difference: NaN is never an improvement (Keras keeps a NaN in the first epoch as the best value for the
    /// whole run).
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_models::weights::Weights;
    /// use kiln_train::{Callback, Control, EarlyStopping, EpochLogs, Monitor};
    ///
    /// let mut stopping = EarlyStopping::on(Monitor::ValidLoss).patience(2);
    /// let weights = Weights::new;
    /// let mut control = Control::new(0.1, &weights);
    /// for (epoch, val_loss) in [(1, 0.5), (2, 0.6), (3, 0.7)] {
    ///     stopping.on_epoch_end(&EpochLogs { epoch, val_loss, ..EpochLogs::default() }, &mut control)?;
    /// }
    /// assert_eq!(stopping.best_epoch(), Some(1));
    /// assert!(control.stopped().is_some());
    /// # Ok::<(), kiln_train::Error>(())
    /// ```
    #[derive(Clone, Debug)]
    pub struct EarlyStopping [
        /// Watches `monitor` with Keras's defaults: patience 0, no minimal change, no baseline, the
        /// last weights kept.
        pub fn on
    ] {
        required monitor: Monitor,
        /// The smallest change that counts as an improvement; its sign is ignored.
        min_delta: f64 = 0.0,
        /// Epochs without improvement after which the run stops; 0 acts like 1. A resumed run that had stopped goes on
        /// only with a higher number.
        patience: usize = 0,
        /// A value to reach: an improvement that does not beat it does not reset the wait.
        some baseline: f64,
        /// Whether the run ends with the weights of its best epoch, even if it was not stopped.
        restore_best_weights: bool = false,
        /// The first epoch to watch, counted from 0.
        start_from_epoch: usize = 0,
        bare state: State = State { wait: 0, best: None, best_epoch: 0 },
        bare best_weights: Weights = Weights::new(),
    }
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct State {
    wait: usize,
    best: Option<f64>,
    best_epoch: usize,
}

impl EarlyStopping {
    /// The best epoch so far, counted from 1.
    pub fn best_epoch(&self) -> Option<usize> {
        (self.state.best_epoch > 0).then_some(self.state.best_epoch)
    }

    fn keep(&mut self, epoch: usize, control: &Control<'_>) {
        self.state.best_epoch = epoch;
        if self.restore_best_weights {
            self.best_weights = control.weights();
        }
    }
}

impl EarlyStopping {
    /// Why it stops a run now.
    fn reason(&self) -> String {
        let State { wait, best_epoch, .. } = self.state;
        let epochs = if wait == 1 { "epoch" } else { "epochs" };
        format!("{} has not improved for {wait} {epochs}; the best epoch was {best_epoch}", self.monitor.name())
    }
}

impl Callback for EarlyStopping {
    fn name(&self) -> &'static str {
        "early_stopping"
    }

    fn check(&self) -> Result<()> {
        let baseline = self.baseline.unwrap_or(0.0);
        for (option, value) in [("min_delta of EarlyStopping", self.min_delta), ("baseline of EarlyStopping", baseline)]
        {
            OptionError::unless(value.is_finite(), option, "a finite number", value)?;
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, logs: &EpochLogs, control: &mut Control<'_>) -> Result<()> {
        if logs.epoch - 1 < self.start_from_epoch {
            return Ok(());
        }
        let value = self.monitor.value(logs)?;
        if self.state.best_epoch == 0 {
            // Something to restore if nothing ever improves.
            self.keep(logs.epoch, control);
        }
        self.state.wait += 1;
        if self.monitor.improves(value, self.state.best, self.min_delta.abs()) {
            self.state.best = Some(value);
            self.keep(logs.epoch, control);
            if self.baseline.is_none_or(|line| self.monitor.improves(value, Some(line), self.min_delta.abs())) {
                self.state.wait = 0;
            }
            return Ok(());
        }
        if self.state.wait >= self.patience && logs.epoch > 1 {
            control.stop(self.reason());
        }
        Ok(())
    }

    fn on_train_end(&mut self, control: &mut Control<'_>) -> Result<()> {
        if !self.best_weights.is_empty() {
            control.set_weights(std::mem::take(&mut self.best_weights));
        }
        Ok(())
    }

    fn goes_on(&self, reason: &str) -> bool {
        reason == self.reason() && self.state.wait < self.patience
    }

    fn kept_epoch(&self) -> Option<usize> {
        self.best_epoch().filter(|_| self.restore_best_weights)
    }

    fn state(&self) -> CallbackState {
        CallbackState::of(self.state, self.best_weights.clone())
    }

    fn restore(&mut self, state: CallbackState) -> Result<()> {
        (self.state, self.best_weights) = state.read(self.name())?;
        Ok(())
    }
}
