//! Logistic regression on sparse rows, with two or more classes.

use kiln_base::{OptionError, RowWeights, options};
use kiln_text::features::SparseMatrix;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::lbfgs::{Descent, minimise};
use crate::rows::{Cell, check_row, check_width, checked, of_width, row};

/// How many rows, and how many columns, a thread takes at a time. Neither depends on the number of threads, so sums do
/// not either.
const ROWS: usize = 512;
const COLUMNS: usize = 1024;

options! {
    /// Fits a [`LogisticModel`]: minimises half the squared norm of the coefficients plus `C` times the summed log
    /// loss. Intercepts are not penalised.
    ///
    /// Two classes share one row of coefficients; more classes have one row each, compared by a softmax. The solver is
    /// L-BFGS in 64-bit floats; results do not depend on the number of threads.
    ///
    /// | option | default | |
    /// |---|---|---|
    /// | `c` | 1 | the weight of the loss relative to the norm |
    /// | `tolerance` | 1e-4 | the steepest slope to stop at, of the objective / (`C` * sum of weights) |
    /// | `max_iterations` | 100 | most steps of the solver |
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
        /// The weight of the loss; smaller values make smaller coefficients. Default: 1.
        c: f64 = 1.0,
        /// Stops when no slope is steeper. Default: 1e-4.
        tolerance: f64 = 1e-4,
        /// Most steps of the solver. Default: 100.
        max_iterations: usize = 100,
        /// How much each row counts: scikit-learn's `class_weight` and `sample_weight`. Default: all the same.
        into row_weights: RowWeights = RowWeights::Equal,
    }
}

impl LogisticRegression {
    /// Fits a model to rows with labels from 0. There are as many classes as the highest label plus one.
    ///
    /// # Errors
    ///
    /// The numbers of labels and rows differ, fewer than two labels differ, or the highest label is far above the
    /// number of rows; a value is not finite, or so large that the objective is not; an option is not above 0; a weight
    /// is negative or not finite, or all weights are 0.
    pub fn fit<N: Cell>(&self, rows: &SparseMatrix<N>, labels: &[u32]) -> Result<LogisticModel> {
        for (option, value) in [("c", self.c), ("tolerance", self.tolerance)] {
            OptionError::unless(value.is_finite() && value > 0.0, option, "a number above 0", value)?;
        }
        OptionError::unless(self.max_iterations > 0, "max_iterations", "1 or more", self.max_iterations)?;
        let weights = match &self.row_weights {
            // Their errors name the row.
            RowWeights::Rows(weights) => weights.clone(),
            others => others.of_rows(labels)?.unwrap_or_else(|| vec![1.0; rows.rows()]),
        };
        let rows = checked(rows, labels, &weights, false)?;
        let highest = labels.iter().copied().max().unwrap_or(0);
        if labels.iter().all(|&label| label == highest) {
            return Err(Error::OneClass { label: highest, rows: labels.len() });
        }
        let total: f64 = weights.iter().sum();
        let expected = "above 0 in at least one row, with a finite sum";
        OptionError::unless(total.is_finite() && total > 0.0, "row_weights", expected, format!("a sum of {total}"))?;
        let classes = highest as usize + 1;
        let outputs = if classes == 2 { 1 } else { classes };
        if outputs > rows.rows().saturating_mul(64) {
            return Err(Error::TooManyClasses { highest, rows: rows.rows() });
        }
        let problem = Problem {
            rows: &rows,
            columns: &rows.to_csc().transpose_into(),
            labels,
            weights: &weights,
            outputs,
            scale: 1.0 / total,
            penalty: 1.0 / (self.c * total),
        };
        let mut place = vec![0.0; (rows.cols() + 1) * outputs];
        let mut slopes = vec![0.0; rows.rows() * outputs];
        let objective = |place: &[f64], gradient: &mut [f64]| problem.objective(place, &mut slopes, gradient);
        let descent = minimise(&mut place, self.tolerance, self.max_iterations, objective);
        let Descent { iterations, has_converged } = descent.ok_or(Error::NotFinite { c: self.c })?;
        let intercepts = place.split_off(rows.cols() * outputs);
        Ok(LogisticModel { coefficients: place, intercepts, iterations, has_converged })
    }
}

