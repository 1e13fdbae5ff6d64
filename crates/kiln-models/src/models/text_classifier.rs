//! All text classifiers in one type, so that a saved one can be loaded without knowing its kind, and the parts that
//! they share.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use kiln_kernels::{Activation, RandomKey};
use serde::{Deserialize, Serialize};

use super::{ArtifactModel, Model, TokenBatch};
use crate::error::{Error, Result, at_least_one};
use crate::forward::pass::Pass;
use crate::layers::{Conv1d, Conv1dConfig, Dense, DenseConfig, Dropout, DropoutConfig, Embedding, EmbeddingConfig};
use crate::models::Head;
use crate::models::Summary;

/// Makes the parts of a model with rows of `max_len` steps, each from its own random numbers.
pub(super) struct Parts<'a> {
    pub(super) key: RandomKey,
    max_len: usize,
    device: &'a Device,
}

impl<'a> Parts<'a> {
    pub(super) fn new(max_len: usize, device: &'a Device, seed: u64) -> Result<Self> {
        let max_len = at_least_one("max_len", max_len)?;
        Ok(Self { key: RandomKey::new(seed).child("init"), max_len, device })
    }

    pub(super) fn embedding(&self, vocab_size: usize, d_embedding: usize) -> Result<Embedding> {
        EmbeddingConfig::new(vocab_size, d_embedding).init(self.device, self.key.child("embedding"))
    }

    /// Convolution number `at` with ReLU. Its output must fill one pool of `pool_size`, if given.
    pub(super) fn conv1d(&self, at: usize, config: Conv1dConfig, pool_size: Option<usize>) -> Result<Conv1d> {
        let (window, key) = (config.kernel_size, self.key.child("conv1d"));
        let key = if at == 0 { key } else { key.index(at as u64) };
        let conv1d = config.activation(Activation::Relu).init(self.device, key)?;
        if conv1d.output_len(self.max_len) < pool_size.unwrap_or(1) {
            let pool = pool_size.map_or_else(String::new, |size| format!(" and a pool of {size}"));
            return Err(Error::TooShort {
                length: self.max_len,
                layer: format!("a convolution of window {window}{pool}"),
                needed: (window - 1).saturating_add(pool_size.unwrap_or(1)),
            });
        }
        Ok(conv1d)
    }

    /// The dropout after the embedding, and the later one.
    pub(super) fn dropouts(rate: f64) -> Result<[Dropout; 2]> {
        let dropout = |name: &str| DropoutConfig::new(rate, name.to_owned()).init();
        Ok([dropout("dropout")?, dropout("dropout_1")?])
    }

    /// The last layer.
    pub(super) fn outputs(&self, d_input: usize, head: Head) -> Result<Dense> {
        DenseConfig::new(d_input, head.outputs()).init(self.device, self.key.child("dense"))
    }

    /// A layer with ReLU of width `d_dense`, if given, and the last layer.
    pub(super) fn hidden_and_outputs(
        &self,
        d_input: usize,
        d_dense: Option<usize>,
        head: Head,
    ) -> Result<(Option<Dense>, Dense)> {
        let hidden = d_dense.map(|width| {
            DenseConfig::new(d_input, width).activation(Activation::Relu).init(self.device, self.key.child("hidden"))
        });
        Ok((hidden.transpose()?, self.outputs(d_dense.unwrap_or(d_input), head)?))
    }
}

/// The enums of the text classifiers and of their configurations.
macro_rules! text_classifiers {
    ($($(#[$about:meta])* $model:ident($config:ident),)*) => {
        /// The configuration of any text classifier; serialised, it names the model.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(tag = "model", rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum TextClassifierConfig {
            $($(#[$about])* $model(super::$config),)*
        }

        impl TextClassifierConfig {
            /// Makes the model, its parameters drawn from `seed`.
            ///
            /// # Errors
            ///
            /// As the model's own `init`.
            pub fn init(&self, device: &Device, seed: u64) -> Result<TextClassifier> {
                Ok(match self {
                    $(Self::$model(config) => TextClassifier::$model(config.init(device, seed)?),)*
                })
            }

            /// Steps of each row.
            pub fn max_len(&self) -> usize {
                match self { $(Self::$model(config) => config.max_len,)* }
            }

            /// The meaning of the outputs.
            pub fn head(&self) -> Head {
                match self { $(Self::$model(config) => config.head,)* }
            }

            /// The number of ids.
            pub fn vocab_size(&self) -> usize {
                match self { $(Self::$model(config) => config.vocab_size,)* }
            }
        }

        $(impl From<super::$config> for TextClassifierConfig {
            fn from(config: super::$config) -> Self {
                Self::$model(config)
            }
        })*

        /// Any of the text classifiers.
        #[derive(Module, Debug)]
        #[allow(clippy::large_enum_variant)] // a program has one or a few
        pub enum TextClassifier {
            $($(#[$about])* $model(super::$model),)*
        }

        impl TextClassifier {
            /// What the model was made from.
            pub fn config(&self) -> TextClassifierConfig {
                match self { $(Self::$model(model) => model.config.clone().into(),)* }
            }

            /// The model with its embedding changed, for example to use given vectors, or to be frozen or sparse.
            ///
            /// # Errors
            ///
            /// Those of `change`.
            pub fn map_embedding(mut self, change: impl FnOnce(Embedding) -> Result<Embedding>) -> Result<Self> {
                let embedding = match &mut self { $(Self::$model(model) => &mut model.embedding,)* };
                *embedding = change(embedding.clone())?;
                Ok(self)
            }
        }

        impl Model for TextClassifier {
            type Input = TokenBatch;

            fn forward(&self, input: &TokenBatch, pass: &Pass) -> Tensor<2> {
                match self { $(Self::$model(model) => model.forward(input, pass),)* }
            }

            fn min_len(&self) -> usize {
                match self { $(Self::$model(model) => model.min_len(),)* }
            }

            fn max_len(&self) -> Option<usize> {
                match self { $(Self::$model(model) => model.max_len(),)* }
            }

            fn vocab_size(&self) -> Option<usize> {
                match self { $(Self::$model(model) => model.vocab_size(),)* }
            }

            fn head(&self) -> Head {
                match self { $(Self::$model(model) => model.head(),)* }
            }

            fn summary(&self) -> Summary {
                match self { $(Self::$model(model) => model.summary(),)* }
            }
        }
    };
}

impl ArtifactModel for TextClassifier {
    type Config = TextClassifierConfig;

    const NAME: &str = "text_classifier";

    fn config(&self) -> TextClassifierConfig {
        Self::config(self)
    }

    fn from_config(
        config: &TextClassifierConfig,
        device: &Device,
    ) -> std::result::Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(config.init(device, 0)?)
    }
}

each_text_classifier!(text_classifiers);
