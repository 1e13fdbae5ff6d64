//! The files of a [`TextVectorization`]: JSON whose `config` is that of Keras's layer, and the vocabulary as plain
//! text.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{OutputMode, SplitBy, Standardize, TextVectorization, TextVectorizationBuilder};
use crate::error::{Error, Result};
use crate::io::json_file::{parse, read_config, write_config};
use crate::io::saved::Saved;
use crate::vocabulary::files::lines_of;
use kiln_base::write_whole;

/// The class name in the file.
pub(crate) const CLASS_NAME: &str = "TextVectorization";

/// No text needs this many widths of n-grams, each of which takes memory.
const MOST_WIDTHS: usize = 1 << 16;

/// The arguments of Keras's `get_config` and `from_config`. Further keys (name, dtype and so on) do not concern texts.
#[derive(Serialize, Deserialize)]
struct Config {
    max_tokens: Option<usize>,
    standardize: Option<Standardize>,
    split: Option<SplitBy>,
    ngrams: Option<Ngrams>,
    output_mode: OutputMode,
    output_sequence_length: Option<usize>,
    pad_to_max_tokens: bool,
    vocabulary: Option<Vec<String>>,
    idf_weights: Option<Vec<f32>>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Ngrams {
    Longest(usize),
    Widths(Vec<usize>),
}

impl Config {
    fn into_vectorization(self) -> Result<TextVectorization> {
        let wrong = |field, expected, found| Error::FileField { class_name: CLASS_NAME, field, expected, found };
        if let Some(Ngrams::Longest(longest @ MOST_WIDTHS..)) = self.ngrams {
            return Err(wrong("ngrams", "a list of widths or a number below 65,536", longest.to_string()));
        }
        let builder = TextVectorizationBuilder {
            max_tokens: self.max_tokens,
            standardize: self.standardize,
            split: self.split,
            ngrams: self.ngrams.map(|ngrams| match ngrams {
                Ngrams::Longest(longest) => (1..=longest).collect(),
                Ngrams::Widths(widths) => widths,
            }),
            output_mode: self.output_mode,
            output_sequence_length: self.output_sequence_length,
            pad_to_max_tokens: self.pad_to_max_tokens,
        };
        let expected = "a list of tokens (Keras omits it from an adapted layer's get_config: add get_vocabulary())";
        let vocabulary = self.vocabulary.ok_or_else(|| wrong("vocabulary", expected, "none".to_owned()))?;
        // Keras's weights may be padded to max_tokens.
        let mut idf_weights = self.idf_weights.unwrap_or_default();
        if builder.pad_to_max_tokens && Some(idf_weights.len()) == builder.max_tokens {
            idf_weights.truncate(vocabulary.len());
        }
        builder.vocabulary_and_idf(vocabulary, idf_weights)
    }
}

impl TextVectorization {
    /// The options and the vocabulary as JSON; once parsed, it is the argument of
    /// `keras.layers.TextVectorization.from_config`.
    pub fn to_keras_config(&self) -> String {
        let options = self.options.clone();
        let config = Config {
            max_tokens: options.max_tokens,
            standardize: options.standardize,
            split: options.split,
            ngrams: options.ngrams.map(Ngrams::Widths),
            output_mode: options.output_mode,
            output_sequence_length: options.output_sequence_length,
            pad_to_max_tokens: options.pad_to_max_tokens,
            vocabulary: Some(self.vocabulary().map(str::to_owned).collect()),
            idf_weights: (!self.idf.is_empty()).then(|| self.idf.clone()),
        };
        // Strings, numbers and lists always have a JSON form.
        serde_json::to_string(&config).unwrap_or_default()
    }

    /// Reads [`to_keras_config`](Self::to_keras_config), or the JSON of a Keras layer's `get_config()`. Keras omits a
    /// vocabulary that the layer learned: add `get_vocabulary()` as `vocabulary`, and for `tf_idf` the weights as
    /// `idf_weights`.
    ///
    /// # Errors
    ///
    /// [`Error::FileJson`] with line and column, [`Error::FileField`] without a vocabulary, and those of
    /// [`vocabulary_and_idf`](TextVectorizationBuilder::vocabulary_and_idf).
    pub fn from_keras_config(json: &str) -> Result<Self> {
        parse::<Config>(json, CLASS_NAME, "the file")?.into_vectorization()
    }

    /// Writes the vocabulary, special tokens included, one token per line, like Keras's `vocabulary.txt`.
    ///
    /// # Errors
    ///
    /// [`VocabularyError::TokenWithLineEnd`](crate::error::VocabularyError::TokenWithLineEnd) for a token that contains
    /// a line end, which is possible if characters are tokens; [`Error::File`] with the file's name.
    pub fn save_vocabulary(&self, path: impl AsRef<Path>) -> Result<()> {
        Ok(write_whole(path, lines_of(self.vocabulary())?.as_bytes())?)
    }
}

impl Saved for TextVectorization {
    /// The options and the vocabulary in Kiln's JSON format, whose `config` is Keras's.
    fn to_json(&self) -> String {
        write_config(CLASS_NAME, &self.to_keras_config())
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    ///
    /// Those of [`from_keras_config`](Self::from_keras_config), [`Error::FileClass`] and [`Error::FileVersion`].
    fn from_json(json: &str) -> Result<Self> {
        read_config::<Config>(json, CLASS_NAME)?.into_vectorization()
    }
}
