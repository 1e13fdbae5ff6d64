//! What Kiln is built from: the licences and sources of its dependencies, and the reason for each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use spdx::{Expression, ParseMode};

use crate::{command, output};

/// Licences under which a program with Kiln in it may be distributed without asking anyone. `deny.toml` has the same
/// list.
const LICENCES: [&str; 13] = [
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    // Applies only to changes of these files: `colored`, `buildid` and `option-ext`, which Burn needs.
    "MPL-2.0",
    // The font in the pictures of curves.
    "OFL-1.1",
    "Ubuntu-font-1.0",
    "Unicode-3.0",
    "Zlib",
];

/// Crates that are not allowed, and why.
const FORBIDDEN: [(&str, &str); 3] = [
    ("openssl-sys", "a library of the system; TLS is rustls'"),
    ("native-tls", "a library of the system; TLS is rustls'"),
    ("tch", "PyTorch"),
];

/// Checks the licences, sources and names of all crates that a test or a program is built from, with all features.
///
/// # Errors
///
/// A crate has a licence that is not allowed, is not from the registry, or is forbidden.
pub(crate) fn check(root: &Path) -> Result<()> {
    let tree =
        "tree --workspace --locked --target all --edges normal,build,dev --prefix none --format {p}|{l} --features";
    let mut tree = command(root, "cargo", tree);
    let tree = output(tree.arg(
        "kiln/subwords,kiln/counts,kiln/mpi,kiln/ndarray,kiln/cuda,kiln/fusion,kiln/autotune,xtask/odd-inputs,xtask/crashes",
    ))?;
    let crates: BTreeSet<(&str, &str)> =
        tree.lines().filter_map(|line| line.trim_end_matches(" (*)").split_once('|')).collect();
    ensure!(crates.len() > 300, "only {} crates are found:\n{tree}", crates.len());
    let mut complaints = Vec::new();
    let mut licences: BTreeMap<String, usize> = BTreeMap::new();
    for (package, licence) in crates {
        // A name, a version, and a location if that is not the registry.
        let (name, rest) = package.split_once(' ').unwrap_or((package, ""));
        let source = rest.split_once(" (").map_or("", |(_, source)| source.trim_end_matches(')'));
        if let Some((_, why)) = FORBIDDEN.iter().find(|(other, _)| *other == name) {
            complaints.push(format!("{name} must not come in: {why}"));
        }
        let is_ours = source.starts_with(&root.display().to_string());
        if !source.is_empty() && source != "proc-macro" && !is_ours {
            complaints.push(format!("{name} comes from {source}, not from the registry"));
        }
        match is_allowed(licence) {
            Ok(true) => *licences.entry(licence.to_owned()).or_default() += 1,
            Ok(false) => complaints.push(format!("{name} is under '{licence}', which is not among {LICENCES:?}")),
            Err(error) => complaints.push(format!("{name}: the licence '{licence}' cannot be read: {error}")),
        }
    }
    complaints.extend(without_a_reason(&std::fs::read_to_string(root.join("Cargo.toml"))?)?);
    println!("{} crates under {} licences", licences.values().sum::<usize>(), licences.len());
    if complaints.is_empty() { Ok(()) } else { bail!("{}", complaints.join("\n")) }
}

fn is_allowed(licence: &str) -> Result<bool> {
    let expression = Expression::parse_mode(licence, ParseMode::LAX).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(expression.evaluate(|asked| asked.license.id().is_some_and(|id| LICENCES.contains(&id.name))))
}

/// The dependencies of the workspace without a comment that says what they are for, on their line or on the line above.
fn without_a_reason(manifest: &str) -> Result<Vec<String>> {
    let (_, dependencies) =
        manifest.split_once("[workspace.dependencies]").context("Cargo.toml has no dependencies")?;
    let mut complaints = Vec::new();
    let mut above = "";
    for line in dependencies.lines().take_while(|line| !line.starts_with('[')) {
        let is_ours = line.starts_with("kiln");
        if line.contains(" = ") && !line.starts_with('#') && !is_ours {
            let name = line.split(' ').next().unwrap_or_default();
            if !line.contains("\" # ") && !line.contains("} # ") && !above.starts_with('#') {
                complaints.push(format!("Cargo.toml: {name} has no comment that says what it is for"));
            }
        }
        above = line;
    }
    Ok(complaints)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_is_allowed_if_one_way_to_read_it_is() {
        for allowed in
            ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "Apache-2.0 WITH LLVM-exception OR MIT", "Zlib AND ISC"]
        {
            assert!(is_allowed(allowed).unwrap(), "{allowed}");
        }
        for refused in ["GPL-3.0", "MIT AND AGPL-3.0", "LGPL-2.1-or-later"] {
            assert!(!is_allowed(refused).unwrap(), "{refused}");
        }
        assert!(is_allowed("").is_err() && is_allowed("My own").is_err());
    }

    #[test]
    fn every_dependency_says_what_it_is_for() {
        let manifest = "[workspace.dependencies]\nkiln = \"1\"\na = \"1\" # letters\n# Numbers.\nb = { version = \"1\" }\nc = \"2\"\n\n[profile]\nd = 1\n";
        assert_eq!(without_a_reason(manifest).unwrap(), ["Cargo.toml: c has no comment that says what it is for"]);
    }
}
