//! Times text preprocessing on all threads: the tasks of `benchmarks/peers/text.py` under the same names.
//!
//!     cargo run --release -p kiln-text --features subwords --example text-bench -- FOLDER [--json] [--only TASK]
//!
//! FOLDER holds `*.txt` files, one document each, at any depth. IMDB's `aclImdb/train/pos` and `neg` take half a
//! minute. Reading the files is not timed; the time is the best of `--runs`.
//!
//!     ... --example text-bench -- FOLDER --make-lines FILE --mb 2000
//!     ... --example text-bench -- --stream FILE [--json] [--only TASK]
//!
//! The first command makes a file of lines, each the shuffled words of some document, so that the vocabulary stays that
//! of the folder. The second fits on it, reading a line at a time, and also prints the peak memory of the process (on
//! Linux), so run one TASK at a time.

use std::cell::OnceCell;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use kiln_base::SplitMix64;
use kiln_text::corpora::LineCorpus;
use kiln_text::encoders::{Encoder, SubwordModel, SubwordTextEncoder, SubwordTokenizer, WordTokenizer};
use kiln_text::features::{CountVectorizer, HashingVectorizer, TfidfVectorizer};
use kiln_text::io::TextProgress;
use kiln_text::keras::{MatrixMode, TextVectorization};
use kiln_text::rows::pad_sequences;
use kiln_text::vocabulary::{Vocabulary, whitespace_tokens};
use serde_json::json;

/// The tasks that run on a folder, in this order.
const TASKS: [&str; 14] = [
    "word_fit",
    "word_encode",
    "pad",
    "tfidf_matrix_1000_docs",
    "text_vectorization_fit",
    "text_vectorization_encode",
    "count",
    "count_bigram",
    "hashing",
    "tfidf",
    "bpe_fit",
    "bpe_encode",
    "subword_text_fit",
    "subword_text_encode",
];

/// The tasks that run on a file of lines.
const STREAM_TASKS: [&str; 4] = ["word_fit", "vocabulary", "text_vectorization_fit", "count"];

/// The limit on words, terms and tokens, and the length of rows.
const MOST: usize = 10_000;
const LENGTH: usize = 200;
const SUBWORDS: usize = 8_185;

#[derive(Parser)]
#[command(about = "Time text preprocessing")]
struct Options {
    /// A folder with *.txt files at any depth, one document each
    #[arg(required_unless_present = "stream", conflicts_with = "stream")]
    folder: Option<PathBuf>,
    /// A file with one document per line, read as a stream
    #[arg(long, value_name = "FILE")]
    stream: Option<PathBuf>,
    /// Make a file of lines from the folder's words, and time nothing
    #[arg(long, value_name = "FILE", requires = "mb", conflicts_with = "stream")]
    make_lines: Option<PathBuf>,
    /// The size of that file
    #[arg(long, value_name = "MB", requires = "make_lines")]
    mb: Option<u64>,
    /// Run only this task
    #[arg(long, value_name = "TASK")]
    only: Option<String>,
    /// How often each task runs; the best counts
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "stream")]
    runs: u32,
    /// Print one JSON line per task
    #[arg(long)]
    json: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let known: &[&str] = if options.stream.is_some() { &STREAM_TASKS } else { &TASKS };
    if let Some(only) = options.only.as_deref().filter(|only| !known.contains(only)) {
        bail!("unknown task '{only}'; the tasks are {}", known.join(", "));
    }
    if let Some(file) = &options.stream {
        return stream(file, &options);
    }
    let folder = options.folder.as_deref().context("a folder is needed")?;
    let texts = read(folder)?;
    match (&options.make_lines, options.mb) {
        (Some(file), Some(mb)) => make_lines(&texts, file, mb * 1_000_000),
        _ => time(&texts, &options),
    }
}

/// The texts of a folder, in the order of their files' paths.
fn read(folder: &Path) -> Result<Vec<String>> {
    ensure!(folder.is_dir(), "{} is not a folder; one with *.txt files is needed", folder.display());
    let mut files = Vec::new();
    find(folder, &mut files)?;
    ensure!(!files.is_empty(), "{} holds no *.txt file at any depth", folder.display());
    files.sort();
    let text = |file: &PathBuf| fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()));
    files.iter().map(text).collect()
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.extension() == Some(OsStr::new("txt")) {
            files.push(path);
        }
    }
    Ok(())
}

