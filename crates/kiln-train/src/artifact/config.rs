//! The artifact of a run: a folder that a fresh process predicts from with no other file.
//!
//! `config.json` says what model it is, `tokenizer.json` how text becomes ids, `model.safetensors`
//! holds the weights.

use std::path::Path;

use burn::module::Module;
use kiln_base::FileError;
use kiln_models::weights::{self, Weights};
use kiln_models::{LanguageModelConfig, RecurrentRegressorConfig, TextClassifierConfig};
use kiln_text::io::Saved;
use kiln_text::vocabulary::{Vocabulary, whitespace_tokens};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::data::sequence_encoder::{SequenceEncoder, SequenceShape};
use crate::error::{Error, Result};
use crate::report::file::write_file;
use crate::run::run_folder::{CONFIG, MODEL, TOKENIZER};

/// The format of `config.json` that this build writes and reads.
const FORMAT: u32 = 1;

/// What a language model's tokens are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TokenUnit {
    /// What white space parts.
    #[default]
    Words,
    /// Unicode scalars, white space among them.
    Characters,
}

impl TokenUnit {
    /// Calls `take` with each token of `text`: for a [`Vocabulary`].
    pub fn each(self, text: &str, take: &mut dyn FnMut(&str)) {
        match self {
            Self::Words => whitespace_tokens(text, take),
            Self::Characters => {
                let mut buffer = [0; 4];
                text.chars().for_each(|scalar| take(scalar.encode_utf8(&mut buffer)));
            }
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Words => "word",
            Self::Characters => "character",
        }
    }
}

/// What an artifact holds next to its weights.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant)] // one a run, never in large numbers
pub enum ArtifactConfig {
    /// A text classifier, how it reads text, and the names of its classes.
    TextClassifier {
        /// The model.
        model: TextClassifierConfig,
        /// From text to padded ids.
        encoder: SequenceEncoder,
        /// A name a class, in the order of the labels.
        class_names: Vec<String>,
    },
    /// A regressor of numeric sequences.
    SeriesRegressor {
        /// The model.
        model: RecurrentRegressorConfig,
    },
    /// A language model and its tokens.
    LanguageModel {
        /// The model.
        model: LanguageModelConfig,
        /// The tokens and their ids.
        vocabulary: Vocabulary,
        /// What the tokens are.
        unit: TokenUnit,
    },
}

#[derive(Serialize, Deserialize)]
struct ConfigFile {
    format: u32,
    #[serde(flatten)]
    kind: Kind,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Kind {
    TextClassifier {
        config: TextClassifierConfig,
        sequence: SequenceShape,
        class_names: Vec<String>,
        tokenizer_sha256: String,
    },
    SeriesRegressor {
        config: RecurrentRegressorConfig,
    },
    LanguageModel {
        config: LanguageModelConfig,
        unit: TokenUnit,
        tokenizer_sha256: String,
    },
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Self::TextClassifier { .. } => "text classifier",
            Self::SeriesRegressor { .. } => "regressor of numeric sequences",
            Self::LanguageModel { .. } => "language model",
        }
    }
}

impl ArtifactConfig {
    /// The artifact of a text classifier.
    pub fn text(model: impl Into<TextClassifierConfig>, encoder: &SequenceEncoder, class_names: &[String]) -> Self {
        Self::TextClassifier { model: model.into(), encoder: encoder.clone(), class_names: class_names.to_vec() }
    }

    /// The artifact of a language model.
    pub fn language_model(model: LanguageModelConfig, vocabulary: &Vocabulary, unit: TokenUnit) -> Self {
        Self::LanguageModel { model, vocabulary: vocabulary.clone(), unit }
    }

