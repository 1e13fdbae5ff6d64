//! Reports as text and as Markdown.

use std::fmt;

use crate::averages::{Average, ClassScores};
use crate::bootstrap::Interval;
use crate::confusion::ConfusionMatrix;
use crate::labels_report::LabelsReport;
use crate::report::Report;

/// With more classes than this, a confusion matrix is shown as its most frequent confusions.
const MOST_CLASSES: usize = 12;
/// How many confusions, or names of classes without rows, are listed.
const LISTED: usize = 10;
/// How many letters of a name a column header shows.
const HEAD: usize = 10;

/// A line of a table of scores: name, three scores, number of rows.
type Line<'a> = (&'a str, [Option<f64>; 3], Option<u64>);

fn of_class(class: &ClassScores) -> Line<'_> {
    (&class.name, three(class.average), Some(class.support))
}

fn three(Average { precision, recall, f1 }: Average) -> [Option<f64>; 3] {
    [Some(precision), Some(recall), Some(f1)]
}

impl Report {
    fn lines(&self) -> Vec<Line<'_>> {
        let rows = Some(self.rows as u64);
        let mut lines: Vec<Line<'_>> = self.classes.iter().map(of_class).collect();
        lines.push(("accuracy", [None, None, Some(self.accuracy)], rows));
        lines.push(("macro average", three(self.macro_average), rows));
        lines.push(("weighted average", three(self.weighted_average), rows));
        lines
    }

    /// The numbers under the table, each with its name.
    fn numbers(&self) -> Vec<(String, String)> {
        let number = |value: f64| format!("{value:.4}");
        let mut numbers = vec![("Matthews correlation".to_owned(), number(self.matthews))];
        if let Some(found) = &self.probabilities {
            let none = || "none: a class has no rows".to_owned();
            numbers.push(("log loss".into(), number(found.log_loss)));
            numbers.push(("Brier score".into(), number(found.brier)));
            numbers.push(("ROC AUC".into(), found.roc_auc.map_or_else(none, number)));
            numbers.push(("PR AUC".into(), found.pr_auc.map_or_else(none, number)));
            numbers.extend(found.top_k.iter().map(|&(k, share)| (format!("top {k} accuracy"), number(share))));
        }
        if let Some(found) = &self.intervals {
            let interval = |Interval { low, high }: Interval| format!("{low:.4} to {high:.4}");
            numbers.push(("accuracy, 95 % interval".into(), interval(found.accuracy)));
            numbers.push(("macro F1, 95 % interval".into(), interval(found.macro_f1)));
            numbers.extend(found.log_loss.map(|found| ("log loss, 95 % interval".into(), interval(found))));
        }
        numbers
    }

    /// What a reader of the macro average must know, if there are classes without rows.
    fn without_rows(&self) -> Option<String> {
        let names = &self.classes_without_rows;
        let count = match names.len() {
            0 => return None,
            1 => "1 class has no rows here and counts".to_owned(),
            many => format!("{many} classes have no rows here and count"),
        };
        let listed: Vec<String> = names.iter().take(LISTED).map(|name| name.replace('\n', " ")).collect();
        let more = match names.len() - listed.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(format!("{count} as 0 in macro averages: {}{more}", listed.join(", ")))
    }

    /// The report as Markdown.
    pub fn to_markdown(&self) -> String {
        let mut text = markdown(&self.lines());
        if let Some(told) = self.without_rows() {
            text.push_str(&format!("\n{told}\n"));
        }
        text.push_str("\n| | |\n|---|---:|\n");
        for (name, value) in self.numbers() {
            text.push_str(&format!("| {name} | {value} |\n"));
        }
        text + "\n" + &self.confusion.to_markdown()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        table(f, &self.lines())?;
        if let Some(told) = self.without_rows() {
            writeln!(f, "\n{told}")?;
        }
        writeln!(f)?;
        for (name, value) in self.numbers() {
            writeln!(f, "{name:<26} {value}")?;
        }
        write!(f, "\n{}", self.confusion)
    }
}

