//! Embedding, convolution, global max pooling, dense.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::{Model, TokenBatch};
use crate::error::{Error, Result, at_least_one};
use crate::forward::pass::Pass;
use crate::layers::{
    Conv1d, Conv1dConfig, Dense, DenseConfig, Dropout, DropoutConfig, Embedding, EmbeddingConfig, global_max_pool1d,
};
use crate::models::head::Head;
use kiln_kernels::Activation;
use kiln_kernels::RandomKey;
use serde::{Deserialize, Serialize};

kiln_base::options! {
    /// Configuration of a [`ConvClassifier`].
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct ConvClassifierConfig {
        /// How many ids there are.
        @[serde(rename = "vocab")]
        pub required vocab_size: usize,
        /// Steps of every row.
        @[serde(rename = "length")]
        pub required max_len: usize,
        /// What the outputs mean. Default: two classes.
        pub head: Head = Head::Binary,
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
        let key = RandomKey::new(seed).child("init");
        let max_len = at_least_one("max_len (the length of a sequence)", self.max_len)?;
        let embedding = EmbeddingConfig::new(self.vocab_size, self.d_embedding).init(device, key.child("embedding"))?;
        let conv = Conv1dConfig::new(self.d_embedding, self.filters, self.kernel_size)
            .activation(Activation::Relu)
            .init(device, key.child("conv1d"))?;
        if conv.output_len(max_len) == 0 {
            return Err(Error::TooShort {
                length: max_len,
                layer: format!("a convolution of window {}", self.kernel_size),
                needed: self.kernel_size,
            });
        }
        let dense = DenseConfig::new(self.filters, self.head.outputs()).init(device, key.child("dense"))?;
        Ok(ConvClassifier {
            embedding,
            dropout_in: DropoutConfig::new(self.dropout, "dropout".into()).init()?,
            conv1d: conv,
            dropout_out: DropoutConfig::new(self.dropout, "dropout_1".into()).init()?,
            dense,
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

    of_config!(vocab_size, max_len);
}
