//! A callback: what it remembers goes through `state` and `restore`, so that a resumed run is as an unbroken one.

use kiln::prelude::*;

/// Ends a run at a training loss.
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
