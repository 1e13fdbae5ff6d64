//! A language model: embedding, recurrent layers that go on from window to window, a softmax over all tokens.

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor};
use kiln_base::OptionError;
use kiln_kernels::RandomKey;
use serde::{Deserialize, Serialize};

use super::{Example, Model, Score};
use crate::error::Result;
use crate::forward::carried::{Carried, LayerStates};
use crate::forward::layer_tape::list_as;
use crate::forward::pass::Pass;
use crate::layers::mean_nll::mean_nll;
use crate::layers::{
    AdaptiveSoftmax, AdaptiveSoftmaxConfig, Dense, DenseConfig, Direction, Dropout, DropoutConfig, Embedding,
    EmbeddingConfig, Recurrent, RecurrentKind, RecurrentStack, RecurrentStackConfig, RecurrentState,
};
use crate::models::{Head, Targets};
use crate::weights::initializer::Initializer;

/// What comes after the last recurrent layer of a [`LanguageModel`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputLayer {
    /// A dense layer with a score for every token.
    #[default]
    Full,
    /// The same with the embedding's table as its kernel, and its own bias (Inan et al. 2017, Press and Wolf
    /// 2017): embedding and last recurrent layer must be of one width.
    Tied,
    /// Clusters of tokens, for wide vocabularies: ids must go by frequency, the most frequent first. See
    /// [`AdaptiveSoftmaxConfig`].
    Adaptive {
        /// The first id of each cluster after the first.
        cutoffs: Vec<usize>,
        /// How much narrower each cluster is than the one before; PyTorch's default is 4.
        div_value: f64,
    },
}

kiln_base::options! {
    /// Configuration of a [`LanguageModel`].
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct LanguageModelConfig {
        /// How many ids there are.
        @[serde(rename = "vocab")]
        pub required vocab_size: usize,
        /// SimpleRNN, LSTM or GRU. Default: LSTM.
        pub kind: RecurrentKind = RecurrentKind::Lstm,
        /// Width of the embedding. Default: 100.
        pub d_embedding: usize = 100,
        /// Width of each recurrent layer, the lowest first. Default: one layer of 100.
        pub into d_hidden: Vec<usize> = vec![100],
        /// Dropout on the embeddings, between the recurrent layers and before the output. Default: 0.
        pub dropout: f64 = 0.0,
        /// What makes scores of the last state. Default: a dense layer.
        pub into output: OutputLayer = OutputLayer::Full,
    }
}

burn_config!(LanguageModelConfig);

impl LanguageModelConfig {
    /// Makes the model, its parameters drawn from `seed`.
    ///
    /// # Errors
    ///
    /// A size is 0, there are no layers, the dropout is outside [0, 1), the widths of tied weights differ, or the
    /// clusters of an adaptive softmax do not fit the vocabulary.
    pub fn init(&self, device: &Device, seed: u64) -> Result<LanguageModel> {
        let key = RandomKey::new(seed).child("init");
        let embedding = EmbeddingConfig::new(self.vocab_size, self.d_embedding).init(device, key.child("embedding"))?;
        let recurrent = RecurrentStackConfig::new(self.kind, self.d_embedding, self.d_hidden.clone())
            .init(device, key.child("recurrent"))?;
        let width = recurrent.d_output();
        let output_key = key.child("output");
        let output = match &self.output {
            OutputLayer::Full => Output::Full(DenseConfig::new(width, self.vocab_size).init(device, output_key)?),
            OutputLayer::Tied if width != self.d_embedding => {
                let expected = "that of the embedding, where their weights are tied";
                let found = format!("{width}, and the embedding {}", self.d_embedding);
                return Err(OptionError::new("width of the last recurrent layer", expected, found).into());
            }
            OutputLayer::Tied => {
                let bias = Initializer::Zeros.param([self.vocab_size], output_key.child("bias"), device);
                Output::Tied(TiedOutput { bias })
            }
            OutputLayer::Adaptive { cutoffs, div_value } => Output::Adaptive(
                AdaptiveSoftmaxConfig::new(width, self.vocab_size, cutoffs.clone())
                    .div_value(*div_value)
                    .init(device, output_key)?,
            ),
        };
        let dropouts = (0..=self.d_hidden.len())
            .map(|place| match place {
                0 => "dropout".to_owned(),
                place => format!("dropout_{place}"),
            })
            .map(|name| DropoutConfig::new(self.dropout, name).init())
            .collect::<Result<_>>()?;
        Ok(LanguageModel { embedding, recurrent, dropouts, output, config: self.clone() })
    }
}

/// The bias of an output layer whose kernel is the embedding's table.
#[derive(Module, Debug)]
pub struct TiedOutput {
    /// `[vocab]`
    pub bias: Param<Tensor<1>>,
}

/// The output layer of a [`LanguageModel`], by its [`OutputLayer`].
#[derive(Module, Debug)]
pub enum Output {
    /// A dense layer.
    Full(Dense),
    /// The embedding's table.
    Tied(TiedOutput),
    /// Clusters.
    Adaptive(AdaptiveSoftmax),
}

/// A batch of windows out of running text.
#[derive(Clone, Debug)]
pub struct Windows {
    /// `[batch, time]`
    pub ids: Tensor<2, Int>,
    /// Where the states of the window before are taken from, and these windows' are left.
    pub carried: Carried,
}

