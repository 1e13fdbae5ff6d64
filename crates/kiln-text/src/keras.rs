//! Keras's other text and sequence tools: the JSON and the matrices of its `Tokenizer`, `TextVectorization`, one-hot
//! rows, the hashing trick, skip-grams and time series.

pub(crate) mod hashing_trick;
mod one_hot;
pub(crate) mod skipgrams;
pub(crate) mod text_vectorization;
mod timeseries;
pub(crate) mod tokenizer_json;
mod word_matrix;

pub use hashing_trick::HashingTrick;
pub use one_hot::{OneHot, WordOneHot, one_hot_characters, one_hot_hashed, one_hot_ids, one_hot_texts};
pub use skipgrams::{SkipGramPairs, SkipGrams, make_sampling_table};
pub use text_vectorization::{OutputMode, SplitBy, Standardize, TextVectorization, TextVectorizationBuilder};
pub use timeseries::{TimeseriesDataset, TimeseriesGenerator, TimeseriesWindows};
pub use word_matrix::MatrixMode;
