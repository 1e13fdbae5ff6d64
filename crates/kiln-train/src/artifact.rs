//! The folder that a run leaves, and what predicts from it.

pub(crate) mod config;
mod generator;
mod series_predictor;
mod text_predictor;

pub use config::{ArtifactConfig, TokenUnit};
pub use generator::TextGenerator;
pub use series_predictor::SeriesPredictor;
pub use text_predictor::{Prediction, TextPredictor};
