//! The two tables of a model.

use rayon::prelude::*;

use super::config::Loss;
use super::minstd::Minstd;
use super::train::{mean_of_rows, probabilities, scores};
use crate::error::{Error, Result};

/// fastText draws a table in ten pieces, each with its own seed.
const PIECES: usize = 10;

/// One row per word and bucket, and one per label.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tables {
    pub(super) d: usize,
    pub(super) input: Vec<f32>,
    pub(super) output: Vec<f32>,
}

/// Zeros, or an error if there is not enough memory.
pub(super) fn zeros(rows: usize, d: usize) -> Result<Vec<f32>> {
    let too_large = || Error::TooLarge { rows, d, bytes: rows as u128 * d as u128 * 4 };
    let size = rows.checked_mul(d).filter(|size| size.checked_mul(4).is_some()).ok_or_else(too_large)?;
    let mut table = Vec::new();
    table.try_reserve_exact(size).map_err(|_| too_large())?;
    table.resize(size, 0.0);
    Ok(table)
}

impl Tables {
    /// fastText's initial values: uniform within ±1/d for inputs, 0 for outputs. Only `pieces` pieces are drawn, as
    /// many as fastText has threads.
    pub(super) fn new(rows: usize, labels: usize, d: usize, seed: u32, pieces: usize) -> Result<Self> {
        let mut input = zeros(rows, d)?;
        let bound = 1.0 / d as f64;
        let piece = input.len() / PIECES;
        // The remainder of the ten pieces is an eleventh; a table of fewer than ten numbers is drawn in single numbers.
        input.par_chunks_mut(piece.max(1)).take(pieces).enumerate().for_each(|(at, numbers)| {
            let mut random = Minstd::new(at as u64 + u64::from(seed));
            numbers.iter_mut().for_each(|number| *number = random.uniform(-bound, bound) as f32);
        });
        Ok(Self { d, input, output: zeros(labels, d)? })
    }

    /// The mean of rows of the input table.
    pub(super) fn mean_of_rows(&self, rows: &[u32]) -> Vec<f32> {
        let mut mean = vec![0.0; self.d];
        mean_of_rows(&self.input, self.d, rows, &mut mean);
        mean
    }

    /// The probability of each label for a line with these rows; empty for a line without rows.
    pub(super) fn outputs(&self, rows: &[u32], loss: Loss) -> Vec<f32> {
        if rows.is_empty() {
            return Vec::new();
        }
        let mut outputs = Vec::with_capacity(self.output.len() / self.d);
        scores(&self.output, &self.mean_of_rows(rows), &mut outputs);
        probabilities(loss, &mut outputs);
        outputs
    }

    /// All pieces of a table.
    pub(super) const ALL: usize = PIECES + 1;
}
