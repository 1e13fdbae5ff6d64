//! What a language model is made from: sizes, kinds of layers and regularisers.

use burn::tensor::Device;
use kiln_base::OptionError;
use kiln_kernels::RandomKey;
use serde::{Deserialize, Serialize};

use super::{LanguageModel, Output, TiedOutput};
use crate::error::Result;
use crate::layers::{
    AdaptiveSoftmaxConfig, DenseConfig, DropoutConfig, EmbeddingConfig, RecurrentKind, RecurrentStackConfig,
};
use crate::weights::initializer::Initializer;

/// What follows the last recurrent layer of a [`LanguageModel`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputLayer {
    /// A dense layer with one score per token.
    #[default]
    Full,
    /// The same with the embedding's table as its kernel and its own bias (Inan et al. 2017, Press and Wolf 2017). The
    /// embedding and the last recurrent layer must have the same width.
    Tied,
    /// Clusters of tokens, for large vocabularies. Ids must be in order of frequency, the most frequent first: see
    /// [`AdaptiveSoftmaxConfig`].
    Adaptive {
        /// The first id of each cluster after the first.
        cutoffs: Vec<usize>,
        /// How much narrower each cluster is than the one before; PyTorch's default is 4.
        div_value: f64,
    },
}

kiln_base::options! {
    /// Configuration of a [`LanguageModel`].
    ///
    /// # Examples
    ///
    /// The network and the regularisers of AWD-LSTM for the Penn Treebank:
    ///
    /// ```
    /// use kiln_models::{LanguageModelConfig, OutputLayer};
    ///
    /// let config = LanguageModelConfig::new(10_000)
    ///     .d_embedding(400)
    ///     .d_hidden(vec![1150, 1150, 400])
    ///     .output(OutputLayer::Tied)
    ///     .dropout(0.4)
    ///     .hidden_dropout(0.25)
    ///     .locked_dropout(true)
    ///     .embedding_dropout(0.1)
    ///     .weight_dropout(0.5)
    ///     .activation_penalty(2.0)
    ///     .temporal_activation_penalty(1.0);
    /// assert_eq!((config.input_dropout, config.hidden_dropout), (None, Some(0.25)));
    /// ```
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct LanguageModelConfig {
        /// The number of ids.
        @[serde(rename = "vocab")]
        pub required vocab_size: usize,
        /// SimpleRNN, LSTM or GRU. Default: LSTM.
        pub kind: RecurrentKind = RecurrentKind::Lstm,
        /// Width of the embedding. Default: 100.
        pub d_embedding: usize = 100,
        /// Width of each recurrent layer, lowest first. Default: one layer of 100.
        pub into d_hidden: Vec<usize> = vec![100],
        /// Dropout on the embeddings, between the recurrent layers and before the output, where `input_dropout`,
        /// `hidden_dropout` or `output_dropout` sets no other rate. Default: 0.
        pub dropout: f64 = 0.0,
        /// The output layer. Default: dense.
        pub into output: OutputLayer = OutputLayer::Full,
        /// Dropout on the embeddings, `dropouti` of AWD-LSTM. Default: that of `dropout`.
        @[serde(default, skip_serializing_if = "Option::is_none")]
        pub some input_dropout: f64,
        /// Dropout between the recurrent layers, `dropouth` of AWD-LSTM; a single layer has no such place. Default:
        /// that of `dropout`.
        @[serde(default, skip_serializing_if = "Option::is_none")]
        pub some hidden_dropout: f64,
        /// Dropout after the last recurrent layer, before the output; `dropout` of AWD-LSTM. Default: that of
        /// `dropout`.
        @[serde(default, skip_serializing_if = "Option::is_none")]
        pub some output_dropout: f64,
        /// Whether dropout in these three places has the same mask at all steps of a window, one per row of the batch,
        /// instead of another one at each step: variational dropout (Gal and Ghahramani 2016), which AWD-LSTM calls
        /// locked. Their mask on the recurrent state is missing. Default: false.
        @[serde(default, skip_serializing_if = "std::ops::Not::not")]
        pub locked_dropout: bool = false,
        /// The probability that a word is dropped: its embedding is 0 wherever it occurs in the batch (or micro-batch),
        /// and those of the other words are multiplied by 1 / (1 - rate). The table of a tied output stays whole.
        /// `dropoute` of AWD-LSTM. Default: 0.
        @[serde(default, skip_serializing_if = "is_zero")]
        pub embedding_dropout: f64 = 0.0,
        /// Dropout of single weights of the recurrent kernels, from state to state, with one mask per window:
        /// DropConnect, `wdrop` of AWD-LSTM. Default: 0.
        @[serde(default, skip_serializing_if = "is_zero")]
        pub weight_dropout: f64 = 0.0,
        /// A penalty in training: this factor times the mean square of the last layer's outputs after their dropout.
        /// `alpha` of AWD-LSTM, where it is 2 by default. Default: 0.
        @[serde(default, skip_serializing_if = "is_zero")]
        pub activation_penalty: f64 = 0.0,
        /// A penalty in training: this factor times the mean square of the differences between the last layer's outputs
        /// at successive steps, before their dropout. `beta` of AWD-LSTM, where it is 1 by default. A window of one
        /// step has no such penalty. Default: 0.
        @[serde(default, skip_serializing_if = "is_zero")]
        pub temporal_activation_penalty: f64 = 0.0,
    }
}

