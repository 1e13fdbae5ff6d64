//! [`TokenCounts`]: how often each token occurs in a corpus and in how many documents, counted on all threads. A
//! function passed in says what a token is.
//!
//! A corpus need not fit in memory (`io/batches.rs`). Every thread counts into its own table and records where it first
//! saw each token. At the end the tables are added up and the tokens sorted by where they first occurred, so the result
//! is the same with any number of threads.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::io::batches::in_batches;
use crate::io::saved::Saved;
use crate::io::text::Text;
use kiln_base::Interner;
use kiln_group::{Group, fold};

/// How many texts a thread processes at a time.
const TEXTS_AT_A_TIME: usize = 32;

/// How often one token occurred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenCount {
    /// How often it occurred.
    pub count: u64,
    /// In how many documents it occurred.
    pub documents: u64,
}

/// Tokens with their counts, in the order of first appearance.
///
/// Counts of two parts of a corpus add up: [`merge`](Self::merge) gives the same as counting both, one after the other,
/// and [`over`](Self::over) does so for the parts of many workers.
///
/// # Examples
///
/// ```
/// use kiln_text::vocabulary::{TokenCounts, whitespace_tokens};
///
/// let mut counts = TokenCounts::count_texts(["to be or", "not to be"], whitespace_tokens)?;
/// assert_eq!((counts.count("to"), counts.documents_with("to"), counts.documents()), (2, 2, 2));
/// counts.merge(&TokenCounts::count_texts(["that is"], whitespace_tokens)?)?;
/// let tokens: Vec<&str> = counts.iter().map(|(token, _)| token).collect();
/// assert_eq!(tokens, ["to", "be", "or", "not", "that", "is"]);
///
/// // Any function is a tokenizer that calls `take` with each token.
/// let letters = |text: &str, take: &mut dyn FnMut(&str)| text.split("").filter(|c| !c.is_empty()).for_each(take);
/// assert_eq!(TokenCounts::count_texts(["abba"], letters)?.count("b"), 2);
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenCounts {
    pub(crate) map: Interner,
    pub(crate) counts: Vec<TokenCount>,
    pub(crate) documents: u64,
    pub(crate) tokens: u64,
}

/// Calls `take` with each token between white space; a tokenizer for [`TokenCounts`] and
/// [`Vocabulary`](crate::vocabulary::Vocabulary).
pub fn whitespace_tokens(text: &str, take: &mut dyn FnMut(&str)) {
    text.split_whitespace().for_each(take);
}

impl TokenCounts {
    /// Counts the tokens of texts, which are read once. `each` calls its second argument with every token of a text.
    ///
    /// # Errors
    ///
    /// The first error among the texts, and [`Error::TooLarge`] for more than 2^32 - 2 different tokens.
    pub fn count_texts(
        texts: impl IntoIterator<Item = impl Text>,
        each: impl Fn(&str, &mut dyn FnMut(&str)) + Sync,
    ) -> Result<Self> {
        count_in_any_order(texts, &Function(each))?.by_first_appearance()
    }

    /// Adds the counts of another part of the corpus, which comes after this one: its new tokens come after these.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] for more than 2^32 - 2 different tokens in both.
    pub fn merge(&mut self, other: &TokenCounts) -> Result<()> {
        for (token, &more) in other.map.iter().zip(&other.counts) {
            self.add(token, more);
        }
        self.documents += other.documents;
        self.tokens += other.tokens;
        check_size(self.map.len(), u32::MAX as usize - 2)
    }

    /// Adds to the counts of one token; the totals stay.
    pub(crate) fn add(&mut self, token: &str, more: TokenCount) {
        let (place, new) = self.map.intern(token);
        if new {
            self.counts.push(more);
        } else {
            let count = &mut self.counts[place as usize];
            count.count += more.count;
            count.documents += more.documents;
        }
    }

