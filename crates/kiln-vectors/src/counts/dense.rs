//! The dense arithmetic that the decompositions share: products with sparse rows on all threads, and faer's QR, SVD and
//! eigenvalues.
//!
//! faer always runs on one thread. Its share of the work is small, and so neither the number of threads nor the
//! features that another crate enables in faer change a bit of the result.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::householder::{
    apply_block_householder_sequence_on_the_left_in_place_scratch,
    apply_block_householder_sequence_on_the_left_in_place_with_conj,
};
use faer::linalg::qr::no_pivoting::factor::{qr_in_place, qr_in_place_scratch, recommended_block_size};
use faer::linalg::svd::{ComputeSvdVectors, svd, svd_scratch};
use faer::{ColRef, Conj, Mat, MatRef, Par};
use rayon::prelude::*;

use super::sparse::CsrView;
use crate::error::{Error, Result};
use kiln_base::OptionError;
use kiln_base::sparse::row;

/// Checks that `k` dimensions can be kept.
pub(crate) fn check_dimensions(k: usize, rows: usize, columns: usize) -> Result<()> {
    let most = rows.min(columns);
    let expected =
        format!("1 to {most}, the smaller side of {rows} x {columns}: it is the number of dimensions to keep");
    Ok(OptionError::unless((1..=most).contains(&k), "k", expected, k)?)
}

/// A dense matrix, row by row, as a product with sparse rows reads it.
pub(crate) struct DenseRows {
    pub(crate) values: Vec<f64>,
    pub(crate) columns: usize,
}

impl DenseRows {
    pub(crate) fn from_faer(matrix: MatRef<'_, f64>) -> Self {
        let columns = matrix.ncols();
        let mut values = vec![0.0; matrix.nrows() * columns];
        for (j, column) in matrix.col_iter().enumerate() {
            for (cell, value) in values.iter_mut().skip(j).step_by(columns).zip(column.iter()) {
                *cell = *value;
            }
        }
        Self { values, columns }
    }

    pub(crate) fn to_faer(&self) -> Mat<f64> {
        MatRef::from_row_major_slice(&self.values, self.values.len() / self.columns, self.columns).to_owned()
    }
}

/// Rows of a product that one task computes: few, since the rows of frequent words are long.
const PRODUCT_ROWS: usize = 16;

/// `sparse * dense`. One thread computes each row, in the order of its columns.
pub(crate) fn product(sparse: &CsrView<'_>, dense: &DenseRows) -> DenseRows {
    let columns = dense.columns;
    let mut values = vec![0.0; sparse.rows() * columns];
    values.par_chunks_mut(PRODUCT_ROWS * columns).enumerate().for_each(|(block, out)| {
        for (within, out) in out.chunks_exact_mut(columns).enumerate() {
            let (indices, data) = row(sparse, block * PRODUCT_ROWS + within);
            let other = |at: usize| &dense.values[indices[at] as usize * columns..][..columns];
            // Four rows at a time, so that `out` is read and written a quarter as often.
            let whole = data.len() / 4 * 4;
            for at in (0..whole).step_by(4) {
                let weights = [data[at], data[at + 1], data[at + 2], data[at + 3]].map(f64::from);
                let rows = [other(at), other(at + 1), other(at + 2), other(at + 3)];
                let (ab, cd) = (rows[0].iter().zip(rows[1]), rows[2].iter().zip(rows[3]));
                for (out, ((a, b), (c, d))) in out.iter_mut().zip(ab.zip(cd)) {
                    *out += (weights[0] * a + weights[1] * b) + (weights[2] * c + weights[3] * d);
                }
            }
            for (at, &weight) in data.iter().enumerate().skip(whole) {
                for (out, value) in out.iter_mut().zip(other(at)) {
                    *out += f64::from(weight) * value;
                }
            }
        }
    });
    DenseRows { values, columns }
}

/// An orthonormal basis of the columns of a matrix that has no more columns than rows: the thin Q of its QR.
pub(crate) fn orthonormal(mut matrix: Mat<f64>) -> Mat<f64> {
    let (rows, columns) = matrix.shape();
    debug_assert!(columns <= rows);
    let block = recommended_block_size::<f64>(rows, columns);
    let mut coefficients = Mat::zeros(block, columns);
    let scratch = qr_in_place_scratch::<f64>(rows, columns, block, Par::Seq, Default::default());
    qr_in_place(
        matrix.as_mut(),
        coefficients.as_mut(),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    );
    let mut basis = Mat::identity(rows, columns);
    let scratch = apply_block_householder_sequence_on_the_left_in_place_scratch::<f64>(rows, block, columns);
    apply_block_householder_sequence_on_the_left_in_place_with_conj(
        matrix.as_ref(),
        coefficients.as_ref(),
        Conj::No,
        basis.as_mut(),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
    );
    basis
}

/// `U`, the singular values in descending order, and `V`, with as many columns as the smaller side has.
pub(crate) fn thin_svd(matrix: MatRef<'_, f64>) -> Result<(Mat<f64>, Vec<f64>, Mat<f64>)> {
    let (rows, columns) = matrix.shape();
    let size = rows.min(columns);
    let (mut u, mut s, mut v) = (Mat::zeros(rows, size), Diag::zeros(size), Mat::zeros(columns, size));
    let thin = ComputeSvdVectors::Thin;
    let scratch = svd_scratch::<f64>(rows, columns, thin, thin, Par::Seq, Default::default());
    svd(
        matrix,
        s.as_mut(),
        Some(u.as_mut()),
        Some(v.as_mut()),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .map_err(|_| Error::NoConvergence { rows, columns })?;
    Ok((u, s.column_vector().iter().copied().collect(), v))
}

/// The eigenvalues of a symmetric matrix in ascending order, and the eigenvectors as columns.
pub(crate) fn symmetric_eigen(matrix: MatRef<'_, f64>) -> Result<(Vec<f64>, Mat<f64>)> {
    let size = matrix.nrows();
    let (mut values, mut vectors) = (Diag::zeros(size), Mat::zeros(size, size));
    let scratch = self_adjoint_evd_scratch::<f64>(size, ComputeEigenvectors::Yes, Par::Seq, Default::default());
    self_adjoint_evd(
        matrix,
        values.as_mut(),
        Some(vectors.as_mut()),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .map_err(|_| Error::NoConvergence { rows: size, columns: size })?;
    Ok((values.column_vector().iter().copied().collect(), vectors))
}

/// 1, or -1 if the entry of largest absolute value is negative, so that two decompositions can be compared. Among
/// entries that differ only by rounding, the first decides.
pub(crate) fn sign(vector: ColRef<'_, f64>) -> f64 {
    let largest = vector.iter().map(|value| value.abs()).fold(0.0, f64::max);
    match vector.iter().find(|value| value.abs() >= largest * (1.0 - 1e-9)) {
        Some(&value) if value < 0.0 => -1.0,
        _ => 1.0,
    }
}
