//! Embedding, convolution, global max pooling, dense.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::text_classifier::Parts;
use super::{Model, TokenBatch};
use crate::error::Result;
use crate::forward::pass::Pass;
use crate::layers::{Conv1d, Conv1dConfig, Dense, Dropout, Embedding, global_max_pool1d};

classifier_config! {
    /// Configuration of a [`ConvClassifier`].
    ConvClassifierConfig {
        /// Width of the embedding. Default: 64.
        pub d_embedding: usize = 64,
        /// Channels of the convolution. Default: 64.
        pub filters: usize = 64,
        /// Width of the convolution's window. Default: 5.
        pub kernel_size: usize = 5,
        /// Dropout on the embeddings and before the last layer. Default: 0.
        pub dropout: f64 = 0.0,
    }
}

impl ConvClassifierConfig {
    /// Makes the model, its parameters drawn from `seed`.
    ///
    /// # Errors
    ///
    /// A size is 0, the window is longer than a row, or the dropout is outside [0, 1).
    pub fn init(&self, device: &Device, seed: u64) -> Result<ConvClassifier> {
        let parts = Parts::new(self.max_len, device, seed)?;
        let conv = Conv1dConfig::new(self.d_embedding, self.filters, self.kernel_size);
        let [dropout_in, dropout_out] = Parts::dropouts(self.dropout)?;
        Ok(ConvClassifier {
            embedding: parts.embedding(self.vocab_size, self.d_embedding)?,
            dropout_in,
            conv1d: parts.conv1d(conv, None)?,
            dropout_out,
            dense: parts.outputs(self.filters, self.head)?,
            config: self.clone(),
        })
    }
}

/// A text classifier on the strongest match of each filter. Padding is read.
///
/// # References
///
/// Kim, "Convolutional Neural Networks for Sentence Classification", 2014.
#[derive(Module, Debug)]
pub struct ConvClassifier {
    /// The table of words.
    pub embedding: Embedding,
    /// On the embeddings.
    pub dropout_in: Dropout,
    /// The filters.
    pub conv1d: Conv1d,
    /// On the pooled matches.
    pub dropout_out: Dropout,
    /// From the matches to the outputs.
    pub dense: Dense,
    /// What the model was made from.
    #[module(skip)]
    pub config: ConvClassifierConfig,
}

impl Model for ConvClassifier {
    type Input = TokenBatch;

    fn forward(&self, input: &TokenBatch, pass: &Pass) -> Tensor<2> {
        let embedded = self.dropout_in.forward_if_any(self.embedding.forward(input.ids.clone()), pass);
        let pooled = global_max_pool1d(self.conv1d.forward(embedded));
        self.dense.forward(self.dropout_out.forward_if_any(pooled, pass))
    }

    fn min_len(&self) -> usize {
        self.config.kernel_size
    }

    of_config!(vocab_size, max_len);
}

artifact_model!("conv_classifier": ConvClassifier(ConvClassifierConfig));
