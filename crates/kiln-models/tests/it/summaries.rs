//! Tables of layers of every ready model in its variants, character for character.

use std::fmt::Write as _;

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use kiln_models::layers::{
    Conv1d, Conv1dConfig, Dense, DenseConfig, Dropout, DropoutConfig, Embedding, EmbeddingConfig, global_max_pool1d,
};
use kiln_models::word2vec::{NegativeSamplingConfig, SoftmaxCbowConfig};
use kiln_models::{
    ConvBiLstmConfig, ConvClassifierConfig, EmbeddingFlattenConfig, Head, LanguageModelConfig, Model, OutputLayer,
    Pass, RandomKey, RecurrentClassifierConfig, RecurrentKind, RecurrentRegressorConfig, TextClassifierConfig,
    TokenBatch,
};

use crate::devices;

/// Written when each model still spelt out its own summary.
const EXPECTED: &str = include_str!("../fixtures/summaries.txt");

fn device() -> Device {
    devices::all().swap_remove(0).1
}

/// The summaries of every ready model in its variants.
fn text() -> String {
    let device = &device();
    let mut text = String::new();
    let mut add = |what: &str, summary: kiln_models::Summary| write!(text, "# {what}\n{summary}\n").unwrap();

    let bilstm = ConvBiLstmConfig::new(10_000, 200);
    add("the recipe", bilstm.init(device, 0).unwrap().summary());
    let other = bilstm.clone().dropout(0.0).d_hidden([7, 5]).filters(12).kernel_size(3).pool_size(3);
    add("no dropout", other.head(Head::Classes(5)).init(device, 0).unwrap().summary());
    let mut frozen = ConvBiLstmConfig::new(90, 21).init(device, 0).unwrap();
    frozen.embedding = frozen.embedding.trainable(false);
    add("frozen embedding", frozen.clone().summary());
    add("all frozen", frozen.no_grad().summary());
    add("in training", ConvBiLstmConfig::new(90, 21).init(&device.clone().autodiff(), 0).unwrap().summary());

    let conv = ConvClassifierConfig::new(1_200, 40);
    add("convolution", conv.init(device, 0).unwrap().summary());
    let other = conv.dropout(0.5).filters(10).kernel_size(1).d_embedding(3).head(Head::Values(2));
    add("convolution with dropout", other.init(device, 0).unwrap().summary());

    let flatten = EmbeddingFlattenConfig::new(10_000, 20);
    add("flatten", flatten.init(device, 0).unwrap().summary());
    let other = flatten.d_dense(32).d_embedding(100).head(Head::Classes(46));
    add("flatten with a hidden layer", other.init(device, 0).unwrap().summary());

    for kind in [RecurrentKind::SimpleRnn, RecurrentKind::Lstm, RecurrentKind::Gru] {
        let base = RecurrentClassifierConfig::new(500, 30).kind(kind).d_embedding(12);
        for (bidirectional, dropout) in [(false, 0.0), (false, 0.2), (true, 0.0), (true, 0.2)] {
            let what = format!("{kind:?}, both directions: {bidirectional}, dropout {dropout}");
            let base = base.clone().bidirectional(bidirectional).dropout(dropout);
            add(&what, base.init(device, 0).unwrap().summary());
            let deep = base.d_hidden(vec![9, 8, 7]).d_dense(6).head(Head::Classes(3));
            add(&format!("{what}, deep"), deep.init(device, 0).unwrap().summary());
        }
        let regressor = RecurrentRegressorConfig::new(2, 100).kind(kind);
        add("a series", regressor.init(device, 0).unwrap().summary());
        let both = regressor.bidirectional(true).d_hidden(vec![4]).head(Head::Values(3));
        add("a series in both directions", both.init(device, 0).unwrap().summary());
        let running = LanguageModelConfig::new(70).kind(kind).d_embedding(16).d_hidden(vec![20, 16]);
        add("running text", running.init(device, 0).unwrap().summary());
        let tied = running.clone().dropout(0.5).output(OutputLayer::Tied);
        add("running text, tied", tied.init(device, 0).unwrap().summary());
        let clusters = OutputLayer::Adaptive { cutoffs: vec![10, 30], div_value: 2.0 };
        add("running text, clusters", running.d_hidden(vec![8]).output(clusters).init(device, 0).unwrap().summary());
    }

    let any = TextClassifierConfig::from(ConvClassifierConfig::new(50, 10));
    add("any classifier", any.init(device, 0).unwrap().summary());
    let negative = NegativeSamplingConfig::new(vec![1; 20]).vector_size(6);
    add("negative sampling", negative.init(device, 0).unwrap().summary());
    add("softmax", SoftmaxCbowConfig::new(2_000).init(device, 0).unwrap().summary());
    text
}

