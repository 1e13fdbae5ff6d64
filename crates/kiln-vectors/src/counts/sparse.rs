//! The sparse matrices of this crate, which are those of `sprs`, and how they are built row by row on all threads.
//! Leaves out the arithmetic on them.

use rayon::prelude::*;
use sprs::{CsMatI, CsMatViewI};

/// A sparse matrix by rows: 8 bytes for each number that is not 0, and 8 for each row.
pub type CsrMatrix = CsMatI<f32, u32, usize>;

/// A borrowed [`CsrMatrix`], made by its `view()`. One by columns is taken too, and brought into rows first.
pub type CsrView<'a> = CsMatViewI<'a, f32, u32, usize>;

/// Rows that one task makes. Few, so that the long rows of frequent words, which stand first in most vocabularies, are
/// spread over the threads.
const ROWS: usize = 64;

/// A matrix whose row `r` is what `fill(r, indices, data)` appends, indices ascending.
pub(crate) fn from_rows(
    (rows, columns): (usize, usize),
    fill: impl Fn(usize, &mut Vec<u32>, &mut Vec<f32>) + Sync,
) -> CsrMatrix {
    let blocks: Vec<_> = (0..rows.div_ceil(ROWS))
        .into_par_iter()
        .map(|block| {
            let (mut lengths, mut indices, mut data) = (Vec::with_capacity(ROWS), Vec::new(), Vec::new());
            for row in block * ROWS..rows.min((block + 1) * ROWS) {
                let before = indices.len();
                fill(row, &mut indices, &mut data);
                lengths.push(indices.len() - before);
            }
            (lengths, indices, data)
        })
        .collect();
    let nnz = blocks.iter().map(|(_, indices, _)| indices.len()).sum();
    let mut starts = Vec::with_capacity(rows + 1);
    let (mut indices, mut data) = (Vec::with_capacity(nnz), Vec::with_capacity(nnz));
    starts.push(0);
    let mut end = 0;
    for (lengths, block_indices, block_data) in blocks {
        for length in lengths {
            end += length;
            starts.push(end);
        }
        indices.extend(block_indices);
        data.extend(block_data);
    }
    CsrMatrix::new((rows, columns), starts, indices, data)
}

/// The columns and values of one row of a matrix by rows.
pub(crate) fn row<'a>(matrix: &'a CsrView<'_>, row: usize) -> (&'a [u32], &'a [f32]) {
    debug_assert!(matrix.is_csr());
    let range = matrix.indptr().outer_inds_sz(row);
    (&matrix.indices()[range.clone()], &matrix.data()[range])
}

/// The first value that `wrong` picks out, with its row and column.
pub(crate) fn find_value(matrix: &CsrView<'_>, wrong: impl Fn(f32) -> bool) -> Option<(usize, usize, f32)> {
    matrix
        .iter()
        .find(|(value, _)| wrong(**value))
        .map(|(&value, (row, column))| (row as usize, column as usize, value))
}
