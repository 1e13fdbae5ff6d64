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
    no_crate(root, "-p kiln-examples --no-default-features --features ndarray", &GPU_CRATES)
}

/// A crate that is useful without models must not bring Burn.
pub(super) fn free_of_burn(root: &Path, name: &str) -> Result<()> {
    no_crate(root, &format!("-p {name} --all-features"), &["burn", "burn-core", "burn-tensor"])
}

/// Builds and runs a crate that depends on `kiln` as a user's does.
pub(super) fn outside_crate(root: &Path, scratch: &Path) -> Result<()> {
    let folder = scratch.join("outside");
    std::fs::create_dir_all(folder.join("src"))?;
    let kiln = root.join("crates/kiln");
    let manifest = format!(
        "[package]\nname = \"outside\"\nedition = \"2024\"\n\n[dependencies]\nkiln = {{ path = {kiln:?} }}\n\n[workspace]\n\n\
         [profile.release]\ndebug = 0\n"
    );
    std::fs::write(folder.join("Cargo.toml"), manifest)?;
    // The versions that the workspace has locked, so that what is built is shared.
    std::fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let main = "use kiln::prelude::*;\n\nfn main() -> kiln::Result<()> {\n    let device = kiln::device_named(Some(\"flex\"))?;\n    \
                let model = ConvBiLstmConfig::new(10_000, 200).init(&device, 0)?;\n    \
                println!(\"{}\", model.summary());\n    Ok(())\n}\n";
    std::fs::write(folder.join("src/main.rs"), main)?;
    let mut run = command(&folder, "cargo", "run --release --quiet");
    if std::env::var_os("CARGO_TARGET_DIR").is_none() {
        run.env("CARGO_TARGET_DIR", root.join("target"));
    }
    let text = output(&mut run)?;
    if text.contains("2,171,393") { Ok(()) } else { bail!("it printed:\n{text}") }
}
