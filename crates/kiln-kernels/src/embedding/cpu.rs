//! Rows of a table by id, the gradient of the table, and rows put in their place.

use burn::backend::TensorMetadata;
use burn::backend::tensor::{FloatTensor, IntTensor};
use rayon::prelude::*;

use super::autodiff::EmbeddingOps;
use crate::backend::cpu::shared::{Shared, filled};
use crate::backend::cpu::slices::{Slices, ids_below};

/// Ids that one task looks up.
const PART: usize = 256;
/// Neighbouring rows of the table whose gradient one task adds up.
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

/// `table` `[vocab, width]`; gives `[ids, width]`. Every id is below the vocabulary.
fn lookup(table: &[f32], width: usize, ids: &[u32]) -> Vec<f32> {
    let gather = |out: &mut [f32]| {
        out.par_chunks_mut(PART * width).zip(ids.par_chunks(PART)).for_each(|(out, ids)| {
            for (row, &id) in out.chunks_exact_mut(width).zip(ids) {
                row.copy_from_slice(&table[id as usize * width..][..width]);
            }
        });
    };
    // SAFETY: every id's row is copied.
    unsafe { filled(ids.len() * width, gather) }
}

/// The gradient of the table: the sum of `gradient`, `[ids, width]`, over the places of each id,
/// in their order.
fn add_rows(gradient: &[f32], vocab: usize, width: usize, ids: &[u32]) -> Vec<f32> {
    let tasks = rayon::current_num_threads();
    let add = |out: &mut [f32]| {
        let out = Shared::new(out);
        (0..tasks).into_par_iter().for_each(|task| {
            // Frequent words have neighbouring ids, so neighbouring blocks go to different tasks.
            for block in (task..vocab.div_ceil(BLOCK)).step_by(tasks) {
                let rows = block * BLOCK..vocab.min((block + 1) * BLOCK);
                // SAFETY: only this task takes these rows of the table.
                unsafe { out.part(rows.start * width, rows.len() * width) }.fill(0.0);
            }
            for (row, &id) in gradient.chunks_exact(width).zip(ids) {
                if id as usize / BLOCK % tasks == task {
                    // SAFETY: as above.
                    let sum = unsafe { out.part(id as usize * width, width) };
                    sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                }
            }
        });
    };
    // SAFETY: every block is filled with zeros by the task that owns it.
    unsafe { filled(vocab * width, add) }
}

/// Copies `rows`, `[ids, width]`, over the table's rows `ids`, each below the vocabulary.
fn put(table: &mut [f32], width: usize, ids: &[u32], rows: &[f32]) {
    for (&id, row) in ids.iter().zip(rows.chunks_exact(width)) {
        table[id as usize * width..][..width].copy_from_slice(row);
    }
}
