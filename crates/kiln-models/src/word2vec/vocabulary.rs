//! The words that vectors are trained for, by falling count.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use rayon::prelude::*;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::corpus::{Block, Corpus, Token};
use crate::error::{Error, Result};

/// Words with their counts, the most frequent first; of equally frequent ones the first seen. Those
/// of a corpus that was added later follow behind.
#[derive(Clone, Debug, Default)]
pub struct Word2VecVocabulary {
    words: Vec<String>,
    counts: Vec<u64>,
    table: HashTable<u32>,
    /// Words of the corpus, rare ones included.
    raw_words: u64,
}

impl Word2VecVocabulary {
    /// Words and their counts in the order in which they were first seen; those below `min_count`
    /// are left out.
    pub(crate) fn new(counted: impl IntoIterator<Item = (String, u64)>, min_count: u64, raw_words: u64) -> Self {
        let mut kept: Vec<(String, u64)> = counted.into_iter().filter(|(_, count)| *count >= min_count).collect();
        kept.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let mut vocabulary = Self { raw_words, ..Self::default() };
        for (word, count) in kept {
            vocabulary.push(word, count);
        }
        vocabulary
    }

    fn push(&mut self, word: String, count: u64) {
        let index = self.words.len() as u32;
        let (words, hasher) = (&self.words, FxBuildHasher);
        self.table.insert_unique(hasher.hash_one(word.as_str()), index, |&other| {
            hasher.hash_one(words[other as usize].as_str())
        });
        self.words.push(word);
        self.counts.push(count);
    }

    /// The words.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// How often each word occurs.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// How many words there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Running words of the corpus, those that are left out included.
    #[must_use]
    pub fn raw_words(&self) -> u64 {
        self.raw_words
    }

    /// The index of a word.
    #[inline]
    #[must_use]
    pub fn index(&self, word: &str) -> Option<u32> {
        self.table.find(FxBuildHasher.hash_one(word), |&index| self.words[index as usize] == word).copied()
    }
}

impl Word2VecVocabulary {
    /// Words with their counts, in their order; `None` unless each has one, all words differ, and two
    /// of them occur.
    pub(crate) fn from_parts(words: Vec<String>, counts: Vec<u64>, raw_words: u64) -> Option<Self> {
        if words.len() != counts.len() || counts.iter().filter(|&&count| count > 0).count() < 2 {
            return None;
        }
        let mut vocabulary = Self { raw_words, ..Self::default() };
        for (word, count) in words.into_iter().zip(counts) {
            if vocabulary.index(&word).is_some() {
                return None;
            }
            vocabulary.push(word, count);
        }
        Some(vocabulary)
    }

    /// Adds the counts of another corpus; its words that are new and occur `min_count` times follow
    /// the old ones.
    pub(crate) fn extend(&mut self, corpus: &Corpus, min_count: u64) -> Result<()> {
        let Counted { words, raw_words } = corpus.count()?;
        let distinct = words.len();
        let (old, mut new): (Vec<_>, Vec<_>) = words.into_iter().partition(|(word, _)| self.index(word).is_some());
        new.retain(|(_, count)| *count >= min_count);
        if old.is_empty() && new.is_empty() {
            return Err(Error::NoNewWord { words: raw_words, distinct, min_count });
        }
        for (word, count) in old {
            if let Some(index) = self.index(&word) {
                let sum = &mut self.counts[index as usize];
                *sum = sum.saturating_add(count);
            }
        }
        new.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        new.into_iter().for_each(|(word, count)| self.push(word, count));
        self.raw_words = raw_words;
        Ok(())
    }
}

/// A corpus's words in the order in which they were first seen.
struct Counted {
    words: Vec<(String, u64)>,
    raw_words: u64,
}

impl Corpus {
    /// Counts the words, on all cores.
    ///
    /// # Errors
    ///
    /// A file cannot be read or is not UTF-8, or fewer than two words occur `min_count` times.
    pub fn vocabulary(&self, min_count: u64) -> Result<Word2VecVocabulary> {
        let Counted { words, raw_words } = self.count()?;
        let distinct = words.len();
        let vocabulary = Word2VecVocabulary::new(words, min_count, raw_words);
        if vocabulary.len() < 2 {
            return Err(Error::EmptyCorpus { words: raw_words, distinct, min_count });
        }
        Ok(vocabulary)
    }

    /// How many words run in it.
    pub(crate) fn raw_words(&self) -> Result<u64> {
        Ok(self.count()?.raw_words)
    }

    fn count(&self) -> Result<Counted> {
        let mut blocks = self.blocks(None);
        let mut counts: FxHashMap<String, (u64, usize)> = FxHashMap::default();
        let mut raw_words = 0;
        loop {
            let mut some: Vec<Block> = Vec::new();
            while some.len() < 4 * rayon::current_num_threads() {
                match blocks.next()? {
                    Some(block) => some.push(block),
                    None => break,
                }
            }
            if some.is_empty() {
                break;
            }
            let counted: Vec<_> = some.par_iter().map(count).collect();
            for (words, total) in counted {
                raw_words += total;
                for (word, count) in words {
                    match counts.get_mut(word) {
                        Some((sum, _)) => *sum += count,
                        None => {
                            let seen = counts.len();
                            counts.insert(word.to_owned(), (count, seen));
                        }
                    }
                }
            }
        }
        let mut words: Vec<_> = counts.into_iter().collect();
        words.sort_unstable_by_key(|(_, (_, seen))| *seen);
        Ok(Counted { words: words.into_iter().map(|(word, (count, _))| (word, count)).collect(), raw_words })
    }
}

/// The words of a block with their counts, in the order of their first places, and how many words
/// run in it.
fn count(block: &Block) -> (Vec<(&str, u64)>, u64) {
    let mut counts: FxHashMap<&str, (u64, usize)> = FxHashMap::default();
    let mut total = 0;
    block.tokens(|token| {
        if let Token::Word(word) = token {
            let next = counts.len();
            counts.entry(word).or_insert((0, next)).0 += 1;
            total += 1;
        }
    });
    let mut words: Vec<_> = counts.into_iter().collect();
    words.sort_unstable_by_key(|(_, (_, place))| *place);
    (words.into_iter().map(|(word, (count, _))| (word, count)).collect(), total)
}
