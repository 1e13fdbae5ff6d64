//! [`WordTable`]: the words of a tokenizer and the counts of each, in the order of first appearance. Ids are assigned
//! in `encoders/word_tokenizer.rs`.

use kiln_base::Interner;

/// The counts and the id of one word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Word {
    /// How often it occurred.
    pub(crate) count: u64,
    /// In how many documents it occurred.
    pub(crate) documents: u64,
    /// Its id, or 0 if it has none.
    pub(crate) index: u32,
}

/// Equal if the same words have the same counts and ids, in the same order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct WordTable {
    words: Vec<Word>,
    texts: Interner,
}

impl WordTable {
    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    /// The place of a word.
    #[inline]
    pub(crate) fn find(&self, text: &str) -> Option<usize> {
        self.texts.find(text.as_bytes()).map(|place| place as usize)
    }

    /// The counts of the word at `start..end` of a text.
    #[inline]
    pub(crate) fn get_in(&self, text: &str, span: (usize, usize)) -> Option<&Word> {
        self.texts.find_in(text.as_bytes(), span).map(|place| &self.words[place as usize])
    }

    pub(crate) fn get(&self, text: &str) -> Option<&Word> {
        self.find(text).map(|place| &self.words[place])
    }

    /// Adds a word that is not in the table, which the caller has checked.
    pub(crate) fn push(&mut self, text: &str, word: Word) {
        self.texts.intern(text);
        self.words.push(word);
    }

    pub(crate) fn word(&self, place: usize) -> &Word {
        &self.words[place]
    }

    #[inline]
    pub(crate) fn word_mut(&mut self, place: usize) -> &mut Word {
        &mut self.words[place]
    }

    pub(crate) fn text(&self, place: u32) -> Option<&str> {
        self.texts.text(place)
    }

    /// Words in the order of first appearance.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Word)> {
        self.texts.iter().zip(&self.words)
    }
}
