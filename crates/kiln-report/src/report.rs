//! [`Report`]: the report of a classifier whose rows have one class each.

use serde::Serialize;

use crate::averages::{Average, ClassScores, mean, micro};
use crate::bootstrap::{self, Intervals};
use crate::confusion::ConfusionMatrix;
use crate::error::Result;
use crate::{probabilities as of_row, ranking};

/// How well a classifier predicts classes. `Display` shows it as a table.
///
/// # Examples
///
/// ```
/// use kiln_report::Report;
///
/// let (truth, predicted) = ([0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 2, 0]);
/// let report = Report::new(&["a", "b", "c"], &truth, &predicted)?;
/// assert_eq!(report.classes[1].average.recall, 1.0);
/// assert!((report.macro_average.f1 - (0.5 + 0.8 + 2.0 / 3.0) / 3.0).abs() < 1e-12);
/// assert!(report.to_markdown().starts_with("| class | precision | recall | F1 | rows |"));
/// # Ok::<(), kiln_report::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// How many rows there were.
    pub rows: usize,
    /// The share of rows whose class was predicted. It is also the micro average of precision, recall and F1.
    pub accuracy: f64,
    /// The scores of each class.
    pub classes: Vec<ClassScores>,
    /// The mean over classes, all weighted equally. A class without rows counts as 0; scikit-learn does the same if its
    /// `labels` are all classes, but by default it skips classes without rows and predictions.
    pub macro_average: Average,
    /// The mean over classes, each weighted by its number of rows.
    pub weighted_average: Average,
    /// The names of the classes without rows, which count as 0 in the macro average.
    pub classes_without_rows: Vec<String>,
    /// The Matthews correlation: 1 if all predictions are right, 0 if they carry no information.
    pub matthews: f64,
    /// The scores of the probabilities, if there are any.
    pub probabilities: Option<OfProbabilities>,
    /// 95 % confidence intervals of the scores, if requested by [`Report::bootstrap`].
    pub intervals: Option<Intervals>,
    /// Which classes are mistaken for which.
    pub confusion: ConfusionMatrix,
    /// Whether each row is right, and its log loss; for [`Report::bootstrap`].
    #[serde(skip)]
    pub(crate) of_rows: OfRows,
}

/// Scores of probabilities, beyond the most probable class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfProbabilities {
    /// The mean of minus the logarithm of the true class's probability.
    pub log_loss: f64,
    /// The mean squared distance of the probabilities from the truth; for two classes, that of the second class's
    /// probability.
    pub brier: f64,
    /// The area under the ROC curve: of the second of two classes, or the mean over each class against all others.
    /// `None` if a class has no rows.
    pub roc_auc: Option<f64>,
    /// The average precision, with the same rule.
    pub pr_auc: Option<f64>,
    /// For k = 2 and k = 5, if there are more than k classes: the share of rows whose true class is among the k most
    /// probable.
    pub top_k: Vec<(usize, f64)>,
}

/// What resampling needs of the rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct OfRows {
    pub(crate) truth: Vec<u32>,
    pub(crate) predicted: Vec<u32>,
    pub(crate) log_losses: Option<Vec<f64>>,
}

impl Report {
    /// Evaluates predicted classes. A class is an index into the names.
    ///
    /// # Errors
    ///
    /// There are no rows or fewer than two names, truth and predictions differ in length, or a class has no name.
    pub fn new<N: AsRef<str>>(class_names: &[N], truth: &[u32], predicted: &[u32]) -> Result<Self> {
        let confusion = ConfusionMatrix::new(class_names, truth, predicted)?;
        let counts = confusion.by_class();
        let classes: Vec<ClassScores> = confusion
            .class_names()
            .iter()
            .zip(&counts)
            .map(|(name, counts)| ClassScores {
                name: name.clone(),
                average: counts.average(),
                support: counts.there,
                roc_auc: None,
                pr_auc: None,
            })
            .collect();
        let without_rows = classes.iter().filter(|class| class.support == 0);
        let of_rows = OfRows { truth: truth.to_vec(), predicted: predicted.to_vec(), log_losses: None };
        Ok(Self {
            rows: truth.len(),
            accuracy: micro(&counts).f1,
            macro_average: mean(classes.iter().map(|class| (class.average, 1.0))),
            weighted_average: mean(classes.iter().map(|class| (class.average, class.support as f64))),
            classes_without_rows: without_rows.map(|class| class.name.clone()).collect(),
            matthews: confusion.matthews(),
            classes,
            probabilities: None,
            intervals: None,
            confusion,
            of_rows,
        })
    }

