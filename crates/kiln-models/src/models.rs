//! Ready models, each a config with `init(&device, seed)`.
//!
//! Each maps a batch to `[batch, outputs]`; its [`Head`] is the meaning of the outputs. A language model has one row
//! per token of its windows. `kiln-train` trains the models.

/// Methods of `impl Model` that return what the model's configuration says.
macro_rules! of_config {
    ($($size:ident),*) => {
        fn head(&self) -> $crate::Head {
            self.config.head
        }

        $(fn $size(&self) -> Option<usize> {
            Some(self.config.$size)
        })*
    };
}

/// A text classifier's configuration: the shared options, a hidden layer if the classifier may have one, and the
/// classifier's own options, in this order in its JSON.
macro_rules! classifier_config {
    ($(#[$about:meta])* $name:ident $($d_dense:ident)? { $($options:tt)* }) => {
        kiln_base::options! {
            $(#[$about])*
            #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
            pub struct $name {
                /// The number of ids.
                @[serde(rename = "vocab")]
                pub required vocab_size: usize,
                /// Steps of each row.
                @[serde(rename = "length")]
                pub required max_len: usize,
                $(
                    /// Width of a dense layer with ReLU before the last one. Default: no such layer.
                    pub some $d_dense: usize,
                )?
                /// The meaning of the outputs. Default: two classes.
                pub head: $crate::Head = $crate::Head::Binary,
                $($options)*
            }
        }

        burn_config!($name);
    };
}

/// Makes the model an [`ArtifactModel`](crate::ArtifactModel) with a name.
macro_rules! artifact_model {
    ($name:literal: $model:ident($config:ident)) => {
        impl $crate::ArtifactModel for $model {
            type Config = $config;

            const NAME: &str = $name;

            fn config(&self) -> $config {
                self.config.clone()
            }

            fn from_config(
                config: &$config,
                device: &burn::tensor::Device,
            ) -> std::result::Result<Self, Box<dyn std::error::Error + Send + Sync>> {
                Ok(config.init(device, 0)?)
            }
        }
    };
}

/// Passes the text classifiers of [`TextClassifier`] to a macro.
macro_rules! each_text_classifier {
    ($then:ident) => {
        $then! {
            /// Embedding, flatten, dense.
            EmbeddingFlatten(EmbeddingFlattenConfig),
            /// Embedding, recurrent layers, dense.
            RecurrentClassifier(RecurrentClassifierConfig),
            /// Embedding, convolution, global max pooling, dense.
            ConvClassifier(ConvClassifierConfig),
            /// Embedding, convolution, max pooling, two bidirectional LSTMs, dense.
            ConvBiLstm(ConvBiLstmConfig),
        }
    };
}

mod artifact_model;
mod conv_bilstm;
mod conv_classifier;
mod embedding_flatten;
mod head;
mod language_model;
mod recurrent_classifier;
mod recurrent_regressor;
mod sampling;
mod summary;
mod text_classifier;

use burn::module::{Module, ModuleDisplay};
use burn::tensor::{Device, Int, Tensor, TensorData};
use kiln_kernels::Span;
use serde::{Deserialize, Serialize};

pub use artifact_model::ArtifactModel;
pub use conv_bilstm::{ConvBiLstm, ConvBiLstmConfig};
pub use conv_classifier::{ConvClassifier, ConvClassifierConfig};
pub use embedding_flatten::{EmbeddingFlatten, EmbeddingFlattenConfig};
pub use head::{Head, LossOptions, Targets};
pub use language_model::{LanguageModel, LanguageModelConfig, Output, OutputLayer, TiedOutput, Windows};
pub use recurrent_classifier::{RecurrentClassifier, RecurrentClassifierConfig};
pub use recurrent_regressor::{RecurrentRegressor, RecurrentRegressorConfig};
pub use sampling::Sampling;
pub use summary::{Summary, SummaryRow, thousands};
pub use text_classifier::{TextClassifier, TextClassifierConfig};

use crate::forward::pass::Pass;
use crate::forward::spans::Spans;

/// A padded batch of token ids.
#[derive(Clone, Debug)]
pub struct TokenBatch {
    /// `[batch, time]`
    pub ids: Tensor<2, Int>,
    /// The valid span of each row; `None` if all steps are valid.
    pub spans: Option<Spans>,
}

impl TokenBatch {
    /// Rows of `steps` ids, one after another; `spans` are the steps to read.
    ///
    /// If all spans cover their whole rows, they are dropped: the model's result is the same without them.
    ///
    /// # Panics
    ///
    /// If the number of ids is not `steps` times the number of spans.
    pub fn new(ids: Vec<i32>, steps: usize, spans: Vec<Span>, device: &Device) -> Self {
        let ids = Tensor::from_data(TensorData::new(ids, [spans.len(), steps]), device);
        let is_whole = spans.iter().all(|&span| span == Span { start: 0, len: steps });
        Self { ids, spans: (!is_whole).then(|| Spans::new(spans)) }
    }
}

impl Example for TokenBatch {
    fn example<M: Model<Input = Self>>(model: &M, rows: usize, device: &Device) -> Self {
        Self { ids: Tensor::zeros([rows, steps(model, rows)], device), spans: None }
    }

    fn is_padding_only(&self) -> bool {
        self.spans.as_ref().is_some_and(Spans::are_empty)
    }
}

/// A padded batch of numeric sequences.
#[derive(Clone, Debug)]
pub struct Series {
    /// `[batch, time, d_input]`
    pub values: Tensor<3>,
    /// The valid span of each row; `None` if all steps are valid.
    pub spans: Option<Spans>,
}

impl Example for Series {
    fn example<M: Model<Input = Self>>(model: &M, rows: usize, device: &Device) -> Self {
        let sizes = [rows, steps(model, rows), model.d_input().unwrap_or(1)];
        Self { values: Tensor::zeros(sizes, device), spans: None }
    }

    fn is_padding_only(&self) -> bool {
        self.spans.as_ref().is_some_and(Spans::are_empty)
    }
}

/// Steps of an example's rows; if the model accepts any number, enough for several layers of windows and pools.
fn steps<M: Model>(model: &M, rows: usize) -> usize {
    model.max_len().unwrap_or(128 * rows)
}

/// An input of which an example batch can be made, to find the shapes of a model's layers.
pub trait Example: Clone + Send + 'static {
    /// A batch of `rows` rows that `model` accepts. If it accepts rows of any length, a larger batch has longer rows.
    fn example<M: Model<Input = Self>>(model: &M, rows: usize, device: &Device) -> Self;

    /// Whether every step of the batch is padding. Default: false.
    fn is_padding_only(&self) -> bool {
        false
    }
}

/// How a model treats padded steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaddedSteps {
    /// They leave a recurrent state unchanged.
    #[default]
    Carry,
    /// They are read like any other step, as a Keras model without `mask_zero` does.
    Read,
}

