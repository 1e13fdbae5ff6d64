//! [`SubwordTokenizer`]: subwords through Hugging Face's `tokenizers` crate. This file holds encoding, decoding and
//! `tokenizer.json`; training is in `train.rs`, and a faster path for byte-level BPE in `byte_level.rs`.
//!
//! Version followed: `tokenizers` 0.23, with regular expressions in Rust and nothing fetched from the network.
//! Departures: text that spells a special token is ordinary text unless [`SubwordTokenizer::read_special_tokens`] is
//! set; padding in a file is not applied ([`PadSequences`](crate::rows::PadSequences) does that); a BPE model's
//! dropout, which is for training, is not applied; training always gives the same vocabulary.

mod byte_level;
mod train;

use std::panic::catch_unwind;
use std::str::FromStr;
use std::sync::Arc;

use rayon::prelude::*;
use serde::Deserialize;
use serde_json::Value;
use tokenizers::{ModelWrapper, Tokenizer};

use crate::encoders::encoder::Encoder;
use crate::error::{Error, Result, SubwordError};
use crate::io::file_kind;
use crate::io::json_file::class_error;
use crate::io::saved::Saved;
use byte_level::{ByteLevelBpe, WordCache};
pub use train::{SubwordModel, SubwordTokenizerBuilder};

/// The version of `tokenizer.json`, which has never changed.
const VERSION: &str = "1.0";

/// The action named in errors of reading a file.
const READ: &str = "read a tokenizer.json";

/// The fields checked before the crate reads a file.
#[derive(Deserialize)]
struct Header {
    class_name: Option<Value>,
    version: Option<Value>,
}

/// A character that no vocabulary has, to check how a tokenizer treats unknown characters.
const UNHEARD_OF: &str = "\u{10fffd}";

/// One more than the highest id.
///
/// # Errors
///
/// The ids have such gaps that tables by id would be far larger than the file.
fn vocab_size(tokenizer: &Tokenizer) -> Result<usize> {
    let ids = tokenizer.get_vocab(true);
    let (tokens, highest) = (ids.len(), ids.into_values().max());
    match highest {
        Some(highest) if highest as usize > 4 * tokens + 65_536 => {
            Err(SubwordError::SparseIds { tokens, highest }.into())
        }
        highest => Ok(highest.map_or(0, |highest| highest as usize + 1)),
    }
}

/// Subwords by Hugging Face's `tokenizers`, trained here or read from a `tokenizer.json`.
///
/// A trained one has padding at id 0. The Python package reads its files and writes files for it, with the same ids.
///
/// # Examples
///
/// ```
/// use kiln_text::encoders::{Encoder, SubwordModel, SubwordTokenizer};
/// use kiln_text::io::Saved;
///
/// let texts = ["low lower lowest", "new newer newest", "wide wider widest"];
/// let tokenizer = SubwordTokenizer::builder(SubwordModel::ByteLevelBpe, 270).fit(texts)?;
/// let ids = tokenizer.encode("the lowest, 最低");
/// assert_eq!(tokenizer.decode(&ids)?, "the lowest, 最低");
/// assert_eq!(tokenizer.token_to_id("[PAD]"), Some(0));
/// let read = SubwordTokenizer::from_json(&tokenizer.to_json())?;
/// assert_eq!(read.encode("the lowest, 最低"), ids);
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SubwordTokenizer {
    tokenizer: Arc<Tokenizer>,
    /// With padding, which `tokenizer` does not have.
    json: Arc<str>,
    vocab_size: usize,
    short_way: Option<Arc<ByteLevelBpe>>,
}

impl PartialEq for SubwordTokenizer {
    /// Equal files, and the same treatment of special tokens in texts.
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json && self.reads_special_tokens() == other.reads_special_tokens()
    }
}

