//! How a table is written and which of its columns are meant, from its first rows.

use std::collections::{HashMap, HashSet};

use anyhow::{Result, bail, ensure};

/// What parts fields. Of two that fit alike the first is taken: commas also stand in texts.
const DELIMITERS: [u8; 4] = [b'\t', b';', b'|', b','];
/// Names of columns, as people write them, the most telling first.
const TEXT_NAMES: [&str; 12] = [
    "text", "sentence", "review", "comment", "document", "content", "body", "message", "tweet", "title", "question",
    "phrase",
];
const LABEL_NAMES: [&str; 12] =
    ["label", "class", "category", "sentiment", "target", "rating", "stars", "score", "tag", "intent", "topic", "y"];

/// How a table is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) delimiter: u8,
    /// Whether fields may stand in quotes.
    pub(crate) quoted: bool,
    /// Whether quotes and delimiters are escaped by backslashes.
    pub(crate) escaped: bool,
    pub(crate) header: bool,
    /// The names of the columns, or their numbers.
    pub(crate) columns: Vec<String>,
    pub(crate) text: usize,
    pub(crate) label: usize,
}

/// The columns that a person names.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked<'a> {
    pub(crate) text: Option<&'a str>,
    pub(crate) label: Option<&'a str>,
}

/// Guesses from the first bytes of a file, which end anywhere.
///
/// # Errors
///
/// No delimiter parts the lines, or a column that is named is not there.
pub(crate) fn table(head: &str, is_whole: bool, asked: Asked<'_>) -> Result<Table> {
    let escaped = head.contains("\\\"");
    let mut best: Option<(usize, u8, bool, Vec<Vec<String>>)> = None;
    for delimiter in DELIMITERS {
        let quoted = encloses(head, delimiter, is_whole);
        let mut rows = rows(head, delimiter, quoted, escaped);
        if !is_whole && rows.len() > 1 {
            rows.pop();
        }
        let width = rows.first().map_or(0, Vec::len);
        rows.retain(|row| !row.is_empty());
        let fitting = rows.iter().filter(|row| row.len() == width).count();
        // Nearly all rows of one width, of at least two columns; of several such delimiters the one with most columns.
        if width >= 2 && fitting * 10 >= rows.len() * 9 && best.as_ref().is_none_or(|(most, ..)| width > *most) {
            rows.retain(|row| row.len() == width);
            best = Some((width, delimiter, quoted, rows));
        }
    }
    let Some((_, delimiter, quoted, rows)) = best else {
        bail!(
            "the lines have no columns: expected a text and a label parted by a comma, a tab, a semicolon or a bar; name the \
             format if it is another one"
        );
    };
    let header = has_header(&rows);
    let width = rows[0].len();
    let columns: Vec<String> = match header {
        true => rows[0].iter().map(|name| name.trim().to_owned()).collect(),
        false => (0..width).map(|column| column.to_string()).collect(),
    };
    let body = if header { &rows[1..] } else { &rows[..] };
    let (text, label) = self::columns(&columns, body, asked)?;
    Ok(Table { delimiter, quoted, escaped, header, columns, text, label })
}

/// Which columns hold texts and labels.
///
/// # Errors
///
/// There are fewer than two, or one that is named is not there.
pub(crate) fn columns(columns: &[String], rows: &[Vec<String>], asked: Asked<'_>) -> Result<(usize, usize)> {
    ensure!(columns.len() >= 2, "expected a text and a label, found only {}", columns.join(", "));
    let named = |name: &str| {
        let found = columns.iter().position(|column| column == name);
        let found = found.or_else(|| name.parse().ok().filter(|&number: &usize| number < columns.len()));
        found.ok_or_else(|| anyhow::anyhow!("there is no column {name:?}; there are {}", columns.join(", ")))
    };
    let text = asked.text.map(named).transpose()?;
    let label = asked.label.map(named).transpose()?;
    ensure!(text.is_none() || text != label, "text and label are the same column, {}", columns[text.unwrap_or(0)]);
    let text = text.unwrap_or_else(|| text_column(columns, rows, label));
    Ok((text, label.unwrap_or_else(|| label_column(columns, rows, text))))
}

/// Whether quotes enclose fields, and are not letters like any other: in tables by tabs and such, they do if every field that opens
/// one also closes it. By commas they always do.
fn encloses(head: &str, delimiter: u8, is_whole: bool) -> bool {
    let lines = head.lines().count();
    let whole = head.lines().take(if is_whole { lines } else { lines.saturating_sub(1) });
    let mut fields = whole.flat_map(|line| line.split(char::from(delimiter))).filter(|field| field.starts_with('"'));
    let closes = |field: &str| {
        let inside = field.len().checked_sub(1).and_then(|end| field.get(1..end));
        field.ends_with('"') && inside.is_some_and(|inside| !inside.replace("\"\"", "").contains('"'))
    };
    delimiter == b',' || fields.all(closes)
}

