//! How a table is written and which of its columns are meant, from its first rows.

use std::collections::{HashMap, HashSet};

use anyhow::{Result, anyhow, bail, ensure};

/// What parts fields. Of two that fit alike the first is taken: commas also stand in texts.
const DELIMITERS: [u8; 4] = [b'\t', b';', b'|', b','];
/// Names of columns, as people write them, the most telling first.
const TEXT_NAMES: [&str; 12] = [
    "text", "sentence", "review", "comment", "document", "content", "body", "message", "tweet", "title", "question",
    "phrase",
];
const LABEL_NAMES: [&str; 18] = [
    "label",
    "labels",
    "class",
    "classes",
    "category",
    "categories",
    "sentiment",
    "target",
    "rating",
    "stars",
    "score",
    "tag",
    "tags",
    "intent",
    "intents",
    "topic",
    "topics",
    "y",
];
/// Rows by which a table is judged.
const ROWS: usize = 1_000;
/// A column with a usual name of texts is passed over for one with more than this many times its words.
const FAR_MORE: usize = 3;
/// Words that a field of texts has at least, on average.
const TEXT_WORDS: usize = 4;
/// A column that may be the labels has at most this many different fields.
const MOST_CLASSES: usize = 20;
/// Other columns that a message names.
const NAMED: usize = 3;

/// The characters by which a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    /// What encloses fields, if anything does.
    pub(crate) quote: Option<u8>,
    /// What makes the next character an ordinary one.
    pub(crate) escape: Option<u8>,
    /// Whether spaces after a delimiter are skipped.
    pub(crate) skips_spaces: bool,
}

/// How a table is written, and its first rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) dialect: Dialect,
    pub(crate) header: bool,
    /// Whether a line such as Excel's `sep=;` comes first, which is not a row.
    pub(crate) has_separator: bool,
    /// The names of the columns, or their numbers.
    pub(crate) columns: Vec<String>,
    /// The first rows, without the header and without rows of another width.
    pub(crate) rows: Vec<Vec<String>>,
}

/// A character that a table may or may not have, as it is named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(pub(crate) Option<u8>);

/// What the command line says of a table.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked<'a> {
    pub(crate) text: Option<&'a str>,
    pub(crate) label: Option<&'a str>,
    pub(crate) labels_split: Option<u8>,
    pub(crate) delimiter: Option<u8>,
    pub(crate) quote: Option<Mark>,
    pub(crate) escape: Option<Mark>,
    pub(crate) skips_spaces: bool,
    pub(crate) no_header: bool,
}

/// A delimiter of the command line.
///
/// # Errors
///
/// It is not one character of ASCII.
pub(crate) fn delimiter(named: &str) -> Result<u8, String> {
    match named {
        "tab" | "\\t" => Ok(b'\t'),
        "space" => Ok(b' '),
        other => character(other, "`tab`, `space` or one ASCII character"),
    }
}

/// A quote or an escape of the command line.
///
/// # Errors
///
/// It is neither `none` nor one character of ASCII.
pub(crate) fn mark(named: &str) -> Result<Mark, String> {
    match named {
        "none" => Ok(Mark(None)),
        other => character(other, "`none` or one ASCII character").map(|byte| Mark(Some(byte))),
    }
}

fn character(named: &str, expected: &str) -> Result<u8, String> {
    match named.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\r' | b'\n') => Ok(*byte),
        _ => Err(format!("expected {expected}, found {named:?}")),
    }
}

