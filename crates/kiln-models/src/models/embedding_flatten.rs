//! Embedding, flatten, dense: the smallest text classifier.

use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::{Model, Tokens};
use crate::error::{Result, at_least_one};
use crate::head::Head;
use crate::layers::{Dense, DenseConfig, Embedding, EmbeddingConfig};
use crate::pass::Pass;
use crate::summary::Summary;
use kiln_kernels::RandomKey;

/// Configuration of an [`EmbeddingFlatten`].
#[derive(Config, Debug)]
pub struct EmbeddingFlattenConfig {
    /// How many ids there are.
    pub vocab: usize,
    /// Steps of every row.
    pub length: usize,
    /// What the outputs mean. Default: two classes.
    #[config(default = "Head::Binary")]
    pub head: Head,
    /// Width of the embedding. Default: 8.
    #[config(default = 8)]
    pub d_embedding: usize,
}

impl EmbeddingFlattenConfig {
    /// Makes the model, its parameters drawn from `seed`.
    ///
    /// # Errors
    ///
    /// A size is 0.
    pub fn init(&self, device: &Device, seed: u64) -> Result<EmbeddingFlatten> {
        let key = RandomKey::new(seed).child("init");
        let length = at_least_one("the length of a sequence", self.length)?;
        let embedding = EmbeddingConfig::new(self.vocab, self.d_embedding).init(device, key.child("embedding"))?;
        let dense =
            DenseConfig::new(length * self.d_embedding, self.head.outputs()).init(device, key.child("dense"))?;
        Ok(EmbeddingFlatten { embedding, dense, config: self.clone() })
    }
}

/// The embeddings of all steps side by side, and one dense layer on them. Padding is read.
#[derive(Module, Debug)]
pub struct EmbeddingFlatten {
    /// The table of words.
    pub embedding: Embedding,
    /// From all steps' embeddings to the outputs.
    pub dense: Dense,
    /// What the model was made from.
    #[module(skip)]
    pub config: EmbeddingFlattenConfig,
}

impl Model for EmbeddingFlatten {
    type Input = Tokens;

    fn forward(&self, input: &Tokens, _pass: &Pass) -> Tensor<2> {
        self.dense.forward(self.embedding.forward(input.ids.clone()).flatten(1, 2))
    }

    fn vocab(&self) -> Option<usize> {
        Some(self.config.vocab)
    }

    fn length(&self) -> Option<usize> {
        Some(self.config.length)
    }

    fn head(&self) -> Head {
        self.config.head
    }

    fn summary(&self) -> Summary {
        let EmbeddingFlattenConfig { length, d_embedding, head, .. } = self.config;
        Summary::new("embedding_flatten")
            .layer("embedding (Embedding)", &[length, d_embedding], &self.embedding)
            .plain("flatten (Flatten)", &[length * d_embedding])
            .layer("dense (Dense)", &[head.outputs()], &self.dense)
    }
}
