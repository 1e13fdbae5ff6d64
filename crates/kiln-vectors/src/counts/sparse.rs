//! The sparse matrices of this module: those of `sprs` in 32-bit floats.

use kiln_base::sparse;
use sprs::CsMatViewI;

/// A sparse matrix by rows: 8 bytes for each number that is not 0, and 8 for each row.
pub type CsrMatrix = sparse::CsrMatrix<f32>;

/// A borrowed [`CsrMatrix`], made by its `view()`. One by columns is taken too, and brought into rows first.
pub type CsrView<'a> = CsMatViewI<'a, f32, u32, usize>;

/// A matrix whose row `r` is what `fill(r, columns, values)` appends, columns ascending.
pub(crate) fn from_rows(
    shape: (usize, usize),
    fill: impl Fn(usize, &mut Vec<u32>, &mut Vec<f32>) + Sync + Send,
) -> CsrMatrix {
    /// Rows that one task makes. Few, so that the long rows of frequent words, which come first in most vocabularies,
    /// are spread over the threads.
    const PIECE: usize = 64;
    sparse::from_rows(shape, PIECE, || (), |(), row, columns, values| fill(row, columns, values))
}

/// The first value that `wrong` picks out, with its row and column.
pub(crate) fn find_value(matrix: &CsrView<'_>, wrong: impl Fn(f32) -> bool) -> Option<(usize, usize, f32)> {
    matrix
        .iter()
        .find(|(value, _)| wrong(**value))
        .map(|(&value, (row, column))| (row as usize, column as usize, value))
}
