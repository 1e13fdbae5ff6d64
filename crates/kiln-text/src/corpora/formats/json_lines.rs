//! [`JsonLinesCorpus`]: one JSON object per line, parsed by `serde_json`.

use std::fmt;
use std::path::PathBuf;

use kiln_base::Encoding;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::labels::Labels;
use super::lines::{LineRows, Shard};
use crate::corpora::corpus_documents::CorpusDocuments;
use crate::corpora::documents::Document;
use crate::error::{Result, RowProblem, quoted};

/// Files with one JSON object per line, plain or gzip, of which two fields are read.
///
/// The text field is a string; the label field is a string, a number or a boolean. If a field occurs twice, the last
/// one counts. Empty lines are skipped. What Python's `json` writes beyond JSON is read: `NaN` and `Infinity` as
/// `null`, half a surrogate pair as U+FFFD.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("reviews.jsonl");
/// # std::fs::write(&path, "{\"review\": \"a joy\", \"stars\": 5}\n{\"stars\": 1, \"review\": \"dull\"}\n").unwrap();
/// use kiln_text::corpora::{JsonLinesCorpus, Labels};
///
/// let corpus = JsonLinesCorpus::new([&path], "review").label("stars", Labels::map([("1", "neg"), ("5", "pos")]));
/// let documents = corpus.documents()?.collect_documents()?;
/// assert_eq!(documents.labels(), [1, 0]);
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonLinesCorpus {
    paths: Vec<PathBuf>,
    fields: Fields,
    shard: Shard,
    encoding: Encoding,
}

/// The fields that are read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fields {
    text: String,
    label: Option<(String, Labels)>,
}

impl JsonLinesCorpus {
    /// Reads the files in the order given; `text` is the field that holds the text.
    pub fn new(paths: impl IntoIterator<Item = impl Into<PathBuf>>, text: impl Into<String>) -> Self {
        let fields = Fields { text: text.into(), label: None };
        let paths = paths.into_iter().map(Into::into).collect();
        Self { paths, fields, shard: Shard::WHOLE, encoding: Encoding::UTF_8 }
    }

    setters! {
        /// The field that holds the label, and its classes. Default: none; the documents then have no classes.
        label(field: impl Into<String>, labels: Labels) => fields.label = Some((field.into(), labels));

        /// Only the lines of one of several shards, for workers that share the files: all shards together have every
        /// line once, in order, and about as many bytes each. A file that is packed, is not UTF-8 or ends its lines in
        /// CR is not cut. With fewer lines than shards, some shards have none. Default: shard 0 of 1, all lines.
        shard(index: usize, shards: usize) => shard = Shard { index, of: shards };

        /// The encoding of the files. Default: UTF-8, the only one that refuses invalid bytes; the others replace them
        /// by U+FFFD.
        encoding(encoding: Encoding) => encoding = encoding;
    }

    /// Reads the documents from the beginning.
    ///
    /// # Errors
    ///
    /// [`CorpusError::NoFiles`](crate::error::CorpusError::NoFiles), [`Error::File`](crate::Error::File) for a missing
    /// file, and [`Error::Option`](crate::Error::Option) if there is no such `shard`. As items:
    /// [`CorpusError::Row`](crate::error::CorpusError::Row) for a line that is not UTF-8, is not a JSON object, lacks a
    /// field, or has one of the wrong type or a label without a class;
    /// [`CorpusError::EmptyFile`](crate::error::CorpusError::EmptyFile); [`Error::File`](crate::Error::File).
    pub fn documents(&self) -> Result<CorpusDocuments<'static>> {
        let fields = self.fields.clone();
        let class_names = fields.label.as_ref().map(|(_, labels)| labels.class_names().to_vec()).unwrap_or_default();
        LineRows::documents(&self.paths, self.shard, self.encoding, class_names, move |line| {
            if line.text.trim().is_empty() {
                return Ok(None);
            }
            fields.document(line.text).map(Some).map_err(|problem| line.bad(problem))
        })
    }
}

impl Fields {
    fn document(&self, json: &str) -> std::result::Result<Document, RowProblem> {
        match self.strict_document(json) {
            Err(problem @ RowProblem::Json { .. }) => match of_python(json) {
                Some(json) => self.strict_document(&json),
                None => Err(problem),
            },
            other => other,
        }
    }