/// The objective divided by `C` and by the sum of weights, which keeps slopes near 1 for every `C`.
///
/// The matrix is kept by rows, for the scores, and by columns, for the gradient: so every thread writes its own part
/// of each, and no thread needs a gradient of its own.
struct Problem<'a, N> {
    rows: &'a SparseMatrix<N>,
    /// The transposed rows.
    columns: &'a SparseMatrix<N>,
    labels: &'a [u32],
    weights: &'a [f64],
    outputs: usize,
    scale: f64,
    penalty: f64,
}

impl<N: Cell> Problem<'_, N> {
    /// The value at `place` (coefficients by column, then intercepts); writes its gradient to `gradient`, and that by
    /// each row's scores to `slopes`.
    fn objective(&self, place: &[f64], slopes: &mut [f64], gradient: &mut [f64]) -> f64 {
        let outputs = self.outputs;
        let (coefficients, intercepts) = place.split_at(place.len() - outputs);
        let (by_coefficient, by_intercept) = gradient.split_at_mut(coefficients.len());
        let pieces = slopes.par_chunks_mut(ROWS * outputs).enumerate();
        let losses: Vec<(f64, Vec<f64>)> = pieces
            .map(|(piece, slopes)| {
                let loss = self.losses(piece * ROWS, coefficients, intercepts, slopes);
                (loss, sum_of_rows(slopes, outputs))
            })
            .collect();
        by_intercept.fill(0.0);
        for (_, sums) in &losses {
            by_intercept.iter_mut().zip(sums).for_each(|(slope, sum)| *slope += sum);
        }
        let pieces = by_coefficient.par_chunks_mut(COLUMNS * outputs).zip(coefficients.par_chunks(COLUMNS * outputs));
        let norms: Vec<f64> = pieces
            .enumerate()
            .map(|(piece, (gradient, coefficients))| {
                let columns = gradient.chunks_mut(outputs).zip(coefficients.chunks(outputs)).enumerate();
                for (at, (gradient, coefficients)) in columns {
                    self.by_column(piece * COLUMNS + at, coefficients, slopes, gradient);
                }
                coefficients.iter().map(|weight| weight * weight).sum()
            })
            .collect();
        losses.iter().map(|(loss, _)| loss).sum::<f64>() + 0.5 * self.penalty * norms.iter().sum::<f64>()
    }

    /// The summed loss of the rows from `first` on, as many as `slopes` has room for; writes their slopes.
    fn losses(&self, first: usize, coefficients: &[f64], intercepts: &[f64], slopes: &mut [f64]) -> f64 {
        let mut loss = 0.0;
        for (at, scores) in (first..).zip(slopes.chunks_mut(self.outputs)) {
            scores_of(row(self.rows, at), coefficients, intercepts, scores);
            let weight = self.weights[at] * self.scale;
            loss += weight * loss_of(self.labels[at] as usize, scores);
            scores.iter_mut().for_each(|slope| *slope *= weight);
        }
        loss
    }

    /// Writes the gradient by a column's coefficients.
    #[inline(always)]
    fn by_column(&self, column: usize, coefficients: &[f64], slopes: &[f64], gradient: &mut [f64]) {
        gradient.iter_mut().zip(coefficients).for_each(|(slope, weight)| *slope = self.penalty * weight);
        let (rows, values) = row(self.columns, column);
        if let [gradient] = gradient {
            *gradient += rows.iter().zip(values).map(|(&at, &value)| slopes[at as usize] * value.into()).sum::<f64>();
            return;
        }
        for (&at, &value) in rows.iter().zip(values) {
            let value = value.into();
            let slopes = &slopes[at as usize * self.outputs..][..self.outputs];
            gradient.iter_mut().zip(slopes).for_each(|(sum, slope)| *sum += slope * value);
        }
    }
}

