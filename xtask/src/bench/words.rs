//! `cargo xtask compare-word2vec` and `compare-vectors`: training and querying word vectors, compared with gensim.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::bench::{Peers, built, check_marks, column_of, commit, machine, mean, median, python, write};
use crate::{command, output};

/// The options of `cargo xtask compare-word2vec`.
#[derive(Args)]
pub(crate) struct CompareWord2Vec {
    /// A text with one sentence per line
    #[arg(long, value_name = "FILE")]
    text: PathBuf,
    /// A folder with wordsim353.tsv, simlex999.txt and questions-words.txt
    #[arg(long, value_name = "DIR")]
    eval: PathBuf,
    /// Only this model: cbow or skip-gram
    #[arg(long, value_enum)]
    only: Option<Model>,
    /// How often each is trained and scored, with seeds from 1
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    seeds: u32,
    /// Passes over the text
    #[arg(long, default_value_t = 5)]
    epochs: u32,
    /// How often each also makes one pass only to measure the rate: the shorter the turns, the fairer
    #[arg(long, default_value_t = 4)]
    turns: u32,
    #[command(flatten)]
    peers: Peers,
}

/// The model that is trained.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Model {
    Cbow,
    SkipGram,
}

/// The options of `cargo xtask compare-vectors`.
#[derive(Args)]
pub(crate) struct CompareVectors {
    /// The folder of the vector files, which are created if they are missing (some 600 MB)
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// How often gensim and Kiln take turns; the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    #[command(flatten)]
    peers: Peers,
}

/// The JSON lines that a command prints.
fn json_lines(process: &mut Command) -> Result<Vec<Value>> {
    let text = output(process)?;
    let lines = text.lines().filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).with_context(|| format!("not a JSON line: {line}"))).collect()
}

pub(crate) fn word2vec(root: &Path, options: &CompareWord2Vec) -> Result<()> {
    if !options.peers.print {
        check_marks(root, "compare-word2vec cbow")?;
        check_marks(root, "compare-word2vec skip-gram")?;
    }
    let python = python(root, options.peers.venv.as_deref())?.display().to_string();
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
    for (model, name) in [(Model::Cbow, "cbow"), (Model::SkipGram, "skip-gram")] {
        if options.only.is_some_and(|only| only != model) {
            continue;
        }
        let skip_gram = model == Model::SkipGram;
        let mut scored: [Vec<Value>; 2] = Default::default();
        let mut rates: [Vec<Value>; 2] = Default::default();
        for seed in 1..=options.seeds {
            for (n, peer) in ["gensim", "kiln"].into_iter().enumerate() {
                let line = run(peer, skip_gram, seed, &cores, options.epochs, true)?;
                scored[n].push(line.clone());
                rates[n].push(line);
            }
        }
        for _ in 0..options.turns {
            for (n, peer) in ["gensim", "kiln"].into_iter().enumerate() {
                rates[n].push(run(peer, skip_gram, 1, &cores, 1, false)?);
            }
        }
        // With one thread, one epoch is enough to show the rate.
        let [gensim, kiln] = ["gensim", "kiln"].map(|peer| run(peer, skip_gram, 1, "1", 1, false));
        let [one_gensim, one_kiln] = [vec![gensim?], vec![kiln?]];

        let mut text = format!(
            "`cargo xtask compare-word2vec --text imdb.txt --eval DIR --only {name} --seeds {} --epochs {} --turns {}` at commit {}: the text's words, \
             counted once an epoch, a second of training; medians of all runs, and means of the scores, {}. A ratio above 1 \
             means that Kiln is faster.\n\n\
             | model | threads | Kiln | gensim | ratio | all runs |\n|---|---|---|---|---|---|\n",
            options.seeds,
            options.epochs,
            options.turns,
            commit(root)?,
            machine()
        );
        text += &speed_row(name, &cores, &rates[1], &rates[0])?;
        text += &speed_row(name, "1", &one_kiln, &one_gensim)?;
        text += "\n| scores | Kiln | gensim |\n|---|---|---|\n";
        for (what, pointer) in [
            ("WordSim-353, Spearman's rho", "/scores/wordsim353/spearman"),
            ("SimLex-999, Spearman's rho", "/scores/simlex999/spearman"),
            ("analogies, share of right ones", "/scores/analogies"),
        ] {
            let mean_of = |rows: &[Value]| Ok::<_, anyhow::Error>(mean(&column_of(rows, pointer)?));
            text += &format!("| {what} | {:.4} | {:.4} |\n", mean_of(&scored[1])?, mean_of(&scored[0])?);
        }
        println!("{text}");
        if !options.peers.print {
            write(root, &format!("compare-word2vec {name}"), &text)?;
        }
    }
    Ok(())
}

fn speed_row(name: &str, threads: &str, kiln: &[Value], gensim: &[Value]) -> Result<String> {
    let rates = |rows: &[Value]| -> Result<Vec<f64>> {
        Ok(column_of(rows, "/words_per_s")?.iter().map(|rate| rate / 1e6).collect())
    };
    let (kiln, gensim) = (rates(kiln)?, rates(gensim)?);
    let all = |rates: &[f64]| rates.iter().map(|rate| format!("{rate:.2}")).collect::<Vec<_>>().join(" ");
    let (own, peer) = (median(&kiln), median(&gensim));
    Ok(format!(
        "| {name} | {threads} | {own:.2} M/s | {peer:.2} M/s | {:.2} | Kiln {}; gensim {} |\n",
        own / peer,
        all(&kiln),
        all(&gensim)
    ))
}

pub(crate) fn vectors(root: &Path, options: &CompareVectors) -> Result<()> {
    if !options.peers.print {
        check_marks(root, "compare-vectors")?;
    }
    let python = python(root, options.peers.venv.as_deref())?.display().to_string();
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
        "`cargo xtask compare-vectors --folder DIR --rounds {}` at commit {}: 400,000 words with 100 numbers each; medians of the turns, \
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
    if options.peers.print { Ok(()) } else { write(root, "compare-vectors", &text) }
}
