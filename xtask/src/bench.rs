//! `cargo xtask bench` and `cargo xtask compare`.
//!
//! The peers' scripts and their pinned requirements are in `benchmarks/peers`. Peers and Kiln take turns, so that other
//! work of the machine affects all of them equally.

pub(crate) mod text;
pub(crate) mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::{ArgGroup, Args};
use serde_json::Value;

use crate::{command, output, run};

const KILN_BENCH: &str = "--workspace --bin kiln-bench";

/// The options of `cargo xtask bench`.
#[derive(Args)]
#[command(group = ArgGroup::new("program").args(["steps", "text"]))]
pub(crate) struct Bench {
    /// Whole training steps, forward passes and predictions; without it, only the kernels
    #[arg(long)]
    steps: bool,
    /// Text to numbers, on the *.txt files of a folder at any depth
    #[arg(long, value_name = "FOLDER")]
    text: Option<PathBuf>,
    /// Also the steps inside the trainer
    #[arg(long, requires = "steps")]
    trainer: bool,
    /// How many steps are timed [default: 20]
    #[arg(long, requires = "steps", value_name = "N")]
    counted: Option<u32>,
    /// Replace every kernel by its twin in plain Burn operations, to show what the kernels save
    #[arg(long, requires = "steps")]
    twins: bool,
    /// Print a JSON line per task
    #[arg(long, requires = "program")]
    json: bool,
    /// Backend: wgpu, cuda, flex or ndarray; the kernel benchmarks run on the CPU
    #[arg(long, requires = "steps")]
    device: Option<String>,
    /// Only this task, or only the kernels whose name contains this
    #[arg(long, value_name = "TASK")]
    only: Option<String>,
}

/// The options of `cargo xtask compare`.
#[derive(Args)]
pub(crate) struct Compare {
    /// Kiln's backend: flex or ndarray; or wgpu or cuda, compared with PyTorch with cuDNN on the same card, which needs
    /// a PyTorch for it in --venv and is printed but not written
    #[arg(long, default_value = "flex")]
    device: String,
    /// Only this task, which is printed but not written
    #[arg(long, value_name = "TASK")]
    only: Option<String>,
    /// How often peers and Kiln take turns; the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    #[command(flatten)]
    peers: Peers,
}

/// The options of every comparison with peers.
#[derive(Args)]
pub(crate) struct Peers {
    /// The folder of the peers' Python environment, which is created if it is missing (several GB)
    #[arg(long, value_name = "DIR")]
    pub(crate) venv: Option<PathBuf>,
    /// Print the table without changing BENCHMARKS.md
    #[arg(long)]
    pub(crate) print: bool,
}

/// Builds a program of the workspace and returns its path.
pub(crate) fn built(root: &Path, program: &str) -> Result<PathBuf> {
    let build = format!("build --release --locked {program} --message-format json-render-diagnostics");
    let messages = output(command(root, "cargo", &build).stderr(std::process::Stdio::inherit()))?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    programs.next_back().with_context(|| format!("cargo built nothing by {build}"))
}

/// A command that runs `kiln-bench` with the common options.
fn kiln(root: &Path, program: &Path, device: Option<&str>, only: Option<&str>, json: bool) -> Result<Command> {
    let mut kiln = Command::new(program);
    kiln.args(["--commit", &commit(root)?]);
    if json {
        kiln.arg("--json");
    }
    for (option, value) in [("--device", device), ("--only", only)] {
        if let Some(value) = value {
            kiln.args([option, value]);
        }
    }
    Ok(kiln)
}

pub(crate) fn bench(root: &Path, options: &Bench) -> Result<()> {
    if let Some(folder) = &options.text {
        return text::bench(root, folder, options.only.as_deref(), options.json);
    }
    if !options.steps {
        let mut kernels = command(root, "cargo", "bench --locked --manifest-path benchmarks/kernels/Cargo.toml --");
        return run(kernels.args(&options.only));
    }
    let mut kiln =
        kiln(root, &built(root, KILN_BENCH)?, options.device.as_deref(), options.only.as_deref(), options.json)?;
    if options.trainer {
        kiln.arg("--trainer");
    }
    if options.twins {
        kiln.arg("--twins");
    }
    if let Some(counted) = options.counted {
        kiln.arg("--counted").arg(counted.to_string());
    }
    run(&mut kiln)
}

