//! `cargo xtask compare-word2vec` and `compare-vectors`: word vectors trained and asked, beside gensim's.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use crate::bench::{built, column_of, commit, machine, mean, median, python, write};
use crate::{command, output};

/// The options of `cargo xtask compare-word2vec`.
#[derive(Args)]
pub(crate) struct CompareWord2Vec {
    /// A text with one sentence a line
    #[arg(long, value_name = "FILE")]
    text: PathBuf,
    /// A folder with wordsim353.tsv, simlex999.txt and questions-words.txt
    #[arg(long, value_name = "DIR")]
    eval: PathBuf,
    /// How often each is trained, with seeds from 1
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    seeds: u32,
    /// Passes over the text
    #[arg(long, default_value_t = 5)]
    epochs: u32,
    /// Where the peers' Python environment lies, and is made if it is missing (several GB)
    #[arg(long, value_name = "DIR")]
    venv: Option<PathBuf>,
    /// Print the table and leave BENCHMARKS.md as it is
    #[arg(long)]
    print: bool,
}

/// The options of `cargo xtask compare-vectors`.
#[derive(Args)]
pub(crate) struct CompareVectors {
    /// Where the vector files lie, and are made if they are missing (some 600 MB)
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// How often gensim and Kiln take turns; the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Where the peers' Python environment lies, and is made if it is missing (several GB)
    #[arg(long, value_name = "DIR")]
    venv: Option<PathBuf>,
    /// Print the table and leave BENCHMARKS.md as it is
    #[arg(long)]
    print: bool,
}

/// The JSON lines that a command prints.
fn json_lines(process: &mut Command) -> Result<Vec<Value>> {
    let text = output(process)?;
    let lines = text.lines().filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).with_context(|| format!("not a JSON line: {line}"))).collect()
}

pub(crate) fn word2vec(root: &Path, options: &CompareWord2Vec) -> Result<()> {
    let python = python(root, options.venv.as_deref())?.display().to_string();
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("word2vec");
    std::fs::copy(built(root, "--workspace --example word2vec")?, &program)?;
    let run = |peer: &str, skip_gram: bool, seed: u32, workers: &str, epochs: u32, scored: bool| -> Result<Value> {
        let mut process = if peer == "kiln" {
            let mut process = Command::new(&program);
            process.arg("--json").arg("--corpus").arg(&options.text);
            process
        } else {
            let mut process = command(root, &python, "benchmarks/peers/word2vec.py");
            process.arg(&options.text);
            process
        };
        process.args(["--workers", workers, "--seed", &seed.to_string(), "--epochs", &epochs.to_string()]);
        if skip_gram {
            process.arg("--skip-gram");
        }
        if scored {
            process.arg("--eval").arg(&options.eval);
        }
        let mut lines = json_lines(&mut process)?;
        let line = lines.pop().with_context(|| format!("{peer} printed no figures"))?;
        println!("{peer}, seed {seed}, {workers} threads: {line}");
        Ok(line)
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).to_string();
    let mut text = format!(
        "`cargo xtask compare-word2vec --seeds {} --epochs {}` at commit {}: the text's words, counted once an epoch, a \
         second of training; medians, and means of the scores, {}. A ratio above 1 means that Kiln is faster.\n\n\
         | model | threads | Kiln | gensim | ratio | WordSim-353 | SimLex-999 | analogies |\n|---|---|---|---|---|---|---|---|\n",
        options.seeds,
        options.epochs,
        commit(root)?,
        machine()
    );
    for (name, skip_gram) in [("CBOW", false), ("skip-gram", true)] {
        let mut rows: [Vec<Value>; 2] = Default::default();
        for seed in 1..=options.seeds {
            for (peer, rows) in ["gensim", "kiln"].iter().zip(&mut rows) {
                rows.push(run(peer, skip_gram, seed, &cores, options.epochs, true)?);
            }
        }
        let [gensim, kiln] = &rows;
        let score = |pointer: &str| -> Result<String> {
            let mean_of = |rows: &[Value]| Ok::<_, anyhow::Error>(mean(&column_of(rows, pointer)?));
            Ok(format!("{:.4} and {:.4}", mean_of(kiln)?, mean_of(gensim)?))
        };
        text += &speed_row(name, &cores, kiln, gensim)?;
        let correlation = |name: &str| score(&format!("/scores/{name}/spearman"));
        text += &format!(
            " {} | {} | {} |\n",
            correlation("wordsim353")?,
            correlation("simlex999")?,
            score("/scores/analogies")?
        );
        // A thread by itself: an epoch shows the rate.
        let [gensim, kiln] = ["gensim", "kiln"].map(|peer| run(peer, skip_gram, 1, "1", 1, false));
        text += &(speed_row(name, "1", &[kiln?], &[gensim?])? + " | | |\n");
    }
    println!("{text}");
    if options.print { Ok(()) } else { write(root, "compare-word2vec", &text) }
}

fn speed_row(name: &str, threads: &str, kiln: &[Value], gensim: &[Value]) -> Result<String> {
    let speed = |rows: &[Value]| Ok::<_, anyhow::Error>(median(&column_of(rows, "/words_per_s")?) / 1e6);
    let (kiln, gensim) = (speed(kiln)?, speed(gensim)?);
    Ok(format!("| {name} | {threads} | {kiln:.2} M/s | {gensim:.2} M/s | {:.2} |", kiln / gensim))
}

pub(crate) fn vectors(root: &Path, options: &CompareVectors) -> Result<()> {
    let python = python(root, options.venv.as_deref())?.display().to_string();
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("kiln-vector-bench");
    std::fs::copy(built(root, "--workspace --bin kiln-vector-bench")?, &program)?;
    if !options.folder.join("vectors.safetensors").exists() {
        output(Command::new(&program).arg("make").arg(&options.folder))?;
    }
    let mut lines: Vec<Value> = Vec::new();
    for round in 1..=options.rounds {
        println!("round {round} of {}", options.rounds);
        let mut gensim = command(root, &python, "benchmarks/peers/word_vectors.py");
        lines.extend(json_lines(gensim.arg(&options.folder))?);
        lines.extend(json_lines(Command::new(&program).arg("time").arg(&options.folder))?);
    }
    let mut text = format!(
        "`cargo xtask compare-vectors --rounds {}` at commit {}: 400,000 words with 100 numbers each; medians of the turns, \
         {}. A ratio above 1 means that Kiln is faster.\n\n| task | Kiln | gensim | ratio |\n|---|---|---|---|\n",
        options.rounds,
        commit(root)?,
        machine()
    );
    for (task, what) in [
        ("load_text", "read GloVe's text"),
        ("open_mapped", "map one's own format"),
        ("query_one_core", "`most_similar`, Kiln on one core, gensim on all"),
        ("query_in_batch", "a query of 1,000 at once"),
    ] {
        let time = |peer: &str| -> Result<f64> {
            let rows: Vec<Value> =
                lines.iter().filter(|line| line["peer"] == peer && line["task"] == task).cloned().collect();
            Ok(1e3 * median(&column_of(&rows, "/seconds")?))
        };
        let (kiln, gensim) = (time("kiln")?, time("gensim")?);
        text += &format!("| {what} | {kiln:.2} ms | {gensim:.2} ms | {:.1} |\n", gensim / kiln);
    }
    println!("{text}");
    if options.print { Ok(()) } else { write(root, "compare-vectors", &text) }
}
