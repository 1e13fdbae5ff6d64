//! Stacked recurrent layers, in one direction or both.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use kiln_base::OptionError;
use kiln_kernels::{CellKind, RandomKey, RecurrentWeights, Wanted};
use serde::{Deserialize, Serialize};

use crate::error::{Result, at_least_one};
use crate::forward::spans::Spans;
use crate::layers::recurrent::{both, both_last};
use crate::layers::{Direction, Gru, GruConfig, Lstm, LstmConfig, Recurrent, SimpleRnn, SimpleRnnConfig};

/// The kind of a recurrent layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecurrentKind {
    /// [`SimpleRnn`] with tanh.
    SimpleRnn,
    /// [`Lstm`]
    #[default]
    Lstm,
    /// [`Gru`] with the reset gate after the product.
    Gru,
}

/// A recurrent layer of any kind.
#[derive(Module, Debug)]
pub enum RecurrentLayer {
    /// [`SimpleRnn`]
    SimpleRnn(SimpleRnn),
    /// [`Lstm`]
    Lstm(Lstm),
    /// [`Gru`]
    Gru(Gru),
}

/// Evaluates an expression for the layer, whatever its kind.
macro_rules! each {
    ($self:expr, $layer:ident => $result:expr) => {
        match $self {
            RecurrentLayer::SimpleRnn($layer) => $result,
            RecurrentLayer::Lstm($layer) => $result,
            RecurrentLayer::Gru($layer) => $result,
        }
    };
}

impl Recurrent for RecurrentLayer {
    fn cell(&self) -> CellKind {
        each!(self, layer => layer.cell())
    }

    fn weights(&self) -> RecurrentWeights {
        each!(self, layer => layer.weights())
    }

    fn d_hidden(&self) -> usize {
        each!(self, layer => layer.d_hidden())
    }
}

kiln_base::options! {
    /// Configuration of a [`RecurrentStack`].
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct RecurrentStackConfig {
        /// SimpleRNN, LSTM or GRU.
        pub required kind: RecurrentKind,
        /// Width of the input.
        pub required d_input: usize,
        /// Width of each layer's state in each direction.
        pub required d_hidden: Vec<usize>,
        /// Whether each layer runs in both directions, outputs concatenated. Default: false.
        pub bidirectional: bool = false,
    }
}

burn_config!(RecurrentStackConfig);

impl RecurrentStackConfig {
    /// Draws the layers' parameters.
    ///
    /// # Errors
    ///
    /// A size is 0, or there are no layers.
    pub fn init(&self, device: &Device, key: RandomKey) -> Result<RecurrentStack> {
        let expected = "a width for each recurrent layer, one layer or more";
        OptionError::unless(!self.d_hidden.is_empty(), "d_hidden", expected, "none")?;
        let mut d_input = at_least_one("d_input of RecurrentStack", self.d_input)?;
        let mut stack = RecurrentStack { forward_layers: Vec::new(), backward_layers: Vec::new() };
        for (depth, &units) in self.d_hidden.iter().enumerate() {
            let key = key.child("layers").index(depth as u64);
            stack.forward_layers.push(self.layer(d_input, units, device, key.child("forward"))?);
            if self.bidirectional {
                let layer = self.layer(d_input, units, device, key.child("backward"))?;
                stack.backward_layers.push(layer);
            }
            d_input = stack.d_output();
        }
        Ok(stack)
    }

    fn layer(&self, d_input: usize, units: usize, device: &Device, key: RandomKey) -> Result<RecurrentLayer> {
        Ok(match self.kind {
            RecurrentKind::SimpleRnn => {
                RecurrentLayer::SimpleRnn(SimpleRnnConfig::new(d_input, units).init(device, key)?)
            }
            RecurrentKind::Lstm => RecurrentLayer::Lstm(LstmConfig::new(d_input, units).init(device, key)?),
            RecurrentKind::Gru => RecurrentLayer::Gru(GruConfig::new(d_input, units).init(device, key)?),
        })
    }
}

/// Stacked recurrent layers.
#[derive(Module, Debug)]
pub struct RecurrentStack {
    /// The layers that run forward, lowest first.
    pub forward_layers: Vec<RecurrentLayer>,
    /// The layers that run in reverse; empty if the stack has one direction.
    pub backward_layers: Vec<RecurrentLayer>,
}

impl RecurrentStack {
    /// Width of the output, both directions concatenated.
    pub fn d_output(&self) -> usize {
        let width = self.forward_layers.last().map_or(0, Recurrent::d_hidden);
        if self.backward_layers.is_empty() { width } else { 2 * width }
    }

    /// The last layer's outputs of all steps.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, time, d_input]`
    /// - output: `[batch, time, d_output]`
    pub fn forward(&self, input: Tensor<3>, spans: Option<&Spans>) -> Tensor<3> {
        self.climb(input, spans, self.forward_layers.len())
    }

    /// The last layer's final state, both directions concatenated.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, time, d_input]`
    /// - output: `[batch, d_output]`
    pub fn forward_last(&self, input: Tensor<3>, spans: Option<&Spans>) -> Tensor<2> {
        let top = self.forward_layers.len() - 1;
        let input = self.climb(input, spans, top);
        let layer = &self.forward_layers[top];
        match self.backward_layers.get(top) {
            None => layer.forward_last(input, spans, Direction::Forward, None).hidden,
            Some(backward) => both_last(layer, backward, input, spans),
        }
    }

    /// The outputs of the first `layers` layers.
    fn climb(&self, mut input: Tensor<3>, spans: Option<&Spans>, layers: usize) -> Tensor<3> {
        for depth in 0..layers {
            let layer = &self.forward_layers[depth];
            input = match self.backward_layers.get(depth) {
                None => layer.forward_sequence(input, spans, Direction::Forward),
                Some(backward) => both(layer, backward, input, spans, Wanted::SEQUENCE),
            };
        }
        input
    }
}