/// Guesses from the first bytes of a file, which end anywhere, what the command line does not say.
///
/// # Errors
///
/// No delimiter parts the lines.
pub(crate) fn table(head: &str, is_whole: bool, asked: Asked<'_>) -> Result<Table> {
    let (named, head) = separator(head).map_or((None, head), |(delimiter, rest)| (Some(delimiter), rest));
    let mut delimiters = asked.delimiter.or(named).map_or_else(|| DELIMITERS.to_vec(), |one| vec![one]);
    // Of two that fit alike, rather not the one that parts labels.
    delimiters.sort_by_key(|&delimiter| Some(delimiter) == asked.labels_split);
    let mut best: Option<(Dialect, Vec<Vec<String>>)> = None;
    for delimiter in delimiters {
        // Of several delimiters the one with most columns.
        if let Some(found) = written(head, delimiter, is_whole, asked)
            && best.as_ref().is_none_or(|best| found.1[0].len() > best.1[0].len())
        {
            best = Some(found);
        }
    }
    let Some((dialect, mut rows)) = best else {
        let is_quoted = asked.quote == Some(Mark(None)) && head.contains('"');
        bail!(
            "the lines have no columns: expected a text and a label separated by a comma, a tab, a semicolon or a \
             bar; name what separates them with --delimiter, or another format with --format{}",
            if is_quoted { "; if quotes enclose the texts, leave out `--quote none`" } else { "" }
        );
    };
    let header = has_header(&rows, asked);
    let columns: Vec<String> = match header {
        true => rows.remove(0).iter().map(|name| name.trim().to_owned()).collect(),
        false => (0..rows[0].len()).map(|column| column.to_string()).collect(),
    };
    Ok(Table { dialect, header, has_separator: named.is_some(), columns, rows })
}

/// The delimiter that a first line such as Excel's `sep=;` names, and what follows the line.
pub(crate) fn separator(text: &str) -> Option<(u8, &str)> {
    let begin = text.get(..4)?;
    let (delimiter, rest) = (*text.as_bytes().get(4)?, text.get(5..)?);
    let is_delimiter = delimiter == b'\t' || delimiter == b' ' || delimiter.is_ascii_punctuation();
    let is_line = begin.eq_ignore_ascii_case("sep=") && is_delimiter && rest.starts_with(['\r', '\n']);
    is_line.then_some((delimiter, rest))
}

impl Table {
    /// Whether a column of a header has a usual name of texts.
    pub(crate) fn names_texts(&self) -> bool {
        self.header && self.columns.iter().any(|name| TEXT_NAMES.contains(&name.to_lowercase().as_str()))
    }
}

/// The way to write a table with this delimiter that has the most rows as wide as the first, and these rows; of ways
/// that fit alike the plainest.
fn written(head: &str, delimiter: u8, is_whole: bool, asked: Asked<'_>) -> Option<(Dialect, Vec<Vec<String>>)> {
    let mut best: Option<(Dialect, Vec<Vec<String>>)> = None;
    for dialect in ways(head, delimiter, asked) {
        if let Some(found) = of_one_width(rows(head, dialect), is_whole)
            && best.as_ref().is_none_or(|(_, most)| found.len() > most.len())
        {
            best = Some((dialect, found));
        }
    }
    best
}

/// The ways to write a table with this delimiter, the plainest first.
fn ways(head: &str, delimiter: u8, asked: Asked<'_>) -> Vec<Dialect> {
    let quotes = match asked.quote {
        Some(Mark(quote)) => vec![quote],
        // Between commas quotes always enclose fields; between tabs and such they may be ordinary characters.
        None if delimiter == b',' => vec![Some(b'"')],
        None => vec![Some(b'"'), None],
    };
    let escapes = match asked.escape {
        Some(Mark(escape)) => vec![escape],
        None if head.contains('\\') => vec![None, Some(b'\\')],
        None => vec![None],
    };
    let spaces = if asked.skips_spaces {
        vec![true]
    } else if head.contains(&format!("{} \"", char::from(delimiter))) {
        vec![false, true]
    } else {
        vec![false]
    };
    let mut ways = Vec::new();
    for skips_spaces in spaces {
        for &escape in &escapes {
            ways.extend(quotes.iter().map(|&quote| Dialect { delimiter, quote, escape, skips_spaces }));
        }
    }
    ways
}

/// The rows as wide as the first, if nearly all are, and there are two columns at least.
fn of_one_width(mut rows: Vec<Option<Vec<String>>>, is_whole: bool) -> Option<Vec<Vec<String>>> {
    if !is_whole && rows.len() > 1 {
        rows.pop();
    }
    let all = rows.len();
    let mut rows: Vec<Vec<String>> = rows.into_iter().flatten().collect();
    let width = rows.first()?.len();
    rows.retain(|row| row.len() == width);
    (width >= 2 && rows.len() * 10 >= all * 9).then_some(rows)
}

