//! Embedding, recurrent layers, dense: the plain recurrent text classifier.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::text_classifier::Parts;
use super::{Model, PaddedSteps, TokenBatch};
use crate::error::Result;
use crate::forward::pass::Pass;
use crate::layers::{Dense, Dropout, Embedding, RecurrentKind, RecurrentStack, RecurrentStackConfig};

classifier_config! {
    /// Configuration of a [`RecurrentClassifier`].
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_models::{Model, RecurrentClassifierConfig, RecurrentKind};
    /// # #[cfg(feature = "flex")] {
    ///
    /// let config = RecurrentClassifierConfig::new(100, 20).kind(RecurrentKind::Gru).d_embedding(8).d_hidden(vec![4]);
    /// let model = config.bidirectional(false).init(&burn::tensor::Device::flex(), 0)?;
    /// assert_eq!(model.summary().total(), 973); // an embedding with 800, a GRU with 168, a dense layer with 5
    /// # }
    /// # Ok::<(), kiln_models::Error>(())
    /// ```
    RecurrentClassifierConfig d_dense {
        /// SimpleRNN, LSTM or GRU. Default: LSTM.
        pub kind: RecurrentKind = RecurrentKind::Lstm,
        /// Width of the embedding. Default: 64.
        pub d_embedding: usize = 64,
        /// Width of each recurrent layer, lowest first. Default: one layer of 64.
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
    /// A size is 0, there are no layers, or the dropout is not in [0, 1).
    pub fn init(&self, device: &Device, seed: u64) -> Result<RecurrentClassifier> {
        let parts = Parts::new(self.max_len, device, seed)?;
        let embedding = parts.embedding(self.vocab_size, self.d_embedding)?;
        let recurrent = RecurrentStackConfig::new(self.kind, self.d_embedding, self.d_hidden.clone())
            .bidirectional(self.bidirectional)
            .init(device, parts.key.child("recurrent"))?;
        let (hidden, dense) = parts.hidden_and_outputs(recurrent.d_output(), self.d_dense, self.head)?;
        let [dropout_in, dropout_out] = Parts::dropouts(self.dropout)?;
        Ok(RecurrentClassifier { embedding, dropout_in, recurrent, hidden, dropout_out, dense, config: self.clone() })
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

artifact_model!("recurrent_classifier": RecurrentClassifier(RecurrentClassifierConfig));
