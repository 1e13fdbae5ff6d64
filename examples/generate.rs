//! Generates text with a trained language model, token by token.
//!
//! ```text
//! cargo run --release --example generate -- --artifact artifacts/language-model-lstm --prompt "the meaning of life is"
//! cargo run --release --example generate -- --temperature 0.7 --top-k 40 --top-p 0.9 --seed 7
//! ```
//!
//! Data: the folder from `--example language-model`. Output: the prompt and what the model writes after it; `<eos>`
//! ends a line. `<unk>`, `N` and `$`, the placeholders in the text of the Penn Treebank, are not written unless
//! `--skip` names other tokens. Time: milliseconds per word.

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use kiln::models::Sampling;
use kiln::text::corpora::PennTreebank;
use kiln::train::{TextGenerator, TokenUnit};
use kiln_examples::page::{Page, reader_is_gone};

/// Placeholders for removed words.
const PLACEHOLDERS: [&str; 3] = ["<unk>", "N", "$"];

/// Generate text with a trained language model
#[derive(Parser)]
struct Options {
    /// The folder from language-model
    #[arg(long, value_name = "DIR", default_value = "artifacts/language-model-lstm")]
    artifact: PathBuf,
    /// Backend: auto, wgpu, cuda, flex or ndarray. Default: the best GPU found, else the CPU
    #[arg(long, env = "KILN_DEVICE")]
    device: Option<String>,
    /// The beginning of the text [default: the beginning of a line]
    #[arg(long)]
    prompt: Option<String>,
    /// Tokens to generate
    #[arg(long, default_value_t = 100)]
    length: usize,
    /// Above 1 for freer text, below 1 for more predictable text
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    temperature: f64,
    /// Draw only from this number of most probable tokens
    #[arg(long)]
    top_k: Option<usize>,
    /// Draw only from the most probable tokens whose probabilities sum to this
    #[arg(long, allow_negative_numbers = true)]
    top_p: Option<f64>,
    /// Seed of the draws
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Tokens that are not written [default: for a model of words <unk>, N and $]
    #[arg(long, value_delimiter = ',', value_name = "TOKENS")]
    skip: Option<Vec<String>>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let device = kiln::device_named(options.device.as_deref())?;
    let generator = TextGenerator::load(&options.artifact, &device)?;
    let is_words = generator.unit() == TokenUnit::Words;

    let line_end = if is_words { PennTreebank::EOS } else { "\n" };
    let skip = match &options.skip {
        Some(tokens) => generator.ids(tokens.iter().map(String::as_str))?,
        None if is_words => PLACEHOLDERS.iter().filter_map(|word| generator.vocabulary().id(word)).collect(),
        None => Vec::new(),
    };
    let Options { temperature, top_k, top_p, .. } = options;
    let sampling = Sampling { temperature, top_k, top_p, skip };
    let prompt = options.prompt.as_deref().unwrap_or(line_end);
    // Checked before anything is shown.
    sampling.check()?;
    generator.prompt(prompt)?;

    let mut page = Page::new(is_words, line_end);
    if options.prompt.is_some() {
        let mut shown = Ok(());
        generator.unit().each(prompt, &mut |token| {
            if shown.is_ok() {
                shown = page.write(token);
            }
        });
        if reader_is_gone(shown)? {
            return Ok(());
        }
    }
    let (mut left, mut failure) = (options.length, Ok(()));
    if left > 0 {
        generator.generate(prompt, &sampling, options.seed, |token| {
            left -= 1;
            failure = page.write(token);
            if left > 0 && failure.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
    }
    reader_is_gone(failure.and_then(|()| page.finish()))?;
    Ok(())
}
