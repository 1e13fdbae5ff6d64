//! scikit-learn's text vectorizers: a row for each text, a column for each term, sparse. Leaves out Keras's matrices
//! (`matrix.rs`), which number words otherwise and weight them by other formulas.
//!
//! A term is a word, a character, or a run of them ([`TermUnit`], `ngram_range`). [`CountVectorizer`] counts terms,
//! [`TfidfVectorizer`] weights them by how rare they are, [`HashingVectorizer`] needs no vocabulary.
//!
//! Reference: `sklearn.feature_extraction.text` of scikit-learn 1.9.

mod analysis;
mod ascii_words;
mod count_vectorizer;
mod counting;
mod files;
mod hashing_vectorizer;
mod numpy_order;
mod python_text;
mod term_tree;
mod tfidf;
mod tfidf_vectorizer;
mod token_pattern;
mod vocabulary;

pub use analysis::TermUnit;
pub use count_vectorizer::{CountVectorizer, CountVectorizerBuilder, DocumentFrequency};
pub use hashing_vectorizer::{HashingVectorizer, HashingVectorizerBuilder};
pub use python_text::StripAccents;
pub use tfidf::{Norm, TfidfTransformer, TfidfTransformerBuilder};
pub use tfidf_vectorizer::{TfidfVectorizer, TfidfVectorizerBuilder};
