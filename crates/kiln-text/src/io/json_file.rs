//! The outer object of JSON files: `class_name`, `version`, in most files `config`, and the checksum of the rest. The
//! content of `config` is with each class.

use kiln_base::checksum::{self, BadChecksum};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::error::{Error, Result};
use crate::io::file_kind;

/// The version written, and the newest one read.
pub(crate) const VERSION: u64 = 1;

#[derive(Deserialize)]
struct Header {
    class_name: Option<String>,
    version: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<T> {
    #[serde(rename = "class_name")]
    _class_name: IgnoredAny,
    #[serde(rename = "version")]
    _version: IgnoredAny,
    config: T,
    #[serde(rename = "checksum")]
    _checksum: Option<IgnoredAny>,
}

/// Parses JSON as a file of the class `class_name`, or a part of one.
pub(crate) fn parse<T: DeserializeOwned>(json: &str, class_name: &'static str, part: &'static str) -> Result<T> {
    serde_json::from_str(json).map_err(|source| Error::FileJson { class_name, part, source })
}

/// The header, which also checks that the text is JSON. JSON that is not an object has no class.
fn header(json: &str, class_name: &'static str) -> Result<Header> {
    if file_kind::is_no_object(json) || file_kind::is_of_tokenizers(json) {
        return Ok(Header { class_name: None, version: None });
    }
    parse(json, class_name, "the file")
}

/// The class named in a tokenizer's file.
pub(crate) fn class_of(json: &str) -> Result<Option<String>> {
    header(json, "tokenizer").map(|header| header.class_name)
}

/// The error for a class other than `expected`. `none` describes an object without a class.
pub(crate) fn class_error(json: &str, expected: impl Into<String>, none: &str) -> Error {
    Error::FileClass { expected: expected.into(), found: file_kind::found(json, none) }
}

/// Reads a file of the class `class_name` that has no version.
pub(crate) fn read_class<T: DeserializeOwned>(json: &str, class_name: &'static str) -> Result<T> {
    check_class(json, class_name)?;
    parse(json, class_name, "the file")
}

fn check_class(json: &str, class_name: &'static str) -> Result<Header> {
    let header = header(json, class_name)?;
    match header.class_name.as_deref() == Some(class_name) {
        true => Ok(header),
        false => Err(class_error(json, format!("{class_name:?}"), "none")),
    }
}

/// Reads a file of the class `class_name` with a supported version.
pub(crate) fn read_framed<T: DeserializeOwned>(json: &str, class_name: &'static str) -> Result<T> {
    match check_class(json, class_name)?.version {
        Some(1..=VERSION) => parse(json, class_name, "the file"),
        Some(found) if found > VERSION => Err(Error::FileVersion { class_name, found, supported: VERSION }),
        found => {
            let found = found.map_or_else(|| "none".to_owned(), |version| version.to_string());
            Err(Error::FileField { class_name, field: "version", expected: "a number from 1", found })
        }
    }
}

/// The class of a text, if it is in Kiln's own format.
fn own_class(json: &str) -> Option<&'static str> {
    let Header { class_name, version } = serde_json::from_str(json).ok()?;
    version.and(file_kind::own(&class_name?))
}

/// The text of a file: classes of Kiln's get a checksum. Files for Keras and `tokenizers` stay as those write them.
pub(crate) fn sealed(json: String) -> String {
    if own_class(&json).is_some() { checksum::seal(&json) } else { json }
}

/// An error if the text of a file has a checksum that does not fit.
pub(crate) fn check_sum(json: &str) -> Result<()> {
    let Err(BadChecksum { found, .. }) = checksum::check(json) else { return Ok(()) };
    let expected = "the SHA-256 of the rest of the file, which was damaged or edited: take a fresh copy, or, if you \
                    edited it, delete the key `checksum`";
    let wrong = |class_name| Err(Error::FileField { class_name, field: "checksum", expected, found });
    own_class(json).map_or(Ok(()), wrong)
}

/// Reads the `config` of a file of the class `class_name`.
pub(crate) fn read_config<T: DeserializeOwned>(json: &str, class_name: &'static str) -> Result<T> {
    read_framed::<File<T>>(json, class_name).map(|file| file.config)
}

/// Writes a file of the class `class_name`.
pub(crate) fn write_config(class_name: &str, config: &str) -> String {
    format!("{{\"class_name\": \"{class_name}\", \"version\": {VERSION}, \"config\": {config}}}\n")
}
