//! Measures the time of training steps with a callback of the trainer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use kiln::prelude::*;
use kiln::train::{CallbackState, Error, Result, StepLogs};

/// Adds up the time between the steps of an epoch: batch, forward and backward pass, optimizer. Validation and the
/// first step of each epoch are not included.
///
/// Clones share the measurements, so one clone goes to the trainer and another reads them.
#[derive(Clone, Debug, Default)]
pub struct StepTimes(Arc<Mutex<Times>>);

#[derive(Debug, Default)]
struct Times {
    last: Option<Instant>,
    seconds: f64,
    steps: u64,
}

impl StepTimes {
    fn times(&self) -> MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mean of all steps in milliseconds; NaN before there are two.
    #[must_use]
    pub fn mean_ms(&self) -> f64 {
        let times = self.times();
        times.seconds * 1e3 / times.steps as f64
    }
}

impl Callback for StepTimes {
    fn name(&self) -> &'static str {
        "step_times"
    }

    fn on_step_end(&mut self, step: &StepLogs, _control: &mut Control<'_>) -> Result<()> {
        let (now, mut times) = (Instant::now(), self.times());
        if let Some(last) = times.last.filter(|_| step.step > 1) {
            times.seconds += (now - last).as_secs_f64();
            times.steps += 1;
        }
        times.last = Some(now);
        Ok(())
    }

    /// Saved so that a resumed run reports all of its steps.
    fn state(&self) -> CallbackState {
        let times = self.times();
        let values = serde_json::json!({"seconds": times.seconds, "steps": times.steps});
        CallbackState { values, ..CallbackState::default() }
    }

    fn restore(&mut self, state: CallbackState) -> Result<()> {
        let (seconds, steps) = (state.values["seconds"].as_f64(), state.values["steps"].as_u64());
        let (Some(seconds), Some(steps)) = (seconds, steps) else {
            let message = format!("its state should hold seconds and steps, but is {}", state.values);
            return Err(Error::Callback { name: self.name().to_owned(), message });
        };
        *self.times() = Times { last: None, seconds, steps };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kiln::models::weights::Weights;

    use super::*;

    #[test]
    fn the_first_step_of_an_epoch_does_not_count_and_a_state_goes_on() {
        let times = StepTimes::default();
        assert!(times.mean_ms().is_nan());
        let step = |times: &StepTimes, epoch, step| {
            let weights = Weights::default;
            let logs = StepLogs { epoch, step, loss: None, accuracy: None };
            times.clone().on_step_end(&logs, &mut Control::new(0.1, &weights)).unwrap();
        };
        step(&times, 1, 1);
        std::thread::sleep(Duration::from_millis(20));
        step(&times, 1, 2);
        std::thread::sleep(Duration::from_millis(400)); // as a validation would
        step(&times, 2, 1);
        let mean = times.mean_ms();
        assert!((20.0..300.0).contains(&mean), "{mean}");

        let mut resumed = StepTimes::default();
        resumed.restore(times.state()).unwrap();
        assert_eq!(resumed.mean_ms(), mean);
        step(&resumed, 3, 2);
        assert_eq!(resumed.mean_ms(), mean, "there is no step before it in this process");
        let error = resumed.restore(CallbackState::default()).unwrap_err();
        assert!(error.to_string().contains("step_times"), "{error}");
    }
}
