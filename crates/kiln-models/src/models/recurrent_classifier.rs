//! Embedding, recurrent layers, dense: the plain recurrent text classifier.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::{Model, PaddedSteps, RecurrentKind, RecurrentStack, RecurrentStackConfig, TokenBatch};
use crate::error::{Result, at_least_one};
use crate::forward::pass::Pass;
use crate::layers::{Dense, DenseConfig, Dropout, DropoutConfig, Embedding, EmbeddingConfig};
use crate::models::head::Head;
use kiln_kernels::{Activation, RandomKey};
use serde::{Deserialize, Serialize};

kiln_base::options! {
    /// Configuration of a [`RecurrentClassifier`].
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct RecurrentClassifierConfig {
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
        /// SimpleRNN, LSTM or GRU. Default: LSTM.
        pub kind: RecurrentKind = RecurrentKind::Lstm,
        /// Width of the embedding. Default: 64.
        pub d_embedding: usize = 64,
        /// Width of each recurrent layer, the lowest first. Default: one layer of 64.
        pub into d_hidden: Vec<usize> = vec![64],
        /// Whether the recurrent layers run in both directions. Default: true.
        pub bidirectional: bool = true,
        /// Dropout on the embeddings and before the last layer. Default: 0.
        pub dropout: f64 = 0.0,
        /// What padded steps do. Default: they carry the state.
        pub padded_steps: PaddedSteps = PaddedSteps::Carry,
    }
}

impl RecurrentClassifierConfig {
    /// Makes the model, its parameters drawn from `seed`.
    ///
    /// # Errors
    ///
    /// A size is 0, there are no layers, or the dropout is outside [0, 1).
    pub fn init(&self, device: &Device, seed: u64) -> Result<RecurrentClassifier> {
        let key = RandomKey::new(seed).child("init");
        at_least_one("max_len (the length of a sequence)", self.max_len)?;
        let embedding = EmbeddingConfig::new(self.vocab_size, self.d_embedding).init(device, key.child("embedding"))?;
        let recurrent = RecurrentStackConfig::new(self.kind, self.d_embedding, self.d_hidden.clone())
            .bidirectional(self.bidirectional)
            .init(device, key.child("recurrent"))?;
        let state = recurrent.d_output();
        let hidden = self
            .d_dense
            .map(|width| DenseConfig::new(state, width).activation(Activation::Relu).init(device, key.child("hidden")));
        let dense = DenseConfig::new(self.d_dense.unwrap_or(state), self.head.outputs());
        Ok(RecurrentClassifier {
            embedding,
            dropout_in: DropoutConfig::new(self.dropout, "dropout".into()).init()?,
            recurrent,
            hidden: hidden.transpose()?,
            dropout_out: DropoutConfig::new(self.dropout, "dropout_1".into()).init()?,
            dense: dense.init(device, key.child("dense"))?,
            config: self.clone(),
        })
    }
}

/// A text classifier on the final state of recurrent layers.
#[derive(Module, Debug)]
pub struct RecurrentClassifier {
    /// The table of words.
    pub embedding: Embedding,
    /// On the embeddings.
    pub dropout_in: Dropout,
    /// The recurrent layers.
    pub recurrent: RecurrentStack,
    /// On the final state, if there is one.
    pub hidden: Option<Dense>,
    /// On the final state, or the hidden layer.
    pub dropout_out: Dropout,
    /// From the final state, or the hidden layer, to the outputs.
    pub dense: Dense,
    /// What the model was made from.
    #[module(skip)]
    pub config: RecurrentClassifierConfig,
}

impl Model for RecurrentClassifier {
    type Input = TokenBatch;

    fn forward(&self, input: &TokenBatch, pass: &Pass) -> Tensor<2> {
        let spans = self.config.padded_steps.of(input.spans.as_ref());
        let embedded = self.dropout_in.forward_if_any(self.embedding.forward(input.ids.clone()), pass);
        let mut state = self.recurrent.forward_last(embedded, spans);
        if let Some(hidden) = &self.hidden {
            state = hidden.forward(state);
        }
        self.dense.forward(self.dropout_out.forward_if_any(state, pass))
    }

    of_config!(vocab_size, max_len);
}
