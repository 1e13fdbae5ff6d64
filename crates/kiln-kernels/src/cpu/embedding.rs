//! Rows of a table by id, and the gradient of the table.

use rayon::prelude::*;

use super::shared::Shared;

/// Ids that one task looks up.
const PART: usize = 256;

/// `table` `[vocab, width]`; gives `[ids, width]`. Every id is below the vocabulary.
pub(crate) fn forward(table: &[f32], width: usize, ids: &[u32]) -> Vec<f32> {
    let mut out = vec![0.0; ids.len() * width];
    out.par_chunks_mut(PART * width).zip(ids.par_chunks(PART)).for_each(|(out, ids)| {
        for (row, &id) in out.chunks_exact_mut(width).zip(ids) {
            row.copy_from_slice(&table[id as usize * width..][..width]);
        }
    });
    out
}

/// The gradient of the table: the sum of `gradient`, `[ids, width]`, over the places of each id,
/// in their order.
pub(crate) fn backward(gradient: &[f32], vocab: usize, width: usize, ids: &[u32]) -> Vec<f32> {
    let mut out = vec![0.0; vocab * width];
    let shared = Shared::new(&mut out);
    let tasks = rayon::current_num_threads() as u32;
    (0..tasks).into_par_iter().for_each(|task| {
        // Frequent words have neighbouring ids, so neighbours go to different tasks.
        for (row, &id) in gradient.chunks_exact(width).zip(ids) {
            if id % tasks == task {
                // SAFETY: this row of the table is this task's alone.
                let sum = unsafe { shared.part(id as usize * width, width) };
                sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
        }
    });
    out
}
