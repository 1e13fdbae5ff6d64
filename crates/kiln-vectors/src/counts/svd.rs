//! The truncated singular value decomposition of a sparse matrix, exact or by random projection.

use std::f64::consts::TAU;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use rayon::prelude::*;

use super::dense::{DenseRows, check_dimensions, orthonormal, product, sign, thin_svd};
use super::sparse::{CsrView, FINITE, check_cells};
use crate::error::{Error, Result};
use kiln_base::sparse::row;
use kiln_base::{SplitMix64, options};

/// How singular vectors are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SvdMethod {
    /// [`Full`](Self::Full) for matrices of up to 2^20 cells (1,024 x 1,024), and if nearly all dimensions are kept, so
    /// that a projection would save nothing; [`Randomized`](Self::Randomized) for all others.
    #[default]
    Auto,
    /// Computes all dimensions from the dense matrix in `f64`, and keeps the first. Exact; the time grows with the
    /// longer side and the square of the shorter.
    Full,
    /// Finds the range of the matrix by multiplying it with random vectors. The time grows with the number of nonzero
    /// values; the leading dimensions are as good as exact, the last ones come out a little too small.
    Randomized,
}

options! {
    /// Options of a truncated singular value decomposition, `A = U S V^T` cut off after `k` dimensions.
    ///
    /// | option | default | |
    /// |---|---|---|
    /// | [`method`](Self::method) | [`SvdMethod::Auto`] | exact or random |
    /// | [`iterations`](Self::iterations) | 5 | power iterations; more of them separate close singular values better |
    /// | [`oversampling`](Self::oversampling) | 10 | dimensions searched beyond `k` and then dropped |
    /// | [`seed`](Self::seed) | 0 | seed of the random vectors |
    ///
    /// The same seed gives the same bits on the same machine, for any number of threads.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_vectors::counts::{Cooccurrence, TruncatedSvd};
    ///
    /// let counts = Cooccurrence::new().window(1).count(3, [[0, 1], [0, 1], [1, 2]])?;
    /// // 0 2 0
    /// // 2 0 1  has the singular values sqrt(5), sqrt(5) and 0
    /// // 0 1 0
    /// let svd = TruncatedSvd::new(2).decompose(counts.view())?;
    /// assert!((svd.s[0] - 5f32.sqrt()).abs() < 1e-6);
    /// assert_eq!((svd.u.len(), svd.vt.len()), (3 * 2, 2 * 3));
    /// # Ok::<(), kiln_vectors::Error>(())
    /// ```
    ///
    /// # References
    ///
    /// - Halko, N., Martinsson, P. and Tropp, J. (2011). *Finding Structure with Randomness: Probabilistic Algorithms
    ///   for Constructing Approximate Matrix Decompositions*. SIAM Review 53(2): algorithms 4.4 (with QR in every half
    ///   step) and 5.1. scikit-learn's `randomized_svd` differs only in using LU instead of QR between the rounds.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct TruncatedSvd [
        /// Keeps `k` dimensions.
        pub const fn new
    ] {
        required k: usize,
        /// How singular vectors are found. Default: [`SvdMethod::Auto`].
        method: SvdMethod = SvdMethod::Auto,
        /// Rounds of power iteration, each a product with the matrix and one with its transpose; 0 is allowed. Only for
        /// [`SvdMethod::Randomized`]. Default: 5.
        iterations: usize = 5,
        /// Dimensions searched beyond `k`. Only for [`SvdMethod::Randomized`]. Default: 10.
        oversampling: usize = 10,
        /// The seed of the random vectors. Only for [`SvdMethod::Randomized`]. Default: 0.
        seed: u64 = 0,
    }
}

/// Matrices of up to this many cells are decomposed in full, which takes about a second for the largest.
const FULL_CELLS: usize = 1 << 20;

/// More cells than this would take 32 GiB, and days.
const MOST_FULL_CELLS: u64 = 1 << 32;