    /// The counts of a whole corpus on rank 0, where each rank of a group has counted a part of it, in the order of the
    /// ranks; `None` on the others. They are equal to those of one process that counts everything. Parts are merged in
    /// pairs, so that rank 0 holds two at a time.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("corpus.txt");
    /// # std::fs::write(&path, "to be\nor not\nto be\n").unwrap();
    /// use kiln_group::Launch;
    /// use kiln_text::corpora::LineCorpus;
    /// use kiln_text::vocabulary::{TokenCounts, whitespace_tokens};
    ///
    /// // `run` in place of `threads(2, ..)` is the same for the ranks that mpirun starts.
    /// let counts = Launch::new().threads(2, |group| {
    ///     let shard = LineCorpus::new([&path]).shard(group.rank(), group.size());
    ///     TokenCounts::count_texts(shard.documents()?.texts(), whitespace_tokens)?.over(group)
    /// });
    /// let counts = counts.into_iter().collect::<kiln_text::Result<Vec<_>>>()?;
    /// let all = LineCorpus::new([&path]).documents()?.texts();
    /// assert_eq!(counts, [Some(TokenCounts::count_texts(all, whitespace_tokens)?), None]);
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Group`]'s operations and of [`merge`](Self::merge).
    pub fn over(self, group: &dyn Group) -> Result<Option<Self>> {
        let mut own = Some(self);
        let unpack = |json: Vec<u8>| Self::from_json(&String::from_utf8_lossy(&json));
        let pack = |counts: &Self| counts.to_json().into_bytes();
        fold(group, group.size(), |_| Ok(own.take().unwrap_or_default()), pack, unpack, |all, more| all.merge(&more))
    }

    /// How many documents were counted, empty ones included.
    pub fn documents(&self) -> u64 {
        self.documents
    }

    /// How many tokens were counted.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// How often a token occurred; 0 for one that did not.
    pub fn count(&self, token: &str) -> u64 {
        self.get(token).count
    }

    /// In how many documents a token occurred.
    pub fn documents_with(&self, token: &str) -> u64 {
        self.get(token).documents
    }

    fn get(&self, token: &str) -> TokenCount {
        self.map.find(token.as_bytes()).map(|place| self.counts[place as usize]).unwrap_or_default()
    }

    /// The tokens with their counts, in the order of first appearance.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, TokenCount)> {
        self.map.iter().zip(self.counts.iter().copied())
    }
}

/// One place may be used after the last token: `u32::MAX` means none, and one more id than there are tokens is needed.
pub(crate) fn check_size(rows: usize, most: usize) -> Result<()> {
    if rows > most { Err(Error::TooLarge { what: "a vocabulary", rows, columns: 1 }) } else { Ok(()) }
}

/// Cuts a text into tokens, with memory that it may reuse from text to text.
pub(crate) trait EachToken: Sync {
    /// The memory reused from text to text.
    type Scratch: Default + Send;

    /// Calls `take` with every token, as a range of the bytes given, which is UTF-8.
    fn each(&self, scratch: &mut Self::Scratch, text: &str, take: &mut impl FnMut(&[u8], (usize, usize)));

    /// A token that must not occur.
    fn refused(&self) -> Option<&str> {
        None
    }
}

/// A user's function as [`EachToken`].
struct Function<F>(F);

impl<F: Fn(&str, &mut dyn FnMut(&str)) + Sync> EachToken for Function<F> {
    type Scratch = ();

    fn each(&self, _scratch: &mut (), text: &str, take: &mut impl FnMut(&[u8], (usize, usize))) {
        (self.0)(text, &mut |token| take(token.as_bytes(), (0, token.len())));
    }
}

/// What one thread knows of a token, except where it first occurred, which is seldom read.
#[derive(Clone, Copy, Debug)]
struct Seen {
    known: TokenCount,
    last_document: u64,
}

/// Counts of one thread or of all threads, unordered.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    map: Interner,
    seen: Vec<Seen>,
    /// For each token, the first document in which it occurred, and the place there.
    first: Vec<(u64, u64)>,
    /// One more than the last document so far.
    beyond: u64,
    pub(crate) documents: u64,
    tokens: u64,
}

impl Tables {
    /// Counts the tokens of one document. Documents may come in any order, but each only once.
    fn count<E: EachToken>(&mut self, each: &E, scratch: &mut E::Scratch, document: u64, text: &str) {
        let Self { map, seen, first, beyond, .. } = self;
        // A document after all others, as most are, cannot be the first with a known token.
        let may_be_first = document < *beyond;
        *beyond = (*beyond).max(document + 1);
        let mut at = 0;
        each.each(scratch, text, &mut |text, span| {
            let (place, new) = map.intern_in(text, span);
            let place = place as usize;
            if new {
                seen.push(Seen { known: TokenCount { count: 1, documents: 1 }, last_document: document });
                first.push((document, at));
            } else {
                let seen = &mut seen[place];
                seen.known.count += 1;
                if seen.last_document != document {
                    seen.last_document = document;
                    seen.known.documents += 1;
                    if may_be_first {
                        first[place] = first[place].min((document, at));
                    }
                }
            }
            at += 1;
        });
        self.documents += 1;
        self.tokens += at;
    }

    fn add(&mut self, other: &Self) {
        for ((token, more), &first) in other.map.iter().zip(&other.seen).zip(&other.first) {
            let (place, new) = self.map.intern(token);
            let place = place as usize;
            if new {
                self.seen.push(*more);
                self.first.push(first);
            } else {
                self.seen[place].known.count += more.known.count;
                self.seen[place].known.documents += more.known.documents;
                self.first[place] = self.first[place].min(first);
            }
        }
        self.documents += other.documents;
        self.tokens += other.tokens;
    }

    /// The tokens with their counts.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, TokenCount)> {
        self.map.iter().zip(self.seen.iter().map(|seen| seen.known))
    }

    pub(crate) fn by_first_appearance(self) -> Result<TokenCounts> {
        check_size(self.map.len(), u32::MAX as usize - 2)?;
        let Self { map, seen, first, documents, tokens, .. } = self;
        if first.is_sorted() {
            return Ok(TokenCounts { counts: seen.iter().map(|seen| seen.known).collect(), map, documents, tokens });
        }
        let mut order: Vec<u32> = (0..seen.len() as u32).collect();
        order.par_sort_unstable_by_key(|&place| first[place as usize]);
        let mut sorted = Interner::default();
        for &place in &order {
            sorted.intern(map.text(place).unwrap_or_default());
        }
        let counts = order.iter().map(|&place| seen[place as usize].known).collect();
        Ok(TokenCounts { map: sorted, counts, documents, tokens })
    }
}

/// Counts on all threads. The counts do not depend on the number of threads, but the order of the tokens does.
///
/// # Errors
///
/// Those of [`in_batches`], and [`Error::OovInCorpus`] with the first document that has the refused token.
pub(crate) fn count_in_any_order<E: EachToken>(texts: impl IntoIterator<Item = impl Text>, each: &E) -> Result<Tables> {
    // As many as threads that worked at the same time.
    let idle: Mutex<Vec<(Tables, E::Scratch)>> = Mutex::default();
    // A panic in a user's function is passed on by rayon, so a poisoned lock is never seen.
    let locked = || idle.lock().unwrap_or_else(PoisonError::into_inner);
    in_batches(texts, |before, batch| {
        batch.par_chunks(TEXTS_AT_A_TIME).enumerate().for_each(|(chunk, texts)| {
            let worker = locked().pop();
            let (mut tables, mut scratch) = worker.unwrap_or_default();
            let start = before + (chunk * TEXTS_AT_A_TIME) as u64;
            for (document, text) in (start..).zip(texts) {
                tables.count(each, &mut scratch, document, text.as_ref());
            }
            locked().push((tables, scratch));
        });
        let Some(token) = each.refused() else { return Ok(()) };
        let first = |tables: &Tables| tables.map.find(token.as_bytes()).map(|place| tables.first[place as usize].0);
        match locked().iter().filter_map(|(tables, _)| first(tables)).min() {
            Some(document) => Err(Error::OovInCorpus { token: token.to_owned(), document }),
            None => Ok(()),
        }
    })?;
    let mut tables = idle.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().map(|(tables, _)| tables);
    let mut all = tables.next().unwrap_or_default();
    tables.for_each(|tables| all.add(&tables));
    Ok(all)
}
