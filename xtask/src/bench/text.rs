//! `cargo xtask bench --text` and `compare-text`: text to numbers, Kiln only and compared with Keras, scikit-learn and
//! Hugging Face's tokenizers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;

use crate::bench::{Peers, built, check_marks, commit, machine, median, python, write};
use crate::{command, output, run};

/// Only this crate, so that Burn is not built.
const TEXT_BENCH: &str = "-p kiln-text --features subwords --example text-bench";

/// The peers by the names in their script and in the table.
const PEERS: [(&str, &str); 3] = [("keras", "Keras"), ("sklearn", "scikit-learn"), ("hf", "tokenizers")];

/// The options of `cargo xtask compare-text`.
#[derive(Args)]
pub(crate) struct CompareText {
    /// A folder with *.txt files at any depth, one document each
    #[arg(long, value_name = "FOLDER")]
    folder: PathBuf,
    /// How often the peers and Kiln take turns; the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Only this task, which is printed but not written
    #[arg(long, value_name = "TASK")]
    only: Option<String>,
    #[command(flatten)]
    peers: Peers,
}

fn check(folder: &Path) -> Result<()> {
    ensure!(folder.is_dir(), "{} is not a folder; one with *.txt files is needed", folder.display());
    Ok(())
}

pub(crate) fn bench(root: &Path, folder: &Path, only: Option<&str>, json: bool) -> Result<()> {
    check(folder)?;
    let mut kiln = Command::new(built(root, TEXT_BENCH)?);
    kiln.arg(folder).args(only.into_iter().flat_map(|task| ["--only", task]));
    if json {
        kiln.arg("--json");
    }
    run(&mut kiln)
}

/// The results of the rounds, by task and peer.
#[derive(Default)]
struct Rounds {
    rates: BTreeMap<(String, String), Vec<f64>>,
    tokens_per_word: BTreeMap<(String, String), f64>,
    /// Documents and megabytes.
    size: Option<(u64, f64)>,
    /// The tasks in Kiln's order.
    tasks: Vec<String>,
}

impl Rounds {
    fn read(&mut self, text: &str) -> Result<()> {
        for line in text.lines().filter(|line| line.starts_with('{')) {
            let line: Value = serde_json::from_str(line).with_context(|| format!("not a JSON line: {line}"))?;
            let name =
                |key: &str| line[key].as_str().map(str::to_owned).with_context(|| format!("no '{key}' in {line}"));
            let number = |key: &str| line[key].as_f64().with_context(|| format!("no '{key}' in {line}"));
            let key = (name("task")?, name("peer")?);
            self.size = Some((number("documents")? as u64, number("mb")?));
            if key.1 == "kiln" && !self.tasks.contains(&key.0) {
                self.tasks.push(key.0.clone());
            }
            if let Some(tokens) = line["tokens_per_word"].as_f64() {
                self.tokens_per_word.insert(key.clone(), tokens);
            }
            // Computed from the time, since printed rates have few digits.
            self.rates.entry(key).or_default().push(number("mb")? / number("seconds")?);
        }
        Ok(())
    }

    fn rate(&self, task: &str, peer: &str) -> Option<f64> {
        self.rates.get(&(task.to_owned(), peer.to_owned())).map(|rates| median(rates))
    }
}

pub(crate) fn compare(root: &Path, options: &CompareText) -> Result<()> {
    check(&options.folder)?;
    let writes = !options.peers.print && options.only.is_none();
    if writes {
        check_marks(root, "compare-text")?;
    }
    let python = python(root, options.peers.venv.as_deref())?.display().to_string();
    // A copy, so that builds in the meantime have no effect.
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("text-bench");
    std::fs::copy(built(root, TEXT_BENCH)?, &program)?;
    let only = || options.only.iter().flat_map(|task| ["--only", task.as_str()]);
    let mut rounds = Rounds::default();
    for round in 1..=options.rounds {
        for peer in ["keras", "kiln", "sklearn", "kiln", "hf"] {
            println!("round {round} of {}: {peer}", options.rounds);
            let mut process = if peer == "kiln" {
                let mut process = Command::new(&program);
                process.arg(&options.folder).arg("--json");
                process
            } else {
                let mut process = command(root, &python, "benchmarks/peers/text.py");
                process.arg(&options.folder).arg(peer);
                process
            };
            rounds.read(&output(process.args(only()))?)?;
        }
    }
    let table = table(&rounds, options, &commit(root)?)?;
    println!("{table}");
    if writes { write(root, "compare-text", &table) } else { Ok(()) }
}

fn table(rounds: &Rounds, options: &CompareText, commit: &str) -> Result<String> {
    let (documents, megabytes) = rounds.size.context("nothing was measured")?;
    let mut text = format!(
        "`cargo xtask compare-text --folder DIR --rounds {}` at commit {commit}: {documents} documents, {megabytes:.1} MB, in \
         memory; medians of the turns, {}. A ratio above 1 means that Kiln is faster.\n\n\
         | task | Kiln | peer | its rate | ratio |\n|---|---|---|---|---|\n",
        options.rounds,
        machine()
    );
    for task in &rounds.tasks {
        let Some(own) = rounds.rate(task, "kiln") else { continue };
        let mut alone = true;
        for (peer, name) in PEERS {
            if let Some(rate) = rounds.rate(task, peer) {
                text += &format!("| `{task}` | {own:.1} MB/s | {name} | {rate:.1} MB/s | {:.1} |\n", own / rate);
                alone = false;
            }
        }
        if alone {
            text += &format!("| `{task}` | {own:.1} MB/s | | | |\n");
        }
    }
    if !rounds.tokens_per_word.is_empty() {
        text += "\n| encoding | by | tokens a word (words apart by white space) |\n|---|---|---|\n";
        for ((task, peer), tokens) in &rounds.tokens_per_word {
            let name = PEERS.iter().find(|(known, _)| known == peer).map_or("Kiln", |(_, name)| name);
            text += &format!("| `{task}` | {name} | {tokens:.3} |\n");
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_medians_of_all_turns_in_the_order_of_kilns_tasks() {
        let line = |peer: &str, task: &str, seconds: f64| {
            serde_json::json!({"peer": peer, "task": task, "documents": 2, "mb": 6.0, "seconds": seconds}).to_string()
        };
        let mut rounds = Rounds::default();
        rounds.read(&format!("loading\n{}\n{}", line("keras", "word_fit", 3.0), line("keras", "pad", 2.0))).unwrap();
        for seconds in [0.1, 0.3, 0.2] {
            rounds.read(&[line("kiln", "word_fit", seconds), line("kiln", "count", seconds)].join("\n")).unwrap();
        }
        assert_eq!(rounds.tasks, ["word_fit", "count"]);
        assert!((rounds.rate("word_fit", "kiln").unwrap() - 30.0).abs() < 1e-9);
        assert_eq!((rounds.rate("word_fit", "keras"), rounds.rate("count", "sklearn")), (Some(2.0), None));
        assert!(rounds.read("{\"peer\": \"kiln\"}").is_err());
    }
}
