//! [`TextEncoder`]: any of the encodings, read from and written to one file.

use crate::encoders::char_tokenizer::{self, CharTokenizer};
use crate::encoders::encoder::Encoder;
use crate::encoders::imdb_ids::{self, ImdbIds};
use crate::encoders::subword_text_encoder::{self, SubwordTextEncoder};
#[cfg(feature = "subwords")]
use crate::encoders::subword_tokenizer::SubwordTokenizer;
use crate::encoders::vocabulary_encoder::{self, VocabularyEncoder};
use crate::encoders::word_tokenizer::WordTokenizer;
use crate::error::Result;
#[cfg(not(feature = "subwords"))]
use crate::error::SubwordError;
use crate::io::file_kind::is_of_tokenizers;
use crate::io::json_file::{class_error, class_of};
use crate::io::saved::Saved;
use crate::io::text::Text;
use crate::keras::text_vectorization::{self, TextVectorization};
use crate::keras::tokenizer_json;

/// What stands for the class of a `tokenizer.json` of Hugging Face's, which names none.
const NO_CLASS: &str = "";

/// What a [`TextEncoder`] asks of an encoding.
trait Encoding: Encoder {
    fn decode(&self, ids: &[u32]) -> Result<String>;

    fn json(&self) -> String;
}

/// The kinds of encoding, each with the `class_name` in its file.
macro_rules! encodings {
    ($($(#[doc = $doc:expr])* $(#[cfg($cfg:meta)])? $kind:ident($encoding:ident) = $class:path;)*) => {
        /// Any of the encodings, as an artifact holds it in its `tokenizer.json`.
        ///
        /// ```
        /// use kiln_text::encoders::{Encoder, TextEncoder, WordTokenizer};
        /// use kiln_text::io::Saved;
        ///
        /// let encoder = TextEncoder::from(WordTokenizer::builder().fit(["to be or not to be"])?);
        /// assert_eq!(encoder.encode("be or be"), [2, 3, 2]);
        /// assert_eq!(TextEncoder::from_json(&encoder.to_json())?, encoder);
        /// # Ok::<(), kiln_text::Error>(())
        /// ```
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum TextEncoder {
            $($(#[doc = $doc])* $(#[cfg($cfg)])? $kind($encoding),)*
        }

        impl TextEncoder {
            fn encoding(&self) -> &dyn Encoding {
                match self {
                    $($(#[cfg($cfg)])? Self::$kind(encoding) => encoding,)*
                }
            }

            /// Reads a file of a class, if it is a known one.
            fn of_class(class_name: &str, json: &str) -> Option<Result<Self>> {
                match class_name {
                    $($(#[cfg($cfg)])? $class => Some($encoding::from_json(json).map(Self::$kind)),)*
                    _ => None,
                }
            }
        }

        $($(#[cfg($cfg)])?
        impl Encoding for $encoding {
            fn decode(&self, ids: &[u32]) -> Result<String> {
                self.decode(ids).text()
            }

            fn json(&self) -> String {
                self.to_json()
            }
        }

        $(#[cfg($cfg)])?
        impl From<$encoding> for TextEncoder {
            fn from(encoding: $encoding) -> Self {
                Self::$kind(encoding)
            }
        })*
    };
}

encodings! {
    /// Keras's `Tokenizer`; the file is exactly Keras's.
    Words(WordTokenizer) = tokenizer_json::CLASS_NAME;
    /// The ids of `keras.datasets.imdb`.
    Imdb(ImdbIds) = imdb_ids::CLASS_NAME;
    /// Characters, graphemes or Hangul letters.
    Characters(CharTokenizer) = char_tokenizer::CLASS_NAME;
    /// The subwords of TensorFlow Datasets.
    SubwordText(SubwordTextEncoder) = subword_text_encoder::CLASS_NAME;
    /// Keras's `TextVectorization`, always its ids, whatever the output mode.
    Vectorization(TextVectorization) = text_vectorization::CLASS_NAME;
    /// A vocabulary over an analyzer's tokens.
    Vocabulary(VocabularyEncoder) = vocabulary_encoder::CLASS_NAME;
    /// Subwords of Hugging Face's `tokenizers`; the file is exactly its `tokenizer.json`.
    #[cfg(feature = "subwords")]
    Subwords(SubwordTokenizer) = NO_CLASS;
}

impl TextEncoder {
    /// The text of ids without padding: words joined by spaces, or what subwords decode to.
    ///
    /// # Errors
    ///
    /// [`SubwordError::Library`](crate::error::SubwordError::Library) if the decoder in a `tokenizer.json` fails.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.encoding().decode(ids)
    }

    /// The tokenizer that knows the words; none for encodings without one.
    pub fn tokenizer(&self) -> Option<&WordTokenizer> {
        match self {
            Self::Words(tokenizer) => Some(tokenizer),
            Self::Imdb(ids) => Some(ids.tokenizer()),
            _ => None,
        }
    }
}

impl Encoder for TextEncoder {
    fn encode(&self, text: &str) -> Vec<u32> {
        self.encoding().encode(text)
    }

    fn vocab_size(&self) -> usize {
        self.encoding().vocab_size()
    }

    fn encode_batch(&self, texts: &[&str]) -> Vec<Vec<u32>> {
        self.encoding().encode_batch(texts)
    }

    fn try_encode_batch(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>> {
        self.encoding().try_encode_batch(texts)
    }
}

impl Saved for TextEncoder {
    /// The JSON of whichever encoding it is.
    fn to_json(&self) -> String {
        self.encoding().json()
    }

    /// Reads any kind, told apart by `class_name`; a file of `tokenizers` has none, and a `model`.
    ///
    /// # Errors
    ///
    /// Those of each encoding; [`SubwordError::Library`](crate::error::SubwordError::Library) for a file of `tokenizers` where
    /// Kiln is built without the feature `subwords`.
    fn from_json(json: &str) -> Result<Self> {
        let class_name = if is_of_tokenizers(json) { Some(NO_CLASS.to_owned()) } else { class_of(json)? };
        #[cfg(not(feature = "subwords"))]
        if class_name.as_deref() == Some(NO_CLASS) {
            return Err(SubwordError::Library {
                action: "read a tokenizer.json of Hugging Face's tokenizers",
                message: "build kiln-text with the feature `subwords`".to_owned(),
            }
            .into());
        }
        class_name.and_then(|class_name| Self::of_class(&class_name, json)).unwrap_or_else(|| {
            let expected = "\"Tokenizer\", \"ImdbIds\", \"CharTokenizer\", \"SubwordTextEncoder\", \"TextVectorization\" or \
                            \"VocabularyEncoder\"";
            Err(class_error(json, expected, "no class_name"))
        })
    }
}
