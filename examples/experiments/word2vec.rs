//! Trains word2vec on any text, and answers questions with its vectors.
//!
//! ```text
//! cargo run --release --example word2vec -- --corpus sentences.txt
//! cargo run --release --example word2vec -- --corpus sentences.txt --skip-gram --eval DIR --output vectors.bin
//! ```
//!
//! Data: a UTF-8 text with one sentence a line and spaces between words, plain or `.gz`; without `--corpus`, the
//! generated reviews. Time: 17 million words of film reviews take some seconds per epoch. Output: a progress bar with
//! words a second, loss and rate; the scores on word pairs and analogies with `--eval`; and then a loop that answers
//! questions: `king` shows the nearest words, `king - man + woman` the words nearest to the sum.
//!
//! Ctrl-C stops the training where it is. With `--state FILE`, which is also written after each epoch, the same command
//! continues from there.
//!
//! With the feature `mpi`, `mpirun -n 4 target/release/examples/word2vec ...` trains on the parts of the text that its
//! ranks read; only rank 0 writes files.

use kiln_examples::println;
use std::io::{BufRead, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use kiln::group::Group;
use kiln::models::thousands;
use kiln::models::word2vec::{Architecture, Corpus, Updates, Word2Vec, Word2VecConfig, Word2VecProgress};
use kiln::vectors::{AnalogyOptions, Format, PairsOptions, WordVectors};
use kiln_examples::losses::{folder_for_model, keep_losses};
use kiln_examples::{Interrupt, in_group, review_corpus};

/// Train word vectors and query them
#[derive(Parser)]
struct Options {
    /// Text with one sentence a line; may be given several times
    #[arg(long, value_name = "FILE")]
    corpus: Vec<PathBuf>,
    /// Predict a word from each word around it, instead of from all of them together
    #[arg(long)]
    skip_gram: bool,
    /// Passes over the text
    #[arg(long, default_value_t = 5)]
    epochs: usize,
    /// Numbers in a vector
    #[arg(long, default_value_t = 100)]
    size: usize,
    /// The most words on each side
    #[arg(long, default_value_t = 5)]
    window: usize,
    /// Skip words that occur less often
    #[arg(long, default_value_t = 5)]
    min_count: u64,
    /// Negative words for each window
    #[arg(long, default_value_t = 5)]
    negative: usize,
    /// Randomly skip some occurrences of words above this share of the text
    #[arg(long, default_value_t = 1e-3)]
    sample: f64,
    /// The initial learning rate [default: 0.05, with --skip-gram 0.03]
    #[arg(long)]
    alpha: Option<f64>,
    /// Seed of vectors, windows and negative words
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads; 0 uses all cores
    #[arg(long, default_value_t = 0)]
    workers: usize,
    /// Under mpirun, about how many words a rank reads between two averages of the vectors
    #[arg(long, default_value_t = 25_000, value_name = "N")]
    sync_words: u64,
    /// Train on a GPU: wgpu or cuda. Default: the CPU with its own fast path
    #[arg(long, conflicts_with = "deterministic")]
    device: Option<String>,
    /// Produce the same vectors with any number of threads
    #[arg(long)]
    deterministic: bool,
    /// A folder with wordsim353.tsv, simlex999.txt and questions-words.txt to score the vectors on
    #[arg(long, value_name = "DIR")]
    eval: Option<PathBuf>,
    /// Write the vectors: text for .txt and .vec, binary for .bin, or .safetensors; may end in .gz
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Save the state of the training in this file, and continue from it
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Folder for the vectors, the losses of the epochs and their plot
    #[arg(long, value_name = "DIR", conflicts_with = "json")]
    artifact: Option<PathBuf>,
    /// Replace the vectors that the folder holds
    #[arg(long, requires = "artifact")]
    overwrite: bool,
    /// Print one JSON line and ask no questions
    #[arg(long)]
    json: bool,
    /// One epoch, to see that everything runs
    #[arg(long)]
    fast: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    in_group(|group| run(&options, group))
}

fn run(options: &Options, group: &dyn Group) -> Result<()> {
    let is_first = group.rank() == 0;
    let tell = |line: String| {
        if is_first {
            eprintln!("{line}");
        }
    };
    // Rank 0 has the files that are written.
    let has_state = is_first && options.state.as_ref().is_some_and(|path| path.exists());
    let has_state = group.broadcast(0, vec![u8::from(has_state)])? == [1];
    // A continued training replaces what it wrote when it was stopped.
    let replaces = options.overwrite || has_state;
    let folder = options.artifact.as_ref().filter(|_| is_first);
    let kept = folder.map(|folder| folder_for_model(folder, "vectors.safetensors", replaces)).transpose()?;
    let corpus = if options.corpus.is_empty() {
        // The reviews that come with Kiln, for a first try.
        review_corpus(options.seed)?
    } else {
        Corpus::files(&options.corpus)?
    };
    let mut model = match &options.state {
        Some(path) if has_state => {
            let mut model = Word2Vec::load_over(group, path)?;
            model.set_workers(options.workers)?;
            model.set_sync_words(options.sync_words)?;
            check_same(model.config(), &config(options), path)?;
            tell(format!("continuing from {} after {} epochs", path.display(), model.epochs_done()));
            model
        }
        _ => Word2Vec::new_over(group, &config(options), &corpus)?,
    };
    tell(format!(
        "{} words, {} of them with a vector",
        thousands(model.vocabulary().raw_words() as usize),
        thousands(model.vocabulary().len())
    ));

    let done_before = model.epochs_done() as u64;
    let began = Instant::now();
    let is_over = train(&mut model, &corpus, options, group)?;
    let seconds = began.elapsed().as_secs_f64();
    if !is_first {
        return Ok(());
    }
    if !is_over {
        match &options.state {
            Some(path) => eprintln!("stopped; the same command continues from {}", path.display()),
            None => eprintln!("stopped; use --state FILE to be able to continue a training"),
        }
    }

    let vectors = model.vectors()?;
    let scores = options.eval.as_deref().map(|folder| evaluate(&vectors, folder)).transpose()?;
    if let Some(path) = &options.output {
        vectors.save(path, Format::of_name(path))?;
        eprintln!("vectors: {}", path.display());
    }
    if let (Some(folder), Some(path)) = (folder, kept) {
        vectors.save(&path, Format::of_name(&path))?;
        let rows: Vec<[f64; 2]> =
            model.losses().iter().enumerate().map(|(at, &loss)| [at as f64 + 1.0, loss]).collect();
        keep_losses(folder, ["epoch", "loss"], &rows)?;
    }
    // Whole epochs of this call; if it was resumed or stopped, this counts slightly too few.
    let words = model.vocabulary().raw_words() * (model.epochs_done() as u64 - done_before);
    if options.json {
        let line = serde_json::json!({
            "task": if model.config().architecture == Architecture::SkipGram { "skip_gram" } else { "cbow" },
            "vocab": vectors.len(),
            "raw_words": model.vocabulary().raw_words(),
            "epochs": model.epochs_done(),
            "seconds": (seconds * 100.0).round() / 100.0,
            "words_per_s": (words as f64 / seconds).round(),
            "losses": model.losses(),
            "scores": scores,
        });
        println!("{line}");
        return Ok(());
    }
    if let Some(scores) = scores {
        let number = |value: &serde_json::Value| value.as_f64().unwrap_or(f64::NAN);
        for name in ["wordsim353", "simlex999"] {
            let of = &scores[name];
            println!("{name}: {:.4}, {:.1} % of pairs unknown", number(&of["spearman"]), number(&of["oov_percent"]));
        }
        println!("analogies: {:.4}", number(&scores["analogies"]));
    }
    ask(&vectors)
}

fn config(options: &Options) -> Word2VecConfig {
    let config = Word2VecConfig::new()
        .architecture(if options.skip_gram { Architecture::SkipGram } else { Architecture::Cbow })
        .epochs(if options.fast { 1 } else { options.epochs })
        .vector_size(options.size)
        .window(options.window)
        .min_count(options.min_count)
        .negative(options.negative)
        .sample(options.sample)
        .seed(options.seed)
        .workers(options.workers)
        .sync_words(options.sync_words)
        .updates(if options.deterministic { Updates::Ordered } else { Updates::Racing });
    Word2VecConfig { alpha: options.alpha, ..config }
}

/// A training must continue with the options that it began with; only the number of threads may differ.
fn check_same(before: &Word2VecConfig, now: &Word2VecConfig, path: &Path) -> Result<()> {
    let (before, now) = (serde_json::to_value(before)?, serde_json::to_value(now)?);
    let differing = before.as_object().into_iter().flatten();
    let differing = differing.filter(|(name, value)| *name != "workers" && now[name.as_str()] != **value);
    let differing: Vec<String> =
        differing.map(|(name, value)| format!("{name} was {value} and is now {}", now[name])).collect();
    ensure!(
        differing.is_empty(),
        "{} was begun with other options: {}; use the same ones, or another file",
        path.display(),
        differing.join(", ")
    );
    Ok(())
}

/// Trains with a progress bar until the end or Ctrl-C, and saves the state after each epoch. Returns whether it reached
/// the end.
fn train(model: &mut Word2Vec, corpus: &Corpus, options: &Options, group: &dyn Group) -> Result<bool> {
    let is_first = group.rank() == 0;
    ensure!(
        options.device.is_none() || group.size() == 1,
        "--device trains in one process: leave out mpirun or --device"
    );
    let device = options.device.as_deref().map(|name| kiln::device_named(Some(name))).transpose()?;
    let interrupt = Interrupt::on_ctrl_c()?;
    let (epochs, total) = (model.config().epochs as u64, model.vocabulary().raw_words());
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {percent}% {msg} {elapsed}<{eta}")?;
    let bar = if is_first { ProgressBar::new(epochs.saturating_mul(total)) } else { ProgressBar::hidden() };
    let bar = bar.with_style(style);
    let mut observe = |progress: &Word2VecProgress| {
        bar.set_prefix(format!("epoch {} of {epochs}", progress.epoch + 1));
        bar.set_message(format!(
            "{:.2} M words/s, loss {:.3}, rate {:.4}",
            progress.words_per_s / 1e6,
            progress.loss,
            progress.alpha
        ));
        bar.set_position(progress.epoch as u64 * total + progress.words);
        if interrupt.is_set() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let mut is_over = true;
    while is_over && (model.epochs_done() as u64) < epochs {
        is_over = match &device {
            Some(device) => model.train_epoch(corpus, Some(device), &mut observe)?,
            None => model.train_epoch_over(group, corpus, &mut observe)?,
        };
        if let Some(path) = options.state.as_ref().filter(|_| is_first) {
            model.save(path)?;
        }
    }
    interrupt.release();
    bar.finish_and_clear();
    for (epoch, loss) in model.losses().iter().enumerate().filter(|_| is_first) {
        eprintln!("epoch {}: loss {loss:.4}", epoch + 1);
    }
    Ok(is_over)
}

/// Spearman's rho on word pairs, and the share of correct analogies.
fn evaluate(vectors: &WordVectors, folder: &Path) -> Result<serde_json::Value> {
    let pairs = |name: &str| -> Result<serde_json::Value> {
        let scores = vectors.evaluate_word_pairs(folder.join(name), &PairsOptions::new())?;
        Ok(serde_json::json!({"spearman": scores.spearman.coefficient, "oov_percent": scores.oov_percent}))
    };
    let restricted = AnalogyOptions::new().restrict_vocab(30_000);
    let analogies = vectors.evaluate_word_analogies(folder.join("questions-words.txt"), &restricted)?;
    Ok(serde_json::json!({
        "wordsim353": pairs("wordsim353.tsv")?,
        "simlex999": pairs("simlex999.txt")?,
        "analogies": analogies.accuracy,
    }))
}

/// Answers queries of words, + and - from standard input.
fn ask(vectors: &WordVectors) -> Result<()> {
    let input = std::io::stdin();
    if input.is_terminal() {
        println!("a word, or words with + and - between them; an empty line ends");
    }
    for line in input.lock().lines() {
        let line = line.context("cannot read the standard input")?;
        let (mut positive, mut negative) = (Vec::new(), Vec::new());
        let mut sign = '+';
        for word in line.split_whitespace() {
            match word {
                "+" => sign = '+',
                "-" => sign = '-',
                word if sign == '+' => positive.push(word),
                word => negative.push(word),
            }
        }
        if positive.is_empty() && negative.is_empty() {
            break;
        }
        match vectors.most_similar(&positive, &negative, 10) {
            Ok(near) => near.iter().for_each(|word| println!("  {:.4} {}", word.similarity, word.word)),
            Err(error) => println!("  {error}"),
        }
        std::io::stdout().flush()?;
    }
    Ok(())
}