    /// Evaluates probabilities, `[rows][classes]` in one slice. The prediction is the most probable class; of equal
    /// ones the first.
    ///
    /// # Errors
    ///
    /// As [`Report::new`]; also if a row's probabilities are not from 0 to 1 or do not add up to 1.
    pub fn of_probabilities<N: AsRef<str>>(class_names: &[N], truth: &[u32], probabilities: &[f64]) -> Result<Self> {
        let width = class_names.len().max(1);
        let predicted: Vec<u32> = probabilities.chunks_exact(width).map(of_row::most_probable).collect();
        Self::of_both(class_names, truth, &predicted, probabilities)
    }

    /// Evaluates predicted classes together with their probabilities, where the predictions are not the most probable
    /// classes, as with a decision threshold.
    ///
    /// # Errors
    ///
    /// As [`Report::of_probabilities`].
    pub fn of_both<N: AsRef<str>>(
        class_names: &[N],
        truth: &[u32],
        predicted: &[u32],
        probabilities: &[f64],
    ) -> Result<Self> {
        let classes = class_names.len();
        crate::confusion::check(classes, truth)?;
        of_row::check(truth.len(), classes, probabilities, true)?;
        let mut report = Self::new(class_names, truth, predicted)?;
        let rows = || probabilities.chunks_exact(classes).zip(truth.iter().map(|&class| class as usize));
        for (class, scores) in report.classes.iter_mut().enumerate() {
            let mut scored: Vec<(f64, bool)> = rows().map(|(of_row, truth)| (of_row[class], truth == class)).collect();
            (scores.roc_auc, scores.pr_auc) = ranking::areas(&mut scored).unzip();
        }
        let over_classes = |of: fn(&ClassScores) -> Option<f64>| match classes {
            2 => of(&report.classes[1]),
            _ => report.classes.iter().map(of).sum::<Option<f64>>().map(|sum| sum / classes as f64),
        };
        let ranks: Vec<usize> = rows().map(|(of_row, truth)| ranking::rank(of_row, truth)).collect();
        let among = |k: usize| ranks.iter().filter(|&&rank| rank < k).count() as f64 / ranks.len() as f64;
        let log_losses: Vec<f64> = rows().map(|(of_row, truth)| of_row::log_loss(of_row, truth)).collect();
        let mean = |sum: f64| sum / truth.len() as f64;
        report.probabilities = Some(OfProbabilities {
            log_loss: mean(log_losses.iter().sum()),
            brier: mean(rows().map(|(of_row, truth)| of_row::brier(of_row, truth)).sum()),
            roc_auc: over_classes(|class| class.roc_auc),
            pr_auc: over_classes(|class| class.pr_auc),
            top_k: [2, 5].into_iter().filter(|&k| k < classes).map(|k| (k, among(k))).collect(),
        });
        report.of_rows.log_losses = Some(log_losses);
        Ok(report)
    }

    /// Adds 95 % confidence intervals of the scores. They come from `samples` resamples of the rows with replacement,
    /// each as large as the original. The same seed gives the same intervals. 1,000 samples are usual.
    #[must_use]
    pub fn bootstrap(mut self, samples: usize, seed: u64) -> Self {
        self.intervals = bootstrap::intervals(&self.of_rows, self.classes.len(), samples, seed);
        self
    }

    /// The report as indented JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("numbers and names are plain data")
    }
}
