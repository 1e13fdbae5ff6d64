//! What most programs use, in one `use`.

pub use kiln_models::{
    ConvBiLstmConfig, ConvClassifierConfig, EmbeddingFlattenConfig, Head, LanguageModelConfig, Model, OutputLayer,
    PaddedSteps, Pass, RecurrentClassifierConfig, RecurrentKind, RecurrentRegressorConfig, Sampling, Targets,
    TextClassifierConfig, thousands,
};
pub use kiln_text::reviews::Reviews;
pub use kiln_text::{
    Analyzer, CharTokenizer, ClassFolder, CountVectorizer, DelimitedCorpus, Document, Documents, Encoder,
    HashingVectorizer, Imdb, ImdbIds, JsonLinesCorpus, Labels, LengthBatches, LineCorpus, NGrams, Normalizer, Nsmc,
    PadSequences, Padding, PennTreebank, SubwordTextEncoder, TextEncoder, TextVectorization, TfidfVectorizer,
    Truncating, Vocabulary, VocabularyEncoder, WordTokenizer, Words, pad_sequences,
};
#[cfg(feature = "subwords")]
pub use kiln_text::{SubwordModel, SubwordTokenizer};
pub use kiln_train::{
    ArtifactConfig, Batches, BurnDataset, Callback, Control, DocumentDataset, EarlyStopping, EncodedDataset, EpochLogs,
    ExistingRun, History, Monitor, Optimizer, PadBatcher, PlateauRule, ReduceLrOnPlateau, SequenceEncoder,
    SeriesDataset, SeriesPredictor, StepOutput, TextGenerator, TextPredictor, TextWindows, Threshold, TokenDataset,
    TokenUnit, Trainable, Trainer, evaluate, predict,
};
