//! Training for Kiln's models and any other Burn module: callbacks, history, checkpoints, artifacts and prediction.
//! Built on burn-train's `SupervisedTraining`.
//!
//! [`Trainer::fit`] trains a [`Trainable`] on [`Batches`]; [`TextPredictor`] predicts from the run's folder.
//! [`language`] has evaluations in which a language model adapts to the text.
//! [`DocumentDataset`], [`EncodedDataset`] and [`TokenDataset`] also implement Burn's `Dataset`. Layers and models are
//! in `kiln-models`, text processing is in `kiln-text`.

mod callbacks;
mod data;
mod error;
mod group;
pub mod language;
mod report;
mod run;

pub use callbacks::{
    Callback, CallbackState, Control, EarlyStopping, LearningRateSchedule, Mode, Monitor, Plan, PlateauRule,
    ReduceLrOnPlateau, SaveBest, StepLogs, Threshold,
};
pub use data::{
    Batches, BurnDataset, ContextDataset, DataLimits, DocumentDataset, EncodedBatches, EncodedDataset, EncodedText,
    Labelled, PadBatcher, SequenceDatasets, SeriesDataset, TextWindows, TokenDataset,
};
pub use error::{Broken, Error, Result};
pub use kiln_predict::{ArtifactConfig, SeriesPredictor, TextGenerator, TextPredictor, TokenUnit};
pub use report::{EpochLogs, History};
pub use run::{
    Evaluation, ExistingRun, Optimizer, OptimizerState, Run, StepGradients, StepOutput, Trainable, Trainer,
    WeightAveraging, evaluate, predict,
};
