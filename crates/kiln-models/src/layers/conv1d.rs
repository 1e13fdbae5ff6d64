//! One-dimensional convolution over time.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use kiln_kernels::{Activation, RandomKey, conv1d};
use serde::{Deserialize, Serialize};

use crate::error::{Result, at_least_one};
use crate::forward::layer_tape::listed;
use crate::forward::spans::Spans;
use crate::weights::initializer::Initializer;

/// What is read beyond the ends of a sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConvPadding {
    /// Nothing: the output is shorter than the input by `kernel_size` - 1.
    #[default]
    Valid,
    /// Zeros on both sides: the output is as long as the input.
    Same,
    /// Zeros in front only: output `t` does not depend on inputs after `t`.
    Causal,
}

kiln_base::options! {
    /// Configuration of a [`Conv1d`].
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct Conv1dConfig {
        /// Channels of the input.
        pub required d_input: usize,
        /// Channels of the output.
        pub required filters: usize,
        /// Width of the window.
        pub required kernel_size: usize,
        /// Padding at the ends. Default: valid.
        pub padding: ConvPadding = ConvPadding::Valid,
        /// The activation. Default: linear.
        pub activation: Activation = Activation::Linear,
    }
}

burn_config!(Conv1dConfig);

impl Conv1dConfig {
    /// Draws the layer's parameters: Glorot uniform kernel, zero bias.
    ///
    /// # Errors
    ///
    /// A size is 0.
    pub fn init(&self, device: &Device, key: RandomKey) -> Result<Conv1d> {
        let d_input = at_least_one("d_input of Conv1d", self.d_input)?;
        let filters = at_least_one("filters of Conv1d", self.filters)?;
        let window = at_least_one("kernel_size of Conv1d", self.kernel_size)?;
        let glorot = Initializer::GlorotUniform {
            fan_in: window.saturating_mul(d_input),
            fan_out: window.saturating_mul(filters),
        };
        Ok(Conv1d {
            kernel: glorot.param([window, d_input, filters], key.child("kernel"), device),
            bias: Initializer::Zeros.param([filters], key.child("bias"), device),
            padding: self.padding,
            activation: self.activation,
        })
    }
}

/// A convolution of stride 1 over time.
#[derive(Module, Debug)]
pub struct Conv1d {
    /// `[kernel_size, d_input, filters]`, as in Keras.
    pub kernel: Param<Tensor<3>>,
    /// `[filters]`
    pub bias: Param<Tensor<1>>,
    /// What is read beyond the ends.
    #[module(skip)]
    pub padding: ConvPadding,
    /// The activation.
    #[module(skip)]
    pub activation: Activation,
}

impl Conv1d {
    fn window(&self) -> usize {
        self.kernel.lazy_shape()[0]
    }

    /// The number of zeros in front and at the back.
    fn margins(&self) -> (usize, usize) {
        let window = self.window();
        match self.padding {
            ConvPadding::Valid => (0, 0),
            ConvPadding::Same => ((window - 1) / 2, window / 2),
            ConvPadding::Causal => (window - 1, 0),
        }
    }

    /// The output length for an input of `steps`; 0 if the input is too short.
    pub fn output_len(&self, steps: usize) -> usize {
        let (front, back) = self.margins();
        (steps + front + back + 1).saturating_sub(self.window())
    }

    /// The spans of the output: a step is valid if its window contains a valid input.
    pub fn spans(&self, spans: &Spans, steps: usize) -> Spans {
        let (front, _) = self.margins();
        spans.through_window(self.window(), 1, front, self.output_len(steps))
    }

    /// Applies the layer.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, time, d_input]`
    /// - output: `[batch, output_len(time), filters]`
    ///
    /// # Panics
    ///
    /// If the padded input is shorter than the window.
    pub fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        let [batch, steps, d_input] = input.dims();
        let window = self.window();
        assert!(
            self.output_len(steps) > 0,
            "a convolution of window {window} needs rows of at least {window} steps, found {steps}"
        );
        let (front, back) = self.margins();
        let (device, dtype) = (input.device(), input.dtype());
        let zeros = |steps| (steps > 0).then(|| Tensor::<3>::zeros([batch, steps, d_input], (&device, dtype)));
        let padded = match (zeros(front), zeros(back)) {
            (None, None) => input,
            (front, back) => Tensor::cat([front, Some(input), back].into_iter().flatten().collect(), 1),
        };
        listed(self, "Conv1D", conv1d(padded, self.kernel.val(), self.bias.val(), self.activation))
    }
}