    fn strict_document(&self, json: &str) -> std::result::Result<Document, RowProblem> {
        let mut parser = serde_json::Deserializer::from_str(json);
        let parsed = self.deserialize(&mut parser).and_then(|found| parser.end().map(|()| found));
        let (text, label) = parsed.map_err(|error| {
            // The parser sees only one line, so its line number would mislead.
            let message = error.to_string();
            let problem = message.split(" at line ").next().unwrap_or_default().to_owned();
            let begun = json.trim();
            let hint = match begun.as_bytes().first() {
                Some(b'[') => ": rewrite a file that is one list with one object per line",
                _ if begun == "{" => ": rewrite an object that spans several lines on one line",
                _ => "",
            };
            // For valid JSON that is not an object, the parser reports no column.
            RowProblem::Json { column: error.column().max(1), problem: problem + hint }
        })?;
        let text = match text {
            Some(Value::String(text)) => text,
            Some(other) => return Err(wrong_type(&self.text, "a string", &other)),
            None => return Err(no_field(&self.text, json)),
        };
        let label = match (&self.label, label) {
            (None, _) => 0,
            (Some((field, _)), None) => return Err(no_field(field, json)),
            (Some((field, labels)), Some(label)) => match label {
                Value::String(label) => labels.class(&label)?,
                Value::Number(_) | Value::Bool(_) => labels.class(&label.to_string())?,
                other => return Err(no_label(field, &other)),
            },
        };
        Ok(Document { text, label })
    }
}

/// An error for a missing field, with the fields found.
fn no_field(field: &str, json: &str) -> RowProblem {
    let fields: serde_json::Map<String, Value> = serde_json::from_str(json).unwrap_or_default();
    RowProblem::NoField { field: field.to_owned(), found: fields.keys().map(|key| quoted(key)).collect() }
}

/// The line with what Python's `json` writes beyond JSON replaced: `NaN` and `Infinity` by `null`, halves of surrogates
/// by U+FFFD. `None` if the line has neither.
fn of_python(json: &str) -> Option<String> {
    let mut repaired = String::with_capacity(json.len());
    let (mut rest, mut in_string) = (json, false);
    while let Some(first) = rest.chars().next() {
        let (taken, put) = match (in_string, first) {
            (true, '\\') => match surrogate(rest) {
                Some(0xd800..0xdc00) if rest.get(6..).and_then(surrogate).is_some_and(|low| low >= 0xdc00) => {
                    (12, None)
                }
                Some(_) => (6, Some("\\ufffd")),
                None => (1 + rest[1..].chars().next().map_or(0, char::len_utf8), None),
            },
            (_, '"') => {
                in_string = !in_string;
                (1, None)
            }
            (false, _) => {
                let literal = ["NaN", "-Infinity", "Infinity"].into_iter().find(|literal| rest.starts_with(literal));
                literal.map_or((first.len_utf8(), None), |literal| (literal.len(), Some("null")))
            }
            (true, _) => (first.len_utf8(), None),
        };
        repaired.push_str(put.unwrap_or(&rest[..taken]));
        rest = &rest[taken..];
    }
    (repaired != json).then_some(repaired)
}

/// The half of a surrogate pair that an escape at the beginning encodes.
fn surrogate(escape: &str) -> Option<u16> {
    let code = u16::from_str_radix(escape.strip_prefix("\\u")?.get(..4)?, 16).ok()?;
    (0xd800..0xe000).contains(&code).then_some(code)
}

/// An error for a value that is not one label.
fn no_label(field: &str, found: &Value) -> RowProblem {
    let label = |value: &Value| match value {
        Value::String(label) => Some(label.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let labels: Option<Vec<String>> = found.as_array().and_then(|list| list.iter().map(label).collect());
    match labels {
        Some(found) => RowProblem::LabelList { field: field.to_owned(), found },
        None => wrong_type(field, "a string, a number or a boolean", found),
    }
}

fn wrong_type(field: &str, expected: &'static str, found: &Value) -> RowProblem {
    let found = match found {
        Value::Null => "null".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) => quoted(text),
        other => other.to_string(),
    };
    RowProblem::FieldType { field: field.to_owned(), expected, found }
}

/// Reads the fields from an object and ignores the others.
impl<'de> DeserializeSeed<'de> for &Fields {
    type Value = (Option<Value>, Option<Value>);

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> std::result::Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &Fields {
    type Value = (Option<Value>, Option<Value>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> std::result::Result<Self::Value, A::Error> {
        let (mut text, mut label) = (None, None);
        while let Some(key) = object.next_key::<String>()? {
            let (is_text, is_label) = (key == self.text, self.label.as_ref().is_some_and(|(field, _)| *field == key));
            if !is_text && !is_label {
                object.next_value::<IgnoredAny>()?;
                continue;
            }
            let value: Value = object.next_value()?;
            if is_label {
                label = Some(value.clone());
            }
            if is_text {
                text = Some(value);
            }
        }
        Ok((text, label))
    }
}
