//! Texts with their labels, as a file holds them: which labels there are, in which order, and what is wrong with them.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Result, bail, ensure};
use kiln::text::corpora::{Document, Documents};

use super::{Labelled, SPLIT, cut};

/// More labels than these are most likely not labels, if a label has fewer than ten rows on average.
const MOST_LABELS: usize = 1_000;
/// The same if there are more than half as many labels as rows.
const MOST_SINGLE_LABELS: usize = 20;
/// A class with fewer texts is named.
const FEW_TEXTS: usize = 3;

/// A text and its labels.
#[derive(Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) text: String,
    /// Indices into the names, in order, each once.
    pub(crate) labels: Vec<u32>,
}

/// Texts and their labels, in the order of a file.
#[derive(Debug, PartialEq)]
pub(crate) struct Rows {
    pub(crate) rows: Vec<Row>,
    /// The names of the labels.
    pub(crate) names: Vec<String>,
    /// Whether a text may have any number of labels; else each text has one.
    pub(crate) has_several: bool,
}

impl Rows {
    pub(crate) fn texts(&self) -> impl ExactSizeIterator<Item = &str> + Clone + '_ {
        self.rows.iter().map(|row| row.text.as_str())
    }

    /// How many texts each label has.
    pub(crate) fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.names.len()];
        self.rows.iter().flat_map(|row| &row.labels).for_each(|&label| counts[label as usize] += 1);
        counts
    }

    /// How many texts have no label.
    pub(crate) fn without_labels(&self) -> usize {
        self.rows.iter().filter(|row| row.labels.is_empty()).count()
    }

    /// Whether each text has each label, text by text.
    pub(crate) fn truth(&self) -> Vec<bool> {
        let mut truth = vec![false; self.rows.len() * self.names.len()];
        for (of_row, row) in truth.chunks_mut(self.names.len().max(1)).zip(&self.rows) {
            row.labels.iter().for_each(|&label| of_row[label as usize] = true);
        }
        truth
    }

    /// The same texts, each with its one label.
    ///
    /// # Errors
    ///
    /// There are no texts, or fewer than two names.
    pub(crate) fn into_documents(self) -> Result<Documents> {
        let document = |Row { text, labels }| Document { text, label: labels.first().copied().unwrap_or_default() };
        Ok(Documents::new(self.rows.into_iter().map(document).collect(), self.names)?)
    }

    /// What is odd about texts that may have any number of labels, for a person.
    pub(super) fn odd(&self) -> &'static str {
        let has_one = self.has_several && self.rows.iter().all(|row| row.labels.len() < 2);
        if has_one { "; no text has more than one" } else { "" }
    }

    /// The labels that look like a list as Python prints it, for a person.
    pub(super) fn lists(&self) -> String {
        let printed = self.names.iter().find(|name| name.starts_with("['") || name.starts_with("[\""));
        printed.map_or_else(String::new, |name| {
            format!(
                "; labels such as {} are lists as Python prints them: write lists of JSON, or the labels with a \
                 character between them, which --labels-split names",
                cut(name)
            )
        })
    }

    /// The labels with very few texts, for a person.
    pub(super) fn small(&self) -> String {
        let mut small: Vec<(&String, usize)> = self.names.iter().zip(self.counts()).collect();
        small.retain(|&(_, count)| count < FEW_TEXTS);
        let shown: Vec<String> = small.iter().take(3).map(|(name, count)| format!("{} ({count})", cut(name))).collect();
        let what = if self.has_several { "labels" } else { "classes" };
        match small.len() {
            0 => String::new(),
            many if many > 3 => format!("; {what} of only 1 or 2 texts: {} and {} more", shown.join(", "), many - 3),
            _ => format!("; {what} of only 1 or 2 texts: {}", shown.join(", ")),
        }
    }
}

/// Labels numbered by first appearance.
#[derive(Default)]
pub(super) struct Numbers {
    numbers: HashMap<String, u32>,
    pub(super) names: Vec<String>,
}

