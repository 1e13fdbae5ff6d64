//! `kiln vectors train`: word2vec on text files.

use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use clap::{Args, ValueEnum};
use kiln::group::Group;
use kiln::models::word2vec::{Architecture, Corpus, Updates, Word2Vec, Word2VecConfig, Word2VecProgress};
use kiln::models::{Error, OptionError, thousands};
use kiln::text::corpora::Encoding;

use super::{format_to_write, is_free, is_writable, save, size};
use crate::{output as standard_output, whole};

/// What to do about a corpus that is not UTF-8.
const ENCODING_ADVICE: &str = "name the encoding, as in `--encoding latin1`";
/// What clears the line of a terminal.
const CLEAR: &str = "\r\x1b[K";
/// How long an epoch goes on before its state is saved.
const SAVED_EVERY: Duration = Duration::from_secs(5 * 60);

/// Trains word vectors on text files by word2vec
#[derive(Args)]
#[command(after_help = "Example:\n  kiln vectors train corpus.txt --output vectors.txt\n  \
                  kiln vectors train a.txt.gz b.txt.gz --model skipgram --vector-size 300 --output vectors.bin")]
pub(super) struct Train {
    /// The text files, with one sentence a line and spaces between the words; gzip too
    #[arg(required = true, value_name = "CORPUS")]
    corpus: Vec<PathBuf>,
    /// The file to write; its ending says the format: .txt, .vec, .bin or .safetensors, and .gz after it compresses
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Predict a word from the words around it (cbow), or the words around it from a word (skipgram)
    #[arg(long, value_enum, default_value = "cbow")]
    model: Model,
    /// The dimensions: the numbers in a vector
    #[arg(long, visible_alias = "d", default_value_t = 100, value_name = "N")]
    #[arg(allow_negative_numbers = true, value_parser = whole::<usize>)]
    vector_size: usize,
    /// Neighbours of a word on each side, at most
    #[arg(long, default_value_t = 5, value_name = "N", allow_negative_numbers = true, value_parser = whole::<usize>)]
    window: usize,
    /// Random words per window that the model learns not to predict
    #[arg(long, default_value_t = 5, value_name = "N", allow_negative_numbers = true, value_parser = whole::<usize>)]
    negative: usize,
    /// Words that occur less often get no vector
    #[arg(long, default_value_t = 5, value_name = "N", allow_negative_numbers = true, value_parser = whole::<u64>)]
    min_count: u64,
    /// Passes over the corpus
    #[arg(long, default_value_t = 5, value_name = "N", allow_negative_numbers = true, value_parser = whole::<usize>)]
    epochs: usize,
    /// The learning rate at the start [default: 0.05 for cbow, 0.03 for skipgram]
    #[arg(long, visible_alias = "learning-rate", allow_negative_numbers = true, value_name = "RATE")]
    alpha: Option<f64>,
    /// Words above this share of the corpus are skipped now and then; 0 skips none
    #[arg(long, default_value = "1e-3", allow_negative_numbers = true, value_name = "SHARE")]
    sample: f64,
    /// The seed of the first vectors, the windows and the negative words
    #[arg(long, default_value_t = 1, allow_negative_numbers = true, value_parser = whole::<u64>)]
    seed: u64,
    /// The number of threads; 0 takes all cores
    #[arg(long, visible_alias = "threads", default_value_t = 0, value_name = "N")]
    #[arg(allow_negative_numbers = true, value_parser = whole::<usize>)]
    workers: usize,
    /// Under mpirun, about how many words a rank reads between two averages of the vectors; more for a slow network
    #[arg(long, default_value_t = 25_000, value_name = "N", allow_negative_numbers = true, value_parser = whole::<u64>)]
    sync_words: u64,
    /// The same vectors each time, with any number of threads; slower where there are several
    #[arg(long)]
    deterministic: bool,
    /// Lower-case the corpus
    #[arg(long)]
    lowercase: bool,
    /// The encoding of the corpus, such as latin1; UTF-8 by default
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
    /// A file to save the training in: after each epoch, every five minutes, and when Ctrl-C stops it
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Continue the training that --state saved, with the same options. With a higher --epochs, the learning rate falls
    /// over all epochs, so it is higher again at first
    #[arg(long, requires = "state")]
    resume: bool,
    /// Replace the file if it exists
    #[arg(long)]
    overwrite: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Model {
    Cbow,
    Skipgram,
}

/// Trains as one rank of a group, of which rank 0 writes the files.
pub(super) fn train(options: &Train, group: &dyn Group) -> Result<()> {
    let is_first = group.rank() == 0;
    let format = format_to_write(&options.output, None, "name another file with --output")?;
    check_corpus(options)?;
    if is_first {
        is_writable(&options.output, options.overwrite)?;
    }
    if let Some(state) = &options.state {
        if is_first {
            check_state(state, options)?;
        }
        ctrlc::set_handler(stop).context("cannot handle Ctrl-C")?;
    }
    let encoding = match &options.encoding {
        Some(name) => name.parse()?,
        None => Encoding::UTF_8,
    };
    let corpus = Corpus::files(&options.corpus).map_err(|error| plain(error, options))?;
    let corpus = corpus.encoding(encoding).lowercase(options.lowercase);
    let mut model = match &options.state {
        Some(state) if options.resume => resumed(state, &corpus, options, group)?,
        _ => Word2Vec::new_over(group, &config(options), &corpus).map_err(|error| plain(error, options))?,
    };
    let raw_words = model.vocabulary().raw_words();
    note(&format!(
        "corpus: {} words; {} different words occur at least {} times",
        thousands(raw_words as usize),
        thousands(model.vocabulary().len()),
        options.min_count
    ));

    let (began, done_before) = (Instant::now(), model.epochs_done());
    if done_before == options.epochs {
        note("all epochs are done: nothing to train, only the vectors to write; to go on, raise --epochs");
    }
    while model.epochs_done() < options.epochs {
        train_epoch(&mut model, &corpus, options, group)?;
        is_not_stopped(&model, options, group)?;
    }
    if !is_first {
        return Ok(());
    }
    let seconds = began.elapsed().as_secs_f64();
    let vectors = model.vectors().context("the training diverged: lower --alpha")?;
    let output = output(options);
    // First, so that a closed pipe does not take them away.
    save(&vectors, &output, format)?;
    let mut out = standard_output();
    writeln!(out, "{}: {}, in {format}", output.display(), size(&vectors))?;
    let epochs = model.epochs_done() - done_before;
    if epochs > 0 {
        let speed = speed(raw_words as f64 * epochs as f64, seconds);
        writeln!(out, "trained in {seconds:.1} s, {speed} words per second")?;
    }
    Ok(())
}

/// Whether Ctrl-C or another signal has asked the training to stop.
static STOPPED: AtomicBool = AtomicBool::new(false);

/// Stops a training that is saved; the second time, ends the process.
fn stop() {
    if STOPPED.swap(true, Ordering::Relaxed) {
        std::process::exit(130);
    }
    note("stopping; a second signal ends the process at once");
}

/// # Errors
///
/// A signal has stopped a rank of the training, which is saved, before all epochs are done.
fn is_not_stopped(model: &Word2Vec, options: &Train, group: &dyn Group) -> Result<()> {
    let (Some(state), done, epochs) = (&options.state, model.epochs_done(), options.epochs) else { return Ok(()) };
    let mut stopped = [f32::from(STOPPED.load(Ordering::Relaxed))];
    group.sum(&mut stopped)?;
    ensure!(
        done == epochs || stopped[0] < 0.5,
        "stopped by a signal after {done} of {epochs} epochs; the training is saved in {}: to continue, run the same \
         command with --resume, without --overwrite",
        state.display()
    );
    Ok(())
}

fn config(options: &Train) -> Word2VecConfig {
    let architecture = match options.model {
        Model::Cbow => Architecture::Cbow,
        Model::Skipgram => Architecture::SkipGram,
    };
    let config = Word2VecConfig::new()
        .architecture(architecture)
        .vector_size(options.vector_size)
        .window(options.window)
        .negative(options.negative)
        .min_count(options.min_count)
        .epochs(options.epochs)
        .sample(options.sample)
        .seed(options.seed)
        .workers(options.workers)
        .sync_words(options.sync_words)
        .updates(if options.deterministic { Updates::Ordered } else { Updates::Racing });
    let config = Word2VecConfig { alpha: options.alpha, ..config };
    // A rate at the start may be lower than the usual one at the end.
    let last = config.min_alpha.min(config.first_alpha());
    config.min_alpha(last)
}

/// # Errors
///
/// A file of the corpus cannot be read in every epoch, or is the one that is to be written.
fn check_corpus(options: &Train) -> Result<()> {
    for path in &options.corpus {
        let found = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(!found.is_dir(), "{} is a folder: name the text files in it", path.display());
        ensure!(
            found.is_file(),
            "{} is a pipe or a device, but the corpus is read in every epoch: save it as a file first",
            path.display()
        );
        ensure!(
            !is_same(path, &options.output),
            "{} is a file of the corpus: name another file with --output",
            path.display()
        );
    }
    Ok(())
}

/// # Errors
///
/// The state is not there to go on with, is there and not to be replaced, or is another file of this training.
fn check_state(state: &Path, options: &Train) -> Result<()> {
    let shown = state.display();
    ensure!(!options.resume || state.exists(), "there is no training to continue: {shown} does not exist");
    ensure!(
        options.resume || options.overwrite || is_free(state),
        "{shown} already exists: continue it with --resume, replace it with --overwrite, or name another file with \
         --state"
    );
    let is_other = options.corpus.iter().chain([&options.output]).any(|path| is_same(path, state));
    ensure!(
        !is_other && *state != options.output,
        "{shown} is the output or a file of the corpus: name another --state"
    );
    is_writable(state, true)
}

fn is_same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The training that a file holds.
///
/// # Errors
///
/// The file cannot be read, or its training is with other options or on another corpus.
fn resumed(state: &Path, corpus: &Corpus, options: &Train, group: &dyn Group) -> Result<Word2Vec> {
    let mut model = Word2Vec::load_over(group, state).map_err(|error| plain(error, options))?;
    let (before, now) = (serde_json::to_value(model.config())?, serde_json::to_value(config(options))?);
    let may_differ = ["epochs", "workers", "sync_words"];
    let differs = |(name, value): &(&String, &serde_json::Value)| {
        !may_differ.contains(&name.as_str()) && now[name.as_str()] != **value
    };
    let differing: Vec<String> = before
        .as_object()
        .into_iter()
        .flatten()
        .filter(differs)
        .map(|(name, value)| format!("{} was {value} and is now {}", name.replace('_', "-"), now[name.as_str()]))
        .collect();
    let shown = state.display();
    ensure!(
        differing.is_empty(),
        "{shown} was begun with other options: {}; give the same ones, or begin again with --overwrite",
        differing.join(", ")
    );
    let (counted, known) = (corpus.vocabulary_over(group, options.min_count), model.vocabulary());
    let counted = counted.map_err(|error| plain(error, options))?;
    ensure!(
        counted.raw_words() == known.raw_words()
            && counted.counts() == known.counts()
            && counted.words().eq(known.words()),
        "{shown} was begun on another corpus, or the corpus has changed: begin again with --overwrite"
    );
    let done = model.epochs_done();
    ensure!(
        options.epochs >= done,
        "{shown} has {done} epochs, which is more than the {} of --epochs: raise --epochs, or begin again with \
         --overwrite",
        options.epochs
    );
    model.set_epochs(options.epochs).map_err(|error| plain(error, options))?;
    model.set_workers(options.workers).map_err(|error| plain(error, options))?;
    model.set_sync_words(options.sync_words).map_err(|error| plain(error, options))?;
    note(&format!("going on from {shown}, after {done} epochs"));
    Ok(model)
}

/// The file to write: where another program has made it meanwhile, one with a number in its name.
fn output(options: &Train) -> PathBuf {
    let name = options.output.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (stem, endings) = name.split_once('.').unwrap_or((&name, ""));
    let mut output = options.output.clone();
    let mut number = 1_u64;
    while !options.overwrite && !is_free(&output) {
        number += 1;
        output.set_file_name(format!("{stem}-{number}.{endings}"));
    }
    output
}

/// Trains for an epoch, and tells on the standard error how far it is: in a terminal all the time, else at its end.
fn train_epoch(model: &mut Word2Vec, corpus: &Corpus, options: &Train, group: &dyn Group) -> Result<()> {
    let (epoch, epochs, began) = (model.epochs_done() + 1, options.epochs, Instant::now());
    let is_first = group.rank() == 0;
    let is_terminal = is_first && std::io::stderr().is_terminal();
    let clear = if is_terminal { CLEAR } else { "" };
    let mut is_over = false;
    while !is_over {
        let saved = Instant::now();
        let trained = model.train_epoch_over(group, corpus, |progress: &Word2VecProgress| {
            if is_terminal {
                let part = 100.0 * progress.words as f64 / progress.total_words.max(1) as f64;
                let Word2VecProgress { words_per_s, loss, .. } = progress;
                let speed = speed(*words_per_s, 1.0);
                let told = format!("epoch {epoch} of {epochs}: {part:.0} %, {speed} words per second, loss {loss:.4}");
                let mut err = std::io::stderr().lock();
                let _ = write!(err, "{CLEAR}{told}");
                let _ = err.flush();
            }
            let is_due = is_first && options.state.is_some() && saved.elapsed() >= SAVED_EVERY;
            let is_stopped = STOPPED.load(Ordering::Relaxed);
            if is_due || is_stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let _ = write!(std::io::stderr(), "{clear}");
        is_over = trained.map_err(|error| plain(error, options))?;
        if let Some(state) = options.state.as_ref().filter(|_| is_first) {
            model.save(state).map_err(|error| plain(error, options))?;
        }
        if !is_over {
            is_not_stopped(model, options, group)?;
        }
    }
    let speed = speed(model.vocabulary().raw_words() as f64, began.elapsed().as_secs_f64());
    let loss = model.losses().last().copied().unwrap_or(f64::NAN);
    note(&format!("epoch {epoch} of {epochs}: {speed} words per second, loss {loss:.4}"));
    Ok(())
}

/// Words a second.
fn speed(words: f64, seconds: f64) -> String {
    thousands((words / seconds.max(1e-9)).round() as usize)
}

/// A line on the standard error, which may have been closed.
fn note(told: &str) {
    if crate::tells() {
        let _ = writeln!(std::io::stderr(), "{told}");
    }
}

/// An error of the training, with the options as they are called here.
fn plain(error: Error, options: &Train) -> anyhow::Error {
    let corpus = match &options.corpus[..] {
        [one] => one.display().to_string(),
        many => format!("{} files", many.len()),
    };
    match error {
        Error::EmptyCorpus { words: 0, .. } => anyhow!(
            "the corpus ({corpus}) has no words: expected text with one sentence per line and spaces between the words"
        ),
        Error::EmptyCorpus { words, distinct, min_count } => anyhow!(
            "fewer than two words occur at least {min_count} times in the corpus ({corpus}), which has {} words, {} of \
             them different: add text, or lower --min-count",
            thousands(words as usize),
            thousands(distinct)
        ),
        Error::NothingTrained { words, sample } => anyhow!(
            "nothing was learned in a whole epoch: of the {} words of the corpus ({corpus}), --sample {sample} skipped \
             too many; set `--sample 0`, or add text",
            thousands(words as usize)
        ),
        Error::Diverged { epoch, alpha } => {
            anyhow!("the training diverged in epoch {epoch}: set --alpha below {alpha}")
        }
        Error::NotUtf8 { path, byte } => {
            anyhow!("{}: expected UTF-8, found an invalid byte at {byte}; {ENCODING_ADVICE}", path.display())
        }
        Error::Option(OptionError { option, expected, found }) => {
            anyhow!("--{} should be {expected}, found {found}", option.replace('_', "-"))
        }
        Error::InFile { path, source } => match *source {
            Error::NoWord2Vec { lacks } => {
                anyhow!("{} is not a training that --state saved: it lacks {lacks}; name another file", path.display())
            }
            other => anyhow!("{}: {other}", path.display()),
        },
        other => other.into(),
    }
}
