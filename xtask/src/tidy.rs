//! Style rules as a check: module headers, file lengths, leftovers, names of files.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// Lines that a source file may have.
const LONGEST: usize = 600;
/// File names that say nothing of what a file holds.
const EMPTY_NAMES: [&str; 5] = ["utils.rs", "util.rs", "common.rs", "base.rs", "helpers.rs"];

/// Checks every source file of the workspace.
///
/// # Errors
///
/// A rule is broken; all places are listed.
pub(crate) fn check(root: &Path) -> Result<()> {
    let mut files = Vec::new();
    for folder in ["crates", "examples", "xtask"] {
        rust_files(&root.join(folder), &mut files)?;
    }
    if files.len() < 20 {
        bail!("only {} source files are found under {}", files.len(), root.display());
    }
    let mut complaints = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file)?;
        let shown = file.strip_prefix(root).unwrap_or(&file).display();
        complaints.extend(complaints_of(&file, &text).into_iter().map(|complaint| format!("{shown}: {complaint}")));
    }
    if complaints.is_empty() { Ok(()) } else { bail!("{}", complaints.join("\n")) }
}

fn complaints_of(file: &Path, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    if !text.starts_with("//! ") {
        complaints.push("it must open with `//!` and what it holds".to_owned());
    }
    let lines = text.lines().count();
    if lines > LONGEST {
        complaints.push(format!("it has {lines} lines, more than {LONGEST}"));
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    if EMPTY_NAMES.contains(&name.as_ref()) {
        complaints.push("its name says nothing of what it holds".to_owned());
    }
    // Put together, so that this file does not complain of itself.
    let leftovers = [["to", "do!("], ["unimple", "mented!("], ["dbg", "!("], ["TO", "DO"], ["FIX", "ME"]];
    for (number, line) in text.lines().enumerate() {
        if let Some(parts) = leftovers.iter().find(|parts| line.contains(&parts.concat())) {
            complaints.push(format!("line {}: '{}' is left over", number + 1, parts.concat()));
        }
    }
    complaints
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            rust_files(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_finds_its_breach() {
        let of = |name: &str, text: &str| complaints_of(Path::new(name), text).len();
        assert_eq!(of("lstm.rs", "//! The layer.\n"), 0);
        assert_eq!(of("lstm.rs", "use std::fs;\n"), 1);
        assert_eq!(of("utils.rs", "//! Things.\n"), 1);
        assert_eq!(of("lstm.rs", &format!("//! Long.\n{}", "\n".repeat(LONGEST))), 1);
        assert_eq!(of("lstm.rs", &format!("//! Left.\nfn f() {{ {}{}) }}\n", "to", "do!(")), 1);
    }
}
