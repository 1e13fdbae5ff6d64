//! The smallest classifier of film reviews: the last 20 words of each review, embedded and flattened.
//!
//! ```text
//! cargo run --release --example imdb-embedding
//! cargo run --release --example imdb-embedding -- --data aclImdb_v1.tar.gz
//! ```
//!
//! Data: the 25,000 training reviews of the Large Movie Review Dataset, downloaded on first use (84 MB) or given by
//! `--data`; a fifth of them is used for validation. Time: seconds on 2 cores. Output: 80,161 parameters, a line for
//! each epoch, `validation accuracy`.

use anyhow::Result;
use kiln::prelude::*;
use kiln_examples::println;
use kiln_examples::{Defaults, ImdbTraining, imdb_ids, options, show_model, show_run};

const DEFAULTS: Defaults = Defaults::new("imdb-embedding", Optimizer::rms_prop()).epochs(10).batch_size(32);
const WORDS: usize = 10_000;
const LENGTH: usize = 20;

fn main() -> Result<()> {
    let about = "Train an embedding and one dense layer on the ends of film reviews";
    let ImdbTraining { training, imdb } = options(about);
    let device = training.device()?;

    let train = imdb.open()?.train()?;
    let encode = imdb_ids(&train, WORDS, LENGTH)?;
    let mut train = train.shuffled(training.seed);
    if training.fast {
        train = train.take(1_000);
    }
    let (fit, valid) = train.split_tail(0.2)?;
    println!("{} reviews to train on, {} to validate on", fit.len(), valid.len());

    let config = EmbeddingFlattenConfig::new(encode.vocab_size(), LENGTH);
    let model = config.init(&device, training.seed)?;
    show_model(&model);

    let run = training
        .trainer(&DEFAULTS)
        .save_best(Monitor::ValidAccuracy)
        .artifact(ArtifactConfig::text(&model, &encode, train.class_names()).data("IMDB"))
        .fit(model, &encode.dataset(&fit)?, &encode.dataset(&valid)?)?;
    show_run(&run);

    let accuracy = run.evaluate(&encode.dataset(&valid)?)?.accuracy.unwrap_or(f64::NAN);
    println!("validation accuracy {accuracy:.4}");
    Ok(())
}
