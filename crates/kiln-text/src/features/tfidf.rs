//! [`TfidfTransformer`]: counts to tf-idf by scikit-learn's formulas. Keras's tf-idf
//! ([`MatrixMode::TfIdf`](crate::keras::MatrixMode::TfIdf)) and that of `TextVectorization` use other formulas.

use serde::{Deserialize, Serialize};

use super::vectorizer_builder::VectorizerBuilder;
use crate::error::{Error, Result, VectorizerError};
use crate::features::sparse::{SparseMatrix, check_columns, with_values};
use kiln_base::sparse::by_row;

/// The norm that a row is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// The sum of the magnitudes of its numbers.
    L1,
    /// The square root of the sum of their squares.
    L2,
}

impl Norm {
    /// Divides a row; a row of zeros stays unchanged.
    pub(super) fn divide(self, row: &mut [f64]) {
        let norm = match self {
            Self::L1 => row.iter().map(|value| value.abs()).sum::<f64>(),
            Self::L2 => row.iter().map(|value| value * value).sum::<f64>().sqrt(),
        };
        if norm != 0.0 {
            row.iter_mut().for_each(|value| *value /= norm);
        }
    }
}

/// How counts are weighted: as users set it and files store it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weighting {
    pub(super) norm: Option<Norm>,
    pub(super) use_idf: bool,
    pub(super) smooth_idf: bool,
    pub(super) sublinear_tf: bool,
}

impl Default for Weighting {
    fn default() -> Self {
        Self { norm: Some(Norm::L2), use_idf: true, smooth_idf: true, sublinear_tf: false }
    }
}

/// Options for a [`TfidfTransformer`]; made by [`TfidfTransformer::builder`]. The defaults are scikit-learn's.
pub type TfidfTransformerBuilder = VectorizerBuilder<(), (), Weighting>;

impl<A, L> VectorizerBuilder<A, L, Weighting> {
    setters! {
        /// The norm that each row is divided by, if any. Default: [`Norm::L2`].
        norm(norm: impl Into<Option<Norm>>) => cells.norm = norm.into();
        /// Whether counts are multiplied by the terms' inverse document frequencies. Default: true.
        use_idf(use_idf: bool) => cells.use_idf = use_idf;
        /// Whether inverse document frequencies are computed as if there were one more text that contains every term.
        /// Default: true. Without it, a term of a given vocabulary that never occurs has an infinite weight.
        smooth_idf(smooth_idf: bool) => cells.smooth_idf = smooth_idf;
        /// Whether a count `c` becomes `1 + ln c`. Default: false.
        sublinear_tf(sublinear_tf: bool) => cells.sublinear_tf = sublinear_tf;
    }
}

impl TfidfTransformerBuilder {
    /// Learns in how many rows each term occurs.
    pub fn fit<N: Copy + Default>(self, counts: &SparseMatrix<N>) -> TfidfTransformer {
        let mut documents = vec![0; counts.cols()];
        for &column in by_row(counts).indices() {
            documents[column as usize] += 1;
        }
        TfidfTransformer::new(self.cells, counts.rows() as u64, documents)
    }
}

/// Counts to tf-idf: scikit-learn's `TfidfTransformer`.
///
/// A count `c` of a term that `df` of `n` texts contain becomes `c * (ln((1 + n) / (1 + df)) + 1)`, and the row is
/// divided by its length. Without `smooth_idf` the factor is `ln(n / df) + 1`.
///
/// # Examples
///
/// ```
/// use kiln_text::features::{CountVectorizer, Norm, TfidfTransformer};
///
/// let (_, counts) = CountVectorizer::builder().fit_transform(&["aa bb", "aa aa"])?;
/// let tfidf = TfidfTransformer::builder().norm(Norm::L1).fit(&counts);
/// assert_eq!(tfidf.idf().unwrap(), [1.0, (3.0_f64 / 2.0).ln() + 1.0]);
/// assert_eq!(tfidf.transform(&counts)?.get(1, 0), Some(&1.0));
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TfidfTransformer {
    pub(super) weighting: Weighting,
    pub(super) documents: u64,
    pub(super) document_frequencies: Vec<u64>,
    /// Computed from the counts, which files can store exactly.
    idf: Option<Vec<f64>>,
}

