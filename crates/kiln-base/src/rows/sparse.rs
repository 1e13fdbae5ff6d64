//! Sparse matrices stored by rows, which are those of `sprs`, and building them row by row on all threads.

use std::borrow::Cow;
use std::ops::Deref;

use rayon::prelude::*;
use sprs::{CsMatBase, CsMatI};

/// A sparse matrix stored by rows, with ascending columns in each row. Columns are `u32`, half the memory of `usize`.
pub type CsrMatrix<N> = CsMatI<N, u32, usize>;

/// The matrix itself, or a copy stored by rows if it is stored by columns.
pub fn by_row<N: Clone + Default>(matrix: &CsrMatrix<N>) -> Cow<'_, CsrMatrix<N>> {
    if matrix.is_csr() { Cow::Borrowed(matrix) } else { Cow::Owned(matrix.to_csr()) }
}

/// The columns and values of row `at` of a matrix that is stored by rows.
#[inline(always)]
pub fn row<N, S, C, V>(matrix: &CsMatBase<N, u32, S, C, V, usize>, at: usize) -> (&[u32], &[N])
where
    S: Deref<Target = [usize]>,
    C: Deref<Target = [u32]>,
    V: Deref<Target = [N]>,
{
    debug_assert!(matrix.is_csr());
    let range = matrix.indptr().outer_inds_sz(at);
    (&matrix.indices()[range.clone()], &matrix.data()[range])
}

/// Rows built by one task.
struct Part<N> {
    columns: Vec<u32>,
    values: Vec<N>,
    lengths: Vec<usize>,
}

/// The rows of a matrix under construction. They are copied once, by [`finish`](Self::finish).
pub struct Rows<N> {
    parts: Vec<Part<N>>,
}

impl<N> Default for Rows<N> {
    fn default() -> Self {
        Self { parts: Vec::new() }
    }
}

impl<N: Copy + Send + Sync> Rows<N> {
    /// Adds `rows` rows. Row `r` is what `push(scratch, r, columns, values)` appends, with ascending columns. Each task
    /// makes `piece` rows with one `scratch`.
    pub fn push<S>(
        &mut self,
        rows: usize,
        piece: usize,
        scratch: impl Fn() -> S + Sync + Send,
        push: impl Fn(&mut S, usize, &mut Vec<u32>, &mut Vec<N>) + Sync + Send,
    ) {
        let piece = piece.max(1);
        self.parts.par_extend((0..rows.div_ceil(piece)).into_par_iter().map_init(scratch, |scratch, task| {
            let mut part =
                Part { columns: Vec::new(), values: Vec::new(), lengths: Vec::with_capacity(piece.min(rows)) };
            for row in task * piece..rows.min((task + 1) * piece) {
                let before = part.columns.len();
                push(scratch, row, &mut part.columns, &mut part.values);
                part.lengths.push(part.columns.len() - before);
            }
            part
        }));
    }

    /// Appends the rows of `other`.
    pub fn append(&mut self, mut other: Self) {
        self.parts.append(&mut other.parts);
    }

    /// The columns of all rows, row after row.
    pub fn columns(&self) -> impl Iterator<Item = u32> {
        self.parts.iter().flat_map(|part| part.columns.iter().copied())
    }

    /// The matrix, with this number of columns.
    pub fn finish(self, columns: usize) -> CsrMatrix<N> {
        let stored = self.parts.iter().map(|part| part.columns.len()).sum();
        let rows: usize = self.parts.iter().map(|part| part.lengths.len()).sum();
        let (mut all_columns, mut values) = (Vec::with_capacity(stored), Vec::with_capacity(stored));
        let mut starts = Vec::with_capacity(rows + 1);
        starts.push(0);
        for part in self.parts {
            all_columns.extend_from_slice(&part.columns);
            values.extend_from_slice(&part.values);
            for length in part.lengths {
                starts.push(starts[starts.len() - 1] + length);
            }
        }
        CsMatI::new((rows, columns), starts, all_columns, values)
    }
}

/// A matrix of shape `(rows, columns)`, with its rows made as in [`Rows::push`].
pub fn from_rows<N: Copy + Send + Sync, S>(
    (rows, columns): (usize, usize),
    piece: usize,
    scratch: impl Fn() -> S + Sync + Send,
    push: impl Fn(&mut S, usize, &mut Vec<u32>, &mut Vec<N>) + Sync + Send,
) -> CsrMatrix<N> {
    let mut all = Rows::default();
    all.push(rows, piece, scratch, push);
    all.finish(columns)
}
