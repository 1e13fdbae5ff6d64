//! The integration tests of kiln-text, in one binary so that linking stays short. Each module begins with its claim.

mod any_text;
mod archives;
mod characters;
mod corpora;
mod corpus_options;
mod damage;
#[path = "../../../kiln-base/tests/it/damage.rs"]
mod damaged_copies;
mod documents;
#[cfg(feature = "download")]
mod downloads;
mod encoders;
mod encodings;
mod folders;
mod imdb_equality;
mod json;
mod keras_cases;
mod keras_sequences;
mod length_batches;
mod ngrams;
mod normalizing;
mod odd_corpora;
#[path = "../../../kiln-base/tests/it/odd_files.rs"]
mod odd_files;
mod padding;
mod passes;
mod properties;
mod shards;
mod skipgrams;
mod skips;
mod sklearn_cases;
mod sklearn_imdb;
mod subword_text;
#[cfg(feature = "subwords")]
mod subwords;
mod subwords_data;
mod text_vectorization;
mod timeseries;
mod tokenizer;
mod vectorizers;
mod vocabulary;
mod words;
