//! The sparse matrices of this module: those of `sprs` with 32-bit floats.

use kiln_base::sparse;
use sprs::CsMatViewI;

use crate::error::{Error, Result};

/// A sparse matrix by rows: 8 bytes for each nonzero number, and 8 for each row.
pub type CsrMatrix = sparse::CsrMatrix<f32>;

/// A borrowed [`CsrMatrix`], made by its `view()`. A matrix by columns is accepted too, and converted to rows first.
pub type CsrView<'a> = CsMatViewI<'a, f32, u32, usize>;

/// A matrix whose row `r` is what `fill(r, columns, values)` appends, columns ascending.
pub(crate) fn from_rows(
    shape: (usize, usize),
    fill: impl Fn(usize, &mut Vec<u32>, &mut Vec<f32>) + Sync + Send,
) -> CsrMatrix {
    /// Rows that one task makes: few, so that the long rows of frequent words, which come first in most vocabularies,
    /// are spread over the threads.
    const PIECE: usize = 64;
    sparse::from_rows(shape, PIECE, || (), |(), row, columns, values| fill(row, columns, values))
}

/// What the cells of a decomposition must be.
pub(crate) const FINITE: &str = "every value should be finite";

/// Returns an error for the first bad cell.
pub(crate) fn check_cells(matrix: &CsrView<'_>, expected: &'static str, is_good: fn(f32) -> bool) -> Result<()> {
    match matrix.iter().find(|(value, _)| !is_good(**value)) {
        Some((&found, (row, column))) => {
            Err(Error::BadCell { expected, row: row as usize, column: column as usize, found })
        }
        None => Ok(()),
    }
}
