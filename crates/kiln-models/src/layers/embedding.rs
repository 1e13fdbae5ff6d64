//! The embedding: one row of a trainable table per id.

use burn::module::{Module, Param};
#[cfg(feature = "vectors")]
use burn::tensor::TensorData;
use burn::tensor::{Device, Int, Tensor};
use kiln_kernels::{RandomKey, embedding};
#[cfg(feature = "vectors")]
use kiln_vectors::EmbeddingMatrix;
use serde::{Deserialize, Serialize};

#[cfg(feature = "vectors")]
use crate::error::Error;
use crate::error::{Result, at_least_one};
use crate::forward::layer_tape::listed;
use crate::forward::row_tape::{self, LookedUp};
use crate::weights::initializer::Initializer;

kiln_base::options! {
    /// Configuration of an [`Embedding`].
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct EmbeddingConfig {
        /// The number of ids: a tokenizer's `vocab_size()`.
        @[serde(rename = "vocab")]
        pub required vocab_size: usize,
        /// Width of a row.
        pub required d_embedding: usize,
    }
}

burn_config!(EmbeddingConfig);

impl EmbeddingConfig {
    /// Draws the table: uniform within ±0.05, as Keras's `uniform`.
    ///
    /// # Errors
    ///
    /// A size is 0.
    pub fn init(&self, device: &Device, key: RandomKey) -> Result<Embedding> {
        let vocab_size = at_least_one("vocab_size of Embedding", self.vocab_size)?;
        let width = at_least_one("d_embedding of Embedding", self.d_embedding)?;
        let uniform = Initializer::Uniform { limit: 0.05 };
        Ok(Embedding { table: uniform.param([vocab_size, width], key.child("table"), device), sparse: false })
    }
}

/// One row of a trainable table per id. Row 0, for padding, is trained like any other, as in Keras.
#[derive(Module, Debug)]
pub struct Embedding {
    /// `[vocab, d_embedding]`
    pub table: Param<Tensor<2>>,
    /// See [`Embedding::sparse`].
    #[module(skip)]
    pub sparse: bool,
}

impl Embedding {
    /// Replaces the table by given vectors, such as those of
    /// [`WordVectors::embedding_matrix`](kiln_vectors::WordVectors::embedding_matrix).
    ///
    /// # Errors
    ///
    /// The matrix and the table differ in size.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "flex")] {
    /// use kiln_models::RecurrentClassifierConfig;
    /// use kiln_vectors::{Missing, WordVectors};
    ///
    /// let vectors = WordVectors::new(["good", "bad"], vec![1.0, 2.0, -1.0, -2.0], 2)?;
    /// let words = ["", "bad", "film", "good"]; // one for each id; 0 is the padding
    /// let matrix = vectors.embedding_matrix(&words, Missing::Zero);
    /// println!("{:.0} % of the words have a vector", 100.0 * matrix.coverage());
    ///
    /// let device = burn::tensor::Device::flex();
    /// let config = RecurrentClassifierConfig::new(words.len(), 10).d_embedding(2);
    /// let mut model = config.init(&device, 0)?;
    /// model.embedding = model.embedding.with_vectors(&matrix)?.trainable(false);
    /// # }
    /// # Ok::<(), kiln_models::Error>(())
    /// ```
    #[cfg(feature = "vectors")]
    pub fn with_vectors(mut self, matrix: &EmbeddingMatrix) -> Result<Self> {
        let [vocab_size, width] = self.table.lazy_shape().dims();
        if [matrix.rows, matrix.d] != [vocab_size, width] {
            return Err(Error::MatrixSize { rows: matrix.rows, d: matrix.d, vocab: vocab_size, d_embedding: width });
        }
        let data = TensorData::new(matrix.values.clone(), [vocab_size, width]);
        let (id, vectors) = (self.table.id, Tensor::from_data(data, &self.table.lazy_device()));
        self.table = self.table.transform_for_load(vectors, id);
        Ok(self)
    }

    /// Whether training changes the table. Default: true.
    ///
    /// To freeze it only for the first epochs, use the trainer's options.
    #[must_use]
    pub fn trainable(mut self, trainable: bool) -> Self {
        self.table = self.table.set_require_grad(trainable);
        self
    }

    /// Whether a training step touches only the rows that its batch looks up, in the gradient and in the optimizer,
    /// like `torch.nn.Embedding(sparse=True)`. For tables of hundreds of thousands of rows. Default: false.
    ///
    /// Gradient descent without momentum computes the same numbers either way. An optimizer with moments leaves the
    /// other rows and their moments unchanged (PyTorch's `SparseAdam`); without `sparse` their moments would move these
    /// rows.
    #[must_use]
    pub const fn sparse(mut self, sparse: bool) -> Self {
        self.sparse = sparse;
        self
    }

    /// Looks the ids up.
    ///
    /// # Shapes
    ///
    /// - ids: `[batch, time]`
    /// - output: `[batch, time, d_embedding]`
    ///
    /// # Panics
    ///
    /// On the CPU, if an id is not below the vocabulary size; a GPU does not check. The trainer checks the whole data
    /// set against the model before the first step.
    pub fn forward(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        let table = self.table.val();
        if !(self.sparse && table.is_require_grad() && row_tape::is_open()) {
            return listed(self, "Embedding", embedding(table, ids));
        }
        let strategy = table.gradient_checkpointing_strategy();
        let mut rows = Tensor::from_inner(embedding(table.inner(), ids.clone().without_autodiff()));
        if let Some(strategy) = strategy {
            rows = rows.with_gradient_checkpointing_strategy(strategy);
        }
        let rows = rows.require_grad();
        row_tape::push(LookedUp { table: self.table.id, ids, rows: rows.clone() });
        rows
    }
}
