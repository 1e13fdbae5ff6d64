//! Classifies the sentiment of film reviews with a convolution and two bidirectional LSTMs.
//!
//! ```text
//! cargo run --release --example imdb-conv-bilstm
//! cargo run --release --example imdb-conv-bilstm -- --data aclImdb_v1.tar.gz --validate-on-test
//! ```
//!
//! Data: the Large Movie Review Dataset, 25,000 reviews to train on and 25,000 to test on, downloaded on first use (84
//! MB) or given by `--data`. Time: a quarter of a minute to more than a minute per epoch on 2 cores. Output: 2,171,393
//! parameters, a line for each epoch, `test accuracy`.
//!
//! Built with `--features mpi`, it trains in the group in which `mpirun` starts it.
//!
//! By default, a fifth of the training set is used for validation, and the test set is read once, at the end.
//! `--validate-on-test` is the protocol of the tutorial that the recipe comes from: early stopping, learning rate and
//! choice of epoch all use the test set, so its accuracy is too high.

use anyhow::Result;
use clap::Parser;
use kiln::group::Group;
use kiln::models::PaddedSteps;
use kiln::prelude::*;
use kiln_examples::println;
use kiln_examples::{Defaults, ImdbTraining, imdb_ids, in_group, show_model, show_run};

/// Train a convolution and two bidirectional LSTMs on film reviews
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    common: ImdbTraining,
    /// Validate on the test set, as the tutorial does
    #[arg(long)]
    validate_on_test: bool,
    /// Let padded steps carry the state also after the convolution and the pooling
    #[arg(long)]
    lengths: bool,
}

const DEFAULTS: Defaults = Defaults::new("imdb-conv-bilstm", Optimizer::adam()).epochs(20).batch_size(64);
/// The number of frequent words that get an id.
const WORDS: usize = 10_000;
/// The number of words of a review that are read.
const LENGTH: usize = 200;

fn main() -> Result<()> {
    let options = Options::parse();
    in_group(|group| train(&options, group))
}

fn train(options: &Options, group: &dyn Group) -> Result<()> {
    let ImdbTraining { training, imdb } = &options.common;
    let device = training.device()?;

    let imdb = imdb.open()?;
    let (train, mut test) = (imdb.train()?, imdb.test()?);
    let encode = imdb_ids(&train, WORDS, LENGTH)?;
    let mut train = train.shuffled(training.seed);
    if training.fast {
        (train, test) = (train.take(320), test.shuffled(0).take(128));
    }
    let (fit, valid) = if options.validate_on_test { (train.clone(), test.clone()) } else { train.split_tail(0.2)? };
    println!("{} reviews to train on, {} to validate on, {} to test on", fit.len(), valid.len(), test.len());

    let padded_steps = if options.lengths { PaddedSteps::Carry } else { PaddedSteps::Read };
    let config = ConvBiLstmConfig::new(encode.vocab_size(), LENGTH).padded_steps(padded_steps);
    let model = config.init(&device, training.seed)?;
    show_model(&model);

    let run = training
        .trainer(&DEFAULTS)
        .early_stopping(EarlyStopping::on(Monitor::ValidLoss).patience(4))
        .reduce_lr_on_plateau(ReduceLrOnPlateau::on(Monitor::ValidLoss).factor(0.2).patience(2))
        .save_best(Monitor::ValidAccuracy)
        .artifact(ArtifactConfig::text(&model, &encode, train.class_names()).data("IMDB"))
        .fit_over(group, model, &encode.dataset(&fit)?, &encode.dataset(&valid)?)?;
    show_run(&run);

    let accuracy = run.evaluate(&encode.dataset(&test)?)?.accuracy.unwrap_or(f64::NAN);
    if options.validate_on_test {
        println!("the epoch was chosen on the test set, so this figure flatters:");
    }
    println!("test accuracy {accuracy:.4}");
    Ok(())
}
