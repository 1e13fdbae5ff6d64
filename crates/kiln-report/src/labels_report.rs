//! [`LabelsReport`]: the report of a classifier whose rows can have several labels.

use kiln_base::OptionError;
use serde::Serialize;

use crate::averages::{Average, ClassScores, Counts, mean, micro};
use crate::error::{Error, Result};
use crate::{probabilities, ranking};

/// How well a classifier predicts the labels of rows that have none, one or several. `Display` shows it as a table.
///
/// # Examples
///
/// ```
/// use kiln_report::LabelsReport;
///
/// // Two rows of three labels.
/// let truth = [true, false, true, false, true, false];
/// let probabilities = [0.9, 0.2, 0.4, 0.1, 0.8, 0.6];
/// let report = LabelsReport::new(&["sad", "short", "new"], &truth, &probabilities, &[0.5])?;
/// assert_eq!(report.hamming_loss, 2.0 / 6.0);
/// assert_eq!(report.subset_accuracy, 0.0);
/// # Ok::<(), kiln_report::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabelsReport {
    /// How many rows there were.
    pub rows: usize,
    /// The scores of each label.
    pub classes: Vec<ClassScores>,
    /// The average over all labels of all rows together.
    pub micro_average: Average,
    /// The mean over labels, all weighted equally.
    pub macro_average: Average,
    /// The mean over labels, each weighted by its number of rows.
    pub weighted_average: Average,
    /// The mean over rows.
    pub samples_average: Average,
    /// The share of rows whose labels are all correct.
    pub subset_accuracy: f64,
    /// The share of wrong labels.
    pub hamming_loss: f64,
}

impl LabelsReport {
    /// Evaluates probabilities, `[rows][labels]` in one slice. Labels are independent of each other. A label is
    /// predicted if its probability is at least its threshold; give one threshold for all labels, or one per label.
    ///
    /// # Errors
    ///
    /// There are no rows or no names, the numbers of truths, probabilities and thresholds do not match, or a
    /// probability or threshold is not from 0 to 1.
    pub fn new<N: AsRef<str>>(
        class_names: &[N],
        truth: &[bool],
        probabilities: &[f64],
        thresholds: &[f64],
    ) -> Result<Self> {
        let classes = class_names.len();
        if classes == 0 {
            return Err(Error::NoLabels);
        }
        let (rows, rest) = (truth.len() / classes, truth.len() % classes);
        if rows == 0 || rest > 0 {
            let (what, expected) = ("the number of truths", (rows + 1) * classes);
            return if truth.is_empty() {
                Err(Error::NoRows)
            } else {
                Err(Error::Length { what, expected, found: truth.len() })
            };
        }
        probabilities::check(rows, classes, probabilities, false)?;
        if let Some(&threshold) = thresholds.iter().find(|threshold| !(0.0..=1.0).contains(*threshold)) {
            return Err(OptionError::new("thresholds", "probabilities from 0 to 1", threshold).into());
        }
        let threshold = |class: usize| match thresholds {
            [of_all] => Some(*of_all),
            of_each => of_each.get(class).copied().filter(|_| of_each.len() == classes),
        };
        let mut counts = vec![Counts::default(); classes];
        let (mut by_row, mut whole, mut wrong) = (Vec::with_capacity(rows), 0, 0);
        for (truth, probabilities) in truth.chunks_exact(classes).zip(probabilities.chunks_exact(classes)) {
            let (mut of_row, mut wrong_here) = (Counts::default(), 0);
            for class in 0..classes {
                let Some(threshold) = threshold(class) else {
                    let (what, found) = ("the number of thresholds", thresholds.len());
                    return Err(Error::Length { what, expected: classes, found });
                };
                let (there, predicted) = (truth[class], probabilities[class] >= threshold);
                for counts in [&mut counts[class], &mut of_row] {
                    counts.there += u64::from(there);
                    counts.predicted += u64::from(predicted);
                    counts.right += u64::from(there && predicted);
                }
                wrong_here += usize::from(there != predicted);
            }
            by_row.push((of_row.average(), 1.0));
            whole += usize::from(wrong_here == 0);
            wrong += wrong_here;
        }
        let scores = |(class, name): (usize, &N)| {
            let rows = truth.chunks_exact(classes).zip(probabilities.chunks_exact(classes));
            let mut scored: Vec<(f64, bool)> = rows.map(|(truth, of_row)| (of_row[class], truth[class])).collect();
            let (roc_auc, pr_auc) = ranking::areas(&mut scored).unzip();
            let (name, counts): (String, Counts) = (name.as_ref().to_owned(), counts[class]);
            ClassScores { name, average: counts.average(), support: counts.there, roc_auc, pr_auc }
        };
        let by_class: Vec<ClassScores> = class_names.iter().enumerate().map(scores).collect();
        Ok(Self {
            rows,
            micro_average: micro(&counts),
            macro_average: mean(by_class.iter().map(|class| (class.average, 1.0))),
            weighted_average: mean(by_class.iter().map(|class| (class.average, class.support as f64))),
            samples_average: mean(by_row),
            subset_accuracy: whole as f64 / rows as f64,
            hamming_loss: wrong as f64 / truth.len() as f64,
            classes: by_class,
        })
    }

    /// The report as indented JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("numbers and names are plain data")
    }
}