/// The sums of columns of rows of `outputs` numbers.
fn sum_of_rows(numbers: &[f64], outputs: usize) -> Vec<f64> {
    let mut sums = vec![0.0; outputs];
    for row in numbers.chunks(outputs) {
        sums.iter_mut().zip(row).for_each(|(sum, number)| *sum += number);
    }
    sums
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

/// The log loss of scores; the scores are replaced by its slopes.
#[inline(always)]
fn loss_of(label: usize, scores: &mut [f64]) -> f64 {
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

/// Turns scores into probabilities and returns the logarithm of their divisor.
fn softmax(scores: &mut [f64]) -> f64 {
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    scores.iter_mut().for_each(|score| *score = (*score - highest).exp());
    let sum: f64 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
    highest + sum.ln()
}

/// A linear model of classes, fitted by [`LogisticRegression`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct LogisticModel {
    /// By column, then by output.
    coefficients: Vec<f64>,
    intercepts: Vec<f64>,
    iterations: usize,
    has_converged: bool,
}

/// A model as a file holds it, before it is checked.
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
            let expected = "1 intercept for two classes, or one for each of 3 or more classes";
            return Err(format!("a linear model should have {expected}, found {outputs}"));
        }
        if !coefficients.len().is_multiple_of(outputs) {
            let found = coefficients.len();
            let expected = format!("{outputs} coefficients in each column, one for each intercept");
            return Err(format!("a linear model should have {expected}, found {found} in all"));
        }
        match coefficients.iter().chain(&intercepts).find(|number| !number.is_finite()) {
            Some(number) => Err(format!("the numbers of a linear model should be finite, found {number}")),
            None => Ok(Self { coefficients, intercepts, iterations, has_converged }),
        }
    }
}

impl LogisticModel {
    /// A model from its numbers: coefficients `[columns][outputs]` and one intercept per output. Two classes have one
    /// output.
    ///
    /// # Errors
    ///
    /// The coefficients do not fill whole columns, or a number is not finite.
    pub fn from_parts(coefficients: &[f32], intercepts: &[f32]) -> Result<Self> {
        let wide = |numbers: &[f32]| numbers.iter().map(|&number| f64::from(number)).collect();
        let (coefficients, intercepts) = (wide(coefficients), wide(intercepts));
        let parts = Parts { coefficients, intercepts, iterations: 0, has_converged: true };
        Self::try_from(parts).map_err(|problem| Error::BadParts { problem })
    }

    /// The same with numbers rounded to 32 bits.
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

    /// The coefficient of a column for an output. With two classes, output 0 is that of label 1.
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

    /// Steps of the solver.
    pub fn iterations(&self) -> usize {
        self.iterations
    }

    /// Whether the solver stopped at its tolerance, or because no step gained anything in `f64`. If not, more
    /// iterations or weighted columns would help.
    pub fn has_converged(&self) -> bool {
        self.has_converged
    }

    /// The same model for rows whose columns are not yet multiplied by `weights`: a model of rows weighted by
    /// [`LogCountRatio`](crate::LogCountRatio) becomes a model of plain rows.
    ///
    /// # Errors
    ///
    /// The numbers of weights and columns differ, or a weight is not finite.
    pub fn scaled(mut self, weights: &[f64]) -> Result<Self> {
        check_width(self.columns(), weights.len())?;
        if let Some((row, &found)) = weights.iter().enumerate().find(|(_, weight)| !weight.is_finite()) {
            return Err(Error::BadNumber { what: "the weight", row, found, not_negative: false });
        }
        for (coefficients, weight) in self.coefficients.chunks_mut(self.intercepts.len()).zip(weights) {
            coefficients.iter_mut().for_each(|coefficient| *coefficient *= weight);
        }
        Ok(self)
    }

    /// Scores, `[rows, outputs]`, one row after another; with two classes, the log odds of label 1.
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

    /// The probability of each class, `[rows, classes]`, one row after another.
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

    /// The most likely label of each row; the lower one if two are equal.
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
