//! Checks that the tests named in the documentation exist.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Pages that name tests as `module::name`.
const PAGES: [&str; 1] = ["docs/determinism.md"];

/// The tests that a page names but that do not exist in a file of that name.
pub(super) fn missing(root: &Path, files: &[PathBuf]) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for page in PAGES {
        let text = std::fs::read_to_string(root.join(page)).with_context(|| format!("cannot read {page}"))?;
        for (module, name) in named(&text) {
            let is_there = files.iter().any(|file| {
                file.file_stem().is_some_and(|stem| stem == module)
                    && std::fs::read_to_string(file).is_ok_and(|text| text.contains(&format!("fn {name}(")))
            });
            if !is_there {
                complaints.push(format!("{page}: there is no test {module}::{name}"));
            }
        }
    }
    Ok(complaints)
}

/// The names between backquotes of the form `module::name`.
fn named(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_name =
        |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter_map(|text| text.split_once("::")).filter(move |(module, name)| is_name(module) && is_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("docs")).unwrap();
        std::fs::write(folder.path().join(PAGES[0]), "| `a::first` | `Type::new` | `a::second` |").unwrap();
        let file = folder.path().join("a.rs");
        std::fs::write(&file, "#[test]\nfn first() {}").unwrap();
        let complaints = missing(folder.path(), &[file]).unwrap();
        assert_eq!(complaints, ["docs/determinism.md: there is no test a::second"]);
    }
}
