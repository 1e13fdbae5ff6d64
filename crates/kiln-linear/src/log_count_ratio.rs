//! Naive Bayes log-count ratios as weights of columns; with them logistic regression on n-grams is as good as NB-SVM.

use kiln_base::OptionError;
use kiln_text::features::SparseMatrix;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::rows::{Cell, checked, of_width, row};

/// Weights columns by how much likelier they are in one class than in the other.
///
/// Let `p` be the sum of the rows of label 1 plus `alpha` in each column, and `q` that of all other rows. The weight of
/// a column is `ln((p / |p|) / (q / |q|))`, where `|p|` is the sum over the columns. Binary rows work best, 1 for each
/// term that occurs ([`CountVectorizer`](kiln_text::features::CountVectorizer) with `binary(true)`).
///
/// # Examples
///
/// ```
/// use kiln_linear::{LogCountRatio, LogisticRegression};
/// use kiln_text::features::CountVectorizer;
///
/// let texts = ["good film", "bad film", "good plot", "bad plot"];
/// let labels = [1, 0, 1, 0];
/// let (vectorizer, counts) = CountVectorizer::builder().binary(true).fit_transform(&texts)?;
/// let ratios = LogCountRatio::fit(&counts, &labels, 1.0)?;
/// let weight = |word| ratios.weights()[vectorizer.column(word).unwrap()];
/// assert!((weight("good") - 3.0_f64.ln()).abs() < 1e-12 && weight("film") == 0.0);
///
/// let model = LogisticRegression::new().fit(&ratios.transform(&counts)?, &labels)?;
/// let unseen = ratios.transform(&vectorizer.transform(["a good story"])?)?;
/// assert_eq!(model.predict(&unseen)?, [1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// S. Wang, C. D. Manning, *Baselines and Bigrams: Simple, Good Sentiment and Topic Classification* (2012).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogCountRatio {
    weights: Vec<f64>,
}

impl LogCountRatio {
    /// Computes the weights from labelled rows: label 1 against all others. `alpha` is 1 in the paper.
    ///
    /// # Errors
    ///
    /// The numbers of labels and rows differ, or not both label 1 and another label occur; a value is negative or not
    /// finite; `alpha` is not above 0.
    pub fn fit<N: Cell>(rows: &SparseMatrix<N>, labels: &[u32], alpha: f64) -> Result<Self> {
        Self::fit_weighted(rows, labels, &vec![1.0; rows.rows()], alpha)
    }

    /// [`fit`](Self::fit) with a weight for each row.
    ///
    /// # Errors
    ///
    /// As [`fit`](Self::fit), and if a weight is negative or not finite.
    pub fn fit_weighted<N: Cell>(rows: &SparseMatrix<N>, labels: &[u32], weights: &[f64], alpha: f64) -> Result<Self> {
        OptionError::unless(alpha.is_finite() && alpha > 0.0, "alpha", "a number above 0", alpha)?;
        let rows = checked(rows, labels, weights, true)?;
        let ones = labels.iter().filter(|&&label| label == 1).count();
        if ones == 0 || ones == labels.len() {
            return Err(Error::OneClass { label: labels.first().copied().unwrap_or(0), rows: labels.len() });
        }
        let mut sums = [vec![alpha; rows.cols()], vec![alpha; rows.cols()]];
        for (at, (&label, &weight)) in labels.iter().zip(weights).enumerate() {
            let sums = &mut sums[usize::from(label == 1)];
            let (columns, values) = row(&rows, at);
            for (&column, &value) in columns.iter().zip(values) {
                sums[column as usize] += weight * value.into();
            }
        }
        let [others, ones] = &sums;
        let norm = (others.iter().sum::<f64>() / ones.iter().sum::<f64>()).ln();
        let weights = ones.iter().zip(others).map(|(one, other)| (one / other).ln() + norm).collect();
        Ok(Self { weights })
    }

    /// The weight of each column.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The rows with each column multiplied by its weight.
    ///
    /// # Errors
    ///
    /// The rows have another number of columns.
    pub fn transform<N: Cell>(&self, rows: &SparseMatrix<N>) -> Result<SparseMatrix<f32>> {
        let rows = of_width(rows, self.weights.len())?;
        let weighted = |(&column, &value): (&u32, &N)| (self.weights[column as usize] * value.into()) as f32;
        let values = rows.indices().iter().zip(rows.data()).map(weighted).collect();
        let starts = rows.indptr().to_proper().to_vec();
        Ok(SparseMatrix::new(rows.shape(), starts, rows.indices().to_vec(), values))
    }
}
