//! `cargo xtask ci`: everything that CI checks, the cheapest first, with the seconds of each step.

mod builds;
mod dependencies;
mod examples;
pub(crate) mod guide;
pub(crate) mod ranks;
pub(crate) mod supply_chain;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::{cargo, command, crashes, fuzz, odd_inputs, results, run, tidy};

/// The README's first command, without running what it builds.
const QUICKSTART: &str = "build --release --locked --example quickstart";

/// The README's second command. `cargo test` would also build every example, which is a separate step.
pub(crate) const TESTS: &str = "test --release --locked --workspace --exclude kiln-examples";

/// The tests of everything that runs on a backend, only on the deprecated one. No other step shares this build of Burn,
/// which takes minutes, and its tests take seconds: so its largest crates are not optimised. burn-train always brings
/// burn-flex.
const NDARRAY_TESTS: &str = "test --release --locked -p kiln -p kiln-kernels -p kiln-models -p kiln-predict \
                             -p kiln-train --lib --test it --no-default-features --features ndarray \
                             --config profile.release.package.burn-flex.opt-level=0 \
                             --config profile.release.package.burn-dispatch.opt-level=0 \
                             --config profile.release.package.burn-ndarray.opt-level=0";

/// Packs every published crate without building it, uncommitted changes included.
const PACKAGING: &str = "package --workspace --no-verify --locked --allow-dirty --quiet --exclude kiln-examples \
                         --exclude kiln-benchmarks --exclude xtask";

/// Features whose code no default build has.
const OPTIONAL: &str = "kiln-text/subwords,kiln-vectors/counts";

/// Crates without Burn.
const FREE_OF_BURN: [&str; 6] = ["kiln-base", "kiln-group", "kiln-text", "kiln-vectors", "kiln-linear", "kiln-report"];

/// Runs every check until one fails, and prints the time of each.
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
    steps.take("licences, sources and reasons of dependencies", || supply_chain::check(root))?;
    steps.take("the CPU-only build has no GPU crate", || dependencies::cpu_only(root))?;
    steps.take("the crates without Burn have none", || {
        FREE_OF_BURN.iter().try_for_each(|name| dependencies::free_of_burn(root, name))
    })?;
    steps.take("kiln-predict brings nothing of training", || dependencies::predict_is_small(root))?;
    steps.take("clippy", || {
        let programs = "xtask/odd-inputs,xtask/crashes";
        let all = "clippy --release --workspace --all-targets --locked --features";
        cargo(root, &format!("{all} {programs},{OPTIONAL} -- -D warnings"))
    })?;
    steps.take("the quickstart's build", || cargo(root, QUICKSTART))?;
    steps.take("the tests build no crate of Kiln again", || builds::nothing_twice(root, TESTS))?;
    steps.take("tests", || cargo(root, TESTS))?;
    steps.take("odd files for every reader", || odd_inputs(root, &["--count", "300"]))?;
    steps.take("kills, full disks and signals", || crashes::crashes(root, &crashes::Crashes { short: true }))?;
    steps.take("fuzzing, each target for some seconds", || fuzz::fuzz(root, &fuzz::Fuzz::smoke()))?;
    steps.take("the examples' own tests, the README and the guide's code", || {
        cargo(root, "test --release --locked -p kiln-examples --lib")?;
        cargo(root, "test --release --locked -p kiln-examples --doc")
    })?;
    steps.take("the commands of the guide", || guide::commands(root, scratch))?;
    steps.take("the features subwords and counts", || {
        // Both crates at once, so that what they share is built once.
        let both = "test --release -p kiln-text -p kiln-vectors --locked --features";
        // No other step shares these builds.
        let less = "--config profile.release.package.kiln-text.opt-level=1 \
                    --config profile.release.package.tokenizers.opt-level=1 \
                    --config profile.release.package.faer.opt-level=1";
        cargo(root, &format!("{both} {OPTIONAL} {less} -- subword passes counts"))
    })?;
    steps.take("two ranks under mpirun", || ranks::ranks(root))?;
    steps.take("the ndarray backend alone", || cargo(root, NDARRAY_TESTS))?;
    steps.take("examples", || examples::run_all(root, scratch))?;
    steps.take("a crate outside the workspace", || dependencies::outside_crate(root, scratch))?;
    steps.take("documentation", || {
        let counts = "doc --release -p kiln-vectors --features counts --no-deps --locked";
        run(command(root, "cargo", counts).env("RUSTDOCFLAGS", "-D warnings"))?;
        run(command(root, "cargo", "doc --release --workspace --no-deps --locked").env("RUSTDOCFLAGS", "-D warnings"))
    })
}

/// The completed steps, with the seconds of each.
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

    /// A line per step, and the sum.
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
