//! Logistic regression on sparse rows, of two classes or more.

use kiln_base::{OptionError, RowWeights, options};
use kiln_text::features::SparseMatrix;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::lbfgs::{Descent, minimise};
use crate::rows::{Cell, check_row, check_width, checked, of_width, row};

/// Pieces that rows are cut into, whatever the number of threads, so that sums are the same.
const PIECES: usize = 8;

options! {
    /// Fits a [`LogisticModel`]: half the squared norm of the coefficients plus `C` times the summed log loss is least, with
    /// intercepts that are not penalised.
    ///
    /// Of two classes there is one row of coefficients, of more one for each class, compared by a softmax. The solver is
    /// L-BFGS in 64-bit floats; results do not depend on the number of threads.
    ///
    /// | option | default | |
    /// |---|---|---|
    /// | `c` | 1 | the weight of the loss against that of the norm |
    /// | `tolerance` | 1e-4 | the steepest slope at which the descent ends, of the objective divided by `C` times the weights' sum |
    /// | `max_iterations` | 100 | steps at most |
    /// | `row_weights` | equal | how much each row counts: by its class, balanced or given, or row by row |
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_linear::LogisticRegression;
    /// use kiln_text::features::TfidfVectorizer;
    ///
    /// let texts = ["a good film", "not a good film", "a dull film", "not a dull film at all"];
    /// let (vectorizer, rows) = TfidfVectorizer::builder().ngram_range(1, 2).fit_transform(&texts)?;
    /// let model = LogisticRegression::new().c(100.0).fit(&rows, &[1, 0, 0, 1])?;
    /// assert_eq!(model.predict(&rows)?, [1, 0, 0, 1]);
    /// assert!(model.has_converged());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # References
    ///
    /// `sklearn.linear_model.LogisticRegression` of scikit-learn 1.9 with its default solver.
    #[derive(Clone, Debug, PartialEq)]
    pub struct LogisticRegression [
        /// scikit-learn's defaults.
        pub const fn new
    ] {
        /// The weight of the loss: the smaller, the smaller the coefficients. Default: 1.
        c: f64 = 1.0,
        /// The steepest slope at which the descent ends. Default: 1e-4.
        tolerance: f64 = 1e-4,
        /// Steps at most. Default: 100.
        max_iterations: usize = 100,
        /// How much each row counts: scikit-learn's `class_weight` and `sample_weight`. Default: all alike.
        into row_weights: RowWeights = RowWeights::Equal,
    }
}

impl LogisticRegression {
    /// Fits a model to rows with labels from 0 up; as many classes as the highest label and one.
    ///
    /// # Errors
    ///
    /// There are not as many labels as rows, fewer than two of them differ, or the highest is far beyond the number of
    /// rows; a value is not finite, or so large that the objective is not; an option is not above 0; a weight is negative or not
    /// finite, or all are 0.
    pub fn fit<N: Cell>(&self, rows: &SparseMatrix<N>, labels: &[u32]) -> Result<LogisticModel> {
        for (option, value) in [("c", self.c), ("tolerance", self.tolerance)] {
            OptionError::unless(value.is_finite() && value > 0.0, option, "a number above 0", value)?;
        }
        OptionError::unless(self.max_iterations > 0, "max_iterations", "1 or more", self.max_iterations)?;
        let weights = match &self.row_weights {
            // Whose faults are told with their rows.
            RowWeights::Rows(weights) => weights.clone(),
            others => others.of_rows(labels)?.unwrap_or_else(|| vec![1.0; rows.rows()]),
        };
        let rows = checked(rows, labels, &weights, false)?;
        let highest = labels.iter().copied().max().unwrap_or(0);
        if labels.iter().all(|&label| label == highest) {
            return Err(Error::OneClass { label: highest, rows: labels.len() });
        }
        let total: f64 = weights.iter().sum();
        OptionError::unless(total > 0.0, "weights", "above 0 in one row at least", 0)?;
        let classes = highest as usize + 1;
        let outputs = if classes == 2 { 1 } else { classes };
        if outputs > rows.rows().saturating_mul(64) {
            return Err(Error::TooManyClasses { highest, rows: rows.rows() });
        }
        let problem = Problem {
            rows: &rows,
            labels,
            weights: &weights,
            outputs,
            scale: 1.0 / total,
            penalty: 1.0 / (self.c * total),
        };
        let mut place = vec![0.0; (rows.cols() + 1) * outputs];
        let objective = |place: &[f64], gradient: &mut [f64]| problem.objective(place, gradient);
        let descent = minimise(&mut place, self.tolerance, self.max_iterations, objective);
        let Descent { iterations, has_converged } = descent.ok_or(Error::NotFinite { c: self.c })?;
        let intercepts = place.split_off(rows.cols() * outputs);
        Ok(LogisticModel { coefficients: place, intercepts, iterations, has_converged })
    }
}

/// What is minimised: the objective divided by `C` and the sum of weights, which keeps slopes near 1 for every `C`.
struct Problem<'a, N> {
    rows: &'a SparseMatrix<N>,
    labels: &'a [u32],
    weights: &'a [f64],
    outputs: usize,
    scale: f64,
    penalty: f64,
}

