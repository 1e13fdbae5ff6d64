//! [`CharTokenizer`]: characters to ids by how often they occur, where a character is a Unicode scalar, what a reader
//! takes for one, or a Hangul letter. Leaves out files of Keras, whose characters are scalars alone: those are
//! `WordTokenizer`'s with `char_level`.

use std::cmp::Reverse;
use std::path::Path;

use indexmap::IndexMap;
use rayon::prelude::*;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

use crate::encoders::encoder::Encoder;
use crate::error::{Error, Result};
use crate::io::text::Text;
use crate::io::write_file::write_whole;
use crate::keras::tokenizer_json::{Header, read_file};
use crate::tokens::jamo::{from_jamo, to_jamo};
use crate::vocabulary::token_counts::{EachToken, count_in_any_order};

/// The class name in the file.
pub(crate) const CLASS_NAME: &str = "CharTokenizer";

/// The newest format of the file that this code reads, and the one it writes.
const VERSION: u64 = 1;

/// What counts as one character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CharUnit {
    /// A Unicode scalar, as in Keras: `é` written with a combining accent is two.
    #[default]
    Scalar,
    /// An extended grapheme cluster of Unicode's annex 29, what a reader takes for one: `é` either way, a family emoji,
    /// the pair of carriage return and line feed.
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

/// Turns texts into ids of characters: 0 is padding and never given, the most frequent character is 1, ties go by first
/// appearance.
///
/// The rules of numbering are those of Keras's `Tokenizer` with `char_level`; [`decode`](Self::decode) puts nothing
/// between characters, so that a text of known ones comes back as it was.
///
/// # Examples
///
/// ```
/// use kiln_text::encoders::{CharTokenizer, CharUnit};
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
    /// is first.
    characters: IndexMap<Box<str>, u64, FxBuildHasher>,
}

/// Options for a [`CharTokenizer`]; made by [`CharTokenizer::builder`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use]
pub struct CharTokenizerBuilder {
    unit: CharUnit,
    lower: bool,
    num_chars: Option<usize>,
    oov_token: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct File<S> {
    class_name: S,
    version: u64,
    config: CharTokenizerBuilder,
    characters: Vec<(Box<str>, u64)>,
}

impl CharTokenizerBuilder {
    /// What counts as one character. Default: [`CharUnit::Scalar`].
    pub fn unit(mut self, unit: CharUnit) -> Self {
        self.unit = unit;
        self
    }

    /// Whether to lower-case, in full Unicode. Default: false, unlike Keras, so that texts come back.
    pub fn lower(mut self, lower: bool) -> Self {
        self.lower = lower;
        self
    }

    /// Keeps the ids below `num_chars`, which is `num_chars - 1` characters, the `oov_token` among them. 0 and 1 are an
    /// error. Default: all.
    pub fn num_chars(mut self, num_chars: usize) -> Self {
        self.num_chars = Some(num_chars);
        self
    }

    /// A token that stands for all characters unknown or beyond `num_chars`. It gets id 1, and characters start at 2.
    /// Default: none, and such characters are dropped.
    pub fn oov_token(mut self, oov_token: impl Into<String>) -> Self {
        self.oov_token = Some(oov_token.into());
        self
    }

    /// A tokenizer fitted on texts, on all threads. They are read once and need not all be in memory. The result does not
    /// depend on the number of threads.
    ///
    /// # Errors
    ///
    /// [`Error::NumWords`] for a `num_chars` of 0 or 1, [`Error::OovInCorpus`] if the `oov_token` is a character of the
    /// texts, [`Error::EmptyCorpus`] if no text has a character.
    pub fn fit(self, texts: impl IntoIterator<Item = impl Text>) -> Result<CharTokenizer> {
        self.check()?;
        let counts = count_in_any_order(texts, &self)?.by_first_appearance()?;
        if counts.is_empty() {
            return Err(Error::EmptyCorpus { documents: counts.documents() });
        }
        let mut characters: Vec<(Box<str>, u64)> =
            counts.iter().map(|(character, known)| (Box::from(character), known.count)).collect();
        // Stable, so that ties stay in the order of first appearance.
        characters.sort_by_key(|(_, count)| Reverse(*count));
        let oov_token = self.oov_token.as_deref().map(|token| (Box::from(token), 0));
        CharTokenizer::new(self, oov_token.into_iter().chain(characters).collect())
    }

    fn check(&self) -> Result<()> {
        match self.num_chars {
            Some(found @ (0 | 1)) => Err(Error::NumWords { found }),
            _ => Ok(()),
        }
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
        options.check()?;
        let listed = characters.len();
        let characters: IndexMap<_, _, _> = characters.into_iter().collect();
        let field = |expected, found| Err(Error::TokenizerField { field: "characters", expected, found });
        if characters.len() != listed {
            return field("each character once", format!("{} of {listed} distinct", characters.len()));
        }
        if characters.len() > u32::MAX as usize - 2 {
            return Err(Error::TooLarge { what: "a vocabulary", rows: listed, columns: 1 });
        }
        let first = characters.first().map(|(character, _)| character.as_ref());
        if let Some(token) = options.oov_token.as_deref().filter(|&token| first != Some(token)) {
            return field("the oov_token first", format!("{first:?}, not {token:?}"));
        }
        Ok(Self { options, characters })
    }