impl Numbers {
    pub(super) fn of(&mut self, label: &str) -> u32 {
        let label = label.trim();
        if let Some(&number) = self.numbers.get(label) {
            return number;
        }
        let number = self.names.len() as u32;
        self.numbers.insert(label.to_owned(), number);
        self.names.push(label.to_owned());
        number
    }

    /// The labels of a list, apart from empty ones.
    pub(super) fn of_each<'a>(&mut self, labels: impl IntoIterator<Item = &'a str>) -> Vec<u32> {
        labels.into_iter().filter(|label| !label.trim().is_empty()).map(|label| self.of(label)).collect()
    }

    /// The label of a field, or the labels that `split` parts in it.
    pub(super) fn of_field(&mut self, field: &str, split: Option<u8>) -> Vec<u32> {
        match split {
            Some(split) => self.of_each(field.split(char::from(split))),
            None => vec![self.of(field)],
        }
    }
}

/// Refuses rows with an empty label, and with one that cannot be printed.
pub(super) fn check(path: &Path, read: &Labelled) -> Result<()> {
    let Labelled { texts, labels, names: found, has_several, columns, .. } = read;
    let (path, rows) = (path.display(), labels.len());
    ensure!(rows > 0, "{path} has no rows: expected texts and labels");
    let counted = "(counted from 1, without the header)";
    let empty: Vec<bool> = found.iter().map(String::is_empty).collect();
    let mut without = (0..rows).filter(|&row| labels[row].iter().any(|&label| empty[label as usize]));
    if let Some(first) = without.next() {
        let count = 1 + without.count();
        let (have, begin) = (if count == 1 { "has" } else { "have" }, cut(&texts[first]));
        // Texts may have any number of labels, and the option was forgotten.
        let are_joined = !has_several && columns.is_some() && found.iter().any(|name| name.contains([';', '|', ',']));
        let split = if are_joined { SPLIT } else { "" };
        bail!(
            "{path}: {count} of {rows} rows {have} no label, the first is row {} {counted}, its text begins with \
             {begin}: fill them in, or remove them{split}",
            first + 1
        );
    }
    let bad = |row: usize| {
        let mut names = labels[row].iter().map(|&label| &found[label as usize]);
        Some((row, names.find(|name| name.contains(char::is_control))?))
    };
    if let Some((row, label)) = (0..rows).find_map(bad) {
        let what = if label.contains(['\r', '\n']) { "a line break" } else { "a control character" };
        bail!(
            "{path}: the label of row {} {counted} has {what} in it, found {}: a quote before it may not be closed, or \
             another column holds the labels; repair the row, or name the column with --label",
            row + 1,
            cut(label)
        );
    }
    Ok(())
}

/// The labels of a file, in order: numbers by size, others by letters.
pub(super) fn names(path: &Path, read: &Labelled) -> Result<Vec<String>> {
    let (mut names, rows) = (read.names.clone(), read.labels.len());
    names.sort_unstable();
    if names.iter().all(|name| name.parse::<f64>().is_ok()) {
        let number = |name: &String| name.parse::<f64>().unwrap_or(0.0);
        names.sort_by(|a, b| number(a).total_cmp(&number(b)));
    }
    let (path, many) = (path.display(), names.len());
    ensure!(many > 0, "none of the {rows} rows of {path} has a label: is this the column of the labels?");
    // One label tells something only if some texts do not have it.
    let are_alike = many == 1 && read.labels.iter().all(|of_row| !of_row.is_empty());
    ensure!(!are_alike, "all {rows} rows of {path} are of class {}: is this the column of the labels?", cut(&names[0]));
    let are_too_many = (many > MOST_LABELS && many * 10 > rows) || (many > MOST_SINGLE_LABELS && many * 2 > rows);
    ensure!(
        !are_too_many,
        "{path} has {many} different labels in {rows} rows, such as {}: this is most likely not the column of the \
         labels; name it with --label",
        cut(&names[0])
    );
    Ok(names)
}

