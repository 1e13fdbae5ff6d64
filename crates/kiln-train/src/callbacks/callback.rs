//! Callbacks: what may happen between steps and epochs of a run.

use kiln_models::weights::Weights;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::report::history::EpochLogs;

/// Something that watches a run and may steer it.
///
/// Kiln's own [`EarlyStopping`](crate::EarlyStopping),
/// [`ReduceLrOnPlateau`](crate::ReduceLrOnPlateau) and [`SaveBest`](crate::SaveBest) are built on
/// this trait only. Callbacks are called in the order in which they were added.
///
/// # Examples
///
/// ```
/// use kiln_train::{Callback, Control, EpochLogs, Result};
///
/// /// Stops as soon as the validation accuracy is good enough.
/// struct GoodEnough(f64);
///
/// impl Callback for GoodEnough {
///     fn name(&self) -> &'static str {
///         "good_enough"
///     }
///
///     fn on_epoch_end(&mut self, logs: &EpochLogs, control: &mut Control<'_>) -> Result<()> {
///         if logs.val_accuracy.is_some_and(|accuracy| accuracy >= self.0) {
///             control.stop(format!("validation accuracy reached {}", self.0));
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait Callback: Send {
    /// A name, the same in every process: a run is only resumed with callbacks of the same names in
    /// the same order.
    fn name(&self) -> &'static str;

    /// Called before anything is written or deleted, to refuse options that are out of range.
    ///
    /// # Errors
    ///
    /// An error keeps the run from starting.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Called before the first step of a run, or of its continuation.
    ///
    /// # Errors
    ///
    /// An error ends the run.
    fn on_train_begin(&mut self, plan: &Plan, control: &mut Control<'_>) -> Result<()> {
        let _ = (plan, control);
        Ok(())
    }

    /// Called after every optimizer step.
    ///
    /// # Errors
    ///
    /// An error ends the run.
    fn on_step_end(&mut self, step: &StepLogs, control: &mut Control<'_>) -> Result<()> {
        let _ = (step, control);
        Ok(())
    }

    /// Called after the validation of every epoch.
    ///
    /// # Errors
    ///
    /// An error ends the run.
    fn on_epoch_end(&mut self, logs: &EpochLogs, control: &mut Control<'_>) -> Result<()> {
        let _ = (logs, control);
        Ok(())
    }

    /// Called once after the last epoch, or after the one in which a callback stopped the run; not
    /// where an error or the user ended it.
    ///
    /// # Errors
    ///
    /// An error ends the run.
    fn on_train_end(&mut self, control: &mut Control<'_>) -> Result<()> {
        let _ = control;
        Ok(())
    }

    /// What a checkpoint keeps, so that a resumed run goes on as if never stopped.
    fn state(&self) -> CallbackState {
        CallbackState::default()
    }

    /// Takes up what [`Callback::state`] gave.
    ///
    /// # Errors
    ///
    /// The state is not one of this callback's.
    fn restore(&mut self, state: CallbackState) -> Result<()> {
        let _ = state;
        Ok(())
    }

    /// Whether a run that had ended because of `reason`, which this or another callback gave, goes on when it is resumed with
    /// the options as they are now. Asked after [`Callback::restore`]; by default it does not.
    fn goes_on(&self, reason: &str) -> bool {
        let _ = reason;
        false
    }

    /// The epoch whose weights it puts back when training ends, counted from 1. By default those of the last epoch stay.
    fn kept_epoch(&self) -> Option<usize> {
        None
    }
}

/// A callback's state in a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallbackState {
    /// Numbers and options.
    pub values: serde_json::Value,
    /// Tensors, such as the best weights so far.
    #[serde(skip)]
    pub weights: Weights,
}

impl CallbackState {
    /// A state that is plain data, and weights.
    pub(crate) fn of(state: impl Serialize, weights: Weights) -> Self {
        Self { values: serde_json::to_value(state).unwrap_or_default(), weights }
    }

    /// The state that [`CallbackState::of`] was given by the callback `name`.
    pub(crate) fn read<T: DeserializeOwned>(self, name: &str) -> Result<(T, Weights)> {
        let state = serde_json::from_value(self.values).map_err(|error| Error::Callback {
            name: name.to_owned(),
            message: format!("the checkpoint holds no state of it: {error}"),
        })?;
        Ok((state, self.weights))
    }
}

/// What a run is going to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The first epoch, counted from 1: above 1 in a resumed run.
    pub first_epoch: usize,
    /// The last epoch.
    pub epochs: usize,
    /// Optimizer steps in an epoch.
    pub steps: usize,
}

/// What is known after a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepLogs {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// The step in the epoch, counted from 1.
    pub step: usize,
    /// The mean training loss of the epoch so far; behind by some steps, since reading it from a
    /// GPU at once would stall it. `None` until it is first read.
    pub loss: Option<f64>,
    /// The training accuracy of the epoch so far, likewise.
    pub accuracy: Option<f64>,
}

/// How a callback steers the run.
pub struct Control<'a> {
    pub(crate) learning_rate: f64,
    pub(crate) stop: Option<String>,
    pub(crate) weights: &'a dyn Fn() -> Weights,
    pub(crate) replaced: Option<Weights>,
}

impl<'a> Control<'a> {
    /// A control outside a run, to drive a callback in a test: `weights` stands for the model's.
    pub fn new(learning_rate: f64, weights: &'a dyn Fn() -> Weights) -> Self {
        Self { learning_rate, stop: None, weights, replaced: None }
    }

    /// Why the run is to end, if a callback asked for it.
    pub fn stopped(&self) -> Option<&str> {
        self.stop.as_deref()
    }

    /// The weights that a callback asked to put into the model.
    pub fn replaced(&self) -> Option<&Weights> {
        self.replaced.as_ref()
    }

    /// The learning rate of the next step.
    pub fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    /// Sets the learning rate from the next step on.
    pub fn set_learning_rate(&mut self, rate: f64) {
        self.learning_rate = rate;
    }

    /// Ends the run after this step or epoch; `reason` is shown and kept in the run.
    pub fn stop(&mut self, reason: impl Into<String>) {
        self.stop.get_or_insert(reason.into());
    }

    /// Copies the model's weights to the host.
    pub fn weights(&self) -> Weights {
        (self.weights)()
    }

    /// Puts other weights into the model.
    pub fn set_weights(&mut self, weights: Weights) {
        self.replaced = Some(weights);
    }
}
