//! fastText's supervised model, trained in sight and kept.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use kiln::linear::{Progress, Supervised, SupervisedConfig};
use kiln::models::thousands;
use kiln::text::WholeFile;

use crate::Interrupt;
use crate::curves::{Curve, Curves};

/// Makes the folder of a model.
///
/// # Errors
///
/// It holds a model that is not to be replaced, or cannot be made.
pub fn folder_for_model(folder: &Path, overwrite: bool) -> Result<()> {
    let path = folder.join("model.bin");
    ensure!(
        overwrite || !path.exists(),
        "{} is there already: --overwrite replaces it, --artifact names another folder",
        path.display()
    );
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create the folder {}", folder.display()))
}

/// Trains with a progress bar until the end or Ctrl-C, and leaves `model.bin`, `history.csv` and the losses as a picture in
/// `folder`.
///
/// # Errors
///
/// Options or lines make no training, or the folder cannot be written.
pub fn fit_supervised(config: &SupervisedConfig, lines: &[String], folder: &Path) -> Result<Supervised> {
    let interrupt = Interrupt::on_ctrl_c()?;
    let style = ProgressStyle::with_template("{wide_bar} {percent}% {msg} {elapsed}<{eta}")?;
    let bar = ProgressBar::new(0).with_style(style);
    let mut seen: Vec<Progress> = Vec::new();
    let began = Instant::now();
    let model = Supervised::fit_observed(config, lines.iter().map(Ok), |progress| {
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
    keep_losses(folder, &seen)?;
    println!("model and losses: {}", folder.display());
    Ok(model)
}

/// `history.csv`, and the losses as a picture.
fn keep_losses(folder: &Path, seen: &[Progress]) -> Result<()> {
    let mut file = WholeFile::create(folder.join("history.csv"))?;
    writeln!(file, "tokens,loss,learning_rate")?;
    for progress in seen {
        writeln!(file, "{},{},{}", progress.tokens, progress.loss, progress.learning_rate)?;
    }
    file.finish()?;
    if seen.is_empty() {
        return Ok(()); // a text too short for a point
    }
    let points = seen.iter().map(|progress| (progress.tokens as f64 / 1e6, progress.loss)).collect();
    let picture = Curves {
        title: "Mean loss since the begin".to_owned(),
        x: "million tokens".to_owned(),
        y: "loss".to_owned(),
        is_logarithmic: false,
        curves: vec![Curve { name: "loss".to_owned(), points }],
    };
    picture.save_both(folder, "curves")
}
