//! What Markdown pages say of the repository: where links lead, which source files docs/design names, and the README's
//! figures.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Where the decimal numbers of the README come from.
const MEASURED: [&str; 3] = ["BENCHMARKS.md", "Cargo.toml", "RESULTS.md"];

/// What is not true in the pages of the repository, whose sources are `files`.
pub(super) fn untrue(root: &Path, files: &[PathBuf]) -> Result<Vec<String>> {
    let read = |path: &Path| std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
    let mut measured = HashSet::new();
    for name in MEASURED {
        measured.extend(decimals(&read(&root.join(name))?).map(str::to_owned));
    }
    let mut complaints = Vec::new();
    for page in super::words::pages(root)? {
        let text = read(&page)?;
        let shown = super::shown(root, &page);
        for line in prose(&text) {
            for link in links(line).filter(|link| !leads_somewhere(&page, link)) {
                complaints.push(format!("{shown}: the link {link} leads nowhere"));
            }
            if page.starts_with(root.join("docs/design")) {
                let is_there = |name: &&str| files.iter().any(|file| file.ends_with(name));
                complaints.extend(
                    sources(line)
                        .filter(|name| !is_there(name))
                        .map(|name| format!("{shown}: there is no source file {name}")),
                );
            }
            if page == root.join("README.md") {
                let is_held = |number: &&str| {
                    measured
                        .iter()
                        .any(|held| held.strip_prefix(number).is_some_and(|rest| !rest.starts_with(char::is_numeric)))
                };
                complaints.extend(
                    decimals(line)
                        .filter(|number| !is_held(number))
                        .map(|number| format!("{shown}: {number} is in none of {}", MEASURED.join(", "))),
                );
            }
        }
    }
    Ok(complaints)
}

/// The lines outside of blocks of code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// The targets of links to files and headings, not those to the web.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
}

fn leads_somewhere(page: &Path, link: &str) -> bool {
    let (path, heading) = link.split_once('#').unwrap_or((link, ""));
    let file = if path.is_empty() { page.to_owned() } else { page.with_file_name("").join(path) };
    if heading.is_empty() {
        return file.exists();
    }
    let text = std::fs::read_to_string(file).unwrap_or_default();
    prose(&text).any(|line| line.starts_with('#') && anchor(line) == heading)
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter(|&c| kept(c))
        .collect::<String>()
        .replace(' ', "-")
}

/// The names of source files between backquotes.
fn sources(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2).filter(|name| name.ends_with(".rs") && !name.contains(' '))
}

/// The numbers with a decimal point.
fn decimals(text: &str) -> impl Iterator<Item = &str> {
    let numbers = text.split(|c: char| !c.is_ascii_digit() && c != '.').map(|number| number.trim_matches('.'));
    numbers.filter(|number| number.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_files_and_figures_that_are_not_there_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        std::fs::create_dir_all(folder.path().join("docs/design")).unwrap();
        write("BENCHMARKS.md", "## On a GPU, 2.50 s\n");
        write("RESULTS.md", "0.9225\n");
        write("Cargo.toml", "burn = \"0.22.1\"\n");
        let right = "[a](RESULTS.md) [b](BENCHMARKS.md#on-a-gpu-250-s) [c](https://x.org) 0.9225 0.22\n";
        let readme = format!("{right}```\n[d](no) 7.5\n```\n[e](no.md) [f](RESULTS.md#no) 0.922\n");
        write("README.md", &readme);
        write("docs/design/one.md", "`a.rs`, `b/a.rs`, `c.rs`, `cargo a.rs`\n");
        let complaints = untrue(folder.path(), &[folder.path().join("b/a.rs")]).unwrap();
        let expected = [
            "README.md: the link no.md leads nowhere",
            "README.md: the link RESULTS.md#no leads nowhere",
            "README.md: 0.922 is in none of BENCHMARKS.md, Cargo.toml, RESULTS.md",
            "docs/design/one.md: there is no source file c.rs",
        ];
        assert_eq!(complaints.len(), expected.len(), "{complaints:?}");
        assert!(expected.iter().all(|expected| complaints.iter().any(|found| found == expected)), "{complaints:?}");
    }
}
