//! A language model: embedding, recurrent layers whose states carry over from window to window, and a softmax over all
//! tokens.

mod config;

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor};
use kiln_kernels::{KernelLayout, dropout, embedding, mean_nll};

use super::{Example, Model, Score};
use crate::forward::carried::{Carried, LayerStates};
use crate::forward::layer_tape::list_as;
use crate::forward::pass::Pass;
use crate::layers::{AdaptiveSoftmax, Dense, Direction, Dropout, Embedding, Recurrent, RecurrentStack, RecurrentState};
use crate::models::{Head, Targets};

pub use config::{LanguageModelConfig, OutputLayer};

/// The bias of an output layer whose kernel is the embedding's table.
#[derive(Module, Debug)]
pub struct TiedOutput {
    /// `[vocab]`
    pub bias: Param<Tensor<1>>,
}

/// The output layer of a [`LanguageModel`], made from its [`OutputLayer`].
#[derive(Module, Debug)]
pub enum Output {
    /// A dense layer.
    Full(Dense),
    /// The embedding's table.
    Tied(TiedOutput),
    /// Clusters.
    Adaptive(AdaptiveSoftmax),
}

/// A batch of windows of running text.
#[derive(Clone, Debug)]
pub struct Windows {
    /// `[batch, time]`
    pub ids: Tensor<2, Int>,
    /// Holds the states left by the previous window, and then those of this one.
    pub carried: Carried,
}

impl Example for Windows {
    fn example<M: Model<Input = Self>>(_model: &M, rows: usize, device: &Device) -> Self {
        Self { ids: Tensor::zeros([rows, 1 + rows], device), carried: Carried::default() }
    }
}

