//! Times word vectors as a tool: reading a file, mapping one, queries on one core and in batches.
//! `cargo xtask compare-vectors` runs it next to gensim.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use kiln::kernels::RandomKey;
use kiln::vectors::{Format, WordVectors};
use serde_json::json;

/// Words in the file that is made, and numbers in each vector.
const WORDS: usize = 400_000;
const WIDTH: usize = 100;
/// Timed queries.
const QUERIES: usize = 50;
/// Queries in a batch.
const BATCH: usize = 1_000;

#[derive(Parser)]
#[command(about = "Time word vectors as a tool")]
struct Options {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Make the files: GloVe's text, and Kiln's own format
    Make { folder: PathBuf },
    /// Print a JSON line for each figure
    Time { folder: PathBuf },
}

fn main() -> Result<()> {
    match Options::parse().task {
        Task::Make { folder } => make(&folder),
        Task::Time { folder } => time(&folder),
    }
}

/// Words and numbers like those in GloVe's files, with up to five decimals.
fn make(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let words: Vec<String> = (0..WORDS).map(|n| format!("word{n}")).collect();
    // The sum of four uniform numbers approximates a normal one.
    let uniform = RandomKey::new(1).uniform(4 * WORDS * WIDTH);
    let normal = uniform.chunks_exact(4).map(|four| four.iter().sum::<f32>() - 2.0);
    let values = normal.map(|value| (value * 1e5).round() / 1e5).collect();
    let vectors = WordVectors::new(&words, values, WIDTH)?;
    vectors.save(folder.join("vectors.txt"), Format::Glove)?;
    vectors.save(folder.join("vectors.safetensors"), Format::Safetensors)?;
    Ok(())
}

fn time(folder: &Path) -> Result<()> {
    let say = |task: &str, seconds: f64| println!("{}", json!({"peer": "kiln", "task": task, "seconds": seconds}));
    let began = Instant::now();
    let vectors = WordVectors::load(folder.join("vectors.txt"))?;
    say("load_text", began.elapsed().as_secs_f64());

    let began = Instant::now();
    let mapped = WordVectors::open(folder.join("vectors.safetensors"))?;
    black_box(mapped.vector("word399999")?);
    say("open_mapped", began.elapsed().as_secs_f64());

    let word = |n: usize| format!("word{}", n * 7919 % WORDS);
    let one_core = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let mut seconds = Vec::new();
    for n in 0..QUERIES + 5 {
        let word = word(n);
        let began = Instant::now();
        black_box(one_core.install(|| vectors.similar_by_word(&word, 10))?);
        seconds.push(began.elapsed().as_secs_f64());
    }
    let mut counted = seconds.split_off(5);
    counted.sort_by(f64::total_cmp);
    say("query_one_core", counted[counted.len() / 2]);

    let queries: Vec<_> = (0..BATCH).map(|n| vectors.query().positive(word(n))).collect();
    black_box(vectors.most_similar_batch(&queries[..10], 10)?);
    let began = Instant::now();
    black_box(vectors.most_similar_batch(&queries, 10)?);
    say("query_in_batch", began.elapsed().as_secs_f64() / BATCH as f64);
    Ok(())
}