impl Example for Windows {
    fn example<M: Model<Input = Self>>(_model: &M, rows: usize, device: &Device) -> Self {
        Self { ids: Tensor::zeros([rows, 1 + rows], device), carried: Carried::default() }
    }
}

/// Predicts each next token of running text.
///
/// Text is read in windows. The states after a window are where the next one begins, but gradients end at the
/// window's first step: truncated backpropagation through time. [`Model::forward`] goes through the [`Carried`] of its
/// batch; [`LanguageModel::forward_states`] takes and gives the states themselves.
///
/// # References
///
/// Mikolov et al., "Recurrent neural network based language model", 2010; dropout between layers only, as in Zaremba,
/// Sutskever, Vinyals, "Recurrent Neural Network Regularization", 2014.
#[derive(Module, Debug)]
pub struct LanguageModel {
    /// The table of tokens.
    pub embedding: Embedding,
    /// The recurrent layers.
    pub recurrent: RecurrentStack,
    /// On the embeddings and after each layer.
    pub dropouts: Vec<Dropout>,
    /// From the last layer's output to a score for each token.
    pub output: Output,
    /// What the model was made from.
    #[module(skip)]
    pub config: LanguageModelConfig,
}

impl LanguageModel {
    /// The output of the last recurrent layer at every step, after its dropout, and the states after the last step.
    ///
    /// # Shapes
    ///
    /// - ids: `[batch, time]`
    /// - output: `[batch, time, d_hidden]`
    pub fn forward_states(
        &self,
        ids: Tensor<2, Int>,
        states: Option<LayerStates>,
        pass: &Pass,
    ) -> (Tensor<3>, LayerStates) {
        let mut output = self.dropouts[0].forward_if_any(self.embedding.forward(ids), pass);
        let mut states = states.map(|states| states.0.into_iter());
        let mut left = Vec::with_capacity(self.recurrent.forward_layers.len());
        for (layer, dropout) in self.recurrent.forward_layers.iter().zip(&self.dropouts[1..]) {
            let initial: Option<RecurrentState> = states.as_mut().and_then(Iterator::next);
            let (sequence, state) = layer.forward(output, None, Direction::Forward, initial);
            left.push(state);
            output = dropout.forward_if_any(sequence, pass);
        }
        (output, LayerStates(left))
    }

    /// A score for every token: logits, or log-probabilities of an adaptive softmax.
    ///
    /// # Shapes
    ///
    /// - hidden: `[batch, d_hidden]`
    /// - output: `[batch, vocab]`
    pub fn scores(&self, hidden: Tensor<2>) -> Tensor<2> {
        match &self.output {
            Output::Full(dense) => dense.forward(hidden),
            Output::Tied(TiedOutput { bias }) => {
                hidden.matmul(self.embedding.table.val().transpose()) + bias.val().unsqueeze()
            }
            Output::Adaptive(softmax) => softmax.log_prob(hidden),
        }
    }

    /// The hidden outputs of a batch, a row a token, whose states go on through `carried`.
    fn hidden(&self, Windows { ids, carried }: &Windows, pass: &Pass) -> Tensor<2> {
        let [batch, time] = ids.dims();
        let (hidden, states) = self.forward_states(ids.clone(), carried.take(), pass);
        carried.leave(states);
        let [_, _, width] = hidden.dims();
        hidden.reshape([batch * time, width])
    }
}

impl Model for LanguageModel {
    type Input = Windows;

    /// A row a token, window by window.
    fn forward(&self, input: &Windows, pass: &Pass) -> Tensor<2> {
        let hidden = self.hidden(input, pass);
        let kind = match &self.output {
            Output::Full(_) => "Dense",
            Output::Tied(_) => "Tied",
            Output::Adaptive(_) => "AdaptiveSoftmax",
        };
        let [batch, time] = input.ids.dims();
        list_as(&self.output, "output", kind, &[batch, time, self.config.vocab_size]);
        self.scores(hidden)
    }

    fn head(&self) -> Head {
        Head::Classes(self.config.vocab_size)
    }

    fn vocab_size(&self) -> Option<usize> {
        Some(self.config.vocab_size)
    }

    fn takes_loss_options(&self) -> bool {
        false
    }

    /// The mean over tokens. The outputs are the log-probabilities of the targets, `[tokens, 1]`, and right ones are not
    /// counted, so that the scores of all tokens need not be kept; an adaptive softmax computes only those of the
    /// clusters that it needs. Metrics that look for the best of several scores find none here.
    fn score(&self, input: &Windows, targets: &Targets, pass: &Pass) -> Score {
        let Targets::Classes(classes) = targets else {
            panic!("the targets of a language model are tokens, but they are numbers");
        };
        let (hidden, classes) = (self.hidden(input, pass), classes.clone());
        let [terms, _] = hidden.dims();
        let (loss, outputs) = match &self.output {
            Output::Full(dense) => mean_nll(hidden, dense.kernel.val(), dense.bias.val(), classes),
            Output::Tied(tied) => mean_nll(hidden, self.embedding.table.val().transpose(), tied.bias.val(), classes),
            Output::Adaptive(softmax) => {
                let outputs = softmax.forward(hidden, classes);
                (outputs.clone().mean().neg(), outputs)
            }
        };
        Score { loss, outputs, correct: None, terms }
    }
}

artifact_model!("language_model": LanguageModel(LanguageModelConfig));
