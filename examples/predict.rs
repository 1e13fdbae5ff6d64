//! Labels texts with a trained classifier.
//!
//! ```text
//! cargo run --release --example predict -- --artifact artifacts/quickstart "not a dull moment"
//! cat reviews.txt | cargo run --release --example predict -- --artifact artifacts/quickstart
//! ```
//!
//! Data: an artifact from a training example, and texts as arguments or, without any, one a line from standard input.
//! Output: a line for each text with its label, its probability and the text, separated by tabs.

use std::io::{BufRead, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use kiln::prelude::*;

/// Lines of standard input that are predicted together.
const BATCH: usize = 64;

/// Label texts with a trained classifier
#[derive(Parser)]
struct Options {
    /// The folder from a training example
    #[arg(long, value_name = "DIR", default_value = "artifacts/quickstart")]
    artifact: PathBuf,
    /// Backend: auto, wgpu, cuda, flex or ndarray. Default: the best GPU found, else the CPU
    #[arg(long, env = "KILN_DEVICE")]
    device: Option<String>,
    /// The texts; without any, one a line from standard input
    texts: Vec<String>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let device = kiln::device_named(options.device.as_deref())?;
    let predictor = TextPredictor::load(&options.artifact, &device)?;
    if !options.texts.is_empty() {
        return label(&predictor, &options.texts);
    }
    let mut texts = Vec::with_capacity(BATCH);
    for (place, line) in std::io::stdin().lock().lines().enumerate() {
        match line {
            // The byte order mark of piped input is not part of its first text.
            Ok(line) if place == 0 => texts.push(line.trim_start_matches('\u{feff}').to_owned()),
            Ok(line) => texts.push(line),
            Err(error) => {
                label(&predictor, &texts)?;
                let place = place + 1;
                return Err(error)
                    .with_context(|| format!("line {place} of the standard input is not UTF-8: convert it"));
            }
        }
        if texts.len() == BATCH {
            label(&predictor, &texts)?;
            texts.clear();
        }
    }
    label(&predictor, &texts)
}

fn label(predictor: &TextPredictor, texts: &[String]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for (text, prediction) in texts.iter().zip(predictor.predict(texts)?) {
        let written = writeln!(out, "{}\t{:.4}\t{text}", prediction.class_name, prediction.probability);
        match written {
            // The reader has closed the pipe, as in `predict | head`.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            other => other?,
        }
    }
    Ok(())
}
