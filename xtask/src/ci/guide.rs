//! Runs the commands of the guide, page by page, as a reader would.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::bench::built;
use crate::output;

/// Runs every block of commands of each page in a folder that holds the files that the guide speaks of.
pub(crate) fn commands(root: &Path, scratch: &Path) -> Result<()> {
    let program = built(root, "--workspace --bin kiln")?;
    let programs = program.parent().context("a program is in a folder")?;
    let others = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(programs.to_owned()).chain(std::env::split_paths(&others)))?;
    let mut count = 0;
    for page in pages(&root.join("docs/guide/src"))? {
        let text = std::fs::read_to_string(&page)?;
        let blocks = blocks(&text);
        let name = page.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let folder = scratch.join("guide").join(&name);
        std::fs::create_dir_all(&folder)?;
        write_files(&folder)?;
        for block in &blocks {
            let mut shell = Command::new("bash");
            shell.args(["-euo", "pipefail", "-c", block]).current_dir(&folder).env("PATH", &path);
            let told = output(&mut shell).with_context(|| format!("{}:\n{block}", page.display()))?;
            ensure!(!told.trim().is_empty(), "{}: no output of\n{block}", page.display());
        }
        count += blocks.len();
    }
    if count < 10 {
        bail!("only {count} blocks of commands are found in the guide");
    }
    println!("{count} blocks of commands ran");
    Ok(())
}

/// The pages, in the order of their names.
fn pages(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            pages.extend(self::pages(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    pages.sort();
    Ok(pages)
}

/// The blocks that open with exactly "```sh": those to skip say so after it.
fn blocks(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in page.lines() {
        match &mut open {
            None if line == "```sh" => open = Some(String::new()),
            None => {}
            Some(_) if line == "```" => blocks.extend(open.take()),
            Some(block) => {
                block.push_str(line);
                block.push('\n');
            }
        }
    }
    blocks
}

/// `reviews.csv` and `more.csv` with texts of two classes, and `sentences.txt` with a sentence in each line.
fn write_files(folder: &Path) -> Result<()> {
    const THINGS: [&str; 8] = ["plot", "cast", "music", "ending", "story", "camera", "dialogue", "pace"];
    const WORDS: [[&str; 6]; 2] =
        [["dull", "awful", "weak", "boring", "poor", "tired"], ["great", "fine", "warm", "funny", "superb", "bright"]];
    let text = |row: usize| {
        let [thing, other] = [row % 8, row / 8 % 8].map(|place| THINGS[place]);
        let words = &WORDS[row % 2];
        format!("the film has a {} {thing} and a {} {other}", words[row / 2 % 6], words[row / 12 % 6])
    };
    let table = |rows: std::ops::Range<usize>| {
        let mut table = String::from("text,label\n");
        for row in rows {
            let _ = writeln!(table, "{} in scene {row},{}", text(row), ["bad", "good"][row % 2]);
        }
        table
    };
    std::fs::write(folder.join("reviews.csv"), table(0..600))?;
    std::fs::write(folder.join("more.csv"), table(600..700))?;
    let sentences: Vec<String> = (0..600).map(text).collect();
    std::fs::write(folder.join("sentences.txt"), sentences.join("\n") + "\n")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_blocks_that_are_to_run_are_found() {
        let page = "a\n```sh\none\ntwo\n```\n```sh ignore\nthree\n```\n```rust\nfour\n```\n```sh\nfive\n```\n";
        assert_eq!(blocks(page), ["one\ntwo\n", "five\n"]);
    }
}
