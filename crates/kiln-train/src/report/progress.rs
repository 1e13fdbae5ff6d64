//! Shows the progress of a run: a bar during an epoch in a terminal, and a line after each epoch.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::callbacks::callback::{Callback, Control, Plan, StepLogs};
use crate::error::Result;
use crate::report::bar::Bar;
use crate::report::history::EpochLogs;

/// Shows the run on the standard output.
#[derive(Debug, Default)]
pub(crate) struct ShowProgress {
    /// Whether to show perplexity next to the loss.
    perplexity: bool,
    plan: Option<Plan>,
    bar: Bar,
    epoch_began: Option<Instant>,
    /// The time of the epoch's steps, without validation.
    training: Duration,
    /// The number of these steps.
    steps: usize,
}

impl ShowProgress {
    pub(crate) fn new(perplexity: bool) -> Self {
        Self { perplexity, ..Self::default() }
    }

    fn describe(&self, loss: Option<f64>, accuracy: Option<f64>) -> String {
        let perplexity = loss.filter(|_| self.perplexity).map(|loss| format!("perplexity {:.2}  ", loss.exp()));
        let loss = loss.map(|loss| format!("loss {loss:.4}  "));
        let accuracy = accuracy.map(|accuracy| format!("accuracy {accuracy:.4}  "));
        [loss, perplexity, accuracy].into_iter().flatten().collect()
    }
}

impl Callback for ShowProgress {
    fn name(&self) -> &'static str {
        "show_progress"
    }

    fn on_train_begin(&mut self, plan: &Plan, _control: &mut Control<'_>) -> Result<()> {
        self.plan = Some(*plan);
        self.epoch_began = Some(Instant::now());
        Ok(())
    }

    fn on_step_end(&mut self, step: &StepLogs, _control: &mut Control<'_>) -> Result<()> {
        let (Some(plan), Some(began)) = (self.plan, self.epoch_began) else {
            return Ok(());
        };
        self.training = began.elapsed();
        self.steps = step.step;
        if self.bar.is_seen() {
            let each = self.training.as_secs_f64() * 1e3 / step.step as f64;
            let told = format!("{}{} ms/step  ", self.describe(step.loss, step.accuracy), milliseconds(each));
            self.bar.show(|| format!("{}/{}", step.epoch, plan.epochs), [step.step, plan.steps], told);
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, logs: &EpochLogs, _control: &mut Control<'_>) -> Result<()> {
        let (Some(plan), Some(began)) = (self.plan, self.epoch_began) else {
            return Ok(());
        };
        self.bar.clear();
        let values: Vec<String> = logs
            .entries()
            .into_iter()
            .filter(|(name, _)| name != "learning_rate" && !name.starts_with("gradient_norm."))
            .map(|(name, value)| format!("{name} {value:.4}"))
            .collect();
        let each = self.training.as_secs_f64() * 1e3 / self.steps.max(1) as f64;
        // A closed pipe, as with `| head`, must not end the run.
        let _ = writeln!(
            std::io::stdout(),
            "epoch {}/{}  {}  learning rate {}  {} ms/step  {:.1} s",
            logs.epoch,
            plan.epochs,
            values.join("  "),
            short(logs.learning_rate),
            milliseconds(each),
            began.elapsed().as_secs_f64()
        );
        self.epoch_began = Some(Instant::now());
        Ok(())
    }
}

/// Short times have more digits than long ones.
fn milliseconds(time: f64) -> String {
    if time < 10.0 { format!("{time:.2}") } else { format!("{time:.0}") }
}

/// A rate without rounding noise.
fn short(rate: f64) -> String {
    let rounded: f64 = format!("{rate:.3e}").parse().unwrap_or(rate);
    rounded.to_string()
}
