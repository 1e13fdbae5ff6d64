//! From sentences to word vectors in one call. Row n holds the vector of the word with id n.

use kiln_base::options;

use super::cooccurrence::Cooccurrence;
use super::ppmi::Ppmi;
use super::svd::{Scaling, TruncatedSvd};
use crate::error::Result;

options! {
    /// Word vectors by counting: co-occurrence, PPMI, truncated SVD.
    ///
    /// | option | default | |
    /// |---|---|---|
    /// | [`cooccurrence`](Self::cooccurrence) | window 2, both sides, flat | what is counted |
    /// | [`ppmi`](Self::ppmi) | no smoothing, no shift | how counts are weighted |
    /// | [`svd`](Self::svd) | 5 iterations, 10 dimensions of oversampling, seed 0 | how dimensions are found |
    /// | [`scaling`](Self::scaling) | [`Scaling::Unscaled`] | how singular values scale the vectors |
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
    /// # Ok::<(), kiln_vectors::Error>(())
    /// ```
    ///
    /// # References
    ///
    /// - Saito, K. (2018). *Deep Learning from Scratch 2*, chapter 2.
    /// - Levy, O., Goldberg, Y. and Dagan, I. (2015). *Improving Distributional Similarity with Lessons Learned from
    ///   Word Embeddings*. TACL 3, 211-225.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct CountVectors [
        /// Vectors of `d` dimensions, with defaults for everything else.
        pub const fn new
    ] {
        required d: usize,
        /// What is counted.
        cooccurrence: Cooccurrence = Cooccurrence::new(),
        /// How counts are weighted.
        ppmi: Ppmi = Ppmi::new(),
        /// How dimensions are found, and how many are kept: it replaces the `d` given to [`new`](Self::new).
        some svd: TruncatedSvd,
        /// How singular values scale the vectors. Default: [`Scaling::Unscaled`].
        scaling: Scaling = Scaling::Unscaled,
    }
}

impl CountVectors {
    /// Counts, weights and decomposes; see [`Cooccurrence::count`] for the memory it takes.
    ///
    /// # Shapes
    ///
    /// The result is `[vocab, d]`, row by row. A word that is in no sentence of two words has a vector of zeros, up to
    /// rounding, if `d` is at most the rank of the weighted matrix.
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
        let svd = self.svd.unwrap_or(TruncatedSvd::new(self.d));
        Ok(svd.decompose(ppmi.view())?.vectors(self.scaling))
    }
}
