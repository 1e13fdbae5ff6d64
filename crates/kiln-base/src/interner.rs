//! [`Interner`]: words numbered by first appearance and found by their bytes.
//!
//! Almost every word of a text has at most 15 bytes. Such a word fits, with its length, into two integers, so that
//! finding it compares integers in the table itself. Longer words are found by their bytes. All words are in one
//! string, one after the other, so that a vocabulary of millions needs no allocation per word.

use std::fmt;
use std::hash::{Hash, Hasher};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rustc_hash::FxHasher;

use crate::packed::packed_in;

/// Distinct words, numbered from 0 in the order in which they were added.
///
/// ```
/// use kiln_base::Interner;
///
/// let mut words = Interner::default();
/// assert_eq!(words.intern("to"), (0, true));
/// assert_eq!(words.intern("be"), (1, true));
/// assert_eq!(words.intern("to"), (0, false));
/// assert_eq!((words.find(b"be"), words.text(1), words.len()), (Some(1), Some("be"), 2));
/// ```
#[derive(Clone, Default)]
pub struct Interner {
    words: Words,
    numbers: Numbers,
}

/// Words by number.
#[derive(Clone, Default, PartialEq, Eq)]
struct Words {
    texts: String,
    /// Where the text of word i ends in `texts`, at index i; it starts where the previous word ends.
    ends: Vec<usize>,
}

/// Numbers by word.
#[derive(Clone, Default)]
struct Numbers {
    short: HashTable<((u64, u64), u32)>,
    /// Long words are compared where they are, in [`Words`].
    long: HashTable<u32>,
}

impl Words {
    #[inline]
    fn text(&self, number: u32) -> Option<&str> {
        let number = number as usize;
        let end = *self.ends.get(number)?;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.texts.get(start..end)
    }

    #[inline]
    fn is(&self, number: u32, word: &[u8]) -> bool {
        self.text(number).is_some_and(|text| text.as_bytes() == word)
    }
}

impl Numbers {
    #[inline]
    fn find(&self, words: &Words, text: &[u8], (start, end): (usize, usize)) -> Option<u32> {
        match packed_in(text, (start, end)) {
            Some(key) => self.short.find(hash(key), |entry| entry.0 == key).map(|entry| entry.1),
            None => {
                let word = &text[start..end];
                self.long.find(hash(word), |&number| words.is(number, word)).copied()
            }
        }
    }

    /// Gives the word at `start..end` of a text the number `next`, unless it already has one.
    #[inline]
    fn number(&mut self, words: &Words, text: &[u8], (start, end): (usize, usize), next: u32) -> Result<(), u32> {
        match packed_in(text, (start, end)) {
            Some(key) => match self.short.entry(hash(key), |entry| entry.0 == key, |entry| hash(entry.0)) {
                Entry::Occupied(entry) => return Err(entry.get().1),
                Entry::Vacant(entry) => drop(entry.insert((key, next))),
            },
            None => {
                let word = &text[start..end];
                let hash_of = |&number: &u32| hash(words.text(number).unwrap_or_default().as_bytes());
                match self.long.entry(hash(word), |&number| words.is(number, word), hash_of) {
                    Entry::Occupied(entry) => return Err(*entry.get()),
                    Entry::Vacant(entry) => drop(entry.insert(next)),
                }
            }
        }
        Ok(())
    }
}

#[inline]
fn hash(key: impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    key.hash(&mut hasher);
    hasher.finish()
}

/// Why concatenated words are not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadParts {
    /// An end is before the previous one, beyond the text, or within a character.
    End {
        /// The word's number.
        word: usize,
        /// Where it should end.
        end: usize,
    },
    /// A word comes twice.
    Duplicate {
        /// Where it is first.
        first: usize,
        /// Where it is again.
        second: usize,
    },
}

impl Interner {
    /// The most words that can be held.
    pub const MOST: usize = u32::MAX as usize;

