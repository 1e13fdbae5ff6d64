//! [`TokenMap`]: tokens, numbered by first appearance and found by their bytes. Leaves out what is known of a token,
//! which its users keep in a list beside it.
//!
//! As in `word_table.rs`, a token of at most 15 bytes is found by comparing two integers in the table itself. The texts
//! lie one behind the other in one string, so that a vocabulary of millions costs no allocation for each.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use crate::vocabulary::word_table::packed_in;

/// Different tokens, numbered from 0 in the order in which they were put in.
#[derive(Clone, Debug, Default)]
pub(crate) struct TokenMap {
    texts: String,
    /// For token i, at i, where its text ends in `texts`; it starts where the one before ends.
    ends: Vec<usize>,
    short: FxHashMap<(u64, u64), u32>,
    long: FxHashMap<Box<[u8]>, u32>,
}

impl TokenMap {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The number of a token.
    #[inline]
    pub(crate) fn find(&self, token: &[u8]) -> Option<u32> {
        self.find_in(token, (0, token.len()))
    }

    /// The number of the token that stands in a text from `start` to `end`.
    #[inline]
    pub(crate) fn find_in(&self, text: &[u8], (start, end): (usize, usize)) -> Option<u32> {
        match packed_in(text, (start, end)) {
            Some(key) => self.short.get(&key),
            None => self.long.get(&text[start..end]),
        }
        .copied()
    }

    /// The number of a token, which is put in if it is not there, and whether it was put in.
    ///
    /// `token` is UTF-8; bytes that are not would be put in with U+FFFD in their place.
    #[inline]
    pub(crate) fn find_or_push(&mut self, token: &[u8]) -> (u32, bool) {
        self.find_or_push_in(token, (0, token.len()))
    }

    /// The same for the token that stands in a text from `start` to `end`.
    #[inline]
    pub(crate) fn find_or_push_in(&mut self, text: &[u8], (start, end): (usize, usize)) -> (u32, bool) {
        let next = self.ends.len() as u32;
        let token = &text[start..end];
        match packed_in(text, (start, end)) {
            Some(key) => match self.short.entry(key) {
                Entry::Occupied(entry) => return (*entry.get(), false),
                Entry::Vacant(entry) => entry.insert(next),
            },
            None => match self.long.get(token) {
                Some(&number) => return (number, false),
                None => self.long.entry(Box::from(token)).or_insert(next),
            },
        };
        self.texts.push_str(&String::from_utf8_lossy(token));
        self.ends.push(self.texts.len());
        (next, true)
    }

    /// The text of a token.
    pub(crate) fn text(&self, number: u32) -> Option<&str> {
        let number = number as usize;
        let end = *self.ends.get(number)?;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.texts.get(start..end)
    }

    /// The tokens in the order of their numbers.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        (0..self.ends.len() as u32).map(|number| self.text(number).unwrap_or_default())
    }
}

/// Equal if the same tokens have the same numbers.
impl PartialEq for TokenMap {
    fn eq(&self, other: &Self) -> bool {
        self.ends == other.ends && self.texts == other.texts
    }
}
