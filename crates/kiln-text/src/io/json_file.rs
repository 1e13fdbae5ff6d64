//! The frame of this crate's own JSON files: `class_name`, `version`, `config`. Leaves out what is in `config`, and
//! Keras's tokenizer files (`keras/tokenizer_json.rs`).

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::error::{Error, Result};
use crate::io::file_kind;

/// The version that is written, and the newest that is read.
const VERSION: u64 = 1;

#[derive(Deserialize)]
struct Header {
    class_name: Option<String>,
    version: Option<u64>,
    #[serde(rename = "config")]
    _config: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct File<T> {
    config: T,
}

/// Reads the `config` of a file that is of the class `class_name`.
pub(crate) fn read_config<T: DeserializeOwned>(json: &str, class_name: &'static str) -> Result<T> {
    let parse_error = |source| Error::FileJson { expected: class_name, source };
    let class_error = || Error::FileClass { expected: class_name, found: file_kind::found(json, "none") };
    if file_kind::is_of_others(json) {
        return Err(class_error());
    }
    let header: Header = serde_json::from_str(json).map_err(parse_error)?;
    if header.class_name.as_deref() != Some(class_name) {
        return Err(class_error());
    }
    match header.version {
        Some(1..=VERSION) => serde_json::from_str::<File<T>>(json).map(|file| file.config).map_err(parse_error),
        Some(found) if found > VERSION => Err(Error::FileVersion { class_name, found, supported: VERSION }),
        found => {
            let found = found.map_or_else(|| "none".to_owned(), |version| version.to_string());
            Err(Error::FileField { class_name, field: "version", expected: "a number from 1", found })
        }
    }
}

/// Writes a file of the class `class_name`.
pub(crate) fn write_config(class_name: &str, config: &str) -> String {
    format!("{{\"class_name\": \"{class_name}\", \"version\": {VERSION}, \"config\": {config}}}\n")
}
