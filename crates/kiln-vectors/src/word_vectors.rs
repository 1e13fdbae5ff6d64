//! [`WordVectors`]: words, their vectors and counts, and what is computed from them once. Files are in `format`,
//! searches and comparisons of words in `search`.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use kiln_base::Interner;
use memmap2::Mmap;
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::format::checksums::Written;
use crate::search::codes::{Codes, MOST_WIDTH};
use crate::search::rows::{Lengths, Rows};
use crate::word_list::WordList;

/// With fewer values, a full search is fast enough: 8 MiB fit into most processors' caches.
const FEWEST_VALUES_FOR_CODES: usize = 1 << 21;

/// How many other spellings an error suggests.
const SUGGESTIONS: usize = 3;

/// Words and a vector of 32-bit floats for each, all of one width, in a fixed order, usually the most frequent first.
///
/// # Memory
///
/// The values take 4 bytes each, or only address space if they are [mapped](WordVectors::open) from a file. The first
/// call that needs similarities computes the length of every vector, 12 bytes a word. From the second search on, a set
/// of more than two million values (8 MiB) keeps its directions in 8 bits a value: a quarter of the values' memory,
/// plus 8 bytes a word. This makes searches several times faster and changes no result; see
/// [`prepare_search`](WordVectors::prepare_search).
///
/// # Examples
///
/// ```
/// use kiln_vectors::WordVectors;
///
/// let vectors = WordVectors::new(
///     ["king", "queen", "man", "woman"],
///     vec![0.9, 0.1, 0.8, /**/ 0.9, 0.9, 0.8, /**/ 0.1, 0.1, 0.9, /**/ 0.1, 0.9, 0.9],
///     3,
/// )?;
/// assert_eq!((vectors.len(), vectors.d()), (4, 3));
/// assert_eq!(vectors.vector("man")?, [0.1, 0.1, 0.9]);
/// assert_eq!(vectors.get("prince"), None);
/// assert_eq!(
///     vectors.vector("Quen").unwrap_err().to_string(),
///     "\"Quen\" is not one of the 4 words, closest are \"queen\"; `get` returns None for unknown words"
/// );
/// assert_eq!(vectors.analogy("man", "king", "woman", 1)?[0].word, "queen");
/// # Ok::<(), kiln_vectors::Error>(())
/// ```
pub struct WordVectors {
    words: WordList,
    values: Values,
    d: usize,
    counts: Option<Vec<u64>>,
    duplicates: usize,
    computed: Computed,
}

/// The values, row by row.
#[derive(Clone)]
pub(crate) enum Values {
    Owned(Vec<f32>),
    /// `bytes` of a map, aligned for floats, on a machine with the byte order of the file.
    Mapped {
        map: Arc<Mmap>,
        bytes: std::ops::Range<usize>,
        /// The checksums that the file gives for them.
        written: Written,
    },
}

/// What is computed on first use.
#[derive(Default)]
struct Computed {
    lengths: OnceLock<Lengths>,
    codes: OnceLock<Codes>,
    codes_begun: AtomicBool,
    searches: AtomicUsize,
}

impl WordVectors {
    /// Vectors of width `d` for `words`, one after the other in the order of the words.
    ///
    /// # Errors
    ///
    /// If there are no words or a word occurs twice, `d` is 0, the number of values is not the number of words times
    /// `d`, or a value is NaN or infinite.
    pub fn new(words: impl IntoIterator<Item = impl AsRef<str>>, values: Vec<f32>, d: usize) -> Result<Self> {
        if d == 0 {
            let needed = "the width of word vectors should be 1 or more".to_owned();
            return Err(Error::WrongCount { needed, found: 0 });
        }
        let words = words.into_iter();
        let mut all = Interner::with_capacity(words.size_hint().0.min(values.len() / d), 0);
        for (second, word) in words.enumerate() {
            let word = word.as_ref();
            if second >= WordList::MOST {
                return Err(Error::TooManyWords { most: WordList::MOST });
            }
            if let (first, false) = all.intern(word) {
                return Err(Error::DuplicateWord { word: word.to_owned(), first: first as usize, second });
            }
        }
        let all = WordList(all);
        if all.is_empty() {
            return Err(Error::NoWords);
        }
        let (count, all_values) = (all.len(), all.len() as u128 * d as u128);
        if all_values != values.len() as u128 {
            let needed = format!("{count} words of width {d} need {all_values} values");
            return Err(Error::WrongCount { needed, found: values.len() });
        }
        check_finite(&all, &values, d)?;
        Ok(Self::from_parts(all, Values::Owned(values), d, None, 0))
    }

    /// The same vectors with how often each word occurs, in the order of the words.
    ///
    /// # Errors
    ///
    /// If the numbers of counts and of words differ.
    pub fn with_counts(mut self, counts: Vec<u64>) -> Result<Self> {
        if counts.len() != self.len() {
            let needed = format!("{} words need as many counts", self.len());
            return Err(Error::WrongCount { needed, found: counts.len() });
        }
        self.counts = Some(counts);
        Ok(self)
    }

