//! Any file of texts and labels, read into documents: the format and the columns are guessed and reported.

mod excel;
mod folders;
mod json;
mod rows;
mod texts;

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use kiln::Input;
use kiln::text::corpora::{CorpusDocuments, DelimitedCorpus, Encoding, LineCorpus};

use crate::guess::{self, Asked, Dialect, Mark, Table};
use rows::Numbers;

pub(crate) use json::shown;
pub(crate) use rows::{Row, Rows};
pub(crate) use texts::{Texts, texts};

/// Bytes by which a file is judged.
const HEAD: u64 = 1 << 16;
/// Characters of a label that a message shows.
const SHOWN: usize = 30;
/// Advice for labels that are several in one field.
const SPLIT: &str = "; if a field holds several, name what separates them with --labels-split";
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
    /// What separates the labels in the column of the labels, if a text may have several: `tab`, `space` or a character
    /// such as ';'. JSON lists of labels and several labels of a fastText line need no option
    #[arg(long, value_name = "CHARACTER", value_parser = guess::delimiter)]
    pub(crate) labels_split: Option<u8>,
    /// The format of the file, if the guess is wrong
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The encoding of the file, such as latin1; UTF-8 by default
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
    #[command(flatten)]
    table: TableOptions,
    /// Whether it is a file for `--valid` or `--test`.
    #[arg(skip)]
    is_another: bool,
}

/// How a table is written, where it is not as it is guessed.
#[derive(Args, Clone, Debug, Default, PartialEq)]
struct TableOptions {
    /// What separates the columns of a table: `tab`, `space` or a character
    #[arg(long, value_name = "CHARACTER", value_parser = guess::delimiter)]
    delimiter: Option<u8>,
    /// What encloses fields of a table: a character, or `none`
    #[arg(long, value_name = "CHARACTER", value_parser = guess::mark)]
    quote: Option<Mark>,
    /// What makes the next character of a table an ordinary one: a character such as a backslash, or `none`
    #[arg(long, value_name = "CHARACTER", value_parser = guess::mark)]
    escape: Option<Mark>,
    /// Skip spaces after the delimiters of a table
    #[arg(long)]
    skip_initial_space: bool,
    /// Read the first row of a table as a text, not as the names of the columns
    #[arg(long)]
    no_header: bool,
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
    /// A text a line, without labels, for predictions
    Lines,
}

/// What a file holds, and how it was read.
pub(crate) struct Corpus {
    pub(crate) rows: Rows,
    /// What was guessed, for a person.
    pub(crate) told: String,
    /// The columns of the texts and the labels, in a file that has columns.
    pub(crate) columns: Option<[String; 2]>,
}

/// The labels that texts of a file may have.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) names: &'a [String],
    /// Whether a text may have any number of them.
    pub(crate) has_several: bool,
}

/// Texts with their labels, as a file holds them.
struct Labelled {
    texts: Vec<String>,
    /// The labels of each text, as indices into the names.
    labels: Vec<Vec<u32>>,
    names: Vec<String>,
    /// Whether a text may have any number of labels; else each has one.
    has_several: bool,
    told: String,
    columns: Option<[String; 2]>,
}

/// The fields of a column, or bad rows.
type Column = Box<dyn Iterator<Item = kiln::text::Result<String>>>;

impl Reading {
    /// Whether nothing is said of how to read.
    pub(crate) fn is_plain(&self) -> bool {
        let Self { text, label, labels_split, format, encoding, table, is_another: _ } = self;
        let is_named = text.is_some() || label.is_some() || format.is_some() || encoding.is_some();
        !is_named && labels_split.is_none() && *table == TableOptions::default()
    }