impl TruncatedSvd {
    /// Decomposes a sparse matrix. Computes in `f64` and rounds to `f32` at the end.
    ///
    /// # Shapes
    ///
    /// Any, `[rows, columns]`; `k` must be from 1 to the smaller of the two.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for another `k`, [`Error::BadCell`] for infinity and NaN in the matrix,
    /// [`Error::MatrixTooLarge`] if a full decomposition is needed and the matrix has more than 2^32 cells or does not
    /// fit into memory, [`Error::NoConvergence`] if the small dense decomposition fails, which is not known to happen.
    pub fn decompose(&self, matrix: CsrView<'_>) -> Result<Svd> {
        let (rows, columns) = matrix.shape();
        check_dimensions(self.k, rows, columns)?;
        check_cells(&matrix, FINITE, f32::is_finite)?;
        // A matrix by columns is its transpose by rows.
        let other = matrix.to_other_storage();
        let (matrix, transpose) = if matrix.is_csr() {
            (matrix.view(), other.transpose_view())
        } else {
            (other.view(), matrix.transpose_view())
        };
        let is_small =
            rows.saturating_mul(columns) <= FULL_CELLS || self.k.saturating_add(self.oversampling) >= rows.min(columns);
        let full = self.method == SvdMethod::Full || (self.method == SvdMethod::Auto && is_small);
        let (u, s, v) = if full { decompose_in_full(&matrix)? } else { self.decompose_at_random(&matrix, &transpose)? };
        Ok(Svd::first(self.k, u.as_ref(), &s, v.as_ref()))
    }

    fn decompose_at_random(
        &self,
        matrix: &CsrView<'_>,
        transpose: &CsrView<'_>,
    ) -> Result<(Mat<f64>, Vec<f64>, Mat<f64>)> {
        let (rows, columns) = matrix.shape();
        let searched = self.k.saturating_add(self.oversampling).min(rows.min(columns));
        let mut values = vec![0.0; columns * searched];
        values.par_chunks_mut(1 << 12).enumerate().for_each(|(chunk, values)| {
            for (at, value) in values.iter_mut().enumerate() {
                *value = normal(self.seed, (chunk << 12 | at) as u64);
            }
        });
        let mut range = product(matrix, &DenseRows { values, columns: searched });
        for _ in 0..self.iterations {
            let of_transpose = product(transpose, &orthonormal_rows(&range));
            range = product(matrix, &orthonormal_rows(&of_transpose));
        }
        let basis = orthonormal(range.to_faer());
        // With Q the basis, A is close to Q (Q^T A), and (Q^T A)^T = A^T Q = X S Y^T, so A is close to (Q Y) S X^T.
        let projected = product(transpose, &DenseRows::from_faer(basis.as_ref())).to_faer();
        let (v, s, y) = thin_svd(projected.as_ref())?;
        let mut u = Mat::zeros(rows, searched);
        matmul(u.as_mut(), Accum::Replace, basis.as_ref(), y.as_ref(), 1.0, Par::Seq);
        Ok((u, s, v))
    }
}

fn orthonormal_rows(matrix: &DenseRows) -> DenseRows {
    DenseRows::from_faer(orthonormal(matrix.to_faer()).as_ref())
}

fn decompose_in_full(matrix: &CsrView<'_>) -> Result<(Mat<f64>, Vec<f64>, Mat<f64>)> {
    let (rows, columns) = matrix.shape();
    let cells = rows.saturating_mul(columns);
    let mut values: Vec<f64> = Vec::new();
    if cells as u64 > MOST_FULL_CELLS || values.try_reserve_exact(cells).is_err() {
        return Err(Error::MatrixTooLarge { rows, columns });
    }
    values.resize(cells, 0.0);
    for (at, cells) in values.chunks_exact_mut(columns).enumerate() {
        let (indices, data) = row(matrix, at);
        for (&index, &value) in indices.iter().zip(data) {
            cells[index as usize] = f64::from(value);
        }
    }
    thin_svd(MatRef::from_row_major_slice(&values, rows, columns))
}