/// A figure per round, by task, measure and library.
type Figures = BTreeMap<(String, &'static str, String), Vec<f64>>;

/// The results of the rounds of a comparison.
#[derive(Default)]
struct Rounds {
    milliseconds: Figures,
    /// The share of the machine's product peak; only Kiln reports it.
    peak_share: Figures,
}

/// The JSON lines of a benchmark's output.
fn read(text: &str, rounds: &mut Rounds) -> Result<()> {
    for line in text.lines().filter(|line| line.starts_with('{')) {
        let line: Value = serde_json::from_str(line).with_context(|| format!("not a JSON line: {line}"))?;
        let name = |key: &str| line[key].as_str().map(str::to_owned).with_context(|| format!("no '{key}' in {line}"));
        let library = name("peer")?;
        for measure in ["step", "forward"] {
            let key = (name("task")?, measure, library.clone());
            if let Some(milliseconds) = line[format!("{measure}_ms")].as_f64() {
                rounds.milliseconds.entry(key.clone()).or_default().push(milliseconds);
            }
            if let Some(share) = line[format!("{measure}_peak_share")].as_f64() {
                rounds.peak_share.entry(key).or_default().push(share);
            }
        }
    }
    Ok(())
}

/// The commit that is checked out.
pub(crate) fn commit(root: &Path) -> Result<String> {
    Ok(output(&mut command(root, "git", "rev-parse --short HEAD"))?.trim().to_owned())
}

/// Day, cores and processor.
pub(crate) fn machine() -> String {
    let mut date = std::process::Command::new("date");
    let date = output(date.arg("+%-d %B %Y")).unwrap_or_else(|_| "an unknown day".to_owned());
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("{}, {cores} cores, {}", date.trim(), processor())
}

/// The numbers at one place of several JSON lines.
pub(crate) fn column_of(lines: &[Value], pointer: &str) -> Result<Vec<f64>> {
    let number = |line: &Value| line.pointer(pointer).and_then(Value::as_f64);
    let numbers = lines.iter().map(|line| number(line).with_context(|| format!("no number '{pointer}' in {line}")));
    let numbers = numbers.collect::<Result<Vec<_>>>()?;
    if numbers.is_empty() { bail!("nothing was measured of '{pointer}'") } else { Ok(numbers) }
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

pub(crate) fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    let middle = times.len() / 2;
    if times.len() % 2 == 1 { times[middle] } else { f64::midpoint(times[middle - 1], times[middle]) }
}

/// The peers' Python, installed with their pinned requirements if it is missing.
pub(crate) fn python(root: &Path, venv: Option<&Path>) -> Result<PathBuf> {
    let venv = match venv {
        Some(venv) => venv.to_owned(),
        None => {
            let home = std::env::var_os("HOME").context("no HOME: name a folder with --venv")?;
            PathBuf::from(home).join(".cache/kiln-peers")
        }
    };
    let python = venv.join("bin/python");
    // Written last, so that an interrupted installation is done again.
    let complete = venv.join("kiln-peers-are-installed");
    if !complete.exists() {
        println!("making {} with benchmarks/peers/requirements.txt", venv.display());
        run(command(root, "python3", "-m venv").arg(&venv))?;
        run(&mut command(
            root,
            &python.display().to_string(),
            "-m pip install --quiet -r benchmarks/peers/requirements.txt",
        ))?;
        std::fs::write(complete, "")?;
    }
    Ok(python)
}

pub(crate) fn compare(root: &Path, options: &Compare) -> Result<()> {
    let on_a_gpu = matches!(options.device.as_str(), "wgpu" | "cuda");
    let writes = !options.peers.print && options.only.is_none() && !on_a_gpu;
    if writes {
        check_marks(root, "compare")?;
    }
    let python = python(root, options.peers.venv.as_deref())?.display().to_string();
    let only = options.only.as_deref();
    let predicts = |task: &str| task.starts_with("predict");
    // A copy, so that builds in the meantime have no effect.
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("kiln-bench");
    std::fs::copy(built(root, KILN_BENCH)?, &program)?;
    let mut rounds = Rounds::default();
    for round in 1..=options.rounds {
        let all: &[&str] = if on_a_gpu { &["torch", "kiln"] } else { &["torch", "keras", "kiln", "predict"] };
        for &peer in all {
            let mut process = match peer {
                "kiln" => kiln(root, &program, Some(&options.device), only, true)?,
                "predict" if only.is_none_or(predicts) => {
                    let mut script = command(root, &python, "benchmarks/peers/predict.py");
                    script.args(only.into_iter().flat_map(|task| ["--only", task]));
                    script
                }
                "predict" => continue,
                peer if only.is_none_or(|task| !predicts(task)) => {
                    let mut script = command(root, &python, "benchmarks/peers/train_step.py");
                    script.arg(peer);
                    if on_a_gpu {
                        script.args(["--device", "cuda"]);
                    }
                    if let Some(task) = only {
                        script.args(["--only", task]);
                    }
                    script
                }
                _ => continue,
            };
            println!("round {round} of {}: {peer}", options.rounds);
            match output(&mut process) {
                Ok(text) => read(&text, &mut rounds)?,
                Err(error) if peer == "predict" => println!("left out: {error:#}"),
                Err(error) => return Err(error),
            }
        }
    }
    let table = table(&rounds, options, &commit(root)?);
    println!("{table}");
    if writes { write(root, "compare", &table) } else { Ok(()) }
}

/// Ratios of medians, the best peer over Kiln.
fn table(rounds: &Rounds, options: &Compare, commit: &str) -> String {
    let mut text = format!(
        "`cargo xtask compare --rounds {} --device {}` at commit {commit}: medians of the turns, {}. A ratio above 1 means that Kiln is faster than the \
         best peer; of peak is the share of the machine's product peak that Kiln reaches.\n\n\
         | task | measure | Kiln | of peak | best peer | ratio | all peers |\n|---|---|---|---|---|---|---|\n",
        options.rounds,
        options.device,
        machine()
    );
    let times = &rounds.milliseconds;
    for (key @ (task, measure, library), own) in times {
        if library != "kiln" {
            continue;
        }
        let own = median(own);
        let share =
            rounds.peak_share.get(key).map_or("-".to_owned(), |share| format!("{:.0} %", 100.0 * median(share)));
        let mut peers: Vec<(&str, f64)> = times
            .iter()
            .filter(|((of, what, peer), _)| of == task && what == measure && peer != "kiln")
            .map(|((_, _, peer), times)| (peer.as_str(), median(times)))
            .collect();
        peers.sort_by(|a, b| a.1.total_cmp(&b.1));
        let Some((best, time)) = peers.first() else { continue };
        let all: Vec<String> = peers.iter().map(|(peer, time)| format!("{peer} {time:.2} ms")).collect();
        text += &format!(
            "| {task} | {measure} | {own:.2} ms | {share} | {best} {time:.2} ms | {:.2} | {} |\n",
            time / own,
            all.join(", ")
        );
    }
    text
}

/// The processor's name, if the system reports it.
fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |name| name.trim().to_owned())
}

