//! The fully connected recurrent layer.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use kiln_kernels::{Activation, CellKind, RandomKey, RecurrentWeights};
use serde::{Deserialize, Serialize};

use super::recurrent::{Recurrent, kernels, one_direction};
use crate::error::Result;
use crate::weights::initializer::Initializer;

kiln_base::options! {
    /// Configuration of a [`SimpleRnn`].
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct SimpleRnnConfig {
        /// Width of the input.
        pub required d_input: usize,
        /// Width of the state: Keras's `units`.
        pub required d_hidden: usize,
        /// The activation of the state. Default: tanh.
        pub activation: Activation = Activation::Tanh,
    }
}

burn_config!(SimpleRnnConfig);

impl SimpleRnnConfig {
    /// Draws the layer's parameters: Glorot uniform kernel, orthogonal recurrent kernel, zero bias.
    ///
    /// # Errors
    ///
    /// A size is 0.
    pub fn init(&self, device: &Device, key: RandomKey) -> Result<SimpleRnn> {
        let names = ["d_input of SimpleRnn", "d_hidden of SimpleRnn"];
        let [kernel, recurrent_kernel] = kernels(names, [self.d_input, self.d_hidden], 1, device, key)?;
        Ok(SimpleRnn {
            kernel,
            recurrent_kernel,
            bias: Initializer::Zeros.param([self.d_hidden], key.child("bias"), device),
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
    /// The activation of the state.
    #[module(skip)]
    pub activation: Activation,
}

impl Recurrent for SimpleRnn {
    fn cell(&self) -> CellKind {
        CellKind::SimpleRnn { activation: self.activation }
    }

    one_direction!();

    fn d_hidden(&self) -> usize {
        self.bias.lazy_shape()[0]
    }
}
