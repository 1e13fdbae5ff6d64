//! What a JSON file is that is not what was to be read, and what reads it.

use serde::de::IgnoredAny;
use serde_json::Value;

/// The classes that can be saved, next to Keras's tokenizer.
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

/// The name of a class with Kiln's own frame.
pub(crate) fn own(name: &str) -> Option<&'static str> {
    CLASSES.into_iter().find(|&class| class == name)
}

/// What a file is by its members, to follow `found`. `none` is what to say of an object without a `class_name`.
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
        return format!("{kind}, which is no object");
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

/// Whether JSON is something else than an object; what is no JSON at all is for the parser to refuse.
pub(crate) fn is_no_object(json: &str) -> bool {
    !json.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(json).is_ok()
}

/// Whether JSON is a `tokenizer.json` of Hugging Face's, which has a `model` and no `class_name`.
pub(crate) fn is_of_tokenizers(json: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Members {
        class_name: Option<IgnoredAny>,
        model: Option<IgnoredAny>,
    }
    serde_json::from_str::<Members>(json).is_ok_and(|file| file.class_name.is_none() && file.model.is_some())
}
