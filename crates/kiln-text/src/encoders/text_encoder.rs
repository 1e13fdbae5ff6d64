//! [`TextEncoder`]: any of the encodings, read from and written to one file.

use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::encoders::char_tokenizer::{self, CharTokenizer};
use crate::encoders::encoder::Encoder;
use crate::encoders::imdb_ids::{self, ImdbIds};
use crate::encoders::subword_text_encoder::{self, SubwordTextEncoder};
#[cfg(feature = "subwords")]
use crate::encoders::subword_tokenizer::SubwordTokenizer;
use crate::encoders::vocabulary_encoder::{self, VocabularyEncoder};
use crate::encoders::word_tokenizer::WordTokenizer;
#[cfg(not(feature = "subwords"))]
use crate::error::SubwordError;
use crate::error::{Error, Result};
use crate::io::file_kind;
use crate::io::write_file::write_whole;
use crate::keras::text_vectorization::{self, TextVectorization};
use crate::keras::tokenizer_json::{self, Header, read_file};

/// Any of the encodings, as an artifact holds it in its `tokenizer.json`.
///
/// ```
/// use kiln_text::encoders::{TextEncoder, WordTokenizer};
///
/// let encoder = TextEncoder::from(WordTokenizer::builder().fit(["to be or not to be"])?);
/// assert_eq!(encoder.encode("be or be"), [2, 3, 2]);
/// assert_eq!(TextEncoder::from_json(&encoder.to_json())?, encoder);
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TextEncoder {
    /// Keras's `Tokenizer`; the file is exactly Keras's.
    Words(WordTokenizer),
    /// The ids of `keras.datasets.imdb`.
    Imdb(ImdbIds),
    /// Characters, graphemes or Hangul letters.
    Characters(CharTokenizer),
    /// The subwords of TensorFlow Datasets.
    SubwordText(SubwordTextEncoder),
    /// Keras's `TextVectorization`, always its ids, whatever the output mode.
    Vectorization(TextVectorization),
    /// A vocabulary over an analyzer's tokens.
    Vocabulary(VocabularyEncoder),
    /// Subwords of Hugging Face's `tokenizers`; the file is exactly its `tokenizer.json`.
    #[cfg(feature = "subwords")]
    Subwords(SubwordTokenizer),
}

