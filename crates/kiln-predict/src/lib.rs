//! Predicts from the artifacts of Kiln's runs, without the dependencies of training: optimizers, data sets, progress
//! bars, plots, network access.
//!
//! An artifact is a folder: `config.json` describes it, `tokenizer.json` says how text becomes ids, and
//! `model.safetensors` holds the weights. [`TextPredictor`], [`SeriesPredictor`] and [`TextGenerator`] read it,
//! [`ArtifactConfig`] writes it. A program with its own models or encodings adds them to a [`Registry`].
//!
//! ```no_run
//! use kiln_predict::TextPredictor;
//!
//! # #[cfg(feature = "flex")] {
//! let device = burn::tensor::Device::flex();
//! let predictor = TextPredictor::load("artifacts/quickstart", &device)?;
//! for prediction in predictor.predict(&["not a dull moment"])? {
//!     println!("{} {:.3}", prediction.class_name, prediction.probability);
//! }
//! # }
//! # Ok::<(), kiln_predict::Error>(())
//! ```

mod artifact_config;
mod config_file;
#[doc(hidden)]
pub mod device_failure;
mod error;
mod folder;
mod models;
mod sequence_encoder;
mod series_predictor;
mod text_generator;
mod text_predictor;
mod token_unit;

pub use artifact_config::ArtifactConfig;
pub use error::{Error, Result, Shortage};
#[doc(hidden)]
pub use folder::{CHECKPOINT, CONFIG, MODEL, REPLACED, REPLACING, TOKENIZER};
pub use kiln_models::ArtifactModel;
pub use models::linear::linear_weights;
pub use models::registry::Registry;
#[doc(hidden)]
pub use sequence_encoder::token_batch;
pub use sequence_encoder::{SequenceEncoder, SequenceShape};
pub use series_predictor::SeriesPredictor;
pub use text_generator::TextGenerator;
pub use text_predictor::{Prediction, TextPredictor};
pub use token_unit::TokenUnit;
