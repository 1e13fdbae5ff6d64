//! Text to numbers: what stands between a folder of reviews and the input of a model. Knows nothing of tensors.
//!
//! # The stages
//!
//! | stage | what | with |
//! |---|---|---|
//! | documents | labelled texts in order, from memory, a folder, or the IMDB archive | [`Documents`], [`ClassFolder`], [`Imdb`] |
//! | or from files | a document at a time, plain or gzip, bad rows named with file and line | [`LineCorpus`], [`DelimitedCorpus`], [`JsonLinesCorpus`], [`Nsmc`], [`PennTreebank`] |
//! | tokens | normalise a text, split it by one of many rules, join neighbours to n-grams | [`Analyzer`] of [`Normalizer`], [`Words`] and [`NGrams`] |
//! | counts | how often which token occurs, on all threads, and which of them get an id | [`TokenCounts`], [`Vocabulary`], [`VocabularyEncoder`] |
//! | words to ids | split a text, number the words by how frequent they are | [`WordTokenizer`], [`ImdbIds`], [`HashingTrick`] |
//! | or subwords | pieces of words that cover any text | [`SubwordTextEncoder`], `SubwordTokenizer` (feature `subwords`) |
//! | or characters | code points, graphemes, or the letters of Hangul syllables | [`CharTokenizer`], [`to_jamo`], [`from_jamo`] |
//! | rows | one length for all, by padding and truncating, with the valid span of each | [`PadSequences`] |
//! | batches | rows of like length together, padded to the longest of each batch | [`LengthBatches`] |
//! | windows | pieces of a long row; of a series, with targets | [`SlidingWindows`], [`TimeseriesGenerator`], [`TimeseriesDataset`] |
//! | pairs | words near each other, and words drawn at random | [`SkipGrams`] |
//! | or bags | a row for each text, a column for each word | [`WordTokenizer::texts_to_matrix`] |
//! | or sparse rows | counts, tf-idf or hashes of words and n-grams, as scikit-learn has them | [`CountVectorizer`], [`TfidfVectorizer`], [`HashingVectorizer`] |
//! | or one-hot | samples x steps x ids | [`WordOneHot`], [`one_hot_texts`], [`one_hot_characters`], [`one_hot_hashed`] |
//! | or all in one | Keras's layer: ids or bags, with its own splitting and ties | [`TextVectorization`] |
//!
//! Words, rows and matrices follow Keras: the same texts give the same ids, the same padding and the same matrices, and
//! the tokenizer's JSON goes both ways. Vectorizers follow scikit-learn column for column, subwords TensorFlow Datasets
//! and Hugging Face's `tokenizers`. What these let through to fail later is an [`Error`] here that says what was
//! expected, what was found and where. Nothing depends on the number of threads.
//!
//! All encodings are [`Encoder`]s. A program that stores one keeps a [`TextEncoder`], which is any of them in one file.
//!
//! Every pass over texts uses all threads, and takes them from memory or, as `..._observed`, from a stream that can fail,
//! such as a [`CorpusDocuments`], with a callback that is told of the [`Progress`] and may stop it.
//! [`Encoder::encode_stream`] gives the ids as a stream, too.
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

/// The sparse matrices of this crate are those of `sprs`.
pub use sprs;

mod analyzer;
mod archive;
mod char_tokenizer;
mod corpus;
mod documents;
mod download;
mod encoder;
mod error;
mod file_kind;
mod folder;
mod hashing;
mod html;
mod imdb;
mod imdb_ids;
mod jamo;
mod json_file;
mod keras_json;
mod length_batches;
mod matrix;
mod ngrams;
mod normalizer;
mod one_hot;
mod pad;
mod progress;
mod python_characters;
mod python_json;
pub mod reviews;
mod skipgrams;
mod sliding;
mod sparse;
mod splitter;
mod subword_counts;
mod subword_text_encoder;
#[cfg(feature = "subwords")]
mod subword_tokenizer;
mod text_batches;
mod text_vectorization;
mod timeseries;
mod token_counts;
mod token_map;
mod tokenizer_builder;
mod vectorizers;
mod vocabulary;
mod vocabulary_encoder;
mod word_table;
mod word_tokenizer;
mod words;
mod write_file;

pub use analyzer::Analyzer;
pub use char_tokenizer::{CharTokenizer, CharTokenizerBuilder, CharUnit};
pub use corpus::{
    BadRow, BadRows, Column, CorpusDocuments, DelimitedCorpus, JsonLinesCorpus, Labels, LineCorpus, Nsmc, PennTreebank,
};
pub use documents::{Document, Documents};
pub use download::Download;
pub use encoder::{EncodedStream, Encoder, TextEncoder};
pub use error::{
    CorpusError, Error, Result, RowProblem, SeriesError, SubwordError, TextVectorizationError, VectorizerError,
    VocabularyError,
};
pub use folder::{ClassFolder, read_class_folder};
pub use hashing::{HashingTrick, hashing_trick};
pub use html::Html;
pub use imdb::Imdb;
pub use imdb_ids::ImdbIds;
pub use jamo::{LITERAL_JAMO, from_jamo, to_jamo};
pub use length_batches::{BatchPlan, LengthBatches, PaddingReport};
pub use matrix::{Matrix, MatrixMode};
pub use ngrams::{Bag, NGrams};
pub use normalizer::{Accents, Normalizer, Punctuation, UnicodeForm};
pub use one_hot::{OneHot, PRINTABLE, WordOneHot, one_hot_characters, one_hot_hashed, one_hot_ids, one_hot_texts};
pub use pad::{PadSequences, Padded, PaddedSamples, Padding, Span, Truncating, pad_sequences};
pub use progress::Progress;
pub use skipgrams::{SkipGramPairs, SkipGrams, make_sampling_table};
pub use sliding::{Remainder, SlidingWindows};
pub use sparse::{SparseMatrix, to_dense};
pub use splitter::{DEFAULT_FILTERS, text_to_words};
pub use subword_text_encoder::{SubwordTextEncoder, SubwordTextEncoderBuilder};
#[cfg(feature = "subwords")]
pub use subword_tokenizer::{SubwordModel, SubwordTokenizer, SubwordTokenizerBuilder};
pub use text_vectorization::{OutputMode, SplitBy, Standardize, TextVectorization, TextVectorizationBuilder};
pub use timeseries::{TimeseriesDataset, TimeseriesGenerator, TimeseriesWindows};
pub use token_counts::{TokenCount, TokenCounts, whitespace_tokens};
pub use tokenizer_builder::WordTokenizerBuilder;
pub use vectorizers::{
    CountVectorizer, CountVectorizerBuilder, DocumentFrequency, HashingVectorizer, HashingVectorizerBuilder, Norm,
    StripAccents, TermUnit, TfidfTransformer, TfidfTransformerBuilder, TfidfVectorizer, TfidfVectorizerBuilder,
};
pub use vocabulary::{Frequency, TokenOrder, Vocabulary, VocabularyBuilder};
pub use vocabulary_encoder::VocabularyEncoder;
pub use word_tokenizer::WordTokenizer;
pub use words::{Segments, Words};
pub use write_file::WholeFile;

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
