//! The fully connected layer.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use crate::error::{Result, at_least_one};
use crate::forward::layer_tape::listed;
use crate::weights::initializer::Initializer;
use kiln_kernels::{Activation, RandomKey};
use serde::{Deserialize, Serialize};

kiln_base::options! {
    /// Configuration of a [`Dense`] layer.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct DenseConfig {
        /// Width of the input.
        pub required d_input: usize,
        /// Width of the output: Keras's `units`.
        pub required units: usize,
        /// The activation. Default: linear.
        pub activation: Activation = Activation::Linear,
    }
}

burn_config!(DenseConfig);

impl DenseConfig {
    /// Draws the layer's parameters: Glorot uniform kernel, zero bias.
    ///
    /// # Errors
    ///
    /// A size is 0.
    pub fn init(&self, device: &Device, key: RandomKey) -> Result<Dense> {
        let d_input = at_least_one("d_input of Dense", self.d_input)?;
        let units = at_least_one("units of Dense", self.units)?;
        let glorot = Initializer::GlorotUniform { fan_in: d_input, fan_out: units };
        Ok(Dense {
            kernel: glorot.param([d_input, units], key.child("kernel"), device),
            bias: Initializer::Zeros.param([units], key.child("bias"), device),
            activation: self.activation,
        })
    }
}

/// A fully connected layer: `activation(input * kernel + bias)`.
#[derive(Module, Debug)]
pub struct Dense {
    /// `[d_input, units]`
    pub kernel: Param<Tensor<2>>,
    /// `[units]`
    pub bias: Param<Tensor<1>>,
    /// The activation.
    #[module(skip)]
    pub activation: Activation,
}

impl Dense {
    /// Applies the layer.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, d_input]`
    /// - output: `[batch, units]`
    pub fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        let output = input.matmul(self.kernel.val()) + self.bias.val().unsqueeze();
        listed(self, "Dense", self.activation.apply(output))
    }
}
