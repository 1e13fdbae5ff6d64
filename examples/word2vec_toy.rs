//! Trains CBOW on one sentence, with a score for every word of its vocabulary.
//!
//! ```text
//! cargo run --release --example word2vec-toy
//! ```
//!
//! Data: "you say goodbye and i say hello .". Time: seconds. Output: the contexts and the words in them, the loss of a
//! few epochs, the words' vectors, and the word that the model puts between two words.
//!
//! A vocabulary of seven words does not need negative sampling; `--example word2vec` uses it.

use anyhow::Result;
use kiln::burn::tensor::activation::softmax;
use kiln::kernels::word2vec::{Window, WindowBatch};
use kiln::models::Pass;
use kiln::models::word2vec::{Architecture, ContextRow, Contexts, SoftmaxCbowConfig};
use kiln::prelude::*;
use kiln::train::ContextDataset;
use kiln::vectors::{Format, WordVectors};
use kiln_examples::println;
use kiln_examples::{Defaults, TrainingArgs, options, show_model, show_run};

const TEXT: &str = "you say goodbye and i say hello .";
const DEFAULTS: Defaults = Defaults::new("word2vec-toy", Optimizer::adam().learning_rate(0.1))
    .epochs(60)
    .fast_epochs(5)
    .batch_size(3)
    .demonstration();

fn main() -> Result<()> {
    let training: TrainingArgs = options("Train CBOW on one sentence");
    let device = training.device()?;
    let mut words: Vec<&str> = Vec::new();
    let ids: Vec<u32> = (TEXT.split(' '))
        .map(|word| {
            let known = words.iter().position(|known| *known == word);
            known.unwrap_or_else(|| {
                words.push(word);
                words.len() - 1
            }) as u32
        })
        .collect();

    // One word on each side; the first and the last word of the text have no complete context.
    let windows = (1..ids.len() as u32 - 1).map(|at| Window { centre: at, start: at - 1, end: at + 2 }).collect();
    let rows = ContextRow::of(&WindowBatch { ids, windows, negatives: Vec::new() }, Architecture::Cbow);
    for row in &rows {
        println!("{} _ {}: {}", words[row.words[0] as usize], words[row.words[1] as usize], words[row.centre as usize]);
    }

    let model = SoftmaxCbowConfig::new(words.len()).vector_size(5).init(&device, training.seed)?;
    show_model(&model);
    let data = ContextDataset::new(rows)?;
    let run = training.trainer(&DEFAULTS).fit(model, &data, &data)?;
    show_run(&run);
    let losses = run.history().values("loss");
    for epoch in (0..losses.len()).step_by(10.min(losses.len().div_ceil(2)).max(1)) {
        println!("epoch {}: loss {:.3}", epoch + 1, losses[epoch]);
    }

    let vectors = run.model().input.table.val().try_into_data()?.try_to_vec::<f32>()?;
    for (word, vector) in words.iter().zip(vectors.chunks(5)) {
        println!("{word:<8} {}", vector.iter().map(|x| format!("{x:7.3}")).collect::<String>());
    }
    let path = run.folder().join("vectors.safetensors");
    WordVectors::new(&words, vectors, 5)?.save(&path, Format::of_name(&path))?;
    println!("vectors: {}", path.display());
    let between = [ContextRow { words: vec![0, 2], centre: 1 }];
    let scores = run.model().forward(&Contexts::new(between.iter(), &device), &Pass::Inference);
    let probabilities = softmax(scores, 1).try_into_data()?.try_to_vec::<f32>()?;
    let best = (0..words.len()).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b])).unwrap_or(0);
    println!("you _ goodbye: {} ({:.2})", words[best], probabilities[best]);
    Ok(())
}
