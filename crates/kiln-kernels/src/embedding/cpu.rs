//! Rows of a table by id, the table's gradient, and replacing rows.

use std::mem::MaybeUninit;

use burn::backend::TensorMetadata;
use burn::backend::tensor::{FloatTensor, IntTensor};
use rayon::prelude::*;

use super::autodiff::EmbeddingOps;
use crate::backend::cpu::shared::{Shared, UNLIKE_PRODUCTS, assert_holds, at_least, filled};
use crate::backend::cpu::slices::{Slices, ids_below};

/// Ids per task of a lookup.
const PART: usize = 256;
/// Adjacent rows of the table whose gradient one task sums.
const BLOCK: usize = 16;

impl<B: Slices> EmbeddingOps for B {
    fn table_rows(table: FloatTensor<Self>, ids: IntTensor<Self>) -> FloatTensor<Self> {
        let ([rows, columns], [vocab, width]) = (ids.shape().dims(), table.shape().dims());
        let (ids, table) = (ids_below::<Self>(ids, vocab), Self::contiguous(table));
        Self::tensor(lookup(Self::numbers(&table), width, &ids), [rows, columns, width])
    }

    fn table_gradient(gradient: FloatTensor<Self>, ids: IntTensor<Self>, vocab: usize) -> FloatTensor<Self> {
        let width = gradient.shape()[2];
        let (ids, gradient) = (ids_below::<Self>(ids, vocab), Self::contiguous(gradient));
        Self::tensor(add_rows(Self::numbers(&gradient), vocab, width, &ids), [vocab, width])
    }

    fn put_rows(table: FloatTensor<Self>, ids: IntTensor<Self>, rows: FloatTensor<Self>) -> FloatTensor<Self> {
        let [vocab, width] = table.shape().dims();
        let ids = ids_below::<Self>(ids, vocab);
        let [mut table, rows] = [table, rows].map(Self::contiguous);
        put(Self::numbers_mut(&mut table), width, &ids, Self::numbers(&rows));
        table
    }
}

/// `table` is `[vocab, width]`; returns `[ids, width]`. Every id must be below the vocabulary size.
fn lookup(table: &[f32], width: usize, ids: &[u32]) -> Vec<f32> {
    let gather = |out: &mut [MaybeUninit<f32>]| {
        let parts = out.par_chunks_mut(PART * width).zip(ids.par_chunks(PART));
        parts.with_min_len(at_least(UNLIKE_PRODUCTS * PART * width)).for_each(|(out, ids)| {
            for (row, &id) in out.chunks_exact_mut(width).zip(ids) {
                row.write_copy_of_slice(&table[id as usize * width..][..width]);
            }
        });
    };
    // SAFETY: every id's row is copied.
    unsafe { filled([ids.len(), width], gather) }
}

/// The table's gradient: for each id, the sum of its rows of `gradient`, `[ids, width]`, in order. Every id must be
/// below the vocabulary size.
fn add_rows(gradient: &[f32], vocab: usize, width: usize, ids: &[u32]) -> Vec<f32> {
    assert_holds("gradient", gradient, [ids.len(), width]);
    let tasks = rayon::current_num_threads();
    let add = |out: &mut [MaybeUninit<f32>]| {
        let out = Shared::new(out);
        (0..tasks).into_par_iter().for_each(|task| {
            // Frequent words have adjacent ids, so adjacent blocks go to different tasks.
            for block in (task..vocab.div_ceil(BLOCK)).step_by(tasks) {
                let rows = block * BLOCK..vocab.min((block + 1) * BLOCK);
                // SAFETY: only this task writes these rows of the table.
                unsafe { out.part(rows.start * width, rows.len() * width) }.fill(MaybeUninit::new(0.0));
            }
            for (row, &id) in gradient.chunks_exact(width).zip(ids) {
                if id as usize / BLOCK % tasks == task {
                    // SAFETY: only this task writes this row of the table, and it has filled it with zeros.
                    let sum = unsafe { out.part(id as usize * width, width).assume_init_mut() };
                    sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                }
            }
        });
    };
    // SAFETY: every block is filled with zeros by its task.
    unsafe { filled([vocab, width], add) }
}

/// Copies `rows`, `[ids, width]`, over the table's rows `ids`; each id must be below the vocabulary size.
fn put(table: &mut [f32], width: usize, ids: &[u32], rows: &[f32]) {
    assert_holds("new rows", rows, [ids.len(), width]);
    for (&id, row) in ids.iter().zip(rows.chunks_exact(width)) {
        table[id as usize * width..][..width].copy_from_slice(row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "the gradient must hold [2, 3] numbers, but holds 5")]
    fn a_gradient_of_the_wrong_length_is_refused() {
        add_rows(&[0.0; 5], 4, 3, &[0, 1]);
    }

    #[test]
    #[should_panic(expected = "the new rows must hold [2, 3] numbers, but holds 3")]
    fn new_rows_of_the_wrong_length_are_refused() {
        put(&mut [0.0; 12], 3, &[0, 1], &[0.0; 3]);
    }

    #[test]
    #[should_panic(expected = "a part of 3 numbers at 12 of 12")]
    fn a_gradient_of_a_row_beyond_the_table_is_refused() {
        add_rows(&[0.0; 3], 4, 3, &[4]);
    }

    #[test]
    #[should_panic(expected = "out of range")]
    fn a_row_beyond_the_table_is_refused() {
        lookup(&[0.0; 12], 3, &[4]);
    }
}
