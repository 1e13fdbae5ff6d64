//! What most programs use, in one `use`. Everything else is found by its path.

pub use kiln_models::word2vec::Word2Vec;
pub use kiln_models::{
    ConvBiLstmConfig, ConvClassifierConfig, EmbeddingFlattenConfig, LanguageModelConfig, Model,
    RecurrentClassifierConfig, RecurrentKind, RecurrentRegressorConfig, Sampling,
};
pub use kiln_text::corpora::reviews::Reviews;
pub use kiln_text::corpora::{Document, Documents, Imdb};
pub use kiln_text::encoders::{CharTokenizer, Encoder, TextEncoder, WordTokenizer};
pub use kiln_text::features::{CountVectorizer, TfidfVectorizer};
pub use kiln_text::io::Saved;
pub use kiln_text::rows::{PadSequences, Padding};
pub use kiln_text::tokens::Analyzer;
pub use kiln_text::vocabulary::Vocabulary;
pub use kiln_train::{
    ArtifactConfig, Batches, Callback, Control, EarlyStopping, EpochLogs, ExistingRun, Monitor, Optimizer,
    ReduceLrOnPlateau, SequenceDatasets, SequenceEncoder, SeriesDataset, SeriesPredictor, TextGenerator, TextPredictor,
    TextWindows, TokenUnit, Trainable, Trainer,
};
pub use kiln_vectors::WordVectors;