impl<N: Cell> Problem<'_, N> {
    /// The value at `place`, coefficients by column and intercepts after them; its gradient goes to `gradient`.
    fn objective(&self, place: &[f64], gradient: &mut [f64]) -> f64 {
        let bias = self.rows.cols() * self.outputs;
        let count = self.rows.rows();
        let piece = count.div_ceil(PIECES).max(1);
        let parts: Vec<(f64, Vec<f64>)> = (0..count.div_ceil(piece))
            .into_par_iter()
            .map(|part| {
                let mut gradient = vec![0.0; place.len()];
                let loss = self.losses(part * piece..((part + 1) * piece).min(count), place, &mut gradient);
                (loss, gradient)
            })
            .collect();
        gradient.par_iter_mut().enumerate().for_each(|(at, slope)| {
            let penalty = if at < bias { self.penalty * place[at] } else { 0.0 };
            *slope = parts.iter().fold(penalty, |sum, (_, part)| sum + part[at]);
        });
        let norm: f64 = place[..bias].iter().map(|weight| weight * weight).sum();
        parts.iter().map(|(loss, _)| loss).sum::<f64>() + 0.5 * self.penalty * norm
    }

    fn losses(&self, rows: std::ops::Range<usize>, place: &[f64], gradient: &mut [f64]) -> f64 {
        let mut scores = vec![0.0; self.outputs];
        let (coefficients, intercepts) = place.split_at(place.len() - self.outputs);
        let (slopes_of_coefficients, slopes_of_intercepts) = gradient.split_at_mut(coefficients.len());
        let mut loss = 0.0;
        for at in rows {
            let (columns, values) = row(self.rows, at);
            scores_of((columns, values), coefficients, intercepts, &mut scores);
            let weight = self.weights[at] * self.scale;
            loss += weight * slopes(self.labels[at] as usize, &mut scores);
            scores.iter_mut().for_each(|slope| *slope *= weight);
            for (&column, &value) in columns.iter().zip(values) {
                let gradient = &mut slopes_of_coefficients[column as usize * self.outputs..][..self.outputs];
                gradient.iter_mut().zip(&scores).for_each(|(sum, slope)| *sum += slope * value.into());
            }
            slopes_of_intercepts.iter_mut().zip(&scores).for_each(|(sum, slope)| *sum += slope);
        }
        loss
    }
}

/// The scores of a row of columns and values.
#[inline(always)]
fn scores_of<N: Cell>((columns, values): (&[u32], &[N]), coefficients: &[f64], intercepts: &[f64], scores: &mut [f64]) {
    let outputs = scores.len();
    scores.copy_from_slice(intercepts);
    for (&column, &value) in columns.iter().zip(values) {
        let value = value.into();
        let weights = &coefficients[column as usize * outputs..][..outputs];
        scores.iter_mut().zip(weights).for_each(|(score, weight)| *score += weight * value);
    }
}

/// The log loss of scores, which become its slopes.
#[inline(always)]
fn slopes(label: usize, scores: &mut [f64]) -> f64 {
    if let [score] = scores {
        let sign = if label == 1 { 1.0 } else { -1.0 };
        let margin = sign * *score;
        // ln(1 + e^-margin) and its slope, without overflow on either side.
        let small = (-margin.abs()).exp();
        *score = -sign * if margin > 0.0 { small } else { 1.0 } / (1.0 + small);
        return small.ln_1p() + (-margin).max(0.0);
    }
    let right = scores[label];
    let highest = softmax(scores);
    scores[label] -= 1.0;
    highest - right
}

/// Turns scores into probabilities; the logarithm of what they were divided by comes back.
fn softmax(scores: &mut [f64]) -> f64 {
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    scores.iter_mut().for_each(|score| *score = (*score - highest).exp());
    let sum: f64 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
    highest + sum.ln()
}

/// A linear model of classes: what [`LogisticRegression`] fits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct LogisticModel {
    /// By column, then by output.
    coefficients: Vec<f64>,
    intercepts: Vec<f64>,
    iterations: usize,
    has_converged: bool,
}

/// A model as a file holds it, before its numbers are known to belong together.
#[derive(Deserialize)]
struct Parts {
    coefficients: Vec<f64>,
    intercepts: Vec<f64>,
    iterations: usize,
    has_converged: bool,
}

impl TryFrom<Parts> for LogisticModel {
    type Error = String;

    fn try_from(parts: Parts) -> std::result::Result<Self, String> {
        let Parts { coefficients, intercepts, iterations, has_converged } = parts;
        let outputs = intercepts.len();
        if outputs == 0 || outputs == 2 {
            return Err(format!("a model has 1 intercept, or 3 or more, found {outputs}"));
        }
        if !coefficients.len().is_multiple_of(outputs) {
            return Err(format!("{} coefficients are no whole rows of {outputs}", coefficients.len()));
        }
        match coefficients.iter().chain(&intercepts).find(|number| !number.is_finite()) {
            Some(number) => Err(format!("a model's numbers are finite, found {number}")),
            None => Ok(Self { coefficients, intercepts, iterations, has_converged }),
        }
    }
}

