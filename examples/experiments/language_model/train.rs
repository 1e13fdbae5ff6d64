//! Trains language models on the Penn Treebank: a textbook's SimpleRNN, LSTM and better LSTM, and the AWD-LSTM.
//!
//! ```text
//! cargo run --release --example language-model -- --data ptb
//! cargo run --release --example language-model -- --data ptb --model better
//! cargo run --release --example language-model -- --data ptb --model lstm --characters
//! ```
//!
//! Data: the folder that holds `ptb.train.txt`, `ptb.valid.txt` and `ptb.test.txt`; without `--data`, the generated
//! reviews that come with Kiln. Text is read in windows that continue where the last one ended; the settings are those
//! of "Deep Learning from Scratch 2", chapters 5 and 6 (Saitoh, 2018):
//!
//! | model | layers | text | training |
//! |---|---|---|---|
//! | `simple-rnn` | embedding 100, SimpleRNN 100 | the first 1,000 words (all characters) | windows of 5, batches of 10, gradient descent 0.1, 100 epochs |
//! | `lstm`, `gru` | embedding 100, LSTM or GRU 100 | all | windows of 35, batches of 20, gradient descent 20, norms up to 0.25, 4 epochs |
//! | `better` | embedding 650, two LSTMs of 650, dropout 0.5, tied weights | all | the same, the rate quartered when validation does not improve, 40 epochs |
//! | `awd` | the AWD-LSTM of Merity et al. 2018: embedding 400, LSTMs of 1,150, 1,150 and 400, tied weights, all of its regularisers | all | its published settings, 500 epochs |
//!
//! Unlike there, a stream's last window is read too, each epoch starts at the beginning of the text, and the initial
//! values of all models but `simple-rnn` are Keras's. The test text is read in 10 streams, as there.
//!
//! Output: a line for each epoch with the perplexity, the test perplexity at the end (about 136 for `lstm`; for
//! `simple-rnn` that of the training text, about 6), and a folder from which `--example generate` writes text. Time on
//! 2 cores: seconds (`simple-rnn`), minutes (`lstm`), hours (`better`), weeks (`awd`; for a GPU).
//!
//! Built with `--features mpi`, it trains in the group in which `mpirun` starts it.

mod options;

use anyhow::Result;
use clap::Parser;
use kiln::group::Group;
use kiln::models::thousands;
use kiln::models::weights::initialized;
use kiln::models::{Initializer, RandomKey};
use kiln::prelude::*;
use kiln::text::vocabulary::Vocabulary;
use kiln::train::evaluate;
use kiln::train::{TextWindows, TokenUnit};
use kiln_examples::println;
use kiln_examples::running_text::{UNKNOWN, ids};
use kiln_examples::{in_group, show_model, show_run};

use crate::options::{Architecture, Options};

/// Streams in which the test text is read, as in the textbook.
const TEST_STREAMS: usize = 10;

/// The first `words` words of the lines.
fn first_words(lines: &[String], words: usize) -> Vec<String> {
    let text: Vec<&str> = lines.iter().flat_map(|line| line.split_whitespace()).take(words).collect();
    vec![text.join(" ")]
}

/// The textbook's initial values: normal, with a deviation of 0.01 for the embedding and of one over the root of the
/// number of inputs for the other weights; biases are 0.
fn textbook(path: &str, shape: &[usize]) -> Initializer {
    match (path, shape) {
        ("embedding.table", _) => Initializer::Normal { stddev: 0.01 },
        (_, &[fan_in, _]) => Initializer::Normal { stddev: (fan_in as f64).sqrt().recip() },
        _ => Initializer::Zeros,
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    in_group(|group| train(&options, group))
}

fn train(options: &Options, group: &dyn Group) -> Result<()> {
    let training = &options.training;
    let device = training.device()?;
    let unit = if options.characters { TokenUnit::Characters } else { TokenUnit::Words };

    let mut texts = options.text.open(training.seed, training.fast, unit)?;
    let limit = options.model.settings(1).words.filter(|_| !options.characters);
    if let Some(words) = limit {
        texts.train = first_words(&texts.train, words);
    }
    let mut builder = Vocabulary::builder();
    if texts.train.iter().any(|line| unit == TokenUnit::Words && line.split(' ').any(|word| word == UNKNOWN)) {
        builder = builder.special_tokens([UNKNOWN]).unknown_token(UNKNOWN);
    }
    // The tokens of the generated texts are all known; for a text from files, the model knows only those of its
    // training text.
    let others = [&texts.valid, &texts.test].into_iter().filter(|_| options.text.data.is_none() && limit.is_none());
    let known = texts.train.iter().chain(others.flatten());
    let vocabulary = builder.fit(known, |text, take| unit.each(text, take))?;
    let settings = options.model.settings(vocabulary.len());
    let window = options.window.unwrap_or(settings.window);
    let batch_size = training.batch_size.unwrap_or(settings.defaults.batch_size);

    let train = ids(&texts.train, &vocabulary, unit, "training")?;
    println!("{} tokens, {} of them different", thousands(train.len()), thousands(vocabulary.len()));
    let train = options.windows(train, batch_size, &settings)?;
    let (valid, test) = if limit.is_some() {
        (train.clone(), None) // so short a text is learned by heart; there is nothing to validate
    } else {
        let valid = ids(&texts.valid, &vocabulary, unit, "validation")?;
        let test = ids(&texts.test, &vocabulary, unit, "test")?;
        (TextWindows::new(valid, batch_size, window)?, Some(TextWindows::new(test, TEST_STREAMS, window)?))
    };

    let mut model = options.config(settings.config.clone())?.init(&device, training.seed)?;
    if options.model == Architecture::SimpleRnn {
        model = initialized(model, RandomKey::new(training.seed), |path, shape| Some(textbook(path, shape)))?;
    }
    show_model(&model);

    let trainer = options.trainer(&settings)?.artifact(ArtifactConfig::language_model(&model, &vocabulary, unit));
    let run = trainer.fit_over(group, model, &train, &valid)?;
    show_run(&run);
    if options.gradient_norms {
        let last = run.history().epochs().last().map(|logs| logs.entries()).unwrap_or_default();
        for (name, norm) in last.iter().filter(|(name, _)| name.starts_with("gradient_norm")) {
            println!("{name} {norm:.4}");
        }
    }

    let (what, evaluation) = match &test {
        Some(test) => ("test", evaluate(run.model(), test, TEST_STREAMS)?),
        None => ("training", evaluate(run.model(), &train, batch_size)?),
    };
    if options.characters {
        println!("{what} bits a character {:.4}", evaluation.loss / std::f64::consts::LN_2);
    }
    println!("{what} perplexity {:.2}", evaluation.perplexity());
    Ok(())
}
