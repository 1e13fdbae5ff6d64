//! A callback. What it remembers goes through `state` and `restore`, so that a resumed run equals an unbroken one.

use kiln::prelude::*;

/// Ends a run when the training loss reaches a goal.
pub struct Goal {
    loss: f64,
}

impl Goal {
    pub fn new(loss: f64) -> Self {
        Self { loss }
    }
}

impl Callback for Goal {
    fn name(&self) -> &'static str {
        "goal"
    }

    fn on_epoch_end(&mut self, logs: &EpochLogs, control: &mut Control<'_>) -> kiln::train::Result<()> {
        if logs.loss <= self.loss {
            control.stop(format!("the loss reached {} in epoch {}", self.loss, logs.epoch));
        }
        Ok(())
    }
}
