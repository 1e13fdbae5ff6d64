//! The style rules that neither compiler nor clippy checks, and figures of the structure with their limits.

mod circles;
mod figures;
mod folders;
mod lines;
mod modules;
mod named_tests;
mod pages;
mod public;
mod rules;
mod tokens;
mod words;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Folders of the repository that hold source files.
const SOURCES: [&str; 4] = ["benchmarks", "crates", "examples", "xtask"];

/// Checks every source file of the workspace, and prints the figures of each crate.
///
/// # Errors
///
/// A rule or a limit is broken; the error lists all places.
pub(crate) fn check(root: &Path) -> Result<()> {
    let mut files = Vec::new();
    for folder in SOURCES {
        rust_files(&root.join(folder), &mut files)?;
    }
    if files.len() < 20 {
        bail!("only {} source files are found under {}", files.len(), root.display());
    }
    files.sort();
    let mut complaints = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let shown = shown(root, file);
        complaints.extend(rules::broken(file, &text).into_iter().map(|complaint| format!("{shown}: {complaint}")));
    }
    complaints.extend(folders::too_full(root, &files));
    complaints.extend(words::unclear(root, &files)?);
    complaints.extend(named_tests::missing(root, &files)?);
    complaints.extend(pages::untrue(root, &files)?);
    complaints.extend(figures::print(root)?);
    if complaints.is_empty() { Ok(()) } else { bail!("{}", complaints.join("\n")) }
}

/// A path relative to the repository.
fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            rust_files(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
