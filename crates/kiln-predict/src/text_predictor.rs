//! Predicts classes of texts with a text classifier loaded from its artifact.

use std::path::Path;

use burn::tensor::Device;
use kiln_linear::LinearClassifier;
use kiln_models::{ArtifactModel, Head, Summary, TokenBatch};
use rayon::prelude::*;

use crate::artifact_config::{check_calibration, check_class_names, check_classifier};
use crate::config_file::Kind;
use crate::error::Result;
use crate::folder::Folder;
use crate::models::linear;
use crate::models::network::Loaded;
use crate::models::registry::Registry;
use crate::sequence_encoder::SequenceEncoder;

/// Texts in a batch.
const BATCH: usize = 64;
/// Texts that a thread takes at a time if the classifier is linear.
const LINEAR_BATCH: usize = 1 << 9;

/// What a classifier predicts for a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The most probable class or label. Of two classes, if the artifact has a threshold: class 1 if its probability is
    /// at least the threshold, else class 0.
    pub label: u32,
    /// Its name.
    pub class_name: String,
    /// Its probability.
    pub probability: f32,
    /// The probability of every class or label. Those of classes add up to 1; those of labels are independent.
    pub probabilities: Vec<f32>,
    /// The labels of the text: its one class or, from a model of labels, all labels whose probability is at least the
    /// threshold, which is 0.5 if the artifact has none.
    pub labels: Vec<u32>,
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
    /// Whether a text may have any number of labels.
    has_labels: bool,
}

/// The model that predicts classes.
#[derive(Debug)]
enum Classifier {
    Network { model: Box<dyn Loaded<TokenBatch>>, encoder: SequenceEncoder, device: Device },
    Linear(Box<LinearClassifier>),
}

impl TextPredictor {
    /// Loads the artifact in `folder`, which must hold one of Kiln's own models and encoders.
    ///
    /// # Errors
    ///
    /// The folder or one of its files is missing, damaged, from another run, of another kind, or of a newer format; the
    /// program does not know the model or the encoder; a weight is not finite.
    pub fn load(folder: impl AsRef<Path>, device: &Device) -> Result<Self> {
        Self::load_with(folder, device, &Registry::default())
    }

    /// Loads the artifact in `folder`, which must hold a model and an encoder that `registry` knows.
    ///
    /// # Errors
    ///
    /// Same as [`load`](Self::load).
    pub fn load_with(folder: impl AsRef<Path>, device: &Device, registry: &Registry) -> Result<Self> {
        let folder = Folder::open(folder.as_ref(), Kind::TextClassifier)?;
        let class_names = folder.needs("class_names", folder.config.class_names.clone())?;
        let (threshold, temperature) = (folder.config.threshold, folder.config.temperature);
        if folder.config.model.name == linear::NAME {
            if folder.config.encoder.is_some() {
                return Err(folder.bad_config("\"encoder\" must be null, since a linear classifier has features"));
            }
            let head = Head::for_classes(class_names.len()).map_err(|error| folder.bad_config(error))?;
            let checked = check_class_names(head, &class_names);
            checked.and_then(|()| check_calibration(head, threshold, temperature)).map_err(|e| folder.bad_config(e))?;
            let model = Classifier::Linear(Box::new(linear::load(&folder, class_names.clone())?));
            return Ok(Self { model, class_names, threshold, temperature, has_labels: false });
        }
        let named = folder.needs("encoder", folder.config.encoder.clone())?;
        let encoder = registry.load_encoder(&folder, &named.name)?;
        let encoder = SequenceEncoder::with_shape(encoder, named.shape()).map_err(|error| folder.bad_config(error))?;
        let model = registry.load_classifier(&folder, device, &|model| {
            check_classifier(model.head(), model.max_len(), model.vocab_size(), &encoder, &class_names)?;
            check_calibration(model.head(), threshold, temperature)
        })?;
        let has_labels = matches!(model.head(), Head::Labels(_));
        let model = Classifier::Network { model, encoder, device: device.clone() };
        Ok(Self { model, class_names, threshold, temperature, has_labels })
    }

    /// The model, if it is a network of type `M`.
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

    /// The table of the layers, if the model is a network.
    pub fn summary(&self) -> Option<Summary> {
        match &self.model {
            Classifier::Network { model, .. } => Some(model.summary()),
            Classifier::Linear(_) => None,
        }
    }

    /// The encoder from text to padded ids, if the model is a network.
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

    /// Whether a text may have any number of labels instead of one class.
    pub fn has_labels(&self) -> bool {
        self.has_labels
    }

    /// The probability from which a text is of class 1 of two classes, or has a label; `None` if the artifact has none.
    pub fn threshold(&self) -> Option<f32> {
        self.threshold
    }

    /// One prediction for each text, in order.
    ///
    /// # Errors
    ///
    /// The device fails or has too little memory for a batch.
    pub fn predict(&self, texts: &[impl AsRef<str> + Sync]) -> Result<Vec<Prediction>> {
        let told = |outputs: Vec<Vec<f32>>| outputs.iter().map(|outputs| self.prediction(outputs)).collect();
        let batches: Vec<Vec<Prediction>> = match &self.model {
            Classifier::Network { model, encoder, device } => {
                let batch = |texts: &[_]| {
                    let outputs = model.work(texts.len())?.run(|| {
                        let tokens = encoder.tokens(texts, device)?;
                        model.activated(&tokens, self.temperature)
                    });
                    Ok(told(outputs?))
                };
                texts.chunks(BATCH).map(batch).collect::<Result<_>>()?
            }
            Classifier::Linear(classifier) => {
                let batch = |texts: &[_]| Ok(told(linear::outputs(classifier, texts, self.temperature)?));
                texts.par_chunks(LINEAR_BATCH).map(batch).collect::<Result<_>>()?
            }
        };
        Ok(batches.into_iter().flatten().collect())
    }

    fn prediction(&self, outputs: &[f32]) -> Prediction {
        let probabilities = match outputs {
            [positive] if !self.has_labels => vec![1.0 - positive, *positive],
            several => several.to_vec(),
        };
        let label = match self.threshold {
            Some(threshold) if !self.has_labels => usize::from(probabilities[1] >= threshold),
            _ => (1..probabilities.len()).fold(0, |best, class| {
                // Of equally probable classes, the last one.
                if probabilities[class].total_cmp(&probabilities[best]).is_ge() { class } else { best }
            }),
        };
        let labels = match self.has_labels {
            true => {
                let threshold = self.threshold.unwrap_or(0.5);
                (0..probabilities.len() as u32).filter(|&label| probabilities[label as usize] >= threshold).collect()
            }
            false => vec![label as u32],
        };
        let (class_name, probability) = (self.class_names[label].clone(), probabilities[label]);
        Prediction { label: label as u32, class_name, probability, probabilities, labels }
    }
}