/// For `map_err`: an error of the crate as an [`Error`].
fn library_error<E: std::fmt::Display>(action: &'static str) -> impl Fn(E) -> Error {
    move |error| {
        let message = format!("tokenizers says {:?}", error.to_string());
        Error::Subword(SubwordError::Library { action, message })
    }
}

impl SubwordTokenizer {
    /// Options for training a tokenizer with at most `vocab_size` ids, special tokens included.
    pub fn builder(model: SubwordModel, vocab_size: usize) -> SubwordTokenizerBuilder {
        SubwordTokenizerBuilder::new(model, vocab_size)
    }

    fn over(mut tokenizer: Tokenizer) -> Result<Self> {
        let vocab_size = vocab_size(&tokenizer)?;
        let json = tokenizer.to_string(false).map_err(library_error("write a tokenizer.json"))?;
        tokenizer.with_padding(None);
        // Dropout is for training: with it each call would return other ids.
        if let ModelWrapper::BPE(bpe) = tokenizer.get_model()
            && bpe.dropout.is_some()
        {
            let mut without = bpe.clone();
            without.dropout = None;
            tokenizer.with_model(without);
        }
        tokenizer.set_encode_special_tokens(true);
        tokenizer.encode_fast(UNHEARD_OF, true).map_err(library_error("use a tokenizer on unknown characters"))?;
        let short_way = ByteLevelBpe::of(&tokenizer, true).map(Arc::new);
        Ok(Self { tokenizer: Arc::new(tokenizer), json: Arc::from(json), vocab_size, short_way })
    }

    /// Whether a text that spells a special token, such as `[MASK]`, gets that token's id; Python does that by default.
    /// Default: false, so that no text can insert padding or an end. Not saved.
    #[must_use]
    pub fn read_special_tokens(mut self, read: bool) -> Self {
        let mut tokenizer = Tokenizer::clone(&self.tokenizer);
        tokenizer.set_encode_special_tokens(!read);
        self.short_way = ByteLevelBpe::of(&tokenizer, !read).map(Arc::new);
        self.tokenizer = Arc::new(tokenizer);
        self
    }

    fn reads_special_tokens(&self) -> bool {
        !self.tokenizer.get_encode_special_tokens()
    }

    fn encode_with(&self, cache: &mut WordCache, text: &str) -> Result<Vec<u32>> {
        match &self.short_way {
            Some(short_way) if !has_rare_planes(text) => {
                let mut ids = Vec::with_capacity(text.len() / 4 + 1);
                short_way.encode(&self.tokenizer, text, cache, &mut ids)?;
                Ok(ids)
            }
            _ => self.encode_by_pipeline(text),
        }
    }

    /// [`encode`](Encoder::encode) through the crate's pipeline only; slower where a faster path exists.
    ///
    /// # Errors
    ///
    /// [`SubwordError::Library`] if the rules of a file fail on the text: it has an unknown word and no token for that,
    /// or one of its regular expressions gives up. Trained tokenizers never fail.
    pub fn encode_by_pipeline(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.tokenizer.encode_fast(text, true).map_err(library_error("encode a text"))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of ids, without special tokens. Ids beyond the vocabulary are skipped.
    ///
    /// # Errors
    ///
    /// [`SubwordError::Library`] if the file's decoder fails.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        match &self.short_way {
            Some(short_way) => Ok(short_way.decode(ids)),
            None => self.tokenizer.decode(ids, true).map_err(library_error("decode ids")),
        }
    }

    /// The id of a token, spelled as in the vocabulary: `Ġthe`, `##ing`, `▁the`.
    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    /// The token of an id, spelled as in the vocabulary.
    pub fn id_to_token(&self, id: u32) -> Option<String> {
        self.tokenizer.id_to_token(id)
    }
}

impl Saved for SubwordTokenizer {
    /// The text of a `tokenizer.json`, which the Python package's `Tokenizer.from_str` reads.
    fn to_json(&self) -> String {
        self.json.to_string()
    }

