//! Defines a callback that warms the learning rate up and stops the run once it is good enough.
//!
//! ```text
//! cargo run --release --example own-callback
//! ```
//!
//! Data: the generated reviews that come with Kiln. Time: seconds. The model is a bidirectional LSTM. Output: a line
//! for each epoch with the rate that the callback set, why the run stopped, and `test accuracy`.

use anyhow::Result;
use kiln::prelude::*;
use kiln::train::{Plan, StepLogs};
use kiln_examples::println;
use kiln_examples::{Defaults, TrainingArgs, options, show_model, show_run};

const DEFAULTS: Defaults = Defaults::new("own-callback", Optimizer::adam().learning_rate(5e-3))
    .epochs(10)
    .fast_epochs(2)
    .batch_size(32)
    .demonstration();
const LENGTH: usize = 40;

/// Raises the learning rate to its full value over the first steps, and stops at a goal.
struct WarmUp {
    steps: usize,
    full_rate: f64,
    seen: usize,
    goal: f64,
}

impl WarmUp {
    /// The rate of the next step.
    fn rate(&self) -> f64 {
        let share = (self.seen + 1) as f64 / self.steps as f64;
        self.full_rate * share.min(1.0)
    }
}

impl Callback for WarmUp {
    fn name(&self) -> &'static str {
        "warm_up"
    }

    fn on_train_begin(&mut self, plan: &Plan, control: &mut Control<'_>) -> kiln::train::Result<()> {
        self.seen = (plan.first_epoch - 1) * plan.steps;
        control.set_learning_rate(self.rate());
        Ok(())
    }

    fn on_step_end(&mut self, _step: &StepLogs, control: &mut Control<'_>) -> kiln::train::Result<()> {
        self.seen += 1;
        control.set_learning_rate(self.rate());
        Ok(())
    }

    fn on_epoch_end(&mut self, logs: &EpochLogs, control: &mut Control<'_>) -> kiln::train::Result<()> {
        if logs.accuracy.is_some_and(|accuracy| accuracy >= self.goal) {
            control.stop(format!("the training accuracy reached {}", self.goal));
        }
        Ok(())
    }
}

fn main() -> Result<()> {
    let options: TrainingArgs = options("Train a classifier with a user's callback");
    let device = options.device()?;

    let corpus = Reviews::generate(0).into_documents()?;
    let train = if options.fast { corpus.train.take(512) } else { corpus.train };
    let encode = SequenceEncoder::new(WordTokenizer::builder().fit(train.texts())?, LENGTH)?;
    let config = RecurrentClassifierConfig::new(encode.vocab_size(), LENGTH).d_embedding(32).d_hidden(vec![32]);
    let model = config.init(&device, options.seed)?;
    show_model(&model);

    let full_rate = options.learning_rate.unwrap_or(DEFAULTS.optimizer.rate());
    let run = options
        .trainer(&DEFAULTS)
        .clip_norm(1.0)
        .callback(WarmUp { steps: 100, full_rate, seen: 0, goal: 0.99 })
        .fit(model, &encode.dataset(&train)?, &encode.dataset(&corpus.valid)?)?;
    show_run(&run);

    let accuracy = run.evaluate(&encode.dataset(&corpus.test)?)?.accuracy.unwrap_or(f64::NAN);
    println!("test accuracy {accuracy:.4}");
    Ok(())
}
