//! What most programs use, in one `use`.

pub use kiln_models::{
    ConvBiLstmConfig, ConvClassifierConfig, EmbeddingFlattenConfig, Head, LanguageModelConfig, Model, OutputLayer,
    PaddedSteps, Pass, RecurrentClassifierConfig, RecurrentKind, RecurrentRegressorConfig, Sampling, Targets,
    TextClassifierConfig, thousands,
};
pub use kiln_text::corpora::reviews::Reviews;
pub use kiln_text::corpora::{
    ClassFolder, DelimitedCorpus, Document, Documents, Imdb, JsonLinesCorpus, Labels, LineCorpus, Nsmc, PennTreebank,
};
pub use kiln_text::encoders::{
    CharTokenizer, Encoder, ImdbIds, SubwordTextEncoder, TextEncoder, VocabularyEncoder, WordTokenizer,
};
#[cfg(feature = "subwords")]
pub use kiln_text::encoders::{SubwordModel, SubwordTokenizer};
pub use kiln_text::features::{CountVectorizer, HashingVectorizer, TfidfVectorizer};
pub use kiln_text::keras::TextVectorization;
pub use kiln_text::rows::{LengthBatches, PadSequences, Padding, Truncating, pad_sequences};
pub use kiln_text::tokens::{Analyzer, NGrams, Normalizer, Words};
pub use kiln_text::vocabulary::Vocabulary;
pub use kiln_train::{
    ArtifactConfig, Batches, BurnDataset, Callback, Control, DocumentDataset, EarlyStopping, EncodedDataset, EpochLogs,
    ExistingRun, History, Monitor, Optimizer, PadBatcher, PlateauRule, ReduceLrOnPlateau, SequenceEncoder,
    SeriesDataset, SeriesPredictor, StepOutput, TextGenerator, TextPredictor, TextWindows, Threshold, TokenDataset,
    TokenUnit, Trainable, Trainer, evaluate, predict,
};
