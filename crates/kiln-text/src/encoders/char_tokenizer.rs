//! [`CharTokenizer`]: characters to ids by frequency, where a character is a Unicode scalar, what a reader takes for
//! one character, or a Hangul letter. Keras's files of character tokenizers are read by `WordTokenizer` with
//! `char_level`.

use std::cmp::Reverse;

use indexmap::IndexMap;
use kiln_base::options;
use rustc_hash::FxBuildHasher;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

use crate::encoders::encoder::Encoder;
use crate::encoders::word_tokenizer_builder::check_limit;
use crate::error::{Error, Result};
use crate::io::json_file::{VERSION, read_framed};
use crate::io::saved::Saved;
use crate::io::text::Text;
use crate::tokens::jamo::{from_jamo, to_jamo};
use crate::vocabulary::token_counts::{EachToken, check_size, count_in_any_order};

/// The class name in the file.
pub(crate) const CLASS_NAME: &str = "CharTokenizer";

/// What counts as one character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CharUnit {
    /// A Unicode scalar, as in Keras: `é` written with a combining accent is two.
    #[default]
    Scalar,
    /// An extended grapheme cluster of Unicode's annex 29, what a reader takes for one character: `é` in either
    /// spelling, a family emoji, the pair of carriage return and line feed.
    Grapheme,
    /// A scalar after [`to_jamo`], so that a Hangul syllable is its two or three letters: 67 tokens instead of
    /// thousands.
    Jamo,
}

impl CharUnit {
    fn each(self, text: &str, mut take: impl FnMut(&str)) {
        let mut scalars = |text: &str| {
            let mut buffer = [0; 4];
            text.chars().for_each(|scalar| take(scalar.encode_utf8(&mut buffer)));
        };
        match self {
            Self::Scalar => scalars(text),
            Self::Jamo => scalars(&to_jamo(text)),
            Self::Grapheme => text.graphemes(true).for_each(take),
        }
    }
}

/// Turns texts into ids of characters. Id 0 is padding and no character gets it; the most frequent character gets 1,
/// and ties are broken by first appearance.
///
/// Numbering follows Keras's `Tokenizer` with `char_level`. [`decode`](Self::decode) puts nothing between characters,
/// so a text of known characters decodes to itself.
///
/// # Examples
///
/// ```
/// use kiln_text::encoders::{CharTokenizer, CharUnit, Encoder};
///
/// let tokenizer = CharTokenizer::builder().unit(CharUnit::Grapheme).fit(["cafe\u{301} 👩‍👩‍👧", "e\u{301}"])?;
/// assert_eq!(tokenizer.encode("e\u{301}👩‍👩‍👧"), [1, 6]);
/// assert_eq!(tokenizer.decode(&[2, 3, 4, 1, 0]), "cafe\u{301}");
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CharTokenizer {
    options: CharTokenizerBuilder,
    /// Characters in the order of their ids from 1 on, and how often each occurred. The `oov_token`, if there is one,
    /// is the first.
    characters: IndexMap<Box<str>, u64, FxBuildHasher>,
}

