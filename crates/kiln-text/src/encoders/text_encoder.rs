//! [`SavedEncoder`]: an encoding that can be saved. [`TextEncoder`]: any of them.

use std::any::Any;
use std::fmt::Debug;
use std::ops::Deref;
use std::sync::Arc;

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

/// The class of [`SubwordTokenizer`]; Hugging Face's `tokenizer.json` has no class.
const SUBWORD_TOKENIZER: &str = "SubwordTokenizer";

/// An encoding that can be saved in a file, and so in the artifact of a model.
///
/// # Examples
///
/// Implementing your own encoding:
///
/// ```
/// use kiln_text::encoders::{Encoder, SavedEncoder, TextEncoder};
/// use kiln_text::io::Saved;
///
/// /// The bytes of a text, each one higher, since id 0 is padding.
/// #[derive(Debug)]
/// struct Bytes;
///
/// impl Encoder for Bytes {
///     fn encode(&self, text: &str) -> Vec<u32> {
///         text.bytes().map(|byte| u32::from(byte) + 1).collect()
///     }
///
///     fn vocab_size(&self) -> usize {
///         257
///     }
/// }
///
/// impl SavedEncoder for Bytes {
///     fn class_name(&self) -> &'static str {
///         "Bytes"
///     }
///
///     fn decode(&self, ids: &[u32]) -> kiln_text::Result<String> {
///         let bytes: Vec<u8> = ids.iter().filter(|&&id| id > 0).map(|&id| (id - 1) as u8).collect();
///         Ok(String::from_utf8_lossy(&bytes).into_owned())
///     }
/// }
///
/// impl Saved for Bytes {
///     fn to_json(&self) -> String {
///         r#"{"class_name": "Bytes"}"#.to_owned()
///     }
///
///     fn from_json(_json: &str) -> kiln_text::Result<Self> {
///         Ok(Self)
///     }
/// }
///
/// let encoder = TextEncoder::from(Bytes);
/// assert_eq!(encoder.encode("ab"), [98, 99]);
/// assert_eq!(encoder.decode(&[0, 98, 99])?, "ab");
/// assert!(encoder.downcast_ref::<Bytes>().is_some());
/// # Ok::<(), kiln_text::Error>(())
/// ```
pub trait SavedEncoder: Encoder + Saved + Debug + Any {
    /// The name of the encoding in files: a program that reads a file finds its reader by this name.
    fn class_name(&self) -> &'static str;

    /// The text of ids, without padding: words joined by spaces, or decoded subwords.
    ///
    /// # Errors
    ///
    /// Specific to the encoding: [`SubwordError::Library`](crate::error::SubwordError::Library) if the decoder in a
    /// `tokenizer.json` fails.
    fn decode(&self, ids: &[u32]) -> Result<String>;
}

/// Kiln's own encodings, each with the `class_name` in its file.
macro_rules! encodings {
    ($($(#[cfg($cfg:meta)])? $encoding:ident = $class:path;)*) => {
        impl TextEncoder {
            /// The class names of Kiln's own encodings in files.
            pub const CLASS_NAMES: &[&str] = &[$($class),*];
        }

        /// Reads a file of this class, if it is one of Kiln's own.
        fn of_class(class_name: &str, json: &str) -> Option<Result<TextEncoder>> {
            match class_name {
                $($(#[cfg($cfg)])? $class => Some($encoding::from_json(json).map(TextEncoder::from)),)*
                _ => None,
            }
        }

        $($(#[cfg($cfg)])?
        impl SavedEncoder for $encoding {
            fn class_name(&self) -> &'static str {
                $class
            }

            fn decode(&self, ids: &[u32]) -> Result<String> {
                self.decode(ids).text()
            }
        })*
    };
}

encodings! {
    WordTokenizer = tokenizer_json::CLASS_NAME;
    ImdbIds = imdb_ids::CLASS_NAME;
    CharTokenizer = char_tokenizer::CLASS_NAME;
    SubwordTextEncoder = subword_text_encoder::CLASS_NAME;
    TextVectorization = text_vectorization::CLASS_NAME;
    VocabularyEncoder = vocabulary_encoder::CLASS_NAME;
    #[cfg(feature = "subwords")]
    SubwordTokenizer = SUBWORD_TOKENIZER;
}

/// Any encoding that can be saved, such as the `tokenizer.json` of an artifact. Clones share it. Two are equal if their
/// files are.
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
#[derive(Clone, Debug)]
pub struct TextEncoder(Arc<dyn SavedEncoder>);

impl<E: SavedEncoder> From<E> for TextEncoder {
    fn from(encoder: E) -> Self {
        Self(Arc::new(encoder))
    }
}

impl PartialEq for TextEncoder {
    fn eq(&self, other: &Self) -> bool {
        self.class_name() == other.class_name() && self.0.to_json() == other.0.to_json()
    }
}

impl Deref for TextEncoder {
    type Target = dyn SavedEncoder;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl TextEncoder {
    /// The encoding as an `E`, if it is one.
    pub fn downcast_ref<E: SavedEncoder>(&self) -> Option<&E> {
        (&*self.0 as &dyn Any).downcast_ref()
    }
}

impl Encoder for TextEncoder {
    fn encode(&self, text: &str) -> Vec<u32> {
        self.0.encode(text)
    }

    fn vocab_size(&self) -> usize {
        self.0.vocab_size()
    }

    fn encode_batch(&self, texts: &[&str]) -> Vec<Vec<u32>> {
        self.0.encode_batch(texts)
    }

    fn try_encode_batch(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>> {
        self.0.try_encode_batch(texts)
    }
}

impl Saved for TextEncoder {
    /// The JSON of the encoding.
    fn to_json(&self) -> String {
        self.0.to_json()
    }

    /// Reads any of Kiln's own encodings, recognised by `class_name`; a file of `tokenizers` has a `model` instead.
    ///
    /// # Errors
    ///
    /// Those of each encoding; [`SubwordError::Library`](crate::error::SubwordError::Library) for a file of
    /// `tokenizers` if Kiln is built without the feature `subwords`.
    fn from_json(json: &str) -> Result<Self> {
        let class_name = if is_of_tokenizers(json) { Some(SUBWORD_TOKENIZER.to_owned()) } else { class_of(json)? };
        #[cfg(not(feature = "subwords"))]
        if class_name.as_deref() == Some(SUBWORD_TOKENIZER) {
            return Err(SubwordError::Library {
                action: "read a tokenizer.json of Hugging Face's tokenizers",
                message: "this program is built without the feature `subwords` of kiln; build it with the feature"
                    .to_owned(),
            }
            .into());
        }
        class_name.and_then(|class_name| of_class(&class_name, json)).unwrap_or_else(|| {
            // A file of `tokenizers` has no class.
            let named = Self::CLASS_NAMES.iter().filter(|name| **name != SUBWORD_TOKENIZER);
            let expected: Vec<_> = named.map(|name| format!("{name:?}")).collect();
            Err(class_error(json, format!("one of {}", expected.join(", ")), "no class_name"))
        })
    }
}
