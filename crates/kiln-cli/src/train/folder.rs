//! The folder that a model is left in: for one process at a time, never over another model unasked.

use std::ffi::OsStr;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use kiln::FolderLock;
use kiln::predict::{CHECKPOINT, CONFIG, MODEL, REPLACED, REPLACING, TOKENIZER};
use kiln::text::io::WholeFile;

use super::Train;
use crate::network;

/// The files of an artifact.
const ARTIFACT: [&str; 3] = [CONFIG, TOKENIZER, MODEL];
/// The files that a run leaves, numbered checkpoints aside.
const RUN: [&str; 9] =
    [CONFIG, TOKENIZER, MODEL, CHECKPOINT, "history.json", "history.csv", "curves.svg", "curves.png", ".kiln-lock"];

/// The endings of files of texts, which the name of a model's folder does not have. `.gz` may come after them.
const ENDINGS: [&str; 7] = [".csv", ".tsv", ".txt", ".jsonl", ".json", ".ndjson", ".ft"];

/// The folder for this process only; it goes if nothing came of it.
pub(super) struct Locked {
    folder: PathBuf,
    lock: Option<FolderLock>,
}

impl Drop for Locked {
    fn drop(&mut self) {
        self.lock.take();
        std::fs::remove_dir(&self.folder).ok();
    }
}

pub(super) fn lock(output: &Path) -> Result<Locked> {
    std::fs::create_dir_all(output).with_context(|| format!("cannot make the folder {}", output.display()))?;
    match FolderLock::take(output, ".kiln-training") {
        Ok(lock) => {
            let locked = Locked { folder: output.to_owned(), lock };
            is_writable(output)?;
            Ok(locked)
        }
        Err(holder) => bail!(
            "{} is in use: process {holder} is training into it; wait until it ends, or name another folder",
            output.display()
        ),
    }
}

/// # Errors
///
/// No file can be made in the folder, which would otherwise show only when the model is written.
pub(super) fn is_writable(folder: &Path) -> Result<()> {
    let probe = tempfile::Builder::new().prefix(".kiln-").suffix(".part").tempfile_in(folder);
    probe.with_context(|| format!("cannot write into {}; name another folder with --output", folder.display()))?;
    Ok(())
}

/// The folder that the model goes to.
pub(super) fn output(options: &Train) -> Result<PathBuf> {
    let named = options.output.clone().or_else(|| Some(named_for(options.file.file_name()?, options.file.is_dir())));
    let Some(output) = named else { bail!("{} has no name: name a folder with --output", options.file.display()) };
    let (shown, advice) = (output.display(), "name another folder with --output");
    let is_inside = options.file.is_dir() && resolved(&output).starts_with(resolved(&options.file));
    ensure!(!is_inside, "{shown} is inside the folder of the texts: {advice}");
    match std::fs::metadata(&output) {
        Ok(found) if found.is_file() => bail!("{shown} is a file: {advice}"),
        Ok(found) if !found.is_dir() => bail!("{shown} is a pipe or a device: {advice}"),
        Err(_) if output.is_symlink() => {
            bail!("{shown} is a link to a folder that does not exist: make that folder, or {advice}")
        }
        _ => Ok(output),
    }
}

/// The folder for the model of a file: without a known ending, so that it has another name than the file.
fn named_for(file: &OsStr, is_folder: bool) -> PathBuf {
    let name = file.to_string_lossy();
    let without = |name: &str, ending: &str| {
        let at = name.len().checked_sub(ending.len()).filter(|&at| at > 0)?;
        let (stem, found) = name.split_at_checked(at)?;
        found.eq_ignore_ascii_case(ending).then(|| stem.to_owned())
    };
    let unpacked = without(&name, ".gz").unwrap_or_else(|| name.to_string());
    let stem = ENDINGS.iter().find_map(|ending| without(&unpacked, ending)).filter(|_| !is_folder);
    PathBuf::from(stem.unwrap_or_else(|| format!("{name}-model")))
}

/// A path without links in the part of it that exists.
fn resolved(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let real = |known: &Path| Some(known.canonicalize().ok()?.join(absolute.strip_prefix(known).ok()?));
    absolute.ancestors().find_map(real).unwrap_or_else(|| absolute.clone())
}