/// The range between the marks of a task in a page: after the first mark, before the last.
fn marks(text: &str, task: &str) -> Result<(usize, usize)> {
    let [begin, end] = ["begin", "end"].map(|side| format!("<!-- cargo xtask {task}: {side} -->"));
    match (text.find(&begin), text.find(&end)) {
        (Some(first), Some(last)) if first < last => Ok((first + begin.len(), last)),
        _ => bail!("the page lacks the marks '{begin}' and '{end}'"),
    }
}

/// Checks that BENCHMARKS.md has a place for the table of this task, before hours are spent on it.
pub(crate) fn check_marks(root: &Path, task: &str) -> Result<()> {
    marks(&std::fs::read_to_string(root.join("BENCHMARKS.md"))?, task).map(|_| ()).context("BENCHMARKS.md")
}

/// A page with the table between its task's marks.
pub(crate) fn with_table(page: &str, task: &str, table: &str) -> Result<String> {
    let (begin, end) = marks(page, task)?;
    Ok(format!("{}\n\n{table}\n{}", &page[..begin], &page[end..]))
}

/// Puts the table between its task's marks in BENCHMARKS.md.
pub(crate) fn write(root: &Path, task: &str, table: &str) -> Result<()> {
    let path = root.join("BENCHMARKS.md");
    let text = with_table(&std::fs::read_to_string(&path)?, task, table).context("BENCHMARKS.md")?;
    let new = path.with_extension("md.new");
    std::fs::write(&new, text)?;
    std::fs::rename(&new, &path)?;
    Ok(())
}