/// The `index`-th number of a standard normal sequence. The numbers can be drawn in any order: SplitMix64 turns the
/// index into bits, and the formula of Box and Muller (1958) turns these into a normal variable.
fn normal(seed: u64, index: u64) -> f64 {
    let start = SplitMix64::nth(seed, 1);
    let bits = |draw: u64| SplitMix64::nth(start, draw) >> 11;
    let scale = 1.0 / (1u64 << 53) as f64;
    // The first is above 0, since its logarithm is taken.
    let (radius, angle) = ((bits(2 * index) + 1) as f64 * scale, bits(2 * index + 1) as f64 * scale);
    (-2.0 * radius.ln()).sqrt() * (TAU * angle).cos()
}

/// How singular values scale the word vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scaling {
    /// `U`: all dimensions have equal weight, as in Saito's textbook. Levy et al. (2015, section 3.3) find this and
    /// [`SquareRoot`](Self::SquareRoot) better than [`Full`](Self::Full) for words.
    #[default]
    Unscaled,
    /// `U sqrt(S)`: words and contexts share the singular values.
    SquareRoot,
    /// `U S`: dot products approximate those of the rows of the matrix.
    Full,
}

/// A truncated singular value decomposition, made by [`TruncatedSvd::decompose`].
///
/// The sign of a dimension is arbitrary. Here the entry of largest absolute value in its column of `U` is positive, as
/// with scikit-learn's `svd_flip`. Among entries that differ only by rounding, the first decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Svd {
    /// Rows of the matrix.
    pub rows: usize,
    /// Columns of the matrix.
    pub columns: usize,
    /// The number of dimensions that were kept.
    pub k: usize,
    /// The left singular vectors, `[rows, k]`, row by row.
    pub u: Vec<f32>,
    /// The singular values, `[k]`, in descending order.
    pub s: Vec<f32>,
    /// The right singular vectors, `[k, columns]`, row by row.
    pub vt: Vec<f32>,
}

impl Svd {
    fn first(k: usize, u: MatRef<'_, f64>, s: &[f64], v: MatRef<'_, f64>) -> Self {
        let signs: Vec<f64> = (0..k).map(|j| sign(u.col(j))).collect();
        let (rows, columns) = (u.nrows(), v.nrows());
        Self {
            rows,
            columns,
            k,
            u: (0..rows)
                .flat_map(|i| (0..k).map(move |j| (i, j)))
                .map(|(i, j)| (signs[j] * u[(i, j)]) as f32)
                .collect(),
            s: s[..k].iter().map(|&value| value as f32).collect(),
            vt: (0..k)
                .flat_map(|j| v.col(j).iter().map(move |&value| (j, value)))
                .map(|(j, value)| (signs[j] * value) as f32)
                .collect(),
        }
    }

    /// One vector for each row of the matrix.
    ///
    /// # Shapes
    ///
    /// `[rows, k]`, row by row.
    pub fn vectors(&self, scaling: Scaling) -> Vec<f32> {
        let scales: Vec<f32> = match scaling {
            Scaling::Unscaled => return self.u.clone(),
            Scaling::SquareRoot => self.s.iter().map(|value| value.sqrt()).collect(),
            Scaling::Full => self.s.clone(),
        };
        self.u
            .chunks_exact(self.k)
            .flat_map(|row| row.iter().zip(&scales).map(|(value, scale)| value * scale))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn draws_are_normal_and_differ_by_seed() {
        let draws: Vec<f64> = (0..100_000).map(|index| normal(7, index)).collect();
        let moment = |power| draws.iter().map(|x: &f64| x.powi(power)).sum::<f64>() / draws.len() as f64;
        // Mean 0, variance 1, fourth moment 3; the standard errors are 0.003, 0.0045 and 0.03.
        assert!(moment(1).abs() < 0.015 && (moment(2) - 1.0).abs() < 0.02 && (moment(4) - 3.0).abs() < 0.15);
        // Neighbours in the sequence are independent, and so are the same places under two seeds.
        let neighbours = draws.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / draws.len() as f64;
        let seeds = (0..100_000).map(|index| draws[index] * normal(8, index as u64)).sum::<f64>() / draws.len() as f64;
        assert!(neighbours.abs() < 0.015 && seeds.abs() < 0.015);
    }
}
