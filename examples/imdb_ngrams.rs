//! Sentiment of film reviews in seconds: averaged vectors of words and runs of words, and a linear layer.
//!
//! ```text
//! cargo run --release --example imdb-ngrams
//! cargo run --release --example imdb-ngrams -- --word-ngrams 3
//! cargo run --release --example imdb-ngrams -- --train train.txt --test test.txt
//! ```
//!
//! This is fastText's supervised model with the settings of its script for sentiment of reviews: 10 numbers a row, runs
//! of two words, rate 0.5, 5 epochs. Data: the Large Movie Review Dataset, downloaded on first use (84 MB), or `--data`,
//! in lower case with signs as words of their own; or files in fastText's format, a line a text that begins with
//! `__label__NAME`. Time: seconds on one core. Output: the mean loss, the accuracy on the test set, and `model.bin`,
//! which fastText reads, with the losses beside it.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use kiln::linear::{Loss, Progress, Supervised, SupervisedConfig};
use kiln::prelude::*;
use kiln::text::WholeFile;
use kiln_examples::curves::{Curve, Curves};
use kiln_examples::{ImdbArgs, Interrupt, review_words};

/// Train fastText's supervised model
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    imdb: ImdbArgs,
    /// Labelled lines to train on, in fastText's format, in place of the film reviews
    #[arg(long, value_name = "FILE", requires = "test", conflicts_with_all = ["data", "lossy"])]
    train: Option<PathBuf>,
    /// Labelled lines to test on
    #[arg(long, value_name = "FILE", requires = "train")]
    test: Option<PathBuf>,
    /// The longest run of words with a row of its own
    #[arg(long, default_value_t = 2)]
    word_ngrams: usize,
    /// The shortest run of characters with a row of its own
    #[arg(long, default_value_t = 0)]
    minn: usize,
    /// The longest such run; 0 for none
    #[arg(long, default_value_t = 0)]
    maxn: usize,
    /// Numbers in a row
    #[arg(long, default_value_t = 10)]
    dim: usize,
    /// The first learning rate
    #[arg(long, default_value_t = 0.5, allow_negative_numbers = true)]
    lr: f32,
    /// Passes over the text
    #[arg(long, default_value_t = 5)]
    epoch: usize,
    /// Rows that runs share by their hashes
    #[arg(long, default_value_t = 2_000_000)]
    bucket: usize,
    /// Words that occur less often are left out
    #[arg(long, default_value_t = 1)]
    min_count: u64,
    /// Any number of labels may be right, each by itself
    #[arg(long)]
    one_vs_all: bool,
    /// Seed of first values and of the texts' order
    #[arg(long, default_value_t = 0)]
    seed: u32,
    /// Folder for the model and its losses
    #[arg(long, value_name = "DIR", default_value = "artifacts/imdb-ngrams")]
    artifact: PathBuf,
    /// Replace the model that the folder holds
    #[arg(long)]
    overwrite: bool,
    /// A small part of the data, to see that everything runs
    #[arg(long)]
    fast: bool,
}

/// The lines to train and to test on.
fn lines(options: &Options) -> Result<(Vec<String>, Vec<String>)> {
    let (mut train, mut test) = match (&options.train, &options.test) {
        (Some(train), Some(test)) => (read(train)?, read(test)?),
        _ => {
            let imdb = options.imdb.open()?;
            // In files as in the data set one class follows on the other, and the rate falls meanwhile.
            let seed = u64::from(options.seed);
            (labelled(&imdb.train()?.shuffled(seed))?, labelled(&imdb.test()?.shuffled(seed))?)
        }
    };
    if options.fast {
        train.truncate(400);
        test.truncate(200);
    }
    Ok((train, test))
}

fn read(path: &Path) -> Result<Vec<String>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut lines = Vec::new();
    for line in BufReader::new(file).lines() {
        let line = line.with_context(|| format!("cannot read {}, line {}", path.display(), lines.len() + 1))?;
        // A byte order mark is no part of the first label.
        lines.push(if lines.is_empty() { line.trim_start_matches('\u{feff}').to_owned() } else { line });
    }
    ensure!(
        !lines.is_empty(),
        "{} is empty: a line is a label and a text, such as __label__good I liked it",
        path.display()
    );
    Ok(lines)
}

