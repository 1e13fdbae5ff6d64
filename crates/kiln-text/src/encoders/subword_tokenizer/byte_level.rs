//! Byte-level BPE without the general pipeline: GPT-2's words, their ids from a table, and decoding by pieces. The
//! merges are done by the model.
//!
//! Conditions of this path: a BPE model without dropout; the ByteLevel pre-tokenizer with its pattern and without a
//! prefix space; the ByteLevel decoder; no normaliser; no truncation; no post-processor that adds tokens; and no added
//! token that a text could contain. Otherwise [`ByteLevelBpe::of`] returns `None` and the pipeline is used. Both give
//! the same ids.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;
use tokenizers::models::bpe::BPE;
use tokenizers::{DecoderWrapper, Model, ModelWrapper, PostProcessorWrapper, PreTokenizerWrapper, Tokenizer};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use super::library_error;
use crate::error::Result;

/// The parts of a byte-level BPE that encoding and decoding need, without the pipeline.
#[derive(Clone, Debug)]
pub(super) struct ByteLevelBpe {
    /// Words that are one token.
    whole: FxHashMap<Box<[u8]>, u32>,
    /// What each id decodes to; empty for special tokens.
    pieces: Vec<Box<[u8]>>,
}

/// The ids of words seen before.
pub(super) type WordCache = FxHashMap<Box<[u8]>, Box<[u32]>>;

/// A cache with this many words is emptied.
const CACHED_WORDS: usize = 1 << 16;

impl ByteLevelBpe {
    /// The tables of a tokenizer, if it meets the conditions. With `specials_are_text`, special tokens in texts are
    /// ordinary text.
    pub(super) fn of(tokenizer: &Tokenizer, specials_are_text: bool) -> Option<Self> {
        let bpe = model(tokenizer)?;
        let added = tokenizer.get_added_tokens_decoder();
        let plain = bpe.dropout.is_none()
            && tokenizer.get_normalizer().is_none()
            && tokenizer.get_truncation().is_none()
            && tokenizer.get_padding().is_none()
            && matches!(tokenizer.get_pre_tokenizer(),
                Some(PreTokenizerWrapper::ByteLevel(level)) if level.use_regex && !level.add_prefix_space)
            && matches!(tokenizer.get_decoder(), Some(DecoderWrapper::ByteLevel(_)))
            && matches!(tokenizer.get_post_processor(), None | Some(PostProcessorWrapper::ByteLevel(_)))
            && (added.is_empty() || specials_are_text && added.values().all(|token| token.special));
        if !plain {
            return None;
        }
        let mut whole = FxHashMap::default();
        let mut pieces = Vec::new();
        for (token, id) in tokenizer.get_vocab(true) {
            if added.contains_key(&id) {
                continue;
            }
            let bytes: Box<[u8]> = match token.chars().map(byte_of).collect() {
                Some(bytes) => bytes,
                // Like the decoder for a token that is not in its alphabet.
                None => Box::from(token.as_bytes()),
            };
            if bpe.tokenize(&token).is_ok_and(|tokens| tokens.len() == 1 && tokens[0].id == id) {
                whole.insert(bytes.clone(), id);
            }
            if pieces.len() <= id as usize {
                pieces.resize(id as usize + 1, Box::default());
            }
            pieces[id as usize] = bytes;
        }
        Some(Self { whole, pieces })
    }

