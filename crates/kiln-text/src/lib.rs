//! Text to numbers: everything between a folder of reviews and the input of a model, without tensors.
//!
//! # The stages
//!
//! | stage | what | with |
//! |---|---|---|
//! | documents | labelled texts in order, from memory, a folder, or the IMDB archive | [`Documents`](corpora::Documents), [`ClassFolder`](corpora::ClassFolder), [`Imdb`](corpora::Imdb) |
//! | or from files | a document at a time, plain or gzip, bad rows reported with file and line | [`LineCorpus`](corpora::LineCorpus), [`DelimitedCorpus`](corpora::DelimitedCorpus), [`JsonLinesCorpus`](corpora::JsonLinesCorpus), [`Nsmc`](corpora::Nsmc), [`PennTreebank`](corpora::PennTreebank) |
//! | tokens | normalise a text, split it by one of many rules, join neighbours into n-grams | [`Analyzer`](tokens::Analyzer) of [`Normalizer`](tokens::Normalizer), [`WordSplitter`](tokens::WordSplitter) and [`NGrams`](tokens::NGrams) |
//! | counts | how often each token occurs, counted on all threads, and which tokens get an id | [`TokenCounts`](vocabulary::TokenCounts), [`Vocabulary`](vocabulary::Vocabulary), [`VocabularyEncoder`](encoders::VocabularyEncoder) |
//! | words to ids | split a text, number the words by frequency | [`WordTokenizer`](encoders::WordTokenizer), [`ImdbIds`](encoders::ImdbIds), [`HashingTrick`](keras::HashingTrick) |
//! | or subwords | pieces of words that cover any text | [`SubwordTextEncoder`](encoders::SubwordTextEncoder), `SubwordTokenizer` (feature `subwords`) |
//! | or characters | code points, graphemes, or the letters of Hangul syllables | [`CharTokenizer`](encoders::CharTokenizer), [`to_jamo`](tokens::to_jamo), [`from_jamo`](tokens::from_jamo) |
//! | rows | one length for all, by padding and truncating, with the valid span of each row | [`PadSequences`](rows::PadSequences) |
//! | batches | rows of similar length together, padded to the longest of each batch | [`LengthBatches`](rows::LengthBatches) |
//! | windows | pieces of a long row; of a series, with targets | [`SlidingWindows`](rows::SlidingWindows), [`TimeseriesGenerator`](keras::TimeseriesGenerator), [`TimeseriesDataset`](keras::TimeseriesDataset) |
//! | pairs | words near each other, and words drawn at random | [`SkipGrams`](keras::SkipGrams) |
//! | or bags | one row per text, one column per word | [`WordTokenizer::texts_to_matrix`](encoders::WordTokenizer::texts_to_matrix) |
//! | or sparse rows | counts, tf-idf or hashes of words and n-grams, as in scikit-learn | [`CountVectorizer`](features::CountVectorizer), [`TfidfVectorizer`](features::TfidfVectorizer), [`HashingVectorizer`](features::HashingVectorizer) |
//! | or one-hot | samples x steps x ids | [`WordOneHot`](keras::WordOneHot), [`one_hot_texts`](keras::one_hot_texts), [`one_hot_characters`](keras::one_hot_characters), [`one_hot_hashed`](keras::one_hot_hashed) |
//! | or all in one | Keras's layer: ids or bags, with its own splitting and ties | [`TextVectorization`](keras::TextVectorization) |
//!
//! Words, rows and matrices follow Keras: the same texts give the same ids, the same padding and the same matrices, and
//! the tokenizer's JSON can be read and written by both. Vectorizers follow scikit-learn column for column; subwords
//! follow TensorFlow Datasets and Hugging Face's `tokenizers`. What fails only later in those libraries is an [`Error`]
//! here, which says what was expected, what was found and where. Nothing depends on the number of threads.
//!
//! All encodings are [`Encoder`](encoders::Encoder)s. A program that stores one keeps a
//! [`TextEncoder`](encoders::TextEncoder), which is any of them in one file.
//!
//! Every pass over texts uses all threads and reads the texts from memory or from a stream that can fail, such as a
//! [`CorpusDocuments`](corpora::CorpusDocuments). [`observed`](io::observed) reports its progress and can stop it.
//! [`Encoder::encode_stream`](encoders::Encoder::encode_stream) returns the ids as a stream, too.
//!
//! # A complete example
//!
//! ```
//! use kiln_text::corpora::{Document, Documents};
//! use kiln_text::encoders::{Encoder, TextEncoder, WordTokenizer};
//! use kiln_text::io::Saved;
//! use kiln_text::rows::PadSequences;
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

/// Setters that convert their argument: `name(value: type) => field = expression;`.
macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident($($value:ident: $type:ty),*) => $($field:ident).+ = $set:expr;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, $($value: $type),*) -> Self {
            self.$($field).+ = $set;
            self
        }
    )*};
}

/// The sparse matrices of this crate are those of `sprs`.
pub use sprs;

pub mod corpora;
pub mod encoders;
pub mod error;
pub mod features;
pub mod io;
pub mod keras;
pub mod rows;
pub mod tokens;
pub mod vocabulary;

pub use error::{Error, Result};

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