    /// Reads a `tokenizer.json` of the Python package or of [`to_json`](Self::to_json).
    ///
    /// Truncation in the file is applied, as in Python: a text gives at most `max_length` ids. Padding and the dropout
    /// of a BPE model stay in the file but are not applied, so that a text gives the same ids on each call. In other
    /// people's files, id 0 may be an ordinary token: then only the [`Span`](crate::rows::Span)s tell it from padding.
    ///
    /// # Errors
    ///
    /// [`Error::FileClass`] for a file of another class; [`SubwordError::Version`] for a version other than 1.0;
    /// [`SubwordError::Library`] if it is not such a file, or if its model has no token for unknown characters.
    fn from_json(json: &str) -> Result<Self> {
        let wrong_class = || class_error(json, "none: a tokenizer.json of Hugging Face's tokenizers", "no class_name");
        if file_kind::is_no_object(json) {
            return Err(wrong_class());
        }
        let Header { class_name, version } = serde_json::from_str(json).map_err(library_error(READ))?;
        if class_name.is_some() {
            return Err(wrong_class());
        }
        if let Some(found) = version.filter(|version| version != VERSION) {
            return Err(SubwordError::Version { found: found.to_string(), supported: VERSION }.into());
        }
        // The crate panics on a damaged table of a normalizer.
        let read = catch_unwind(|| Tokenizer::from_str(json).map_err(library_error(READ)));
        Self::over(read.unwrap_or_else(|_| Err(library_error(READ)("a part of it is damaged: take a fresh copy")))?)
    }
}

impl Encoder for SubwordTokenizer {
    /// The ids of a text, including the tokens that the file's post-processor adds, such as `[CLS]`.
    ///
    /// # Panics
    ///
    /// If the rules of a file fail on the text; [`try_encode_batch`](Encoder::try_encode_batch) returns an error
    /// instead. Trained tokenizers never fail.
    fn encode(&self, text: &str) -> Vec<u32> {
        self.encode_with(&mut WordCache::default(), text).unwrap_or_else(|error| refused(&error))
    }

    fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    fn encode_batch(&self, texts: &[&str]) -> Vec<Vec<u32>> {
        self.try_encode_batch(texts).unwrap_or_else(|error| refused(&error))
    }

    fn try_encode_batch(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>> {
        // Few pieces, so that the cache of each is of use; each thread still gets several.
        let piece = texts.len().div_ceil(rayon::current_num_threads() * 8).max(1);
        let pieces = texts.par_chunks(piece).map(|texts| {
            let mut cache = WordCache::default();
            texts.iter().map(|text| self.encode_with(&mut cache, text)).collect::<Result<Vec<_>>>()
        });
        // Collected before it is checked: the first error is that of the first text, whatever the threads do.
        let mut all = Vec::with_capacity(texts.len());
        for piece in pieces.collect::<Vec<_>>() {
            all.extend(piece?);
        }
        Ok(all)
    }
}

fn refused(error: &Error) -> ! {
    panic!("{error}; `try_encode_batch` returns this as an error")
}

/// Whether a text has a character beyond U+2FFFF. Which of those are letters changes from one version of Unicode to the
/// next, and the crate's tables are not Kiln's.
fn has_rare_planes(text: &str) -> bool {
    text.as_bytes().windows(2).any(|pair| pair[0] > 0xF0 || (pair[0] == 0xF0 && pair[1] >= 0xB0))
}

#[cfg(test)]
mod tests {
    use super::has_rare_planes;

    #[test]
    fn rare_planes_begin_at_three() {
        assert!(has_rare_planes("a\u{30000}") && has_rare_planes("\u{322B0}'t") && has_rare_planes("\u{10FFFF}"));
        assert!(!has_rare_planes("a\u{2FFFF}") && !has_rare_planes("\u{1F600} \u{FFFD} é") && !has_rare_planes(""));
    }
}
