//! Figures of the structure: for each crate its lines of code, its fullest folder, its public items, and circles.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::modules::Crate;
use super::public::Public;
use super::{circles, folders, lines};

/// The figures of a crate.
struct Figures {
    name: String,
    /// Lines of code.
    lines: usize,
    /// The entries of the fullest folder.
    fullest: usize,
    public: Public,
    /// The files of each circle, one line per use.
    circles: Vec<Vec<String>>,
}

/// Prints the figures of every crate under `crates/`, and returns a complaint for each broken limit.
pub(super) fn print(root: &Path) -> Result<Vec<String>> {
    let mut folders: Vec<_> =
        std::fs::read_dir(root.join("crates"))?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    folders.retain(|folder| folder.join("src/lib.rs").is_file());
    folders.sort();
    ensure!(!folders.is_empty(), "there is no crate under {}", root.join("crates").display());
    let all: Vec<Figures> = folders.iter().map(|folder| figures(root, folder)).collect::<Result<_>>()?;

    println!(
        "{:<14} {:>10} {:>14} {:>12} {:>10} {:>7}",
        "crate", "code lines", "fullest folder", "public items", "root names", "circles"
    );
    for of in &all {
        let Public { items, root_names } = of.public;
        println!(
            "{:<14} {:>10} {:>14} {items:>12} {root_names:>10} {:>7}",
            of.name,
            of.lines,
            of.fullest,
            of.circles.len()
        );
    }
    let sum = |count: fn(&Figures) -> usize| all.iter().map(count).sum::<usize>();
    println!("{:<14} {:>10} {:>14} {:>12}", "all", sum(|of| of.lines), "", sum(|of| of.public.items));
    Ok(all.iter().flat_map(beyond_limits).collect())
}

fn figures(root: &Path, folder: &Path) -> Result<Figures> {
    let of = Crate::read(&folder.join("src/lib.rs"))?;
    let mut code_lines = 0;
    for file in &of.files {
        code_lines += lines::of_code(&file.text).with_context(|| file.path.display().to_string())?;
    }
    let entries = folders::entries(of.files.iter().map(|file| file.path.as_path()), &folder.join("src"));
    Ok(Figures {
        name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        lines: code_lines,
        fullest: entries.into_values().max().unwrap_or(0),
        public: Public::of(&of),
        circles: circles::of(&of, root),
    })
}

/// The most names at the root of a crate.
const ROOT_NAMES: usize = 50;
/// The most public items in `kiln-text`.
const TEXT_ITEMS: usize = 500;

fn beyond_limits(of: &Figures) -> Vec<String> {
    let mut complaints = Vec::new();
    if of.public.root_names > ROOT_NAMES {
        complaints.push(format!("{}: {} names at the root, more than {ROOT_NAMES}", of.name, of.public.root_names));
    }
    if of.name == "kiln-text" && of.public.items > TEXT_ITEMS {
        complaints.push(format!("{}: {} public items, more than {TEXT_ITEMS}", of.name, of.public.items));
    }
    let circle = |files: &Vec<String>| {
        format!("{}: a circle among files of different folders:\n  {}", of.name, files.join("\n  "))
    };
    complaints.extend(of.circles.iter().map(circle));
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_kept() {
        let of = |name: &str, items, root_names, circles| {
            let public = Public { items, root_names };
            beyond_limits(&Figures { name: name.to_owned(), lines: 0, fullest: 0, public, circles }).len()
        };
        assert_eq!(of("kiln-text", TEXT_ITEMS, ROOT_NAMES, Vec::new()), 0);
        assert_eq!(of("kiln-text", TEXT_ITEMS + 1, ROOT_NAMES, Vec::new()), 1);
        assert_eq!(of("kiln-train", TEXT_ITEMS + 1, ROOT_NAMES, Vec::new()), 0);
        assert_eq!(of("kiln-train", 0, ROOT_NAMES + 1, Vec::new()), 1);
        assert_eq!(of("kiln-train", 0, 0, vec![vec!["a names B of b".to_owned()]]), 1);
    }
}
