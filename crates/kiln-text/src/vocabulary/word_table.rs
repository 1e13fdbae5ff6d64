//! [`WordTable`]: the words of a tokenizer, found by their text and kept in the order of first appearance. Leaves out
//! ids, which `word_tokenizer.rs` gives out.
//!
//! Almost every word of a text has at most 15 bytes. Such a word fits, with its length, in two integers, so that
//! finding it compares integers in the table itself and follows no pointer to a string, which saves about a fifth of the
//! time of fitting on IMDB. Longer words are found by their text.

use rustc_hash::FxHashMap;

/// What is known of one word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word {
    /// How often it occurred.
    pub(crate) count: u64,
    /// In how many documents it occurred.
    pub(crate) documents: u64,
    /// Its id, or 0 if it has none.
    pub(crate) index: u32,
}

/// Equal if the same is known of the same words, in the same order.
#[derive(Clone, Debug, Default)]
pub(crate) struct WordTable {
    words: Vec<Word>,
    texts: Vec<Box<str>>,
    short: FxHashMap<(u64, u64), u32>,
    long: FxHashMap<Box<str>, u32>,
}

impl WordTable {
    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    /// The place of a word.
    #[inline]
    pub(crate) fn find(&self, text: &str) -> Option<usize> {
        match packed(text.as_bytes()) {
            Some(key) => self.short.get(&key),
            None => self.long.get(text),
        }
        .map(|&place| place as usize)
    }

    /// What is known of the word that stands in a text from `start` to `end`.
    #[inline]
    pub(crate) fn get_in(&self, text: &str, (start, end): (usize, usize)) -> Option<&Word> {
        match packed_in(text.as_bytes(), (start, end)) {
            Some(key) => self.short.get(&key),
            None => self.long.get(&text[start..end]),
        }
        .map(|&place| &self.words[place as usize])
    }

    pub(crate) fn get(&self, text: &str) -> Option<&Word> {
        self.find(text).map(|place| &self.words[place])
    }

    /// Adds a word that is not there yet, which the caller has looked up.
    pub(crate) fn push(&mut self, text: Box<str>, word: Word) {
        let place = self.words.len() as u32;
        match packed(text.as_bytes()) {
            Some(key) => self.short.insert(key, place),
            None => self.long.insert(text.clone(), place),
        };
        self.words.push(word);
        self.texts.push(text);
    }

    pub(crate) fn word(&self, place: usize) -> &Word {
        &self.words[place]
    }

    #[inline]
    pub(crate) fn word_mut(&mut self, place: usize) -> &mut Word {
        &mut self.words[place]
    }

    pub(crate) fn text(&self, place: usize) -> Option<&str> {
        self.texts.get(place).map(|text| &**text)
    }

    /// Words in the order of first appearance.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Word)> {
        self.texts.iter().map(|text| &**text).zip(&self.words)
    }
}

impl PartialEq for WordTable {
    fn eq(&self, other: &Self) -> bool {
        let known = |word: &Word| (word.count, word.documents, word.index);
        self.texts == other.texts && self.words.iter().map(known).eq(other.words.iter().map(known))
    }
}

/// [`packed`] of the word that stands in a text from `start` to `end`.
///
/// Most words have 16 bytes of text from their start on; these are taken in one piece and those behind the word blotted
/// out, which needs no branch on the word's length.
#[inline]
pub(crate) fn packed_in(text: &[u8], (start, end): (usize, usize)) -> Option<(u64, u64)> {
    let length = end - start;
    match text.get(start..).and_then(<[u8]>::first_chunk) {
        Some(bytes) if (1..16).contains(&length) => {
            let shift = 8 * (16 - length as u32);
            let key = (u128::from_le_bytes(*bytes) << shift >> shift) | (length as u128) << 120;
            Some((key as u64, (key >> 64) as u64))
        }
        _ => packed(&text[start..end]),
    }
}

/// The bytes of a short word, zeros behind them, and its length in the last byte. Different words differ in it, also
/// where one ends in a zero byte.
#[inline]
pub(crate) fn packed(text: &[u8]) -> Option<(u64, u64)> {
    let length = text.len();
    // Head and tail may overlap; the bytes that they share are the same, so putting one over the other is exact.
    let bytes = match length {
        0 => 0,
        1..=3 => {
            let (middle, last) = (length / 2, length - 1);
            u128::from(text[0]) | u128::from(text[middle]) << (8 * middle) | u128::from(text[last]) << (8 * last)
        }
        4..=7 => {
            let (head, tail) = (text.first_chunk()?, text.last_chunk()?);
            u128::from(u32::from_le_bytes(*head)) | u128::from(u32::from_le_bytes(*tail)) << (8 * (length - 4))
        }
        8..=15 => {
            let (head, tail) = (text.first_chunk()?, text.last_chunk()?);
            u128::from(u64::from_le_bytes(*head)) | u128::from(u64::from_le_bytes(*tail)) << (8 * (length - 8))
        }
        _ => return None,
    };
    let key = bytes | (length as u128) << 120;
    Some((key as u64, (key >> 64) as u64))
}
