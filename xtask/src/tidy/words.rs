//! Phrases that a reader has to translate, in documentation, comments and messages.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// What must not be written, in lower case, and what to write instead.
const PHRASES: [(&str, &str); 13] = [
    ("is none of", "is not one of"),
    ("of one's own", "your own"),
    ("a user's does", "leave it out"),
    (" behind it", " after it"),
    (" behind the last", " after the last"),
    (" behind each other", " one after the other"),
    (" behind one another", " one after the other"),
    ("one behind the other", "one after the other"),
    (". leaves out ", "does not hold"),
    ("knows nothing of", "does not know"),
    ("at the begin ", "at the start"),
    ("says so", "reports it"),
    (" anew", " again"),
];

/// The complaints about the sources `files` and the pages of the repository.
pub(super) fn unclear(root: &Path, files: &[PathBuf]) -> Result<Vec<String>> {
    let pages = pages(root)?;
    let own = Path::new(file!()).file_name();
    let mut complaints = Vec::new();
    for path in files.iter().filter(|path| path.file_name() != own).chain(&pages) {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let shown = super::shown(root, path);
        complaints.extend(found(&text).map(|complaint| format!("{shown}:{complaint}")));
    }
    Ok(complaints)
}

/// The lines with a phrase.
fn found(text: &str) -> impl Iterator<Item = String> {
    text.lines().enumerate().flat_map(|(at, line)| {
        let line = line.to_lowercase();
        let of_line = PHRASES.iter().filter(move |(phrase, _)| line.contains(phrase));
        of_line.map(move |(phrase, better)| format!("{}: \"{}\": write \"{}\"", at + 1, phrase.trim(), better.trim()))
    })
}

/// The Markdown files of the repository; not what is built or downloaded.
pub(super) fn pages(root: &Path) -> Result<Vec<PathBuf>> {
    let mut pages = Vec::new();
    markdown(root, &mut pages)?;
    Ok(pages)
}

fn markdown(folder: &Path, pages: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !["target", "results", "artifacts", ".git"].contains(&name.as_str()) {
            markdown(&path, pages)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_is_found_with_its_line_and_what_to_write() {
        let complaints: Vec<String> = found("fine\nIt is trained Anew\n").collect();
        assert_eq!(complaints, ["2: \"anew\": write \"again\""]);
    }
}
