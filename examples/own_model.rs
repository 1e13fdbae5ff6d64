//! A model, a loss and a callback of one's own, trained by Kiln.
//!
//! ```text
//! cargo run --release --example own-model
//! ```
//!
//! Data: the generated reviews that come with Kiln. Time: seconds. The model averages embeddings, so
//! it cannot see the order of words and stays far behind the quickstart's; the loss smooths the
//! labels; the callback warms the learning rate up and stops the run once it is good enough. A Burn
//! metric is measured alongside.

use anyhow::Result;
use clap::Parser;
use kiln::burn;
use kiln::burn::module::Module;
use kiln::burn::tensor::Tensor;
use kiln::burn::tensor::activation::log_sigmoid;
use kiln::burn::train::metric::AccuracyMetric;
use kiln::models::layers::{Dense, DenseConfig, Embedding, EmbeddingConfig};
use kiln::models::{RandomKey, Tokens};
use kiln::prelude::*;
use kiln::train::{Labelled, Plan, StepLogs};
use kiln_examples::{Defaults, TrainingArgs, show_run};

const DEFAULTS: Defaults = Defaults {
    name: "own-model",
    epochs: 5,
    fast_epochs: 2,
    batch_size: 64,
    optimizer: Optimizer::Adam { learning_rate: 1e-2, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 },
};
const LENGTH: usize = 40;

/// Train a model, a loss and a callback of one's own
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    training: TrainingArgs,
}

/// The mean of the words' embeddings, and one logit.
#[derive(Module, Debug)]
struct MeanOfWords {
    embedding: Embedding,
    dense: Dense,
}

impl Trainable for MeanOfWords {
    type Batch = Labelled<Tokens>;

    fn step(&self, batch: Self::Batch, _pass: &Pass) -> StepOutput {
        let embedded = self.embedding.forward(batch.input.ids);
        let [rows, _, width] = embedded.dims();
        let logits = self.dense.forward(embedded.mean_dim(1).reshape([rows, width]));
        let loss = smoothed_loss(logits.clone(), &batch.targets);
        let correct = Head::Binary.correct(logits.clone(), &batch.targets);
        StepOutput::new(loss, logits, batch.targets).with_correct(correct)
    }
}

/// Binary cross-entropy against 0.05 and 0.95 instead of 0 and 1.
fn smoothed_loss(logits: Tensor<2>, targets: &Targets) -> Tensor<1> {
    let Targets::Classes(classes) = targets else {
        panic!("the targets of this model are classes");
    };
    let target = classes.clone().float().unsqueeze_dim::<2>(1) * 0.9 + 0.05;
    (logits.clone() * (target.neg() + 1.0) - log_sigmoid(logits)).mean()
}

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
    let options = Options::parse().training;
    let device = options.device()?;

    let corpus = Reviews::generate(0).into_documents()?;
    let train = if options.fast { corpus.train.take(512) } else { corpus.train };
    let encode = SequenceEncoder::new(WordTokenizer::builder().fit(train.texts())?, LENGTH)?;
    let key = RandomKey::new(options.seed);
    let model = MeanOfWords {
        embedding: EmbeddingConfig::new(encode.vocab_size(), 32).init(&device, key.child("embedding"))?,
        dense: DenseConfig::new(32, 1).init(&device, key.child("dense"))?,
    };
    println!("{} parameters", thousands(model.num_params()));

    let full_rate = options.learning_rate.unwrap_or(DEFAULTS.optimizer.learning_rate());
    let run = options
        .trainer(&DEFAULTS)?
        .metric(AccuracyMetric::new())
        .callback(WarmUp { steps: 50, full_rate, seen: 0, goal: 0.99 })
        .fit(model, &encode.dataset(&train)?, &encode.dataset(&corpus.valid)?)?;
    show_run(&run);

    let accuracy = run.evaluate(&encode.dataset(&corpus.test)?)?.accuracy.unwrap_or(f64::NAN);
    println!("test accuracy {accuracy:.4}");
    Ok(())
}
