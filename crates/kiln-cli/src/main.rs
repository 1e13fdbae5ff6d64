//! `kiln`: from a file of texts and labels to a folder that predicts.

mod ask;
mod corpus;
mod guess;
mod linear;
mod messages;
mod network;
mod train;
mod vectors;

use std::io::{StdoutLock, Write};
use std::num::{IntErrorKind, ParseIntError};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};
use kiln::group::{Group, Launch};

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
    /// Scores a trained classifier on a file of texts and labels
    Evaluate(ask::Evaluate),
    /// Shows what a folder or a file holds
    Info(ask::Info),
    /// Trains, queries, converts and evaluates word vectors
    Vectors(vectors::Vectors),
    /// Shows which device would be used, and which there are
    Device,
    /// Writes completions of the program's arguments for a shell
    #[command(after_help = "Example:\n  kiln completions bash > ~/.local/share/bash-completion/completions/kiln")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    let done = match Options::parse().task {
        Task::Train(options) => in_group(|group| train::train(&options, group)),
        Task::Predict(options) => ask::predict(&options),
        Task::Evaluate(options) => ask::evaluate(&options),
        Task::Info(options) => ask::info(&options),
        Task::Vectors(options) => vectors::vectors(&options),
        Task::Device => device(),
        Task::Completions { shell } => completions(shell),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the output has enough of it.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {}", messages::of(&error));
            ExitCode::FAILURE
        }
    }
}

/// How long a rank waits for the slowest one, which may still be training a linear model.
const TIME_LIMIT: Duration = Duration::from_secs(1_800);

/// Whether this process tells how a training goes; other ranks of a group are silent.
static TELLS: AtomicBool = AtomicBool::new(true);

pub(crate) fn tells() -> bool {
    TELLS.load(Ordering::Relaxed)
}

/// Runs a training in the group in which `mpirun` started this process (the feature `mpi`); without `mpirun`, in a group
/// of one.
pub(crate) fn in_group(training: impl FnOnce(&dyn Group) -> Result<()>) -> Result<()> {
    Launch::new().time_limit(TIME_LIMIT).run(|group| {
        TELLS.store(group.rank() == 0, Ordering::Relaxed);
        training(group)
    })
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let of = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    };
    error.chain().any(of)
}

/// The standard output, which its errors name.
pub(crate) struct Output(StdoutLock<'static>);

pub(crate) fn output() -> Output {
    Output(std::io::stdout().lock())
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes).map_err(of_output)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush().map_err(of_output)
    }
}

fn of_output(error: std::io::Error) -> std::io::Error {
    std::io::Error::new(error.kind(), format!("cannot write to the standard output: {error}"))
}

/// A count on the command line, for clap.
///
/// # Errors
///
/// It is negative, not whole or too large.
pub(crate) fn whole<N: FromStr<Err = ParseIntError>>(text: &str) -> Result<N, String> {
    text.parse().map_err(|error: ParseIntError| match error.kind() {
        IntErrorKind::PosOverflow => "the number is too large".to_owned(),
        _ => "expected a whole number, 0 or more".to_owned(),
    })
}

fn completions(shell: clap_complete::Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Options::command(), "kiln", &mut script);
    Ok(output().write_all(&script)?)
}

fn device() -> Result<()> {
    let mut out = output();
    let choice = kiln::choose(std::env::var(kiln::DEVICE_VARIABLE).ok().as_deref())?;
    writeln!(out, "{}, {}", choice.backend.name(), choice.reason)?;
    let built: Vec<&str> = kiln::Backend::built().into_iter().map(kiln::Backend::name).collect();
    writeln!(out, "backends of this build: {}; {} names one", built.join(", "), kiln::DEVICE_VARIABLE)?;
    Ok(())
}
