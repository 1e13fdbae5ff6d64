//! Models and encodings that a program defines itself.

use std::error::Error as StdError;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use kiln_models::layers::{Dense, DenseConfig, Embedding, EmbeddingConfig};
use kiln_models::weights::weights_of;
use kiln_models::{ArtifactModel, Head, Model, Pass, RandomKey, Series, TokenBatch};
use kiln_predict::{ArtifactConfig, Registry, SequenceEncoder, SeriesPredictor, TextPredictor};
use kiln_text::encoders::{Encoder, SavedEncoder};
use kiln_text::io::Saved;
use serde::{Deserialize, Serialize};

use crate::saved_model::{LENGTH, TEXTS, device, names};

/// Each byte, shifted.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Bytes {
    shift: u32,
}

impl Encoder for Bytes {
    fn encode(&self, text: &str) -> Vec<u32> {
        text.bytes().map(|byte| u32::from(byte) + self.shift).collect()
    }

    fn vocab_size(&self) -> usize {
        256 + self.shift as usize
    }
}

impl SavedEncoder for Bytes {
    fn class_name(&self) -> &'static str {
        "Bytes"
    }

    fn decode(&self, ids: &[u32]) -> kiln_text::Result<String> {
        let bytes: Vec<u8> = ids.iter().filter(|&&id| id > 0).map(|&id| (id - self.shift) as u8).collect();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl Saved for Bytes {
    fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap()
    }

    fn from_json(json: &str) -> kiln_text::Result<Self> {
        serde_json::from_str(json).map_err(|source| kiln_text::Error::FileJson {
            class_name: "Bytes",
            part: "the file",
            source,
        })
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct BagConfig {
    vocab_size: usize,
    width: usize,
}

/// The mean of vectors, and a dense layer.
#[derive(Module, Debug)]
struct Bag {
    embedding: Embedding,
    dense: Dense,
    #[module(skip)]
    config: BagConfig,
}

impl BagConfig {
    fn init(&self, device: &Device, seed: u64) -> kiln_models::Result<Bag> {
        let key = RandomKey::new(seed);
        Ok(Bag {
            embedding: EmbeddingConfig::new(self.vocab_size, self.width).init(device, key.child("embedding"))?,
            dense: DenseConfig::new(self.width, 1).init(device, key.child("dense"))?,
            config: self.clone(),
        })
    }
}

impl Model for Bag {
    type Input = TokenBatch;

    fn forward(&self, input: &TokenBatch, _pass: &Pass) -> Tensor<2> {
        self.dense.forward(self.embedding.forward(input.ids.clone()).mean_dim(1).squeeze_dim(1))
    }

    fn head(&self) -> Head {
        Head::Binary
    }

    fn vocab_size(&self) -> Option<usize> {
        Some(self.config.vocab_size)
    }
}

impl ArtifactModel for Bag {
    type Config = BagConfig;

    const NAME: &str = "bag";

    fn config(&self) -> BagConfig {
        self.config.clone()
    }

    fn from_config(config: &BagConfig, device: &Device) -> Result<Self, Box<dyn StdError + Send + Sync>> {
        Ok(config.init(device, 0)?)
    }
}

#[test]
fn a_model_and_an_encoder_of_ones_own_predict_as_they_were_saved() {
    let encode = SequenceEncoder::new(Bytes { shift: 3 }, LENGTH).unwrap();
    let model = BagConfig { vocab_size: encode.vocab_size(), width: 4 }.init(&device(), 5).unwrap();
    let folder = tempfile::tempdir().unwrap();
    ArtifactConfig::text(&model, &encode, &names(2)).save(folder.path(), &weights_of(&model)).unwrap();

    let own = Registry::default().text_classifier::<Bag>().encoder::<Bytes>("Bytes");
    let predictor = TextPredictor::load_with(folder.path(), &device(), &own).unwrap();
    assert_eq!(weights_of(predictor.model::<Bag>().unwrap()), weights_of(&model));
    assert_eq!(predictor.encoder().unwrap().encoder().downcast_ref::<Bytes>(), Some(&Bytes { shift: 3 }));
    let outputs = model.head().activate(model.forward(&encode.tokens(&TEXTS, &device()).unwrap(), &Pass::Inference));
    let expected: Vec<f32> = outputs.into_data().try_into_vec_as::<f32>().unwrap();
    let found: Vec<f32> = predictor.predict(&TEXTS).unwrap().iter().map(|found| found.probabilities[1]).collect();
    assert_eq!(found, expected);

    // Programs that know only one of the two, or neither.
    for (registry, expected) in [
        (Registry::default(), "does not know the encoder \"Bytes\"; it knows \"CharTokenizer\", \"ImdbIds\""),
        (Registry::default().text_classifier::<Bag>(), "does not know the encoder \"Bytes\""),
        (Registry::default().encoder::<Bytes>("Bytes"), "does not know the model \"bag\"; it knows \"conv_bi_lstm\""),
    ] {
        let error = TextPredictor::load_with(folder.path(), &device(), &registry).map(drop).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("config.json"), "{error}");
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct LineConfig {
    steps: usize,
}

/// A line through the numbers of a row.
#[derive(Module, Debug)]
struct Line {
    dense: Dense,
    #[module(skip)]
    config: LineConfig,
}

impl Model for Line {
    type Input = Series;

    fn forward(&self, input: &Series, _pass: &Pass) -> Tensor<2> {
        self.dense.forward(input.values.clone().flatten(1, 2))
    }

    fn head(&self) -> Head {
        Head::Values(2)
    }

    fn max_len(&self) -> Option<usize> {
        Some(self.config.steps)
    }

    fn d_input(&self) -> Option<usize> {
        Some(1)
    }
}

impl ArtifactModel for Line {
    type Config = LineConfig;

    const NAME: &str = "line";

    fn config(&self) -> LineConfig {
        self.config.clone()
    }

    fn from_config(config: &LineConfig, device: &Device) -> Result<Self, Box<dyn StdError + Send + Sync>> {
        let dense = DenseConfig::new(config.steps, 2).init(device, RandomKey::new(1))?;
        Ok(Self { dense, config: config.clone() })
    }
}

#[test]
fn a_regressor_of_ones_own_predicts_as_it_was_saved() {
    let model = Line::from_config(&LineConfig { steps: 3 }, &device()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    ArtifactConfig::series(&model).save(folder.path(), &weights_of(&model)).unwrap();
    let registry = Registry::default().series_regressor::<Line>();
    let predictor = SeriesPredictor::load_with(folder.path(), &device(), &registry).unwrap();
    let rows: Vec<f32> = (0..3 * 100).map(|at| at as f32 / 7.0).collect();
    let predicted = predictor.predict(&rows).unwrap();
    assert_eq!((predicted.len(), predicted[0].len()), (100, 2));
    // The same as in a batch of one.
    assert_eq!(predictor.predict(&rows[3 * 99..]).unwrap()[0], predicted[99]);
    assert!(predictor.predict(&rows[..4]).unwrap_err().to_string().contains("whole rows of 3 x 1"));
    let error = SeriesPredictor::load(folder.path(), &device()).map(drop).unwrap_err().to_string();
    assert!(error.contains("does not know the model \"line\"; it knows \"recurrent_regressor\""), "{error}");
}