burn_config!(LanguageModelConfig);

/// Whether an option is off, and so not written.
fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

impl LanguageModelConfig {
    /// Makes the model, its parameters drawn from `seed`.
    ///
    /// # Errors
    ///
    /// A size is 0, there are no layers, a rate of dropout is not in [0, 1), a penalty is below 0 or not finite, the
    /// widths of tied weights differ, or the clusters of an adaptive softmax do not fit the vocabulary.
    pub fn init(&self, device: &Device, seed: u64) -> Result<LanguageModel> {
        self.check()?;
        let key = RandomKey::new(seed).child("init");
        let embedding = EmbeddingConfig::new(self.vocab_size, self.d_embedding).init(device, key.child("embedding"))?;
        let recurrent = RecurrentStackConfig::new(self.kind, self.d_embedding, self.d_hidden.clone())
            .init(device, key.child("recurrent"))?;
        let width = recurrent.d_output();
        let output_key = key.child("output");
        let output = match &self.output {
            OutputLayer::Full => Output::Full(DenseConfig::new(width, self.vocab_size).init(device, output_key)?),
            OutputLayer::Tied if width != self.d_embedding => {
                let d_embedding = self.d_embedding;
                let expected = format!("{d_embedding} in the last layer, like d_embedding: their weights are tied");
                return Err(OptionError::new("d_hidden", expected, width).into());
            }
            OutputLayer::Tied => {
                let bias = Initializer::Zeros.param([self.vocab_size], output_key.child("bias"), device);
                Output::Tied(TiedOutput { bias })
            }
            OutputLayer::Adaptive { cutoffs, div_value } => Output::Adaptive(
                AdaptiveSoftmaxConfig::new(width, self.vocab_size, cutoffs.clone())
                    .div_value(*div_value)
                    .init(device, output_key)?,
            ),
        };
        let last = self.d_hidden.len();
        let dropouts = (0..=last)
            .map(|place| match place {
                0 => ("dropout".to_owned(), self.input_dropout),
                place if place == last => (format!("dropout_{place}"), self.output_dropout),
                place => (format!("dropout_{place}"), self.hidden_dropout),
            })
            .map(|(name, rate)| DropoutConfig::new(rate.unwrap_or(self.dropout), name).init())
            .collect::<Result<_>>()?;
        Ok(LanguageModel { embedding, recurrent, dropouts, output, config: self.clone() })
    }

    /// # Errors
    ///
    /// A rate or a penalty is out of range.
    fn check(&self) -> Result<()> {
        for (option, rate) in [
            ("dropout", Some(self.dropout)),
            ("input_dropout", self.input_dropout),
            ("hidden_dropout", self.hidden_dropout),
            ("output_dropout", self.output_dropout),
            ("embedding_dropout", Some(self.embedding_dropout)),
            ("weight_dropout", Some(self.weight_dropout)),
        ] {
            let rate = rate.unwrap_or_default();
            OptionError::unless((0.0..1.0).contains(&rate), option, "at least 0 and below 1", rate)?;
        }
        for (option, factor) in [
            ("activation_penalty", self.activation_penalty),
            ("temporal_activation_penalty", self.temporal_activation_penalty),
        ] {
            OptionError::unless(factor.is_finite() && factor >= 0.0, option, "a number of at least 0", factor)?;
        }
        Ok(())
    }
}
