//! Callbacks: code that runs between the steps and epochs of a run.

use kiln_base::OptionError;
use kiln_models::weights::Weights;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::callbacks::learning_rate_schedule::LearningRateSchedule;
use crate::callbacks::reduce_lr_on_plateau::ReduceLrOnPlateau;
use crate::error::{Error, Result};
use crate::report::history::EpochLogs;

/// Something that watches a run and may steer it.
///
/// Kiln's own [`EarlyStopping`](crate::EarlyStopping), [`ReduceLrOnPlateau`](crate::ReduceLrOnPlateau),
/// [`LearningRateSchedule`](crate::LearningRateSchedule) and [`SaveBest`](crate::SaveBest) are built only on this
/// trait. Callbacks are called in the order in which they were added.
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
    /// A name, the same in every process: a run can be resumed only with callbacks of the same names in the same order.
    fn name(&self) -> &'static str;

    /// Called before anything is written or deleted, to refuse options that are out of range.
    ///
    /// # Errors
    ///
    /// An error keeps the run from starting.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Called before the first step of a run, new or resumed.
    ///
    /// # Errors
    ///
    /// An error ends the run.
    fn on_train_begin(&mut self, plan: &Plan, control: &mut Control<'_>) -> Result<()> {
        let _ = (plan, control);
        Ok(())
    }

    /// Called after every batch, which is an optimizer step unless gradients are accumulated
    /// ([`Trainer::gradient_accumulation_steps`](crate::Trainer::gradient_accumulation_steps)).
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

    /// Called once, after the last epoch or the one in which a callback stopped the run; not if an error or the user
    /// ended it.
    ///
    /// # Errors
    ///
    /// An error ends the run.
    fn on_train_end(&mut self, control: &mut Control<'_>) -> Result<()> {
        let _ = control;
        Ok(())
    }

    /// The state for a checkpoint, so that a resumed run continues as if it had never stopped.
    fn state(&self) -> CallbackState {
        CallbackState::default()
    }

    /// Restores what [`Callback::state`] returned.
    ///
    /// # Errors
    ///
    /// The state does not belong to this callback.
    fn restore(&mut self, state: CallbackState) -> Result<()> {
        let _ = state;
        Ok(())
    }

    /// Whether a run that this or another callback stopped for `reason` continues when it is resumed with the current
    /// options. Called after [`Callback::restore`]. By default `false`.
    fn goes_on(&self, reason: &str) -> bool {
        let _ = reason;
        false
    }

    /// The epoch, counted from 1, whose weights the callback restores when training ends. By default `None`: the
    /// weights of the last epoch stay.
    fn kept_epoch(&self) -> Option<usize> {
        None
    }
}

/// # Errors
///
/// A callback's options are out of range, or there is another schedule of the learning rate next to a
/// [`LearningRateSchedule`], which would undo what the other one does.
pub(crate) fn check_all(callbacks: &[Box<dyn Callback>]) -> Result<()> {
    for callback in callbacks {
        callback.check()?;
    }
    let is_schedule = |name: &&str| [LearningRateSchedule::NAME, ReduceLrOnPlateau::NAME].contains(name);
    let schedules: Vec<&str> = callbacks.iter().map(|callback| callback.name()).filter(is_schedule).collect();
    let agree = schedules.len() < 2 || !schedules.contains(&LearningRateSchedule::NAME);
    let expected = "used for only one schedule of the learning rate";
    OptionError::unless(agree, "callback", expected, schedules.join(" and "))?;
    Ok(())
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
    /// A state of plain data and weights.
    pub(crate) fn of(state: impl Serialize, weights: Weights) -> Self {
        Self { values: serde_json::to_value(state).unwrap_or_default(), weights }
    }

    /// The state that the callback `name` passed to [`CallbackState::of`].
    pub(crate) fn read<T: DeserializeOwned>(self, name: &str) -> Result<(T, Weights)> {
        let state = serde_json::from_value(self.values).map_err(|error| Error::Callback {
            name: name.to_owned(),
            message: format!("the state in the checkpoint does not belong to this callback: {error}"),
        })?;
        Ok((state, self.weights))
    }
}

/// What a run will do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// The first epoch, counted from 1: above 1 in a resumed run.
    pub first_epoch: usize,
    /// The last epoch.
    pub epochs: usize,
    /// Batches in an epoch. Each is an optimizer step, unless gradients are accumulated.
    pub steps: usize,
    /// The time limit of this process in minutes, if there is one:
    /// [`Trainer::max_minutes`](crate::Trainer::max_minutes).
    pub minutes: Option<f64>,
}

/// What is known after a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepLogs {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// The step in the epoch, counted from 1.
    pub step: usize,
    /// The mean training loss of the epoch so far. It lags by some steps, since reading it at once would stall a GPU.
    /// `None` until it is first read.
    pub loss: Option<f64>,
    /// The training accuracy of the epoch so far, with the same lag.
    pub accuracy: Option<f64>,
}

/// How a callback steers the run.
///
/// # Examples
///
/// ```
/// use kiln_models::weights::Weights;
/// use kiln_train::Control;
///
/// let weights = Weights::new;
/// let mut control = Control::new(0.1, &weights);
/// control.set_learning_rate(0.01);
/// control.stop("the goal is reached");
/// assert_eq!((control.learning_rate(), control.stopped()), (0.01, Some("the goal is reached")));
/// ```
pub struct Control<'a> {
    pub(crate) learning_rate: f64,
    pub(crate) stop: Option<String>,
    pub(crate) weights: &'a dyn Fn() -> Weights,
    pub(crate) replaced: Option<Weights>,
}

impl<'a> Control<'a> {
    /// A control outside a run, for testing a callback. `weights` returns the model's weights.
    pub fn new(learning_rate: f64, weights: &'a dyn Fn() -> Weights) -> Self {
        Self { learning_rate, stop: None, weights, replaced: None }
    }

    /// Why the run should end, if a callback requested it.
    pub fn stopped(&self) -> Option<&str> {
        self.stop.as_deref()
    }

    /// The weights that a callback set, if any.
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

    /// Ends the run after this step or epoch; `reason` is shown and stored with the run.
    pub fn stop(&mut self, reason: impl Into<String>) {
        self.stop.get_or_insert(reason.into());
    }

    /// Copies the model's weights to the host. At the end of an epoch and of training they are the averaged ones, if
    /// there are such ([`Trainer::weight_averaging`](crate::Trainer::weight_averaging)).
    pub fn weights(&self) -> Weights {
        (self.weights)()
    }

    /// Replaces the model's weights: those that training goes on from, and at its end those that the run returns. An
    /// average of weights does not change.
    pub fn set_weights(&mut self, weights: Weights) {
        self.replaced = Some(weights);
    }
}
