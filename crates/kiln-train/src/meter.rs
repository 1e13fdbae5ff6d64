//! The running mean of loss and accuracy, read from the device in bunches.

use burn::tensor::Tensor;

use crate::error::{Error, Result};
use crate::trainable::StepOutput;

/// Batches whose numbers stay on the device before they are read: reading each at once would make
/// a GPU wait for the host behind every step.
const BUNCH: usize = 16;

/// The sample-weighted mean of loss and accuracy, summed up in f64.
#[derive(Default)]
pub(crate) struct Meter {
    pending: Vec<(Tensor<1>, Option<Tensor<1>>, usize)>,
    rows: usize,
    loss: f64,
    correct: Option<f64>,
}

impl Meter {
    pub(crate) fn add(&mut self, output: &StepOutput, rows: usize) -> Result<()> {
        // Off the autodiff graph, which is then freed.
        let off_graph = |tensor: &Tensor<1>| tensor.clone().detach().without_autodiff();
        let correct = output.correct.as_ref().map(off_graph);
        self.pending.push((off_graph(&output.loss), correct, rows));
        if self.pending.len() >= BUNCH { self.read() } else { Ok(()) }
    }

    /// Reads what is pending.
    pub(crate) fn read(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        let losses = pending.iter().map(|(loss, ..)| loss.clone()).collect();
        for (loss, (.., rows)) in numbers(losses)?.into_iter().zip(&pending) {
            self.loss += loss * *rows as f64;
            self.rows += rows;
        }
        let correct: Vec<Tensor<1>> = pending.into_iter().filter_map(|(_, correct, _)| correct).collect();
        if !correct.is_empty() {
            *self.correct.get_or_insert(0.0) += numbers(correct)?.into_iter().sum::<f64>();
        }
        Ok(())
    }

    /// The mean loss of what has been read; `None` before the first.
    pub(crate) fn loss(&self) -> Option<f64> {
        (self.rows > 0).then(|| self.loss / self.rows as f64)
    }

    /// The accuracy of what has been read.
    pub(crate) fn accuracy(&self) -> Option<f64> {
        self.correct.map(|correct| correct / self.rows as f64)
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }
}

fn numbers(tensors: Vec<Tensor<1>>) -> Result<Vec<f64>> {
    let values = Tensor::cat(tensors, 0).try_into_vec_as::<f32>().map_err(Error::Device)?;
    Ok(values.into_iter().map(f64::from).collect())
}
