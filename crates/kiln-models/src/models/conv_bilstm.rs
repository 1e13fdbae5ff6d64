//! Embedding, convolution, max pooling and two bidirectional LSTMs.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::text_classifier::Parts;
use super::{Model, PaddedSteps, TokenBatch};
use crate::error::Result;
use crate::forward::pass::Pass;
use crate::layers::{Bidirectional, Conv1d, Conv1dConfig, Dense, Dropout, Embedding, Lstm, LstmConfig, MaxPool1d};
use crate::models::Summary;

classifier_config! {
    /// Configuration of a [`ConvBiLstm`]. The defaults are those of the widely used IMDB recipe: with 10,000 words they
    /// make 2,171,393 parameters.
    ConvBiLstmConfig {
        /// Width of the embedding. Default: 200.
        pub d_embedding: usize = 200,
        /// Dropout on the embeddings and between the LSTMs. Default: 0.5.
        pub dropout: f64 = 0.5,
        /// Channels of the convolution. Default: 64.
        pub filters: usize = 64,
        /// Width of the convolution's window. Default: 5.
        pub kernel_size: usize = 5,
        /// Steps that are pooled into one. Default: 4.
        pub pool_size: usize = 4,
        /// Width of the lower and the upper LSTM in each direction. Default: 64 and 32.
        pub d_hidden: [usize; 2] = [64, 32],
        /// What padded steps do. By default they carry the state, also after the convolution and the pooling, where
        /// Keras drops its mask.
        pub padded_steps: PaddedSteps = PaddedSteps::Carry,
    }
}

impl ConvBiLstmConfig {
    /// Makes the model, its parameters drawn from `seed`.
    ///
    /// # Errors
    ///
    /// A size is 0, a row is too short for the window and the pool, or the dropout is not in [0, 1).
    pub fn init(&self, device: &Device, seed: u64) -> Result<ConvBiLstm> {
        let parts = Parts::new(self.max_len, device, seed)?;
        let pool = MaxPool1d::new(self.pool_size)?;
        let conv = Conv1dConfig::new(self.d_embedding, self.filters, self.kernel_size);
        let bilstm = |d_input: usize, units: usize, name: &str| -> Result<Bidirectional<Lstm>> {
            let config = LstmConfig::new(d_input, units);
            let key = parts.key.child(name);
            Ok(Bidirectional::new(
                config.init(device, key.child("forward"))?,
                config.init(device, key.child("backward"))?,
            ))
        };
        let [lower, upper] = self.d_hidden;
        let [dropout, dropout_1] = Parts::dropouts(self.dropout)?;
        Ok(ConvBiLstm {
            conv1d: parts.conv1d(0, conv, Some(self.pool_size))?,
            embedding: parts.embedding(self.vocab_size, self.d_embedding)?,
            dropout,
            pool,
            bilstm: bilstm(self.filters, lower, "bilstm")?,
            dropout_1,
            bilstm_1: bilstm(2 * lower, upper, "bilstm_1")?,
            dense: parts.outputs(2 * upper, self.head)?,
            config: self.clone(),
        })
    }
}

/// A text classifier: a convolution, max pooling, and two bidirectional LSTMs.
#[derive(Module, Debug)]
pub struct ConvBiLstm {
    /// The table of words.
    pub embedding: Embedding,
    /// On the embeddings.
    pub dropout: Dropout,
    /// The filters.
    pub conv1d: Conv1d,
    /// After the convolution.
    #[module(skip)]
    pub pool: MaxPool1d,
    /// The lower LSTMs, which output all steps.
    pub bilstm: Bidirectional<Lstm>,
    /// Between the LSTMs.
    pub dropout_1: Dropout,
    /// The upper LSTMs, which output their final states.
    pub bilstm_1: Bidirectional<Lstm>,
    /// From the final states to the outputs.
    pub dense: Dense,
    /// What the model was made from.
    #[module(skip)]
    pub config: ConvBiLstmConfig,
}

impl Model for ConvBiLstm {
    type Input = TokenBatch;

    fn forward(&self, input: &TokenBatch, pass: &Pass) -> Tensor<2> {
        let [_, steps] = input.ids.dims();
        let spans = self.config.padded_steps.of(input.spans.as_ref()).map(|spans| {
            let behind = self.conv1d.spans(spans, steps);
            self.pool.spans(&behind, self.conv1d.output_len(steps))
        });
        let x = self.dropout.forward(self.embedding.forward(input.ids.clone()), pass);
        let x = self.pool.forward(self.conv1d.forward(x));
        let x = self.bilstm.forward(x, spans.as_ref());
        let x = self.dropout_1.forward(x, pass);
        self.dense.forward(self.bilstm_1.forward_last(x, spans.as_ref()))
    }

    fn min_len(&self) -> usize {
        self.config.kernel_size + self.config.pool_size - 1
    }

    of_config!(vocab_size, max_len);

    fn summary(&self) -> Summary {
        Summary { name: "conv_bilstm".to_owned(), ..Summary::of(self) }
    }
}

artifact_model!("conv_bi_lstm": ConvBiLstm(ConvBiLstmConfig));
