//! The texts of a file to predict, one after the other: a column of a table, a field of JSON lines, fastText's lines
//! without their labels, or a text a line.

use std::path::Path;

use anyhow::{Result, bail};
use kiln::text::corpora::DelimitedCorpus;

use super::{Format, PREFIX, Reading, TableOptions, in_file, marks, parted};
use crate::guess::{self, Table};

/// The texts of a file, which is read while they are taken.
pub(crate) struct Texts {
    pub(crate) texts: Box<dyn Iterator<Item = Result<String>>>,
    /// What was guessed, for a person, unless it is that each line of a file is a text.
    pub(crate) told: Option<String>,
}

impl Texts {
    fn new(texts: impl Iterator<Item = kiln::text::Result<String>> + 'static, told: Option<String>) -> Self {
        Self { texts: Box::new(texts.map(|text| text.map_err(anyhow::Error::from))), told }
    }
}

/// The texts of a file to predict.
///
/// # Errors
///
/// The file cannot be read, or an option is for another format. As items: a row that is not what it should be.
pub(crate) fn texts(path: &Path, reading: &Reading) -> Result<Texts> {
    reading.texts(path).map_err(|error| in_file(error, path))
}

impl Reading {
    fn texts(&self, path: &Path) -> Result<Texts> {
        // It can be read only once, so that nothing can be guessed.
        let is_pipe = std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir());
        if is_pipe && self.format.is_none() && self.text.is_none() && self.table == TableOptions::default() {
            let told = "a pipe: read as one text per line; to read columns, save it as a file first";
            return Ok(Texts::new(self.lines(path)?.texts(), Some(told.to_owned())));
        }
        let format = self.format(path)?;
        self.check(format, path)?;
        match format {
            Format::Folders => bail!("expected a file of texts, found a folder for each class: name a file"),
            Format::Lines => Ok(Texts::new(self.lines(path)?.texts(), None)),
            Format::Fasttext => {
                let lines = self.lines(path)?.texts();
                let lines = lines.map(|line| -> Result<String> { Ok(without_labels(&line?).to_owned()) });
                let told = format!("fastText's lines, read without the labels after {PREFIX}");
                Ok(Texts { texts: Box::new(lines), told: Some(told) })
            }
            Format::Json => {
                let (corpus, field, others) = self.json_texts(path)?;
                let told = format!("JSON lines, texts in {field:?}{others}; --text names another field");
                Ok(Texts::new(corpus.documents()?.texts(), self.text.is_none().then_some(told)))
            }
            Format::Table => self.texts_of_table(path),
        }
    }

    fn texts_of_table(&self, path: &Path) -> Result<Texts> {
        let (head, is_whole) = self.head(path)?;
        let first = head.lines().next().unwrap_or("").trim().trim_matches('"');
        if self.text.as_deref() == Some(first) {
            // Of one column.
            let corpus = DelimitedCorpus::new([path]).encoding(self.encoding()?).text(0);
            return Ok(Texts::new(corpus.documents()?.texts(), None));
        }
        let is_asked_for = self.format.is_some() || self.text.is_some() || self.table != TableOptions::default();
        let table = match guess::table(&head, is_whole, self.asked()) {
            Ok(table) if is_asked_for || is_table(path, &table) => self.settled(path, table)?,
            Err(error) if is_asked_for => return Err(error),
            _ => return Ok(Texts::new(self.lines(path)?.texts(), None)),
        };
        let column = guess::text(&table.columns, &table.rows, self.asked())?;
        let (parted, marks) = (parted(&table), marks(&table, &head));
        let others = guess::others(&table.columns, &table.rows, self.asked(), column, None);
        let told = format!(
            "{parted}, texts in {:?}{marks}{others}; --text names another column, `--format lines` reads one text \
             per line",
            table.columns[column]
        );
        Ok(Texts::new(self.column(path, &table, column)?, self.text.is_none().then_some(told)))
    }
}

/// Whether lines that could be rows are rows, and not texts with as many commas each: by the file's name, by the name
/// of a column, by Excel's first line, or because of tabs, which texts seldom hold.
fn is_table(path: &Path, table: &Table) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let has_tabs = table.dialect.delimiter == b'\t' && table.rows.len() >= 2;
    name.ends_with(".csv") || name.ends_with(".tsv") || table.names_texts() || table.has_separator || has_tabs
}

/// A line of fastText's without the labels that it begins with.
pub(super) fn without_labels(line: &str) -> &str {
    let mut text = line.trim();
    while text.starts_with(PREFIX) {
        text = text.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim_start());
    }
    text
}
