//! Precision, recall and F1 from counts, of a class and as means over classes.

use serde::Serialize;

/// Precision, recall and F1, each from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Average {
    /// Of what was predicted, the share that is right.
    pub precision: f64,
    /// Of what is there, the share that was predicted.
    pub recall: f64,
    /// The harmonic mean of the two, or of a mean over classes the mean of theirs.
    pub f1: f64,
}

/// How well one class is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassScores {
    /// The class.
    pub name: String,
    /// Precision, recall and F1.
    #[serde(flatten)]
    pub average: Average,
    /// How many rows are of the class.
    pub support: u64,
    /// The area under the ROC curve of the class against the others; `None` without probabilities, and where all rows or none are
    /// of the class.
    pub roc_auc: Option<f64>,
    /// The average precision, which is the area under the curve of precision over recall; `None` as before.
    pub pr_auc: Option<f64>,
}

/// Rows that were predicted rightly, predicted at all, and that there are.
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

/// The F1 of all counts together.
pub(crate) fn micro(counts: &[Counts]) -> Average {
    let sum = |of: fn(&Counts) -> u64| counts.iter().map(of).sum();
    let all = Counts { right: sum(|c| c.right), predicted: sum(|c| c.predicted), there: sum(|c| c.there) };
    all.average()
}

/// The mean over classes, each with its weight.
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
