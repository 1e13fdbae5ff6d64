//! [`SubwordTextEncoder`]: the subwords of TensorFlow Datasets' `tfds.deprecated.text.SubwordTextEncoder`, which fall
//! back on bytes. This file holds encoding, decoding and the options of building.
//!
//! Version followed: TensorFlow Datasets 4.9. Departures, all where its own decoding does not return the text: an
//! underscore within a token is never part of a longer subword, and the text `\&undsc` followed by a space keeps that
//! one space. Where reserved tokens overlap, it uses whichever its hash table lists first; Kiln uses the longest.

mod build;
mod file;
mod tokens;
mod trie;

use aho_corasick::MatchKind;
use kiln_base::{OptionError, options};

use crate::encoders::encoder::Encoder;
use crate::error::{Error, Result};
use crate::io::text::Text;
use crate::vocabulary::subword_counts::{CountedTokens, count_tokens, listed};
use crate::vocabulary::token_counts::{Tables, TokenCounts};
use build::OTHER_IDS;
pub(crate) use file::CLASS_NAME;
use tokens::{Cutter, ESCAPE, ESCAPE_CUT, Token, is_mixed};
use trie::Trie;

/// Subwords and, for whatever they do not cover, single bytes: any text decodes to itself.
///
/// Id 0 is padding, subwords have the ids from 1 on, then come the 256 bytes. A subword that ends in an underscore ends
/// a word and adds a space. This is the encoding of the published `imdb_reviews/subwords8k`, and reads its `.subwords`
/// file.
///
/// # Examples
///
/// ```
/// use kiln_text::encoders::{Encoder, SubwordTextEncoder};
///
/// let texts = ["the cat and the hat", "the hat and the bat"];
/// let encoder = SubwordTextEncoder::builder(265).fit(texts)?;
/// let ids = encoder.encode("the bat_man and the 猫");
/// assert_eq!(encoder.decode(&ids), "the bat_man and the 猫");
/// assert_eq!(encoder.vocab_size(), encoder.subwords().len() + 257);
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SubwordTextEncoder {
    subwords: Vec<Box<str>>,
    cutter: Cutter,
    trie: Trie,
}

impl PartialEq for SubwordTextEncoder {
    /// Encoders differ only in their subwords.
    fn eq(&self, other: &Self) -> bool {
        self.subwords == other.subwords
    }
}

impl SubwordTextEncoder {
    /// Options for an encoder built from a corpus, with about `target_vocab_size` ids in total, bytes and padding
    /// included. The search stops within 1 %, or at the closest size that some minimum count gives.
    pub fn builder(target_vocab_size: usize) -> SubwordTextEncoderBuilder {
        SubwordTextEncoderBuilder::new(target_vocab_size)
    }

