//! Dropout with counter-based masks.

use burn::module::Module;
use burn::tensor::Tensor;
use kiln_kernels::dropout;
use serde::{Deserialize, Serialize};

use crate::error::{Result, dropout_rate};
use crate::forward::layer_tape::list_as;
use crate::forward::pass::Pass;

kiln_base::options! {
    /// Configuration of a [`Dropout`].
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct DropoutConfig {
        /// The probability of dropping an element, at least 0 and below 1.
        pub required rate: f64,
        /// The layer's name within its model, which keys its masks: two layers of one model need two
        /// names, or they drop the same places.
        pub required name: String,
    }
}

burn_config!(DropoutConfig);

impl DropoutConfig {
    /// Makes the layer.
    ///
    /// # Errors
    ///
    /// The rate is not within [0, 1).
    pub fn init(&self) -> Result<Dropout> {
        Ok(Dropout { rate: dropout_rate("dropout rate", self.rate)?, name: self.name.clone() })
    }
}

/// Zeroes elements at random in training and scales the others by 1 / (1 - rate); the identity in
/// inference.
///
/// The mask depends on (seed, name, step, position) only, so a resumed run drops the same places
/// and every device drops the same ones.
///
/// # References
///
/// Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.
#[derive(Module, Debug)]
pub struct Dropout {
    /// The probability of dropping an element.
    #[module(skip)]
    pub rate: f64,
    /// The name that keys the masks.
    #[module(skip)]
    pub name: String,
}

impl Dropout {
    /// Applies the layer.
    ///
    /// # Shapes
    ///
    /// Output and input have the same shape, whatever it is.
    pub fn forward<const D: usize>(&self, input: Tensor<D>, pass: &Pass) -> Tensor<D> {
        list_as(self, &self.name, "Dropout", &input.dims());
        match pass.key(&self.name) {
            Some(key) if self.rate > 0.0 => dropout(input, key, self.rate),
            _ => input,
        }
    }

    /// The same where the rate is above 0; where it is 0 the model has no such layer.
    pub(crate) fn forward_if_any<const D: usize>(&self, input: Tensor<D>, pass: &Pass) -> Tensor<D> {
        if self.rate > 0.0 { self.forward(input, pass) } else { input }
    }
}
