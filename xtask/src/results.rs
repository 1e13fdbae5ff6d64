//! `cargo xtask results`: runs the experiments, keeps the output and the history of each under `results/`, and writes
//! RESULTS.md only from these files.

mod experiments;
mod table;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};

use experiments::{EXPERIMENTS, Experiment};

/// The options of `cargo xtask results`.
#[derive(Args)]
pub(crate) struct Results {
    /// The folder with imdb/, ptb/, nsmc/ and eval/ (wordsim353.tsv, simlex999.txt, questions-words.txt); without it,
    /// only the table is written again
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Run only these experiments
    #[arg(long, value_delimiter = ',', value_name = "NAMES", requires = "data")]
    only: Vec<String>,
    /// Run only these seeds, as far as an experiment has them
    #[arg(long, value_delimiter = ',', requires = "data")]
    seeds: Vec<u64>,
    /// Also run experiments that already have results
    #[arg(long, requires = "data")]
    again: bool,
}

/// What is known of a run in addition to its output.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// The command, with DATA for the folder of the data.
    command: String,
    seed: u64,
    date: String,
    machine: String,
    /// Seconds of the whole process.
    seconds: f64,
}

/// Runs what is requested and missing, and writes the table.
pub(crate) fn results(root: &Path, options: &Results) -> Result<()> {
    for name in &options.only {
        let names: Vec<&str> = EXPERIMENTS.iter().map(|experiment| experiment.name).collect();
        ensure!(names.contains(&name.as_str()), "there is no experiment '{name}', only {}", names.join(", "));
    }
    if let Some(data) = &options.data {
        let data = data.canonicalize().with_context(|| format!("cannot find the folder {}", data.display()))?;
        let is_wanted = |experiment: &Experiment, seed: u64| {
            (options.only.is_empty() || options.only.iter().any(|name| name == experiment.name))
                && (options.seeds.is_empty() || options.seeds.contains(&seed))
        };
        for experiment in EXPERIMENTS.iter().filter(|experiment| experiment.after.is_none()) {
            for seed in 0..experiment.seeds {
                let readers = EXPERIMENTS.iter().filter(|reader| reader.after == Some(experiment.name));
                let mut all = Vec::new();
                for each in std::iter::once(experiment).chain(readers.filter(|reader| seed < reader.seeds)) {
                    if is_wanted(each, seed) && (options.again || table::kept(root, each, seed)?.is_none()) {
                        all.push(each);
                    }
                }
                if !all.is_empty() {
                    run(root, &data, experiment, &all, seed)?;
                    table::write(root)?;
                }
            }
        }
    }
    table::write(root)
}

/// Checks that RESULTS.md is what the kept runs produce.
pub(crate) fn check(root: &Path) -> Result<()> {
    let found = std::fs::read_to_string(root.join("RESULTS.md")).context("cannot read RESULTS.md")?;
    ensure!(found == table::of(root)?, "RESULTS.md is not what results/ gives: cargo xtask results writes it");
    Ok(())
}

/// The path of a run's files without their extensions.
fn place(root: &Path, experiment: &Experiment, seed: u64) -> PathBuf {
    root.join("results").join(experiment.name).join(format!("seed-{seed}"))
}

/// Runs an experiment and those that read its artifact, and keeps the results of the `wanted` ones.
fn run(root: &Path, data: &Path, experiment: &Experiment, wanted: &[&Experiment], seed: u64) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let artifact = scratch.path().join(experiment.name);
    let readers = wanted.iter().copied().filter(|other| other.name != experiment.name);
    for example in std::iter::once(experiment).chain(readers) {
        let (text, seconds) = output(root, data, example, seed, &artifact)?;
        if wanted.iter().any(|wanted| wanted.name == example.name) {
            keep(root, example, seed, &artifact, &plain(&text), seconds)?;
        }
    }
    Ok(())
}

/// The output of an example, and the seconds that it takes.
fn output(root: &Path, data: &Path, experiment: &Experiment, seed: u64, artifact: &Path) -> Result<(String, f64)> {
    let shown = experiment.command(seed);
    println!("::: {} {shown}", experiment.name);
    // The build is not part of the time.
    let Experiment { example, features, .. } = experiment;
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--locked", "--quiet", "--features", features, "--example", example]);
    crate::run(build.current_dir(root))?;
    let mut command = Command::new("cargo");
    command.args(["run", "--release", "--locked", "--quiet", "--features", features, "--example", example, "--"]);
    command.current_dir(root);
    let places = [("DATA", data.display().to_string()), ("ARTIFACT", artifact.display().to_string())];
    for argument in experiment.arguments(seed) {
        command.arg(places.iter().fold(argument, |argument, (name, place)| argument.replace(name, place)));
    }
    if experiment.trains {
        command.arg("--artifact").arg(artifact);
    }
    let began = Instant::now();
    let output = command.stderr(Stdio::inherit()).output().context("cannot run cargo")?;
    let seconds = began.elapsed().as_secs_f64();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("{shown} ended with {}:\n{text}", output.status);
    }
    Ok((text, seconds))
}

