//! `cargo xtask ci`: everything that CI checks, the cheapest first, and the seconds of each step.

mod dependencies;
mod examples;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::{cargo, command, results, run, tidy};

/// The tests of everything that runs on a backend, only on the deprecated one.
const NDARRAY_TESTS: &str = "test --release --locked -p kiln -p kiln-kernels -p kiln-models -p kiln-predict \
                             -p kiln-train -p kiln-examples --no-default-features --features ndarray";

/// Packs every crate that is published, and builds none.
const PACKAGING: &str = "package --workspace --no-verify --locked --exclude kiln-examples --exclude kiln-benchmarks \
                         --exclude xtask";

/// Crates that are without Burn.
const FREE_OF_BURN: [&str; 4] = ["kiln-base", "kiln-text", "kiln-vectors", "kiln-linear"];

/// Runs every check until one fails, and tells what each took.
pub(crate) fn ci(root: &Path) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let mut steps = Steps::default();
    let result = all(root, scratch.path(), &mut steps);
    print!("{}", steps.table());
    result
}

fn all(root: &Path, scratch: &Path, steps: &mut Steps) -> Result<()> {
    steps.take("format", || cargo(root, "fmt --all --check"))?;
    steps.take("tidy", || tidy::check(root))?;
    steps.take("packaging", || cargo(root, PACKAGING))?;
    steps.take("RESULTS.md is what the kept runs give", || results::check(root))?;
    steps.take("the CPU-only build has no GPU crate", || dependencies::cpu_only(root))?;
    steps.take("the crates without Burn have none", || {
        FREE_OF_BURN.iter().try_for_each(|name| dependencies::free_of_burn(root, name))
    })?;
    steps.take("kiln-predict brings nothing of training", || dependencies::predict_is_small(root))?;
    steps.take("clippy", || cargo(root, "clippy --release --workspace --all-targets --locked -- -D warnings"))?;
    steps.take("tests", || cargo(root, "test --release --workspace --locked"))?;
    steps.take("subwords", || {
        cargo(root, "clippy --release -p kiln-text --features subwords --all-targets --locked -- -D warnings")?;
        cargo(root, "test --release -p kiln-text --features subwords --locked -- subword passes")
    })?;
    steps.take("the ndarray backend alone", || cargo(root, NDARRAY_TESTS))?;
    steps.take("examples", || examples::run_all(root, scratch))?;
    steps.take("a crate outside the workspace", || dependencies::outside_crate(root, scratch))?;
    steps.take("documentation", || {
        run(command(root, "cargo", "doc --release --workspace --no-deps --locked").env("RUSTDOCFLAGS", "-D warnings"))
    })
}

/// The steps that have ended, with the seconds of each.
#[derive(Default)]
struct Steps(Vec<(String, f64)>);

impl Steps {
    fn take(&mut self, what: &str, act: impl FnOnce() -> Result<()>) -> Result<()> {
        println!("::: {what}");
        let began = Instant::now();
        let result = act().with_context(|| format!("failed: {what}"));
        let seconds = began.elapsed().as_secs_f64();
        let (told, name) = match &result {
            Ok(()) => ("passed", what.to_owned()),
            Err(_) => ("failed", format!("{what} (failed)")),
        };
        println!("::: {what}: {told} in {seconds:.0} s");
        self.0.push((name, seconds));
        result
    }

    /// A line a step, and the sum.
    fn table(&self) -> String {
        let sum = self.0.iter().map(|(_, seconds)| seconds).sum();
        let line = |what: &str, seconds: f64| format!("::: {seconds:>6.0} s  {what}\n");
        self.0.iter().map(|(what, seconds)| line(what, *seconds)).chain([line("all steps", sum)]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_step_the_failed_one_and_their_sum() {
        let mut steps = Steps::default();
        steps.take("format", || Ok(())).unwrap();
        steps.take("tidy", || anyhow::bail!("a rule is broken")).unwrap_err();
        steps.0[0].1 = 12.3;
        steps.0[1].1 = 30.4;
        assert_eq!(steps.table(), ":::     12 s  format\n:::     30 s  tidy (failed)\n:::     43 s  all steps\n");
    }
}