    /// The same for another file of such texts: if it has columns, they are those of the first file.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub(crate) fn for_another(&self, path: &Path, columns: Option<&[String; 2]>) -> Result<Self> {
        let mut reading = Self { is_another: true, ..self.clone() };
        match (self.format(path)?, columns) {
            (Format::Table | Format::Json, Some([text, label])) => {
                (reading.text, reading.label) = (Some(text.clone()), Some(label.clone()));
            }
            (Format::Table | Format::Json, None) => {}
            _ => {
                (reading.text, reading.label, reading.labels_split) = (None, None, None);
                reading.table = TableOptions::default();
            }
        }
        Ok(reading)
    }

    /// Reads a file or folder. Its labels must be among those that are known, if any are.
    ///
    /// # Errors
    ///
    /// The file cannot be read, a column is not there, or the labels are none.
    pub(crate) fn read(&self, path: &Path, known: Option<Known<'_>>) -> Result<Corpus> {
        let format = self.format(path)?;
        self.check(format, path)?;
        let read = match format {
            Format::Folders => self.folders(path),
            Format::Json => self.json(path),
            Format::Fasttext => self.fasttext(path),
            Format::Table => self.labelled_table(path),
            Format::Lines => bail!("`--format lines` is for predictions: {} should hold labels, too", path.display()),
        };
        let mut read = read.map_err(|error| in_file(error, path))?;
        rows::check(path, &read)?;
        let (names, has_several) = match known {
            Some(known) => (self.known_names(path, &read, known)?, known.has_several),
            None => (rows::names(path, &read)?, read.has_several),
        };
        let (mut told, columns) = (std::mem::take(&mut read.told), read.columns.take());
        let rows = read.into_rows(names, has_several);
        if has_several {
            let without = rows.without_labels();
            told += &format!("; any number of labels per text, none in {without} of {}", rows.rows.len());
        }
        if known.is_none() {
            told += rows.odd();
            told += &rows.lists();
            told += &rows.small();
        }
        Ok(Corpus { rows, told, columns })
    }

    /// The labels that are known, if a file has no others, and several a text only if these may be.
    fn known_names(&self, path: &Path, read: &Labelled, known: Known<'_>) -> Result<Vec<String>> {
        let all: HashSet<&String> = known.names.iter().collect();
        let mut unknown: Vec<String> = read.names.iter().filter(|name| !all.contains(name)).cloned().collect();
        unknown.sort_unstable();
        let (path, unknown, is_known) = (path.display(), listed(&unknown), unknown.is_empty());
        let (known_names, split) = (listed(known.names), if known.has_several { SPLIT } else { "" });
        let advice = if read.columns.is_some() {
            format!("if another column holds the labels, name it with --label{split}")
        } else {
            "remove these texts, or train a model with such texts".to_owned()
        };
        let others = if self.is_another { "the training file" } else { "the model" };
        ensure!(
            known.has_several || !read.has_several,
            "{path} has texts with several labels, and {others} has one label per text: keep one label in each row, \
             and give no --labels-split"
        );
        ensure!(
            is_known || !self.is_another,
            "the training file has no label {unknown}, found in {path}; it has {known_names}: remove these rows, or \
             add such texts to the training file"
        );
        ensure!(
            is_known,
            "{path} has labels that the model does not know: {unknown}; it knows {known_names}: {advice}"
        );
        Ok(known.names.to_vec())
    }

    fn encoding(&self) -> Result<Encoding> {
        match &self.encoding {
            Some(name) => Ok(name.parse()?),
            None => Ok(Encoding::UTF_8),
        }
    }

    fn asked(&self) -> Asked<'_> {
        let TableOptions { delimiter, quote, escape, skip_initial_space, no_header } = self.table;
        Asked {
            text: self.text.as_deref(),
            label: self.label.as_deref(),
            labels_split: self.labels_split,
            delimiter,
            quote,
            escape,
            skips_spaces: skip_initial_space,
            no_header,
        }
    }

    /// # Errors
    ///
    /// An option is for another format.
    fn check(&self, format: Format, path: &Path) -> Result<()> {
        let (what, has_columns) = match format {
            Format::Table => return Ok(()),
            Format::Json => ("JSON lines", true),
            Format::Fasttext => ("fastText's lines", false),
            Format::Folders => ("a folder for each class", false),
            Format::Lines => ("one text per line", false),
        };
        let path = path.display();
        ensure!(
            has_columns || (self.text.is_none() && self.label.is_none() && self.labels_split.is_none()),
            "--text, --label and --labels-split are for columns, and {path} is read as {what}: leave them out, or name \
             another --format"
        );
        ensure!(
            self.table == TableOptions::default(),
            "--delimiter, --quote, --escape, --skip-initial-space and --no-header are for tables, and {path} is read \
             as {what}: leave them out, or name `--format table`"
        );
        Ok(())
    }

    fn format(&self, path: &Path) -> Result<Format> {
        if let Some(format) = self.format {
            return Ok(format);
        }
        if path.is_dir() {
            return Ok(Format::Folders);
        }
        if self.table != TableOptions::default() {
            return Ok(Format::Table);
        }
        let (head, _) = self.head(path)?;
        let first = head.trim_start();
        // The signs after the first one tell JSON from a table or a text that begins with a bracket.
        let is_array = first.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with(['{', '[']));
        ensure!(!is_array, "{} is a JSON array: write one object per line, as `jq -c '.[]'` does", path.display());
        let is_object = |rest: &str| rest.is_empty() || rest.starts_with(['"', '}']);
        Ok(if first.strip_prefix('{').is_some_and(|rest| is_object(rest.trim_start())) {
            Format::Json
        } else if first.starts_with(PREFIX) {
            Format::Fasttext
        } else {
            Format::Table
        })
    }

    /// The beginning of a file as text, and whether it is all of it.
    fn head(&self, path: &Path) -> Result<(String, bool)> {
        check_kept(path)?;
        let input = Input::decoded(path, self.encoding()?, &Arc::default())?;
        let mut bytes = Vec::new();
        input
            .into_reader()
            .take(HEAD)
            .read_to_end(&mut bytes)
            .with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(!bytes.is_empty(), "{} is empty: expected texts", path.display());
        let is_whole = (bytes.len() as u64) < HEAD;
        Ok((String::from_utf8_lossy(&bytes).into_owned(), is_whole))
    }

    fn fasttext(&self, path: &Path) -> Result<Labelled> {
        let (mut texts, mut labels, mut numbers) = (Vec::new(), Vec::<Vec<u32>>::new(), Numbers::default());
        for (at, line) in self.lines(path)?.texts().enumerate() {
            let line = line?;
            let Some(first) = line.split_whitespace().next() else { continue };
            ensure!(
                first.starts_with(PREFIX),
                "line {} should begin with {PREFIX}, found {first:?}: remove the line, or write JSON lines, whose \
                 lists of labels may be empty",
                at + 1
            );
            let of_line = line.split_whitespace().map_while(|word| word.strip_prefix(PREFIX));
            labels.push(of_line.map(|label| numbers.of(label)).collect());
            texts.push(texts::without_labels(&line).to_owned());
        }
        let has_several = labels.iter().any(|of_line| of_line.len() > 1);
        let told = format!("fastText's lines, labels after {PREFIX}");
        Ok(Labelled { texts, labels, names: numbers.names, has_several, told, columns: None })
    }

    fn lines(&self, path: &Path) -> Result<CorpusDocuments<'static>> {
        Ok(LineCorpus::new([path]).encoding(self.encoding()?).documents()?)
    }

    fn labelled_table(&self, path: &Path) -> Result<Labelled> {
        let (head, is_whole) = self.head(path)?;
        let table = self.settled(path, guess::table(&head, is_whole, self.asked())?)?;
        let (text, label) = guess::columns(&table.columns, &table.rows, self.asked())?;
        let texts = self.column(path, &table, text)?.collect::<Result<Vec<_>, _>>()?;
        let mut numbers = Numbers::default();
        let of_field = |field: kiln::text::Result<String>| -> Result<Vec<u32>> {
            Ok(numbers.of_field(&field?, self.labels_split))
        };
        let labels = self.column(path, &table, label)?.map(of_field).collect::<Result<Vec<_>>>()?;
        ensure!(texts.len() == labels.len(), "{} texts and {} labels: it changed meanwhile", texts.len(), labels.len());
        let columns = [text, label].map(|column| guess::option(&table.columns, column));
        let told = format!(
            "{}, texts in {:?}, labels in {:?}{}{}{}",
            parted(&table),
            table.columns[text],
            table.columns[label],
            self.split_told(),
            marks(&table, &head),
            guess::others(&table.columns, &table.rows, self.asked(), text, Some(label))
        );
        let has_several = self.labels_split.is_some();
        Ok(Labelled { texts, labels, names: numbers.names, has_several, told, columns: Some(columns) })
    }

    /// What parts the labels of a text, for a person.
    fn split_told(&self) -> String {
        self.labels_split.map_or_else(String::new, |split| format!(" separated by {:?}", char::from(split)))
    }

    /// A column of a table.
    fn column(&self, path: &Path, table: &Table, column: usize) -> Result<Column> {
        if table.has_separator {
            return Ok(Box::new(excel::column(path, self.encoding()?, table, column)?.into_iter()));
        }
        let Dialect { delimiter, quote, escape, skips_spaces } = table.dialect;
        let corpus = DelimitedCorpus::new([path]).delimiter(delimiter).quote(quote).escape(escape);
        let corpus = corpus.skip_initial_space(skips_spaces).headers(table.header).encoding(self.encoding()?);
        Ok(Box::new(corpus.text(column).documents()?.texts()))
    }

    /// The table with its quotes as they are in the whole file: where fields are not separated by commas, quotes
    /// further down may turn out to be ordinary characters.
    fn settled(&self, path: &Path, mut table: Table) -> Result<Table> {
        let is_guessed = self.table.quote.is_none() && table.dialect.delimiter != b',';
        let is_read = |table: &Table| -> Result<bool> { Ok(self.column(path, table, 0)?.all(|row| row.is_ok())) };
        if is_guessed && table.dialect.quote.is_some() && !is_read(&table)? {
            let quote = table.dialect.quote.take();
            if !is_read(&table)? {
                table.dialect.quote = quote;
            }
        }
        Ok(table)
    }
}