/// Keeps the output of a run and its histories.
fn keep(root: &Path, experiment: &Experiment, seed: u64, artifact: &Path, text: &str, seconds: f64) -> Result<()> {
    for (name, found) in Told::of(experiment, text)?.figures {
        println!("{name}: {found}");
    }
    let kept = Kept {
        command: experiment.command(seed),
        seed,
        date: today()?,
        machine: machine(),
        seconds: (seconds * 10.0).round() / 10.0,
    };
    let place = place(root, experiment, seed);
    std::fs::create_dir_all(place.parent().context("a run has a folder")?)?;
    for history in if experiment.trains { histories(artifact)? } else { Vec::new() } {
        let part = history.parent().and_then(|folder| folder.strip_prefix(artifact).ok()).unwrap_or(Path::new(""));
        let part = part.display().to_string().replace('/', "-");
        let name = if part.is_empty() { format!("seed-{seed}.csv") } else { format!("seed-{seed}-{part}.csv") };
        std::fs::copy(&history, place.with_file_name(name))?;
    }
    std::fs::write(place.with_extension("txt"), text)?;
    std::fs::write(place.with_extension("json"), serde_json::to_string_pretty(&kept)? + "\n")?;
    Ok(())
}

/// What is read from the output of a run.
struct Told {
    /// The number of parameters, if all models of a run have the same number.
    parameters: Option<u64>,
    /// The mean time of a training step over the epochs, if there is one number of parameters.
    step_ms: Option<f64>,
    /// The figures by name, as the experiment lists them.
    figures: Vec<(String, String)>,
}

impl Told {
    fn of(experiment: &Experiment, text: &str) -> Result<Self> {
        let mut figures = Vec::new();
        for (name, before) in experiment.figures {
            let found =
                behind(text, before).with_context(|| format!("{} printed no '{before}':\n{text}", experiment.name))?;
            figures.push(((*name).to_owned(), found));
        }
        let steps: Vec<f64> = text.lines().filter_map(step_ms).collect();
        let parameters = parameters(text);
        let step_ms = parameters.filter(|_| !steps.is_empty());
        let step_ms = step_ms.map(|_| steps.iter().sum::<f64>() / steps.len() as f64);
        Ok(Self { parameters, step_ms, figures })
    }
}

/// The output of an example without the paths of this run.
fn plain(text: &str) -> String {
    let is_kept = |line: &&str| !line.contains(": /") && !line.starts_with(['┏', '┡', '├', '└', '┃', '│']);
    let lines: Vec<&str> = text.lines().filter(is_kept).collect();
    lines.join("\n") + "\n"
}

/// The text after `before` on the last line that begins with it; columns of a table are separated by single spaces.
fn behind(text: &str, before: &str) -> Option<String> {
    let found = text.lines().rev().find_map(|line| line.trim_start().strip_prefix(before))?;
    let words: Vec<&str> = found.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// The number of parameters, if all models of a run have the same number.
fn parameters(text: &str) -> Option<u64> {
    let numbers = text.lines().filter_map(|line| line.strip_suffix(" parameters")?.replace(',', "").parse().ok());
    let numbers: Vec<u64> = numbers.collect();
    numbers.first().copied().filter(|first| numbers.iter().all(|number| number == first))
}

/// The time per step in a line about an epoch.
fn step_ms(line: &str) -> Option<f64> {
    line.strip_prefix("epoch ")?;
    line.split_once(" ms/step")?.0.rsplit(' ').next()?.parse().ok()
}

/// Every `history.csv` of a run.
fn histories(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if folder.is_dir() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                found.extend(histories(&path)?);
            } else if path.file_name().is_some_and(|name| name == "history.csv") {
                found.push(path);
            }
        }
    }
    Ok(found)
}

fn today() -> Result<String> {
    let output = Command::new("date").arg("+%Y-%m-%d").output().context("cannot run date")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The processor and its threads, as reported by Linux.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    format!("{cores} cores of {}", name.unwrap_or(std::env::consts::ARCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_experiment_reads_is_trained_before_it() {
        let mut trained = Vec::new();
        for experiment in EXPERIMENTS {
            if let Some(name) = experiment.after {
                assert!(trained.contains(&name), "{} reads {name}", experiment.name);
            } else if experiment.trains {
                trained.push(experiment.name);
            }
        }
    }

    #[test]
    fn figures_and_times_are_found_in_what_examples_print() {
        let text =
            "epoch 1/2  loss 0.07  val_loss 0.06  learning rate 0.001  10 ms/step  0.1 s\ntest accuracy 0.8124\n";
        assert_eq!(behind(text, "test accuracy ").as_deref(), Some("0.8124"));
        assert_eq!(behind(text, "test perplexity "), None);
        assert_eq!(parameters("1,024 parameters\nand\n1,024 parameters\n"), Some(1024));
        assert_eq!(parameters("1,024 parameters\n2 parameters\n"), None);
        let table = "layer   accuracy      ms\nBiLSTM    0.8812   24.10\nLSTM      0.8712   12.05\n";
        assert_eq!(behind(table, "LSTM ").as_deref(), Some("0.8712 12.05"));
        assert_eq!(behind(table, "BiLSTM ").as_deref(), Some("0.8812 24.10"));
        assert_eq!(text.lines().filter_map(step_ms).collect::<Vec<_>>(), [10.0]);
    }
}