fn time(texts: &[String], options: &Options) -> Result<()> {
    let bytes: usize = texts.iter().map(String::len).sum();
    let white_space_words: usize = texts.iter().map(|text| text.split_whitespace().count()).sum();
    let words = || WordTokenizer::builder().num_words(MOST).fit(texts);
    let fitted = Fitted::new(words);
    let sequences = Fitted::new(|| fitted.get()?.encode_all(texts));
    let vectorization = || TextVectorization::builder().max_tokens(MOST).output_sequence_length(LENGTH).adapt(texts);
    let adapted = Fitted::new(vectorization);
    let count = || CountVectorizer::builder().max_features(MOST);
    let hashing = HashingVectorizer::builder().n_features(1 << 18).build()?;
    let bpe = || SubwordTokenizer::builder(SubwordModel::ByteLevelBpe, SUBWORDS).fit(texts);
    let trained = Fitted::new(bpe);
    let subword_text = || SubwordTextEncoder::builder(SUBWORDS).fit(texts);
    let built = Fitted::new(subword_text);
    let tokens = |ids: Vec<Vec<u32>>| ids.iter().map(Vec::len).sum::<usize>();
    let first = &texts[..texts.len().min(1_000)];

    let best = |run: &dyn Fn() -> Result<usize>| -> Result<(f64, usize)> {
        let (mut best, mut made) = (f64::INFINITY, 0);
        for _ in 0..options.runs {
            let began = Instant::now();
            made = black_box(run()?);
            best = best.min(began.elapsed().as_secs_f64());
        }
        Ok((best, made))
    };
    for task in TASKS.into_iter().filter(|task| options.only.as_deref().is_none_or(|only| only == *task)) {
        // What a task needs is prepared before its time begins.
        let (seconds, made) = match task {
            "word_fit" => best(&|| Ok(words()?.words().len())),
            "word_encode" => {
                let words = fitted.get()?;
                best(&|| Ok(tokens(words.encode_all(texts)?)))
            }
            "pad" => {
                let sequences = sequences.get()?;
                best(&|| Ok(pad_sequences(sequences, LENGTH)?.values.len()))
            }
            "tfidf_matrix_1000_docs" => {
                let words = fitted.get()?;
                best(&|| Ok(words.texts_to_matrix(first, MatrixMode::TfIdf)?.values.len()))
            }
            "text_vectorization_fit" => best(&|| Ok(vectorization()?.vocabulary().count())),
            "text_vectorization_encode" => {
                let adapted = adapted.get()?;
                best(&|| Ok(adapted.ids(texts)?.spans.iter().map(|span| span.len).sum()))
            }
            "count" => best(&|| Ok(count().fit_transform(texts)?.1.nnz())),
            "count_bigram" => best(&|| Ok(count().ngram_range(1, 2).fit_transform(texts)?.1.nnz())),
            "hashing" => best(&|| Ok(hashing.transform(texts)?.nnz())),
            "tfidf" => best(&|| Ok(TfidfVectorizer::builder().max_features(MOST).fit_transform(texts)?.1.nnz())),
            "bpe_fit" => best(&|| Ok(bpe()?.vocab_size())),
            "bpe_encode" => {
                let trained = trained.get()?;
                best(&|| Ok(tokens(trained.encode_all(texts)?)))
            }
            "subword_text_fit" => best(&|| Ok(subword_text()?.vocab_size())),
            "subword_text_encode" => {
                let built = built.get()?;
                best(&|| Ok(tokens(built.encode_all(texts)?)))
            }
            other => bail!("the task {other} is listed but not implemented"),
        }?;
        let subwords = ["bpe_encode", "subword_text_encode"].contains(&task);
        let tokens_per_word = subwords.then(|| made as f64 / white_space_words as f64);
        let (documents, bytes) = (texts.len() as u64, bytes as u64);
        say(&Figure { task, documents, bytes, seconds, made, tokens_per_word }, options.json);
    }
    Ok(())
}