    /// The ids of a text's characters. Characters unknown or beyond `num_chars` become the `oov_token`'s id, or are
    /// dropped if there is none.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len());
        let unknown = self.options.oov_token.as_ref().map(|_| 1);
        let limit = self.vocab_size();
        self.options.each(text, |character| {
            let id = self.characters.get_index_of(character).map(|place| place + 1).filter(|&id| id < limit);
            ids.extend(id.map(|id| id as u32).or(unknown));
        });
        ids
    }

    /// Encodes many texts on all threads. The result does not depend on how many there are.
    pub fn encode_batch(&self, texts: &[impl AsRef<str> + Sync]) -> Vec<Vec<u32>> {
        texts.par_iter().with_min_len(16).map(|text| self.encode(text.as_ref())).collect()
    }

    /// The text of ids. Skips padding; ids without a character become the `oov_token`, or are dropped if there is none.
    /// Hangul letters are put together again.
    pub fn decode(&self, ids: &[u32]) -> String {
        let limit = self.vocab_size() as u32;
        let known = |id: u32| self.index_char(id).filter(|_| id < limit);
        let characters = ids.iter().filter(|&&id| id != 0).filter_map(|&id| known(id).or(self.oov_token()));
        let text: String = characters.collect();
        if self.options.unit == CharUnit::Jamo { from_jamo(&text) } else { text }
    }

    /// How many rows an embedding needs: the smaller of `num_chars` and the number of characters + 1.
    pub fn vocab_size(&self) -> usize {
        let all = self.characters.len() + 1;
        self.options.num_chars.map_or(all, |limit| limit.min(all))
    }

    /// All characters in the order of their ids, from id 1 on, also those beyond `num_chars`.
    pub fn characters(&self) -> impl ExactSizeIterator<Item = &str> + '_ {
        self.characters.keys().map(Box::as_ref)
    }

    /// The id of a character, also beyond `num_chars`.
    pub fn char_index(&self, character: &str) -> Option<u32> {
        self.characters.get_index_of(character).map(|place| place as u32 + 1)
    }

    /// The character of an id, also beyond `num_chars`. 0 has none.
    pub fn index_char(&self, index: u32) -> Option<&str> {
        let (character, _) = self.characters.get_index((index as usize).checked_sub(1)?)?;
        Some(character)
    }

    /// How often a character occurred in the texts fitted on; 0 for an unknown one.
    pub fn char_count(&self, character: &str) -> u64 {
        self.characters.get(character).copied().unwrap_or(0)
    }

    /// The token for unknown characters, if one was set.
    pub fn oov_token(&self) -> Option<&str> {
        self.options.oov_token.as_deref()
    }

    /// A JSON object with `"class_name": "CharTokenizer"`, a format version, the options and the characters with their
    /// counts.
    pub fn to_json(&self) -> String {
        let characters = self.characters.iter().map(|(character, &count)| (character.clone(), count)).collect();
        let file = File { class_name: CLASS_NAME, version: VERSION, config: self.options.clone(), characters };
        serde_json::to_string(&file).expect("strings and numbers always make a JSON")
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    ///
    /// [`Error::TokenizerJson`], [`Error::TokenizerClass`], [`Error::TokenizerField`] for characters that occur twice
    /// or a misplaced `oov_token`, [`Error::TokenizerVersion`] for a file of a newer Kiln.
    pub fn from_json(json: &str) -> Result<Self> {
        let header = Header::read(json)?;
        if header.class_name.as_deref() != Some(CLASS_NAME) {
            return Err(Header::unexpected(json, "\"CharTokenizer\""));
        }
        header.check_version(VERSION)?;
        let file: File<String> =
            serde_json::from_str(json).map_err(|source| Error::TokenizerJson { part: "the file", source })?;
        Self::new(file.config, file.characters)
    }

    /// Writes [`to_json`](Self::to_json) to a file, whole or not at all.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] with the file's name.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write_whole(path.as_ref(), self.to_json().as_bytes())
    }

    /// Reads a file written by [`save`](Self::save).
    ///
    /// # Errors
    ///
    /// Those of [`from_json`](Self::from_json), inside [`Error::InFile`]; [`Error::NotUtf8`]; [`Error::Io`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        read_file(path.as_ref(), Self::from_json)
    }
}

impl Encoder for CharTokenizer {
    fn encode(&self, text: &str) -> Vec<u32> {
        self.encode(text)
    }

    fn vocab_size(&self) -> usize {
        self.vocab_size()
    }
}
