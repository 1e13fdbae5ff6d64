//! Any of the text classifiers in one type, so that a saved one can be loaded without knowing
//! which it is.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::{
    ConvBiLstm, ConvBiLstmConfig, ConvClassifier, ConvClassifierConfig, EmbeddingFlatten, EmbeddingFlattenConfig,
    Model, RecurrentClassifier, RecurrentClassifierConfig, TokenBatch,
};
use crate::error::Result;
use crate::forward::pass::Pass;
use crate::layers::Embedding;
use crate::models::head::Head;
use crate::models::summary::Summary;

/// Runs the same expression on the model, or its configuration, whichever it is.
macro_rules! each {
    ($kind:ident, $self:expr, $model:ident => $result:expr) => {
        match $self {
            $kind::EmbeddingFlatten($model) => $result,
            $kind::RecurrentClassifier($model) => $result,
            $kind::ConvClassifier($model) => $result,
            $kind::ConvBiLstm($model) => $result,
        }
    };
}

/// The configuration of any text classifier; its serialised form names the model.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "snake_case")]
#[non_exhaustive]
pub enum TextClassifierConfig {
    /// Embedding, flatten, dense.
    EmbeddingFlatten(EmbeddingFlattenConfig),
    /// Embedding, recurrent layers, dense.
    RecurrentClassifier(RecurrentClassifierConfig),
    /// Embedding, convolution, global max pooling, dense.
    ConvClassifier(ConvClassifierConfig),
    /// Embedding, convolution, max pooling, two bidirectional LSTMs, dense.
    ConvBiLstm(ConvBiLstmConfig),
}

impl TextClassifierConfig {
    /// Makes the model, its parameters drawn from `seed`.
    ///
    /// # Errors
    ///
    /// As the model's own `init`.
    pub fn init(&self, device: &Device, seed: u64) -> Result<TextClassifier> {
        Ok(match self {
            Self::EmbeddingFlatten(config) => TextClassifier::EmbeddingFlatten(config.init(device, seed)?),
            Self::RecurrentClassifier(config) => TextClassifier::RecurrentClassifier(config.init(device, seed)?),
            Self::ConvClassifier(config) => TextClassifier::ConvClassifier(config.init(device, seed)?),
            Self::ConvBiLstm(config) => TextClassifier::ConvBiLstm(config.init(device, seed)?),
        })
    }

    /// Steps of every row.
    pub fn max_len(&self) -> usize {
        each!(TextClassifierConfig, self, config => config.max_len)
    }

    /// What the outputs mean.
    pub fn head(&self) -> Head {
        each!(TextClassifierConfig, self, config => config.head)
    }

    /// How many ids the model takes.
    pub fn vocab_size(&self) -> usize {
        each!(TextClassifierConfig, self, config => config.vocab_size)
    }
}

macro_rules! config_from {
    ($($config:ident => $variant:ident),*) => {
        $(impl From<$config> for TextClassifierConfig {
            fn from(config: $config) -> Self {
                Self::$variant(config)
            }
        })*
    };
}

config_from!(
    EmbeddingFlattenConfig => EmbeddingFlatten,
    RecurrentClassifierConfig => RecurrentClassifier,
    ConvClassifierConfig => ConvClassifier,
    ConvBiLstmConfig => ConvBiLstm
);

/// Any of the text classifiers.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // one model a program, never in large numbers
pub enum TextClassifier {
    /// Embedding, flatten, dense.
    EmbeddingFlatten(EmbeddingFlatten),
    /// Embedding, recurrent layers, dense.
    RecurrentClassifier(RecurrentClassifier),
    /// Embedding, convolution, global max pooling, dense.
    ConvClassifier(ConvClassifier),
    /// Embedding, convolution, max pooling, two bidirectional LSTMs, dense.
    ConvBiLstm(ConvBiLstm),
}

impl TextClassifier {
    /// What the model was made from.
    pub fn config(&self) -> TextClassifierConfig {
        each!(TextClassifier, self, model => model.config.clone().into())
    }

    /// The model with another embedding: with ready vectors, frozen, or sparse.
    ///
    /// # Errors
    ///
    /// As `change`.
    pub fn map_embedding(mut self, change: impl FnOnce(Embedding) -> Result<Embedding>) -> Result<Self> {
        each!(TextClassifier, &mut self, model => {
            model.embedding = change(model.embedding.clone())?;
        });
        Ok(self)
    }
}

impl Model for TextClassifier {
    type Input = TokenBatch;

    fn forward(&self, input: &TokenBatch, pass: &Pass) -> Tensor<2> {
        each!(TextClassifier, self, model => model.forward(input, pass))
    }

    fn max_len(&self) -> Option<usize> {
        each!(TextClassifier, self, model => model.max_len())
    }

    fn vocab_size(&self) -> Option<usize> {
        each!(TextClassifier, self, model => model.vocab_size())
    }

    fn head(&self) -> Head {
        each!(TextClassifier, self, model => model.head())
    }

    fn summary(&self) -> Summary {
        each!(TextClassifier, self, model => model.summary())
    }
}