impl TextEncoder {
    /// The ids of one text.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        match self {
            Self::Words(tokenizer) => tokenizer.encode(text),
            Self::Imdb(ids) => ids.encode(text),
            Self::Characters(tokenizer) => tokenizer.encode(text),
            Self::SubwordText(encoder) => encoder.encode(text),
            Self::Vectorization(vectorization) => vectorization.encode(text),
            Self::Vocabulary(encoder) => encoder.encode(text),
            #[cfg(feature = "subwords")]
            Self::Subwords(tokenizer) => Encoder::encode(tokenizer, text),
        }
    }

    /// The ids of many texts, on all threads. The result does not depend on how many there are.
    pub fn encode_batch(&self, texts: &[impl AsRef<str> + Sync]) -> Vec<Vec<u32>> {
        match self {
            Self::Words(tokenizer) => tokenizer.encode_batch(texts),
            Self::Imdb(ids) => ids.encode_batch(texts),
            Self::Characters(tokenizer) => tokenizer.encode_batch(texts),
            Self::SubwordText(encoder) => encoder.encode_batch(texts),
            Self::Vectorization(vectorization) => {
                vectorization.encode_batch(&texts.iter().map(AsRef::as_ref).collect::<Vec<_>>())
            }
            Self::Vocabulary(encoder) => encoder.encode_batch(texts),
            #[cfg(feature = "subwords")]
            Self::Subwords(tokenizer) => {
                let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
                Encoder::encode_batch(tokenizer, &texts)
            }
        }
    }

    /// The text of ids without padding: words joined by spaces, or what subwords decode to.
    pub fn decode(&self, ids: &[u32]) -> String {
        match self {
            Self::Words(tokenizer) => tokenizer.decode(ids),
            Self::Imdb(encoding) => encoding.decode(ids),
            Self::Characters(tokenizer) => tokenizer.decode(ids),
            Self::SubwordText(encoder) => encoder.decode(ids),
            Self::Vectorization(vectorization) => vectorization.decode(ids),
            Self::Vocabulary(encoder) => encoder.decode(ids),
            #[cfg(feature = "subwords")]
            Self::Subwords(tokenizer) => tokenizer.decode(ids).unwrap_or_default(),
        }
    }

    /// How many rows an embedding needs.
    pub fn vocab_size(&self) -> usize {
        match self {
            Self::Words(tokenizer) => tokenizer.vocab_size(),
            Self::Imdb(ids) => ids.vocab_size(),
            Self::Characters(tokenizer) => tokenizer.vocab_size(),
            Self::SubwordText(encoder) => encoder.vocab_size(),
            Self::Vectorization(vectorization) => vectorization.vocab_size(),
            Self::Vocabulary(encoder) => encoder.vocab_size(),
            #[cfg(feature = "subwords")]
            Self::Subwords(tokenizer) => tokenizer.vocab_size(),
        }
    }

    /// The tokenizer that knows the words; none for encodings without one.
    pub fn tokenizer(&self) -> Option<&WordTokenizer> {
        match self {
            Self::Words(tokenizer) => Some(tokenizer),
            Self::Imdb(ids) => Some(ids.tokenizer()),
            _ => None,
        }
    }

    /// The JSON of whichever encoding it is: Keras's own for words, `tokenizer.json` for subwords of `tokenizers`, and
    /// the encoding's `to_json` for the others.
    pub fn to_json(&self) -> String {
        match self {
            Self::Words(tokenizer) => tokenizer.to_keras_json(),
            Self::Imdb(ids) => ids.to_json(),
            Self::Characters(tokenizer) => tokenizer.to_json(),
            Self::SubwordText(encoder) => encoder.to_json(),
            Self::Vectorization(vectorization) => vectorization.to_json(),
            Self::Vocabulary(encoder) => encoder.to_json(),
            #[cfg(feature = "subwords")]
            Self::Subwords(tokenizer) => tokenizer.to_json(),
        }
    }

    /// Reads any kind, told apart by `class_name`; a file of `tokenizers` has none, and a `model`.
    ///
    /// # Errors
    ///
    /// [`Error::TokenizerJson`], [`Error::TokenizerClass`], [`Error::TokenizerVersion`], [`Error::TokenizerField`], those
    /// of [`TextVectorization::from_json`] and [`VocabularyEncoder::from_json`], or
    /// [`SubwordError::Library`](crate::error::SubwordError::Library), which is also the error for a file of `tokenizers` where
    /// Kiln is built without the feature `subwords`.
    pub fn from_json(json: &str) -> Result<Self> {
        if is_of_tokenizers(json)? {
            #[cfg(feature = "subwords")]
            return SubwordTokenizer::from_json(json).map(Self::Subwords);
            #[cfg(not(feature = "subwords"))]
            return Err(SubwordError::Library {
                action: "read a tokenizer.json of Hugging Face's tokenizers",
                message: "build kiln-text with the feature `subwords`".to_owned(),
            }
            .into());
        }
        let header = Header::read(json)?;
        match header.class_name.as_deref() {
            Some(tokenizer_json::CLASS_NAME) => WordTokenizer::from_keras_json(json).map(Self::Words),
            Some(imdb_ids::CLASS_NAME) => ImdbIds::from_json(json).map(Self::Imdb),
            Some(char_tokenizer::CLASS_NAME) => CharTokenizer::from_json(json).map(Self::Characters),
            Some(subword_text_encoder::CLASS_NAME) => SubwordTextEncoder::from_json(json).map(Self::SubwordText),
            Some(text_vectorization::CLASS_NAME) => TextVectorization::from_json(json).map(Self::Vectorization),
            Some(vocabulary_encoder::CLASS_NAME) => VocabularyEncoder::from_json(json).map(Self::Vocabulary),
            _ => Err(Header::unexpected(
                json,
                "\"Tokenizer\", \"ImdbIds\", \"CharTokenizer\", \"SubwordTextEncoder\", \"TextVectorization\" or \
                 \"VocabularyEncoder\"",
            )),
        }
    }

    /// Writes [`to_json`](Self::to_json) to a file, whole or not at all.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) with the file's name.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write_whole(path.as_ref(), self.to_json().as_bytes())
    }

    /// Reads a file written by [`save`](Self::save), or a tokenizer that Keras wrote.
    ///
    /// # Errors
    ///
    /// Those of [`from_json`](Self::from_json), inside [`Error::InFile`](crate::Error::InFile);
    /// [`Error::NotUtf8`](crate::Error::NotUtf8); [`Error::Io`](crate::Error::Io).
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        read_file(path.as_ref(), Self::from_json)
    }
}

/// Whether a JSON is a `tokenizer.json` of Hugging Face's, which has a `model` and no `class_name`.
fn is_of_tokenizers(json: &str) -> Result<bool> {
    #[derive(Deserialize)]
    struct Members {
        class_name: Option<IgnoredAny>,
        model: Option<IgnoredAny>,
    }
    if file_kind::is_no_object(json) {
        return Ok(false);
    }
    let members: Members =
        serde_json::from_str(json).map_err(|source| Error::TokenizerJson { part: "the file", source })?;
    Ok(members.class_name.is_none() && members.model.is_some())
}

impl From<WordTokenizer> for TextEncoder {
    fn from(tokenizer: WordTokenizer) -> Self {
        Self::Words(tokenizer)
    }
}

impl From<ImdbIds> for TextEncoder {
    fn from(ids: ImdbIds) -> Self {
        Self::Imdb(ids)
    }
}

impl From<CharTokenizer> for TextEncoder {
    fn from(tokenizer: CharTokenizer) -> Self {
        Self::Characters(tokenizer)
    }
}

impl From<SubwordTextEncoder> for TextEncoder {
    fn from(encoder: SubwordTextEncoder) -> Self {
        Self::SubwordText(encoder)
    }
}

impl From<TextVectorization> for TextEncoder {
    fn from(vectorization: TextVectorization) -> Self {
        Self::Vectorization(vectorization)
    }
}

impl From<VocabularyEncoder> for TextEncoder {
    fn from(encoder: VocabularyEncoder) -> Self {
        Self::Vocabulary(encoder)
    }
}

#[cfg(feature = "subwords")]
impl From<SubwordTokenizer> for TextEncoder {
    fn from(tokenizer: SubwordTokenizer) -> Self {
        Self::Subwords(tokenizer)
    }
}

impl Encoder for TextEncoder {
    fn encode(&self, text: &str) -> Vec<u32> {
        self.encode(text)
    }

    fn vocab_size(&self) -> usize {
        self.vocab_size()
    }

    fn encode_batch(&self, texts: &[&str]) -> Vec<Vec<u32>> {
        self.encode_batch(texts)
    }
}