    /// Whether the parts fit together, as a later process will need them to.
    ///
    /// # Errors
    ///
    /// Vocabulary, length or the number of class names differ between the parts.
    pub fn check(&self) -> Result<()> {
        let refuse = |what: &'static str, expected: String, found: usize| {
            Err(Error::Data { what, expected, found: found.to_string() })
        };
        let (model, encoder, class_names) = match self {
            Self::TextClassifier { model, encoder, class_names } => (model, encoder, class_names),
            Self::LanguageModel { model, vocabulary, .. } if model.vocab_size < vocabulary.len() => {
                let expected = format!("at least the {} tokens of its vocabulary", vocabulary.len());
                return refuse("the model's vocabulary", expected, model.vocab_size);
            }
            Self::LanguageModel { .. } | Self::SeriesRegressor { .. } => return Ok(()),
        };
        if model.vocab_size() < encoder.vocab_size() {
            let expected = format!("at least the tokenizer's {}", encoder.vocab_size());
            return refuse("the model's vocabulary", expected, model.vocab_size());
        }
        if model.max_len() != encoder.shape().max_len {
            let expected = format!("{}, as the text encoder's", encoder.shape().max_len);
            return refuse("the model's length", expected, model.max_len());
        }
        match model.head().classes() {
            Some(classes) if classes != class_names.len() => {
                refuse("the number of class names", format!("{classes}, as the model's classes"), class_names.len())
            }
            Some(_) => Ok(()),
            None => refuse("the classes of a text classifier's head", "at least 2".to_owned(), 0),
        }
    }

    /// The contents of `config.json`.
    pub(crate) fn to_json(&self) -> String {
        let kind = match self.clone() {
            Self::TextClassifier { model, encoder, class_names } => {
                let tokenizer_sha256 = sha256(&encoder.encoder().to_json());
                Kind::TextClassifier { config: model, sequence: encoder.shape(), class_names, tokenizer_sha256 }
            }
            Self::SeriesRegressor { model } => Kind::SeriesRegressor { config: model },
            Self::LanguageModel { model, vocabulary, unit } => {
                Kind::LanguageModel { config: model, unit, tokenizer_sha256: sha256(&vocabulary.to_json()) }
            }
        };
        let file = ConfigFile { format: FORMAT, kind };
        let mut text = serde_json::to_string_pretty(&file).expect("a configuration is plain data");
        text.push('\n');
        text
    }

    /// Writes `config.json` and, for text, `tokenizer.json` into `folder`.
    ///
    /// # Errors
    ///
    /// The parts do not fit together, or a file cannot be written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<()> {
        self.check()?;
        let folder = folder.as_ref();
        let tokenizer = match self {
            Self::TextClassifier { encoder, .. } => Some(encoder.encoder().to_json()),
            Self::LanguageModel { vocabulary, .. } => Some(vocabulary.to_json()),
            Self::SeriesRegressor { .. } => None,
        };
        if let Some(tokenizer) = tokenizer {
            write_file(&folder.join(TOKENIZER), tokenizer.as_bytes())?;
        }
        write_file(&folder.join(CONFIG), self.to_json().as_bytes())
    }
}

impl From<RecurrentRegressorConfig> for ArtifactConfig {
    fn from(model: RecurrentRegressorConfig) -> Self {
        Self::SeriesRegressor { model }
    }
}

/// What tells one `tokenizer.json` from another.
fn sha256(tokenizer: &str) -> String {
    let digest = Sha256::digest(tokenizer.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn read_config(folder: &Path) -> Result<Kind> {
    let path = existing(folder, CONFIG)?;
    let text = std::fs::read_to_string(&path).map_err(FileError::new("read", &path))?;
    let format = serde_json::from_str::<serde_json::Value>(&text)
        .map_err(|error| Error::damaged(&path, error))?
        .get("format")
        .and_then(serde_json::Value::as_u64);
    if format != Some(u64::from(FORMAT)) {
        let found = format.map_or("none".to_owned(), |format| format.to_string());
        let reason = format!("its \"format\" must be {FORMAT}, which this build reads, but is {found}");
        return Err(Error::damaged(&path, reason));
    }
    let file: ConfigFile = serde_json::from_str(&text).map_err(|error| Error::damaged(&path, error))?;
    Ok(file.kind)
}

pub(crate) fn read_weights(folder: &Path) -> Result<Weights> {
    let path = existing(folder, MODEL)?;
    let bytes = std::fs::read(&path).map_err(FileError::new("read", &path))?;
    weights::from_safetensors(&bytes).map_err(|error| Error::damaged(&path, error))
}

/// Reads `tokenizer.json` by `load`; `to_json` gives what the model was trained with, if it is that.
pub(crate) fn read_tokenizer<T>(
    folder: &Path,
    what: &str,
    sha: &str,
    load: impl FnOnce(&Path) -> kiln_text::Result<T>,
    to_json: impl FnOnce(&T) -> String,
) -> Result<T> {
    let path = existing(folder, TOKENIZER)?;
    let tokenizer = load(&path)?;
    if sha256(&to_json(&tokenizer)) != sha {
        return Err(Error::damaged(&path, format!("it is not the {what} that the model was trained with")));
    }
    Ok(tokenizer)
}

/// Reads the weights of a model of so many ids.
pub(crate) fn read_weights_of(folder: &Path, vocab_size: usize) -> Result<Weights> {
    let weights = read_weights(folder)?;
    match weights.get("embedding.table").map(|table| &table.shape) {
        Some(shape) if shape.first() != Some(&vocab_size) => {
            let reason =
                format!("its model's vocabulary is {vocab_size}, but {MODEL} holds an embedding of shape {shape:?}");
            Err(Error::damaged(&folder.join(CONFIG), reason))
        }
        _ => Ok(weights),
    }
}

pub(crate) fn loaded<M: Module>(folder: &Path, model: M, weights: Weights) -> Result<M> {
    weights::with_weights(model, weights).map_err(|error| Error::damaged(&folder.join(MODEL), error))
}

/// The path of `file` in `folder`, or an error that tells what is there.
fn existing(folder: &Path, file: &'static str) -> Result<std::path::PathBuf> {
    let path = folder.join(file);
    if path.is_file() {
        return Ok(path);
    }
    let entries = std::fs::read_dir(folder).map_err(FileError::new("open the artifact folder", folder))?;
    let mut names: Vec<String> =
        entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned())).collect();
    names.sort();
    let found = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    Err(Error::MissingFile { path: folder.to_owned(), file, found })
}

pub(crate) fn wrong_kind(folder: &Path, expected: &'static str, found: &Kind) -> Error {
    Error::ArtifactKind { path: folder.to_owned(), expected, found: found.name().to_owned() }
}