fn labelled(documents: &Documents) -> Result<Vec<String>> {
    let analyzer = review_words()?;
    let texts: Vec<&str> = documents.texts().collect();
    let tokens = analyzer.tokens_batch(&texts);
    let classes = documents.class_names();
    let line =
        |(tokens, label): (&Vec<String>, u32)| format!("__label__{} {}", classes[label as usize], tokens.join(" "));
    Ok(tokens.iter().zip(documents.labels()).map(line).collect())
}

fn main() -> Result<()> {
    let options = Options::parse();
    let path = options.artifact.join("model.bin");
    ensure!(
        options.overwrite || !path.exists(),
        "{} is there already: --overwrite replaces it, --artifact names another folder",
        path.display()
    );
    std::fs::create_dir_all(&options.artifact)
        .with_context(|| format!("cannot create the folder {}", options.artifact.display()))?;
    let (train, test) = lines(&options)?;
    println!("{} lines to train on, {} to test on", thousands(train.len()), thousands(test.len()));
    let config = SupervisedConfig::new()
        .with_d(options.dim)
        .with_learning_rate(options.lr)
        .with_epochs(options.epoch)
        .with_word_ngrams(options.word_ngrams)
        .with_characters(options.minn, options.maxn)
        .with_buckets(options.bucket)
        .with_min_counts(options.min_count, 0)
        .with_loss(if options.one_vs_all { Loss::OneVsAll } else { Loss::Softmax })
        .with_seed(options.seed);

    let interrupt = Interrupt::on_ctrl_c()?;
    let style = ProgressStyle::with_template("{wide_bar} {percent}% {msg} {elapsed}<{eta}")?;
    let bar = ProgressBar::new(0).with_style(style);
    let mut seen: Vec<Progress> = Vec::new();
    let began = Instant::now();
    let model = Supervised::fit_observed(&config, train.iter().map(Ok), |progress| {
        bar.set_length(progress.total_tokens);
        bar.set_position(progress.tokens);
        bar.set_message(format!("loss {:.4}, rate {:.3}", progress.loss, progress.learning_rate));
        seen.push(progress);
        if interrupt.is_set() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let seconds = began.elapsed().as_secs_f64();
    interrupt.release();
    bar.finish_and_clear();
    println!("{} parameters", thousands(model.parameters()));
    println!("{} labels", model.labels().len());
    println!("{} words, {seconds:.1} s, mean loss {:.4}", thousands(model.words()), model.loss());

    model.save(&path)?;
    keep_losses(&options.artifact, &seen)?;
    println!("model and losses: {}", options.artifact.display());

    let counts = model.test(&test, 1);
    ensure!(counts.lines > 0, "no line of the test set has both a label and a word");
    if counts.lines < test.len() {
        println!("{} lines of the test set have no label or no word, and do not count", test.len() - counts.lines);
    }
    println!("test accuracy {:.4}", counts.precision());
    Ok(())
}

/// `history.csv`, and the losses as a picture.
fn keep_losses(folder: &Path, seen: &[Progress]) -> Result<()> {
    let mut file = WholeFile::create(folder.join("history.csv"))?;
    writeln!(file, "tokens,loss,learning_rate")?;
    for progress in seen {
        writeln!(file, "{},{},{}", progress.tokens, progress.loss, progress.learning_rate)?;
    }
    file.finish()?;
    if seen.is_empty() {
        return Ok(()); // a text too short for a point
    }
    let points = seen.iter().map(|progress| (progress.tokens as f64 / 1e6, progress.loss)).collect();
    let picture = Curves {
        title: "Mean loss since the begin".to_owned(),
        x: "million tokens".to_owned(),
        y: "loss".to_owned(),
        is_logarithmic: false,
        curves: vec![Curve { name: "loss".to_owned(), points }],
    };
    picture.save_both(folder, "curves")
}
