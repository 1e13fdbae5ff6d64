//! Word vectors from counting which words occur near each other: co-occurrence, PPMI and a truncated SVD.
//!
//! ```text
//! cargo run --release --features counts --example count-vectors -- --corpus ptb.train.txt
//! ```
//!
//! Data: a UTF-8 text with one sentence a line; without `--corpus`, the generated reviews. All lines are read as one
//! sequence of words with `<eos>` between them, as the textbooks read the Penn Treebank. Time: seconds. Output: the
//! number of pairs, the largest singular values, and the nearest words of the given words.

use anyhow::Result;
use clap::Parser;
use kiln::models::thousands;
use kiln::vectors::counts::{Cooccurrence, Ppmi, Scaling, TruncatedSvd};
use kiln::vectors::{Format, WordVectors};
use kiln_examples::println;
use kiln_examples::{CorpusArgs, numbered, similar_words};

/// Count which words occur near each other, and make vectors of the counts
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    text: CorpusArgs,
    /// Words looked at on each side
    #[arg(long, default_value_t = 2)]
    window: usize,
    /// Numbers in a vector
    #[arg(long, default_value_t = 100)]
    size: usize,
    /// Seed of the randomised SVD
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let text = options.text.text(options.seed)?;
    let (words, ids) = numbered(&text);
    println!("{} words, {} of them different", thousands(ids.len()), thousands(words.len()));

    let counts = Cooccurrence::new().window(options.window).count(words.len(), [&ids])?;
    println!("{} pairs occur within {} words of each other", thousands(counts.nnz()), options.window);
    let ppmi = Ppmi::new().transform(counts.view())?;
    println!("{} of them more often than by chance", thousands(ppmi.nnz()));
    let svd = TruncatedSvd::new(options.size.min(words.len())).seed(options.seed).decompose(ppmi.view())?;
    println!("largest singular values: {:.1?}", &svd.s[..svd.s.len().min(5)]);

    let vectors = WordVectors::new(&words, svd.vectors(Scaling::Unscaled), svd.k)?;
    for word in &options.text.words {
        match vectors.similar_by_word(word, 5) {
            Ok(near) => println!("{word}: {}", similar_words(&near)),
            Err(error) => println!("{error}"),
        }
    }
    if let Some(path) = &options.text.output {
        vectors.save(path, Format::of_name(path))?;
        println!("vectors: {}", path.display());
    }
    Ok(())
}