#[test]
fn ready_models_have_the_tables_that_they_always_had() {
    let text = text();
    for (number, (line, expected)) in text.lines().zip(EXPECTED.lines()).enumerate() {
        assert_eq!(line, expected, "line {} of the fixture", number + 1);
    }
    assert_eq!(text.len(), EXPECTED.len());
}

/// A user's model: rows of any length, layers of Kiln and of Burn, and a separate parameter.
#[derive(Module, Debug)]
struct Attentive {
    embedding: Embedding,
    dropout: Dropout,
    attention: Linear,
    convolutions: Vec<Conv1d>,
    scale: Param<Tensor<1>>,
    dense: Dense,
}

impl Attentive {
    fn new(device: &Device) -> Self {
        let key = RandomKey::new(0);
        let conv = |name| Conv1dConfig::new(6, 6, 3).init(device, key.child(name)).unwrap();
        Self {
            embedding: EmbeddingConfig::new(50, 6).init(device, key.child("embedding")).unwrap().trainable(false),
            dropout: DropoutConfig::new(0.1, "words".into()).init().unwrap(),
            attention: LinearConfig::new(6, 6).init(device),
            convolutions: vec![conv("lower"), conv("upper")],
            scale: Param::from_tensor(Tensor::ones([6], device)),
            dense: DenseConfig::new(6, 2).init(device, key.child("dense")).unwrap(),
        }
    }
}

impl Model for Attentive {
    type Input = TokenBatch;

    fn forward(&self, input: &TokenBatch, pass: &Pass) -> Tensor<2> {
        let mut output = self.embedding.forward(input.ids.clone());
        for conv in &self.convolutions {
            output = conv.forward(self.dropout.forward(self.attention.forward(output), pass));
        }
        self.dense.forward(global_max_pool1d(output) * self.scale.val().unsqueeze())
    }

    fn head(&self) -> Head {
        Head::Classes(2)
    }
}

#[test]
fn a_model_of_ones_own_has_a_table_without_writing_it() {
    for (backend, device) in devices::all() {
        for device in [device.clone(), device.autodiff()] {
            let summary = Attentive::new(&device).summary();
            let rows: Vec<(&str, &str, usize)> = summary
                .rows
                .iter()
                .map(|row| (row.layer.as_str(), row.output_shape.as_str(), row.parameters))
                .collect();
            assert_eq!(
                rows,
                [
                    ("embedding (Embedding)", "(None, None, 6)", 300),
                    ("attention (Linear)", "?", 42),
                    ("words (Dropout)", "(None, None, 6)", 0),
                    ("conv1d (Conv1D)", "(None, None, 6)", 114),
                    ("conv1d_1 (Conv1D)", "(None, None, 6)", 114),
                    ("scale (Param)", "?", 6),
                    ("global_max_pooling1d (GlobalMaxPooling1D)", "(None, 6)", 0),
                    ("dense (Dense)", "(None, 2)", 14),
                ],
                "{backend}"
            );
            assert_eq!(
                (summary.name.as_str(), summary.trainable, summary.frozen),
                ("attentive", 290, 300),
                "{backend}"
            );
        }
    }
}
