//! Sentences to word vectors in one call. Leaves out the words themselves: a vector has the number of its word.

use super::cooccurrence::Cooccurrence;
use super::error::Result;
use super::ppmi::Ppmi;
use super::svd::{Scaling, TruncatedSvd};

/// Word vectors by counting: co-occurrence, PPMI, truncated SVD.
///
/// | option | default | |
/// |---|---|---|
/// | [`cooccurrence`](Self::cooccurrence) | window 2, both sides, flat | what is counted |
/// | [`ppmi`](Self::ppmi) | no smoothing, no shift | how counts are weighed |
/// | [`svd`](Self::svd) | 5 iterations, 10 dimensions of oversampling, seed 0 | how dimensions are found |
/// | [`scaling`](Self::scaling) | [`Scaling::Unscaled`] | what the singular values do |
///
/// The defaults are those of Saito's textbook on the Penn Treebank. For word similarity, Levy et al. recommend
/// `Ppmi::new().smoothing(0.75)` and `Scaling::SquareRoot` or `Scaling::Unscaled`.
///
/// # Examples
///
/// ```
/// use kiln_vectors::counts::{Cooccurrence, CountVectors};
///
/// // "you say goodbye and i say hello ." by first appearance
/// let vectors = CountVectors::new(2).cooccurrence(Cooccurrence::new().window(1)).fit(7, [[0, 1, 2, 3, 4, 1, 5, 6]])?;
/// let say = &vectors[2..4];
/// assert_eq!(say.len(), 2);
/// # Ok::<(), kiln_vectors::counts::CountError>(())
/// ```
///
/// # References
///
/// - Saito, K. (2018). *Deep Learning from Scratch 2*, chapter 2.
/// - Levy, O., Goldberg, Y. and Dagan, I. (2015). *Improving Distributional Similarity with Lessons Learned from Word
///   Embeddings*. TACL 3, 211-225.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CountVectors {
    cooccurrence: Cooccurrence,
    ppmi: Ppmi,
    svd: TruncatedSvd,
    scaling: Scaling,
}

impl CountVectors {
    /// Vectors of `d` dimensions, else by the defaults.
    pub fn new(d: usize) -> Self {
        Self {
            cooccurrence: Cooccurrence::new(),
            ppmi: Ppmi::new(),
            svd: TruncatedSvd::new(d),
            scaling: Scaling::default(),
        }
    }

    /// What is counted.
    pub fn cooccurrence(mut self, cooccurrence: Cooccurrence) -> Self {
        self.cooccurrence = cooccurrence;
        self
    }

    /// How counts are weighed.
    pub fn ppmi(mut self, ppmi: Ppmi) -> Self {
        self.ppmi = ppmi;
        self
    }

    /// How dimensions are found, and how many are kept: it takes the place of the `d` given to [`new`](Self::new).
    pub fn svd(mut self, svd: TruncatedSvd) -> Self {
        self.svd = svd;
        self
    }

    /// What the singular values do to the vectors. Default: [`Scaling::Unscaled`].
    pub fn scaling(mut self, scaling: Scaling) -> Self {
        self.scaling = scaling;
        self
    }

    /// Counts, weighs and decomposes; see [`Cooccurrence::count`] for what is in memory at once.
    ///
    /// # Shapes
    ///
    /// The result is `[vocab, d]`, row by row. A word that occurs in no sentence of two words has a vector of zeros, up
    /// to rounding, as long as `d` is not above the rank of the weighed matrix.
    ///
    /// # Errors
    ///
    /// Those of [`Cooccurrence::count`], [`Ppmi::transform`] and [`TruncatedSvd::decompose`].
    pub fn fit<S: AsRef<[u32]> + Send + Sync>(
        &self,
        vocab_size: usize,
        sentences: impl IntoIterator<Item = S>,
    ) -> Result<Vec<f32>> {
        let counts = self.cooccurrence.count(vocab_size, sentences)?;
        let ppmi = self.ppmi.transform(counts.view())?;
        drop(counts);
        Ok(self.svd.decompose(ppmi.view())?.vectors(self.scaling))
    }
}
