//! [`WordTokenizer`]: words to ids by frequency, exactly like Keras's legacy `Tokenizer`. This file holds numbering,
//! encoding and decoding. Options are in `word_tokenizer_builder.rs`, splitting in `tokens/splitter.rs`, counting in
//! `vocabulary/token_counts.rs`, matrices in `keras/word_matrix.rs` and files in `keras/tokenizer_json.rs`.
//!
//! Version followed: `keras.src.legacy.preprocessing.text.Tokenizer` of Keras 3. Departures: what fails only later in
//! Keras is an error here (see [`Error`]); [`WordTokenizer::decode`] skips padding.

use std::cmp::Reverse;

use rayon::prelude::*;

use crate::encoders::encoder::Encoder;
use crate::encoders::word_tokenizer_builder::WordTokenizerBuilder;
use crate::error::{Error, Result};
use crate::io::text::Text;
use crate::tokens::splitter::Splitter;
use crate::vocabulary::token_counts::{EachToken, TokenCount, count_in_any_order};
use crate::vocabulary::word_table::{Word, WordTable};

/// In `order`, marks the `oov_token`, which was never counted.
pub(crate) const OOV_PLACE: u32 = u32::MAX;

/// Yields the words to count; the `oov_token` must not be among them.
struct EachWord<'a> {
    splitter: &'a Splitter,
    oov_token: Option<&'a str>,
}

impl EachToken for EachWord<'_> {
    type Scratch = String;

    fn each(&self, scratch: &mut String, text: &str, take: &mut impl FnMut(&[u8], (usize, usize))) {
        self.splitter.each_in(scratch, text, |text, span| take(text.as_bytes(), span));
    }

    fn refused(&self) -> Option<&str> {
        self.oov_token
    }
}

/// Turns texts into ids. Id 0 is padding and no word gets it; the most frequent word gets 1, and ties are broken by
/// first appearance.
///
/// Behaves exactly like Keras's legacy `Tokenizer`, and reads and writes its JSON. `num_words` N keeps the ids below
/// N, so N - 1 words; [`vocab_size`](Self::vocab_size) is the size of an embedding.
///
/// # Examples
///
/// ```
/// use kiln_text::encoders::{Encoder, WordTokenizer};
///
/// let texts = ["The cat sat on the mat.", "The dog sat on the log."];
/// let tokenizer = WordTokenizer::builder().num_words(10_000).fit(texts)?;
/// assert_eq!(tokenizer.encode("The cat sat on the dog!"), [1, 4, 2, 3, 1, 6]);
/// assert_eq!(tokenizer.decode(&[0, 0, 1, 4, 2]), "the cat sat");
/// assert_eq!(tokenizer.vocab_size(), 8);
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct WordTokenizer {
    pub(crate) splitter: Splitter,
    pub(crate) num_words: Option<usize>,
    pub(crate) oov_token: Option<String>,
    pub(crate) document_count: u64,
    /// Words by first appearance, across all fits.
    pub(crate) words: WordTable,
    /// For id i, at index i - 1, the place of its word in `words`.
    order: Vec<u32>,
    /// The id of the `oov_token`, if there is one.
    oov_index: Option<u32>,
    /// For id i, at index i, in how many documents it occurred; 0 at index 0 and for the `oov_token`.
    pub(crate) index_docs: Vec<u64>,
}

impl WordTokenizer {
    /// The options, with Keras's defaults.
    pub fn builder() -> WordTokenizerBuilder {
        WordTokenizerBuilder::default()
    }

    pub(crate) fn unfitted(splitter: Splitter, num_words: Option<usize>, oov_token: Option<String>) -> Self {
        let mut tokenizer = Self {
            splitter,
            num_words,
            oov_token,
            document_count: 0,
            words: WordTable::default(),
            order: Vec::new(),
            oov_index: None,
            index_docs: Vec::new(),
        };
        tokenizer.number_by_count();
        tokenizer
    }

    /// Adds counted words with given ids, as from a file. For each id, at index id - 1, `order` holds the place of its
    /// word or [`OOV_PLACE`].
    pub(crate) fn with_counts(
        self,
        document_count: u64,
        words: WordTable,
        order: Vec<u32>,
        index_docs: Vec<u64>,
    ) -> Self {
        let oov_index = order.iter().position(|&place| place == OOV_PLACE).map(|at| at as u32 + 1);
        Self { document_count, words, order, oov_index, index_docs, ..self }
    }

    /// Counts the words of more texts, on all threads, and numbers all words again.
    ///
    /// As in Keras, counts add up over calls, and a second call can change every id: encode only after the last. Texts
    /// are read once; memory grows only with the vocabulary. The result does not depend on the number of threads.
    ///
    /// # Errors
    ///
    /// [`Error::OovInCorpus`] if a text contains the `oov_token` as a word, [`Error::EmptyCorpus`] if no word is known
    /// at the end, [`Error::TooLarge`] for more than 2^32 - 2 words. The tokenizer is then unchanged.
    pub fn fit_on_texts(&mut self, texts: impl IntoIterator<Item = impl Text>) -> Result<()> {
        let each = EachWord { splitter: &self.splitter, oov_token: self.oov_token.as_deref() };
        let counted = count_in_any_order(texts, &each)?.by_first_appearance()?;
        let documents = self.document_count + counted.documents();
        // One id is for padding, one for the oov_token, and the last place marks it.
        let new = counted.iter().filter(|(text, _)| self.words.find(text).is_none()).count();
        match self.words.len() + new {
            0 => return Err(Error::EmptyCorpus { documents }),
            rows if rows > u32::MAX as usize - 2 => {
                return Err(Error::TooLarge { what: "a vocabulary", rows, columns: 1 });
            }
            _ => {}
        }
        for (text, TokenCount { count, documents }) in counted.iter() {
            match self.words.find(text) {
                Some(place) => {
                    let word = self.words.word_mut(place);
                    word.count += count;
                    word.documents += documents;
                }
                None => self.words.push(text, Word { count, documents, index: 0 }),
            }
        }
        self.document_count = documents;
        self.number_by_count();
        Ok(())
    }

