//! RESULTS.md from the kept runs. Leaves out how they came to be.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

use super::experiments::{EXPERIMENTS, Experiment};
use super::{Kept, place};

const HEAD: &str = "# Results\n\nEvery experiment of the examples, beside what its source reports. Each line comes from \
the runs kept under [`results/`](results) (what was printed, and the history of every epoch); `cargo xtask results` writes \
this page from them, and CI compares. `cargo xtask results --data DIR` runs what is not there yet, `--again --only NAME` \
runs one anew; DIR holds `imdb/aclImdb_v1.tar.gz`, `ptb/` and `nsmc/`.\n\nWhere there are several seeds, a figure is their \
mean, with the lowest and the highest behind it. Times are of whole processes on a machine that may have had other work \
beside them: [BENCHMARKS.md](BENCHMARKS.md) has those that were measured with care.\n";

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
        let runs = runs(root, experiment)?;
        let Some(first) = runs.first() else {
            writeln!(page, "| {} | {} | not run yet | | | |", experiment.what, experiment.source)?;
            continue;
        };
        let figures: Vec<String> =
            first.figures.iter().map(|(name, _)| format!("{name} {}", figure(&runs, name))).collect();
        let parameters = first.parameters.map(grouped).unwrap_or_default();
        let steps: Vec<f64> = runs.iter().filter_map(|run| run.step_ms).collect();
        let step = if steps.is_empty() { String::new() } else { format!("{:.0}", mean(&steps)) };
        let seconds = mean(&runs.iter().map(|run| run.seconds).collect::<Vec<_>>());
        let Experiment { what, source, note, name, .. } = experiment;
        let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
        writeln!(page, "| {what}{note} | {source} | {} | {parameters} | {step} | {seconds:.0} |", figures.join("; "))?;
        let seeds: Vec<String> = runs.iter().map(|run| run.seed.to_string()).collect();
        writeln!(
            commands,
            "| `{name}` | `cargo run --release {}` | {} | {} |",
            first.command,
            seeds.join(", "),
            first.date
        )?;
        machines.extend(runs.iter().map(|run| run.machine.clone()));
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

fn runs(root: &Path, experiment: &Experiment) -> Result<Vec<Kept>> {
    let mut runs = Vec::new();
    for seed in 0..experiment.seeds {
        let path = place(root, experiment, seed).with_extension("json");
        if path.exists() {
            let text = std::fs::read_to_string(&path)?;
            runs.push(serde_json::from_str(&text).with_context(|| format!("cannot read {}", path.display()))?);
        }
    }
    Ok(runs)
}

/// The mean of a figure and its range, or what is no number as it was printed.
fn figure(runs: &[Kept], name: &str) -> String {
    let texts: Vec<&str> = runs
        .iter()
        .flat_map(|run| &run.figures)
        .filter(|(found, _)| found == name)
        .map(|(_, text)| text.as_str())
        .collect();
    let first_words: Vec<&str> = texts.iter().filter_map(|text| text.split([' ', ',']).next()).collect();
    let numbers: Vec<f64> = first_words.iter().filter_map(|word| word.parse().ok()).collect();
    match numbers.as_slice() {
        numbers if numbers.len() < texts.len() => texts[0].to_owned(),
        [_] => texts[0].to_owned(),
        numbers => {
            let places = first_words[0].split_once('.').map_or(0, |(_, digits)| digits.len());
            let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
            let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let rest = texts[0].strip_prefix(first_words[0]).filter(|rest| rest.starts_with(" %")).unwrap_or("");
            format!("{:.places$}{rest} ({low:.places$} to {high:.places$})", mean(numbers))
        }
    }
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seed: u64, figure: &str) -> Kept {
        Kept {
            command: String::new(),
            seed,
            date: String::new(),
            machine: String::new(),
            seconds: 1.0,
            parameters: None,
            step_ms: None,
            figures: vec![("figure".to_owned(), figure.to_owned())],
        }
    }

    #[test]
    fn figures_of_seeds_become_a_mean_and_a_range() {
        let of = |texts: &[&str]| {
            let runs: Vec<Kept> = texts.iter().enumerate().map(|(seed, text)| run(seed as u64, text)).collect();
            figure(&runs, "figure")
        };
        assert_eq!(of(&["0.8124"]), "0.8124");
        assert_eq!(of(&["0.8100", "0.8200", "0.8150"]), "0.8150 (0.8100 to 0.8200)");
        assert_eq!(of(&["99.3 %", "99.5 %"]), "99.4 % (99.3 to 99.5)");
        assert_eq!(of(&["month, quarter", "quarter, month"]), "month, quarter");
    }

    #[test]
    fn thousands_are_parted() {
        assert_eq!([grouped(999), grouped(1_000), grouped(2_171_393)], ["999", "1,000", "2,171,393"]);
    }
}
