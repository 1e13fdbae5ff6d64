//! `kiln`: from a file of texts and labels to a folder that predicts.

mod ask;
mod corpus;
mod guess;
mod linear;
mod network;
mod train;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// From a file of texts and labels to a folder that predicts
#[derive(Parser)]
#[command(
    name = "kiln",
    version,
    after_help = "Example:\n  kiln train reviews.csv --output reviews\n  kiln predict reviews \"not a dull moment\""
)]
struct Options {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Trains a classifier of texts from a file, and leaves it in a folder
    Train(train::Train),
    /// Labels texts with a trained classifier
    Predict(ask::Predict),
    /// Judges a trained classifier on a file of texts and labels
    Evaluate(ask::Evaluate),
    /// Tells what a folder or a file holds
    Info(ask::Info),
    /// Tells which device would be used, and which there are
    Device,
}

fn main() -> ExitCode {
    let done = match Options::parse().task {
        Task::Train(options) => train::train(&options),
        Task::Predict(options) => ask::predict(&options),
        Task::Evaluate(options) => ask::evaluate(&options),
        Task::Info(options) => ask::info(&options),
        Task::Device => device(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the output has enough of it.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let mut told = String::new();
            for cause in error.chain().map(ToString::to_string) {
                // Messages of Kiln's errors hold those of their causes.
                if !told.contains(&cause) {
                    told = if told.is_empty() { cause } else { format!("{told}: {cause}") };
                }
            }
            if told.contains("Encoding::") {
                told.push_str(" (here: `--encoding latin1`, `--encoding utf-16`)");
            }
            let _ = writeln!(std::io::stderr(), "error: {told}");
            ExitCode::FAILURE
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let of = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    };
    error.chain().any(of)
}

fn device() -> Result<()> {
    let mut out = std::io::stdout().lock();
    let choice = kiln::choose(std::env::var(kiln::DEVICE_VARIABLE).ok().as_deref())?;
    writeln!(out, "{}, {}", choice.backend.name(), choice.reason)?;
    let built: Vec<&str> = kiln::Backend::built().into_iter().map(kiln::Backend::name).collect();
    writeln!(out, "backends of this build: {}; {} names one", built.join(", "), kiln::DEVICE_VARIABLE)?;
    Ok(())
}
