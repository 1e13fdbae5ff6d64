//! A linear classifier in an artifact: `tokenizer.json` holds its features, `model.safetensors` its coefficients.

use kiln_linear::{LinearClassifier, LogisticModel};
use kiln_models::weights::{Weight, Weights};
use kiln_text::features::TfidfVectorizer;
use kiln_text::io::Saved;
use serde::{Deserialize, Serialize};

use crate::config_file::strict;
use crate::error::{Error, Result};
use crate::folder::Folder;

/// The model's name in `config.json`.
pub(crate) const NAME: &str = "linear_classifier";
const COEFFICIENTS: &str = "coefficients";
const INTERCEPTS: &str = "intercepts";

/// The model's sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LinearConfig {
    columns: usize,
    outputs: usize,
}

impl LinearConfig {
    pub(crate) fn of(model: &LogisticModel) -> Self {
        Self { columns: model.columns(), outputs: model.intercepts().len() }
    }
}

/// The weights of a linear classifier, for [`ArtifactConfig::save`](crate::ArtifactConfig::save): `coefficients`
/// `[columns, outputs]` and `intercepts` `[outputs]`.
pub fn linear_weights(classifier: &LinearClassifier) -> Weights {
    let model = classifier.model();
    let LinearConfig { columns, outputs } = LinearConfig::of(model);
    let coefficient = |at: usize| model.coefficient(at / outputs, at % outputs) as f32;
    let coefficients =
        Weight { shape: vec![columns, outputs], values: (0..columns * outputs).map(coefficient).collect() };
    let intercepts = model.intercepts().iter().map(|&number| number as f32).collect();
    Weights::from([
        (COEFFICIENTS.to_owned(), coefficients),
        (INTERCEPTS.to_owned(), Weight { shape: vec![outputs], values: intercepts }),
    ])
}

/// Reads the classifier from a folder.
pub(crate) fn load(folder: &Folder, class_names: Vec<String>) -> Result<LinearClassifier> {
    let bad = |reason: String| folder.bad_config(format!("its model {NAME:?}: {reason}"));
    let LinearConfig { columns, outputs } = strict(&folder.config.model.config).map_err(bad)?;
    let features = folder.tokenizer("features", TfidfVectorizer::from_json, TfidfVectorizer::to_json)?;
    let mut weights = folder.weights()?;
    let mut take = |name: &str, shape: &[usize]| match weights.remove(name) {
        Some(weight) if weight.shape == shape => Ok(weight.values),
        Some(weight) => {
            Err(folder.bad_weights(format!("the weight '{name}' must be {shape:?}, but is {:?}", weight.shape)))
        }
        None => Err(folder.bad_weights(format!("it lacks the weight '{name}'"))),
    };
    let (coefficients, intercepts) = (take(COEFFICIENTS, &[columns, outputs])?, take(INTERCEPTS, &[outputs])?);
    let model = LogisticModel::from_parts(&coefficients, &intercepts).map_err(|error| folder.bad_weights(error))?;
    LinearClassifier::from_parts(features, model, class_names).map_err(|error| folder.bad_config(error))
}

/// The outputs for texts, as a network with the same head returns them: the probability of class 1 of two, or of each
/// class.
pub(crate) fn outputs(
    classifier: &LinearClassifier,
    texts: &[impl AsRef<str> + Sync],
    temperature: Option<f32>,
) -> Result<Vec<Vec<f32>>> {
    let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
    let rows = classifier.features().transform(texts)?;
    let failed = |error: kiln_linear::Error| Error::data("the rows of the texts", "rows of the model", error);
    let scores = classifier.model().decision_function(&rows).map_err(failed)?;
    let (width, temperature) = (classifier.model().intercepts().len(), f64::from(temperature.unwrap_or(1.0)));
    let activated = |scores: &[f64]| match scores {
        [score] => vec![(1.0 / (1.0 + (-score / temperature).exp())) as f32],
        several => {
            let highest = several.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let parts: Vec<f64> = several.iter().map(|score| ((score - highest) / temperature).exp()).collect();
            let sum: f64 = parts.iter().sum();
            parts.into_iter().map(|part| (part / sum) as f32).collect()
        }
    };
    Ok(scores.chunks(width).map(activated).collect())
}
