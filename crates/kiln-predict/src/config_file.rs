//! `config.json`: what an artifact holds, in format 2, and how format 1 is read.

use std::collections::BTreeMap;
use std::path::Path;

use kiln_base::checksum;
use kiln_text::rows::{Padding, Truncating};
use serde::de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::sequence_encoder::SequenceShape;
use crate::token_unit::TokenUnit;

/// The format that is written. Fields may be added to it.
pub(crate) const FORMAT: u64 = 2;
/// The key of the file's own checksum.
const CHECKSUM: &str = "checksum";

/// What an artifact predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    TextClassifier,
    SeriesRegressor,
    LanguageModel,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::TextClassifier => "text classifier",
            Self::SeriesRegressor => "regressor of numeric sequences",
            Self::LanguageModel => "language model",
        }
    }
}

/// A model and the name that programs know it by.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct NamedModel {
    pub(crate) name: String,
    pub(crate) config: Value,
}

/// An encoder, the name that programs know it by, and the padding after it. The encoder itself is in `tokenizer.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct NamedEncoder {
    pub(crate) name: String,
    pub(crate) max_len: usize,
    pub(crate) padding: Padding,
    pub(crate) truncating: Truncating,
}

impl NamedEncoder {
    pub(crate) fn shape(&self) -> SequenceShape {
        SequenceShape { max_len: self.max_len, padding: self.padding, truncating: self.truncating }
    }
}

/// A file of the folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileEntry {
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

impl FileEntry {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, sha256: checksum::sha256([bytes]) }
    }
}

/// What is known of the other files; nothing of the weights while a run can still change them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Files {
    #[serde(rename = "model.safetensors")]
    pub(crate) model: Option<FileEntry>,
    #[serde(rename = "tokenizer.json")]
    pub(crate) tokenizer: Option<FileEntry>,
}

/// How an artifact was made, for whoever finds the folder.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Made {
    pub(crate) command: Option<String>,
    pub(crate) data: Option<String>,
    pub(crate) seed: Option<u64>,
    pub(crate) date: Option<String>,
}

/// `config.json` without its checksum.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ConfigFile {
    pub(crate) format: u64,
    pub(crate) kind: Kind,
    /// The versions of Kiln and Burn that wrote it.
    pub(crate) kiln: String,
    pub(crate) burn: String,
    pub(crate) model: NamedModel,
    pub(crate) encoder: Option<NamedEncoder>,
    pub(crate) unit: Option<TokenUnit>,
    pub(crate) class_names: Option<Vec<String>>,
    pub(crate) threshold: Option<f32>,
    pub(crate) temperature: Option<f32>,
    #[serde(default)]
    pub(crate) scores: BTreeMap<String, f64>,
    #[serde(default)]
    pub(crate) made: Made,
    pub(crate) files: Files,
    /// Format 1's check of the tokenizer: the SHA-256 of the tokenizer as its reader writes it back.
    #[serde(skip)]
    pub(crate) rewritten_tokenizer: Option<String>,
    /// Whether its checksum was there and correct; someone who edits the file removes it.
    #[serde(skip)]
    pub(crate) is_sealed: bool,
}

impl ConfigFile {
    pub(crate) fn to_json(&self) -> String {
        checksum::seal(&pretty(self))
    }

    /// Reads the text of `config.json`, the file `path`.
    ///
    /// # Errors
    ///
    /// It is not JSON, is of another format, was changed, lacks a key or has an unknown one.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self> {
        let damaged = |reason: &dyn std::fmt::Display| Error::damaged(path, reason);
        let Once(mut value) = serde_json::from_str(text).map_err(|error| damaged(&error))?;
        let format = value.get("format").cloned();
        match format.as_ref().and_then(Value::as_u64) {
            Some(1) => return format_1(&value).map_err(|error| damaged(&error)),
            Some(FORMAT) => {}
            newer => {
                let found = format.map_or("none".to_owned(), |format| format.to_string());
                let advice = if newer > Some(FORMAT) { ": read it with the newer Kiln that wrote it" } else { "" };
                return Err(damaged(&format!(
                    "its \"format\" must be 1 or {FORMAT}, which this build reads, but is {found}{advice}"
                )));
            }
        }
        checksum::check(text).map_err(|error| damaged(&error))?;
        let last = value.as_object().and_then(|object| object.iter().next_back());
        let is_sealed = last.is_some_and(|(key, value)| key == CHECKSUM && value.is_string());
        if is_sealed && let Some(object) = value.as_object_mut() {
            object.remove(CHECKSUM);
        }
        if value.get(CHECKSUM).is_some() {
            let reason = "its key \"checksum\" must be the last one, and a string; remove it if you edited the file";
            return Err(damaged(&reason));
        }
        Ok(Self { is_sealed, ..strict(&value).map_err(|error| damaged(&error))? })
    }
}

