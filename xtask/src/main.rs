//! The project's own commands. `cargo xtask ci`: everything that CI checks. `cargo xtask tidy`: style rules beyond the
//! compiler and clippy. `cargo xtask odd-inputs`: every reader on odd files. `cargo xtask crashes`: runs that are
//! killed. `cargo xtask bench` and `compare`: times, and times compared with those of other libraries.

mod bench;
mod ci;
mod crashes;
mod faults;
mod fuzz;
mod gpu_floor;
mod results;
mod sanitizers;
mod tidy;

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "The project's own tasks")]
struct Options {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything that CI checks
    Ci,
    /// The tests of the crates with unsafe code under the address and the thread sanitizer
    Sanitizers(sanitizers::Sanitizers),
    /// Counts words with two ranks under mpirun, and kills and stops ranks
    Ranks,
    /// Runs the commands of the guide
    Guide,
    /// The licences, the sources and the reasons of all dependencies
    SupplyChain,
    /// The style rules that neither compiler nor clippy checks
    Tidy,
    /// Times training steps, forward passes and predictions, or text to numbers
    Bench(bench::Bench),
    /// Times the peers and Kiln in turn and writes the table of ratios to BENCHMARKS.md
    Compare(bench::Compare),
    /// Times text to numbers, compared with Keras, scikit-learn and tokenizers, and writes the table to BENCHMARKS.md
    CompareText(bench::text::CompareText),
    /// Trains word vectors with gensim and Kiln in turn and writes rates and scores to BENCHMARKS.md
    CompareWord2vec(bench::words::CompareWord2Vec),
    /// Runs the experiments and writes RESULTS.md
    Results(results::Results),
    /// Runs every reader on files that a fuzzer makes from good ones
    Fuzz(fuzz::Fuzz),
    /// On paper, the time below which the benchmarks' tasks cannot go on a GPU
    GpuFloor,
    /// Inputs that people really give to Kiln, the expected behaviour, and whether it holds
    Faults,
    /// Reads odd copies of good files with every reader: nothing may panic, hang or be lost silently
    OddInputs(OddInputs),
    /// Kills runs at every change of their folder, fills their disk, interrupts them, and shows the results
    Crashes(crashes::Crashes),
    /// Times reading and querying word vectors, compared with gensim, and writes the table to BENCHMARKS.md
    CompareVectors(bench::words::CompareVectors),
}

#[derive(clap::Args)]
struct OddInputs {
    /// Arguments for the program that reads them; `-- --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

fn main() -> Result<()> {
    // Not the path compiled in, which is that of the checkout in which this was built.
    let here = std::env::current_dir()?;
    let root = here.ancestors().find(|folder| folder.join("xtask/Cargo.toml").is_file());
    let root = root.context("run this in the project's folder: there is no xtask/Cargo.toml here or above")?;
    match Options::parse().task {
        Task::Ci => ci::ci(root),
        Task::Sanitizers(options) => sanitizers::sanitizers(root, &options),
        Task::Ranks => ci::ranks::ranks(root),
        Task::Guide => ci::guide::commands(root, tempfile::tempdir()?.path()),
        Task::SupplyChain => ci::supply_chain::check(root),
        Task::Tidy => tidy::check(root),
        Task::Bench(options) => bench::bench(root, &options),
        Task::Compare(options) => bench::compare(root, &options),
        Task::CompareText(options) => bench::text::compare(root, &options),
        Task::CompareWord2vec(options) => bench::words::word2vec(root, &options),
        Task::Results(options) => results::results(root, &options),
        Task::OddInputs(options) => odd_inputs(root, &options.arguments),
        Task::Crashes(options) => crashes::crashes(root, &options),
        Task::Fuzz(options) => fuzz::fuzz(root, &options),
        Task::Faults => faults::faults(root),
        Task::GpuFloor => gpu_floor::gpu_floor(root),
        Task::CompareVectors(options) => bench::words::vectors(root, &options),
    }
}

/// A command whose arguments contain no spaces.
fn command(folder: &Path, program: &str, arguments: &str) -> Command {
    let mut command = Command::new(program);
    command.args(arguments.split_whitespace()).current_dir(folder);
    command
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    if status.success() { Ok(()) } else { bail!("{command:?} ended with {status}") }
}

/// Runs the program that reads odd files. It is built with all of the workspace's features, so that no library is built
/// again.
fn odd_inputs(root: &Path, arguments: &[impl AsRef<std::ffi::OsStr>]) -> Result<()> {
    let program = bench::built(root, "--workspace --features xtask/odd-inputs --bin odd_inputs")?;
    run(Command::new(program).args(arguments))
}

fn cargo(root: &Path, arguments: &str) -> Result<()> {
    run(&mut command(root, "cargo", arguments))
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        bail!("{command:?} ended with {}:\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr))
    }
}
