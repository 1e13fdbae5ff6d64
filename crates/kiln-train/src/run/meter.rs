//! The running means of loss and accuracy, and the norms of gradients, read from the device several steps at a time.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::run::gradients::{GradientSquares, LayerNorms};
use crate::run::trainable::StepOutput;

/// How many steps stay on the device before they are read: reading each at once would make a GPU wait for the host
/// after every step.
const BUNCH: usize = 16;

/// What is measured of a step. The tensors are on the device.
pub(crate) struct Measured {
    pub(crate) loss: Tensor<1>,
    pub(crate) correct: Option<Tensor<1>>,
    pub(crate) terms: usize,
    pub(crate) rows: usize,
}

impl Measured {
    /// Detached from the autodiff graph, which can then be freed.
    pub(crate) fn of(output: &StepOutput, rows: usize) -> Self {
        let off_graph = |tensor: &Tensor<1>| tensor.clone().detach().without_autodiff();
        Self {
            loss: off_graph(&output.loss),
            correct: output.correct.as_ref().map(off_graph),
            terms: output.terms.unwrap_or(rows),
            rows,
        }
    }
}

/// What has not been read yet.
struct Pending {
    step: Measured,
    update: Option<Update>,
}

/// The gradients and the learning rate of a training step.
pub(crate) struct Update {
    pub(crate) squares: Option<GradientSquares>,
    pub(crate) learning_rate: f64,
}

/// A step, counted from 1, whose loss is not finite or exploded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BadStep {
    pub(crate) step: usize,
    pub(crate) loss: f64,
    pub(crate) learning_rate: f64,
}

/// The means of loss and accuracy, summed in f64. All rows have the same weight; or all terms, if an output sets their
/// number.
pub(crate) struct Meter {
    pending: Vec<Pending>,
    steps: usize,
    rows: usize,
    terms: usize,
    loss: f64,
    correct: Option<f64>,
    norms: LayerNorms,
    /// The learning rate of the last step that was read.
    learning_rate: f64,
    /// The highest allowed loss, as a multiple of the loss at the start.
    limit: f64,
    /// The loss at the start.
    begun_with: Option<f64>,
    bad_step: Option<BadStep>,
}

/// What a meter has read, for a checkpoint. Floats are stored as bits, since JSON cannot hold all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MeterState {
    steps: usize,
    rows: usize,
    terms: usize,
    loss: u64,
    correct: Option<u64>,
    learning_rate: u64,
    norms: Vec<u64>,
    /// The loss of the first step; older checkpoints have none.
    #[serde(default)]
    begun_with: Option<u64>,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            pending: Vec::new(),
            steps: 0,
            rows: 0,
            terms: 0,
            loss: 0.0,
            correct: None,
            norms: LayerNorms::default(),
            learning_rate: 0.0,
            limit: f64::INFINITY,
            begun_with: None,
            bad_step: None,
        }
    }
}

impl Meter {
    /// Reads what is pending, and returns everything that has been read.
    pub(crate) fn state(&mut self) -> Result<MeterState> {
        self.read()?;
        Ok(MeterState {
            steps: self.steps,
            rows: self.rows,
            terms: self.terms,
            loss: self.loss.to_bits(),
            correct: self.correct.map(f64::to_bits),
            learning_rate: self.learning_rate.to_bits(),
            norms: self.norms.numbers().into_iter().map(f64::to_bits).collect(),
            begun_with: self.begun_with.map(f64::to_bits),
        })
    }

    /// Restores what [`Meter::state`] returned; `None` if it belongs to another model.
    pub(crate) fn restored(mut self, state: &MeterState) -> Option<Self> {
        let norms: Vec<f64> = state.norms.iter().map(|&bits| f64::from_bits(bits)).collect();
        self.norms.restore(&norms)?;
        (self.steps, self.rows, self.terms) = (state.steps, state.rows, state.terms);
        self.loss = f64::from_bits(state.loss);
        self.correct = state.correct.map(f64::from_bits);
        self.learning_rate = f64::from_bits(state.learning_rate);
        self.begun_with = state.begun_with.map(f64::from_bits);
        Some(self)
    }

