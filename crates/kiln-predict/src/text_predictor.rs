//! Classes of texts from a text classifier that is loaded from its artifact.

use std::path::Path;

use burn::tensor::Device;
use kiln_models::{ArtifactModel, Summary, TokenBatch};

use crate::artifact_config::{check_calibration, check_classifier};
use crate::config_file::Kind;
use crate::error::Result;
use crate::folder::Folder;
use crate::loaded::Loaded;
use crate::registry::Registry;
use crate::sequence_encoder::SequenceEncoder;

/// Texts predicted at a time.
const BATCH: usize = 64;

/// What a classifier says of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The most probable class; where the artifact has a threshold, class 1 if it is as probable as that, else class 0.
    pub label: u32,
    /// Its name.
    pub class_name: String,
    /// Its probability.
    pub probability: f32,
    /// The probability of every class.
    pub probabilities: Vec<f32>,
}

/// A text classifier loaded from an artifact. Threads may share it.
///
/// # Examples
///
/// ```no_run
/// use kiln_predict::TextPredictor;
///
/// # #[cfg(feature = "flex")] {
/// let device = burn::tensor::Device::flex();
/// let predictor = TextPredictor::load("artifacts/quickstart", &device)?;
/// for prediction in predictor.predict(&["not a dull moment"])? {
///     println!("{} {:.3}", prediction.class_name, prediction.probability);
/// }
/// # }
/// # Ok::<(), kiln_predict::Error>(())
/// ```
#[derive(Debug)]
pub struct TextPredictor {
    model: Box<dyn Loaded<TokenBatch>>,
    encoder: SequenceEncoder,
    class_names: Vec<String>,
    threshold: Option<f32>,
    temperature: Option<f32>,
    device: Device,
}

impl TextPredictor {
    /// Loads the artifact in `folder`, a model and an encoder of Kiln's own.
    ///
    /// # Errors
    ///
    /// The folder or one of its files is missing, damaged, of another run, of another kind, or of a newer format; the program
    /// does not know the model or the encoder; a weight is not finite.
    pub fn load(folder: impl AsRef<Path>, device: &Device) -> Result<Self> {
        Self::load_with(folder, device, &Registry::default())
    }

    /// Loads the artifact in `folder`, a model and an encoder that `registry` knows.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_with(folder: impl AsRef<Path>, device: &Device, registry: &Registry) -> Result<Self> {
        let folder = Folder::open(folder.as_ref(), Kind::TextClassifier)?;
        let named = folder.needs("encoder", folder.config.encoder.clone())?;
        let class_names = folder.needs("class_names", folder.config.class_names.clone())?;
        let encoder = registry.load_encoder(&folder, &named.name)?;
        let encoder = SequenceEncoder::with_shape(encoder, named.shape()).map_err(|error| folder.bad_config(error))?;
        let (threshold, temperature) = (folder.config.threshold, folder.config.temperature);
        let model = registry.load_classifier(&folder, device, &|model| {
            check_classifier(model.head(), model.max_len(), model.vocab_size(), &encoder, &class_names)?;
            check_calibration(model.head(), threshold, temperature)
        })?;
        Ok(Self { model, encoder, class_names, threshold, temperature, device: device.clone() })
    }

    /// The model, if it is an `M`.
    pub fn model<M: ArtifactModel<Input = TokenBatch>>(&self) -> Option<&M> {
        self.model.downcast_ref()
    }

    /// The table of the model's layers.
    pub fn summary(&self) -> Summary {
        self.model.summary()
    }

    /// From text to padded ids.
    pub fn encoder(&self) -> &SequenceEncoder {
        &self.encoder
    }

    /// The names of the classes, in the order of the labels.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// A prediction a text, in order.
    ///
    /// # Errors
    ///
    /// The device fails or has no memory for a batch.
    pub fn predict(&self, texts: &[impl AsRef<str> + Sync]) -> Result<Vec<Prediction>> {
        let mut predictions = Vec::with_capacity(texts.len());
        for texts in texts.chunks(BATCH) {
            let outputs = self.model.work(texts.len())?.run(|| {
                let tokens = self.encoder.tokens(texts, &self.device)?;
                self.model.activated(&tokens, self.temperature)
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
        let label = match self.threshold {
            Some(threshold) => usize::from(probabilities[1] >= threshold),
            None => (1..probabilities.len()).fold(0, |best, class| {
                // Of equals the last, as ever.
                if probabilities[class].total_cmp(&probabilities[best]).is_ge() { class } else { best }
            }),
        };
        let (class_name, probability) = (self.class_names[label].clone(), probabilities[label]);
        Prediction { label: label as u32, class_name, probability, probabilities }
    }
}
