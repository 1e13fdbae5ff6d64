//! What most programs use, in one `use`. Everything else is reached by its path.

pub use kiln_models::word2vec::Word2Vec;
pub use kiln_models::{
    ConvBiLstmConfig, ConvClassifierConfig, EmbeddingFlattenConfig, LanguageModelConfig, Model,
    RecurrentClassifierConfig, RecurrentKind, RecurrentRegressorConfig, Sampling,
};
pub use kiln_predict::{ArtifactConfig, SequenceEncoder, SeriesPredictor, TextGenerator, TextPredictor, TokenUnit};
pub use kiln_text::corpora::reviews::Reviews;
pub use kiln_text::corpora::{Document, Documents, Imdb};
pub use kiln_text::encoders::{CharTokenizer, Encoder, TextEncoder, WordTokenizer};
pub use kiln_text::features::{CountVectorizer, TfidfVectorizer};
pub use kiln_text::io::Saved;
pub use kiln_text::rows::{PadSequences, Padding};
pub use kiln_text::tokens::Analyzer;
pub use kiln_text::vocabulary::Vocabulary;
pub use kiln_train::{
    Batches, Callback, Control, EarlyStopping, EpochLogs, ExistingRun, LearningRateSchedule, Monitor, Optimizer,
    ReduceLrOnPlateau, SequenceDatasets, SeriesDataset, TextWindows, Trainable, Trainer,
};
pub use kiln_vectors::WordVectors;
