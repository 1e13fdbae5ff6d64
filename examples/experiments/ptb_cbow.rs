//! Trains CBOW on the Penn Treebank with a textbook's settings, as a Burn module in the ordinary trainer.
//!
//! ```text
//! cargo run --release --example ptb-cbow -- --corpus ptb.train.txt
//! ```
//!
//! Data: a UTF-8 text with one sentence a line, read as one sequence of words with `<eos>` between them; without
//! `--corpus`, the generated reviews. Settings: window 5, 100 numbers a word, batches of 100, 10 epochs, Adam, 5
//! negative words, no words skipped: those of "Deep Learning from Scratch 2", chapter 4 (Saitoh, 2018). Time: some
//! minutes on two cores. Output: the loss of each epoch, the nearest words of the given words, and analogies.
//!
//! The fast path to word vectors is `--example word2vec`; here any device trains them. With `--sparse`, a step touches
//! only the rows of its words, which is twice as fast but changes Adam.

use anyhow::{Result, ensure};
use clap::Parser;
use kiln::kernels::RandomKey;
use kiln::kernels::word2vec::{WindowBatch, WindowSampler};
use kiln::models::thousands;
use kiln::models::word2vec::{Architecture, ContextRow, NegativeSamplingConfig};
use kiln::prelude::*;
use kiln::train::ContextDataset;
use kiln::vectors::{Format, WordVectors};
use kiln_examples::println;
use kiln_examples::{CorpusArgs, Defaults, TrainingArgs, numbered, show_model, show_run, similar_words};

const WINDOW: usize = 5;
const SIZE: usize = 100;
const NEGATIVE: usize = 5;
const DEFAULTS: Defaults = Defaults::new("ptb-cbow", Optimizer::adam()).epochs(10).batch_size(100);
/// Words of the text in fast mode.
const FAST: usize = 20_000;

/// Train CBOW with a textbook's settings
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    training: TrainingArgs,
    #[command(flatten)]
    text: CorpusArgs,
    /// Touch only the rows of a step's words, also in Adam: faster, with other results
    #[arg(long)]
    sparse: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let training = &options.training;
    let device = training.device()?;
    let text = options.text.text(training.seed)?;
    let (words, mut ids) = numbered(&text);
    if training.fast {
        ids.truncate(FAST);
    }
    let mut counts = vec![0; words.len()];
    ids.iter().for_each(|&id| counts[id as usize] += 1);
    println!("{} words, {} of them different", thousands(ids.len()), thousands(words.len()));
    ensure!(counts.iter().filter(|&&count| count > 0).count() > 2, "the text must hold at least three different words");

    // Every word with the five before and the five after it.
    let mut batch = WindowBatch::default();
    let sampler = WindowSampler::new(&counts, WINDOW, false, 0, 0.0, 0.75);
    sampler.draw(&ids, &mut RandomKey::new(training.seed).generator(), &mut batch);
    let mut rows = ContextRow::of(&batch, Architecture::Cbow);
    let valid = rows.split_off(rows.len() - (rows.len() / 100).max(1));

    let config = NegativeSamplingConfig::new(counts).vector_size(SIZE).negative(NEGATIVE);
    let mut model = config.init(&device, training.seed)?;
    model.input = model.input.sparse(options.sparse);
    model.output = model.output.sparse(options.sparse);
    show_model(&model);
    let trainer = training.trainer(&DEFAULTS);
    let run = trainer.fit(model, &ContextDataset::new(rows)?, &ContextDataset::new(valid)?)?;
    show_run(&run);

    let values = run.model().input.table.val().try_into_data()?.try_into_vec_as::<f32>()?;
    let vectors = WordVectors::new(&words, values, SIZE)?;
    let path = run.folder().join("vectors.safetensors");
    vectors.save(&path, Format::of_name(&path))?;
    println!("vectors: {}", path.display());
    show(&vectors, &options.text.words);
    if let Some(path) = &options.text.output {
        vectors.save(path, Format::of_name(path))?;
        println!("vectors: {}", path.display());
    }
    Ok(())
}

fn show(vectors: &WordVectors, words: &[String]) {
    let line = |near: Vec<kiln::vectors::Similar<'_>>| similar_words(&near);
    for word in words {
        match vectors.similar_by_word(word, 5) {
            Ok(near) => println!("{word}: {}", line(near)),
            Err(error) => println!("{error}"),
        }
    }
    for [a, b, c] in
        [["king", "man", "queen"], ["take", "took", "go"], ["car", "cars", "child"], ["good", "better", "bad"]]
    {
        match vectors.analogy(a, b, c, 5) {
            Ok(near) => println!("{a} is to {b} as {c} is to: {}", line(near)),
            Err(error) => println!("{error}"),
        }
    }
}
