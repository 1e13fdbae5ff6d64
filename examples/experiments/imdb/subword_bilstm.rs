//! Classifies the sentiment of film reviews with subwords and a bidirectional LSTM.
//!
//! ```text
//! cargo run --release --example imdb-subword-bilstm -- --data aclImdb_v1.tar.gz
//! cargo run --release --example imdb-subword-bilstm -- --data aclImdb_v1.tar.gz --validate-on-test
//! cargo run --release --example imdb-subword-bilstm -- --data aclImdb_v1.tar.gz --lengths
//! ```
//!
//! Data: the Large Movie Review Dataset, downloaded on first use (84 MB) or given by `--data`. Subwords are built from
//! the training reviews with about 8,192 ids (8,186 from all 25,000), as TensorFlow Datasets does; `--subwords` reads
//! its `.subwords` file.
//!
//! The recipe is that of TensorFlow's tutorial "Text classification with an RNN" as it was in 2019 and 2020: embedding
//! 64, bidirectional LSTM 64, dense 64, 598,209 parameters with 8,185 ids; Adam with 1e-4, 10 epochs, batches of 64
//! whole reviews, each padded at the back to the longest. The tutorial's model reads the padding, and so does this one
//! unless `--lengths` is given, which also batches reviews of similar length. Only with `--lengths` does the folder get
//! what `--example predict` needs: without it, the prediction for a review depends on the other reviews in its batch.
//!
//! By default, a fifth of the training set is used for validation, the best epoch is kept, and the test set is read
//! once, at the end. `--validate-on-test` is the tutorial's protocol: all 25,000 reviews train, the test set validates,
//! and the last epoch counts.
//!
//! Time: minutes per epoch on 2 cores, since a batch is as long as its longest review; less with `--lengths`. Output:
//! the number of parameters, a line for each epoch, `test accuracy`.

use kiln_examples::println;
use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use kiln::models::{PaddedSteps, thousands};
use kiln::prelude::*;
use kiln::text::encoders::SubwordTextEncoder;
use kiln::text::rows::Truncating;
use kiln::train::EncodedBatches;
use kiln::train::{EncodedDataset, PadBatcher};
use kiln_examples::{Defaults, ImdbTraining, show_model, show_run};

const DEFAULTS: Defaults =
    Defaults::new("imdb-subword-bilstm", Optimizer::adam().learning_rate(1e-4)).epochs(10).batch_size(64);
/// The number of ids that TensorFlow Datasets aims at in `subwords8k`.
const IDS: usize = 1 << 13;

/// Train a bidirectional LSTM on the subwords of film reviews
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    common: ImdbTraining,
    /// Subwords of TensorFlow Datasets [default: built from the training reviews]
    #[arg(long, value_name = "FILE")]
    subwords: Option<PathBuf>,
    /// Validate on the test set, as the tutorial does
    #[arg(long)]
    validate_on_test: bool,
    /// Let padded steps carry the state, and batch reviews of similar length
    #[arg(long)]
    lengths: bool,
}

/// Whole reviews, padded at the back to the longest of their batch; batches are random, or of reviews of similar
/// length.
fn batches(
    documents: &Documents,
    encoder: &SubwordTextEncoder,
    by_length: bool,
) -> Result<(EncodedDataset, EncodedBatches)> {
    let texts: Vec<&str> = documents.texts().collect();
    let data = EncodedDataset::new(encoder.encode_batch(&texts), documents.labels(), encoder.vocab_size())?;
    let batches = data.batches(PadBatcher::new().padding(Padding::Post))?;
    Ok((data, if by_length { batches.group_by_length() } else { batches }))
}

fn main() -> Result<()> {
    let options = Options::parse();
    let ImdbTraining { training, imdb } = &options.common;
    let device = training.device()?;
    let given = options.subwords.as_ref().map(SubwordTextEncoder::load_subwords).transpose()?;

    let imdb = imdb.open()?;
    let (mut train, mut test) = (imdb.train()?, imdb.test()?);
    if training.fast {
        (train, test) = (train.shuffled(0).take(320), test.shuffled(0).take(128));
    }
    let encoder = match given {
        Some(encoder) => encoder,
        None => SubwordTextEncoder::builder(IDS).fit(train.texts())?,
    };
    let train = train.shuffled(training.seed);
    let (fit, valid) = if options.validate_on_test { (train, test.clone()) } else { train.split_tail(0.2)? };
    println!("{} reviews to train on, {} to validate on, {} to test on", fit.len(), valid.len(), test.len());
    let (rows, fit_batches) = batches(&fit, &encoder, options.lengths)?;
    let (_, valid_batches) = batches(&valid, &encoder, options.lengths)?;
    let (ids, longest) = (rows.lengths().sum::<usize>(), rows.lengths().max().unwrap_or(0).max(1));
    println!("{} ids, {} a review, {longest} in the longest", thousands(encoder.vocab_size()), ids / fit.len());

    let padded_steps = if options.lengths { PaddedSteps::Carry } else { PaddedSteps::Read };
    let config = RecurrentClassifierConfig::new(encoder.vocab_size(), longest)
        .d_embedding(64)
        .d_hidden(vec![64])
        .d_dense(64)
        .padded_steps(padded_steps);
    let model = config.init(&device, training.seed)?;
    show_model(&model);

    let mut trainer = training.trainer(&DEFAULTS);
    if options.lengths {
        let encode =
            SequenceEncoder::new(encoder.clone(), longest)?.padding(Padding::Post).truncating(Truncating::Post);
        trainer = trainer.artifact(ArtifactConfig::text(&model, &encode, fit.class_names()));
    }
    if !options.validate_on_test {
        trainer = trainer.save_best(Monitor::ValidAccuracy);
    }
    let run = trainer.fit(model, &fit_batches, &valid_batches)?;
    show_run(&run);

    let accuracy = if options.validate_on_test {
        run.history().values("val_accuracy").last().copied()
    } else {
        let (_, test_batches) = batches(&test, &encoder, options.lengths)?;
        run.evaluate(&test_batches)?.accuracy
    };
    let accuracy = accuracy.unwrap_or(f64::NAN);
    println!("test accuracy {accuracy:.4}");
    Ok(())
}