impl LabelsReport {
    fn lines(&self) -> Vec<Line<'_>> {
        let rows = Some(self.rows as u64);
        let mut lines: Vec<Line<'_>> = self.classes.iter().map(of_class).collect();
        for (name, average) in [
            ("micro average", self.micro_average),
            ("macro average", self.macro_average),
            ("weighted average", self.weighted_average),
            ("samples average", self.samples_average),
        ] {
            lines.push((name, three(average), rows));
        }
        lines
    }

    /// The report as Markdown.
    pub fn to_markdown(&self) -> String {
        let rest = [("all labels of a row right", self.subset_accuracy), ("Hamming loss", self.hamming_loss)];
        let rest: String = rest.iter().map(|(name, value)| format!("| {name} | {value:.4} |\n")).collect();
        format!("{}\n| | |\n|---|---:|\n{rest}", markdown(&self.lines()))
    }
}

impl fmt::Display for LabelsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        table(f, &self.lines())?;
        writeln!(f, "\n{:<26} {:.4}", "all labels of a row right", self.subset_accuracy)?;
        writeln!(f, "{:<26} {:.4}", "Hamming loss", self.hamming_loss)
    }
}

fn table(f: &mut fmt::Formatter<'_>, lines: &[Line<'_>]) -> fmt::Result {
    let width = lines.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or(0);
    writeln!(f, "{:<width$} {:>10} {:>10} {:>10} {:>10}", "", "precision", "recall", "F1", "rows")?;
    for (name, scores, rows) in lines {
        write!(f, "{name:<width$}")?;
        for score in scores {
            match score {
                Some(score) => write!(f, " {score:>10.4}")?,
                None => write!(f, " {:>10}", "")?,
            }
        }
        writeln!(f, " {:>10}", rows.map_or_else(String::new, |rows| rows.to_string()))?;
    }
    Ok(())
}

fn markdown(lines: &[Line<'_>]) -> String {
    let mut text = "| class | precision | recall | F1 | rows |\n|---|---:|---:|---:|---:|\n".to_owned();
    for (name, scores, rows) in lines {
        let scores = scores.map(|score| score.map_or_else(String::new, |score| format!("{score:.4}")));
        let rows = rows.map_or_else(String::new, |rows| rows.to_string());
        text.push_str(&format!("| {} | {} | {rows} |\n", cell(name), scores.join(" | ")));
    }
    text
}

/// A name in a cell of a Markdown table.
fn cell(name: &str) -> String {
    name.replace('|', "\\|").replace('\n', " ")
}

/// A name shortened to at most `most` letters.
fn short(name: &str, most: usize) -> String {
    match name.char_indices().nth(most) {
        Some(_) => name.chars().take(most - 1).chain(['…']).collect(),
        None => name.to_owned(),
    }
}

impl ConfusionMatrix {
    /// The matrix as Markdown; for many classes, its most frequent confusions.
    pub fn to_markdown(&self) -> String {
        let names = self.class_names();
        if names.len() > MOST_CLASSES {
            let line = |(truth, predicted, rows): &(&str, &str, u64)| {
                format!("| {} | {} | {rows} |\n", cell(truth), cell(predicted))
            };
            let lines: String = self.confusions().iter().take(LISTED).map(line).collect();
            return format!("| true class | predicted | rows |\n|---|---|---:|\n{lines}");
        }
        let head: Vec<String> = names.iter().map(|name| cell(name)).collect();
        let mut text =
            format!("| true class, predicted: | {} |\n|---|{}\n", head.join(" | "), "---:|".repeat(names.len()));
        for (name, counts) in head.iter().zip(self.counts()) {
            let counts: Vec<String> = counts.iter().map(u64::to_string).collect();
            text.push_str(&format!("| {name} | {} |\n", counts.join(" | ")));
        }
        text
    }
}

/// Rows are true classes, columns are predicted classes; for many classes, the most frequent confusions are listed.
impl fmt::Display for ConfusionMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.class_names();
        if names.len() > MOST_CLASSES {
            writeln!(f, "the most frequent confusions:")?;
            for (truth, predicted, rows) in self.confusions().into_iter().take(LISTED) {
                writeln!(f, "{rows:>10}  {truth} taken for {predicted}")?;
            }
            return Ok(());
        }
        let first = "true class, predicted:";
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(first.len());
        write!(f, "{first:<width$}")?;
        for name in names {
            write!(f, " {:>HEAD$}", short(name, HEAD))?;
        }
        writeln!(f)?;
        for (name, counts) in names.iter().zip(self.counts()) {
            write!(f, "{name:<width$}")?;
            for count in counts {
                write!(f, " {count:>HEAD$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
