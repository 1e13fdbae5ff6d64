//! [`WordList`]: the words of a set of vectors, each with its index.

use kiln_base::{BadParts, Interner};

/// Distinct words in a fixed order, found by their text or by their index, which counts from 0.
///
/// # Examples
///
/// ```
/// use kiln_vectors::WordList;
///
/// // A repeated word keeps its first index.
/// let words: WordList = ["the", "of", "the", "and"].into_iter().collect();
/// assert_eq!(words.len(), 3);
/// assert_eq!(words.index("and"), Some(2));
/// assert_eq!(words.word(1), Some("of"));
/// assert_eq!(words.index("The"), None);
/// assert_eq!(words.iter().collect::<Vec<_>>(), ["the", "of", "and"]);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct WordList(pub(crate) Interner);

impl WordList {
    /// The largest number of words.
    pub(crate) const MOST: usize = Interner::MOST;

    /// Takes over words that are concatenated.
    pub(crate) fn from_parts(text: String, ends: Vec<usize>) -> Result<Self, BadParts> {
        Interner::from_parts(text, ends).map(Self)
    }

    /// The index of a word, counted from 0.
    #[inline]
    pub fn index(&self, word: &str) -> Option<usize> {
        self.0.find(word.as_bytes()).map(|index| index as usize)
    }

    /// The word at an index.
    #[inline]
    pub fn word(&self, index: usize) -> Option<&str> {
        self.0.text(u32::try_from(index).ok()?)
    }

    /// The number of words.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no words.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The words in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.0.iter()
    }

    /// At most `most` words spelt like `word`, the closest first, ties by index.
    ///
    /// The effort is bounded: only the first 100,000 words are looked at, the set of their letters rules out nearly all
    /// of them, and only those that could be within two edits are compared in full.
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

/// The set of the letters of a word, ignoring case, so that words can be told apart without comparing them.
fn letters(word: &str) -> u64 {
    word.bytes().filter(|byte| byte.is_ascii()).fold(0, |set, byte| set | 1 << (byte.to_ascii_lowercase() % 64))
}

impl<S: AsRef<str>> FromIterator<S> for WordList {
    fn from_iter<I: IntoIterator<Item = S>>(words: I) -> Self {
        Self(words.into_iter().collect())
    }
}

impl std::fmt::Debug for WordList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
