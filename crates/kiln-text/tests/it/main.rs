//! The integration tests of kiln-text, in one binary so that linking stays short. Each module opens with what it
//! claims; helpers that several need are in none, by choice.

mod archives;
mod documents;
mod downloads;
mod encodings;
mod folders;
mod imdb_equality;
mod json;
mod keras_cases;
mod padding;
mod properties;
mod tokenizer;
