//! [`TfidfVectorizer`]: a [`CountVectorizer`] and a [`TfidfTransformer`] in one.

use super::count_vectorizer::{CountVectorizer, CountVectorizerBuilder, Learned, Limits};
use super::terms::analysis::AnalysisOptions;
use super::tfidf::{TfidfTransformer, Weighting};
use super::vectorizer_builder::VectorizerBuilder;
use crate::error::Result;
use crate::features::sparse::SparseMatrix;
use crate::io::text::Text;
use crate::vocabulary::token_counts::TokenCounts;

/// Options for a [`TfidfVectorizer`]; made by [`TfidfVectorizer::builder`]. The defaults are scikit-learn's.
pub type TfidfVectorizerBuilder = VectorizerBuilder<AnalysisOptions, Limits, Weighting>;

impl TfidfVectorizerBuilder {
    /// Learns the terms of `texts` and how many texts contain each, on all threads. Texts are read once and need not
    /// all be in memory; memory grows with the terms. The result does not depend on the number of threads.
    ///
    /// # Errors
    ///
    /// Those of [`CountVectorizerBuilder::fit`].
    pub fn fit(self, texts: impl IntoIterator<Item = impl Text>) -> Result<TfidfVectorizer> {
        self.learn(texts, false).map(|(vectorizer, _)| vectorizer)
    }

    /// Learns from terms that were [counted](Self::count) before, by one process or by many, and whose parts were
    /// [merged](TokenCounts::merge): the same vectorizer as [`fit`](Self::fit) gives on all texts.
    ///
    /// # Errors
    ///
    /// Those of [`CountVectorizerBuilder::fit`].
    pub fn fit_counts(self, counts: &TokenCounts) -> Result<TfidfVectorizer> {
        self.weight(|builder| builder.learn_counts(counts)).map(|(vectorizer, _)| vectorizer)
    }

    /// Learns the terms of `texts` and weights them, in one pass. Memory grows with the numbers too.
    ///
    /// # Errors
    ///
    /// Those of [`CountVectorizerBuilder::fit`].
    pub fn fit_transform(
        self,
        texts: impl IntoIterator<Item = impl Text>,
    ) -> Result<(TfidfVectorizer, SparseMatrix<f64>)> {
        let (vectorizer, counts) = self.learn(texts, true)?;
        let values = vectorizer.tfidf.transform(&counts)?;
        Ok((vectorizer, values))
    }

    fn learn(
        self,
        texts: impl IntoIterator<Item = impl Text>,
        keep_rows: bool,
    ) -> Result<(TfidfVectorizer, SparseMatrix<u32>)> {
        self.weight(|builder| builder.learn(texts, keep_rows))
    }

    /// The weights of what the counting part learns.
    fn weight(
        self,
        learn: impl FnOnce(CountVectorizerBuilder) -> Result<Learned>,
    ) -> Result<(TfidfVectorizer, SparseMatrix<u32>)> {
        let learned = learn(CountVectorizerBuilder { analysis: self.analysis, limits: self.limits, cells: () })?;
        let tfidf = TfidfTransformer::new(self.cells, learned.texts, learned.documents);
        Ok((TfidfVectorizer { counts: learned.vectorizer, tfidf }, learned.counts))
    }
}

/// How characteristic each term is of each text: scikit-learn's `TfidfVectorizer`, a [`CountVectorizer`] followed by a
/// [`TfidfTransformer`].
///
/// # Examples
///
/// ```
/// use kiln_text::features::TfidfVectorizer;
/// use kiln_text::io::Saved;
///
/// let texts = ["The cat sat on the mat.", "The dog ate my homework."];
/// let (vectorizer, rows) = TfidfVectorizer::builder().fit_transform(&texts)?;
/// let cat = vectorizer.counts().column("cat").unwrap();
/// assert!((rows.get(0, cat).unwrap() - 0.407401).abs() < 1e-6);
/// let read = TfidfVectorizer::from_json(&vectorizer.to_json())?;
/// assert_eq!(read.transform(&texts)?, rows);
/// # Ok::<(), kiln_text::Error>(())
/// ```
///
/// # References
///
/// `sklearn.feature_extraction.text` of scikit-learn 1.9.
#[derive(Clone, Debug, PartialEq)]
pub struct TfidfVectorizer {
    pub(super) counts: CountVectorizer,
    pub(super) tfidf: TfidfTransformer,
}

impl TfidfVectorizer {
    /// The options, with scikit-learn's defaults.
    pub fn builder() -> TfidfVectorizerBuilder {
        TfidfVectorizerBuilder::default()
    }

    /// The tf-idf of the known terms of texts, on all threads; other terms are ignored. The result does not depend on
    /// the number of threads.
    ///
    /// # Errors
    ///
    /// The first error among the texts.
    pub fn transform(&self, texts: impl IntoIterator<Item = impl Text>) -> Result<SparseMatrix<f64>> {
        self.tfidf.weighted(&self.counts.transform(texts)?)
    }

    /// The counting part, with the terms and their columns. Its
    /// [`inverse_transform`](CountVectorizer::inverse_transform) accepts the weights too.
    pub fn counts(&self) -> &CountVectorizer {
        &self.counts
    }

    /// The weighting part, with the inverse document frequencies.
    pub fn tfidf(&self) -> &TfidfTransformer {
        &self.tfidf
    }

    /// The term of each column, in order.
    pub fn feature_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.counts.feature_names()
    }
}
