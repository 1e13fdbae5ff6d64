//! Trains a user's model and loss with Kiln.
//!
//! ```text
//! cargo run --release --example own-model
//! ```
//!
//! Data: the generated reviews that come with Kiln. Time: seconds. The model averages embeddings, so it cannot see the
//! order of words and stays far below the quickstart's accuracy; the loss smooths the labels. A Burn metric is measured
//! in the same passes. `--example own-callback` controls the run.

use anyhow::Result;
use kiln::burn;
use kiln::burn::module::Module;
use kiln::burn::tensor::Tensor;
use kiln::burn::tensor::activation::log_sigmoid;
use kiln::burn::train::metric::AccuracyMetric;
use kiln::models::layers::{Dense, DenseConfig, Embedding, EmbeddingConfig};
use kiln::models::{Head, Pass, Targets, thousands};
use kiln::models::{RandomKey, TokenBatch};
use kiln::prelude::*;
use kiln::train::Labelled;
use kiln::train::StepOutput;
use kiln_examples::println;
use kiln_examples::{Defaults, TrainingArgs, options, show_run};

const DEFAULTS: Defaults = Defaults::new("own-model", Optimizer::adam().learning_rate(1e-2))
    .epochs(5)
    .fast_epochs(2)
    .batch_size(64)
    .demonstration();
const LENGTH: usize = 40;

/// The mean of the words' embeddings, and one logit.
#[derive(Module, Debug)]
struct MeanOfWords {
    embedding: Embedding,
    dense: Dense,
}

impl Trainable for MeanOfWords {
    type Batch = Labelled<TokenBatch>;

    fn step(&self, batch: Self::Batch, _pass: &Pass) -> StepOutput {
        let embedded = self.embedding.forward(batch.input.ids);
        let [rows, _, width] = embedded.dims();
        let logits = self.dense.forward(embedded.mean_dim(1).reshape([rows, width]));
        let loss = smoothed_loss(logits.clone(), &batch.targets);
        let correct = Head::Binary.correct(logits.clone(), &batch.targets);
        StepOutput::new(loss, logits, batch.targets).correct(correct)
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

fn main() -> Result<()> {
    let options: TrainingArgs = options("Train a user's model and loss");
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

    let run = options.trainer(&DEFAULTS).metric(AccuracyMetric::new()).fit(
        model,
        &encode.dataset(&train)?,
        &encode.dataset(&corpus.valid)?,
    )?;
    show_run(&run);

    let accuracy = run.evaluate(&encode.dataset(&corpus.test)?)?.accuracy.unwrap_or(f64::NAN);
    println!("test accuracy {accuracy:.4}");
    Ok(())
}