/// JSON with one key per line and a line feed at the end.
pub(crate) fn pretty(value: &impl Serialize) -> String {
    // Plain data with strings as keys always serialises.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// Reads a value and refuses unknown keys.
///
/// # Errors
///
/// Says in words what is missing, unknown or of another type.
pub(crate) fn strict<T: Serialize + DeserializeOwned>(value: &Value) -> Result<T, String> {
    let read = serde_path_to_error::deserialize(value).map_err(|error| wrong_in(value, &error))?;
    let known = serde_json::to_value(&read).map_err(|error| error.to_string())?;
    match unknown_key(value, &known, "") {
        Some(problem) => Err(problem),
        None => Ok(read),
    }
}

/// Describes a serde error with the key it is in and, for a missing key, the key that may be a misspelling of it.
fn wrong_in(value: &Value, error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let path = error.path().to_string();
    let message = error.inner().to_string();
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    let near = |missing: &str| {
        let mut keys = path.split('.').filter(|key| !key.is_empty());
        let place = keys.try_fold(value, |place, key| place.get(key))?.as_object()?;
        nearest(missing, place.keys().map(String::as_str).filter(|key| !KEYS.contains(key)))
    };
    let hint = missing.and_then(near).map(|near| format!("; is {near:?} a misspelling of it?"));
    let place = if path == "." { String::new() } else { format!("{path:?}: ") };
    place + &message + &hint.unwrap_or_default()
}

/// The keys of `config.json`; none of them is a misspelling of another.
const KEYS: [&str; 13] = [
    "format",
    "kind",
    "kiln",
    "burn",
    "model",
    "encoder",
    "unit",
    "class_names",
    "threshold",
    "temperature",
    "scores",
    "made",
    "files",
];

/// JSON in which no object has the same key twice; a plain parser would keep the last of the two.
struct Once(Value);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OnceVisitor).map(Self)
    }
}

struct OnceVisitor;

impl<'de> Visitor<'de> for OnceVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Once(value)) = values.next_element()? {
            all.push(value);
        }
        Ok(all.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some((key, Once(value))) = entries.next_entry::<String, Once>()? {
            if all.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key {key:?} occurs twice")));
            }
            all.insert(key, value);
        }
        Ok(all.into())
    }
}

/// The first key of `value` that is not in `known`.
fn unknown_key(value: &Value, known: &Value, path: &str) -> Option<String> {
    match (value, known) {
        (Value::Object(value), Value::Object(known)) => value.iter().find_map(|(key, inner)| match known.get(key) {
            Some(known) => unknown_key(inner, known, &format!("{path}{key}.")),
            None => Some(match nearest(key, known.keys().map(String::as_str)) {
                Some(near) => format!("it has the unknown key \"{path}{key}\"; is {near:?} meant?"),
                None => format!("it has the unknown key \"{path}{key}\"; known here are {}", quoted(known)),
            }),
        }),
        (Value::Array(value), Value::Array(known)) => {
            value.iter().zip(known).find_map(|(value, known)| unknown_key(value, known, path))
        }
        _ => None,
    }
}

fn quoted(keys: &Map<String, Value>) -> String {
    let keys: Vec<String> = keys.keys().map(|key| format!("{key:?}")).collect();
    keys.join(", ")
}

/// The name most similar to `name`, if one is similar enough.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = names.map(|other| (strsim::damerau_levenshtein(name, other), other)).min()?;
    (near.0 <= 1 + name.chars().count() / 4).then_some(near.1)
}

