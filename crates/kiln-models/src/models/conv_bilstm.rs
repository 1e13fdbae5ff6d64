//! Embedding, convolution, max pooling and two bidirectional LSTMs.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::{Model, PaddedSteps, TokenBatch};
use crate::error::{Error, Result, at_least_one};
use crate::forward::pass::Pass;
use crate::layers::{
    Bidirectional, Conv1d, Conv1dConfig, Dense, DenseConfig, Dropout, DropoutConfig, Embedding, EmbeddingConfig, Lstm,
    LstmConfig, MaxPool1d,
};
use crate::models::head::Head;
use crate::models::summary::Summary;
use kiln_kernels::{Activation, RandomKey};
use serde::{Deserialize, Serialize};

kiln_base::options! {
    /// Configuration of a [`ConvBiLstm`]. The defaults are the widely used IMDB recipe's: with 10,000
    /// words they make 2,171,393 parameters.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct ConvBiLstmConfig {
        /// How many ids there are.
        @[serde(rename = "vocab")]
        pub required vocab_size: usize,
        /// Steps of every row.
        @[serde(rename = "length")]
        pub required max_len: usize,
        /// What the outputs mean. Default: two classes.
        pub head: Head = Head::Binary,
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
        /// What padded steps do: by default they carry the state, also after the convolution and the
        /// pooling, where Keras drops its mask.
        pub padded_steps: PaddedSteps = PaddedSteps::Carry,
    }
}

impl ConvBiLstmConfig {
    /// Makes the model, its parameters drawn from `seed`.
    ///
    /// # Errors
    ///
    /// A size is 0, a row is too short for the window and the pool, or the dropout is outside
    /// [0, 1).
    pub fn init(&self, device: &Device, seed: u64) -> Result<ConvBiLstm> {
        let key = RandomKey::new(seed).child("init");
        let max_len = at_least_one("max_len (the length of a sequence)", self.max_len)?;
        let pool = MaxPool1d::new(self.pool_size)?;
        let conv1d = Conv1dConfig::new(self.d_embedding, self.filters, self.kernel_size)
            .activation(Activation::Relu)
            .init(device, key.child("conv1d"))?;
        if pool.output_len(conv1d.output_len(max_len)) == 0 {
            return Err(Error::TooShort {
                length: max_len,
                layer: format!("a convolution of window {} and a pool of {}", self.kernel_size, self.pool_size),
                needed: self.kernel_size - 1 + self.pool_size,
            });
        }
        let bilstm = |d_input: usize, units: usize, name: &str| -> Result<Bidirectional<Lstm>> {
            let config = LstmConfig::new(d_input, units);
            let key = key.child(name);
            Ok(Bidirectional::new(
                config.init(device, key.child("forward"))?,
                config.init(device, key.child("backward"))?,
            ))
        };
        let [lower, upper] = self.d_hidden;
        Ok(ConvBiLstm {
            embedding: EmbeddingConfig::new(self.vocab_size, self.d_embedding).init(device, key.child("embedding"))?,
            dropout: DropoutConfig::new(self.dropout, "dropout".into()).init()?,
            conv1d,
            pool,
            bilstm: bilstm(self.filters, lower, "bilstm")?,
            dropout_1: DropoutConfig::new(self.dropout, "dropout_1".into()).init()?,
            bilstm_1: bilstm(2 * lower, upper, "bilstm_1")?,
            dense: DenseConfig::new(2 * upper, self.head.outputs()).init(device, key.child("dense"))?,
            config: self.clone(),
        })
    }
}

/// A text classifier: a convolution finds phrases, pooling thins them out, two bidirectional LSTMs
/// read them in order.
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
    /// The lower LSTMs, which give every step.
    pub bilstm: Bidirectional<Lstm>,
    /// Between the LSTMs.
    pub dropout_1: Dropout,
    /// The upper LSTMs, which give their final states.
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

    of_config!(vocab_size, max_len);

    fn summary(&self) -> Summary {
        Summary { name: "conv_bilstm".to_owned(), ..Summary::of(self) }
    }
}
