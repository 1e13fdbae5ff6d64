//! Embedding, convolutions side by side, global max pooling, dense.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::text_classifier::Parts;
use super::{Model, TokenBatch};
use crate::error::Result;
use crate::forward::pass::Pass;
use crate::layers::{Conv1d, Conv1dConfig, Dense, Dropout, Embedding, global_max_pool1d};

classifier_config! {
    /// Configuration of a [`ConvClassifier`].
    ConvClassifierConfig {
        /// Width of the embedding. Default: 64.
        pub d_embedding: usize = 64,
        /// Channels of each convolution. Default: 64.
        pub filters: usize = 64,
        /// Width of the window, or of the first one if there are several. Default: 5.
        pub kernel_size: usize = 5,
        /// Widths of the windows of additional convolutions. Default: none.
        @[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub bare more_kernel_sizes: Vec<usize> = Vec::new(),
        /// Dropout on the embeddings and before the last layer. Default: 0.
        pub dropout: f64 = 0.0,
    }
}

impl ConvClassifierConfig {
    /// Several convolutions, each with its window width: Kim's are 3, 4 and 5. An empty list makes [`init`](Self::init)
    /// return an error.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_models::ConvClassifierConfig;
    ///
    /// let kim = ConvClassifierConfig::new(10_000, 40).d_embedding(300).filters(100).kernel_sizes(&[3, 4, 5]).dropout(0.5);
    /// assert_eq!((kim.kernel_size, &kim.more_kernel_sizes[..]), (3, &[4, 5][..]));
    /// ```
    #[must_use]
    pub fn kernel_sizes(mut self, sizes: &[usize]) -> Self {
        self.kernel_size = sizes.first().copied().unwrap_or(0);
        self.more_kernel_sizes = sizes.iter().skip(1).copied().collect();
        self
    }

    fn windows(&self) -> impl Iterator<Item = usize> {
        std::iter::once(self.kernel_size).chain(self.more_kernel_sizes.iter().copied())
    }

    /// Makes the model, its parameters drawn from `seed`.
    ///
    /// # Errors
    ///
    /// A size is 0, a window is longer than a row, or the dropout is not in [0, 1).
    pub fn init(&self, device: &Device, seed: u64) -> Result<ConvClassifier> {
        let parts = Parts::new(self.max_len, device, seed)?;
        let conv = |(at, window)| parts.conv1d(at, Conv1dConfig::new(self.d_embedding, self.filters, window), None);
        let mut convs = self.windows().enumerate().map(conv).collect::<Result<Vec<_>>>()?;
        let more = convs.split_off(1);
        let [dropout_in, dropout_out] = Parts::dropouts(self.dropout)?;
        Ok(ConvClassifier {
            embedding: parts.embedding(self.vocab_size, self.d_embedding)?,
            dropout_in,
            conv1d: convs.remove(0),
            dropout_out,
            dense: parts.outputs(self.filters * (1 + more.len()), self.head)?,
            more_conv1d: more,
            config: self.clone(),
        })
    }
}

/// A text classifier on the strongest match of each filter. Padding is read like any other step.
///
/// # References
///
/// Kim, "Convolutional Neural Networks for Sentence Classification", 2014.
#[derive(Module, Debug)]
pub struct ConvClassifier {
    /// The table of words.
    pub embedding: Embedding,
    /// On the embeddings.
    pub dropout_in: Dropout,
    /// The first convolution.
    pub conv1d: Conv1d,
    /// Additional convolutions.
    pub more_conv1d: Vec<Conv1d>,
    /// On the pooled outputs.
    pub dropout_out: Dropout,
    /// From the pooled outputs to the model's outputs.
    pub dense: Dense,
    /// What the model was made from.
    #[module(skip)]
    pub config: ConvClassifierConfig,
}

impl Model for ConvClassifier {
    type Input = TokenBatch;

    fn forward(&self, input: &TokenBatch, pass: &Pass) -> Tensor<2> {
        let embedded = self.dropout_in.forward_if_any(self.embedding.forward(input.ids.clone()), pass);
        let more = self.more_conv1d.iter().map(|conv| global_max_pool1d(conv.forward(embedded.clone())));
        let mut pooled: Vec<Tensor<2>> = more.collect();
        pooled.insert(0, global_max_pool1d(self.conv1d.forward(embedded)));
        let pooled = if pooled.len() > 1 { Tensor::cat(pooled, 1) } else { pooled.remove(0) };
        self.dense.forward(self.dropout_out.forward_if_any(pooled, pass))
    }

    fn min_len(&self) -> usize {
        self.config.windows().max().unwrap_or(1)
    }

    of_config!(vocab_size, max_len);
}

artifact_model!("conv_classifier": ConvClassifier(ConvClassifierConfig));