    /// An encoder with given subwords, in the order of their ids; empty ones are dropped. A subword that mixes word
    /// characters with others is kept whole wherever it occurs in a text.
    ///
    /// Subwords may occur twice, as reserved tokens that are also frequent do in the files of TensorFlow Datasets. As
    /// there, a text gets the last one's id, and both decode.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] for more subwords than there are ids.
    pub fn new(subwords: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self> {
        let mut subwords: Vec<Box<str>> = subwords.into_iter().map(|text| Box::from(text.as_ref())).collect();
        subwords.retain(|subword| !subword.is_empty());
        let bytes: usize = subwords.iter().map(|subword| subword.len()).sum();
        if bytes > u32::MAX as usize - OTHER_IDS {
            return Err(Error::TooLarge { what: "a vocabulary", rows: subwords.len(), columns: 1 });
        }
        let mut reserved: Vec<&str> = subwords.iter().map(Box::as_ref).filter(|subword| is_mixed(subword)).collect();
        reserved.sort_unstable();
        reserved.dedup();
        let cutter = Cutter::new(reserved.into_iter().filter(|&text| text != ESCAPE), MatchKind::LeftmostLongest)?;
        let underscore = (ESCAPE, byte_id(subwords.len(), b'_'));
        let ids = subwords.iter().zip(1..).map(|(subword, id)| (subword.as_ref(), id));
        let trie = Trie::new(ids.chain([underscore]));
        Ok(Self { subwords, cutter, trie })
    }

    /// Covers an escaped token with the longest subword at each position, or with the bytes of one character.
    fn cover(&self, escaped: &str, ids: &mut Vec<u32>) {
        let mut rest = escaped;
        while let Some(first) = rest.chars().next() {
            if let Some((id, length)) = self.trie.longest(rest.as_bytes()) {
                ids.push(id);
                rest = &rest[length..];
                continue;
            }
            let (character, after) = rest.split_at(first.len_utf8());
            // The only underscore of an escaped token is at its end and means a space.
            let bytes = if character == "_" { " " } else { character }.bytes();
            ids.extend(bytes.map(|byte| byte_id(self.subwords.len(), byte)));
            rest = after;
        }
    }

    /// Whether ids decode to a token. They do not if a subword holds a part of an escape.
    fn gives_back(&self, ids: &[u32], token: &Token<'_>) -> bool {
        let decoded = self.decode(ids);
        let text = if token.space_after { decoded.strip_suffix(' ') } else { Some(decoded.as_str()) };
        text == Some(token.text)
    }

    /// Covers each part between underscores, and both halves of a literal escape, separately.
    fn cover_apart(&self, token: &Token<'_>, escaped: &mut String, ids: &mut Vec<u32>) {
        let mut part = |text, space_after| {
            Token { text, space_after, reserved: false }.escape_into(escaped);
            self.cover(escaped, ids);
        };
        let mut rest = token.text;
        while let Some(at) = rest.find('_').into_iter().chain(rest.find(ESCAPE)).min() {
            let length = if rest.as_bytes()[at] == b'_' { 1 } else { ESCAPE_CUT };
            part(&rest[..at], false);
            part(&rest[at..at + length], false);
            rest = &rest[at + length..];
        }
        part(rest, token.space_after);
    }

    /// The text of ids. Skips padding and ids beyond the vocabulary; bytes that are not UTF-8 become U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        let mut text = String::new();
        let mut bytes = Vec::new();
        for &id in ids {
            let Some(place) = (id as usize).checked_sub(1) else { continue };
            if let Some(subword) = self.subwords.get(place) {
                text.push_str(&String::from_utf8_lossy(&bytes));
                bytes.clear();
                match subword.strip_suffix('_') {
                    Some(word) => text.extend([word, " "]),
                    None => text.push_str(subword),
                }
            } else if let Ok(byte) = u8::try_from(place - self.subwords.len()) {
                bytes.push(byte);
            }
        }
        text.push_str(&String::from_utf8_lossy(&bytes));
        text
    }

    /// The subwords, in the order of their ids from 1 on.
    pub fn subwords(&self) -> impl ExactSizeIterator<Item = &str> + '_ {
        self.subwords.iter().map(Box::as_ref)
    }
}

/// Bytes come after the subwords.
fn byte_id(subwords: usize, byte: u8) -> u32 {
    subwords as u32 + 1 + u32::from(byte)
}

options! {
    /// Options for a [`SubwordTextEncoder`] built from a corpus; made by [`SubwordTextEncoder::builder`].
    #[derive(Clone, Debug, PartialEq)]
    pub struct SubwordTextEncoderBuilder [pub(crate) fn new] {
        required target_vocab_size: usize,
        /// The maximum number of characters of a subword; 0 is an error. Default: 20.
        max_subword_length: usize = 20,
        bare max_corpus_chars: Option<usize> = None,
        bare reserved: Vec<String> = Vec::new(),
    }
}

impl SubwordTextEncoderBuilder {
    setters! {
        /// How many characters of the corpus to build from; 0 means no limit, as in TensorFlow Datasets. Default: all.
        max_corpus_chars(max_corpus_chars: usize) => max_corpus_chars = Some(max_corpus_chars).filter(|&limit| limit > 0);

        /// Tokens that are never cut and get the first ids, such as `<EOS>`. Each must mix word characters with others
        /// and must not end in an underscore. Default: none.
        reserved_tokens(tokens: impl IntoIterator<Item = impl Into<String>>) => reserved = tokens.into_iter().map(Into::into).collect();
    }

    /// Builds an encoder from texts, which are read once and need not all be in memory; memory grows with the distinct
    /// tokens. The result depends neither on the order of the texts nor on the number of threads.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for a target below 258, a length of 0 or a token that cannot be reserved,
    /// [`Error::EmptyCorpus`] if no text has a character, [`Error::TooLarge`] if the distinct tokens have more than 2
    /// GiB in total.
    pub fn fit(self, texts: impl IntoIterator<Item = impl Text>) -> Result<SubwordTextEncoder> {
        let tables = self.tables(texts)?;
        self.choose(listed(tables.iter()), tables.documents)
    }

