//! Any file of texts and labels, read into documents: the format and the columns are guessed, and said.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use kiln::Input;
use kiln::text::corpora::LineCorpus;
use kiln::text::corpora::{BadRow, ClassFolder, CorpusDocuments, DelimitedCorpus, Document, Documents};

use crate::guess::{self, Asked, Table};

/// Bytes by which a file is judged.
const HEAD: u64 = 1 << 16;
/// More labels than these are most likely not labels.
const MOST_LABELS: usize = 1_000;
/// What fastText's labels begin with.
const PREFIX: &str = "__label__";

/// How a file is read.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Reading {
    /// The column of the texts, by name or by number from 0
    #[arg(long, value_name = "COLUMN")]
    pub(crate) text: Option<String>,
    /// The column of the labels, by name or by number from 0
    #[arg(long, value_name = "COLUMN")]
    pub(crate) label: Option<String>,
    /// The format, where it is not the one that is guessed
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// How the bytes stand for characters, such as latin1; UTF-8 by default
    #[arg(long, value_name = "NAME")]
    pub(crate) encoding: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Rows with columns: CSV, TSV and such
    Table,
    /// A JSON object a line
    Json,
    /// Lines such as `__label__good a fine film`
    Fasttext,
    /// A folder with a folder of texts for each class
    Folders,
}

/// What a file holds, and how it was read.
pub(crate) struct Corpus {
    pub(crate) documents: Documents,
    /// What was guessed, for a person.
    pub(crate) told: String,
}

impl Reading {
    fn encoding(&self) -> Result<kiln::text::corpora::Encoding> {
        match &self.encoding {
            Some(name) => Ok(name.parse()?),
            None => Ok(kiln::text::corpora::Encoding::UTF_8),
        }
    }

    /// Reads a file or folder. With `classes`, its labels must be among these.
    ///
    /// # Errors
    ///
    /// The file cannot be read, a column is not there, or the labels are none.
    pub(crate) fn read(&self, path: &Path, classes: Option<&[String]>) -> Result<Corpus> {
        let corpus = match self.format(path)? {
            Format::Folders => self.folders(path),
            Format::Json => self.json(path),
            Format::Fasttext => self.fasttext(path),
            Format::Table => self.table(path),
        };
        let (labelled, told) = corpus.with_context(|| format!("{} cannot be read", path.display()))?;
        let labelled: Vec<(String, String)> =
            labelled.into_iter().map(|(text, label)| (text, label.trim().to_owned())).collect();
        let is_name = |label: &String| !label.is_empty() && !label.contains(char::is_control);
        if let Some(row) = labelled.iter().position(|(_, label)| !is_name(label)) {
            let (text, label) = &labelled[row];
            let begin: String = text.chars().take(30).collect();
            bail!(
                "{}: row {} (counted from 1, without the header) has {}, its text begins with {begin:?}: fill it in, or remove \
                 the row",
                path.display(),
                row + 1,
                if label.is_empty() { "no label".to_owned() } else { format!("the label {label:?}") }
            );
        }
        let names = class_names(path, &labelled, classes)?;
        let places: HashMap<&str, u32> =
            names.iter().enumerate().map(|(at, name)| (name.as_str(), at as u32)).collect();
        let documents =
            labelled.iter().map(|(text, label)| Document { text: text.clone(), label: places[label.as_str()] });
        Ok(Corpus { documents: Documents::new(documents.collect(), names.clone())?, told })
    }

    fn format(&self, path: &Path) -> Result<Format> {
        if let Some(format) = self.format {
            return Ok(format);
        }
        if path.is_dir() {
            return Ok(Format::Folders);
        }
        let (head, _) = self.head(path)?;
        let first = head.trim_start();
        ensure!(
            !first.starts_with('['),
            "{} is a JSON array: write an object a line, as `jq -c '.[]'` does",
            path.display()
        );
        Ok(if first.starts_with('{') {
            Format::Json
        } else if first.starts_with(PREFIX) {
            Format::Fasttext
        } else {
            Format::Table
        })
    }

    /// The beginning of a file as text, and whether it is all of it.
    fn head(&self, path: &Path) -> Result<(String, bool)> {
        // It is read more than once.
        let is_kept = std::fs::metadata(path).is_ok_and(|found| found.is_file()) || !path.exists();
        ensure!(is_kept, "{} is a pipe or a device: save it as a file first", path.display());
        let input = Input::decoded(path, self.encoding()?, &std::sync::Arc::default())?;
        let mut bytes = Vec::new();
        input
            .into_reader()
            .take(HEAD)
            .read_to_end(&mut bytes)
            .with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(!bytes.is_empty(), "{} is empty: expected texts and labels", path.display());
        let is_whole = (bytes.len() as u64) < HEAD;
        Ok((String::from_utf8_lossy(&bytes).into_owned(), is_whole))
    }