/// # Errors
///
/// The folder holds a model or an unfinished network that is not to be replaced, or another program's files of the same
/// names.
pub(super) fn is_free(output: &Path, options: &Train) -> Result<()> {
    let held: Vec<&str> = ARTIFACT.into_iter().filter(|name| output.join(name).exists()).collect();
    let shown = output.display();
    ensure!(
        held.is_empty() || is_kilns(output),
        "{shown} holds files that are not from Kiln ({}): name another folder with --output",
        held.join(", ")
    );
    // A network of several labels per text that was stopped has no model next to it yet.
    let has_run = output.join(network::FOLDER).join(CHECKPOINT).exists();
    let is_resumable = has_run && options.model.network().is_some();
    let resume = if is_resumable { "continue its network with --resume, " } else { "" };
    let what = if held.is_empty() { "a network whose training was stopped" } else { "a model" };
    ensure!(
        (held.is_empty() && !has_run) || options.overwrite || options.resume,
        "{shown} already holds {what}: {resume}replace it with --overwrite, or name another folder with --output"
    );
    Ok(())
}

/// Whether the model in a folder is Kiln's, and not another program's with files of the same names.
fn is_kilns(output: &Path) -> bool {
    let has_config = || {
        let path = output.join(CONFIG);
        // Reading a pipe would block.
        let text = path.is_file().then(|| std::fs::read_to_string(path).ok()).flatten()?;
        let config: serde_json::Value = serde_json::from_str(&text).ok()?;
        Some(config.get("format")?.is_u64() && config.get("kind")?.is_string())
    };
    let has_run =
        [output.join(CHECKPOINT), output.join(network::FOLDER).join(CHECKPOINT)].iter().any(|path| path.exists());
    has_run || has_config().unwrap_or(false) || has_only_a_run(output)
}

/// Whether a folder without a `config.json` holds only files that a run leaves.
fn has_only_a_run(output: &Path) -> bool {
    let is_own = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name != CONFIG && (is_of_run(&name) || name.starts_with(".kiln-") || name == network::FOLDER)
        })
    };
    std::fs::read_dir(output).is_ok_and(|mut entries| entries.all(is_own))
}

/// Copies the artifact of a run, all of it or nothing.
pub(super) fn adopt(run: &Path, output: &Path) -> Result<()> {
    // config.json last, which vouches for the others.
    let mut files = Vec::new();
    for name in ARTIFACT.iter().rev() {
        let (from, to) = (run.join(name), output.join(name));
        let bytes = std::fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
        let mut file = WholeFile::create(&to)?;
        file.write_all(&bytes).with_context(|| format!("cannot write {}", to.display()))?;
        files.push(file);
    }
    Ok(WholeFile::finish_all(files)?)
}

/// The bytes of an artifact.
pub(super) fn size(folder: &Path) -> u64 {
    ARTIFACT.iter().filter_map(|name| std::fs::metadata(folder.join(name)).ok()).map(|found| found.len()).sum()
}

/// Removes the run of a network that was replaced. Other files stay, and the folder with them.
pub(super) fn remove_run(folder: &Path) {
    WholeFile::remove_abandoned(folder);
    if let Err(error) = remove_files(folder) {
        let _ = writeln!(
            std::io::stderr(),
            "warning: cannot remove the network that was replaced, in {}: {error}",
            folder.display()
        );
    }
}

fn remove_files(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let name = entry.file_name().to_string_lossy().into_owned();
        if kind.is_dir() && [REPLACED, REPLACING].contains(&name.as_str()) {
            remove_files(&path)?;
        } else if kind.is_file() && is_of_run(&name) {
            std::fs::remove_file(&path)?;
        }
    }
    match std::fs::remove_dir(folder) {
        Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => Ok(()),
        other => other,
    }
}

fn is_of_run(name: &str) -> bool {
    // As a run numbers them, by six digits of the epoch and ten of the step.
    let place = name.strip_prefix("checkpoint-").and_then(|name| name.strip_suffix(".kiln"));
    let digits = |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_place =
        |place: &str| place.split_once('-').is_some_and(|(epoch, step)| digits(epoch, 6) && digits(step, 10));
    RUN.contains(&name) || place.is_some_and(is_place)
}
