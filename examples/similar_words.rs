//! Shows the nearest words in any vector file, and plots the words on a plane.
//!
//! ```text
//! cargo run --release --features counts --example similar-words -- --vectors glove.6B.100d.txt --words king,queen,paris --plot plane.png
//! cargo run --release --example similar-words -- --vectors vectors.bin --analogy man,king,woman
//! ```
//!
//! Data: a file of word2vec (text or binary), GloVe or fastText (`.vec`), plain or `.gz`, or Kiln's own safetensors,
//! which is mapped instead of read; without `--vectors`, those of a short training on the generated reviews. Time: a
//! second for 400,000 words. Output: each word's nearest words by cosine and, with `--plot`, which needs the feature
//! `counts`, a picture of all of them along the two directions in which they differ most, as SVG or PNG. Scripts that
//! the picture's font (Ubuntu) lacks appear as boxes.

use kiln_examples::println;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

#[cfg(feature = "counts")]
use anyhow::Context;
use anyhow::{Result, ensure};
use clap::Parser;
use kiln::models::thousands;
use kiln::models::word2vec::{Updates, Word2Vec, Word2VecConfig};
use kiln::vectors::WordVectors;
use kiln_examples::plane::{Label, draw};
use kiln_examples::{review_corpus, similar_words};

/// Find similar words and plot them
#[derive(Parser)]
struct Options {
    /// The vectors: word2vec text or binary, GloVe, .vec or .safetensors; also .gz
    #[arg(long, value_name = "FILE")]
    vectors: Option<PathBuf>,
    /// Words whose neighbours are shown [default: the most frequent]
    #[arg(long, value_delimiter = ',')]
    words: Vec<String>,
    /// Three words: a is to b as c is to what?
    #[arg(long, value_delimiter = ',', num_args = 1)]
    analogy: Vec<String>,
    /// Neighbours for each word
    #[arg(long, default_value_t = 5)]
    top: usize,
    /// Plot words and neighbours on a plane: .svg or .png
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let began = Instant::now();
    let vectors = match &options.vectors {
        Some(path) if path.extension().is_some_and(|extension| extension == "safetensors") => WordVectors::open(path)?,
        Some(path) => WordVectors::load(path)?,
        None => {
            let corpus = review_corpus(0)?;
            let config = Word2VecConfig::new().vector_size(50).updates(Updates::Ordered);
            let mut model = Word2Vec::new(&config, &corpus)?;
            model.train(&corpus, |_| ControlFlow::Continue(()))?;
            model.vectors()?
        }
    };
    let (words, seconds) = (thousands(vectors.len()), began.elapsed().as_secs_f64());
    println!("{words} words with {} numbers each, in {seconds:.2} s", vectors.d());

    if !options.analogy.is_empty() {
        let [a, b, c] = &options.analogy[..] else {
            anyhow::bail!("--analogy needs three words with commas between them, as in man,king,woman");
        };
        let near = vectors.analogy(a, b, c, options.top)?;
        println!("{a} is to {b} as {c} is to: {}", similar_words(&near));
    }
    let asked: Vec<String> = match &options.words[..] {
        [] if options.analogy.is_empty() => vectors.words().iter().take(5).map(str::to_owned).collect(),
        words => words.to_vec(),
    };
    let mut labels: Vec<Label> = Vec::new();
    let mut add = |word: &str, is_asked: bool| match labels.iter_mut().find(|label| label.text == word) {
        Some(label) => label.is_strong |= is_asked,
        None => labels.push(Label { text: word.to_owned(), is_strong: is_asked, at: [0.0; 2] }),
    };
    for word in &asked {
        let near = vectors.similar_by_word(word, options.top)?;
        add(word, true);
        near.iter().for_each(|near| add(near.word, false));
        println!("{word}: {}", similar_words(&near));
    }

    if let Some(path) = &options.plot {
        ensure!(labels.len() > 2, "a plane needs at least three words: name some with --words");
        let shares = place(&mut labels, &vectors)?;
        draw(path, &labels)?;
        println!("plane: {} (its directions hold {shares} of the variance)", path.display());
    }
    Ok(())
}

/// Places the words on the plane of the two directions in which they differ most, and returns the shares of the
/// variance along these.
#[cfg(feature = "counts")]
fn place(labels: &mut [Label], vectors: &WordVectors) -> Result<String> {
    let rows = labels.iter().map(|label| vectors.vector(&label.text)).collect::<Result<Vec<_>, _>>()?;
    let plane = kiln::vectors::counts::principal_components(&rows.concat(), vectors.d(), 2);
    let plane = plane.context("the words have no plane")?;
    for (label, point) in labels.iter_mut().zip(plane.points.chunks_exact(2)) {
        label.at = [point[0], point[1]];
    }
    let shares = plane.explained_variance_ratio.iter().map(|share| format!("{:.0} %", 100.0 * share));
    Ok(shares.collect::<Vec<_>>().join(" and "))
}

#[cfg(not(feature = "counts"))]
fn place(_labels: &mut [Label], _vectors: &WordVectors) -> Result<String> {
    anyhow::bail!(
        "--plot needs the principal components of Kiln's feature `counts`: add `--features counts` to the command"
    );
}
