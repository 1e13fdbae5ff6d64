//! The sparse matrices of this crate, which are those of `sprs`: building them from texts, and their dense form.

use kiln_base::sparse::{CsrMatrix, Rows};
use rayon::prelude::*;

use crate::error::{Error, Result, VectorizerError};
use crate::io::batches::in_batches;
use crate::io::text::Text;
use crate::rows::matrix::Matrix;
use crate::rows::pad::filled;

/// One row per text and one column per term, stored by rows (CSR) with ascending columns in each row. Columns are
/// `u32`, half the memory of `usize`.
pub type SparseMatrix<N> = CsrMatrix<N>;

/// Adds the rows of `texts` to `rows`; `push` appends the columns and values of one row, with ascending columns.
pub(crate) fn add_rows<T: Sync, N: Copy + Send + Sync, S>(
    rows: &mut Rows<N>,
    texts: &[T],
    scratch: impl Fn() -> S + Sync + Send,
    push: impl Fn(&mut S, &T, &mut Vec<u32>, &mut Vec<N>) + Sync + Send,
) {
    // Enough pieces that other threads can take work from a late one.
    let piece = texts.len().div_ceil(8 * rayon::current_num_threads()).max(16);
    rows.push(texts.len(), piece, scratch, |scratch, at, columns, values| push(scratch, &texts[at], columns, values));
}

/// A matrix of texts that need not all be in memory; `add` adds the rows of a batch.
pub(crate) fn by_batches<T: Text, N: Copy + Send + Sync>(
    texts: impl IntoIterator<Item = T>,
    columns: usize,
    mut add: impl FnMut(&mut Rows<N>, &[T::Held]) + Send,
) -> Result<SparseMatrix<N>> {
    let mut rows = Rows::default();
    in_batches(texts, |_, texts| {
        add(&mut rows, texts);
        Ok(())
    })?;
    Ok(rows.finish(columns))
}

/// The same matrix with other values, row by row: `change` gets the columns and the new values of one row.
pub(crate) fn with_values<N: Copy + Sync, M: Copy + Send + Default>(
    matrix: &SparseMatrix<N>,
    change: impl Fn(&[u32], &[N], &mut [M]) + Sync,
) -> SparseMatrix<M> {
    let starts: Vec<usize> = matrix.indptr().to_proper().to_vec();
    let mut values = vec![M::default(); matrix.nnz()];
    let mut rows = Vec::with_capacity(matrix.rows());
    let mut rest = values.as_mut_slice();
    for range in starts.windows(2) {
        let (row, behind) = rest.split_at_mut(range[1] - range[0]);
        rows.push((range[0]..range[1], row));
        rest = behind;
    }
    rows.into_par_iter().with_min_len(64).for_each(|(range, row)| {
        change(&matrix.indices()[range.clone()], &matrix.data()[range], row);
    });
    CsrMatrix::new((matrix.rows(), matrix.cols()), starts, matrix.indices().to_vec(), values)
}

/// The dense form of a sparse matrix.
///
/// # Errors
///
/// [`Error::TooLarge`](crate::Error::TooLarge) if it does not fit in memory.
///
/// # Examples
///
/// ```
/// use kiln_text::features::{CountVectorizer, to_dense};
///
/// let (_, counts) = CountVectorizer::builder().fit_transform(&["red red green", "blue"])?;
/// let dense = to_dense(&counts)?;
/// assert_eq!((dense.row(0), dense.row(1)), (&[0.0, 1.0, 2.0][..], &[1.0, 0.0, 0.0][..]));
/// # Ok::<(), kiln_text::Error>(())
/// ```
pub fn to_dense<N: Copy + Into<f64>>(matrix: &SparseMatrix<N>) -> Result<Matrix> {
    let (rows, columns) = matrix.shape();
    let mut values = filled(rows, columns, 0.0, "a matrix")?;
    for (&value, (row, column)) in matrix.iter() {
        values[row as usize * columns + column as usize] = value.into();
    }
    Ok(Matrix { values, rows, columns })
}

/// An error unless a matrix has the expected number of columns.
pub(crate) fn check_columns<N>(matrix: &SparseMatrix<N>, expected: usize) -> Result<()> {
    match matrix.cols() == expected {
        true => Ok(()),
        false => Err(VectorizerError::MatrixColumns { expected, found: matrix.cols() }.into()),
    }
}

/// `columns`, if a sparse matrix can have that many.
pub(crate) fn sparse_columns(columns: usize) -> Result<usize> {
    let too_large = |_| Error::TooLarge { what: "a matrix", rows: 1, columns };
    u32::try_from(columns).map(|_| columns).map_err(too_large)
}
