//! The timed models: those of `peers/train_step.py`, on random data.

use kiln::burn;
use kiln::burn::module::Module;
use kiln::burn::tensor::{Device, Int, Tensor, TensorData};
use kiln::models::Targets;
use kiln::models::layers::{Dense, DenseConfig, Embedding, EmbeddingConfig};
use kiln::models::layers::{RecurrentStack, RecurrentStackConfig};
use kiln::models::{Activation, LanguageModelConfig, OutputLayer, RandomKey, Series, TokenBatch};
use kiln::prelude::*;

/// The data and the model of a task.
#[derive(Clone, Copy)]
pub(crate) enum Task {
    /// The IMDB recipe.
    ConvBiLstm,
    /// Embedding, one bidirectional layer of 64, dense 64 with relu, dense.
    Classifier(RecurrentKind),
    /// Two GRUs of 30 over pairs of numbers.
    Product,
    /// One layer as wide as its input.
    Wide(RecurrentKind, usize),
    /// Two LSTMs of 650 over running text, tied weights, 10,000 words.
    Language,
}

/// Every task with its name, in the order of the tables.
pub(crate) const TASKS: [(&str, Task); 9] = [
    ("conv_bilstm", Task::ConvBiLstm),
    ("bilstm", Task::Classifier(RecurrentKind::Lstm)),
    ("bigru", Task::Classifier(RecurrentKind::Gru)),
    ("gru_product", Task::Product),
    ("lstm_256", Task::Wide(RecurrentKind::Lstm, 256)),
    ("lstm_512", Task::Wide(RecurrentKind::Lstm, 512)),
    ("gru_256", Task::Wide(RecurrentKind::Gru, 256)),
    ("gru_512", Task::Wide(RecurrentKind::Gru, 512)),
    ("lm_650", Task::Language),
];

impl Task {
    pub(crate) fn batch(self) -> usize {
        match self {
            Self::ConvBiLstm | Self::Classifier(_) => 64,
            Self::Product | Self::Wide(..) => 32,
            Self::Language => 20,
        }
    }

    pub(crate) fn steps(self) -> usize {
        match self {
            Self::ConvBiLstm => 200,
            Self::Classifier(_) => 300,
            Self::Product | Self::Wide(..) => 100,
            Self::Language => 35,
        }
    }

    /// The optimizer of a step, and the norm that its gradients are clipped to.
    pub(crate) fn optimizer(self) -> (Optimizer, Option<f64>) {
        match self {
            Self::Language => (Optimizer::sgd(), Some(0.25)),
            _ => (Optimizer::adam(), None),
        }
    }

    /// The model of the language task.
    pub(crate) fn language() -> LanguageModelConfig {
        let config = LanguageModelConfig::new(10_000).d_embedding(650).d_hidden(vec![650, 650]);
        config.dropout(0.5).output(OutputLayer::Tied)
    }

    /// The model of the regression tasks.
    pub(crate) fn regressor(self) -> RecurrentRegressorConfig {
        match self {
            Self::Wide(kind, units) => {
                RecurrentRegressorConfig::new(units, self.steps()).kind(kind).d_hidden(vec![units])
            }
            _ => RecurrentRegressorConfig::new(2, self.steps()),
        }
    }

    /// Floating-point operations of the matrix products of one forward pass.
    pub(crate) fn forward_flops(self) -> f64 {
        let layer = |kind: RecurrentKind, steps: usize, directions: usize, d_input: usize, units: usize| {
            let gates = match kind {
                RecurrentKind::SimpleRnn => 1,
                RecurrentKind::Lstm => 4,
                RecurrentKind::Gru => 3,
            };
            2 * self.batch() * steps * directions * (d_input + units) * gates * units
        };
        let products = match self {
            Self::ConvBiLstm => {
                2 * self.batch() * 196 * 5 * 200 * 64
                    + layer(RecurrentKind::Lstm, 49, 2, 64, 64)
                    + layer(RecurrentKind::Lstm, 49, 2, 128, 32)
            }
            Self::Classifier(kind) => layer(kind, self.steps(), 2, 64, 64),
            Self::Product => layer(RecurrentKind::Gru, 100, 1, 2, 30) + layer(RecurrentKind::Gru, 100, 1, 30, 30),
            Self::Wide(kind, units) => layer(kind, 100, 1, units, units),
            Self::Language => {
                2 * layer(RecurrentKind::Lstm, 35, 1, 650, 650) + 2 * self.batch() * self.steps() * 650 * 10_000
            }
        };
        products as f64
    }
}

/// A classifier with a dense layer after the recurrent one, which the ready-made models lack.
#[derive(Module, Debug)]
pub(crate) struct Classifier {
    embedding: Embedding,
    recurrent: RecurrentStack,
    dense: Dense,
    output: Dense,
}

impl Classifier {
    pub(crate) const VOCAB: usize = 8_185;

    pub(crate) fn new(kind: RecurrentKind, device: &Device) -> kiln::models::Result<Self> {
        let key = RandomKey::new(0);
        Ok(Self {
            embedding: EmbeddingConfig::new(Self::VOCAB, 64).init(device, key.child("embedding"))?,
            recurrent: RecurrentStackConfig::new(kind, 64, vec![64])
                .bidirectional(true)
                .init(device, key.child("recurrent"))?,
            dense: DenseConfig::new(128, 64).activation(Activation::Relu).init(device, key.child("dense"))?,
            output: DenseConfig::new(64, 1).init(device, key.child("output"))?,
        })
    }

    pub(crate) fn forward(&self, ids: Tensor<2, Int>) -> Tensor<2> {
        let state = self.recurrent.forward_last(self.embedding.forward(ids), None);
        self.output.forward(self.dense.forward(state))
    }
}

/// Random ids below `vocab`.
pub(crate) fn tokens(batch: usize, steps: usize, vocab: usize, device: &Device) -> TokenBatch {
    let ids: Vec<i32> =
        RandomKey::new(1).child("ids").uniform(batch * steps).iter().map(|x| (x * vocab as f32) as i32).collect();
    TokenBatch { ids: Tensor::from_data(TensorData::new(ids, [batch, steps]), device), spans: None }
}

/// Random classes.
pub(crate) fn classes(batch: usize, device: &Device) -> Targets {
    let classes: Vec<i32> =
        RandomKey::new(1).child("classes").uniform(batch).iter().map(|&x| i32::from(x < 0.5)).collect();
    Targets::Classes(Tensor::from_data(TensorData::new(classes, [batch]), device))
}

/// The token after each of `tokens`.
pub(crate) fn next_tokens(batch: usize, steps: usize, vocab: usize, device: &Device) -> Targets {
    let ids: Vec<i32> =
        RandomKey::new(1).child("next").uniform(batch * steps).iter().map(|x| (x * vocab as f32) as i32).collect();
    Targets::Classes(Tensor::from_data(TensorData::new(ids, [batch * steps]), device))
}

/// Random sequences of `d_input` numbers for each step.
pub(crate) fn series(batch: usize, steps: usize, d_input: usize, device: &Device) -> Series {
    let values = RandomKey::new(1).child("series").uniform(batch * steps * d_input);
    Series { values: Tensor::from_data(TensorData::new(values, [batch, steps, d_input]), device), spans: None }
}

/// Random numbers as targets.
pub(crate) fn numbers(batch: usize, device: &Device) -> Targets {
    let values = RandomKey::new(1).child("targets").uniform(batch);
    Targets::Values(Tensor::from_data(TensorData::new(values, [batch, 1]), device))
}