    /// Counts the tokens of a part of the corpus, for [`fit_counts`](Self::fit_counts).
    ///
    /// # Errors
    ///
    /// Those of [`fit`](Self::fit) for the options, and [`Error::Option`] with `max_corpus_chars`, which is a limit on
    /// the whole corpus.
    pub fn count(&self, texts: impl IntoIterator<Item = impl Text>) -> Result<TokenCounts> {
        let limit = self.max_corpus_chars;
        let expected = "unset if parts of a corpus are counted";
        OptionError::unless(limit.is_none(), "max_corpus_chars", expected, limit.unwrap_or_default())?;
        self.tables(texts)?.by_first_appearance()
    }

    /// Builds an encoder from tokens that were [counted](Self::count) before, by one process or by many, and whose parts
    /// were [merged](TokenCounts::merge): the same as [`fit`](Self::fit) on all texts.
    ///
    /// ```
    /// use kiln_text::encoders::SubwordTextEncoder;
    ///
    /// let builder = SubwordTextEncoder::builder(265);
    /// let mut counts = builder.count(["the cat and the hat"])?;
    /// counts.merge(&builder.count(["the hat and the bat"])?)?;
    /// let encoder = builder.clone().fit(["the cat and the hat", "the hat and the bat"])?;
    /// assert_eq!(builder.fit_counts(&counts)?, encoder);
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`fit`](Self::fit).
    pub fn fit_counts(self, counts: &TokenCounts) -> Result<SubwordTextEncoder> {
        self.check()?;
        self.choose(listed(counts.iter()), counts.documents())
    }

    fn check(&self) -> Result<()> {
        let least = OTHER_IDS + 1;
        let (target, longest) = (self.target_vocab_size, self.max_subword_length);
        let expected = "258 or more, since padding and all bytes take 257";
        OptionError::unless(target >= least, "target_vocab_size", expected, target)?;
        OptionError::unless(longest > 0, "max_subword_length", "1 or more", longest)?;
        let wrong = |expected, token| Err(OptionError::new("reserved_tokens", expected, format!("{token:?}")).into());
        for (at, token) in self.reserved.iter().enumerate() {
            if token.ends_with('_') || !is_mixed(token) {
                let expected = "tokens that mix word characters with others and do not end in an underscore";
                return wrong(expected, token);
            }
            if token == ESCAPE || self.reserved[..at].contains(token) {
                return wrong("each token once, and none of them \\&undsc", token);
            }
        }
        Ok(())
    }

    fn tables(&self, texts: impl IntoIterator<Item = impl Text>) -> Result<Tables> {
        self.check()?;
        // As in TensorFlow Datasets, the first in the list wins among reserved tokens that start at the same place.
        let cutter = Cutter::new(self.reserved.iter().map(String::as_str), MatchKind::LeftmostFirst)?;
        let each = |text: &str, take: &mut dyn FnMut(&str)| {
            let mut escaped = String::new();
            cutter.each(text, |token| {
                token.escape_into(&mut escaped);
                take(&escaped);
            });
            Ok(())
        };
        count_tokens(texts, self.max_corpus_chars, each)
    }

    fn choose(self, counts: CountedTokens, documents: u64) -> Result<SubwordTextEncoder> {
        if counts.is_empty() {
            return Err(Error::EmptyCorpus { documents });
        }
        let subwords = build::choose(counts, &self.reserved, self.max_subword_length, self.target_vocab_size)?;
        SubwordTextEncoder::new(subwords)
    }
}

impl Encoder for SubwordTextEncoder {
    /// The ids of a text, which [`decode`](Self::decode) turns back into the same text.
    fn encode(&self, text: &str) -> Vec<u32> {
        // With 8,000 subwords, each covers about three and a half bytes of English.
        let mut ids = Vec::with_capacity(text.len() / 3 + 1);
        let mut escaped = String::new();
        self.cutter.each(text, |token| {
            token.escape_into(&mut escaped);
            let start = ids.len();
            self.cover(&escaped, &mut ids);
            let could_differ = token.text.contains('_') || token.reserved && token.text.contains(ESCAPE);
            if could_differ && !self.gives_back(&ids[start..], &token) {
                ids.truncate(start);
                self.cover_apart(&token, &mut escaped, &mut ids);
            }
        });
        ids
    }

    /// How many rows an embedding needs: the number of subwords + 257, for padding and all bytes.
    fn vocab_size(&self) -> usize {
        self.subwords.len() + OTHER_IDS
    }
}