/// Which columns hold texts and labels.
///
/// # Errors
///
/// There are fewer than two, or one that is named is not there.
pub(crate) fn columns(columns: &[String], rows: &[Vec<String>], asked: Asked<'_>) -> Result<(usize, usize)> {
    ensure!(columns.len() >= 2, "expected a text and a label, found only {}", columns.join(", "));
    let text = asked.text.map(|name| named(columns, name)).transpose()?;
    let label = asked.label.map(|name| named(columns, name)).transpose()?;
    ensure!(text.is_none() || text != label, "text and label are the same column, {}", columns[text.unwrap_or(0)]);
    let text = text.unwrap_or_else(|| text_column(columns, rows, label));
    Ok((text, label.unwrap_or_else(|| label_column(columns, rows, text))))
}

/// Which column holds texts, where labels are not needed.
///
/// # Errors
///
/// The one that is named is not there.
pub(crate) fn text(columns: &[String], rows: &[Vec<String>], asked: Asked<'_>) -> Result<usize> {
    asked.text.map_or_else(|| Ok(text_column(columns, rows, None)), |name| named(columns, name))
}

fn named(columns: &[String], name: &str) -> Result<usize> {
    let found = columns.iter().position(|column| column == name);
    let found = found.or_else(|| name.parse().ok().filter(|&number: &usize| number < columns.len()));
    found.ok_or_else(|| {
        let is_near = |column: &&String| column.trim().to_lowercase() == name.trim().to_lowercase();
        let advice = match columns.iter().find(is_near) {
            Some(near) => format!("; did you mean {near:?}?"),
            None if name.parse::<usize>().is_ok() => format!("; numbers go from 0 to {}", columns.len().max(1) - 1),
            None => String::new(),
        };
        anyhow!("there is no column {name:?}; there are {}{advice}", columns.join(", "))
    })
}

/// What the command line calls a column: its name, or its number if one before it has that name too.
pub(crate) fn option(columns: &[String], column: usize) -> String {
    let name = &columns[column];
    if columns[..column].contains(name) { column.to_string() } else { name.clone() }
}

/// Which columns would also do, where the columns were guessed, and the options that choose them. `label` is `None`
/// where labels are not needed.
pub(crate) fn others(
    columns: &[String],
    rows: &[Vec<String>],
    asked: Asked<'_>,
    text: usize,
    label: Option<usize>,
) -> String {
    let free: Vec<usize> = (0..columns.len()).filter(|&column| column != text && Some(column) != label).collect();
    let mut told = String::new();
    let has_texts = |column: &usize| !rows.is_empty() && words(rows, *column) >= TEXT_WORDS * rows.len();
    let most = free.iter().copied().filter(has_texts).max_by_key(|&column| words(rows, column));
    if let (None, Some(other)) = (asked.text, most) {
        let name = &columns[other];
        told += &format!(
            "; another column, {name:?}, has texts too; choose it with --text {}",
            argument(&option(columns, other))
        );
    }
    if let (None, Some(label)) = (asked.label, label) {
        let is_usual = |column: usize| LABEL_NAMES.contains(&columns[column].to_lowercase().as_str());
        let is_like_labels = |column: usize| {
            let different = different(rows, column);
            (2..=MOST_CLASSES).contains(&different) && 2 * different <= rows.len() && !is_sparse(rows, column)
        };
        let would_do = |&column: &usize| if is_usual(label) { is_usual(column) } else { is_like_labels(column) };
        let found: Vec<usize> = free.iter().copied().filter(would_do).take(NAMED).collect();
        if let Some(&first) = found.first() {
            let shown: Vec<String> = found.iter().map(|&column| format!("{:?}", columns[column])).collect();
            told += &format!("; {} would also do: --label {}", shown.join(" or "), argument(&option(columns, first)));
        }
    }
    told
}

/// A name as it is typed in a shell.
fn argument(name: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
    if !name.is_empty() && name.chars().all(is_plain) { name.to_owned() } else { format!("{name:?}") }
}

/// Where in a row a character is.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    FieldStart,
    Plain,
    Quoted,
    /// After a quote in a quoted field, which closes it unless another quote follows.
    Closed,
}

