//! JSON lines: which fields hold texts and labels, and reading them.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Result, anyhow, ensure};
use kiln::text::Error;
use kiln::text::corpora::{JsonLinesCorpus, Labels, LineCorpus};
use kiln::text::error::{CorpusError, RowProblem};
use serde_json::{Map, Value};

use super::rows::Numbers;
use super::{Labelled, Reading, check_kept};
use crate::guess;

/// Objects by which the fields are judged.
const OBJECTS: usize = 1_000;

/// The fields of the first objects, and their values.
struct Fields {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Reading {
    pub(super) fn json(&self, path: &Path) -> Result<Labelled> {
        let fields = self.fields(path)?;
        let mut others = String::new();
        let [text, label] = match (&self.text, &self.label) {
            // Lines that only the reader of the file can repair, such as those with Python's NaN.
            (Some(text), Some(label)) if fields.rows.is_empty() => [text.clone(), label.clone()],
            _ if fields.rows.is_empty() => return Err(self.no_object(path)),
            _ => {
                let (text, label) = guess::columns(&fields.names, &fields.rows, self.asked())?;
                others = guess::others(&fields.names, &fields.rows, self.asked(), text, Some(label));
                [fields.names[text].clone(), fields.names[label].clone()]
            }
        };
        let corpus = JsonLinesCorpus::new([path], text.as_str()).encoding(self.encoding()?);
        let (mut labels, mut numbers, mut kept) = (Vec::new(), Numbers::default(), Vec::new());
        let (mut has_several, mut first_without) = (self.labels_split.is_some(), None);
        // No label has a class yet, so that the error of each good row holds its label.
        for row in corpus.clone().label(label.as_str(), Labels::names([] as [&str; 0])).documents()? {
            let Err(error) = row else { continue };
            let held = held(error)?;
            kept.push(!matches!(held, Held::Nothing { .. }));
            match held {
                Held::One(found) => labels.push(numbers.of_field(&found, self.labels_split)),
                Held::Several(found) => {
                    has_several = true;
                    labels.push(numbers.of_each(found.iter().map(String::as_str)));
                }
                Held::Nothing { line } => {
                    first_without.get_or_insert(line);
                }
            }
        }
        if let Some(line) = first_without {
            let (rows, without) = (kept.len(), kept.len() - labels.len());
            let have = if without == 1 { "has" } else { "have" };
            let told = format!("{without} of {rows} rows {have} no text or no label (null or missing)");
            ensure!(
                2 * without <= rows,
                "{told}, the first in line {line}: fill them in, remove them, or name other fields with --text and \
                 --label"
            );
            others += &format!("; left out: {told}, the first in line {line}");
        }
        let mut texts = Vec::with_capacity(labels.len());
        for (row, text) in corpus.documents()?.texts().enumerate() {
            if kept.get(row) != Some(&false) {
                texts.push(text?);
            }
        }
        ensure!(texts.len() == labels.len(), "{} texts and {} labels: it changed meanwhile", texts.len(), labels.len());
        let told = format!("JSON lines, texts in {text:?}, labels in {label:?}{}{others}", self.split_told());
        Ok(Labelled { texts, labels, names: numbers.names, has_several, told, columns: Some([text, label]) })
    }

    /// The texts only, the field that holds them, and which others would also do.
    pub(super) fn json_texts(&self, path: &Path) -> Result<(JsonLinesCorpus, String, String)> {
        let fields = self.fields(path)?;
        let mut others = String::new();
        let field = match &self.text {
            Some(text) if fields.rows.is_empty() => text.clone(),
            None if fields.rows.is_empty() => return Err(self.no_object(path)),
            _ => {
                let text = guess::text(&fields.names, &fields.rows, self.asked())?;
                others = guess::others(&fields.names, &fields.rows, self.asked(), text, None);
                fields.names[text].clone()
            }
        };
        Ok((JsonLinesCorpus::new([path], field.as_str()).encoding(self.encoding()?), field, others))
    }

    fn fields(&self, path: &Path) -> Result<Fields> {
        check_kept(path)?;
        let (mut names, mut seen, mut objects) = (Vec::<String>::new(), HashSet::new(), Vec::new());
        let lines = LineCorpus::new([path]).skip_empty(true).encoding(self.encoding()?).documents()?;
        for line in lines.texts().take(OBJECTS) {
            // What is wrong with other lines is said when the file is read.
            let Ok(object) = serde_json::from_str::<Map<String, Value>>(&line?) else { continue };
            names.extend(object.keys().filter(|key| seen.insert((*key).clone())).cloned());
            if !object.is_empty() {
                objects.push(object);
            }
        }
        let value = |object: &Map<String, Value>, name: &String| match object.get(name) {
            Some(value @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) => shown(value),
            // Neither a text nor a label.
            _ => String::new(),
        };
        let row = |object: &Map<String, Value>| names.iter().map(|name| value(object, name)).collect();
        let rows = objects.iter().map(row).collect();
        Ok(Fields { names, rows })
    }

    /// What is wrong with a file whose first lines are not objects.
    fn no_object(&self, path: &Path) -> anyhow::Error {
        let first = || -> Result<_> {
            let corpus = JsonLinesCorpus::new([path], "text").encoding(self.encoding()?);
            Ok(corpus.documents()?.next().transpose())
        };
        match first() {
            Err(error) => error,
            Ok(Err(error @ Error::Corpus(CorpusError::Row { problem: RowProblem::Json { .. }, .. }))) => error.into(),
            Ok(_) => anyhow!("the fields of the objects cannot be guessed: name them with --text and --label"),
        }
    }
}

/// What a row holds as its labels.
enum Held {
    One(String),
    Several(Vec<String>),
    /// The text or the label is `null`, or is not there.
    Nothing {
        line: u64,
    },
}

/// What a row holds as its labels, by the error that these are of no class.
///
/// # Errors
///
/// The row is wrong in another way.
fn held(error: Error) -> Result<Held> {
    let (path, line, problem) = match error {
        Error::Corpus(CorpusError::Row { path, line, problem }) => (path, line, problem),
        other => return Err(other.into()),
    };
    Ok(match problem {
        RowProblem::Label { found, .. } => Held::One(found),
        RowProblem::LabelList { found, .. } => Held::Several(found),
        RowProblem::NoField { .. } => Held::Nothing { line },
        RowProblem::FieldType { found, .. } if found == "null" => Held::Nothing { line },
        problem => return Err(Error::from(CorpusError::Row { path, line, problem }).into()),
    })
}

/// A value as a person writes it.
pub(crate) fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
