//! What most programs use, in one `use`.

pub use kiln_models::{
    ConvBiLstmConfig, ConvClassifierConfig, EmbeddingFlattenConfig, Head, Model, PaddedSteps, Pass,
    RecurrentClassifierConfig, RecurrentKind, RecurrentRegressorConfig, Targets, TextClassifierConfig, thousands,
};
pub use kiln_text::reviews::Reviews;
pub use kiln_text::{
    Document, Documents, Encoder, Imdb, ImdbIds, PadSequences, Padding, TextEncoder, Truncating, WordTokenizer,
    pad_sequences,
};
pub use kiln_train::{
    ArtifactConfig, Batches, Callback, Control, EarlyStopping, EpochLogs, ExistingRun, History, Monitor, Optimizer,
    PlateauRule, ReduceLrOnPlateau, SequenceEncoder, SeriesDataset, SeriesPredictor, StepOutput, TextPredictor,
    Threshold, TokenDataset, Trainable, Trainer, evaluate, predict,
};
