//! Positive pointwise mutual information: how much more often two words occur together than by chance.

use super::sparse::{CsrMatrix, CsrView, check_cells, from_rows};
use crate::error::{Error, Result};
use kiln_base::sparse::row;
use kiln_base::{OptionError, options};

/// Added to the quotient before the logarithm, as in the textbook, where it avoids the logarithm of 0. Such cells are
/// skipped here, but it moves the others by about 1e-8, and it is kept so that they equal the textbook's.
const EPSILON: f64 = 1e-8;

options! {
    /// Weights counts by positive pointwise mutual information, in bits.
    ///
    /// A count `C(w, c)` becomes `max(0, log2(C(w, c) N / (S(w) S(c)) + 1e-8) - shift)`, where `S(w)` is the sum of row
    /// `w`, `S(c)` that of column `c`, and `N` that of the matrix. Saito's textbook uses column sums for both, which is
    /// the same for its symmetric matrix. Only values above 0 are stored.
    ///
    /// | option | default | |
    /// |---|---|---|
    /// | [`smoothing`](Self::smoothing) | 1, none | `a` below 1 replaces `S(c)` by `S(c)^a`, and `N` by their sum |
    /// | [`shift`](Self::shift) | 0, none | subtracted from every PMI |
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_vectors::counts::{Cooccurrence, Ppmi};
    ///
    /// // "you say goodbye and i say hello ." by first appearance
    /// let counts = Cooccurrence::new().window(1).count(7, [[0, 1, 2, 3, 4, 1, 5, 6]])?;
    /// let ppmi = Ppmi::new().transform(counts.view())?;
    /// // "you" and "say" meet once of 14; "you" has 1 neighbour and "say" 4: log2(1 * 14 / (1 * 4))
    /// assert!((ppmi.get(0, 1).unwrap() - 1.807_355).abs() < 1e-6);
    /// # Ok::<(), kiln_vectors::Error>(())
    /// ```
    ///
    /// # References
    ///
    /// - Church, K. and Hanks, P. (1990). *Word Association Norms, Mutual Information, and Lexicography*. Computational
    ///   Linguistics 16(1).
    /// - Bullinaria, J. and Levy, J. (2007). *Extracting Semantic Representations from Word Co-occurrence Statistics*.
    ///   Behavior Research Methods 39: positive PMI.
    /// - Levy, O. and Goldberg, Y. (2014). *Neural Word Embedding as Implicit Matrix Factorization*. NeurIPS: the
    ///   shift.
    /// - Levy, O., Goldberg, Y. and Dagan, I. (2015). *Improving Distributional Similarity with Lessons Learned from
    ///   Word Embeddings*. TACL 3, 211-225: the smoothing.
    /// - Saito, K. (2018). *Deep Learning from Scratch 2*, chapter 2: the formula followed.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Ppmi [
        /// The textbook's options: no smoothing, no shift.
        pub const fn new
    ] {
        /// The exponent of the context distribution, above 0 and at most 1. Below 1, rare contexts get less weight;
        /// Levy et al. recommend 0.75. Default: 1.
        smoothing: f64 = 1.0,
        /// What is subtracted from every PMI, in bits: `k.log2()` for the matrix that skip-gram with `k` negative
        /// samples factorises. Default: 0.
        shift: f64 = 0.0,
    }
}

impl Ppmi {
    /// Weights a matrix of counts. Computes in `f64` and rounds to `f32` at the end.
    ///
    /// # Shapes
    ///
    /// Any, `[word, context]`; the result has the same shape.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for options out of range, [`Error::BadCell`] for a count that is
    /// negative or not finite, [`Error::NoCounts`] if all are 0.
    pub fn transform(&self, counts: CsrView<'_>) -> Result<CsrMatrix> {
        // Written so that NaN is out of range.
        let in_range = self.smoothing > 0.0 && self.smoothing <= 1.0;
        let exponent = "above 0 and at most 1: 1 means no smoothing, 0.75 is usual";
        OptionError::unless(in_range, "smoothing", exponent, self.smoothing)?;
        let logarithm = "0 or more and finite: it is the base-2 logarithm of k, so 0 for k = 1 (none)";
        OptionError::unless(self.shift >= 0.0 && self.shift.is_finite(), "shift", logarithm, self.shift)?;
        check_cells(&counts, "every count should be 0 or more and finite", |count| count >= 0.0 && count.is_finite())?;
        let by_rows = (!counts.is_csr()).then(|| counts.to_csr());
        let counts = by_rows.as_ref().map_or(counts, |by_rows| by_rows.view());
        let (rows, columns) = counts.shape();
        let mut column_sums = vec![0.0; columns];
        for (&column, &count) in counts.indices().iter().zip(counts.data()) {
            column_sums[column as usize] += f64::from(count);
        }
        // A power of 1 would not change the numbers, but not all implementations of it are exact there.
        if self.smoothing != 1.0 {
            for sum in &mut column_sums {
                *sum = sum.powf(self.smoothing);
            }
        }
        let total: f64 = column_sums.iter().sum();
        if total == 0.0 {
            return Err(Error::NoCounts { rows, columns });
        }
        Ok(from_rows((rows, columns), |at, indices, data| {
            let (contexts, counts) = row(&counts, at);
            let row_sum: f64 = counts.iter().copied().map(f64::from).sum();
            for (&context, &count) in contexts.iter().zip(counts) {
                let by_chance = row_sum * column_sums[context as usize];
                let pmi = (f64::from(count) * total / by_chance + EPSILON).log2() - self.shift;
                // A stored 0 gives 0 / 0, which is not above 0 either.
                if pmi as f32 > 0.0 {
                    indices.push(context);
                    data.push(pmi as f32);
                }
            }
        }))
    }
}
