//! Any of the text classifiers behind one type, so that a saved one can be loaded without knowing
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
    #[must_use]
    pub fn length(&self) -> usize {
        match self {
            Self::EmbeddingFlatten(config) => config.length,
            Self::RecurrentClassifier(config) => config.length,
            Self::ConvClassifier(config) => config.length,
            Self::ConvBiLstm(config) => config.length,
        }
    }

    /// What the outputs mean.
    #[must_use]
    pub fn head(&self) -> Head {
        match self {
            Self::EmbeddingFlatten(config) => config.head,
            Self::RecurrentClassifier(config) => config.head,
            Self::ConvClassifier(config) => config.head,
            Self::ConvBiLstm(config) => config.head,
        }
    }

    /// How many ids the model takes.
    #[must_use]
    pub fn vocab(&self) -> usize {
        match self {
            Self::EmbeddingFlatten(config) => config.vocab,
            Self::RecurrentClassifier(config) => config.vocab,
            Self::ConvClassifier(config) => config.vocab,
            Self::ConvBiLstm(config) => config.vocab,
        }
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

/// Runs the same expression on the model whichever it is.
macro_rules! each {
    ($self:expr, $model:ident => $result:expr) => {
        match $self {
            TextClassifier::EmbeddingFlatten($model) => $result,
            TextClassifier::RecurrentClassifier($model) => $result,
            TextClassifier::ConvClassifier($model) => $result,
            TextClassifier::ConvBiLstm($model) => $result,
        }
    };
}

impl TextClassifier {
    /// What the model was made from.
    #[must_use]
    pub fn config(&self) -> TextClassifierConfig {
        each!(self, model => model.config.clone().into())
    }

    /// The model with another embedding: with ready vectors, frozen, or sparse.
    ///
    /// # Errors
    ///
    /// As `change`.
    pub fn map_embedding(mut self, change: impl FnOnce(Embedding) -> Result<Embedding>) -> Result<Self> {
        each!(&mut self, model => {
            model.embedding = change(model.embedding.clone())?;
        });
        Ok(self)
    }
}

impl Model for TextClassifier {
    type Input = TokenBatch;

    fn forward(&self, input: &TokenBatch, pass: &Pass) -> Tensor<2> {
        each!(self, model => model.forward(input, pass))
    }

    fn length(&self) -> Option<usize> {
        Some(self.config().length())
    }

    fn vocab(&self) -> Option<usize> {
        Some(self.config().vocab())
    }

    fn head(&self) -> Head {
        each!(self, model => model.head())
    }

    fn summary(&self) -> Summary {
        each!(self, model => model.summary())
    }
}
