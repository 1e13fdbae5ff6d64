//! [`ConfusionMatrix`]: which classes are mistaken for which.

use serde::Serialize;

use crate::averages::Counts;
use crate::error::{Error, Result};

/// How many rows of each class were predicted as each class: one row per true class, one column per predicted class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfusionMatrix {
    class_names: Vec<String>,
    counts: Vec<Vec<u64>>,
}

impl ConfusionMatrix {
    /// Counts rows by their true and their predicted class. A class is an index into the names.
    ///
    /// # Errors
    ///
    /// There are no rows or fewer than two names, truth and predictions differ in length, or a class has no name.
    pub fn new<N: AsRef<str>>(class_names: &[N], truth: &[u32], predicted: &[u32]) -> Result<Self> {
        let classes = class_names.len();
        check(classes, truth)?;
        check_classes(classes, predicted, "the prediction")?;
        let (what, expected, found) = ("the number of predictions", truth.len(), predicted.len());
        if expected != found {
            return Err(Error::Length { what, expected, found });
        }
        let mut counts = vec![vec![0; classes]; classes];
        for (&truth, &predicted) in truth.iter().zip(predicted) {
            counts[truth as usize][predicted as usize] += 1;
        }
        Ok(Self { class_names: class_names.iter().map(|name| name.as_ref().to_owned()).collect(), counts })
    }

    /// The names of the classes.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// The counts, `[true class][predicted class]`.
    pub fn counts(&self) -> &[Vec<u64>] {
        &self.counts
    }

    /// The pairs of different classes that are confused: true class, predicted class, number of rows. The most frequent
    /// come first.
    pub fn confusions(&self) -> Vec<(&str, &str, u64)> {
        let mut all: Vec<(usize, usize, u64)> = Vec::new();
        for (truth, row) in self.counts.iter().enumerate() {
            let wrong = row.iter().enumerate().filter(|&(class, &count)| class != truth && count > 0);
            all.extend(wrong.map(|(class, &count)| (truth, class, count)));
        }
        all.sort_by_key(|&(truth, class, count)| (std::cmp::Reverse(count), truth, class));
        all.into_iter()
            .map(|(truth, class, count)| (&*self.class_names[truth], &*self.class_names[class], count))
            .collect()
    }

    /// The counts from which each class's scores are computed.
    pub(crate) fn by_class(&self) -> Vec<Counts> {
        let predicted = |class: usize| self.counts.iter().map(|row| row[class]).sum();
        let of = |class: usize| Counts {
            right: self.counts[class][class],
            predicted: predicted(class),
            there: self.counts[class].iter().sum(),
        };
        (0..self.counts.len()).map(of).collect()
    }

    /// The Matthews correlation, defined for any number of classes as by Gorodkin (2004).
    pub(crate) fn matthews(&self) -> f64 {
        let classes = self.by_class();
        let sum = |of: &dyn Fn(&Counts) -> f64| classes.iter().map(of).sum::<f64>();
        let (right, rows) = (sum(&|class| class.right as f64), sum(&|class| class.there as f64));
        let covariance = right * rows - sum(&|class| class.there as f64 * class.predicted as f64);
        let of_predicted = rows * rows - sum(&|class| (class.predicted as f64).powi(2));
        let of_truth = rows * rows - sum(&|class| (class.there as f64).powi(2));
        let both = of_predicted * of_truth;
        if both == 0.0 { 0.0 } else { covariance / both.sqrt() }
    }
}

/// # Errors
///
/// There are no rows or fewer than two classes, or a row's class is out of range.
pub(crate) fn check(classes: usize, truth: &[u32]) -> Result<()> {
    if classes < 2 {
        return Err(Error::TooFewClasses { found: classes });
    }
    if truth.is_empty() {
        return Err(Error::NoRows);
    }
    check_classes(classes, truth, "the truth")
}

fn check_classes(classes: usize, of_rows: &[u32], what: &'static str) -> Result<()> {
    match of_rows.iter().position(|&class| class as usize >= classes) {
        Some(row) => Err(Error::UnknownClass { row, what, class: of_rows[row], classes }),
        None => Ok(()),
    }
}