    /// A meter for training steps, which also measures their gradients.
    pub(crate) fn with_norms(norms: LayerNorms) -> Self {
        Self { norms, ..Self::default() }
    }

    /// Sets the highest allowed loss, as a multiple of the loss at the start. A loss below 1 at the start counts as 1:
    /// a model with good weights may well get worse at first. Without `begun_with`, the first loss that is read is the
    /// loss at the start.
    pub(crate) fn limit_loss(&mut self, times: f64, begun_with: Option<f64>) {
        (self.limit, self.begun_with) = (times, begun_with);
    }

    pub(crate) fn add(&mut self, step: Measured, update: Option<Update>) -> Result<()> {
        self.pending.push(Pending { step, update });
        if self.pending.len() >= BUNCH { self.read() } else { Ok(()) }
    }

    /// Reads what is pending.
    pub(crate) fn read(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut pending = std::mem::take(&mut self.pending);
        let losses = numbers(pending.iter().map(|pending| pending.step.loss.clone()).collect())?;
        let correct: Vec<Tensor<1>> = pending.iter_mut().filter_map(|pending| pending.step.correct.take()).collect();
        if !correct.is_empty() {
            *self.correct.get_or_insert(0.0) += numbers(correct)?.into_iter().sum::<f64>();
        }
        let sums = |pending: &Pending| Some(pending.update.as_ref()?.squares.as_ref()?.sums.clone());
        let squares: Vec<Tensor<1>> = pending.iter().filter_map(sums).collect();
        let squares = if squares.is_empty() { Vec::new() } else { numbers(squares)? };
        let mut squares = squares.as_slice();
        for (loss, Pending { step, update }) in losses.into_iter().zip(pending) {
            self.steps += 1;
            self.loss += loss * step.terms as f64;
            self.terms += step.terms;
            self.rows += step.rows;
            self.learning_rate = update.as_ref().map_or(0.0, |update| update.learning_rate);
            let most = self.limit * self.begun_with.get_or_insert(loss).max(1.0);
            if (!loss.is_finite() || loss > most) && self.bad_step.is_none() {
                self.bad_step = Some(BadStep { step: self.steps, loss, learning_rate: self.learning_rate });
            }
            if let Some(GradientSquares { places, .. }) = update.and_then(|update| update.squares) {
                let (of_step, rest) = squares.split_at(places.len());
                squares = rest;
                // After a loss that is not finite, gradients are not finite either.
                if self.bad_step.is_none() {
                    self.norms.add(self.steps, &places, of_step);
                }
            }
        }
        Ok(())
    }

    /// The mean loss of what has been read; `None` before the first.
    pub(crate) fn loss(&self) -> Option<f64> {
        (self.terms > 0).then(|| self.loss / self.terms as f64)
    }

    /// The accuracy of what has been read.
    pub(crate) fn accuracy(&self) -> Option<f64> {
        self.correct.map(|correct| correct / self.terms as f64)
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The first step whose loss is not finite or exploded.
    pub(crate) fn bad_step(&self) -> Option<BadStep> {
        self.bad_step
    }

    /// The number of steps that have been read.
    pub(crate) fn steps(&self) -> usize {
        self.steps
    }

    /// The learning rate of the last step that has been read.
    pub(crate) fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    /// The gradients of the steps that have been read.
    pub(crate) fn norms(&self) -> &LayerNorms {
        &self.norms
    }
}

fn numbers(tensors: Vec<Tensor<1>>) -> Result<Vec<f64>> {
    let values = Tensor::cat(tensors, 0).try_into_vec_as::<f32>().map_err(kiln_predict::Error::Device)?;
    Ok(values.into_iter().map(f64::from).collect())
}
