//! What most programs use, in one `use`.

pub use kiln_models::{
    ConvBiLstmConfig, ConvClassifierConfig, EmbeddingFlattenConfig, Head, LanguageModelConfig, Model, OutputLayer,
    PaddedSteps, Pass, RecurrentClassifierConfig, RecurrentKind, RecurrentRegressorConfig, Sampling, Targets,
    TextClassifierConfig, thousands,
};
pub use kiln_text::reviews::Reviews;
pub use kiln_text::{
    Document, Documents, Encoder, Imdb, ImdbIds, PadSequences, Padding, TextEncoder, Truncating, WordTokenizer,
    pad_sequences,
};
pub use kiln_train::{
    ArtifactConfig, Batches, Callback, Control, EarlyStopping, EpochLogs, ExistingRun, History, Monitor, Optimizer,
    PlateauRule, ReduceLrOnPlateau, SequenceEncoder, SeriesDataset, SeriesPredictor, StepOutput, TextGenerator,
    TextPredictor, TextWindows, Threshold, TokenDataset, TokenUnit, Trainable, Trainer, evaluate, predict,
};
