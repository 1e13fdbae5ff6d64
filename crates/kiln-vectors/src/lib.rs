//! Word vectors as data: files of word2vec, GloVe and fastText, nearest neighbours and analogies under gensim's names,
//! evaluation by gensim's rules, and the matrix for a model's embedding layer. Training and tensors are in other
//! crates.
//!
//! | what | with |
//! |---|---|
//! | read a file in any format, or map one that Kiln wrote | [`WordVectors::load`], [`LoadOptions`], [`WordVectors::open`] |
//! | write one, whole or not at all | [`WordVectors::save`] |
//! | the vector of a word | [`WordVectors::get`], [`WordVectors::vector`] |
//! | nearest words, exactly | [`WordVectors::most_similar`], [`Query`], [`WordVectors::most_similar_batch`] |
//! | compare words | [`WordVectors::similarity`], [`WordVectors::doesnt_match`], [`WordVectors::rank`] and others |
//! | how good the vectors are | [`WordVectors::evaluate_word_pairs`], [`WordVectors::evaluate_word_analogies`] |
//! | rows for a model's own words | [`WordVectors::embedding_matrix`] |
//! | vectors from counts: co-occurrence, PPMI, SVD; points on a plane | `counts` (feature `counts`) |
//!
//! Similarities are computed in 64 bits and rounded to 32, with additions in a fixed order, so that they have the same
//! bits on every machine, with every search and any number of threads. They agree to about six digits with gensim's,
//! which are computed in 32 bits. What is NaN or in arbitrary order in gensim is defined here: a vector of zeros has
//! similarity 0 to everything, equal similarities are ordered by index, and a query without a direction is an
//! [`Error`].
//!
//! # A complete example
//!
//! ```
//! use kiln_vectors::{Format, Missing, WordVectors};
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("vectors.txt");
//! // A file as GloVe writes it; the format is detected from the contents.
//! let text = "king 0.9 0.1 0.8\nqueen 0.9 0.9 0.8\nman 0.1 0.1 0.9\nwoman 0.1 0.9 0.9\ntree -0.7 0.2 0.1\n";
//! std::fs::write(&path, text).unwrap();
//! let vectors = WordVectors::load(&path)?;
//! assert_eq!((vectors.len(), vectors.d()), (5, 3));
//!
//! // Nearest words, and analogies.
//! let nearest = vectors.most_similar(&["king", "woman"], &["man"], 2)?;
//! assert_eq!(nearest[0].word, "queen");
//! assert_eq!(vectors.similar_by_word("man", 1)?[0].word, "woman");
//! assert_eq!(vectors.doesnt_match(&["king", "queen", "tree", "man"])?, "tree");
//! assert!(vectors.similarity("king", "queen")? > vectors.similarity("king", "tree")?);
//!
//! // Kiln's own format can be mapped: 400,000 words are available at once.
//! let kept = folder.path().join("vectors.safetensors");
//! vectors.save(&kept, Format::Safetensors)?;
//! let mapped = WordVectors::open(&kept)?;
//! assert_eq!(mapped, vectors);
//!
//! // The weights of an embedding layer, for the words of a tokenizer in its order; row 0 is padding.
//! let matrix = mapped.embedding_matrix(&["", "queen", "bishop"], Missing::Zero);
//! assert_eq!(matrix.values[3..6], [0.9, 0.9, 0.8]);
//! assert_eq!(matrix.missing, [0, 2]);
//! # Ok::<(), kiln_vectors::Error>(())
//! ```

#[cfg(feature = "counts")]
pub mod counts;
mod embedding;
mod error;
mod evaluate;
mod format;
mod search;
mod word_list;
mod word_vectors;

pub use embedding::{EmbeddingMatrix, Missing};
pub use error::{Error, Place, Result};
pub use evaluate::{AnalogyOptions, AnalogyScore, AnalogySection, Correlation, PairsOptions, PairsScore};
pub use format::{Format, InvalidUtf8, LoadOptions};
pub use search::{MeanOptions, Query, Similar, UnknownWords};
pub use word_list::WordList;
pub use word_vectors::WordVectors;
