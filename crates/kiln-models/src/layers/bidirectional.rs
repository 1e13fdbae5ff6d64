//! Two recurrent layers of the same kind, one per direction, with their outputs concatenated.

use burn::module::Module;
use burn::tensor::Tensor;
use kiln_kernels::Wanted;

use super::recurrent::{Recurrent, both, both_last};
use crate::forward::spans::Spans;

/// A recurrent layer in both directions, outputs concatenated: Keras's `Bidirectional` with `merge_mode="concat"`.
#[derive(Module, Debug)]
pub struct Bidirectional<L: Recurrent> {
    /// Walks from the first step to the last.
    pub forward_layer: L,
    /// Walks from the last step to the first, with its own weights.
    pub backward_layer: L,
}

impl<L: Recurrent> Bidirectional<L> {
    /// Joins two layers.
    pub fn new(forward_layer: L, backward_layer: L) -> Self {
        Self { forward_layer, backward_layer }
    }

    /// The outputs of all steps.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, time, d_input]`
    /// - output: `[batch, time, 2 * d_hidden]`
    pub fn forward(&self, input: Tensor<3>, spans: Option<&Spans>) -> Tensor<3> {
        both(&self.forward_layer, &self.backward_layer, input, spans, Wanted::SEQUENCE)
    }

    /// The final states of both directions.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, time, d_input]`
    /// - output: `[batch, 2 * d_hidden]`
    pub fn forward_last(&self, input: Tensor<3>, spans: Option<&Spans>) -> Tensor<2> {
        both_last(&self.forward_layer, &self.backward_layer, input, spans)
    }
}
