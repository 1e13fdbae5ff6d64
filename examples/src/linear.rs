//! Trains fastText's supervised model with a progress bar, and saves it.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use kiln::linear::{Supervised, SupervisedConfig, SupervisedProgress};
use kiln::models::thousands;

use crate::Interrupt;
use crate::losses::keep_losses;

/// Trains with a progress bar until the end or Ctrl-C, and saves `model.bin`, `history.csv` and a plot of the losses in
/// `folder`.
///
/// # Errors
///
/// The options or lines allow no training, or the folder cannot be written.
pub fn fit_supervised(config: &SupervisedConfig, lines: &[String], folder: &Path) -> Result<Supervised> {
    let interrupt = Interrupt::on_ctrl_c()?;
    let style = ProgressStyle::with_template("{wide_bar} {percent}% {msg} {elapsed}<{eta}")?;
    let bar = ProgressBar::new(0).with_style(style);
    let mut seen: Vec<SupervisedProgress> = Vec::new();
    let began = Instant::now();
    let model = Supervised::fit(config, lines, |progress| {
        bar.set_length(progress.total_tokens);
        bar.set_position(progress.tokens);
        bar.set_message(format!("loss {:.4}, rate {:.3}", progress.loss, progress.learning_rate));
        seen.push(progress);
        if interrupt.is_set() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let seconds = began.elapsed().as_secs_f64();
    interrupt.release();
    bar.finish_and_clear();
    println!("{} parameters", thousands(model.parameters()));
    println!("{} labels", model.labels().len());
    println!("{} words, {seconds:.1} s, mean loss {:.4}", thousands(model.words()), model.loss());

    model.save(folder.join("model.bin"))?;
    let rows: Vec<[f64; 3]> = seen.iter().map(|at| [at.tokens as f64, at.loss, f64::from(at.learning_rate)]).collect();
    keep_losses(folder, ["tokens", "loss", "learning_rate"], &rows)?;
    println!("model and losses: {}", folder.display());
    Ok(model)
}
