//! The words that vectors are trained for, most frequent first.

use std::cmp::Reverse;

use kiln_base::Interner;
use kiln_group::{Group, One, fold_all};
use rayon::prelude::*;

use super::corpus::{Block, Corpus, Token};
use crate::error::{Error, Result};

/// Words with their counts, the most frequent first; words of equal count are in order of appearance. Words of a corpus
/// that was added later come after those of the first.
#[derive(Clone, Debug, Default)]
pub struct Word2VecVocabulary {
    words: Interner,
    counts: Vec<u64>,
    /// Words of the corpus, repetitions and rare words included.
    raw_words: u64,
}

impl Word2VecVocabulary {
    /// Adds the words that are missing, the most frequent first, except those below `min_count`.
    fn add(&mut self, mut counted: Vec<(&str, u64)>, min_count: u64) {
        counted.retain(|(_, count)| *count >= min_count);
        counted.sort_by_key(|(_, count)| Reverse(*count));
        for (word, count) in counted {
            self.words.intern(word);
            self.counts.push(count);
        }
    }

    /// The words.
    pub fn words(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.words.iter()
    }

    /// How often each word occurs.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The number of words.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there are no words.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Words of the corpus, repetitions and rare words included.
    pub fn raw_words(&self) -> u64 {
        self.raw_words
    }

    /// The index of a word.
    #[inline]
    pub fn index(&self, word: &str) -> Option<u32> {
        self.words.find(word.as_bytes())
    }

    /// All words concatenated, and where each ends.
    pub(crate) fn parts(&self) -> (&str, &[usize]) {
        self.words.parts()
    }

    /// Words with their counts, in order; `None` unless each has a count and at least two occur.
    pub(crate) fn from_parts(words: Interner, counts: Vec<u64>, raw_words: u64) -> Option<Self> {
        let occur = counts.iter().filter(|&&count| count > 0).count();
        (words.len() == counts.len() && occur >= 2).then_some(Self { words, counts, raw_words })
    }

    /// Adds the counts of another corpus. Its new words that occur `min_count` times come after the old ones.
    pub(crate) fn extend(&mut self, corpus: &Corpus, min_count: u64) -> Result<()> {
        let counted = corpus.count()?;
        let (old, new): (Vec<_>, Vec<_>) = counted.iter().partition(|(word, _)| self.index(word).is_some());
        if old.is_empty() && new.iter().all(|(_, count)| *count < min_count) {
            let distinct = counted.words.len();
            return Err(Error::NoNewWord { words: counted.raw_words, distinct, min_count });
        }
        for (word, count) in old {
            if let Some(index) = self.index(word) {
                let sum = &mut self.counts[index as usize];
                *sum = sum.saturating_add(count);
            }
        }
        self.add(new, min_count);
        self.raw_words = counted.raw_words;
        Ok(())
    }
}

/// Words with their counts, in order of appearance.
#[derive(Default)]
struct Counted {
    words: Interner,
    counts: Vec<u64>,
    raw_words: u64,
}

impl Counted {
    fn add(&mut self, word: &str, count: u64) {
        let (number, is_new) = self.words.intern(word);
        if is_new {
            self.counts.push(0);
        }
        self.counts[number as usize] += count;
        self.raw_words += count;
    }

    fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.words.iter().zip(self.counts.iter().copied())
    }

    /// A message to another rank.
    fn pack(&self) -> Vec<u8> {
        let (text, ends) = self.words.parts();
        serde_json::to_vec(&(text, ends, &self.counts)).expect("words and counts are plain data")
    }

    fn unpack(bytes: Vec<u8>) -> Result<Self> {
        let (text, ends, counts): (String, Vec<usize>, Vec<u64>) = serde_json::from_slice(&bytes)?;
        // A message that is damaged, or of another operation.
        let (expected, found) = (ends.len(), counts.len());
        let words = Interner::from_parts(text, ends).ok().filter(|words| words.len() == found);
        let words = words.ok_or(kiln_group::Error::Length { expected, found })?;
        let raw_words = counts.iter().sum();
        Ok(Self { words, counts, raw_words })
    }

    fn of(block: &Block) -> Self {
        let mut counted = Self::default();
        block.tokens(|token| {
            if let Token::Word(word) = token {
                counted.add(word, 1);
            }
        });
        counted
    }
}

impl Corpus {
    /// Counts the words, on all cores.
    ///
    /// # Errors
    ///
    /// A file cannot be read or is not UTF-8, or fewer than two words occur `min_count` times.
    pub fn vocabulary(&self, min_count: u64) -> Result<Word2VecVocabulary> {
        self.vocabulary_over(&One, min_count)
    }

    /// [`Corpus::vocabulary`], of which each rank of a group counts a part: the same on every rank, and as one process
    /// counts it.
    ///
    /// # Errors
    ///
    /// As [`Corpus::vocabulary`]; a file cannot be cut ([`Error::CannotCut`]); and those of the group's operations.
    pub fn vocabulary_over(&self, group: &dyn Group, min_count: u64) -> Result<Word2VecVocabulary> {
        let counted = self.count_over(group)?;
        let mut vocabulary = Word2VecVocabulary { raw_words: counted.raw_words, ..Default::default() };
        vocabulary.add(counted.iter().collect(), min_count);
        if vocabulary.len() < 2 {
            let distinct = counted.words.len();
            return Err(Error::EmptyCorpus { words: counted.raw_words, distinct, min_count });
        }
        Ok(vocabulary)
    }

    /// The number of words, repetitions included.
    pub(crate) fn raw_words(&self) -> Result<u64> {
        Ok(self.count()?.raw_words)
    }

    fn count_over(&self, group: &dyn Group) -> Result<Counted> {
        let (rank, ranks) = (group.rank() as u128, group.size() as u128);
        if ranks == 1 {
            return self.count();
        }
        self.check_can_be_cut()?;
        let length = self.length()?;
        let bound = |rank: u128| (u128::from(length) * rank / ranks) as u64;
        let mut own = Some(self.part(bound(rank)..bound(rank + 1))?.count()?);
        let next = |_| Ok::<_, Error>(own.take().unwrap_or_default());
        let add = |all: &mut Counted, more: Counted| {
            more.iter().for_each(|(word, count)| all.add(word, count));
            Ok(())
        };
        Ok(fold_all(group, group.size(), next, Counted::pack, Counted::unpack, add)?.unwrap_or_default())
    }

    fn count(&self) -> Result<Counted> {
        let mut blocks = self.blocks(None);
        let mut all = Counted::default();
        loop {
            let mut some: Vec<Block> = Vec::new();
            while some.len() < 4 * rayon::current_num_threads() {
                match blocks.next()? {
                    Some(block) => some.push(block),
                    None => break,
                }
            }
            if some.is_empty() {
                return Ok(all);
            }
            for counted in some.par_iter().map(Counted::of).collect::<Vec<_>>() {
                counted.iter().for_each(|(word, count)| all.add(word, count));
            }
        }
    }
}