/// Predicts the next token of running text.
///
/// The text is read in windows. Each window starts with the states after the one before, but gradients end at the
/// window's first step (truncated backpropagation through time). [`Model::forward`] uses the [`Carried`] of its batch;
/// [`LanguageModel::forward_states`] accepts and returns the states.
///
/// In training, dropout acts on the embeddings and after each layer. The options of [`LanguageModelConfig`] add the
/// other regularisers of AWD-LSTM: locked masks, dropped words, dropped recurrent weights, and penalties on the outputs
/// of the last layer, which are part of the gradient and not of the reported loss.
///
/// # References
///
/// Mikolov et al., "Recurrent neural network based language model", 2010; dropout as in Zaremba, Sutskever, Vinyals,
/// "Recurrent Neural Network Regularization", 2014; locked masks and dropped words as in Gal and Ghahramani, "A
/// Theoretically Grounded Application of Dropout in Recurrent Neural Networks", 2016; all of them, and the penalties,
/// as in Merity, Keskar, Socher, "Regularizing and Optimizing LSTM Language Models", 2018, and its code.
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
    /// The output of the last recurrent layer at all steps, after its dropout, and the states after the last step.
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
        let (output, states) = self.climb(ids, states, pass);
        (self.dropped(self.recurrent.forward_layers.len(), output, pass), states)
    }

    /// [`forward_states`](Self::forward_states) without the last dropout.
    fn climb(&self, ids: Tensor<2, Int>, states: Option<LayerStates>, pass: &Pass) -> (Tensor<3>, LayerStates) {
        let rate = self.config.weight_dropout;
        let key = pass.key("weight_dropout").filter(|_| rate > 0.0);
        let mut output = self.embedded(ids, pass);
        let mut states = states.map(|states| states.0.into_iter());
        let mut left = Vec::with_capacity(self.recurrent.forward_layers.len());
        for (place, layer) in self.recurrent.forward_layers.iter().enumerate() {
            let input = self.dropped(place, output, pass);
            let initial: Option<RecurrentState> = states.as_mut().and_then(Iterator::next);
            let mut weights = layer.weights();
            if let Some(key) = key {
                weights.recurrent_kernel = dropout(weights.recurrent_kernel, key.index(place as u64), rate);
            }
            let (sequence, state) = layer.forward_with(weights, input, None, Direction::Forward, initial);
            left.push(state);
            output = sequence;
        }
        (output, LayerStates(left))
    }

    /// The embeddings; in training, those of dropped words are 0.
    fn embedded(&self, ids: Tensor<2, Int>, pass: &Pass) -> Tensor<3> {
        let rate = self.config.embedding_dropout;
        let Some(key) = pass.key("embedding_dropout").filter(|_| rate > 0.0) else {
            return self.embedding.forward(ids);
        };
        let rows = self.embedding.forward(ids.clone());
        let ones = Tensor::<2>::ones([self.config.vocab_size, 1], (&rows.device(), rows.dtype()));
        rows * embedding(dropout(ones, key, rate), ids)
    }

    /// The output of layer `place`, or of the embedding for 0, after its dropout.
    fn dropped(&self, place: usize, output: Tensor<3>, pass: &Pass) -> Tensor<3> {
        let layer = &self.dropouts[place];
        if self.config.locked_dropout && layer.rate > 0.0 {
            layer.forward_locked(output, pass)
        } else {
            layer.forward_if_any(output, pass)
        }
    }

    /// In training, the penalties on the last layer's outputs before and after their dropout; `None` if there are none.
    fn penalty(&self, before: &Tensor<3>, after: &Tensor<3>, pass: &Pass) -> Option<Tensor<1>> {
        if *pass == Pass::Inference {
            return None;
        }
        let LanguageModelConfig { activation_penalty, temporal_activation_penalty, .. } = self.config;
        let [_, time, _] = before.dims();
        let of_outputs = (activation_penalty > 0.0).then(|| after.clone().square().mean() * activation_penalty);
        let of_changes = (temporal_activation_penalty > 0.0 && time > 1).then(|| {
            let [later, earlier] = [1, 0].map(|start| before.clone().narrow(1, start, time - 1));
            (later - earlier).square().mean() * temporal_activation_penalty
        });
        match (of_outputs, of_changes) {
            (Some(of_outputs), Some(of_changes)) => Some(of_outputs + of_changes),
            (of_outputs, of_changes) => of_outputs.or(of_changes),
        }
    }

    /// One score per token: logits, or for an adaptive softmax log-probabilities.
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

    /// The last recurrent layer's outputs after their dropout, and the log-probability of each token's class. There is
    /// one row per token, window by window. The states pass through the input's `carried`, as in [`Model::forward`].
    ///
    /// It is for evaluations that need both, such as one with a cache of earlier outputs. The log-probabilities have no
    /// gradient, except those of an adaptive softmax.
    ///
    /// # Shapes
    ///
    /// - classes: `[tokens]`, with `batch * time` tokens
    /// - output: `[tokens, d_hidden]` and `[tokens, 1]`
    ///
    /// # Panics
    ///
    /// If the number of classes is not that of the tokens, or, on the CPU, if a class is not below the vocabulary size.
    pub fn hidden_and_log_probs(
        &self,
        input: &Windows,
        classes: Tensor<1, Int>,
        pass: &Pass,
    ) -> (Tensor<2>, Tensor<2>) {
        let (hidden, _) = self.hidden(input, pass);
        let (_, log_probs) = self.nll(hidden.clone(), classes);
        (hidden, log_probs)
    }

    /// The hidden outputs of a batch, one row per token, and their penalty; the states pass through `carried`.
    fn hidden(&self, Windows { ids, carried }: &Windows, pass: &Pass) -> (Tensor<2>, Option<Tensor<1>>) {
        let [batch, time] = ids.dims();
        let (before, states) = self.climb(ids.clone(), carried.take(), pass);
        carried.leave(states);
        let hidden = self.dropped(self.recurrent.forward_layers.len(), before.clone(), pass);
        let penalty = self.penalty(&before, &hidden, pass);
        let [_, _, width] = hidden.dims();
        (hidden.reshape([batch * time, width]), penalty)
    }

    /// The mean loss of the rows' classes, and the log-probabilities of these classes.
    fn nll(&self, hidden: Tensor<2>, classes: Tensor<1, Int>) -> (Tensor<1>, Tensor<2>) {
        match &self.output {
            Output::Full(dense) => {
                mean_nll(hidden, dense.kernel.val(), dense.bias.val(), classes, KernelLayout::InputByClass)
            }
            Output::Tied(tied) => {
                mean_nll(hidden, self.embedding.table.val(), tied.bias.val(), classes, KernelLayout::ClassByInput)
            }
            Output::Adaptive(softmax) => {
                let outputs = softmax.forward(hidden, classes);
                (outputs.clone().mean().neg(), outputs)
            }
        }
    }
}

impl Model for LanguageModel {
    type Input = Windows;

    /// One row per token, window by window.
    fn forward(&self, input: &Windows, pass: &Pass) -> Tensor<2> {
        let (hidden, _) = self.hidden(input, pass);
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

    /// The mean over tokens. The scores of all tokens are not stored: the outputs are the log-probabilities of the
    /// targets, `[tokens, 1]`, and right tokens are not counted. An adaptive softmax computes only the clusters that it
    /// needs. Metrics that need the best of several scores cannot use these outputs.
    fn score(&self, input: &Windows, targets: &Targets, pass: &Pass) -> Score {
        let Targets::Classes(classes) = targets else {
            panic!("the targets of a language model must be tokens, found numbers");
        };
        let (hidden, penalty) = self.hidden(input, pass);
        let [terms, _] = hidden.dims();
        let (loss, outputs) = self.nll(hidden, classes.clone());
        Score { loss, outputs, correct: None, terms, penalty }
    }
}

artifact_model!("language_model": LanguageModel(LanguageModelConfig));