/// The first rows by the rules of `DelimitedCorpus`, which reads the file later: `None` for a row with text after a
/// closing quote, or with a quote that is not closed.
fn rows(head: &str, dialect: Dialect) -> Vec<Option<Vec<String>>> {
    let is_line_end = |letter: char| matches!(letter, '\r' | '\n');
    let mut rows = Vec::new();
    let mut rest = head.trim_start_matches(is_line_end);
    while !rest.is_empty() && rows.len() < ROWS {
        let (row, length) = row(rest, dialect);
        rows.push(row);
        rest = rest[length..].trim_start_matches(is_line_end);
    }
    rows
}

/// The row at the beginning, and how many bytes it has. After text that follows a closing quote, reading goes on with
/// the next line.
pub(crate) fn row(text: &str, dialect: Dialect) -> (Option<Vec<String>>, usize) {
    let is = |letter: char, mark: Option<u8>| mark.is_some_and(|mark| letter == char::from(mark));
    let (mut fields, mut field, mut place) = (Vec::new(), String::new(), Place::FieldStart);
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        let is_quote = is(letter, dialect.quote);
        match place {
            _ if place != Place::Closed && is(letter, dialect.escape) => {
                field.extend(letters.next().map(|(_, escaped)| escaped));
                if place == Place::FieldStart {
                    place = Place::Plain;
                }
            }
            Place::FieldStart if is_quote => place = Place::Quoted,
            Place::FieldStart if dialect.skips_spaces && letter == ' ' => {}
            Place::Quoted if is_quote => place = Place::Closed,
            Place::Quoted => field.push(letter),
            Place::Closed if is_quote => {
                field.push(letter);
                place = Place::Quoted;
            }
            _ if is(letter, Some(dialect.delimiter)) => {
                fields.push(std::mem::take(&mut field));
                place = Place::FieldStart;
            }
            _ if matches!(letter, '\r' | '\n') => {
                fields.push(field);
                return (Some(fields), at);
            }
            Place::Closed => return (None, text.find(['\r', '\n']).unwrap_or(text.len())),
            Place::FieldStart | Place::Plain => {
                field.push(letter);
                place = Place::Plain;
            }
        }
    }
    fields.push(field);
    ((place != Place::Quoted).then_some(fields), text.len())
}

/// Whether the first row names the columns. It does if it has a column of the command line, or a usual name of one that
/// does not occur again below it; else if it has no numbers, no field twice, and none that a later row has in the same
/// column. Columns without a name do not count, but two should have one.
fn has_header(rows: &[Vec<String>], asked: Asked<'_>) -> bool {
    if asked.no_header {
        return false;
    }
    let (first, below) = (&rows[0], &rows[1..]);
    let lower: Vec<String> = first.iter().map(|name| name.trim().to_lowercase()).collect();
    let is_asked_for = |name: &str| name.parse::<usize>().is_err() && lower.contains(&name.trim().to_lowercase());
    let is_usual = |column: usize| {
        let name = lower[column].as_str();
        let is_again = |row: &Vec<String>| row[column].trim().to_lowercase() == name;
        (TEXT_NAMES.contains(&name) || LABEL_NAMES.contains(&name)) && !below.iter().any(is_again)
    };
    if [asked.text, asked.label].into_iter().flatten().any(is_asked_for) || (0..first.len()).any(is_usual) {
        return true;
    }
    let is_number = |name: &String| name.parse::<f64>().is_ok();
    let names: Vec<&String> = lower.iter().filter(|name| !name.is_empty()).collect();
    let distinct: HashSet<&&String> = names.iter().collect();
    let repeats = |column: usize| !lower[column].is_empty() && below.iter().any(|row| row[column] == first[column]);
    let is_short = first.iter().all(|name| name.chars().count() <= 40);
    !below.is_empty()
        && is_short
        && names.len() >= 2
        && distinct.len() == names.len()
        && !lower.iter().any(is_number)
        && !(0..first.len()).any(repeats)
}

