//! A second text on which a model is measured after every epoch, and the choice of the epoch that is kept.

use std::ops::ControlFlow;

use kiln_text::io::Text;
use rayon::prelude::*;

use super::TestCounts;
use super::config::{Loss, SupervisedConfig};
use super::dictionary::{Dictionary, Line};
use super::tables::{Tables, zeros};
use super::train::SupervisedProgress;
use crate::error::{Error, Result};

/// The measurements of one epoch of [`Supervised::fit_with_validation`](crate::Supervised::fit_with_validation).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct SupervisedEpoch {
    /// The training loss: the mean over the epoch's steps, while the tables changed, each line's times its weight.
    pub loss: f64,
    /// The validation loss: the mean over validation lines with a known label, after the epoch's last step. All lines
    /// count the same, whatever `row_weights` is; under softmax, a line with several labels counts with their mean
    /// loss.
    pub val_loss: f64,
    /// The precision at 1 on the validation lines, as [`Supervised::test`](crate::Supervised::test) counts it.
    pub val_precision: f64,
}

/// The validation lines, the measurements, and the best tables.
pub(super) struct Validation {
    lines: Vec<Line>,
    loss: Loss,
    epochs: Vec<SupervisedEpoch>,
    /// The index of the epoch with the lowest loss; the first of equal ones.
    best_epoch: usize,
    /// The patience in epochs, and the tables of the best epoch.
    stopping: Option<(usize, Tables)>,
}

impl Validation {
    pub(super) fn new(
        config: &SupervisedConfig,
        dictionary: &Dictionary,
        lines: impl IntoIterator<Item: Text>,
    ) -> Result<Self> {
        let mut kept = Vec::new();
        let count = super::each_line(lines, |line| {
            let line = dictionary.line(line);
            if line.is_test() {
                kept.push(line);
            }
        })?;
        if kept.iter().all(|line| line.labels.is_empty()) {
            return Err(Error::NothingToValidate { lines: count, prefix: config.label_prefix.clone() });
        }
        let table = |rows| zeros(rows, config.d);
        let tables = || -> Result<Tables> {
            Ok(Tables { d: config.d, input: table(dictionary.rows())?, output: table(dictionary.labels.len())? })
        };
        let stopping = config.patience.map(|patience| tables().map(|best| (patience, best))).transpose()?;
        Ok(Self { lines: kept, loss: config.loss, epochs: Vec::new(), best_epoch: 0, stopping })
    }

    /// Measures the tables at the end of an epoch, and breaks off if training should stop.
    pub(super) fn judge(&mut self, progress: SupervisedProgress, tables: &Tables) -> ControlFlow<Result<()>> {
        let (val_loss, val_precision) = self.measured(tables);
        if !val_loss.is_finite() {
            let SupervisedProgress { tokens, learning_rate, .. } = progress;
            return ControlFlow::Break(Err(Error::Diverged { tokens, learning_rate }));
        }
        let epoch = self.epochs.len();
        self.epochs.push(SupervisedEpoch { loss: progress.loss, val_loss, val_precision });
        if epoch == 0 || val_loss < self.epochs[self.best_epoch].val_loss {
            self.best_epoch = epoch;
            if let Some((_, best)) = &mut self.stopping {
                best.input.copy_from_slice(&tables.input);
                best.output.copy_from_slice(&tables.output);
            }
        }
        match &self.stopping {
            Some((patience, _)) if epoch - self.best_epoch >= *patience => ControlFlow::Break(Ok(())),
            _ => ControlFlow::Continue(()),
        }
    }

    /// The mean loss and the precision at 1. They are summed in the order of the lines, so they do not depend on the
    /// threads.
    fn measured(&self, tables: &Tables) -> (f64, f64) {
        let of_line = |line: &Line| {
            let outputs = tables.outputs(&line.rows, self.loss);
            let loss = (!line.labels.is_empty()).then(|| loss_of(self.loss, &line.labels, &outputs));
            (loss, TestCounts::of(line, &outputs, 1))
        };
        let of_lines: Vec<(Option<f64>, TestCounts)> = self.lines.par_iter().with_min_len(16).map(of_line).collect();
        let losses = || of_lines.iter().filter_map(|&(loss, _)| loss);
        let counts = of_lines.iter().fold(TestCounts::default(), |sum, &(_, counts)| sum.plus(counts));
        (losses().sum::<f64>() / losses().count() as f64, counts.precision())
    }

    /// The measurements; with patience, the tables become those of the best epoch.
    pub(super) fn finish(self, tables: &mut Tables) -> Vec<SupervisedEpoch> {
        if let Some((_, best)) = self.stopping {
            *tables = best;
        }
        self.epochs
    }
}

/// The loss of a line's outputs, as in a step. Softmax steps draw one of several labels; here it is their mean.
fn loss_of(loss: Loss, labels: &[u32], outputs: &[f32]) -> f64 {
    match loss {
        Loss::Softmax => {
            let sum: f64 = labels.iter().map(|&label| f64::from(loss.of(true, outputs[label as usize]))).sum();
            sum / labels.len() as f64
        }
        Loss::OneVsAll => {
            let of_output = |(label, &output): (usize, &f32)| loss.of(labels.contains(&(label as u32)), output);
            outputs.iter().enumerate().map(of_output).map(f64::from).sum()
        }
    }
}
