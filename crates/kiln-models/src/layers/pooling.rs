//! Max pooling over time.

use burn::tensor::Tensor;
use kiln_kernels::max_pool1d;

use crate::error::{Result, at_least_one};
use crate::forward::layer_tape::listed_plain;
use crate::forward::spans::Spans;

/// The largest value of each channel in every `pool_size` steps, without overlap. Steps that do not fill a last window
/// are dropped, as Keras's `MaxPooling1D` does by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool1d {
    pool_size: usize,
}

impl MaxPool1d {
    /// Pools of `pool_size` steps.
    ///
    /// # Errors
    ///
    /// The size is 0.
    pub fn new(pool_size: usize) -> Result<Self> {
        Ok(Self { pool_size: at_least_one("pool_size", pool_size)? })
    }

    /// The output length for an input of `steps`.
    pub fn output_len(&self, steps: usize) -> usize {
        steps / self.pool_size
    }

    /// The spans of the output: a window is valid if any of its steps is.
    pub fn spans(&self, spans: &Spans, steps: usize) -> Spans {
        spans.through_window(self.pool_size, self.pool_size, 0, self.output_len(steps))
    }

    /// Applies the layer.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, time, channel]`
    /// - output: `[batch, time / pool_size, channel]`
    pub fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        listed_plain("MaxPooling1D", max_pool1d(input, self.pool_size))
    }
}

/// The largest value of each channel over all steps: Keras's `GlobalMaxPooling1D`.
///
/// # Shapes
///
/// - input: `[batch, time, channel]`
/// - output: `[batch, channel]`
pub fn global_max_pool1d(input: Tensor<3>) -> Tensor<2> {
    let [batch, _, channels] = input.dims();
    listed_plain("GlobalMaxPooling1D", input.max_dim(1).reshape([batch, channels]))
}
