//! A layer: a configuration with `init(&device, key)`, parameters from initializers, and `forward`.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use kiln::models::layers::listed;
use kiln::models::{Initializer, RandomKey};

use crate::kernel::gated;

/// A gated linear unit over the last dimension (Dauphin et al. 2017).
#[derive(Module, Debug)]
pub struct Glu {
    kernel: Param<Tensor<2>>,
    gate: Param<Tensor<2>>,
}

impl Glu {
    pub fn init(d_input: usize, d_output: usize, device: &Device, key: RandomKey) -> Self {
        let glorot = Initializer::GlorotUniform { fan_in: d_input, fan_out: d_output };
        let drawn = |name| glorot.param([d_input, d_output], key.child(name), device);
        Self { kernel: drawn("kernel"), gate: drawn("gate") }
    }

    /// # Shapes
    ///
    /// - input: `[batch, d_input]`
    /// - output: `[batch, d_output]`
    pub fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        let output = gated(input.clone().matmul(self.kernel.val()), input.matmul(self.gate.val()));
        listed(self, "Glu", output)
    }
}