    /// Room for `words` words with `bytes` bytes in total.
    pub fn with_capacity(words: usize, bytes: usize) -> Self {
        let numbers = Numbers { short: HashTable::with_capacity(words), long: HashTable::with_capacity(words) };
        Self { words: Words { texts: String::with_capacity(bytes), ends: Vec::with_capacity(words) }, numbers }
    }

    /// Builds from words concatenated in `texts`, word i ending at `ends[i]`.
    ///
    /// # Errors
    ///
    /// The ends do not cut the text into words, or a word occurs twice.
    pub fn from_parts(texts: String, ends: Vec<usize>) -> Result<Self, BadParts> {
        let mut start = 0;
        for (word, &end) in ends.iter().enumerate() {
            if end < start || !texts.is_char_boundary(end) {
                return Err(BadParts::End { word, end });
            }
            start = end;
        }
        if start != texts.len() {
            return Err(BadParts::End { word: ends.len().saturating_sub(1), end: start });
        }
        let words = Words { texts, ends };
        let mut numbers = Self::with_capacity(words.ends.len(), 0).numbers;
        let mut start = 0;
        for (second, &end) in words.ends.iter().enumerate() {
            if let Err(first) = numbers.number(&words, words.texts.as_bytes(), (start, end), second as u32) {
                return Err(BadParts::Duplicate { first: first as usize, second });
            }
            start = end;
        }
        Ok(Self { words, numbers })
    }

    /// All words concatenated, and where each ends.
    pub fn parts(&self) -> (&str, &[usize]) {
        (&self.words.texts, &self.words.ends)
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.words.ends.len()
    }

    /// Whether there are no words.
    pub fn is_empty(&self) -> bool {
        self.words.ends.is_empty()
    }

    /// The number of a word.
    #[inline]
    pub fn find(&self, word: &[u8]) -> Option<u32> {
        self.find_in(word, (0, word.len()))
    }

    /// The number of the word at `start..end` of a text.
    #[inline]
    pub fn find_in(&self, text: &[u8], place: (usize, usize)) -> Option<u32> {
        self.numbers.find(&self.words, text, place)
    }

    /// The number of a word, which is added if it is new, and whether it was added.
    #[inline]
    pub fn intern(&mut self, word: &str) -> (u32, bool) {
        let next = self.words.ends.len() as u32;
        match self.numbers.number(&self.words, word.as_bytes(), (0, word.len()), next) {
            Err(number) => (number, false),
            Ok(()) => {
                self.words.texts.push_str(word);
                self.words.ends.push(self.words.texts.len());
                (next, true)
            }
        }
    }

    /// The same for the word at `start..end` of a text, which must be UTF-8: invalid bytes would be stored as U+FFFD.
    #[inline]
    pub fn intern_in(&mut self, text: &[u8], (start, end): (usize, usize)) -> (u32, bool) {
        let next = self.words.ends.len() as u32;
        match self.numbers.number(&self.words, text, (start, end), next) {
            Err(number) => (number, false),
            Ok(()) => {
                self.words.texts.push_str(&String::from_utf8_lossy(&text[start..end]));
                self.words.ends.push(self.words.texts.len());
                (next, true)
            }
        }
    }

    /// The word with this number.
    #[inline]
    pub fn text(&self, number: u32) -> Option<&str> {
        self.words.text(number)
    }

    /// The words in the order of their numbers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        (0..self.len()).map(|number| self.text(number as u32).unwrap_or_default())
    }

    /// Frees memory that holds no word.
    pub fn shrink_to_fit(&mut self) {
        self.words.texts.shrink_to_fit();
        self.words.ends.shrink_to_fit();
    }
}

impl<S: AsRef<str>> FromIterator<S> for Interner {
    fn from_iter<I: IntoIterator<Item = S>>(words: I) -> Self {
        let words = words.into_iter();
        let mut all = Self::with_capacity(words.size_hint().0, 0);
        for word in words.take(Self::MOST) {
            all.intern(word.as_ref());
        }
        all
    }
}

/// Equal if the same words have the same numbers.
impl PartialEq for Interner {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words
    }
}

impl Eq for Interner {}

impl fmt::Debug for Interner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
