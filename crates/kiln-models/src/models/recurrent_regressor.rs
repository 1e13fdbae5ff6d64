//! Recurrent layers and a dense one on numeric sequences.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::text_classifier::Parts;
use super::{Model, Series};
use crate::error::Result;
use crate::forward::pass::Pass;
use crate::layers::{Dense, RecurrentKind, RecurrentStack, RecurrentStackConfig};
use crate::models::Head;
use serde::{Deserialize, Serialize};

kiln_base::options! {
    /// Configuration of a [`RecurrentRegressor`].
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_models::{Model, RecurrentRegressorConfig};
    /// # #[cfg(feature = "flex")] {
    ///
    /// // Rows of 12 steps with one number each.
    /// let model = RecurrentRegressorConfig::new(1, 12).d_hidden(vec![8]).init(&burn::tensor::Device::flex(), 0)?;
    /// assert_eq!(model.summary().total(), 273); // a GRU with 264, a dense layer with 9
    /// # }
    /// # Ok::<(), kiln_models::Error>(())
    /// ```
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct RecurrentRegressorConfig {
        /// Numbers per step.
        pub required d_input: usize,
        /// Steps of each row.
        @[serde(rename = "length")]
        pub required max_len: usize,
        /// The meaning of the outputs. Default: one number.
        pub head: Head = Head::Values(1),
        /// SimpleRNN, LSTM or GRU. Default: GRU.
        pub kind: RecurrentKind = RecurrentKind::Gru,
        /// Width of each recurrent layer, lowest first. Default: two layers of 30.
        pub into d_hidden: Vec<usize> = vec![30, 30],
        /// Whether the recurrent layers run in both directions. Default: false.
        pub bidirectional: bool = false,
    }
}

burn_config!(RecurrentRegressorConfig);

impl RecurrentRegressorConfig {
    /// Makes the model, its parameters drawn from `seed`.
    ///
    /// # Errors
    ///
    /// A size is 0 or there are no layers.
    pub fn init(&self, device: &Device, seed: u64) -> Result<RecurrentRegressor> {
        let parts = Parts::new(self.max_len, device, seed)?;
        let recurrent = RecurrentStackConfig::new(self.kind, self.d_input, self.d_hidden.clone())
            .bidirectional(self.bidirectional)
            .init(device, parts.key.child("recurrent"))?;
        let dense = parts.outputs(recurrent.d_output(), self.head)?;
        Ok(RecurrentRegressor { recurrent, dense, config: self.clone() })
    }
}

/// Numbers, or classes, from the final state of recurrent layers over numeric sequences.
#[derive(Module, Debug)]
pub struct RecurrentRegressor {
    /// The recurrent layers.
    pub recurrent: RecurrentStack,
    /// From the final state to the outputs.
    pub dense: Dense,
    /// What the model was made from.
    #[module(skip)]
    pub config: RecurrentRegressorConfig,
}

impl Model for RecurrentRegressor {
    type Input = Series;

    fn forward(&self, input: &Series, _pass: &Pass) -> Tensor<2> {
        let state = self.recurrent.forward_last(input.values.clone(), input.spans.as_ref());
        self.dense.forward(state)
    }

    of_config!(max_len, d_input);
}

artifact_model!("recurrent_regressor": RecurrentRegressor(RecurrentRegressorConfig));