fn rows(head: &str, delimiter: u8, quoted: bool, escaped: bool) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .quoting(quoted)
        .escape(escaped.then_some(b'\\'))
        .from_reader(head.as_bytes());
    let records = reader.records().filter_map(Result::ok);
    records.map(|record| record.iter().map(str::to_owned).collect()).take(1_000).collect()
}

/// Whether the first row names the columns: it has no numbers, no field twice, and none that a later row has in the same column.
fn has_header(rows: &[Vec<String>]) -> bool {
    let first = &rows[0];
    let lower: Vec<String> = first.iter().map(|name| name.trim().to_lowercase()).collect();
    let is_known = |name: &String| TEXT_NAMES.contains(&name.as_str()) || LABEL_NAMES.contains(&name.as_str());
    if lower.iter().any(is_known) {
        return true;
    }
    let is_number = |name: &String| name.parse::<f64>().is_ok();
    let distinct: HashSet<&String> = lower.iter().collect();
    let repeats = |column: usize| rows[1..].iter().any(|row| row[column] == first[column]);
    let is_short = first.iter().all(|name| name.chars().count() <= 40);
    rows.len() > 1
        && is_short
        && distinct.len() == first.len()
        && !lower.iter().any(is_number)
        && !(0..first.len()).any(repeats)
}

/// A column by its name, or the one with the longest fields.
fn text_column(columns: &[String], rows: &[Vec<String>], label: Option<usize>) -> usize {
    let free: Vec<usize> = (0..columns.len()).filter(|&column| Some(column) != label).collect();
    by_name(columns, &free, &TEXT_NAMES).unwrap_or_else(|| {
        let length = |column: usize| rows.iter().map(|row| row[column].chars().count()).sum::<usize>();
        free.iter().copied().max_by_key(|&column| length(column)).unwrap_or(0)
    })
}

/// A column by its name, or the one with the fewest different fields, of at least two.
fn label_column(columns: &[String], rows: &[Vec<String>], text: usize) -> usize {
    let free: Vec<usize> = (0..columns.len()).filter(|&column| column != text).collect();
    by_name(columns, &free, &LABEL_NAMES).unwrap_or_else(|| {
        let different = |column: usize| rows.iter().map(|row| &row[column]).collect::<HashSet<_>>().len();
        let order = |&column: &usize| (different(column) < 2, different(column));
        free.iter().copied().min_by_key(order).unwrap_or(usize::from(text == 0))
    })
}

fn by_name(columns: &[String], free: &[usize], names: &[&str]) -> Option<usize> {
    let places: HashMap<String, usize> =
        free.iter().rev().map(|&column| (columns[column].to_lowercase(), column)).collect();
    names.iter().find_map(|name| places.get(*name).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(head: &str) -> Table {
        table(head, true, Asked::default()).unwrap()
    }

    #[test]
    fn delimiters_headers_and_columns_are_found() {
        let table = guessed("id,review,sentiment\n1,\"good, really\",pos\n2,dull,neg\n");
        assert_eq!((table.delimiter, table.header, table.text, table.label), (b',', true, 1, 2));
        let table = guessed("0\tan odd film\n1\ta fine film\n1\tgood\n");
        assert_eq!((table.delimiter, table.header, table.text, table.label), (b'\t', false, 1, 0));
        let table = guessed("Bewertung;Wort\n5;schön, sehr schön\n1;öde, sehr öde\n5;gut\n");
        assert_eq!((table.delimiter, table.header, table.text, table.label), (b';', true, 1, 0));
        // Quotes that are letters, in a table by tabs.
        let table = guessed("1\t\"odd\n0\tso \"good\"\n1\tan odd one\n");
        assert_eq!((table.delimiter, table.quoted, table.text), (b'\t', false, 1));
        let table = guessed("text,label\n\"he said \\\"no\\\", twice\",0\nfine,1\n");
        assert_eq!((table.delimiter, table.escaped, table.text, table.label), (b',', true, 0, 1));
        // A line end in quotes is part of the text.
        let table = guessed("text,label\n\"great, really\nloved it\",pos\n\"bad, really\nhated it\",neg\n");
        assert_eq!((table.delimiter, table.quoted, table.header, table.text), (b',', true, true, 0));
        // pandas writes its index without a name.
        let table = guessed(",text,label\n0,fine,1\n1,dull,0\n");
        assert_eq!((table.header, table.text, table.label), (true, 1, 2));
    }

    #[test]
    fn columns_may_be_named_or_numbered() {
        let head = "title,body,stars,year\na,long text,5,1999\nb,another text,1,2001\n";
        let asked = |text, label| table(head, true, Asked { text, label });
        let found = asked(Some("body"), Some("year")).unwrap();
        assert_eq!((found.text, found.label), (1, 3));
        let found = asked(Some("0"), None).unwrap();
        assert_eq!((found.text, found.label), (0, 2));
        let error = asked(Some("words"), None).unwrap_err().to_string();
        assert!(error.contains("\"words\"") && error.contains("title, body, stars, year"), "{error}");
        assert!(asked(Some("body"), Some("body")).unwrap_err().to_string().contains("the same column"));
        assert!(table("one\ntwo\n", true, Asked::default()).is_err());
    }
}