    fn folders(&self, path: &Path) -> Result<(Vec<(String, String)>, String)> {
        let mut classes = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().is_dir() && !name.starts_with('.') {
                classes.push(name);
            }
        }
        classes.sort();
        ensure!(classes.len() >= 2, "expected a folder for each class, found {}", listed(&classes));
        let names: Vec<&str> = classes.iter().map(String::as_str).collect();
        let folder = ClassFolder::new(path).encoding(self.encoding()?).any_extension(true);
        let documents = folder.read(&names)?;
        let labelled =
            documents.iter().map(|document| (document.text.clone(), classes[document.label as usize].clone()));
        Ok((labelled.collect(), format!("a folder for each class: {}", listed(&classes))))
    }

    fn json(&self, path: &Path) -> Result<(Vec<(String, String)>, String)> {
        let objects = self.objects(path)?;
        let first = objects.first().context("there is no object")?;
        let columns: Vec<String> = first.keys().cloned().collect();
        let row: Vec<String> = first.values().map(shown).collect();
        let asked = Asked { text: self.text.as_deref(), label: self.label.as_deref() };
        let (text, label) = guess::columns(&columns, &[row], asked)?;
        let (text, label) = (&columns[text], &columns[label]);
        let of = |(at, object): (usize, &Object)| -> Result<(String, String)> {
            let field = |name: &String| {
                let found = object.get(name).filter(|value| !value.is_null());
                found.map(shown).with_context(|| format!("object {} has no field {name:?}", at + 1))
            };
            Ok((field(text)?, field(label)?))
        };
        let labelled = objects.iter().enumerate().map(of).collect::<Result<_>>()?;
        Ok((labelled, format!("JSON lines, texts in {text:?}, labels in {label:?}")))
    }

    /// The objects of JSON lines.
    fn objects(&self, path: &Path) -> Result<Vec<Object>> {
        let lines = all(LineCorpus::new([path]).encoding(self.encoding()?).documents()?)?;
        let of = |(at, line): (usize, &String)| {
            let parsed = serde_json::from_str(line);
            parsed.with_context(|| format!("line {} should be a JSON object, whole on its line", at + 1))
        };
        lines.iter().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(of).collect()
    }

    fn fasttext(&self, path: &Path) -> Result<(Vec<(String, String)>, String)> {
        let lines = all(LineCorpus::new([path]).encoding(self.encoding()?).documents()?)?;
        let mut labelled = Vec::with_capacity(lines.len());
        for (at, line) in lines.into_iter().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let (first, text) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
            let label = first.strip_prefix(PREFIX);
            let label =
                label.with_context(|| format!("line {} should begin with {PREFIX}, found {first:?}", at + 1))?;
            let has_one = !text.trim_start().starts_with(PREFIX);
            ensure!(has_one, "line {} has several labels, and a text can have one: keep one of them", at + 1);
            labelled.push((text.trim().to_owned(), label.to_owned()));
        }
        Ok((labelled, format!("fastText's lines, labels after {PREFIX}")))
    }

    /// One column of a table, of which there may be only that.
    fn column(&self, path: &Path, name: &str) -> Result<Vec<String>> {
        let (head, is_whole) = self.head(path)?;
        if head.lines().next().is_some_and(|line| line.trim() == name) {
            return all(DelimitedCorpus::new([path]).encoding(self.encoding()?).text(0).documents()?);
        }
        let asked = Asked { text: Some(name), label: None };
        let table = guess::table(&head, is_whole, asked)?;
        self.of_table(path, &table, table.text)
    }

    fn of_table(&self, path: &Path, table: &Table, column: usize) -> Result<Vec<String>> {
        let Table { delimiter, quoted, escaped, header, .. } = table;
        let encoding = self.encoding()?;
        let read = |quoted: bool| {
            let corpus = DelimitedCorpus::new([path]).delimiter(*delimiter).headers(*header).encoding(encoding);
            let corpus = corpus.quote(quoted.then_some(b'"')).escape(escaped.then_some(b'\\'));
            all(corpus.text(column).documents()?)
        };
        // Further down quotes may turn out to be letters, where fields are not parted by commas.
        match read(*quoted) {
            Err(_) if *quoted && *delimiter != b',' => read(false),
            other => other,
        }
    }

    fn table(&self, path: &Path) -> Result<(Vec<(String, String)>, String)> {
        let (head, is_whole) = self.head(path)?;
        let asked = Asked { text: self.text.as_deref(), label: self.label.as_deref() };
        let table = guess::table(&head, is_whole, asked)?;
        let Table { delimiter, header, columns, text, label, .. } = &table;
        let labelled = paired(self.of_table(path, &table, *text)?, self.of_table(path, &table, *label)?)?;
        let parted = match delimiter {
            b'\t' => "tabs".to_owned(),
            other => format!("{:?}", char::from(*other)),
        };
        let told = format!(
            "columns parted by {parted}, {}, texts in {:?}, labels in {:?}",
            if *header { "with a header" } else { "without a header, numbered from 0" },
            columns[*text],
            columns[*label]
        );
        Ok((labelled, told))
    }
}

