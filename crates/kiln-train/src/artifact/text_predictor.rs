//! Classes of texts from a text classifier that is loaded from its artifact.

use std::path::Path;

use burn::tensor::Device;
use kiln_models::TextClassifier;
use kiln_text::encoders::TextEncoder;
use kiln_text::io::Saved;

use crate::artifact::config::{ArtifactConfig, Kind, loaded, read_config, read_tokenizer, read_weights_of, wrong_kind};
use crate::data::sequence_encoder::SequenceEncoder;
use crate::error::{Error, Result};
use crate::run::device_failure::{Work, device_of};
use crate::run::evaluate::activated;
use crate::run::run_folder::CONFIG;

/// Texts predicted at a time.
const BATCH: usize = 64;

/// What a classifier says of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The most probable class.
    pub label: u32,
    /// Its name.
    pub class_name: String,
    /// Its probability.
    pub probability: f32,
    /// The probability of every class.
    pub probabilities: Vec<f32>,
}

/// A text classifier loaded from an artifact.
///
/// # Examples
///
/// ```no_run
/// use kiln_train::TextPredictor;
///
/// let device = burn::tensor::Device::flex();
/// let predictor = TextPredictor::load("artifacts/quickstart", &device)?;
/// for prediction in predictor.predict(&["not a dull moment"])? {
///     println!("{} {:.3}", prediction.class_name, prediction.probability);
/// }
/// # Ok::<(), kiln_train::Error>(())
/// ```
#[derive(Debug)]
pub struct TextPredictor {
    model: TextClassifier,
    encoder: SequenceEncoder,
    class_names: Vec<String>,
}

impl TextPredictor {
    /// Loads the artifact in `folder`.
    ///
    /// # Errors
    ///
    /// The folder or one of its files is missing, cut short, of another model or of another kind.
    pub fn load(folder: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let folder = folder.as_ref();
        let (config, sequence, class_names, trained_with) = match read_config(folder)? {
            Kind::TextClassifier { config, sequence, class_names, tokenizer_sha256 } => {
                (config, sequence, class_names, tokenizer_sha256)
            }
            other => return Err(wrong_kind(folder, "text classifier", &other)),
        };
        let damaged = |error: &dyn std::fmt::Display| Error::damaged(&folder.join(CONFIG), error);
        let load = |path: &Path| TextEncoder::load(path);
        let tokenizer = read_tokenizer(folder, "tokenizer", &trained_with, load, TextEncoder::to_json)?;
        let encoder = SequenceEncoder::with_shape(tokenizer, sequence).map_err(|error| damaged(&error))?;
        ArtifactConfig::text(config.clone(), &encoder, &class_names).check().map_err(|error| damaged(&error))?;
        let weights = read_weights_of(folder, config.vocab_size())?;
        let model = config.init(device, 0).map_err(|error| damaged(&error))?;
        let model = loaded(folder, model, weights)?;
        Ok(Self { model, encoder, class_names })
    }

    /// The model.
    pub fn model(&self) -> &TextClassifier {
        &self.model
    }

    /// From text to padded ids.
    pub fn encoder(&self) -> &SequenceEncoder {
        &self.encoder
    }

    /// A prediction a text, in order.
    ///
    /// # Errors
    ///
    /// The device fails or has no memory for a batch.
    pub fn predict(&self, texts: &[impl AsRef<str> + Sync]) -> Result<Vec<Prediction>> {
        let device = device_of(&self.model)?;
        let mut predictions = Vec::with_capacity(texts.len());
        for texts in texts.chunks(BATCH) {
            let outputs = Work::of(&self.model, texts.len())?.run(|| {
                let tokens = self.encoder.tokens(texts, &device)?;
                activated(&self.model, &tokens)
            })?;
            predictions.extend(outputs.iter().map(|outputs| self.prediction(outputs)));
        }
        Ok(predictions)
    }

    fn prediction(&self, outputs: &[f32]) -> Prediction {
        let probabilities = match outputs {
            [positive] => vec![1.0 - positive, *positive],
            several => several.to_vec(),
        };
        let (label, &probability) = probabilities
            .iter()
            .enumerate()
            .max_by(|(_, a), (_, b)| a.total_cmp(b))
            .expect("a classifier has at least two classes");
        Prediction { label: label as u32, class_name: self.class_names[label].clone(), probability, probabilities }
    }
}
