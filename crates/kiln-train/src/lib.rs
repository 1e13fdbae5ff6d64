//! Training for Kiln's models and any other Burn module: callbacks, history, checkpoints, artifacts
//! and prediction, on burn-train's `SupervisedTraining`.
//!
//! [`Trainer::fit`] trains a [`Trainable`] on [`Batches`]; [`TextPredictor`] predicts from the
//! folder that is left. [`DocumentDataset`], [`EncodedDataset`] and [`TokenDataset`] are Burn's `Dataset` too. Layers
//! and models are `kiln-models`' part, text is `kiln-text`'s.

mod callbacks;
mod data;
mod error;
mod report;
mod run;

pub use callbacks::{
    Callback, CallbackState, Control, EarlyStopping, Mode, Monitor, Plan, PlateauRule, ReduceLrOnPlateau, SaveBest,
    StepLogs, Threshold,
};
pub use data::{
    Batches, BurnDataset, ContextDataset, DataLimits, DocumentDataset, EncodedBatches, EncodedDataset, EncodedText,
    Labelled, PadBatcher, SequenceDatasets, SeriesDataset, TextWindows, TokenDataset,
};
pub use error::{Broken, Error, Result};
pub use kiln_predict::{
    self, ArtifactConfig, Prediction, SequenceEncoder, SeriesPredictor, TextGenerator, TextPredictor, TokenUnit,
};
pub use report::{EpochLogs, History};
pub use run::{
    Evaluation, ExistingRun, Optimizer, OptimizerState, Run, StepGradients, StepOutput, Trainable, Trainer, evaluate,
    predict,
};