impl LogisticModel {
    /// A model from numbers that were kept: coefficients `[columns][outputs]` and an intercept for each output, of which there is one
    /// for two classes.
    ///
    /// # Errors
    ///
    /// The numbers are not those of whole columns, or not finite.
    pub fn from_parts(coefficients: &[f32], intercepts: &[f32]) -> Result<Self> {
        let wide = |numbers: &[f32]| numbers.iter().map(|&number| f64::from(number)).collect();
        let (coefficients, intercepts) = (wide(coefficients), wide(intercepts));
        let parts = Parts { coefficients, intercepts, iterations: 0, has_converged: true };
        Self::try_from(parts).map_err(|problem| Error::BadParts { problem })
    }

    /// The same with numbers that 32 bits hold.
    pub(crate) fn rounded(mut self) -> Self {
        let numbers = self.coefficients.iter_mut().chain(&mut self.intercepts);
        numbers.for_each(|number| *number = f64::from(*number as f32));
        self
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.intercepts.len().max(2)
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.coefficients.len() / self.intercepts.len()
    }

    /// The coefficient of a column for an output: of two classes output 0 is that of label 1.
    ///
    /// # Panics
    ///
    /// There is no such column or output.
    pub fn coefficient(&self, column: usize, output: usize) -> f64 {
        assert!(output < self.intercepts.len(), "output {output} of {}", self.intercepts.len());
        self.coefficients[column * self.intercepts.len() + output]
    }

    /// The intercept of each output.
    pub fn intercepts(&self) -> &[f64] {
        &self.intercepts
    }

    /// Steps that the solver made.
    pub fn iterations(&self) -> usize {
        self.iterations
    }

    /// Whether the solver came to an end by itself, at its tolerance or where no step gained anything in `f64`; else more
    /// iterations or weighted columns would help.
    pub fn has_converged(&self) -> bool {
        self.has_converged
    }

    /// The model for rows whose columns are yet to be multiplied by `weights`: that of rows weighted by
    /// [`LogCountRatio`](crate::LogCountRatio) becomes one of plain rows.
    ///
    /// # Errors
    ///
    /// There are not as many weights as columns.
    pub fn scaled(mut self, weights: &[f64]) -> Result<Self> {
        check_width(self.columns(), weights.len())?;
        for (coefficients, weight) in self.coefficients.chunks_mut(self.intercepts.len()).zip(weights) {
            coefficients.iter_mut().for_each(|coefficient| *coefficient *= weight);
        }
        Ok(self)
    }

    /// Scores, `[rows, outputs]` one row after the other: of two classes the log odds of label 1.
    ///
    /// # Errors
    ///
    /// The rows have another number of columns, or a value is not finite.
    pub fn decision_function<N: Cell>(&self, rows: &SparseMatrix<N>) -> Result<Vec<f64>> {
        let rows = of_width(rows, self.columns())?;
        let outputs = self.intercepts.len();
        let mut scores = vec![0.0; rows.rows() * outputs];
        scores.par_chunks_mut(outputs).enumerate().with_min_len(256).for_each(|(at, scores)| {
            scores_of(row(&rows, at), &self.coefficients, &self.intercepts, scores);
        });
        // A value that is not finite makes its score not finite.
        match scores.iter().position(|score| !score.is_finite()) {
            Some(at) => check_row(&rows, at / outputs).map(|()| scores),
            None => Ok(scores),
        }
    }

    /// The probability of each class, `[rows, classes]` one row after the other.
    ///
    /// # Errors
    ///
    /// As [`decision_function`](Self::decision_function).
    pub fn predict_probabilities<N: Cell>(&self, rows: &SparseMatrix<N>) -> Result<Vec<f64>> {
        let mut scores = self.decision_function(rows)?;
        if self.intercepts.len() == 1 {
            let share = |score: f64| 1.0 / (1.0 + (-score).exp());
            return Ok(scores.iter().flat_map(|&score| [share(-score), share(score)]).collect());
        }
        for scores in scores.chunks_mut(self.intercepts.len()) {
            softmax(scores);
        }
        Ok(scores)
    }

    /// The likeliest label of each row, the lower of two that tie.
    ///
    /// # Errors
    ///
    /// As [`decision_function`](Self::decision_function).
    pub fn predict<N: Cell>(&self, rows: &SparseMatrix<N>) -> Result<Vec<u32>> {
        let scores = self.decision_function(rows)?;
        if self.intercepts.len() == 1 {
            return Ok(scores.iter().map(|&score| u32::from(score > 0.0)).collect());
        }
        let first_highest = |scores: &[f64]| {
            let higher = |best: usize, at: usize| if scores[at] > scores[best] { at } else { best };
            (1..scores.len()).fold(0, higher) as u32
        };
        Ok(scores.chunks(self.intercepts.len()).map(first_highest).collect())
    }
}
