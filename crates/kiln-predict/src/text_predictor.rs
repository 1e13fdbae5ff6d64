//! Classes of texts from a text classifier that is loaded from its artifact.

use std::path::Path;

use burn::tensor::Device;
use kiln_linear::LinearClassifier;
use kiln_models::{ArtifactModel, Head, Summary, TokenBatch};

use crate::artifact_config::{check_calibration, check_class_names, check_classifier};
use crate::config_file::Kind;
use crate::error::Result;
use crate::folder::Folder;
use crate::models::linear;
use crate::models::network::Loaded;
use crate::models::registry::Registry;
use crate::sequence_encoder::SequenceEncoder;

/// Texts predicted at a time.
const BATCH: usize = 64;
/// The same of a linear classifier, whose rows are sparse.
const LINEAR_BATCH: usize = 1 << 14;

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
    model: Classifier,
    class_names: Vec<String>,
    threshold: Option<f32>,
    temperature: Option<f32>,
}

/// What tells classes.
#[derive(Debug)]
enum Classifier {
    Network { model: Box<dyn Loaded<TokenBatch>>, encoder: SequenceEncoder, device: Device },
    Linear(Box<LinearClassifier>),
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
        let class_names = folder.needs("class_names", folder.config.class_names.clone())?;
        let (threshold, temperature) = (folder.config.threshold, folder.config.temperature);
        if folder.config.model.name == linear::NAME {
            if folder.config.encoder.is_some() {
                return Err(folder.bad_config("\"encoder\" must be null, for a linear classifier has features"));
            }
            let head = Head::for_classes(class_names.len()).map_err(|error| folder.bad_config(error))?;
            let checked = check_class_names(head, &class_names);
            checked.and_then(|()| check_calibration(head, threshold, temperature)).map_err(|e| folder.bad_config(e))?;
            let model = Classifier::Linear(Box::new(linear::load(&folder, class_names.clone())?));
            return Ok(Self { model, class_names, threshold, temperature });
        }
        let named = folder.needs("encoder", folder.config.encoder.clone())?;
        let encoder = registry.load_encoder(&folder, &named.name)?;
        let encoder = SequenceEncoder::with_shape(encoder, named.shape()).map_err(|error| folder.bad_config(error))?;
        let model = registry.load_classifier(&folder, device, &|model| {
            check_classifier(model.head(), model.max_len(), model.vocab_size(), &encoder, &class_names)?;
            check_calibration(model.head(), threshold, temperature)
        })?;
        let model = Classifier::Network { model, encoder, device: device.clone() };
        Ok(Self { model, class_names, threshold, temperature })
    }

    /// The model, if it is a network, and an `M`.
    pub fn model<M: ArtifactModel<Input = TokenBatch>>(&self) -> Option<&M> {
        match &self.model {
            Classifier::Network { model, .. } => model.downcast_ref(),
            Classifier::Linear(_) => None,
        }
    }

    /// The model, if it is linear.
    pub fn linear(&self) -> Option<&LinearClassifier> {
        match &self.model {
            Classifier::Network { .. } => None,
            Classifier::Linear(classifier) => Some(classifier),
        }
    }

    /// The table of a network's layers.
    pub fn summary(&self) -> Option<Summary> {
        match &self.model {
            Classifier::Network { model, .. } => Some(model.summary()),
            Classifier::Linear(_) => None,
        }
    }

    /// From text to padded ids, for a network.
    pub fn encoder(&self) -> Option<&SequenceEncoder> {
        match &self.model {
            Classifier::Network { encoder, .. } => Some(encoder),
            Classifier::Linear(_) => None,
        }
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
        let mut add =
            |outputs: Vec<Vec<f32>>| predictions.extend(outputs.iter().map(|outputs| self.prediction(outputs)));
        match &self.model {
            Classifier::Network { model, encoder, device } => {
                for texts in texts.chunks(BATCH) {
                    add(model.work(texts.len())?.run(|| {
                        let tokens = encoder.tokens(texts, device)?;
                        model.activated(&tokens, self.temperature)
                    })?);
                }
            }
            Classifier::Linear(classifier) => {
                for texts in texts.chunks(LINEAR_BATCH) {
                    add(linear::outputs(classifier, texts, self.temperature)?);
                }
            }
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
