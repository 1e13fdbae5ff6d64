//! Recognises a JSON file that is of another kind than expected, and names the function that reads it.

use serde::de::IgnoredAny;
use serde_json::Value;

/// The classes that can be saved, in addition to Keras's tokenizer.
const CLASSES: [&str; 12] = [
    "CharTokenizer",
    "CountVectorizer",
    "HashingVectorizer",
    "ImdbIds",
    "SubwordTextEncoder",
    "TextVectorization",
    "TfidfTransformer",
    "TfidfVectorizer",
    "TokenCounts",
    "Vocabulary",
    "VocabularyEncoder",
    "WordOneHot",
];

/// The name of a class that Kiln saves in its own format.
pub(crate) fn own(name: &str) -> Option<&'static str> {
    CLASSES.into_iter().find(|&class| class == name)
}

/// Describes a file by its members, to follow `found`. `none` describes an object without a `class_name`.
pub(crate) fn found(json: &str, none: &str) -> String {
    let Ok(file) = serde_json::from_str::<Value>(json) else { return none.to_owned() };
    let kind = match &file {
        Value::Object(_) => None,
        Value::Array(_) => Some("a list"),
        Value::String(_) => Some("a string"),
        Value::Number(_) => Some("a number"),
        Value::Bool(_) => Some("a boolean"),
        Value::Null => Some("null"),
    };
    if let Some(kind) = kind {
        return format!("{kind}, not an object");
    }
    match file.get("class_name").and_then(Value::as_str) {
        Some("Tokenizer") => "\"Tokenizer\", which WordTokenizer::load reads".to_owned(),
        Some(name) if own(name).is_some() => format!("{name:?}, which {name}::load reads"),
        Some(name) => crate::error::quoted(name),
        None if file.get("model").is_some_and(Value::is_object) => {
            "a tokenizer.json of Hugging Face's tokenizers, which SubwordTokenizer::load reads (feature `subwords`)"
                .to_owned()
        }
        None => none.to_owned(),
    }
}

/// Whether JSON is valid but not an object; invalid JSON is left to the parser.
pub(crate) fn is_no_object(json: &str) -> bool {
    !json.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(json).is_ok()
}

/// Whether JSON is a Hugging Face `tokenizer.json`, which has a `model` and no `class_name`.
pub(crate) fn is_of_tokenizers(json: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Members {
        class_name: Option<IgnoredAny>,
        model: Option<IgnoredAny>,
    }
    serde_json::from_str::<Members>(json).is_ok_and(|file| file.class_name.is_none() && file.model.is_some())
}
