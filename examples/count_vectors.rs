//! Vectors of words from counting what stands near what: co-occurrence, PPMI and a truncated SVD.
//!
//! ```text
//! cargo run --release --example count-vectors -- --corpus ptb.train.txt
//! ```
//!
//! Data: a text of UTF-8 with one sentence a line; without `--corpus` the generated reviews. All lines
//! are read as one run of words with `<eos>` between them, as the textbooks read the Penn Treebank.
//! Time: seconds. Output: the pairs counted, the largest singular values, the nearest words of the
//! words asked for.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use kiln::prelude::*;
use kiln::vectors::counts::{Cooccurrence, Ppmi, Scaling, TruncatedSvd};
use kiln::vectors::{Format, WordVectors};
use kiln_examples::{review_text, similar_words};

/// Count what stands near what, and make vectors of it
#[derive(Parser)]
struct Options {
    /// Text with one sentence a line
    #[arg(long, value_name = "FILE")]
    corpus: Option<PathBuf>,
    /// Words to each side
    #[arg(long, default_value_t = 2)]
    window: usize,
    /// Numbers in a vector
    #[arg(long, default_value_t = 100)]
    size: usize,
    /// Seed of the randomised SVD
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Words whose neighbours are shown
    #[arg(long, value_delimiter = ',', default_value = "you,year,car,toyota")]
    words: Vec<String>,
    /// Write the vectors: .txt text, .bin binary, .safetensors
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let text = match &options.corpus {
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?,
        None => review_text(options.seed)?,
    };
    let mut words: Vec<&str> = Vec::new();
    let mut index = std::collections::HashMap::new();
    let mut ids: Vec<u32> = Vec::new();
    for word in text.lines().flat_map(|line| line.split_whitespace().chain(["<eos>"])) {
        ids.push(*index.entry(word).or_insert_with(|| {
            words.push(word);
            words.len() as u32 - 1
        }));
    }
    println!("{} words, {} of them different", thousands(ids.len()), thousands(words.len()));

    let counts = Cooccurrence::new().window(options.window).count(words.len(), [&ids])?;
    println!("{} pairs stand within {} words of each other", thousands(counts.nnz()), options.window);
    let ppmi = Ppmi::new().transform(counts.view())?;
    println!("{} of them more often than by chance", thousands(ppmi.nnz()));
    let svd = TruncatedSvd::new(options.size.min(words.len())).seed(options.seed).decompose(ppmi.view())?;
    println!("largest singular values: {:.1?}", &svd.s[..svd.s.len().min(5)]);

    let vectors = WordVectors::new(&words, svd.vectors(Scaling::Unscaled), svd.k)?;
    for word in &options.words {
        match vectors.similar_by_word(word, 5) {
            Ok(near) => println!("{word}: {}", similar_words(&near)),
            Err(error) => println!("{error}"),
        }
    }
    if let Some(path) = &options.output {
        vectors.save(path, Format::of_name(path))?;
        println!("vectors: {}", path.display());
    }
    Ok(())
}
