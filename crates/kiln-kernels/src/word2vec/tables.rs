//! The two tables of word2vec in memory.

use std::ops::Range;

use rayon::prelude::*;

use super::batch::{LossSum, Prediction, WindowBatch};
use super::cpu::{self, Workspace};
use super::rows::Table;
use crate::random::RandomKey;

/// The table of words as context or centre, and the table of words as predictions.
///
/// An update changes only the rows of the words in its windows, in place. Rows are padded to whole cache lines.
///
/// # Examples
///
/// ```
/// use kiln_kernels::word2vec::{Prediction, Window, WindowBatch, WordTables, Workspace};
///
/// let mut tables = WordTables::new(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], &[0.0; 6], 2);
/// let batch = WindowBatch {
///     ids: vec![0, 1],
///     windows: vec![Window { centre: 0, start: 0, end: 2 }],
///     negatives: vec![2],
/// };
/// let loss = tables.update(&batch, Prediction::CbowMean, 0.5, &mut Workspace::default());
/// assert!((loss.sum - 2.0 * 2f64.ln()).abs() < 1e-6);
/// assert_eq!(tables.output()[..2], [0.5 * 0.5 * 0.3, 0.5 * 0.5 * 0.4]);
/// ```
#[derive(Debug)]
pub struct WordTables {
    input: Table,
    output: Table,
    width: usize,
}

impl WordTables {
    /// Tables from their rows, `width` numbers each.
    ///
    /// # Panics
    ///
    /// If the width is 0, or the tables do not have the same number of whole rows.
    pub fn new(input: &[f32], output: &[f32], width: usize) -> Self {
        assert!(width > 0, "rows must hold at least one number");
        assert_eq!(input.len() % width, 0, "{} numbers do not fill rows of {width}", input.len());
        assert_eq!(input.len(), output.len(), "both tables must have the same number of rows");
        Self { input: Table::new(input, width), output: Table::new(output, width), width }
    }

    /// Initial tables, as in gensim: input rows uniform in ±1 / width, each keyed by its row, and zero output rows.
    ///
    /// # Panics
    ///
    /// If the width is 0.
    pub fn random(rows: usize, width: usize, key: RandomKey) -> Self {
        let mut tables = Self::new(&[], &[], width);
        tables.grow(rows, key);
        tables
    }

    /// Adds rows up to `rows`, as [`WordTables::random`] makes them.
    pub fn grow(&mut self, rows: usize, key: RandomKey) {
        let scale = 2.0 / self.width as f32;
        let fresh: Vec<f32> = (self.rows()..rows)
            .into_par_iter()
            .flat_map_iter(|row| key.index(row as u64).uniform(self.width))
            .map(|unit| (unit - 0.5) * scale)
            .collect();
        self.input.extend(&fresh);
        self.output.extend(&vec![0.0; fresh.len()]);
    }

    /// The number of rows of each table.
    pub fn rows(&self) -> usize {
        self.input.rows()
    }

    /// Numbers per row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The input rows, one after another.
    pub fn input(&self) -> Vec<f32> {
        self.input.values()
    }

    /// The output rows, one after another.
    pub fn output(&self) -> Vec<f32> {
        self.output.values()
    }

    /// Some rows of the input table, then those of the output table.
    ///
    /// # Panics
    ///
    /// If there are fewer rows.
    pub fn some_rows(&self, rows: Range<usize>) -> Vec<f32> {
        assert!(rows.end <= self.rows(), "rows {rows:?} of {}", self.rows());
        [self.input.some(rows.clone()), self.output.some(rows)].concat()
    }

    /// Replaces rows of both tables, from row `start`: `values` has as many of each, as [`WordTables::some_rows`]
    /// returns them.
    ///
    /// # Panics
    ///
    /// If `values` does not have the same number of whole rows for each table, or there are fewer rows.
    pub fn set_rows(&mut self, start: usize, values: &[f32]) {
        assert_eq!(values.len() % (2 * self.width), 0, "{} numbers do not fill rows of {}", values.len(), self.width);
        let rows = values.len() / (2 * self.width);
        assert!(start + rows <= self.rows(), "{rows} rows from row {start} of {}", self.rows());
        let (input, output) = values.split_at(values.len() / 2);
        self.input.set(start, input);
        self.output.set(start, output);
    }

    /// One step of stochastic gradient descent per window, in order. Returns the loss before each step: -ln
    /// sigmoid(score of the centre) - sum of ln sigmoid(-score of a negative word).
    ///
    /// CBOW scores a target with the mean or the sum of the context's input rows, and each of those rows receives the
    /// whole gradient of the mean, as in word2vec.c. Skip-gram scores each context word's input row against the centre
    /// and the window's negative words, which the context shares. All gradients of a window use the rows before it.
    ///
    /// # Panics
    ///
    /// If an id is not below [`WordTables::rows`], a window is not within the ids, or the windows do not have the same
    /// number of negative words.
    pub fn update(
        &mut self,
        batch: &WindowBatch,
        prediction: Prediction,
        rate: f32,
        memory: &mut Workspace,
    ) -> LossSum {
        batch.check(self.rows());
        cpu::update(&self.input, &self.output, batch, prediction, rate, memory)
    }

    /// [`WordTables::update`] while other threads do the same. Threads do not wait for each other: if two add to a
    /// number at the same time, one of the additions may be lost, so results vary from run to run (Recht et al.,
    /// "Hogwild!", 2011).
    ///
    /// # Panics
    ///
    /// As [`WordTables::update`].
    pub fn update_racing(
        &self,
        batch: &WindowBatch,
        prediction: Prediction,
        rate: f32,
        memory: &mut Workspace,
    ) -> LossSum {
        batch.check(self.rows());
        cpu::update(&self.input, &self.output, batch, prediction, rate, memory)
    }
}