/// The texts of a corpus; a row that cannot be read is an error.
fn all(documents: CorpusDocuments<'_>) -> Result<Vec<String>> {
    documents.on_bad_row(BadRow::Fail).map(|document| Ok(document?.text)).collect()
}

fn paired(texts: Vec<String>, labels: Vec<String>) -> Result<Vec<(String, String)>> {
    ensure!(texts.len() == labels.len(), "{} texts and {} labels: not every row has both", texts.len(), labels.len());
    Ok(texts.into_iter().zip(labels).collect())
}

/// The labels of a file, in order: numbers by size, others by letters; or those that are known.
fn class_names(path: &Path, labelled: &[(String, String)], known: Option<&[String]>) -> Result<Vec<String>> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    labelled.iter().for_each(|(_, label)| *counts.entry(label).or_default() += 1);
    let mut names: Vec<String> = counts.keys().map(|&name| name.to_owned()).collect();
    if let Some(known) = known {
        let new: Vec<String> = names.into_iter().filter(|name| !known.contains(name)).collect();
        ensure!(
            new.is_empty(),
            "{} has labels that the model does not know: {}; it knows {}",
            path.display(),
            listed(&new),
            listed(known)
        );
        return Ok(known.to_vec());
    }
    if names.iter().all(|name| name.parse::<f64>().is_ok()) {
        let number = |name: &String| name.parse::<f64>().unwrap_or(0.0);
        names.sort_by(|a, b| number(a).total_cmp(&number(b)));
    }
    match names.len() {
        0 => bail!("{} has no rows: expected texts and labels", path.display()),
        1 => bail!(
            "all {} rows of {} are of class {:?}: is this the column of the labels?",
            labelled.len(),
            path.display(),
            names[0]
        ),
        many if many > MOST_LABELS && many * 10 > labelled.len() => bail!(
            "{} has {many} different labels in {} rows, such as {:?}: this is most likely not the column of the labels; name it by \
             --label",
            path.display(),
            labelled.len(),
            names[0]
        ),
        _ => Ok(names),
    }
}

/// At most ten names, for a message.
pub(crate) fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(10).map(|name| format!("{name:?}")).collect();
    match names.len() {
        0 => "nothing".to_owned(),
        many if many > 10 => format!("{} and {} more", shown.join(", "), many - 10),
        _ => shown.join(", "),
    }
}

/// The texts of a file to predict: a column of a table or of JSON lines if --text names one, else a line each.
pub(crate) fn texts(path: &Path, reading: &Reading) -> Result<Vec<String>> {
    let cannot = || format!("{} cannot be read", path.display());
    let Some(name) = &reading.text else {
        let lines = all(LineCorpus::new([path]).encoding(reading.encoding()?).documents()?).with_context(cannot)?;
        let is_labelled = reading.format == Some(Format::Fasttext);
        let text = |line: String| match line.split_once(char::is_whitespace) {
            Some((label, text)) if is_labelled && label.starts_with(PREFIX) => text.trim().to_owned(),
            _ => line,
        };
        return Ok(lines.into_iter().map(text).collect());
    };
    match reading.format(path)? {
        Format::Json => {
            let field = |object: &Object| {
                object.get(name).map(shown).with_context(|| format!("an object has no field {name:?}"))
            };
            reading.objects(path).and_then(|objects| objects.iter().map(field).collect()).with_context(cannot)
        }
        Format::Table => reading.column(path, name).with_context(cannot),
        Format::Fasttext | Format::Folders => bail!("--text names a column, and {} has none", path.display()),
    }
}

type Object = serde_json::Map<String, serde_json::Value>;

/// A value as a person writes it.
pub(crate) fn shown(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
