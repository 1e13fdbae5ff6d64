//! Scores word vectors by gensim's rules: correlation with human judgements of word pairs, and analogies. This file
//! holds what both share: which words count as known, and the lines of a file.

mod analogies;
mod pairs;

use std::path::Path;

use rustc_hash::FxHashMap;

use crate::error::{Error, Place, Result};
use crate::format::lines;
use crate::word_vectors::WordVectors;

pub use analogies::{AnalogyOptions, AnalogyScore, AnalogySection};
pub use pairs::{Correlation, PairsOptions, PairsScore};

/// How many words are looked at; gensim's default.
const RESTRICT_VOCAB: usize = 300_000;

/// The known words with their indices; of words that are equal, the first counts.
struct Known {
    rows: FxHashMap<String, usize>,
    case_insensitive: bool,
}

impl Known {
    fn new(vectors: &WordVectors, restrict_vocab: usize, case_insensitive: bool) -> Self {
        let mut known = Self { rows: FxHashMap::default(), case_insensitive };
        known.rows.reserve(restrict_vocab.min(vectors.len()));
        for (index, word) in vectors.words().iter().take(restrict_vocab).enumerate() {
            known.rows.entry(known.folded(word)).or_insert(index);
        }
        known
    }

    fn folded(&self, word: &str) -> String {
        if self.case_insensitive { word.to_uppercase() } else { word.to_owned() }
    }

    fn index(&self, word: &str) -> Option<usize> {
        self.rows.get(&self.folded(word)).copied()
    }
}

/// The lines of a text file with their numbers, counted from 1.
fn text_lines<'a>(contents: &'a [u8], path: &Path) -> impl Iterator<Item = Result<(u64, &'a str)>> {
    lines(contents).map(move |(number, begins, line)| {
        let text = std::str::from_utf8(line)
            .map_err(|error| Error::not_utf8(path, Place::Line(number), begins + error.valid_up_to() as u64))?;
        Ok((number, text))
    })
}
