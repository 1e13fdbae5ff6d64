//! Embedding, flatten, dense: the smallest text classifier, with a hidden layer if one is asked for.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::text_classifier::Parts;
use super::{Model, TokenBatch};
use crate::error::Result;
use crate::forward::layer_tape::listed_plain;
use crate::forward::pass::Pass;
use crate::layers::{Dense, Embedding};

classifier_config! {
    /// Configuration of an [`EmbeddingFlatten`].
    EmbeddingFlattenConfig d_dense {
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
        let parts = Parts::new(self.max_len, device, seed)?;
        let embedding = parts.embedding(self.vocab_size, self.d_embedding)?;
        let (hidden, dense) = parts.hidden_and_outputs(self.max_len * self.d_embedding, self.d_dense, self.head)?;
        Ok(EmbeddingFlatten { embedding, hidden, dense, config: self.clone() })
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

artifact_model!("embedding_flatten": EmbeddingFlatten(EmbeddingFlattenConfig));
