//! Writes RESULTS.md from the kept runs.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

use super::experiments::{EXPERIMENTS, Experiment};
use super::{Kept, Told, place};

const HEAD: &str = "# Results\n\nEvery experiment of the examples, next to what its source reports. Each line \
comes from the runs kept under [`results/`](results): what was printed, and the history where there is one. \
`cargo xtask results` writes this page from them, and CI compares the two. `cargo xtask results --data DIR` runs \
what has not been run yet, `--again --only NAME` runs one again. DIR holds `imdb/aclImdb_v1.tar.gz`, `ptb/`, \
`nsmc/` and, with the word similarities, `eval/`.\n\nIf there are several seeds, a figure is their mean, \
followed by the lowest and the highest. Times are of whole processes, on a machine that may have done other work \
at the same time. [BENCHMARKS.md](BENCHMARKS.md) has times that were measured with care.\n";

/// Writes the page.
pub(super) fn write(root: &Path) -> Result<()> {
    Ok(std::fs::write(root.join("RESULTS.md"), of(root)?)?)
}

/// The page.
pub(super) fn of(root: &Path) -> Result<String> {
    let mut page = HEAD.to_owned();
    page +=
        "\n| experiment | the source reports | Kiln | parameters | ms a step | s in all |\n|---|---|---|---|---|---|\n";
    let (mut commands, mut machines) = (String::new(), BTreeSet::new());
    for experiment in EXPERIMENTS {
        let runs = (0..experiment.seeds).filter_map(|seed| kept(root, experiment, seed).transpose());
        let runs = runs.collect::<Result<Vec<Run>>>()?;
        let Some(first) = runs.first() else {
            writeln!(page, "| {} | {} | not run yet | | | |", experiment.what, experiment.source)?;
            continue;
        };
        let figures: Vec<String> =
            first.told.figures.iter().map(|(name, _)| format!("{name} {}", figure(&runs, name))).collect();
        let parameters = first.told.parameters.map(grouped).unwrap_or_default();
        let steps: Vec<f64> = runs.iter().filter_map(|run| run.told.step_ms).collect();
        let step = if steps.is_empty() { String::new() } else { milliseconds(mean(&steps)) };
        let seconds = mean(&runs.iter().map(|run| run.kept.seconds).collect::<Vec<_>>());
        let Experiment { what, source, note, name, .. } = experiment;
        let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
        writeln!(page, "| {what}{note} | {source} | {} | {parameters} | {step} | {seconds:.0} |", figures.join("; "))?;
        let seeds: Vec<String> = runs.iter().map(|run| run.kept.seed.to_string()).collect();
        writeln!(
            commands,
            "| `{name}` | `cargo run --release {}{}` | {} | {} |",
            experiment.feature_option(),
            first.kept.command,
            seeds.join(", "),
            first.kept.date
        )?;
        machines.extend(runs.iter().map(|run| run.kept.machine.clone()));
    }
    let machines: Vec<String> = machines.into_iter().collect();
    writeln!(page, "\nMachine: {}.", machines.join("; "))?;
    writeln!(
        page,
        "\n| experiment | command of the first seed | seeds | date |\n|---|---|---|---|\n{}",
        commands.trim_end()
    )?;
    Ok(page)
}

/// A kept run, and what it printed.
pub(super) struct Run {
    kept: Kept,
    told: Told,
}

/// The kept run of a seed; `None` if it is missing, has another command, or lacks a figure that is now required.
pub(super) fn kept(root: &Path, experiment: &Experiment, seed: u64) -> Result<Option<Run>> {
    let path = place(root, experiment, seed).with_extension("json");
    if !path.exists() {
        return Ok(None);
    }
    let read = |path: &Path| std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
    let kept: Kept = serde_json::from_str(&read(&path)?).with_context(|| format!("cannot read {}", path.display()))?;
    let told = Told::of(experiment, &read(&path.with_extension("txt"))?).ok();
    Ok(told.filter(|_| kept.command == experiment.command(seed)).map(|told| Run { kept, told }))
}

/// The mean of a figure and its range, followed by the text that all seeds print after it; a figure that is not a
/// number, as it was printed.
fn figure(runs: &[Run], name: &str) -> String {
    let texts: Vec<&str> = runs
        .iter()
        .flat_map(|run| &run.told.figures)
        .filter(|(found, _)| found == name)
        .map(|(_, text)| text.as_str())
        .collect();
    let parts: Vec<(&str, &str)> =
        texts.iter().map(|text| text.split_at(text.find([' ', ',']).unwrap_or(text.len()))).collect();
    let numbers: Vec<f64> = parts.iter().filter_map(|(number, _)| number.parse().ok()).collect();
    if numbers.len() < texts.len() || texts.iter().all(|text| *text == texts[0]) {
        return texts[0].to_owned();
    }
    let (first, rest) = parts[0];
    let rest = if parts.iter().all(|(_, other)| *other == rest) { rest } else { "" };
    let shown = |number: f64| match (first.contains('e'), first.split_once('.')) {
        (true, _) => format!("{number:.2e}"),
        (false, Some((_, digits))) => format!("{number:.*}", digits.len()),
        (false, None) => format!("{number:.0}"),
    };
    let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{}{rest} ({} to {})", shown(mean(&numbers)), shown(low), shown(high))
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

/// Short times have more digits than long ones.
fn milliseconds(time: f64) -> String {
    if time < 10.0 { format!("{time:.2}") } else { format!("{time:.0}") }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(figure: &str) -> Run {
        let kept = Kept { command: String::new(), seed: 0, date: String::new(), machine: String::new(), seconds: 1.0 };
        let figures = vec![("figure".to_owned(), figure.to_owned())];
        Run { kept, told: Told { parameters: None, step_ms: None, figures } }
    }

    #[test]
    fn figures_of_seeds_become_a_mean_and_a_range() {
        let of = |texts: &[&str]| {
            let runs: Vec<Run> = texts.iter().map(|text| run(text)).collect();
            figure(&runs, "figure")
        };
        assert_eq!(of(&["0.8124"]), "0.8124");
        assert_eq!(of(&["0.8100", "0.8200", "0.8150"]), "0.8150 (0.8100 to 0.8200)");
        assert_eq!(of(&["99.3 %", "99.5 %"]), "99.4 % (99.3 to 99.5)");
        assert_eq!(of(&["5.50e-5", "1.10e-4"]), "8.25e-5 (5.50e-5 to 1.10e-4)");
        assert_eq!(of(&["0.6600 (baseline)", "0.6600 (baseline)"]), "0.6600 (baseline)");
        assert_eq!(of(&["0.2, 3.1 % unknown", "0.4, 3.1 % unknown"]), "0.3, 3.1 % unknown (0.2 to 0.4)");
        assert_eq!(of(&["2.1, 1 ahead 0.6", "2.3, 1 ahead 0.7"]), "2.2 (2.1 to 2.3)");
        assert_eq!(of(&["month, quarter", "quarter, month"]), "month, quarter");
    }

    #[test]
    fn thousands_are_parted() {
        assert_eq!([grouped(999), grouped(1_000), grouped(2_171_393)], ["999", "1,000", "2,171,393"]);
    }
}