impl PaddedSteps {
    /// `spans`, or `None` if padded steps are read.
    pub(crate) fn of(self, spans: Option<&Spans>) -> Option<&Spans> {
        match self {
            Self::Carry => spans,
            Self::Read => None,
        }
    }
}

/// The result of a model on a batch.
#[derive(Clone, Debug)]
pub struct Score {
    /// The mean loss, `[1]`.
    pub loss: Tensor<1>,
    /// The model's outputs, `[batch, outputs]`.
    pub outputs: Tensor<2>,
    /// How many rows are right, `[1]`; `None` if that is not counted.
    pub correct: Option<Tensor<1>>,
    /// The number of terms that the loss is the mean of: rows, or tokens of running text.
    pub terms: usize,
    /// Added to the loss for the gradient, and not part of the reported loss, `[1]`; `None` if the model adds nothing.
    pub penalty: Option<Tensor<1>>,
}

/// A model that maps a batch of inputs to `[batch, outputs]`.
pub trait Model: Module + ModuleDisplay + std::fmt::Display + 'static {
    /// A batch of inputs: [`TokenBatch`], [`Series`] or [`Windows`].
    type Input: Example;

    /// The outputs before the head's activation: logits of a classifier, numbers of a regressor.
    ///
    /// # Shapes
    ///
    /// - output: `[batch, outputs]`
    fn forward(&self, input: &Self::Input, pass: &Pass) -> Tensor<2>;

    /// The meaning of the outputs.
    fn head(&self) -> Head;

    /// The loss of a batch. Default: the head's loss of [`Model::forward`]'s outputs. A model that can compute the loss
    /// without all of its outputs does so here.
    fn score(&self, input: &Self::Input, targets: &Targets, pass: &Pass) -> Score {
        self.score_with(input, targets, &LossOptions::default(), pass)
    }

    /// [`Model::score`] with row weights and label smoothing, for models that accept them
    /// ([`Model::takes_loss_options`]).
    fn score_with(&self, input: &Self::Input, targets: &Targets, options: &LossOptions, pass: &Pass) -> Score {
        let outputs = self.forward(input, pass);
        let head = self.head();
        let correct = head.correct(outputs.clone(), targets);
        let loss = head.loss_with(outputs.clone(), targets, options);
        Score { loss, outputs, correct, terms: targets.rows(), penalty: None }
    }

    /// Whether the model accepts row weights and label smoothing. Default: true; false if [`Model::score`] computes its
    /// own loss.
    fn takes_loss_options(&self) -> bool {
        true
    }

    /// The table of layers. Default: [`Summary::of`], which runs the model twice.
    fn summary(&self) -> Summary {
        Summary::of(self)
    }

    /// The fewest steps per row that the model accepts. Default: 1.
    fn min_len(&self) -> usize {
        1
    }

    /// Steps of each row; `None` if any number is accepted.
    fn max_len(&self) -> Option<usize> {
        None
    }

    /// Numbers per step; `None` if the model does not read numbers.
    fn d_input(&self) -> Option<usize> {
        None
    }

    /// The number of ids; `None` if the model does not read ids.
    fn vocab_size(&self) -> Option<usize> {
        None
    }
}