    /// Assigns the ids: the `oov_token` first, then words by falling count, ties by first appearance.
    fn number_by_count(&mut self) {
        let mut places: Vec<u32> = (0..self.words.len() as u32).collect();
        places.sort_by_key(|&place| Reverse(self.words.word(place as usize).count));
        self.order = self.oov_token.iter().map(|_| OOV_PLACE).chain(places).collect();
        self.oov_index = self.oov_token.as_ref().map(|_| 1);
        self.index_docs = vec![0; self.order.len() + 1];
        for (at, &place) in self.order.iter().enumerate() {
            if place != OOV_PLACE {
                let word = self.words.word_mut(place as usize);
                word.index = at as u32 + 1;
                self.index_docs[at + 1] = word.documents;
            }
        }
    }

    fn encode_with(&self, scratch: &mut String, text: &str) -> Vec<u32> {
        // English has about six bytes per word.
        let mut ids = Vec::with_capacity(text.len() / 6 + 1);
        self.splitter.each_in(scratch, text, |text, span| ids.extend(self.id(self.words.get_in(text, span))));
        ids
    }

    /// The id of a word, given `num_words` and the `oov_token`.
    fn id(&self, word: Option<&Word>) -> Option<u32> {
        match word {
            Some(known) if known.index != 0 && self.keeps(known.index) => Some(known.index),
            _ => self.oov_index,
        }
    }

    fn keeps(&self, index: u32) -> bool {
        self.num_words.is_none_or(|limit| (index as usize) < limit)
    }

    /// Calls `take` with every word of a text, known or not.
    pub(crate) fn each_word(&self, text: &str, take: impl FnMut(&str)) {
        self.splitter.each(&mut String::new(), text, take);
    }

    /// The words of `ids`, joined by single spaces. Skips 0, which is padding.
    ///
    /// Keras treats 0 as an unknown word, so that with an `oov_token` every padded step becomes that token;
    /// [`decode_like_keras`](Self::decode_like_keras) does the same.
    pub fn decode(&self, ids: &[u32]) -> String {
        self.join(ids.iter().copied().filter(|&id| id != 0))
    }

    /// Keras's `sequences_to_texts`: like [`decode`](Self::decode), but 0 is an unknown word like any other.
    pub fn decode_like_keras(&self, ids: &[u32]) -> String {
        self.join(ids.iter().copied())
    }

    fn join(&self, ids: impl Iterator<Item = u32>) -> String {
        let word = |id| self.index_word(id).filter(|_| self.keeps(id)).or(self.oov_token());
        ids.filter_map(word).collect::<Vec<_>>().join(" ")
    }

    /// All words in the order of their ids, from id 1 on: first the `oov_token`, if there is one. Words beyond
    /// `num_words` are included.
    pub fn words(&self) -> impl ExactSizeIterator<Item = &str> + '_ {
        self.order.iter().map(|&place| self.text_at(place))
    }

    fn text_at(&self, place: u32) -> &str {
        self.words.text(place).or(self.oov_token()).unwrap_or_default()
    }

    /// The id of a word, even beyond `num_words`. The word is not lower-cased and not split.
    pub fn word_index(&self, word: &str) -> Option<u32> {
        match self.words.get(word) {
            Some(known) => Some(known.index).filter(|&index| index != 0),
            None => self.oov_index.filter(|_| self.oov_token.as_deref() == Some(word)),
        }
    }

    /// The word of an id, even beyond `num_words`. 0 has none.
    pub fn index_word(&self, index: u32) -> Option<&str> {
        let at = (index as usize).checked_sub(1)?;
        self.order.get(at).map(|&place| self.text_at(place))
    }

    /// How often a word occurred in the fitted texts; 0 for an unknown word.
    pub fn word_count(&self, word: &str) -> u64 {
        self.words.get(word).map_or(0, |known| known.count)
    }

    /// In how many of the fitted documents a word occurred; 0 for an unknown word.
    pub fn word_documents(&self, word: &str) -> u64 {
        self.words.get(word).map_or(0, |known| known.documents)
    }

    /// The limit on ids, if one was set.
    pub fn num_words(&self) -> Option<usize> {
        self.num_words
    }

    /// How many documents were fitted.
    pub fn document_count(&self) -> u64 {
        self.document_count
    }

    /// The token for unknown words, if one was set.
    pub fn oov_token(&self) -> Option<&str> {
        self.oov_token.as_deref()
    }
}

impl Encoder for WordTokenizer {
    /// The ids of a text's words. Words that are unknown or beyond `num_words` become the `oov_token`'s id, or are
    /// dropped without one, so a text may become empty.
    fn encode(&self, text: &str) -> Vec<u32> {
        self.encode_with(&mut String::new(), text)
    }

    /// How many rows an embedding needs: `num_words` or the number of words + 1, whichever is smaller.
    fn vocab_size(&self) -> usize {
        let all = self.order.len() + 1;
        let kept = self.num_words.map_or(all, |limit| limit.min(all));
        // A tokenizer whose word index was edited in Python may have its oov_token beyond num_words.
        kept.max(self.oov_index.map_or(0, |index| index as usize + 1))
    }

    fn encode_batch(&self, texts: &[&str]) -> Vec<Vec<u32>> {
        let texts = texts.par_iter().with_min_len(16);
        texts.map_init(String::new, |scratch, text| self.encode_with(scratch, text)).collect()
    }
}