/// `config.json` in format 1.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Format1 {
    TextClassifier { config: Value, sequence: SequenceShape, class_names: Vec<String>, tokenizer_sha256: String },
    SeriesRegressor { config: Value },
    LanguageModel { config: Value, unit: TokenUnit, tokenizer_sha256: String },
}

fn format_1(value: &Value) -> Result<ConfigFile, String> {
    let mut value = value.clone();
    value.as_object_mut().and_then(|object| object.remove("format"));
    let model = |name: &str, config| NamedModel { name: name.to_owned(), config };
    let file = |kind, model, encoder, unit, class_names, rewritten_tokenizer| ConfigFile {
        format: 1,
        kind,
        kiln: String::new(),
        burn: String::new(),
        model,
        encoder,
        unit,
        class_names,
        threshold: None,
        temperature: None,
        scores: BTreeMap::new(),
        made: Made::default(),
        files: Files::default(),
        rewritten_tokenizer,
        is_sealed: false,
    };
    Ok(match strict::<Format1>(&value)? {
        Format1::TextClassifier { mut config, sequence, class_names, tokenizer_sha256 } => {
            let name = config.as_object_mut().and_then(|config| config.remove("model"));
            let name = name.as_ref().and_then(Value::as_str).ok_or("missing field `config.model`")?;
            let SequenceShape { max_len, padding, truncating } = sequence;
            // Its file says which encoder it is.
            let encoder = NamedEncoder { name: String::new(), max_len, padding, truncating };
            let classes = Some(class_names);
            file(Kind::TextClassifier, model(name, config), Some(encoder), None, classes, Some(tokenizer_sha256))
        }
        Format1::SeriesRegressor { config } => {
            file(Kind::SeriesRegressor, model("recurrent_regressor", config), None, None, None, None)
        }
        Format1::LanguageModel { config, unit, tokenizer_sha256 } => {
            let model = model("language_model", config);
            file(Kind::LanguageModel, model, None, Some(unit), None, Some(tokenizer_sha256))
        }
    })
}

/// The text that checkpoints keep of an artifact, to check that a resumed run produces the same one. It has always been
/// format 1's text.
pub(crate) fn format_1_text(file: &ConfigFile, rewritten_tokenizer: Option<String>) -> String {
    #[derive(Serialize)]
    struct File {
        format: u32,
        #[serde(flatten)]
        kind: Format1,
    }
    let config = file.model.config.clone();
    let tokenizer_sha256 = rewritten_tokenizer.unwrap_or_default();
    let kind = match (&file.encoder, file.unit) {
        (Some(encoder), _) => {
            let mut tagged = Map::new();
            if file.model.name != "text_classifier" {
                tagged.insert("model".to_owned(), Value::from(file.model.name.as_str()));
            }
            if let Value::Object(config) = config {
                tagged.extend(config);
            }
            let (config, sequence) = (Value::Object(tagged), encoder.shape());
            let class_names = file.class_names.clone().unwrap_or_default();
            Format1::TextClassifier { config, sequence, class_names, tokenizer_sha256 }
        }
        (None, Some(unit)) => Format1::LanguageModel { config, unit, tokenizer_sha256 },
        (None, None) => Format1::SeriesRegressor { config },
    };
    pretty(&File { format: 1, kind })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_and_misspelt_keys_are_named() {
        let entry = json!({"bytes": 3, "sha256": "ab"});
        assert_eq!(strict::<FileEntry>(&entry).unwrap(), FileEntry { bytes: 3, sha256: "ab".to_owned() });
        for (value, expected) in [
            (json!({"bytes": 3, "sha256": "ab", "colour": 1}), "the unknown key \"colour\"; known here are"),
            (json!({"bytes": 3, "sha256": "ab", "byte": 1}), "the unknown key \"byte\"; is \"bytes\" meant?"),
            (json!({"byts": 3, "sha256": "ab"}), "missing field `bytes`; is \"byts\" a misspelling of it?"),
            (json!({"sha256": "ab"}), "missing field `bytes`"),
        ] {
            let error = strict::<FileEntry>(&value).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