/// The column with the most words, or one with a usual name if no other has far more.
fn text_column(columns: &[String], rows: &[Vec<String>], label: Option<usize>) -> usize {
    let free: Vec<usize> = (0..columns.len()).filter(|&column| Some(column) != label).collect();
    let length = |column: usize| rows.iter().map(|row| row[column].chars().count()).sum::<usize>();
    let size = |&column: &usize| (words(rows, column), length(column));
    let Some(named) = by_name(columns, &free, &TEXT_NAMES) else {
        return free.iter().copied().max_by_key(size).unwrap_or(0);
    };
    // Fields that repeat are labels, however long they are.
    let may_be_texts = |&column: &usize| 2 * different(rows, column) > rows.len();
    let most = free.iter().copied().filter(may_be_texts).max_by_key(size).unwrap_or(named);
    if words(rows, most) > FAR_MORE * words(rows, named) { most } else { named }
}

/// How many words a column has. Words with digits do not count: they are dates, numbers and keys. Of scripts without
/// spaces two characters count as a word.
fn words(rows: &[Vec<String>], column: usize) -> usize {
    let is_word = |word: &&str| word.contains(char::is_alphabetic) && !word.contains(|c: char| c.is_ascii_digit());
    let count = |word: &str| 1 + word.chars().filter(|&letter| letter >= '\u{e00}').count() / 2;
    rows.iter().flat_map(|row| row[column].split_whitespace()).filter(is_word).map(count).sum()
}

/// How many different fields a column has, apart from empty ones.
fn different(rows: &[Vec<String>], column: usize) -> usize {
    let fields = rows.iter().map(|row| row[column].trim()).filter(|field| !field.is_empty());
    fields.collect::<HashSet<_>>().len()
}

/// Whether most fields of a column are empty.
fn is_sparse(rows: &[Vec<String>], column: usize) -> bool {
    2 * rows.iter().filter(|row| row[column].trim().is_empty()).count() > rows.len()
}

