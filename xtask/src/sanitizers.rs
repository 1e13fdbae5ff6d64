//! `cargo xtask sanitizers`: the tests of the crates with `unsafe` code under the address and the thread sanitizer.
//!
//! The runtimes are part of the toolchain, but the standard library is not built with them. The address sanitizer does
//! not need that: it sees every allocation. The thread sanitizer does not see synchronisation inside the standard
//! library, so its reports about that are suppressed, each with a reason.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::{command, output};

/// The options of `cargo xtask sanitizers`.
#[derive(Args)]
pub(crate) struct Sanitizers {
    /// Only this one
    #[arg(long, value_enum)]
    only: Option<Sanitizer>,
    /// Without `kiln-kernels`, which requires building Burn
    #[arg(long)]
    without_kernels: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sanitizer {
    Address,
    Thread,
}

/// Reports of the thread sanitizer that are suppressed, and why.
const SUPPRESSED: [(&str, &str); 7] = [
    // The standard library was built without the sanitizer, which does not understand fences: `Arc` frees after one.
    ("race:alloc::sync::Arc", "the fence before an `Arc` is freed"),
    // So was the test harness, and the channel through which its threads report their outcome.
    ("race:test::run_test", "the test harness"),
    ("race:std::sync::mpmc", "channels of the standard library"),
    ("race:std::thread", "what a thread and the one that waits for it share, an `Arc`"),
    // The same applies to the queues of `rayon`.
    ("race:crossbeam", "the fences of the queues"),
    ("race:rayon_core", "jobs that are handed on through these queues"),
    // Intended races: `docs/determinism.md` says what they change.
    ("race:kiln_kernels::word2vec", "rows of word2vec that threads change at once"),
];

pub(crate) fn sanitizers(root: &Path, options: &Sanitizers) -> Result<()> {
    let all = [Sanitizer::Address, Sanitizer::Thread];
    let asked = all.into_iter().filter(|&sanitizer| options.only.is_none_or(|only| only == sanitizer));
    let mut failed = Vec::new();
    for sanitizer in asked {
        let mut parts = vec!["-p kiln-linear -p kiln-vectors --lib --test it"];
        if !options.without_kernels {
            parts.push("-p kiln-kernels --features flex --lib --test it");
        }
        for part in parts {
            if let Err(error) = test(root, sanitizer, part) {
                failed.push(format!("{error:#}"));
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("{}", failed.join("\n")) }
}

fn test(root: &Path, sanitizer: Sanitizer, part: &str) -> Result<()> {
    let name = match sanitizer {
        Sanitizer::Address => "address",
        Sanitizer::Thread => "thread",
    };
    let host = output(&mut command(root, "rustc", "--print host-tuple"))?.trim().to_owned();
    let base = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let folder = base.join(format!("sanitizer-{name}"));
    std::fs::create_dir_all(&folder)?;
    let suppressions = folder.join("suppressions");
    let lines: String = SUPPRESSED.iter().map(|(line, why)| format!("# {why}\n{line}\n")).collect();
    std::fs::write(&suppressions, lines)?;
    let mut tests = command(root, "cargo", &format!("test --release --locked --target {host} {part}"));
    tests
        // The options of the sanitizers are not stable. With an explicit target, they do not apply to build scripts and
        // macros.
        .env("RUSTC_BOOTSTRAP", "1")
        .env(
            "RUSTFLAGS",
            format!("-Zsanitizer={name} -Cunsafe-allow-abi-mismatch=sanitizer -Cdebuginfo=line-tables-only"),
        )
        .env("CARGO_TARGET_DIR", &folder)
        .env("ASAN_OPTIONS", "detect_leaks=0")
        .env("TSAN_OPTIONS", format!("suppressions={}:halt_on_error=0", suppressions.display()));
    crate::run(&mut tests).with_context(|| format!("under the {name} sanitizer"))
}
