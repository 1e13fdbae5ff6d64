//! The embedding: a row of a trainable table for each id.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor};
use kiln_kernels::{RandomKey, embedding};

use crate::error::{Result, at_least_one};
use crate::initializer::Initializer;

/// Configuration of an [`Embedding`].
#[derive(Config, Debug)]
pub struct EmbeddingConfig {
    /// How many ids there are: a tokenizer's `vocab_size()`.
    pub vocab: usize,
    /// Width of a row.
    pub d_embedding: usize,
}

impl EmbeddingConfig {
    /// Draws the table: uniform within ±0.05, as Keras's `uniform`.
    ///
    /// # Errors
    ///
    /// A size is 0.
    pub fn init(&self, device: &Device, key: RandomKey) -> Result<Embedding> {
        let vocab = at_least_one("the vocabulary of an embedding", self.vocab)?;
        let width = at_least_one("the width of an embedding", self.d_embedding)?;
        let uniform = Initializer::Uniform { limit: 0.05 };
        Ok(Embedding { table: uniform.param([vocab, width], key.child("table"), device) })
    }
}

/// A row of a trainable table for each id. Row 0, the padding's, is trained like any other, as in
/// Keras.
#[derive(Module, Debug)]
pub struct Embedding {
    /// `[vocab, d_embedding]`
    pub table: Param<Tensor<2>>,
}

impl Embedding {
    /// Looks the ids up.
    ///
    /// # Shapes
    ///
    /// - ids: `[batch, time]`
    /// - output: `[batch, time, d_embedding]`
    ///
    /// # Panics
    ///
    /// On the CPU, if an id is not below the vocabulary; a GPU does not check. The trainer checks a
    /// whole data set against the model before the first step.
    #[must_use]
    pub fn forward(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        embedding(self.table.val(), ids)
    }
}
