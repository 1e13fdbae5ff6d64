//! [`VocabularyEncoder`]: the tokens of an [`Analyzer`] and their ids in a [`Vocabulary`], as one encoding with one
//! file.

use serde::Deserialize;

use crate::encoders::encoder::Encoder;
use crate::error::{Error, Result, VocabularyError};
use crate::io::json_file::{read_config, write_config};
use crate::io::saved::Saved;
use crate::io::text::Text;
use crate::tokens::analyzer::Analyzer;
use crate::vocabulary::builder::VocabularyBuilder;
use crate::vocabulary::files::VocabularyConfig;
use crate::vocabulary::numbered::Vocabulary;

/// The class name in the file.
pub(crate) const CLASS_NAME: &str = "VocabularyEncoder";

/// An [`Analyzer`] and the [`Vocabulary`] of its tokens, for a model that uses neither Keras's words nor subwords.
///
/// Id 0 is the vocabulary's first special token and means padding: a text that spells it gets the unknown token's id,
/// or none. Other special tokens in a text get their own ids.
///
/// # Examples
///
/// ```
/// use kiln_text::encoders::{Encoder, VocabularyEncoder};
/// use kiln_text::io::Saved;
/// use kiln_text::tokens::{Accents, Analyzer, Normalizer, Segments, WordSplitter};
/// use kiln_text::vocabulary::Vocabulary;
///
/// let analyzer = Analyzer::default()
///     .normalizer(Normalizer::new().lower(true).accents(Accents::Strip))
///     .words(WordSplitter::unicode(Segments::Words));
/// let vocabulary = Vocabulary::builder().special_tokens(["<pad>", "<unk>"]).unknown_token("<unk>").max_size(4);
/// let encoder = VocabularyEncoder::fit(analyzer, vocabulary, ["Très bon!", "Pas très bon.", "Bon."])?;
/// assert_eq!(encoder.encode("TRES bon, vraiment"), [3, 2, 1]);
/// assert_eq!(encoder.decode(&[0, 3, 2]), "tres bon");
/// assert_eq!(VocabularyEncoder::from_json(&encoder.to_json())?, encoder);
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct VocabularyEncoder {
    analyzer: Analyzer,
    vocabulary: Vocabulary,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    analyzer: Analyzer,
    vocabulary: VocabularyConfig,
}

impl VocabularyEncoder {
    /// Combines the two.
    ///
    /// # Errors
    ///
    /// [`VocabularyError::NoPadding`] unless id 0 is a special token other than the unknown one.
    pub fn new(analyzer: Analyzer, vocabulary: Vocabulary) -> Result<Self> {
        check_padding(vocabulary.special_tokens().next(), vocabulary.unknown_token())?;
        Ok(Self { analyzer, vocabulary })
    }

    /// Counts the tokens of texts, on all threads, and assigns ids. Texts are read once and need not all be in memory.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new) and of [`VocabularyBuilder::fit`].
    pub fn fit(
        analyzer: Analyzer,
        options: VocabularyBuilder,
        texts: impl IntoIterator<Item = impl Text>,
    ) -> Result<Self> {
        check_padding(options.special().first().map(String::as_str), options.unknown())?;
        let vocabulary = options.fit(texts, |text, take| analyzer.each(text, take))?;
        Self::new(analyzer, vocabulary)
    }

    /// How texts become tokens.
    pub fn analyzer(&self) -> &Analyzer {
        &self.analyzer
    }

    /// The tokens and their ids.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The tokens of ids, joined by spaces; characters are joined by nothing. Skips padding and ids beyond the
    /// vocabulary.
    pub fn decode(&self, ids: &[u32]) -> String {
        let tokens: Vec<&str> = ids.iter().filter(|&&id| id != 0).filter_map(|&id| self.vocabulary.token(id)).collect();
        tokens.join(self.analyzer.between_tokens())
    }
}

fn check_padding(first: Option<&str>, unknown: Option<&str>) -> Result<()> {
    if first.is_some() && first != unknown {
        return Ok(());
    }
    Err(Error::Vocabulary(VocabularyError::NoPadding { found: first.map(str::to_owned) }))
}

impl Saved for VocabularyEncoder {
    /// Both parts in one JSON.
    fn to_json(&self) -> String {
        let analyzer = serde_json::to_string(&self.analyzer).expect("strings and numbers always make a JSON");
        let vocabulary = self.vocabulary.config_json();
        write_config(CLASS_NAME, &format!("{{\"analyzer\": {analyzer}, \"vocabulary\": {vocabulary}}}"))
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    ///
    /// Those of [`Saved::from_json`] and of [`new`](Self::new).
    fn from_json(json: &str) -> Result<Self> {
        let Config { analyzer, vocabulary } = read_config(json, CLASS_NAME)?;
        Self::new(analyzer, vocabulary.into_vocabulary()?)
    }
}

impl Encoder for VocabularyEncoder {
    /// The ids of a text's tokens. A token without an id becomes the unknown token, or is dropped without one.
    fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len() / 6 + 1);
        let unknown = self.vocabulary.unknown;
        self.analyzer.each(text, |token| ids.extend(self.vocabulary.id(token).filter(|&id| id != 0).or(unknown)));
        ids
    }

    /// How many rows an embedding needs: the size of the vocabulary.
    fn vocab_size(&self) -> usize {
        self.vocabulary.len()
    }
}
