//! The gated recurrent unit.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use kiln_kernels::{CellKind, RandomKey, RecurrentWeights};
use serde::{Deserialize, Serialize};

use super::recurrent::{Recurrent, kernels, one_direction};
use crate::error::Result;
use crate::weights::initializer::Initializer;

kiln_base::options! {
    /// Configuration of a [`Gru`].
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct GruConfig {
        /// Width of the input.
        pub required d_input: usize,
        /// Width of the state: Keras's `units`.
        pub required d_hidden: usize,
        /// Whether the reset gate is applied after the recurrent product, as Keras and cuDNN do by default, or to the
        /// state before it, as in the paper. Default: true.
        pub reset_after: bool = true,
    }
}

burn_config!(GruConfig);

impl GruConfig {
    /// Draws the layer's parameters: Glorot uniform kernel and orthogonal recurrent kernel, each over its whole width,
    /// and zero biases.
    ///
    /// # Errors
    ///
    /// A size is 0.
    pub fn init(&self, device: &Device, key: RandomKey) -> Result<Gru> {
        let names = ["d_input of Gru", "d_hidden of Gru"];
        let [kernel, recurrent_kernel] = kernels(names, [self.d_input, self.d_hidden], 3, device, key)?;
        let biases = if self.reset_after { 2 } else { 1 };
        Ok(Gru {
            kernel,
            recurrent_kernel,
            bias: Initializer::Zeros.param([biases, 3 * self.d_hidden], key.child("bias"), device),
        })
    }
}

/// A gated recurrent unit with Keras's parameters, the gates in the order z, r, h.
///
/// ```text
/// z, r = sigmoid(x W + b + h U + b')
/// candidate = tanh(x W + b + r * (h U + b'))     with two biases: the reset gate acts after
/// candidate = tanh(x W + b + (r * h) U)          with one bias: it acts before
/// h' = z * h + (1 - z) * candidate
/// ```
///
/// # References
///
/// Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014.
#[derive(Module, Debug)]
pub struct Gru {
    /// `[d_input, 3 * d_hidden]`
    pub kernel: Param<Tensor<2>>,
    /// `[d_hidden, 3 * d_hidden]`
    pub recurrent_kernel: Param<Tensor<2>>,
    /// `[2, 3 * d_hidden]`, the biases of the input and of the state, if the reset gate is applied after the product;
    /// otherwise `[1, 3 * d_hidden]`.
    pub bias: Param<Tensor<2>>,
}

impl Recurrent for Gru {
    fn cell(&self) -> CellKind {
        CellKind::Gru { reset_after: self.bias.lazy_shape()[0] == 2 }
    }

    one_direction!();

    fn d_hidden(&self) -> usize {
        self.bias.lazy_shape()[1] / 3
    }
}