/// A column by its name, or the one with the fewest different fields, of at least two.
fn label_column(columns: &[String], rows: &[Vec<String>], text: usize) -> usize {
    let free: Vec<usize> = (0..columns.len()).filter(|&column| column != text).collect();
    by_name(columns, &free, &LABEL_NAMES).unwrap_or_else(|| {
        let order = |&column: &usize| {
            let different = different(rows, column);
            (different < 2, is_sparse(rows, column), different)
        };
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

    /// The text's and the label's column.
    fn picked(table: &Table) -> (usize, usize) {
        columns(&table.columns, &table.rows, Asked::default()).unwrap()
    }

    #[test]
    fn delimiters_headers_and_columns_are_found() {
        for (head, delimiter, header, of_text, of_label) in [
            ("id,review,sentiment\n1,\"good, really\",pos\n2,dull,neg\n", b',', true, 1, 2),
            ("0\tan odd film\n1\ta fine film\n1\tgood\n", b'\t', false, 1, 0),
            ("Bewertung;Wort\n5;schön, sehr schön\n1;öde, sehr öde\n5;gut\n", b';', true, 1, 0),
            // Excel's: quotes that enclose delimiters and quotes.
            ("Text;Wert\n\"so; \"\"nun\"\"\";1\n\"ach; ja\";0\n", b';', true, 0, 1),
            // A line end in quotes is part of the text.
            ("text,label\n\"great, really\nloved it\",pos\n\"bad, really\nhated it\",neg\n", b',', true, 0, 1),
            // pandas writes its index without a name.
            (",text,label\n0,fine,1\n1,dull,0\n", b',', true, 1, 2),
            // Kaggle's, with columns that have no name.
            ("v1,v2,,,\nham,see you at noon,,,\nspam,win a prize,now,,\nham,so late,,,\n", b',', true, 1, 0),
            (
                "Class Index,Title,Description\n3,Oil up,\"Prices of oil rose again, and will rise more, they say\"\n\
              4,New phone,\"A maker of phones shows one that folds, and says when it comes\"\n\
              3,Oil down,\"Prices of oil fell today, as those who know had said they would\"\n",
                b',',
                true,
                2,
                0,
            ),
            (
                "uuid,utterance,klass\n9f1c2d3e-aaaa,play a song,music\n8e1c2d3e-bbbb,wake me,alarm\n\
              7d1c2d3e-cccc,play it,music\n",
                b',',
                true,
                1,
                2,
            ),
            ("sep=|\r\nText|Wert\r\nso, nun|1\r\nach, ja|0\r\n", b'|', true, 0, 1),
            // Of several labels per text.
            ("id,plot,tags\n1,a fine and sad film,x;y\n2,a new film of two hours,y\n", b',', true, 1, 2),
            // Classes and texts that are also names of columns.
            ("y,works well\nn,broke\ny,quiet and quick\n", b',', false, 1, 0),
            ("question\thow far is it\nanswer\ttwo miles\nquestion\twhere to\n", b'\t', false, 1, 0),
        ] {
            let table = guessed(head);
            assert_eq!((table.dialect.delimiter, table.header), (delimiter, header), "{head}");
            assert_eq!(picked(&table), (of_text, of_label), "{head}");
        }
        let rows = "a,b\nx,y\nz,w\n";
        assert!(guessed(rows).header);
        assert!(!table(rows, true, Asked { no_header: true, ..Asked::default() }).unwrap().header);
    }

    #[test]
    fn quotes_and_escapes_are_taken_as_more_rows_fit() {
        let of = |head: &str| {
            let Dialect { quote, escape, skips_spaces, .. } = guessed(head).dialect;
            (quote.is_some(), escape.is_some(), skips_spaces)
        };
        // Quotes that are letters, in a table by tabs.
        assert_eq!(of("1\t\"odd\n0\tso \"good\"\n1\tan odd one\n"), (false, false, false));
        assert_eq!(of("text,label\n\"he said \\\"no\\\", twice\",0\nfine,1\n"), (true, true, false));
        assert_eq!(of("text,label\n\"he said \\\"no\\\" twice\",0\nfine,1\n"), (true, true, false));
        // A backslash at the end of a text, and one before a doubled quote.
        assert_eq!(of("text,label\n\"a path, C:\\\",0\n\"fine, really\",1\n"), (true, false, false));
        assert_eq!(of("text,label\n\"K\\\"\"onig, so\",0\n\"fine, really\",1\n"), (true, false, false));
        assert_eq!(of("text, label\nfine, 1\n\"so, so\", 0\n0, \"so, so\"\n"), (true, false, true));
    }

    #[test]
    fn the_command_line_is_heard() {
        let asked = Asked { delimiter: Some(b':'), quote: Some(Mark(Some(b'\''))), ..Asked::default() };
        let read = table("text:label\n'so: so':0\nfine:1\n", true, asked).unwrap();
        assert_eq!(read.rows, [["so: so", "0"], ["fine", "1"]]);
        assert_eq!((delimiter("tab"), delimiter("\\t"), delimiter("|")), (Ok(b'\t'), Ok(b'\t'), Ok(b'|')));
        assert_eq!((mark("none"), mark("'")), (Ok(Mark(None)), Ok(Mark(Some(b'\'')))));
        assert!(delimiter("ab").unwrap_err().contains("\"ab\"") && mark("é").is_err());
    }

    #[test]
    fn of_two_delimiters_that_fit_alike_the_one_that_parts_labels_comes_last() {
        let of = |labels_split| {
            let asked = Asked { labels_split, ..Asked::default() };
            table("a film,sad;new\na book,sad;short\n", true, asked).unwrap().dialect.delimiter
        };
        assert_eq!((of(None), of(Some(b';'))), (b';', b','));
    }

    #[test]
    fn columns_may_be_named_or_numbered() {
        let head = "title,body,stars,year\na,long text,5,1999\nb,another text,1,2001\n";
        let of = |text, label| {
            let asked = Asked { text, label, ..Asked::default() };
            let table = table(head, true, asked).unwrap();
            columns(&table.columns, &table.rows, asked)
        };
        assert_eq!(of(Some("body"), Some("year")).unwrap(), (1, 3));
        assert_eq!(of(Some("0"), None).unwrap(), (0, 2));
        let error = of(Some("words"), None).unwrap_err().to_string();
        assert!(error.contains("\"words\"") && error.contains("title, body, stars, year"), "{error}");
        let error = of(Some("Body "), None).unwrap_err().to_string();
        assert!(error.contains("did you mean \"body\"?"), "{error}");
        let error = of(None, Some("7")).unwrap_err().to_string();
        assert!(error.contains("numbers go from 0 to 3"), "{error}");
        assert!(of(Some("body"), Some("body")).unwrap_err().to_string().contains("the same column"));
        assert!(table("one\ntwo\n", true, Asked::default()).is_err());
    }
}