    /// Appends the ids of a text. `cache` keeps words for the next text.
    pub(super) fn encode(
        &self,
        tokenizer: &Tokenizer,
        text: &str,
        cache: &mut WordCache,
        ids: &mut Vec<u32>,
    ) -> Result<()> {
        let Some(bpe) = model(tokenizer) else { return Ok(()) };
        let mut spelled = String::new();
        try_each_word(text, |word| {
            if let Some(&id) = self.whole.get(word.as_bytes()) {
                ids.push(id);
            } else if let Some(known) = cache.get(word.as_bytes()) {
                ids.extend_from_slice(known);
            } else {
                spelled.clear();
                spelled.extend(word.bytes().map(character_of));
                let tokens = bpe.tokenize(&spelled).map_err(library_error("encode a text"))?;
                let word_ids: Box<[u32]> = tokens.into_iter().map(|token| token.id).collect();
                ids.extend_from_slice(&word_ids);
                if cache.len() >= CACHED_WORDS {
                    cache.clear();
                }
                // Long words are rare and seldom repeated.
                if word.len() <= 64 {
                    cache.insert(Box::from(word.as_bytes()), word_ids);
                }
            }
            Ok(())
        })
    }

    /// The text of ids; ids without a token are skipped.
    pub(super) fn decode(&self, ids: &[u32]) -> String {
        let mut bytes = Vec::with_capacity(ids.len() * 4);
        for piece in ids.iter().filter_map(|&id| self.pieces.get(id as usize)) {
            bytes.extend_from_slice(piece);
        }
        String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

fn model(tokenizer: &Tokenizer) -> Option<&BPE> {
    match tokenizer.get_model() {
        ModelWrapper::BPE(bpe) => Some(bpe),
        _ => None,
    }
}

/// GPT-2's characters for bytes: printable ones of Latin-1 stand for themselves, the others are numbered from U+0100
/// on.
static CHARACTERS: LazyLock<[char; 256]> = LazyLock::new(|| {
    let mut others = '\u{100}'..;
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    std::array::from_fn(|byte| {
        let byte = byte as u8;
        if printable(byte) { char::from(byte) } else { others.next().unwrap_or_default() }
    })
});

static BYTES: LazyLock<FxHashMap<char, u8>> = LazyLock::new(|| CHARACTERS.iter().copied().zip(0..=255).collect());

pub(super) fn character_of(byte: u8) -> char {
    CHARACTERS[byte as usize]
}

fn byte_of(character: char) -> Option<u8> {
    BYTES.get(&character).copied()
}

/// The kinds of characters in GPT-2's pattern.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Space,
    Letter,
    Number,
    Other,
}

fn kind_of(character: char) -> Kind {
    match character {
        'a'..='z' | 'A'..='Z' | '가'..='힣' => Kind::Letter,
        ' ' | '\t'..='\r' => Kind::Space,
        '0'..='9' => Kind::Number,
        '\0'..='\x7f' => Kind::Other,
        _ if character.is_whitespace() => Kind::Space,
        _ => match character.general_category_group() {
            GeneralCategoryGroup::Letter => Kind::Letter,
            GeneralCategoryGroup::Number => Kind::Number,
            _ => Kind::Other,
        },
    }
}

/// Calls `take` with every word of GPT-2's pattern
/// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`: the words together are the text.
pub(super) fn try_each_word(text: &str, mut take: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(word_length(rest));
        take(word)?;
        rest = after;
    }
    Ok(())
}

/// The length of the first word of a text that is not empty.
fn word_length(text: &str) -> usize {
    if text.starts_with('\'')
        && let Some(ending) = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].iter().find(|end| text.starts_with(**end))
    {
        return ending.len();
    }
    // One space belongs to the run after it, if that is not white space.
    let start = usize::from(text.starts_with(' '));
    let kind = text[start..].chars().next().map_or(Kind::Space, kind_of);
    if kind != Kind::Space {
        return run_length(&text[start..], kind) + start;
    }
    let spaces = run_length(text, Kind::Space);
    let last = text[..spaces].chars().next_back().map_or(0, char::len_utf8);
    // White space before a word leaves its last character to the word, unless it has only one.
    if spaces == text.len() || spaces == last { spaces } else { spaces - last }
}

/// How many bytes at the start of a text are of one kind.
fn run_length(text: &str, kind: Kind) -> usize {
    text.char_indices().find(|&(_, character)| kind_of(character) != kind).map_or(text.len(), |(at, _)| at)
}
