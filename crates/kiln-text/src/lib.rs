//! Text to numbers: what stands between a folder of reviews and the input of a model. Knows nothing of tensors.
//!
//! # The stages
//!
//! | stage | what | with |
//! |---|---|---|
//! | documents | labelled texts in order, from memory, a folder, or the IMDB archive | [`Documents`], [`ClassFolder`], [`Imdb`] |
//! | tokens and ids | split a text, number the words by how frequent they are | [`WordTokenizer`], [`ImdbIds`], [`HashingTrick`] |
//! | rows | one length for all, by padding and truncating, with the valid span of each | [`PadSequences`] |
//! | or bags | a row for each text, a column for each word | [`WordTokenizer::texts_to_matrix`] |
//! | or one-hot | samples x steps x ids | [`WordOneHot`], [`one_hot_characters`], [`one_hot_hashed`] |
//!
//! Everything follows Keras: the same texts give the same ids, the same padding and the same matrices, and the
//! tokenizer's JSON goes both ways. What Keras lets through to fail later is an [`Error`] here that says what was
//! expected, what was found and where.
//!
//! All encodings are [`Encoder`]s. A program that stores one keeps a [`TextEncoder`], which is any of them in one file.
//!
//! # A whole example
//!
//! ```
//! use kiln_text::{Document, Documents, PadSequences, TextEncoder, WordTokenizer};
//!
//! // Documents: text and label, and the names of the classes.
//! let review = |text: &str, label| Document { text: text.to_owned(), label };
//! let documents = Documents::new(
//!     vec![
//!         review("A dull film.", 0),
//!         review("A wonderful, wonderful film!", 1),
//!         review("Dull and long.", 0),
//!         review("Long, and a joy.", 1),
//!     ],
//!     ["neg", "pos"],
//! )?;
//! let (train, valid) = documents.split_tail(0.25)?;
//!
//! // Ids, by how often a word occurs in the training texts; 0 is padding.
//! let tokenizer = WordTokenizer::builder().num_words(10_000).fit(train.texts())?;
//! assert_eq!(tokenizer.words().collect::<Vec<_>>(), ["a", "dull", "film", "wonderful", "and", "long"]);
//! assert_eq!(tokenizer.vocab_size(), 7); // the rows of an embedding
//!
//! // Rows of one length; the spans say what is padding.
//! let texts: Vec<&str> = train.texts().collect();
//! let rows = PadSequences::new().max_len(4).pad(&tokenizer.encode_batch(&texts))?;
//! assert_eq!(rows.row(0), [0, 1, 2, 3]);
//! assert_eq!(rows.row(1), [1, 4, 4, 3]);
//! assert_eq!((rows.spans[0].start, rows.spans[0].len), (1, 3));
//! assert_eq!(train.labels(), [0, 1, 0]);
//!
//! // The file that goes with a model, and what it makes of a text that it has not seen.
//! let folder = tempfile::tempdir().unwrap();
//! let path = folder.path().join("tokenizer.json");
//! TextEncoder::from(tokenizer).save(&path)?;
//! let encoder = TextEncoder::load(&path)?;
//! assert_eq!(encoder.encode(&valid.iter().next().unwrap().text), [6, 5, 1]); // "joy" is unknown, and dropped
//! # Ok::<(), kiln_text::Error>(())
//! ```

mod archive;
mod documents;
mod download;
mod encoder;
mod error;
mod folder;
mod hashing;
mod imdb;
mod imdb_ids;
mod keras_json;
mod matrix;
mod one_hot;
mod pad;
mod python_json;
pub mod reviews;
mod splitter;
mod tokenizer_builder;
mod word_table;
mod word_tokenizer;
mod write_file;

pub use documents::{Document, Documents};
pub use download::Download;
pub use encoder::{Encoder, TextEncoder};
pub use error::{Error, Result};
pub use folder::{ClassFolder, read_class_folder};
pub use hashing::{HashingTrick, hashing_trick};
pub use imdb::Imdb;
pub use imdb_ids::ImdbIds;
pub use matrix::{Matrix, MatrixMode};
pub use one_hot::{OneHot, PRINTABLE, WordOneHot, one_hot_characters, one_hot_hashed};
pub use pad::{PadSequences, Padded, PaddedSamples, Padding, Span, Truncating, pad_sequences};
pub use splitter::{DEFAULT_FILTERS, text_to_words};
pub use tokenizer_builder::WordTokenizerBuilder;
pub use word_tokenizer::WordTokenizer;
