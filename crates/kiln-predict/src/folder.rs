//! The files of an artifact's folder, read and checked.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use kiln_base::{FileError, checksum};
use kiln_models::weights::{self, Weights};

use crate::config_file::{ConfigFile, FileEntry, Kind};
use crate::error::{Error, Result};

/// Describes the artifact.
pub const CONFIG: &str = "config.json";
/// How text becomes ids.
pub const TOKENIZER: &str = "tokenizer.json";
/// The weights.
pub const MODEL: &str = "model.safetensors";

/// Holds the files of an old run until the new one has a checkpoint.
pub const REPLACED: &str = ".kiln-replaced";
/// Holds these files while they are moved to `REPLACED` or back.
pub const REPLACING: &str = ".kiln-replacing";
/// Holds all that a run needs to continue.
pub const CHECKPOINT: &str = "checkpoint.kiln";

/// How many names of a folder an error lists.
const LISTED: usize = 10;

/// The path of a file of the folder's run. While a new run that replaces an old one has no checkpoint, that is still
/// the old run.
fn file_of_run(folder: &Path, name: &str) -> PathBuf {
    let (replaced, replacing) = (folder.join(REPLACED), folder.join(REPLACING).join(name));
    match replaced.join(name) {
        old if old.exists() && !folder.join(CHECKPOINT).exists() => old,
        _ if replacing.exists() => replacing,
        _ => folder.join(name),
    }
}

/// An artifact's folder, with its `config.json` read.
pub(crate) struct Folder {
    path: PathBuf,
    pub(crate) config: ConfigFile,
}

impl Folder {
    /// Reads `config.json`.
    ///
    /// # Errors
    ///
    /// The folder or the file is missing, damaged, or of another kind than `kind`.
    pub(crate) fn open(path: &Path, kind: Kind) -> Result<Self> {
        let file = file_of_run(path, CONFIG);
        let text = String::from_utf8(read(path, CONFIG)?).map_err(|error| Error::damaged(&file, error))?;
        let config = ConfigFile::parse(&file, &text)?;
        if config.kind != kind {
            return Err(Error::ArtifactKind {
                path: path.to_owned(),
                expected: kind.name(),
                found: config.kind.name().to_owned(),
            });
        }
        let folder = Self { path: path.to_owned(), config };
        let ConfigFile { encoder, unit, class_names, threshold, temperature, .. } = &folder.config;
        let (of_texts, of_tokens) = (kind == Kind::TextClassifier, kind == Kind::LanguageModel);
        for (key, is_given, is_taken) in [
            ("encoder", encoder.is_some(), of_texts),
            ("class_names", class_names.is_some(), of_texts),
            ("threshold", threshold.is_some(), of_texts),
            ("temperature", temperature.is_some(), of_texts),
            ("unit", unit.is_some(), of_tokens),
        ] {
            if is_given && !is_taken {
                return Err(folder.bad_config(format!("\"{key}\" must be null, since a {} has none", kind.name())));
            }
        }
        Ok(folder)
    }

    /// An error about `config.json`.
    pub(crate) fn bad_config(&self, reason: impl std::fmt::Display) -> Error {
        Error::damaged(&file_of_run(&self.path, CONFIG), reason)
    }

    /// An error about the weights.
    pub(crate) fn bad_weights(&self, reason: impl std::fmt::Display) -> Error {
        let or = if self.config.is_sealed { "" } else { "; or config.json, which has no checksum, is wrong" };
        Error::damaged(&file_of_run(&self.path, MODEL), format!("{reason}{or}"))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A key that this kind of artifact must have.
    pub(crate) fn needs<T>(&self, key: &str, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| self.bad_config(format!("\"{key}\" is null, but a {} needs it", self.config.kind.name())))
    }

    /// Reads a file and checks it against its entry in `config.json`; its size is compared before it is read.
    fn checked(&self, name: &'static str, entry: Option<&FileEntry>) -> Result<Vec<u8>> {
        let path = file_of_run(&self.path, name);
        if let Some(FileEntry { bytes, .. }) = entry
            && let Some(found) = fs::metadata(&path).ok().filter(fs::Metadata::is_file).map(|file| file.len())
            && found != *bytes
        {
            let problem = format!("it has {found} bytes, but {CONFIG} says {bytes}");
            return Err(Error::damaged(&path, self.suspect(name, &problem)));
        }
        let found = read(&self.path, name)?;
        match entry {
            Some(FileEntry { sha256, .. }) if checksum::sha256([&found[..]]) != *sha256 => {
                Err(Error::damaged(&path, self.suspect(name, &format!("its SHA-256 is not the one in {CONFIG}"))))
            }
            _ => Ok(found),
        }
    }