    /// Vectors from parts that have been checked.
    pub(crate) fn from_parts(
        words: WordList,
        values: Values,
        d: usize,
        counts: Option<Vec<u64>>,
        duplicates: usize,
    ) -> Self {
        Self { words, values, d, counts, duplicates, computed: Computed::default() }
    }

    /// The number of words: 1 or more.
    #[allow(clippy::len_without_is_empty, reason = "there is always a word")]
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// The width: the number of values in each vector.
    pub fn d(&self) -> usize {
        self.d
    }

    /// The words in order.
    pub fn words(&self) -> &WordList {
        &self.words
    }

    /// How often each word occurs, in the order of the words, if that is known.
    pub fn counts(&self) -> Option<&[u64]> {
        self.counts.as_deref()
    }

    /// How many repeated words of the file were skipped: the first vector of a word counts.
    pub fn duplicates(&self) -> usize {
        self.duplicates
    }

    /// Whether the values are mapped from a file instead of held in memory.
    pub fn is_mapped(&self) -> bool {
        matches!(self.values, Values::Mapped { .. })
    }

    /// Checks that the values are finite and, if the file has checksums of them, that they are as written. For a
    /// [mapped](Self::open) file this reads all values; those in memory were checked when they were loaded.
    ///
    /// # Errors
    ///
    /// The error names the file and the words whose values are damaged.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_vectors::{Format, WordVectors};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("v.safetensors");
    /// WordVectors::new(["a", "b"], vec![1.0, 2.0], 1)?.save(&path, Format::Safetensors)?;
    /// let vectors = WordVectors::open(&path)?;
    /// vectors.verify()?;
    /// # Ok::<(), kiln_vectors::Error>(())
    /// ```
    pub fn verify(&self) -> Result<()> {
        match &self.values {
            Values::Owned(_) => Ok(()),
            Values::Mapped { map, bytes, written } => {
                check_written(&self.words, self.values(), self.d, &map[bytes.clone()], written)
            }
        }
    }

    /// All vectors, one after the other.
    #[inline]
    pub fn values(&self) -> &[f32] {
        match &self.values {
            Values::Owned(values) => values,
            Values::Mapped { map, bytes, .. } => bytemuck::cast_slice(&map[bytes.clone()]),
        }
    }

    /// The index of a word, counted from 0.
    pub fn index(&self, word: &str) -> Option<usize> {
        self.words.index(word)
    }

    /// The vector of a word, or `None` if it has none. Like [`vector`](Self::vector), without the cost of an error.
    pub fn get(&self, word: &str) -> Option<&[f32]> {
        self.words.index(word).map(|index| self.row_of(index))
    }

    /// The vector of a word.
    ///
    /// # Errors
    ///
    /// If the word has none; the error suggests the closest spellings among the first 100,000 words. Finding those
    /// takes milliseconds, so if unknown words are common, use [`get`](Self::get).
    pub fn vector(&self, word: &str) -> Result<&[f32]> {
        self.known(word).map(|index| self.row_of(index))
    }

    /// The vector at an index, counted from 0.
    pub fn row(&self, index: usize) -> Option<&[f32]> {
        (index < self.len()).then(|| self.row_of(index))
    }

    /// The vector of a word, divided by its length. A vector of zeros is unchanged.
    ///
    /// # Errors
    ///
    /// If the word has no vector.
    pub fn unit_vector(&self, word: &str) -> Result<Vec<f32>> {
        Ok(self.unit_of(self.known(word)?).map(|value| value as f32).collect())
    }

    /// The same words with all vectors divided by their lengths, in memory. Vectors of zeros are unchanged.
    pub fn to_unit(&self) -> WordVectors {
        let mut values = vec![0.0; self.values().len()];
        let lengths = &self.lengths().lengths;
        values.par_chunks_mut(self.d).zip(self.values().par_chunks(self.d)).zip(lengths).for_each(
            |((unit, row), &length)| {
                for (unit, &value) in unit.iter_mut().zip(row) {
                    *unit = divided(value, length) as f32;
                }
            },
        );
        Self::from_parts(self.words.clone(), Values::Owned(values), self.d, self.counts.clone(), self.duplicates)
    }

    /// The length (Euclidean norm) of a word's vector.
    ///
    /// # Errors
    ///
    /// If the word has no vector.
    pub fn norm(&self, word: &str) -> Result<f32> {
        self.known(word).map(|index| self.lengths().lengths[index] as f32)
    }

    /// The lengths (Euclidean norms) of all vectors, in the order of the words.
    pub fn norms(&self) -> Vec<f32> {
        self.lengths().lengths.iter().map(|&length| length as f32).collect()
    }

