//! [`Encoder`], what all encodings from text to ids have in common, and [`TextEncoder`], the kinds there are, read from
//! and written to one file. Leaves out the encodings themselves.

use std::path::Path;

use rayon::prelude::*;

use crate::error::Result;
use crate::imdb_ids::{self, ImdbIds};
use crate::keras_json::{self, Header, read_file};
use crate::word_tokenizer::WordTokenizer;
use crate::write_file::write_whole;

/// Turns texts into ids below [`vocab_size`](Self::vocab_size). Id 0 is padding and comes from no word.
pub trait Encoder: Send + Sync {
    /// The ids of one text; empty if none of its words is known and unknown words are dropped.
    fn encode(&self, text: &str) -> Vec<u32>;

    /// How many rows an embedding needs: one more than the highest id.
    fn vocab_size(&self) -> usize;

    /// The ids of many texts, on all threads; the same as encoding one by one.
    fn encode_batch(&self, texts: &[&str]) -> Vec<Vec<u32>> {
        texts.par_iter().with_min_len(16).map(|text| self.encode(text)).collect()
    }
}

impl Encoder for WordTokenizer {
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

impl Encoder for ImdbIds {
    fn encode(&self, text: &str) -> Vec<u32> {
        self.encode(text)
    }

    fn vocab_size(&self) -> usize {
        self.vocab_size()
    }
}

/// Any of the encodings, as an artifact holds it in its `tokenizer.json`.
///
/// ```
/// use kiln_text::{TextEncoder, WordTokenizer};
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
}

impl TextEncoder {
    /// The ids of one text.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        match self {
            Self::Words(tokenizer) => tokenizer.encode(text),
            Self::Imdb(ids) => ids.encode(text),
        }
    }

    /// The ids of many texts, on all threads. The result does not depend on how many there are.
    pub fn encode_batch(&self, texts: &[impl AsRef<str> + Sync]) -> Vec<Vec<u32>> {
        match self {
            Self::Words(tokenizer) => tokenizer.encode_batch(texts),
            Self::Imdb(ids) => ids.encode_batch(texts),
        }
    }

    /// The words of ids, joined by spaces, without padding.
    pub fn decode(&self, ids: &[u32]) -> String {
        match self {
            Self::Words(tokenizer) => tokenizer.decode(ids),
            Self::Imdb(encoding) => encoding.decode(ids),
        }
    }

    /// How many rows an embedding needs.
    pub fn vocab_size(&self) -> usize {
        match self {
            Self::Words(tokenizer) => tokenizer.vocab_size(),
            Self::Imdb(ids) => ids.vocab_size(),
        }
    }

    /// The tokenizer that knows the words.
    pub fn tokenizer(&self) -> &WordTokenizer {
        match self {
            Self::Words(tokenizer) => tokenizer,
            Self::Imdb(ids) => ids.tokenizer(),
        }
    }

    /// The JSON of whichever encoding it is: Keras's own for words, [`ImdbIds::to_json`] for the IMDB ids.
    pub fn to_json(&self) -> String {
        match self {
            Self::Words(tokenizer) => tokenizer.to_keras_json(),
            Self::Imdb(ids) => ids.to_json(),
        }
    }

    /// Reads either kind, told apart by `class_name`.
    ///
    /// # Errors
    ///
    /// [`Error::TokenizerJson`](crate::Error::TokenizerJson), [`Error::TokenizerClass`](crate::Error::TokenizerClass), [`Error::TokenizerVersion`](crate::Error::TokenizerVersion) or [`Error::TokenizerField`](crate::Error::TokenizerField).
    pub fn from_json(json: &str) -> Result<Self> {
        let header = Header::read(json)?;
        match header.class_name.as_deref() {
            Some(keras_json::CLASS_NAME) => WordTokenizer::from_keras_json(json).map(Self::Words),
            Some(imdb_ids::CLASS_NAME) => ImdbIds::from_json(json).map(Self::Imdb),
            _ => Err(header.unexpected("\"Tokenizer\" or \"ImdbIds\"")),
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
    /// Those of [`from_json`](Self::from_json), inside [`Error::InFile`](crate::Error::InFile); [`Error::NotUtf8`](crate::Error::NotUtf8); [`Error::Io`](crate::Error::Io).
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        read_file(path.as_ref(), Self::from_json)
    }
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
