//! Precision, recall and F1 from counts: of one class, and averaged over classes.

use serde::Serialize;

/// Precision, recall and F1, each from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Average {
    /// The share of predictions that are right.
    pub precision: f64,
    /// The share of true rows that were predicted.
    pub recall: f64,
    /// The harmonic mean of the two; in an average over classes, the average of their F1.
    pub f1: f64,
}

/// The scores of one class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassScores {
    /// The class.
    pub name: String,
    /// Precision, recall and F1.
    #[serde(flatten)]
    pub average: Average,
    /// How many rows are of the class.
    pub support: u64,
    /// The area under the ROC curve of the class against all others; `None` without probabilities, or if all rows or no
    /// rows are of the class.
    pub roc_auc: Option<f64>,
    /// The average precision, which is the area under the precision-recall curve; `None` in the same cases.
    pub pr_auc: Option<f64>,
}

/// How many rows of a class were predicted correctly, were predicted at all, and exist.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) right: u64,
    pub(crate) predicted: u64,
    pub(crate) there: u64,
}

impl Counts {
    pub(crate) fn average(self) -> Average {
        let share = |part: u64, of: u64| if of == 0 { 0.0 } else { part as f64 / of as f64 };
        Average {
            precision: share(self.right, self.predicted),
            recall: share(self.right, self.there),
            f1: share(2 * self.right, self.predicted + self.there),
        }
    }
}

/// Precision, recall and F1 of all counts summed.
pub(crate) fn micro(counts: &[Counts]) -> Average {
    let sum = |of: fn(&Counts) -> u64| counts.iter().map(of).sum();
    let all = Counts { right: sum(|c| c.right), predicted: sum(|c| c.predicted), there: sum(|c| c.there) };
    all.average()
}

/// The weighted mean over classes.
pub(crate) fn mean(parts: impl IntoIterator<Item = (Average, f64)>) -> Average {
    let (mut sum, mut weights) = (Average::default(), 0.0);
    for (average, weight) in parts {
        sum.precision += weight * average.precision;
        sum.recall += weight * average.recall;
        sum.f1 += weight * average.f1;
        weights += weight;
    }
    match weights > 0.0 {
        true => Average { precision: sum.precision / weights, recall: sum.recall / weights, f1: sum.f1 / weights },
        false => Average::default(),
    }
}
