//! Training for Kiln's models and any other Burn module: callbacks, history, checkpoints, artifacts
//! and prediction, on burn-train's `SupervisedTraining`.
//!
//! [`Trainer::fit`] trains a [`Trainable`] on [`Batches`]; [`TextPredictor`] predicts from the
//! folder that is left. [`DocumentDataset`], [`EncodedDataset`] and [`TokenDataset`] are Burn's `Dataset` too. Layers
//! and models are `kiln-models`' part, text is `kiln-text`'s.

mod artifact;
mod callback;
mod checkpoint;
mod context_dataset;
mod ctrl_c;
mod data;
mod device_failure;
mod early_stopping;
mod error;
mod evaluate;
mod generator;
mod gradient_norms;
mod history;
mod meter;
mod monitor;
mod optimizer;
mod plot;
mod progress;
mod reduce_lr_on_plateau;
mod run_folder;
mod save_best;
mod sequence_encoder;
mod silent;
mod step_gradients;
mod strategy;
mod text_dataset;
mod text_windows;
mod trainable;
mod trainer;
mod write_file;

pub use artifact::{ArtifactConfig, Prediction, SeriesPredictor, TextPredictor};
pub use callback::{Callback, CallbackState, Control, Plan, StepLogs};
pub use context_dataset::ContextDataset;
pub use data::{Batches, BurnDataset, DataLimits, SeriesDataset, TokenDataset};
pub use device_failure::Shortage;
pub use early_stopping::EarlyStopping;
pub use error::{Broken, Error, Result};
pub use evaluate::{Evaluation, evaluate, predict};
pub use generator::{TextGenerator, TokenUnit};
pub use history::{EpochLogs, History};
pub use monitor::{Mode, Monitor};
pub use optimizer::{Optimizer, OptimizerState};
pub use reduce_lr_on_plateau::{PlateauRule, ReduceLrOnPlateau, Threshold};
pub use run_folder::ExistingRun;
pub use save_best::SaveBest;
pub use sequence_encoder::{SequenceEncoder, SequenceShape};
pub use step_gradients::StepGradients;
pub use text_dataset::{DocumentDataset, EncodedBatches, EncodedDataset, EncodedText, PadBatcher};
pub use text_windows::TextWindows;
pub use trainable::{Labelled, StepOutput, Trainable};
pub use trainer::{Run, Trainer};
