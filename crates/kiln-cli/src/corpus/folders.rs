//! A folder with a folder of texts for each class.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use kiln::Input;
use kiln::text::Error;
use kiln::text::corpora::Encoding;
use kiln::text::error::CorpusError;
use rayon::prelude::*;

use super::{Labelled, Reading, listed};

/// Folders that hold a part of the texts, not a class.
const PARTS: [&str; 8] = ["train", "training", "test", "testing", "valid", "validation", "val", "dev"];
/// The folder of IMDB's texts without labels, and the classes next to it.
const WITHOUT_LABELS: &str = "unsup";
const NEXT_TO_THEM: [&str; 2] = ["neg", "pos"];
/// Files that Windows puts into folders.
const NO_TEXTS: [&str; 2] = ["thumbs.db", "desktop.ini"];

/// What a class folder holds.
struct Class {
    name: String,
    files: Vec<PathBuf>,
    /// How many folders.
    folders: usize,
}

impl Reading {
    pub(super) fn folders(&self, path: &Path) -> Result<Labelled> {
        ensure!(path.is_dir(), "expected a folder with a folder for each class, found a file");
        let mut classes = Vec::new();
        for name in names(path)? {
            let folder = path.join(&name);
            if !folder.is_dir() {
                continue;
            }
            let entries = names(&folder)?.into_iter().map(|name| folder.join(name));
            let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|entry| entry.is_dir());
            classes.push(Class { name: name.to_string_lossy().into_owned(), files, folders: folders.len() });
        }
        check_depth(path, &classes)?;
        let has = |name: &str| classes.iter().any(|class| class.name == name);
        let is_imdb = has(WITHOUT_LABELS) && NEXT_TO_THEM.into_iter().all(has);
        if is_imdb {
            classes.retain(|class| class.name != WITHOUT_LABELS);
        }
        let class_names: Vec<String> = classes.iter().map(|class| class.name.clone()).collect();
        ensure!(classes.len() >= 2, "expected a folder for each class, found {}", listed(&class_names));
        let encoding = self.encoding()?;
        let (mut texts, mut labels) = (Vec::new(), Vec::new());
        for (class, label) in classes.iter().zip(0..) {
            if class.files.is_empty() {
                return Err(Error::ClassEmpty { path: path.join(&class.name) }.into());
            }
            let read: Vec<Result<String>> = class.files.par_iter().map(|file| text(file, encoding)).collect();
            labels.extend(read.iter().map(|_| vec![label]));
            // One after the other, so that of several bad files always the first is reported.
            for text in read {
                texts.push(text?);
            }
        }
        let mut told = format!("a folder for each class: {}", listed(&class_names));
        if is_imdb {
            told += "; not read: \"unsup\", which in IMDB holds texts without labels; to make it a class, rename the \
                     folder";
        }
        let inside: usize = classes.iter().map(|class| class.folders).sum();
        if inside > 0 {
            told += &format!("; not read: {} inside the class folders", folders(inside));
        }
        Ok(Labelled { texts, labels, names: class_names, has_several: false, told, columns: None })
    }
}

/// Refuses the parent of the folders to name, such as that of IMDB's `train` and `test`.
fn check_depth(path: &Path, classes: &[Class]) -> Result<()> {
    let is_part = |class: &&Class| {
        let is_named = PARTS.contains(&class.name.to_lowercase().as_str());
        class.folders > 0 && (is_named || class.files.is_empty())
    };
    let parts: Vec<&Class> = classes.iter().filter(is_part).collect();
    let Some(first) = parts.first() else { return Ok(()) };
    let inside: usize = parts.iter().map(|class| class.folders).sum();
    let names: Vec<String> = parts.iter().map(|class| class.name.clone()).collect();
    let meant = parts.iter().find(|class| class.name.to_lowercase().contains("train")).unwrap_or(first);
    bail!(
        "expected a folder of texts for each class, found {} inside {}: did you mean {}?",
        folders(inside),
        listed(&names),
        path.join(&meant.name).display()
    );
}

fn folders(count: usize) -> String {
    if count == 1 { "1 folder".to_owned() } else { format!("{count} folders") }
}

/// The names in a folder in the order of their bytes, without hidden ones and without what an operating system puts
/// there.
fn names(folder: &Path) -> Result<Vec<OsString>> {
    let cannot = || format!("cannot read {}", folder.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(cannot)? {
        let name = entry.with_context(cannot)?.file_name();
        let lower = name.to_string_lossy().to_lowercase();
        if !lower.starts_with('.') && !NO_TEXTS.contains(&lower.as_str()) {
            names.push(name);
        }
    }
    names.sort_unstable_by(|a, b| a.as_encoded_bytes().cmp(b.as_encoded_bytes()));
    Ok(names)
}

/// The text of a file.
fn text(file: &Path, encoding: Encoding) -> Result<String> {
    let input = Input::decoded(file, encoding, &Arc::default())?;
    let (mark, mut bytes) = (input.mark_bytes() as usize, Vec::new());
    input.into_reader().read_to_end(&mut bytes).with_context(|| format!("cannot read {}", file.display()))?;
    String::from_utf8(bytes).map_err(|error| {
        let offset = mark + error.utf8_error().valid_up_to();
        Error::from(CorpusError::NotUtf8 { file: file.display().to_string(), offset }).into()
    })
}