impl TfidfTransformer {
    /// The options, with scikit-learn's defaults.
    pub fn builder() -> TfidfTransformerBuilder {
        TfidfTransformerBuilder::default()
    }

    pub(super) fn new(weighting: Weighting, documents: u64, document_frequencies: Vec<u64>) -> Self {
        let more = if weighting.smooth_idf { 1.0 } else { 0.0 };
        let idf = |&df: &u64| ((documents as f64 + more) / (df as f64 + more)).ln() + 1.0;
        let idf = weighting.use_idf.then(|| document_frequencies.iter().map(idf).collect());
        Self { weighting, documents, document_frequencies, idf }
    }

    /// Weights counts, on all threads.
    ///
    /// # Errors
    ///
    /// [`VectorizerError::MatrixColumns`](crate::error::VectorizerError::MatrixColumns) if the matrix does not have as
    /// many columns as the one fitted on; [`VectorizerError::NotFinite`](crate::error::VectorizerError::NotFinite) if a
    /// weight is not a finite number.
    pub fn transform<N: Copy + Default + Into<f64> + Sync>(
        &self,
        counts: &SparseMatrix<N>,
    ) -> Result<SparseMatrix<f64>> {
        check_columns(counts, self.document_frequencies.len())?;
        self.weighted(counts)
    }

    /// Weights counts that have the right number of columns.
    pub(super) fn weighted<N: Copy + Default + Into<f64> + Sync>(
        &self,
        counts: &SparseMatrix<N>,
    ) -> Result<SparseMatrix<f64>> {
        let counts = by_row(counts);
        let weighted = with_values(&counts, |columns, counts: &[N], values: &mut [f64]| {
            for ((value, &count), &column) in values.iter_mut().zip(counts).zip(columns) {
                let count: f64 = count.into();
                let frequency = if self.weighting.sublinear_tf { count.ln() + 1.0 } else { count };
                *value = self.idf.as_ref().map_or(frequency, |idf| frequency * idf[column as usize]);
            }
            if let Some(norm) = self.weighting.norm {
                norm.divide(values);
            }
        });
        match weighted.data().iter().position(|value| !value.is_finite()) {
            Some(at) => Err(self.not_finite(&counts, &weighted, at)),
            None => Ok(weighted),
        }
    }

    /// Why the weight at place `at` is not finite: because of itself, or of another in its row by which all were
    /// divided.
    fn not_finite<N: Copy + Default + Into<f64>>(
        &self,
        counts: &SparseMatrix<N>,
        weighted: &SparseMatrix<f64>,
        at: usize,
    ) -> Error {
        let row =
            (0..weighted.rows()).find(|&row| weighted.indptr().outer_inds_sz(row).contains(&at)).unwrap_or_default();
        let idf_of = |column: u32| self.idf.as_ref().map_or(1.0, |idf| idf[column as usize]);
        let mut cells = weighted.indptr().outer_inds_sz(row).map(|at| {
            let count: f64 = counts.data()[at].into();
            (weighted.indices()[at], count, idf_of(weighted.indices()[at]))
        });
        let is_bad = |count: f64, idf: f64| {
            !(count.is_finite() && idf.is_finite() && (count > 0.0 || !self.weighting.sublinear_tf))
        };
        let (column, count, idf) =
            cells.find(|&(_, count, idf)| is_bad(count, idf)).unwrap_or((weighted.indices()[at], f64::NAN, 1.0));
        VectorizerError::NotFinite { row, column: column as usize, count, idf }.into()
    }

    /// The inverse document frequency of each column; `None` without `use_idf`.
    pub fn idf(&self) -> Option<&[f64]> {
        self.idf.as_deref()
    }
}
