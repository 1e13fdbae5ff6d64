//! Every error of Kiln's libraries and its text, in `docs/messages.md`.

mod libraries;
mod text;

use std::collections::BTreeSet;
use std::error::Error;
use std::path::{Path, PathBuf};

/// What another crate's private code makes, or has no public constructor.
const MADE_ELSEWHERE: [&str; 3] =
    ["kiln_predict::Error::OutOfMemory", "kiln_train::Error::CtrlC", "kiln_train::Error::Metric"];

/// The error that only a build with downloads has.
const DOWNLOAD: &str = "kiln_text::Error::Download";

const ABOVE: &str = "# Messages

Every error of Kiln's libraries with made-up values, as `crate::Type::Variant: message`. Errors that only pass on
another error are not listed. The tests in `crates/kiln/tests/it/messages.rs` check this page. After changing a
message, write the page again and read it:

```sh
KILN_WRITE_FIXTURES=1 cargo test --release -p kiln --test it messages
```

```text
";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A line for each error of the type `name`.
fn lines<E: Error>(name: &str, errors: impl IntoIterator<Item = E>) -> Vec<String> {
    let line = |error: E| {
        let debug = format!("{error:?}");
        format!("{name}::{}: {}", first_word(&debug), error.to_string().replace('\n', "\\n"))
    };
    errors.into_iter().map(line).collect()
}

fn all_lines() -> Vec<String> {
    [libraries::told(), text::told()].concat()
}

fn first_word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default()
}

/// Writes the page if `KILN_WRITE_FIXTURES` is set.
#[test]
fn the_page_of_messages_has_the_texts_of_all_errors() {
    let path = root().join("docs/messages.md");
    let page = format!("{ABOVE}{}\n```\n", all_lines().join("\n"));
    if std::env::var_os("KILN_WRITE_FIXTURES").is_some() && cfg!(feature = "download") {
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    let is_built = |line: &&str| cfg!(feature = "download") || !line.starts_with(&format!("{DOWNLOAD}:"));
    let (kept, told): (Vec<&str>, Vec<&str>) = (kept.lines().filter(is_built).collect(), page.lines().collect());
    let differs = |&at: &usize| kept.get(at) != told.get(at);
    if let Some(at) = (0..kept.len().max(told.len())).find(differs) {
        let (kept, told) = (kept.get(at), told.get(at));
        panic!("docs/messages.md has {kept:?}, the program says {told:?}: set KILN_WRITE_FIXTURES=1 to write the page");
    }
}

#[test]
fn every_error_in_the_sources_is_on_the_page_of_messages() {
    let mut declared = BTreeSet::new();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().replace('-', "_");
        declared_in(&name, &folder.join("src"), &mut declared);
    }
    if !cfg!(feature = "download") {
        declared.remove(DOWNLOAD);
    }
    assert!(declared.len() > 100, "only {} errors are found", declared.len());
    let told = all_lines().into_iter().filter_map(|line| Some(line.split_once(": ")?.0.to_owned()));
    let told: BTreeSet<String> = told.chain(MADE_ELSEWHERE.map(str::to_owned)).collect();
    let differing: Vec<&String> = declared.symmetric_difference(&told).collect();
    assert!(differing.is_empty(), "add or remove these in crates/kiln/tests/it/messages: {differing:?}");
}

/// The errors that the sources in a folder declare, except those that only pass on another error.
fn declared_in(name: &str, folder: &Path, declared: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            declared_in(name, &path, declared);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            declared_by(name, &std::fs::read_to_string(&path).unwrap(), declared);
        }
    }
}

fn declared_by(name: &str, source: &str, declared: &mut BTreeSet<String>) {
    let (mut is_error, mut passes_on, mut inside) = (false, false, None);
    for line in source.lines() {
        if line.starts_with("#[derive(") {
            is_error = line.contains("thiserror::Error");
        } else if let Some(kind) = line.strip_prefix("pub struct ").filter(|_| is_error) {
            declared.insert(format!("{name}::{}", first_word(kind)));
            is_error = false;
        } else if let Some(kind) = line.strip_prefix("pub enum ").filter(|_| is_error) {
            inside = Some(first_word(kind));
            is_error = false;
        } else if line == "}" {
            inside = None;
        } else if let (Some(kind), Some(item)) = (inside, line.strip_prefix("    ")) {
            if item == "#[error(transparent)]" {
                passes_on = true;
            } else if item.starts_with(char::is_uppercase) && !std::mem::take(&mut passes_on) {
                declared.insert(format!("{name}::{kind}::{}", first_word(item)));
            }
        }
    }
}
