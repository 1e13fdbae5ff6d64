//! scikit-learn's text vectorizers: sparse matrices with one row per text and one column per term. Keras's matrices,
//! which number and weight words by other rules, are in [`keras`](crate::keras).
//!
//! A term is a word, a character, or a sequence of them ([`TermUnit`], `ngram_range`). [`CountVectorizer`] counts
//! terms, [`TfidfVectorizer`] weights them by how rare they are, [`HashingVectorizer`] needs no vocabulary.
//!
//! Reference: `sklearn.feature_extraction.text` of scikit-learn 1.9.

mod count_vectorizer;
mod counting;
mod files;
mod hashing_vectorizer;
mod numpy_order;
pub(crate) mod sparse;
mod term_columns;
mod terms;
mod tfidf;
mod tfidf_vectorizer;
mod vectorizer_builder;

pub use count_vectorizer::{CountVectorizer, CountVectorizerBuilder};
pub use hashing_vectorizer::{HashingVectorizer, HashingVectorizerBuilder};
pub use sparse::{SparseMatrix, to_dense};
pub use terms::analysis::TermUnit;
pub use terms::python_text::StripAccents;
pub use tfidf::{Norm, TfidfTransformer, TfidfTransformerBuilder};
pub use tfidf_vectorizer::{TfidfVectorizer, TfidfVectorizerBuilder};
pub use vectorizer_builder::VectorizerBuilder;
