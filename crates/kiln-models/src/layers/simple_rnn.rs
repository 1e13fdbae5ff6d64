//! The fully connected recurrent layer.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use kiln_kernels::{Activation, CellKind, RandomKey, RecurrentWeights};
use serde::{Deserialize, Serialize};

use super::recurrent::Recurrent;
use crate::error::{Result, at_least_one};
use crate::weights::initializer::Initializer;

kiln_base::options! {
    /// Configuration of a [`SimpleRnn`].
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct SimpleRnnConfig {
        /// Width of the input.
        pub required d_input: usize,
        /// Width of the state: Keras's `units`.
        pub required d_hidden: usize,
        /// The function of the state. Default: tanh.
        pub activation: Activation = Activation::Tanh,
    }
}

impl SimpleRnnConfig {
    /// Draws the layer's parameters: Glorot uniform kernel, orthogonal recurrent kernel, zero bias.
    ///
    /// # Errors
    ///
    /// A size is 0.
    pub fn init(&self, device: &Device, key: RandomKey) -> Result<SimpleRnn> {
        let d_input = at_least_one("input width of a recurrent layer", self.d_input)?;
        let units = at_least_one("units of a recurrent layer", self.d_hidden)?;
        let glorot = Initializer::GlorotUniform { fan_in: d_input, fan_out: units };
        let orthogonal = Initializer::Orthogonal;
        Ok(SimpleRnn {
            kernel: glorot.param([d_input, units], key.child("kernel"), device),
            recurrent_kernel: orthogonal.param([units, units], key.child("recurrent_kernel"), device),
            bias: Initializer::Zeros.param([units], key.child("bias"), device),
            activation: self.activation,
        })
    }
}

/// `h' = activation(x W + h U + b)`, with Keras's parameters.
#[derive(Module, Debug)]
pub struct SimpleRnn {
    /// `[d_input, d_hidden]`
    pub kernel: Param<Tensor<2>>,
    /// `[d_hidden, d_hidden]`
    pub recurrent_kernel: Param<Tensor<2>>,
    /// `[d_hidden]`
    pub bias: Param<Tensor<1>>,
    /// The function of the state.
    #[module(skip)]
    pub activation: Activation,
}

impl Recurrent for SimpleRnn {
    fn cell(&self) -> CellKind {
        CellKind::SimpleRnn { activation: self.activation }
    }

    fn weights(&self) -> RecurrentWeights {
        RecurrentWeights {
            kernel: self.kernel.val().unsqueeze(),
            recurrent_kernel: self.recurrent_kernel.val().unsqueeze(),
            bias: self.bias.val().unsqueeze(),
        }
    }

    fn d_hidden(&self) -> usize {
        self.bias.val().dims()[0]
    }
}
