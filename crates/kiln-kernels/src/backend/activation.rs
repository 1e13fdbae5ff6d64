//! The activation functions of layers and configurations.

use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

/// An elementwise function after a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// The identity.
    #[default]
    Linear,
    /// max(x, 0)
    Relu,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + exp(-x))
    Sigmoid,
}

impl Activation {
    /// Applies the function to every element.
    #[must_use]
    pub fn apply<const D: usize>(self, input: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Linear => input,
            Self::Relu => activation::relu(input),
            Self::Tanh => activation::tanh(input),
            Self::Sigmoid => activation::sigmoid(input),
        }
    }
}
