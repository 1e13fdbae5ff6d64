//! Dropout with counter-based masks.

use burn::module::Module;
use burn::tensor::Tensor;
use kiln_base::OptionError;
use kiln_kernels::dropout;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::forward::layer_tape::list_as;
use crate::forward::pass::Pass;

kiln_base::options! {
    /// Configuration of a [`Dropout`].
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct DropoutConfig {
        /// The probability that an element is dropped, at least 0 and below 1.
        pub required rate: f64,
        /// The layer's name within its model, which keys its masks. Layers of one model need different names, or they
        /// drop the same positions.
        pub required name: String,
    }
}

burn_config!(DropoutConfig);

impl DropoutConfig {
    /// Makes the layer.
    ///
    /// # Errors
    ///
    /// The rate is not in [0, 1).
    pub fn init(&self) -> Result<Dropout> {
        OptionError::unless((0.0..1.0).contains(&self.rate), "dropout", "at least 0 and below 1", self.rate)?;
        Ok(Dropout { rate: self.rate, name: self.name.clone() })
    }
}

/// In training, sets random elements to 0 and scales the others by 1 / (1 - rate). In inference, the identity.
///
/// The mask depends only on (seed, name, step, position), so it is the same in a resumed run and on every device.
///
/// # References
///
/// Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.
#[derive(Module, Debug)]
pub struct Dropout {
    /// The probability that an element is dropped.
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
    /// The output has the shape of the input, which may be any.
    pub fn forward<const D: usize>(&self, input: Tensor<D>, pass: &Pass) -> Tensor<D> {
        list_as(self, &self.name, "Dropout", &input.dims());
        match pass.key(&self.name) {
            Some(key) if self.rate > 0.0 => dropout(input, key, self.rate),
            _ => input,
        }
    }

    /// Applies the layer with one mask per row for all steps, which is called variational or locked dropout. The mask
    /// is that of `[batch, width]`.
    ///
    /// # Shapes
    ///
    /// Input and output are `[batch, time, width]`.
    ///
    /// # References
    ///
    /// Gal and Ghahramani, "A Theoretically Grounded Application of Dropout in Recurrent Neural Networks", 2016;
    /// Keras's `noise_shape=(batch, 1, width)`.
    pub fn forward_locked(&self, input: Tensor<3>, pass: &Pass) -> Tensor<3> {
        list_as(self, &self.name, "Dropout", &input.dims());
        match pass.key(&self.name) {
            Some(key) if self.rate > 0.0 => {
                let [batch, _, width] = input.dims();
                let ones = Tensor::<3>::ones([batch, 1, width], (&input.device(), input.dtype()));
                input * dropout(ones, key, self.rate)
            }
            _ => input,
        }
    }

    /// [`forward`](Self::forward) if the rate is above 0; at 0 the model has no such layer.
    pub(crate) fn forward_if_any<const D: usize>(&self, input: Tensor<D>, pass: &Pass) -> Tensor<D> {
        if self.rate > 0.0 { self.forward(input, pass) } else { input }
    }
}
