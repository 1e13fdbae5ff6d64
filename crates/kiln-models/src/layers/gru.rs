//! The gated recurrent unit.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::tensor::activation::{sigmoid, tanh};
use burn::tensor::{Device, Tensor};

use super::recurrent::{Recurrent, RecurrentState, gate};
use crate::error::{Result, at_least_one};
use crate::initializer::Initializer;
use crate::random::RandomKey;

/// Configuration of a [`Gru`].
#[derive(Config, Debug)]
pub struct GruConfig {
    /// Width of the input.
    pub d_input: usize,
    /// Width of the state: Keras's `units`.
    pub d_hidden: usize,
    /// Whether the reset gate acts behind the recurrent product, as Keras and cuDNN do by
    /// default, or on the state before it, as in the paper. Default: true.
    #[config(default = true)]
    pub reset_after: bool,
}

impl GruConfig {
    /// Draws the layer's parameters: Glorot uniform kernel over its whole width, orthogonal
    /// recurrent kernel over its whole width, zero biases.
    ///
    /// # Errors
    ///
    /// A size is 0.
    pub fn init(&self, device: &Device, key: RandomKey) -> Result<Gru> {
        let d_input = at_least_one("the input width of a GRU", self.d_input)?;
        let units = at_least_one("the units of a GRU", self.d_hidden)?;
        let width = 3 * units;
        let glorot = Initializer::GlorotUniform { fan_in: d_input, fan_out: width };
        let orthogonal = Initializer::Orthogonal;
        let biases = if self.reset_after { 2 } else { 1 };
        Ok(Gru {
            kernel: glorot.param([d_input, width], key.child("kernel"), device),
            recurrent_kernel: orthogonal.param([units, width], key.child("recurrent_kernel"), device),
            bias: Initializer::Zeros.param([biases, width], key.child("bias"), device),
        })
    }
}

/// A gated recurrent unit with Keras's parameters, the gates in the order z, r, h.
///
/// ```text
/// z, r = sigmoid(x W + b + h U + b')
/// candidate = tanh(x W + b + r * (h U + b'))     with two biases: the reset gate acts behind
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
    /// `[2, 3 * d_hidden]`, the inputs' bias and the state's, where the reset gate acts behind the
    /// product; `[1, 3 * d_hidden]` where it acts before.
    pub bias: Param<Tensor<2>>,
}

impl Gru {
    fn bias_row(&self, row: usize) -> Tensor<2> {
        self.bias.val().narrow(0, row, 1)
    }

    fn reset_after(&self) -> bool {
        self.bias.val().dims()[0] == 2
    }
}

impl Recurrent for Gru {
    fn d_hidden(&self) -> usize {
        self.bias.val().dims()[1] / 3
    }

    fn project(&self, input: Tensor<2>) -> Tensor<2> {
        input.matmul(self.kernel.val()) + self.bias_row(0)
    }

    fn step(&self, projected: Tensor<2>, state: RecurrentState) -> RecurrentState {
        let units = self.d_hidden();
        let hidden = state.hidden;
        let recurrent_kernel = self.recurrent_kernel.val();
        let (update, candidate) = if self.reset_after() {
            let recurrent = hidden.clone().matmul(recurrent_kernel) + self.bias_row(1);
            let update = sigmoid(gate(&projected, 0, units) + gate(&recurrent, 0, units));
            let reset = sigmoid(gate(&projected, 1, units) + gate(&recurrent, 1, units));
            (update, tanh(gate(&projected, 2, units) + reset * gate(&recurrent, 2, units)))
        } else {
            let gates = recurrent_kernel.clone().slice([0..units, 0..2 * units]);
            let last = recurrent_kernel.slice([0..units, 2 * units..3 * units]);
            let recurrent = hidden.clone().matmul(gates);
            let update = sigmoid(gate(&projected, 0, units) + gate(&recurrent, 0, units));
            let reset = sigmoid(gate(&projected, 1, units) + gate(&recurrent, 1, units));
            let recurrent = (reset * hidden.clone()).matmul(last);
            (update, tanh(gate(&projected, 2, units) + recurrent))
        };
        RecurrentState { hidden: update.clone() * hidden + (update.neg().add_scalar(1.0)) * candidate, cell: None }
    }
}