impl Labelled {
    /// The texts with labels that are indices into `names`, which hold every label that was found.
    pub(super) fn into_rows(self, names: Vec<String>, has_several: bool) -> Rows {
        let places: HashMap<&str, u32> =
            names.iter().enumerate().map(|(at, name)| (name.as_str(), at as u32)).collect();
        let places: Vec<u32> = self.names.iter().map(|name| places[name.as_str()]).collect();
        let row = |(text, labels): (String, Vec<u32>)| {
            let mut labels: Vec<u32> = labels.into_iter().map(|label| places[label as usize]).collect();
            labels.sort_unstable();
            labels.dedup();
            Row { text, labels }
        };
        let rows = self.texts.into_iter().zip(self.labels).map(row).collect();
        Rows { rows, names, has_several }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts named by their place, with these fields of labels.
    fn labelled(fields: &[&str], split: Option<u8>) -> Labelled {
        let mut numbers = Numbers::default();
        let labels: Vec<Vec<u32>> = fields.iter().map(|field| numbers.of_field(field, split)).collect();
        Labelled {
            texts: (0..labels.len()).map(|row| row.to_string()).collect(),
            labels,
            names: numbers.names,
            has_several: split.is_some(),
            told: String::new(),
            columns: None,
        }
    }

    #[test]
    fn the_labels_of_a_field_are_parted_put_in_order_and_counted_once() {
        let path = Path::new("x");
        let read = labelled(&["new; sad", "", ";sad;sad ;", "short;new"], Some(b';'));
        check(path, &read).unwrap();
        let names = names(path, &read).unwrap();
        assert_eq!(names, ["new", "sad", "short"]);
        let rows = read.into_rows(names, true);
        let labels: Vec<&[u32]> = rows.rows.iter().map(|row| row.labels.as_slice()).collect();
        assert_eq!(labels, [&[0, 1][..], &[], &[1], &[0, 2]]);
        assert_eq!((rows.counts(), rows.without_labels()), (vec![2, 2, 1], 1));
        let (yes, no) = (true, false);
        assert_eq!(rows.truth(), [yes, yes, no, no, no, no, no, yes, no, yes, no, yes]);
        assert_eq!(rows.small(), "; labels of only 1 or 2 texts: \"new\" (2), \"sad\" (2), \"short\" (1)");
    }

    #[test]
    fn one_label_by_itself_is_enough_if_some_texts_do_not_have_it() {
        let names_of = |fields: &[&str], split| names(Path::new("x"), &labelled(fields, split));
        assert_eq!(names_of(&["a", "", "a"], Some(b';')).unwrap(), ["a"]);
        assert!(names_of(&["a", "a"], Some(b';')).unwrap_err().to_string().contains("are of class \"a\""));
        assert!(names_of(&["", ""], Some(b';')).unwrap_err().to_string().contains("none of the 2 rows of x has a"));
        assert!(names_of(&["a", "a"], None).unwrap_err().to_string().contains("are of class \"a\""));
        let error = check(Path::new("x"), &labelled(&["a", " ", "b"], None)).unwrap_err().to_string();
        assert!(error.contains("1 of 3 rows has no label, the first is row 2 "), "{error}");
        assert!(!error.contains("--labels-split"), "{error}");
    }

    #[test]
    fn labels_that_are_written_in_another_way_than_is_read_are_told_of() {
        let columns = Some(["text", "label"].map(str::to_owned));
        let read = Labelled { columns, ..labelled(&["a;b", "", "b"], None) };
        let error = check(Path::new("x"), &read).unwrap_err().to_string();
        assert!(error.contains("or remove them; if a field holds several, name what separates them with"), "{error}");
        let told = |fields: &[&str], split| {
            let read = labelled(fields, split);
            let names = names(Path::new("x"), &read).unwrap();
            let rows = read.into_rows(names, split.is_some());
            format!("{}{}", rows.odd(), rows.lists())
        };
        assert_eq!(told(&["a;b", "", "b"], Some(b'|')), "; no text has more than one");
        assert_eq!(told(&["a;b", "", "b"], Some(b';')), "");
        assert_eq!(told(&["a", "b", "b"], None), "");
        let lists = told(&["['a']", "['a', 'b']", "[]"], None);
        assert!(lists.starts_with("; labels such as \"['a', 'b']\" are lists as Python prints them"), "{lists}");
        assert!(told(&["[sic]", "[music]"], None).is_empty());
    }
}