options! {
    /// Options for a [`CharTokenizer`]; made by [`CharTokenizer::builder`].
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct CharTokenizerBuilder [pub(crate) fn new] {
        /// What counts as one character. Default: [`CharUnit::Scalar`].
        unit: CharUnit = CharUnit::Scalar,
        /// Whether to lower-case, in full Unicode. Default: false, unlike Keras, so that texts decode to themselves.
        lower: bool = false,
        /// Keeps the ids below `num_chars`: `num_chars - 1` characters, including the `oov_token`. 0 and 1 are an
        /// error. Default: all.
        some num_chars: usize,
        /// A token for all characters that are unknown or beyond `num_chars`. It gets id 1, and characters start at 2.
        /// Default: none; such characters are dropped.
        into some oov_token: String,
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File<S> {
    class_name: S,
    version: u64,
    config: CharTokenizerBuilder,
    characters: Vec<(Box<str>, u64)>,
    #[serde(rename = "checksum", skip_serializing)]
    _checksum: Option<IgnoredAny>,
}

impl CharTokenizerBuilder {
    /// A tokenizer fitted on texts, on all threads. The texts are read once and need not all be in memory. The result
    /// does not depend on the number of threads.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for a `num_chars` of 0 or 1, [`Error::OovInCorpus`] if the `oov_token` is a character of the
    /// texts, [`Error::EmptyCorpus`] if no text has a character.
    pub fn fit(self, texts: impl IntoIterator<Item = impl Text>) -> Result<CharTokenizer> {
        check_limit("num_chars", self.num_chars)?;
        let counts = count_in_any_order(texts, &self)?.by_first_appearance()?;
        if counts.iter().len() == 0 {
            return Err(Error::EmptyCorpus { documents: counts.documents() });
        }
        let mut characters: Vec<(Box<str>, u64)> =
            counts.iter().map(|(character, known)| (Box::from(character), known.count)).collect();
        // Stable, so that ties stay in the order of first appearance.
        characters.sort_by_key(|(_, count)| Reverse(*count));
        let oov_token = self.oov_token.as_deref().map(|token| (Box::from(token), 0));
        CharTokenizer::new(self, oov_token.into_iter().chain(characters).collect())
    }

    fn each(&self, text: &str, take: impl FnMut(&str)) {
        if self.lower { self.unit.each(&text.to_lowercase(), take) } else { self.unit.each(text, take) }
    }
}

impl EachToken for CharTokenizerBuilder {
    type Scratch = ();

    fn each(&self, _scratch: &mut (), text: &str, take: &mut impl FnMut(&[u8], (usize, usize))) {
        Self::each(self, text, |character| take(character.as_bytes(), (0, character.len())));
    }

    fn refused(&self) -> Option<&str> {
        self.oov_token.as_deref()
    }
}

impl CharTokenizer {
    /// The options, with their defaults.
    pub fn builder() -> CharTokenizerBuilder {
        CharTokenizerBuilder::default()
    }

    fn new(options: CharTokenizerBuilder, characters: Vec<(Box<str>, u64)>) -> Result<Self> {
        check_limit("num_chars", options.num_chars)?;
        let listed = characters.len();
        let characters: IndexMap<_, _, _> = characters.into_iter().collect();
        let field =
            |expected, found| Err(Error::FileField { class_name: CLASS_NAME, field: "characters", expected, found });
        if characters.len() != listed {
            return field("every character once", format!("{} of {listed} distinct", characters.len()));
        }
        check_size(listed, u32::MAX as usize - 2)?;
        let first = characters.first().map(|(character, _)| character.as_ref());
        if let Some(token) = options.oov_token.as_deref().filter(|&token| first != Some(token)) {
            return field("the oov_token first", format!("{first:?}, not {token:?}"));
        }
        Ok(Self { options, characters })
    }

    /// The text of ids. Skips padding; ids without a character become the `oov_token`, or are dropped without one.
    /// Hangul letters are composed into syllables again.
    pub fn decode(&self, ids: &[u32]) -> String {
        let limit = self.vocab_size() as u32;
        let character = |id: u32| Some(self.characters.get_index(id as usize - 1)?.0.as_ref());
        let known = |id: u32| character(id).filter(|_| id < limit);
        let characters = ids.iter().filter(|&&id| id != 0).filter_map(|&id| known(id).or(self.oov_token()));
        let text: String = characters.collect();
        if self.options.unit == CharUnit::Jamo { from_jamo(&text) } else { text }
    }

    /// All characters in the order of their ids, from id 1 on, including those beyond `num_chars`.
    pub fn characters(&self) -> impl ExactSizeIterator<Item = &str> + '_ {
        self.characters.keys().map(Box::as_ref)
    }

    /// The token for unknown characters, if one was set.
    pub fn oov_token(&self) -> Option<&str> {
        self.options.oov_token.as_deref()
    }
}

impl Saved for CharTokenizer {
    /// A JSON object with `"class_name": "CharTokenizer"`, a format version, the options and the characters with their
    /// counts.
    fn to_json(&self) -> String {
        let characters = self.characters.iter().map(|(character, &count)| (character.clone(), count)).collect();
        let config = self.options.clone();
        let file = File { class_name: CLASS_NAME, version: VERSION, config, characters, _checksum: None };
        serde_json::to_string(&file).expect("strings and numbers always make a JSON")
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    ///
    /// Those of [`Saved::from_json`], and [`Error::FileField`] for characters that occur twice or a misplaced
    /// `oov_token`.
    fn from_json(json: &str) -> Result<Self> {
        let file: File<String> = read_framed(json, CLASS_NAME)?;
        Self::new(file.config, file.characters)
    }
}

impl Encoder for CharTokenizer {
    /// The ids of a text's characters. Characters that are unknown or beyond `num_chars` become the `oov_token`'s id,
    /// or are dropped without one.
    fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len());
        let unknown = self.options.oov_token.as_ref().map(|_| 1);
        let limit = self.vocab_size();
        self.options.each(text, |character| {
            let id = self.characters.get_index_of(character).map(|place| place + 1).filter(|&id| id < limit);
            ids.extend(id.map(|id| id as u32).or(unknown));
        });
        ids
    }

    /// How many rows an embedding needs: the smaller of `num_chars` and the number of characters + 1.
    fn vocab_size(&self) -> usize {
        let all = self.characters.len() + 1;
        self.options.num_chars.map_or(all, |limit| limit.min(all))
    }
}
