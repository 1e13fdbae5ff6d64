//! What Kiln's crates depend on, and a crate that depends on Kiln.

use std::path::Path;

use anyhow::{Result, bail};

use crate::{command, output};

/// Crates that a build only for the CPU must not contain.
const GPU_CRATES: [&str; 6] = ["wgpu", "naga", "cubecl-core", "cubecl-runtime", "cudarc", "nvml-wrapper"];

/// The dependencies of `selection` must contain none of `crates`.
fn no_crate(root: &Path, selection: &str, crates: &[&str]) -> Result<()> {
    let tree = format!("tree --locked --edges normal,build --prefix none --format {{p}} {selection}");
    let tree = output(&mut command(root, "cargo", &tree))?;
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    if !names.first().is_some_and(|name| name.starts_with("kiln")) || names.len() < 5 {
        bail!("the dependency tree of {selection} cannot be read:\n{}", names.join("\n"));
    }
    match crates.iter().find(|name| names.contains(name)) {
        Some(name) => bail!("the dependencies of {selection} contain {name}"),
        None => Ok(()),
    }
}

/// A build for the CPU must contain no GPU crate.
pub(super) fn cpu_only(root: &Path) -> Result<()> {
    no_crate(root, "-p kiln-examples --no-default-features --features flex", &GPU_CRATES)
}

/// A crate that is useful without models must not bring Burn.
pub(super) fn free_of_burn(root: &Path, name: &str) -> Result<()> {
    no_crate(root, &format!("-p {name} --all-features"), &["burn", "burn-core", "burn-tensor"])
}

/// Builds and runs `xtask/outside`, a crate that depends on `kiln` like any user's crate. What it trains in one process
/// predicts the same bits in another, and the error of a program without its kinds names the known ones.
pub(super) fn outside_crate(root: &Path, scratch: &Path) -> Result<()> {
    let (from, folder) = (root.join("xtask/outside"), scratch.join("outside"));
    std::fs::create_dir_all(folder.join("src"))?;
    for file in std::fs::read_dir(from.join("src"))? {
        let file = file?;
        std::fs::copy(file.path(), folder.join("src").join(file.file_name()))?;
    }
    let manifest = std::fs::read_to_string(from.join("Cargo.toml"))?;
    let kiln = format!("{:?}", root.join("crates/kiln"));
    let manifest = manifest.replace("\"../../crates/kiln\"", &kiln);
    std::fs::write(folder.join("Cargo.toml"), manifest)?;
    // The versions that the workspace has locked, so that what is built is shared.
    std::fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let artifact = scratch.join("outside-artifact").display().to_string();
    let run = |task: &str| -> Result<String> {
        let mut run = command(&folder, "cargo", "run --release --quiet --");
        if std::env::var_os("CARGO_TARGET_DIR").is_none() {
            run.env("CARGO_TARGET_DIR", root.join("target"));
        }
        output(run.args([task, &artifact]))
    };
    let bits =
        |text: &str| text.lines().filter(|line| line.starts_with("bits ")).map(str::to_owned).collect::<Vec<_>>();
    let (trained, predicted, ignorant) = (run("train")?, run("predict")?, run("ignorant")?);
    if !trained.contains("Glu") || !trained.contains("the loss reached") {
        bail!("it trained otherwise than expected:\n{trained}");
    }
    let (trained, predicted) = (bits(&trained), bits(&predicted));
    if trained.len() != 3 || trained != predicted {
        bail!("it predicted in training:\n{}\nand afterwards:\n{}", trained.join("\n"), predicted.join("\n"));
    }
    match ignorant.contains("\"Morse\"") && ignorant.contains("\"Tokenizer\"") {
        true => Ok(()),
        false => bail!("the error about an unknown encoder lacks the known names:\n{ignorant}"),
    }
}

/// A program that only predicts must carry nothing that trains, draws or fetches.
pub(super) fn predict_is_small(root: &Path) -> Result<()> {
    const OTHERS: [&str; 10] = [
        "burn-train",
        "burn-optim",
        "burn-dataset",
        "plotters",
        "indicatif",
        "ureq",
        "rustls",
        "clap",
        "ctrlc",
        "kiln-vectors",
    ];
    no_crate(root, "-p kiln-predict --no-default-features --features flex", &OTHERS)
}
