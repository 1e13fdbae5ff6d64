//! From a text to ids: [`Encoder`], the trait of all encodings; the encodings; and [`TextEncoder`], any of them in one
//! file.

pub(crate) mod char_tokenizer;
pub(crate) mod encoder;
pub(crate) mod imdb_ids;
pub(crate) mod subword_text_encoder;
#[cfg(feature = "subwords")]
pub(crate) mod subword_tokenizer;
pub(crate) mod text_encoder;
pub(crate) mod vocabulary_encoder;
pub(crate) mod word_tokenizer;
pub(crate) mod word_tokenizer_builder;

pub use char_tokenizer::{CharTokenizer, CharTokenizerBuilder, CharUnit};
pub use encoder::Encoder;
pub use imdb_ids::ImdbIds;
pub use subword_text_encoder::{SubwordTextEncoder, SubwordTextEncoderBuilder};
#[cfg(feature = "subwords")]
pub use subword_tokenizer::{SubwordModel, SubwordTokenizer, SubwordTokenizerBuilder};
pub use text_encoder::{SavedEncoder, TextEncoder};
pub use vocabulary_encoder::VocabularyEncoder;
pub use word_tokenizer::WordTokenizer;
pub use word_tokenizer_builder::WordTokenizerBuilder;