/// Objects that several tasks need, made on first use.
struct Fitted<T, F> {
    made: OnceCell<T>,
    make: F,
}

impl<T, F: Fn() -> kiln_text::Result<T>> Fitted<T, F> {
    fn new(make: F) -> Self {
        Self { made: OnceCell::new(), make }
    }

    fn get(&self) -> kiln_text::Result<&T> {
        if let Some(made) = self.made.get() {
            return Ok(made);
        }
        let made = (self.make)()?;
        Ok(self.made.get_or_init(|| made))
    }
}

struct Figure {
    task: &'static str,
    documents: u64,
    bytes: u64,
    seconds: f64,
    /// How many words, ids, cells or stored numbers came out.
    made: usize,
    /// Only for subword tasks.
    tokens_per_word: Option<f64>,
}

fn say(figure: &Figure, json: bool) {
    let Figure { task, documents, bytes, seconds, made, tokens_per_word } = *figure;
    let mb = bytes as f64 / 1e6;
    let rate = mb / seconds;
    let peak = most_memory();
    if json {
        let rounded = |value: f64, places: f64| (value * places).round() / places;
        let line = json!({
            "peer": "kiln", "task": task, "documents": documents, "mb": rounded(mb, 10.0),
            "seconds": rounded(seconds, 1e4), "mb_per_s": rounded(rate, 10.0), "made": made,
            "tokens_per_word": tokens_per_word.map(|tokens| rounded(tokens, 1e4)),
            "peak_mb": peak.map(|peak| rounded(peak as f64 / 1e6, 10.0)),
        });
        println!("{line}");
    } else {
        let peak = peak.map_or(String::new(), |peak| format!(", most memory {:.0} MB", peak as f64 / 1e6));
        println!("{task:<26} {seconds:>9.4} s {rate:>9.1} MB/s{peak}");
    }
}

/// The peak memory of this process in bytes; only on Linux.
fn most_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(kilobytes.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Fits on a file of lines. The progress callback sees the bytes on the disk.
fn stream(file: &Path, options: &Options) -> Result<()> {
    let corpus = LineCorpus::new([file]);
    for task in STREAM_TASKS.into_iter().filter(|task| options.only.as_deref().is_none_or(|only| only == *task)) {
        let mut last = TextProgress::default();
        let began = Instant::now();
        let lines = corpus.documents()?.on_progress(|progress| {
            last = progress;
            ControlFlow::Continue(())
        });
        let made = match task {
            "word_fit" => WordTokenizer::builder().num_words(MOST).fit(lines)?.words().len(),
            "vocabulary" => Vocabulary::builder().max_size(MOST).fit(lines, whitespace_tokens)?.len(),
            "text_vectorization_fit" => {
                TextVectorization::builder().max_tokens(MOST).adapt(lines)?.vocabulary().count()
            }
            "count" => CountVectorizer::builder().max_features(MOST).fit(lines)?.feature_names().len(),
            other => bail!("the task {other} is listed but not implemented"),
        };
        let seconds = began.elapsed().as_secs_f64();
        let (documents, bytes) = (last.documents, last.bytes);
        say(&Figure { task, documents, bytes, seconds, made, tokens_per_word: None }, options.json);
    }
    Ok(())
}

/// Writes lines, each with the words of one document in another order, until there are `bytes` bytes.
fn make_lines(texts: &[String], file: &Path, bytes: u64) -> Result<()> {
    let cannot = || format!("cannot write {}", file.display());
    let mut out = BufWriter::with_capacity(1 << 20, File::create(file).with_context(cannot)?);
    let mut written = 0;
    for round in 0_u64.. {
        for (at, text) in (0_u64..).zip(texts) {
            let mut words: Vec<&str> = text.split_whitespace().collect();
            SplitMix64::new(round << 32 | at).shuffle(&mut words);
            let line = words.join(" ");
            written += line.len() as u64 + 1;
            writeln!(out, "{line}").with_context(cannot)?;
            if written >= bytes {
                return out.flush().with_context(cannot);
            }
        }
        ensure!(written > 0, "the folder holds no word");
    }
    Ok(())
}
