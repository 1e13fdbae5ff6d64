//! Embedding, flatten, dense: the smallest text classifier, with a hidden layer if one is asked for.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::{Model, TokenBatch};
use crate::error::{Result, at_least_one};
use crate::forward::layer_tape::listed_plain;
use crate::forward::pass::Pass;
use crate::layers::{Dense, DenseConfig, Embedding, EmbeddingConfig};
use crate::models::head::Head;
use kiln_kernels::{Activation, RandomKey};
use serde::{Deserialize, Serialize};

kiln_base::options! {
    /// Configuration of an [`EmbeddingFlatten`].
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct EmbeddingFlattenConfig {
        /// How many ids there are.
        @[serde(rename = "vocab")]
        pub required vocab_size: usize,
        /// Steps of every row.
        @[serde(rename = "length")]
        pub required max_len: usize,
        /// Width of a dense layer with ReLU before the last one. Default: there is none.
        pub some d_dense: usize,
        /// What the outputs mean. Default: two classes.
        pub head: Head = Head::Binary,
        /// Width of the embedding. Default: 8.
        pub d_embedding: usize = 8,
    }
}

impl EmbeddingFlattenConfig {
    /// Makes the model, its parameters drawn from `seed`.
    ///
    /// # Errors
    ///
    /// A size is 0.
    pub fn init(&self, device: &Device, seed: u64) -> Result<EmbeddingFlatten> {
        let key = RandomKey::new(seed).child("init");
        let max_len = at_least_one("max_len (the length of a sequence)", self.max_len)?;
        let embedding = EmbeddingConfig::new(self.vocab_size, self.d_embedding).init(device, key.child("embedding"))?;
        let flat = max_len * self.d_embedding;
        let hidden = self
            .d_dense
            .map(|width| DenseConfig::new(flat, width).activation(Activation::Relu).init(device, key.child("hidden")));
        let dense = DenseConfig::new(self.d_dense.unwrap_or(flat), self.head.outputs());
        Ok(EmbeddingFlatten {
            embedding,
            hidden: hidden.transpose()?,
            dense: dense.init(device, key.child("dense"))?,
            config: self.clone(),
        })
    }
}

/// The embeddings of all steps side by side, and one or two dense layers on them. Padding is read.
#[derive(Module, Debug)]
pub struct EmbeddingFlatten {
    /// The table of words.
    pub embedding: Embedding,
    /// On all steps' embeddings, if there is one.
    pub hidden: Option<Dense>,
    /// From all steps' embeddings, or the hidden layer, to the outputs.
    pub dense: Dense,
    /// What the model was made from.
    #[module(skip)]
    pub config: EmbeddingFlattenConfig,
}

impl Model for EmbeddingFlatten {
    type Input = TokenBatch;

    fn forward(&self, input: &TokenBatch, _pass: &Pass) -> Tensor<2> {
        let flat = listed_plain("Flatten", self.embedding.forward(input.ids.clone()).flatten(1, 2));
        self.dense.forward(match &self.hidden {
            Some(hidden) => hidden.forward(flat),
            None => flat,
        })
    }

    of_config!(vocab_size, max_len);
}
