//! [`Words`]: the words of a set of vectors, each with its index. Leaves out the vectors.
//!
//! All words lie in one string, with the end of each, and the table from word to index holds nothing but indices. So
//! 400,000 words are three allocations, and reading them costs the hashing of each and little else.

use std::hash::Hasher;

use hashbrown::HashTable;
use rustc_hash::FxHasher;

/// Distinct words in a fixed order, found by their text or their index, which counts from 0.
///
/// # Examples
///
/// ```
/// use kiln_vectors::Words;
///
/// // A word that comes again keeps its first index.
/// let words: Words = ["the", "of", "the", "and"].into_iter().collect();
/// assert_eq!(words.len(), 3);
/// assert_eq!(words.index("and"), Some(2));
/// assert_eq!(words.word(1), Some("of"));
/// assert_eq!(words.index("The"), None);
/// assert_eq!(words.iter().collect::<Vec<_>>(), ["the", "of", "and"]);
/// ```
#[derive(Clone, Default)]
pub struct Words {
    text: String,
    /// Where each word ends in `text`; it begins where the one before ends.
    ends: Vec<usize>,
    table: HashTable<u32>,
}

/// What became of a word that was added.
pub(crate) enum Added {
    /// It is new, and has the next index.
    New,
    /// It was there already, with this index.
    Known(usize),
}

/// Why words from elsewhere cannot be taken over.
pub(crate) enum BadWords {
    /// An end comes before the one before it, is beyond the text, or cuts a character.
    End { word: usize, end: usize },
    /// A word comes twice.
    Duplicate { first: usize, second: usize },
}

impl Words {
    /// The most words that can be held.
    pub(crate) const MOST: usize = u32::MAX as usize;

    /// Room for so many words of so many bytes together.
    pub(crate) fn with_capacity(words: usize, bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            ends: Vec::with_capacity(words),
            table: HashTable::with_capacity(words),
        }
    }

    /// Takes over words that lie one behind the other.
    pub(crate) fn from_parts(text: String, ends: Vec<usize>) -> Result<Self, BadWords> {
        let mut start = 0;
        for (word, &end) in ends.iter().enumerate() {
            if end < start || !text.is_char_boundary(end) {
                return Err(BadWords::End { word, end });
            }
            start = end;
        }
        if start != text.len() {
            return Err(BadWords::End { word: ends.len().saturating_sub(1), end: start });
        }
        let mut table = HashTable::with_capacity(ends.len());
        for second in 0..ends.len() {
            let word = word_at(&text, &ends, second);
            let hash = hash(word);
            if let Some(&first) = table.find(hash, |&other| word_at(&text, &ends, other as usize) == word) {
                return Err(BadWords::Duplicate { first: first as usize, second });
            }
            table.insert_unique(hash, second as u32, |&other| self::hash(word_at(&text, &ends, other as usize)));
        }
        Ok(Self { text, ends, table })
    }

    /// Adds a word behind the others, unless it is among them. The caller keeps the number below [`Self::MOST`].
    pub(crate) fn add(&mut self, word: &str) -> Added {
        let Self { text, ends, table } = self;
        let hash = hash(word);
        if let Some(&index) = table.find(hash, |&other| word_at(text, ends, other as usize) == word) {
            return Added::Known(index as usize);
        }
        let index = ends.len() as u32;
        text.push_str(word);
        ends.push(text.len());
        table.insert_unique(hash, index, |&other| self::hash(word_at(text, ends, other as usize)));
        Added::New
    }

    /// The index of a word, counted from 0.
    #[inline]
    pub fn index(&self, word: &str) -> Option<usize> {
        let found = self.table.find(hash(word), |&other| word_at(&self.text, &self.ends, other as usize) == word);
        found.map(|&index| index as usize)
    }

    /// The word with an index.
    #[inline]
    pub fn word(&self, index: usize) -> Option<&str> {
        (index < self.ends.len()).then(|| word_at(&self.text, &self.ends, index))
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no word.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The words in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        (0..self.ends.len()).map(|index| word_at(&self.text, &self.ends, index))
    }

    /// All words one behind the other, and where each ends.
    pub(crate) fn parts(&self) -> (&str, &[usize]) {
        (&self.text, &self.ends)
    }

    pub(crate) fn shrink_to_fit(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// At most `most` words spelt like `word`, the closest first, ties by index.
    ///
    /// The effort is bounded: only the first 100,000 words are looked at, a set of the letters of each rules out nearly
    /// all of them, and only those that could be within two edits are compared in full.
    pub(crate) fn closest(&self, word: &str, most: usize) -> Vec<String> {
        const LOOKED_AT: usize = 100_000;
        let length = word.chars().count();
        let edits = match length {
            0..=2 => 1,
            3..=5 => 2,
            _ => 3,
        };
        let (lower, letters) = (word.to_lowercase(), letters(word));
        let mut found: Vec<(usize, usize)> = Vec::new();
        for (index, other) in self.iter().take(LOOKED_AT).enumerate() {
            // A character has at most four bytes, and one edit changes at most two letters of the set.
            if other.len().abs_diff(word.len()) > 4 * edits
                || (self::letters(other) ^ letters).count_ones() as usize > 2 * edits
            {
                continue;
            }
            let distance = match other.to_lowercase() == lower {
                true => 0,
                false => strsim::osa_distance(other, word),
            };
            if distance <= edits && distance < length.max(2) {
                found.push((distance, index));
            }
        }
        found.sort_unstable();
        found.truncate(most);
        found.iter().filter_map(|&(_, index)| self.word(index).map(str::to_owned)).collect()
    }
}

/// A set of the letters of a word, whatever their case, so that words can be told apart without comparing them.
fn letters(word: &str) -> u64 {
    word.bytes().filter(|byte| byte.is_ascii()).fold(0, |set, byte| set | 1 << (byte.to_ascii_lowercase() % 64))
}

#[inline]
fn hash(word: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(word.as_bytes());
    hasher.finish()
}

#[inline]
fn word_at<'a>(text: &'a str, ends: &[usize], index: usize) -> &'a str {
    let start = if index == 0 { 0 } else { ends[index - 1] };
    &text[start..ends[index]]
}

impl<S: AsRef<str>> FromIterator<S> for Words {
    fn from_iter<I: IntoIterator<Item = S>>(words: I) -> Self {
        let words = words.into_iter();
        let mut all = Self::with_capacity(words.size_hint().0, 0);
        for word in words.take(Self::MOST) {
            all.add(word.as_ref());
        }
        all
    }
}

impl PartialEq for Words {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.ends == other.ends
    }
}

impl Eq for Words {}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