/// What parts the columns of a table, and whether they have names, for a person.
fn parted(table: &Table) -> String {
    let parted = match table.dialect.delimiter {
        b'\t' => "tabs".to_owned(),
        other => format!("{:?}", char::from(other)),
    };
    let header = if table.header { "with a header" } else { "without a header, numbered from 0" };
    format!("columns separated by {parted}, {header}")
}

/// How a table is written, where it is not as most are.
fn marks(table: &Table, head: &str) -> String {
    let Dialect { quote, escape, skips_spaces, .. } = table.dialect;
    let quote = match quote {
        Some(b'"') => String::new(),
        Some(other) => format!(", quotes {:?}", char::from(other)),
        None if head.contains('"') => ", quotes as ordinary characters".to_owned(),
        None => String::new(),
    };
    let escape = escape.map_or_else(String::new, |escape| format!(", escapes {:?}", char::from(escape)));
    let spaces = if skips_spaces { ", spaces after delimiters skipped" } else { "" };
    format!("{quote}{escape}{spaces}")
}

/// Refuses what can be read only once, such as a pipe.
fn check_kept(path: &Path) -> Result<()> {
    // What is wrong with a file that is not there is said when it is opened.
    let Ok(found) = std::fs::metadata(path) else { return Ok(()) };
    let shown = path.display();
    ensure!(!found.is_dir(), "{shown} should be a file, found a folder: name a file in it");
    let kind = if is_pipe(&found) { "a pipe" } else { "a device" };
    ensure!(
        found.is_file(),
        "{shown} should be a file, which is read more than once; found {kind}: save it as a file first"
    );
    Ok(())
}

#[cfg(unix)]
fn is_pipe(found: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    found.file_type().is_fifo() || found.file_type().is_socket()
}

#[cfg(not(unix))]
fn is_pipe(found: &std::fs::Metadata) -> bool {
    !found.is_file()
}

/// Names the file in an error that does not begin with it.
fn in_file(error: anyhow::Error, path: &Path) -> anyhow::Error {
    let (told, shown) = (crate::messages::of(&error), path.display().to_string());
    let is_named = told.strip_prefix("cannot read ").unwrap_or(&told).starts_with(&shown);
    if is_named { error } else { error.context(format!("{shown} cannot be read")) }
}

/// The beginning of a text, in quotes.
fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}", format!("{}…", &text[..end])),
        None => format!("{text:?}"),
    }
}

/// At most ten names, for a message.
pub(crate) fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(10).map(|name| cut(name)).collect();
    match names.len() {
        0 => "nothing".to_owned(),
        many if many > 10 => format!("{} and {} more", shown.join(", "), many - 10),
        _ => shown.join(", "),
    }
}
