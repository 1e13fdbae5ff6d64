//! The long short-term memory layer.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use kiln_kernels::{CellKind, RandomKey, RecurrentWeights};
use serde::{Deserialize, Serialize};

use super::recurrent::{Recurrent, kernels, one_direction};
use crate::error::Result;
use crate::weights::initializer::Initializer;

kiln_base::options! {
    /// Configuration of an [`Lstm`].
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct LstmConfig {
        /// Width of the input.
        pub required d_input: usize,
        /// Width of the state: Keras's `units`.
        pub required d_hidden: usize,
    }
}

burn_config!(LstmConfig);

impl LstmConfig {
    /// Draws the layer's parameters: Glorot uniform kernel and orthogonal recurrent kernel, each over its whole width;
    /// the bias is 1 for the forget gate, otherwise 0.
    ///
    /// # Errors
    ///
    /// A size is 0.
    pub fn init(&self, device: &Device, key: RandomKey) -> Result<Lstm> {
        let names = ["d_input of Lstm", "d_hidden of Lstm"];
        let [kernel, recurrent_kernel] = kernels(names, [self.d_input, self.d_hidden], 4, device, key)?;
        Ok(Lstm {
            kernel,
            recurrent_kernel,
            bias: Initializer::ForgetGateOnes.param([4 * self.d_hidden], key.child("bias"), device),
        })
    }
}

/// Long short-term memory with Keras's parameters, the gates in the order i, f, g, o.
///
/// ```text
/// i, f, o = sigmoid(x W + h U + b)      g = tanh(x W + h U + b)
/// c' = f * c + i * g                    h' = o * tanh(c')
/// ```
///
/// # References
///
/// Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997; the forget gate is from Gers et al., 2000, its bias of 1
/// from Jozefowicz et al., 2015.
#[derive(Module, Debug)]
pub struct Lstm {
    /// `[d_input, 4 * d_hidden]`
    pub kernel: Param<Tensor<2>>,
    /// `[d_hidden, 4 * d_hidden]`
    pub recurrent_kernel: Param<Tensor<2>>,
    /// `[4 * d_hidden]`
    pub bias: Param<Tensor<1>>,
}

impl Recurrent for Lstm {
    fn cell(&self) -> CellKind {
        CellKind::Lstm
    }

    one_direction!();

    fn d_hidden(&self) -> usize {
        self.bias.lazy_shape()[0] / 4
    }
}