    /// Says which of the two files is to blame.
    fn suspect(&self, name: &str, problem: &str) -> String {
        let right = if name == MODEL { "that the run left" } else { "that the model was trained with" };
        match self.config.is_sealed {
            true => format!(
                "{problem}. {CONFIG} has a correct checksum, so {name} was changed or is another run's: put back the \
                 one {right}"
            ),
            false => format!(
                "{problem}. {CONFIG} was edited by hand and has no checksum, so either of the two may be wrong: put back the \
                 files of one run"
            ),
        }
    }

    /// Reads `tokenizer.json` with `parse`; `json` returns the text that the result would be written as.
    pub(crate) fn tokenizer<T>(
        &self,
        what: &str,
        parse: impl FnOnce(&str) -> kiln_text::Result<T>,
        json: impl FnOnce(&T) -> String,
    ) -> Result<T> {
        let path = file_of_run(&self.path, TOKENIZER);
        let text = String::from_utf8(self.checked(TOKENIZER, self.config.files.tokenizer.as_ref())?)
            .map_err(|error| Error::damaged(&path, error))?;
        let read = parse(&text).map_err(|error| match error {
            // For example a feature that the program was built without: the file is not damaged.
            kiln_text::Error::Subword(_) => Error::Text(error),
            _ => Error::damaged(&path, error),
        })?;
        match &self.config.rewritten_tokenizer {
            Some(sha256) if checksum::sha256([json(&read).as_bytes()]) != *sha256 => {
                Err(Error::damaged(&path, format!("it is not the {what} that the model was trained with")))
            }
            _ => Ok(read),
        }
    }

    /// The weights, all of them finite.
    pub(crate) fn weights(&self) -> Result<Weights> {
        let read = weights::from_safetensors(&self.checked(MODEL, self.config.files.model.as_ref())?)
            .map_err(|error| self.bad_weights(error))?;
        for (name, weight) in &read {
            if let Some(value) = weight.values.iter().find(|value| !value.is_finite()) {
                return Err(self.bad_weights(format!("the weight '{name}' holds {value}")));
            }
        }
        Ok(read)
    }
}

/// Reads a file of a folder.
///
/// # Errors
///
/// The folder cannot be opened, or the file is missing or not a regular file.
fn read(folder: &Path, file: &'static str) -> Result<Vec<u8>> {
    let path = file_of_run(folder, file);
    match fs::metadata(&path) {
        // Reading a pipe would block.
        Ok(found) if !found.is_file() => {
            let found = if found.is_dir() { "a folder" } else { "a pipe or a device" };
            Err(Error::damaged(&path, format!("it must be a file, but is {found}")))
        }
        Ok(_) => Ok(fs::read(&path).map_err(FileError::new("read", &path))?),
        Err(error) if error.kind() == ErrorKind::NotFound && fs::symlink_metadata(&path).is_ok() => {
            Err(Error::damaged(&path, "it is a link to a file that does not exist"))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Err(missing(folder, file)?),
        Err(error) => Err(FileError::new("read", &path)(error).into()),
    }
}

/// The error that `file` is not in `folder`, with what the folder holds instead.
fn missing(folder: &Path, file: &'static str) -> Result<Error> {
    let entries = fs::read_dir(folder).map_err(FileError::new("open the artifact folder", folder))?;
    let mut names: Vec<String> =
        entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned())).collect();
    names.sort();
    let mut inside = names.iter().filter(|name| folder.join(name).join(file).is_file());
    let hint = match (inside.next(), inside.next()) {
        (Some(only), None) => format!("; did you mean the folder {only:?} in it?"),
        _ => String::new(),
    };
    let shown = names.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let found = match names.len() {
        0 => "nothing".to_owned(),
        many if many > LISTED => format!("{shown} and {} more{hint}", many - LISTED),
        _ => shown + &hint,
    };
    Ok(Error::MissingFile { path: folder.to_owned(), file, found })
}
