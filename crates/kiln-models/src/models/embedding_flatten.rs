//! Embedding, flatten, dense: the smallest text classifier, with an optional hidden layer.

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
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_models::{EmbeddingFlattenConfig, Model};
    /// # #[cfg(feature = "flex")] {
    ///
    /// // 10,000 words, 20 of them in a row.
    /// let model = EmbeddingFlattenConfig::new(10_000, 20).init(&burn::tensor::Device::flex(), 0)?;
    /// assert_eq!(model.summary().total(), 80_161);
    /// # }
    /// # Ok::<(), kiln_models::Error>(())
    /// ```
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

/// The embeddings of all steps side by side, then one or two dense layers. Padding is read like any other step.
#[derive(Module, Debug)]
pub struct EmbeddingFlatten {
    /// The table of words.
    pub embedding: Embedding,
    /// On the embeddings of all steps, if there is one.
    pub hidden: Option<Dense>,
    /// From the embeddings of all steps, or the hidden layer, to the outputs.
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