    /// Computes now what searches need: the lengths of the vectors and, for a set of any size, their directions in 8
    /// bits. Otherwise the first search computes the lengths, and the second one, if the set is large, the directions.
    /// Returns the bytes of memory that both take.
    pub fn prepare_search(&self) -> usize {
        self.lengths();
        if self.d <= MOST_WIDTH && self.computed.codes.get().is_none() {
            self.build_codes();
        }
        let codes = self.computed.codes.get().map_or(0, |_| Codes::bytes(self.len(), self.d));
        self.len() * (size_of::<f64>() + size_of::<f32>()) + codes
    }

    /// The index of a word, or an error that suggests others.
    pub(crate) fn known(&self, word: &str) -> Result<usize> {
        self.words.index(word).ok_or_else(|| Error::UnknownWord {
            word: word.to_owned(),
            words: self.len(),
            suggestions: self.words.closest(word, SUGGESTIONS),
        })
    }

    /// The vector at an index that is known to be valid.
    #[inline]
    pub(crate) fn row_of(&self, index: usize) -> &[f32] {
        &self.values()[index * self.d..(index + 1) * self.d]
    }

    /// The word at an index that is known to be valid.
    pub(crate) fn word_of(&self, index: usize) -> &str {
        self.words.word(index).unwrap_or_default()
    }

    /// A vector divided by its length, in 64 bits.
    pub(crate) fn unit_of(&self, index: usize) -> impl Iterator<Item = f64> {
        let length = self.lengths().lengths[index];
        self.row_of(index).iter().map(move |&value| divided(value, length))
    }

    pub(crate) fn lengths(&self) -> &Lengths {
        // Not inside get_or_init, which would hold a lock while the pool works: a thread of the pool that waits for its
        // part may run a caller's task that needs the same lock.
        if self.computed.lengths.get().is_none() {
            let _ = self.computed.lengths.set(Lengths::new(self.values(), self.d));
        }
        self.computed.lengths.get_or_init(|| Lengths::new(self.values(), self.d))
    }

    pub(crate) fn rows(&self) -> Rows<'_> {
        Rows { values: self.values(), d: self.d, lengths: self.lengths() }
    }

    /// The codes to search with, if the set is large and this is not its first search.
    pub(crate) fn codes(&self) -> Option<&Codes> {
        if let Some(codes) = self.computed.codes.get() {
            return Some(codes);
        }
        let worthwhile = self.values().len() >= FEWEST_VALUES_FOR_CODES && self.d <= MOST_WIDTH;
        if !worthwhile || self.computed.searches.fetch_add(1, Ordering::Relaxed) == 0 {
            return None;
        }
        // One caller builds them, without a lock for the same reason; meanwhile others search in full.
        if !self.computed.codes_begun.swap(true, Ordering::Relaxed) {
            self.build_codes();
        }
        self.computed.codes.get()
    }

    fn build_codes(&self) {
        let codes = Codes::new(self.values(), self.d, &self.lengths().lengths);
        let _ = self.computed.codes.set(codes);
    }
}

/// An error for the first value that is NaN or infinite.
fn check_finite(words: &WordList, values: &[f32], d: usize) -> Result<()> {
    const CHUNK: usize = 1 << 16;
    let first = values.par_chunks(CHUNK).enumerate().find_map_first(|(chunk, values)| {
        // One test for each chunk, without a branch for each value.
        let all_finite = values.iter().fold(true, |finite, value| finite & value.is_finite());
        if all_finite {
            return None;
        }
        values.iter().position(|value| !value.is_finite()).map(|at| chunk * CHUNK + at)
    });
    let Some(at) = first else { return Ok(()) };
    let (index, position) = (at / d, at % d);
    let word = words.word(index).unwrap_or_default().to_owned();
    Err(Error::ValueNotFinite { word, index, position, value: values[at] })
}

/// Checks that values are finite and as written. They are the first of all values whose `bytes` the file has.
pub(crate) fn check_written(words: &WordList, values: &[f32], d: usize, bytes: &[u8], written: &Written) -> Result<()> {
    check_finite(words, values, d).map_err(|error| written.damaged(error))?;
    written.check(bytes, size_of_val(values), d)
}

/// A value divided by the length of its vector; 0 if the vector has no direction.
fn divided(value: f32, length: f64) -> f64 {
    let quotient = f64::from(value) / length;
    if quotient.is_finite() { quotient } else { 0.0 }
}

impl Clone for WordVectors {
    /// A copy, which shares the map if there is one, and computes its own lengths and directions.
    fn clone(&self) -> Self {
        Self::from_parts(self.words.clone(), self.values.clone(), self.d, self.counts.clone(), self.duplicates)
    }
}

impl PartialEq for WordVectors {
    /// Whether words, values and counts are the same, in the same order.
    fn eq(&self, other: &Self) -> bool {
        self.d == other.d && self.words == other.words && self.counts == other.counts && self.values() == other.values()
    }
}

impl fmt::Debug for WordVectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WordVectors")
            .field("len", &self.len())
            .field("d", &self.d)
            .field("first_word", &self.words.word(0))
            .field("counts", &self.counts.is_some())
            .field("duplicates", &self.duplicates)
            .field("mapped", &self.is_mapped())
            .finish_non_exhaustive()
    }
}
