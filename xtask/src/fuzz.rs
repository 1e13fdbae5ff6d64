//! `cargo xtask fuzz`: builds the fuzz targets with libFuzzer's flags, and runs each for some seconds, starting from a
//! good file of its kind. Findings are kept, and end the command with an error.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{command, output};

/// The options of `cargo xtask fuzz`.
#[derive(Args)]
pub(crate) struct Fuzz {
    /// Seconds for each target
    #[arg(long, default_value_t = 180)]
    seconds: u32,
    /// Only the targets whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// Also the readers of a run's files and of Hugging Face's tokenizers, which requires building Burn
    #[arg(long)]
    all: bool,
    /// With the address sanitizer
    #[arg(long)]
    sanitizer: bool,
    /// The folder in which corpora and findings are kept between runs [default: fuzz/corpus]
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
}

impl Fuzz {
    /// A second for each target, to show that all of them still run.
    pub(crate) fn smoke() -> Self {
        Self { seconds: 1, only: String::new(), all: false, sanitizer: false, corpus: None }
    }
}

/// Makes the compiler count the branches taken, as libFuzzer expects.
const COVERAGE: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=16",
];

pub(crate) fn fuzz(root: &Path, options: &Fuzz) -> Result<()> {
    let program = built(root, options)?;
    let list = output(&mut Command::new(&program))?;
    let targets: Vec<&str> = list.lines().filter(|name| name.contains(&options.only)).collect();
    ensure!(!targets.is_empty(), "no target has '{}' in its name; there are:\n{list}", options.only);
    let corpus = options.corpus.clone().unwrap_or_else(|| root.join("fuzz/corpus"));
    println!("{:<32} {:>10} {:>9}  findings", "target", "files read", "coverage");
    // As many at a time as there are cores: each target is a process of one thread.
    let mut found = 0;
    for some in targets.chunks(std::thread::available_parallelism().map_or(1, usize::from)) {
        let one = |name: &str| run_one(&program, name, &corpus.join(name.replace([' ', ',', '\''], "_")), options);
        let ended = std::thread::scope(|scope| {
            let started: Vec<_> = some.iter().map(|name| scope.spawn(move || one(name))).collect();
            started.into_iter().map(|thread| thread.join().unwrap_or(Ok(true))).collect::<Result<Vec<bool>>>()
        })?;
        found += ended.into_iter().filter(|&is_found| is_found).count();
    }
    ensure!(found == 0, "{found} targets have findings, kept under {}", corpus.display());
    Ok(())
}

/// Runs a target, and returns whether something was found.
fn run_one(program: &Path, name: &str, folder: &Path, options: &Fuzz) -> Result<bool> {
    let (files, findings) = (folder.join("files"), folder.join("findings"));
    for folder in [&files, &findings] {
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    let mut fuzzer = Command::new(program);
    fuzzer.env("KILN_FUZZ", name).env("KILN_FUZZ_SEEDS", &files).env("ASAN_OPTIONS", "detect_leaks=0");
    fuzzer.args([
        &format!("-max_total_time={}", options.seconds),
        "-timeout=10",
        "-rss_limit_mb=2048",
        "-max_len=65536",
    ]);
    fuzzer.arg("-print_final_stats=1").arg(format!("-artifact_prefix={}/", findings.display())).arg(&files);
    let ended = fuzzer.output().with_context(|| format!("cannot run {fuzzer:?}"))?;
    let told = String::from_utf8_lossy(&ended.stderr);
    let after = |mark: &str| told.rsplit_once(mark).and_then(|(_, rest)| rest.split_whitespace().next()).unwrap_or("?");
    let is_found = !ended.status.success();
    let (read, coverage) = (after("stat::number_of_executed_units:"), after(" cov: "));
    println!("{name:<32} {read:>10} {coverage:>9}  {}", if is_found { "FOUND" } else { "0" });
    if is_found {
        let lines: Vec<&str> = told.lines().collect();
        println!("{}", lines[lines.len().saturating_sub(60)..].join("\n"));
    }
    Ok(is_found)
}

/// Builds all targets as one program, in a separate folder under cargo's.
fn built(root: &Path, options: &Fuzz) -> Result<PathBuf> {
    let host = output(&mut command(root, "rustc", "--print host-tuple"))?.trim().to_owned();
    let base = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let folder = base.join(if options.sanitizer { "fuzz-sanitizer" } else { "fuzz" });
    let mut flags = COVERAGE.join(" ");
    let build = format!("build --release --locked --manifest-path fuzz/Cargo.toml --target {host}");
    let mut build = command(root, "cargo", &build);
    if options.sanitizer {
        flags.push_str(" -Zsanitizer=address");
        // The sanitizers are in every toolchain, but on the stable one this variable is needed.
        build.env("RUSTC_BOOTSTRAP", "1");
    }
    if options.all {
        build.args(["--features", "heavy"]);
    }
    // With an explicit target, the flags do not apply to build scripts and macros.
    build.env("RUSTFLAGS", flags).env("CARGO_TARGET_DIR", &folder);
    crate::run(&mut build)?;
    Ok(folder.join(host).join("release/kiln-fuzz"))
}
