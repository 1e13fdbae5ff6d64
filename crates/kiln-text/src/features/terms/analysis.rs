//! From a text to the parts of its terms: the options that all vectorizers share, and the words or characters that
//! n-grams are made of. N-grams are counted in `term_tree.rs` and hashed in `hashing_vectorizer.rs`.

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::ascii_words::push_words;
use super::python_text::{StripAccents, collapse_spaces, each_word, normalized};
use super::term_tree::TermWords;
use super::token_pattern;
use crate::error::Result;
use crate::tokens::ngrams::{check_range, runs};
use crate::tokens::python_characters::python_words;

/// scikit-learn's `token_pattern`.
const DEFAULT_PATTERN: &str = r"(?u)\b\w\w+\b";

/// What terms are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TermUnit {
    /// Words, joined by single spaces: scikit-learn's `word`.
    #[default]
    Words,
    /// Characters, over the whole text: scikit-learn's `char`.
    Characters,
    /// Characters of one word at a time, with a space before and after it: scikit-learn's `char_wb`. A word that is too
    /// short for the shortest n-gram is itself a term.
    CharactersInWords,
}

/// The options, as users set them and files store them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnalysisOptions {
    pub(crate) analyzer: TermUnit,
    pub(crate) ngram_range: (usize, usize),
    pub(crate) lowercase: bool,
    pub(crate) strip_accents: Option<StripAccents>,
    pub(crate) stop_words: Vec<String>,
    pub(crate) token_pattern: String,
}

impl Default for AnalysisOptions {
    fn default() -> Self {
        Self {
            analyzer: TermUnit::Words,
            ngram_range: (1, 1),
            lowercase: true,
            strip_accents: None,
            stop_words: Vec::new(),
            token_pattern: DEFAULT_PATTERN.to_owned(),
        }
    }
}

/// Start and end of a word or character in its text, in bytes.
pub(crate) type ByteRange = (usize, usize);

/// The options, ready to use.
#[derive(Clone, Debug)]
pub(crate) struct Analysis {
    options: AnalysisOptions,
    stop_words: TermWords,
    tokens: Tokens,
}

impl PartialEq for Analysis {
    fn eq(&self, other: &Self) -> bool {
        self.options == other.options
    }
}

/// How words are found.
#[derive(Clone, Debug)]
enum Tokens {
    /// Runs of at least this many word characters.
    Runs(usize),
    /// The matches of a pattern, or of its group with this number.
    Pattern(Regex, usize),
}

/// Buffers that one thread reuses.
#[derive(Default)]
pub(crate) struct Scratch {
    normalized: String,
    group: String,
    spans: Vec<ByteRange>,
}

impl Analysis {
    pub(crate) fn new(options: AnalysisOptions) -> Result<Self> {
        let (shortest, longest) = options.ngram_range;
        check_range(shortest, longest)?;
        let tokens = match options.token_pattern.as_str() {
            DEFAULT_PATTERN | r"\b\w\w+\b" | r"\w\w+" | r"\w{2,}" => Tokens::Runs(2),
            r"(?u)\b\w+\b" | r"\b\w+\b" | r"\w+" => Tokens::Runs(1),
            pattern => {
                let regex = token_pattern::compile(pattern)?;
                let group = regex.captures_len() - 1;
                Tokens::Pattern(regex, group)
            }
        };
        let mut stop_words = TermWords::default();
        for (at, word) in options.stop_words.iter().enumerate() {
            stop_words.insert(word, at as u32);
        }
        Ok(Self { options, stop_words, tokens })
    }

    pub(crate) fn options(&self) -> &AnalysisOptions {
        &self.options
    }

    pub(crate) fn ngram_range(&self) -> (usize, usize) {
        self.options.ngram_range
    }

    /// The separator between the parts of an n-gram.
    pub(crate) fn separator(&self) -> &'static str {
        match self.options.analyzer {
            TermUnit::Words => " ",
            TermUnit::Characters | TermUnit::CharactersInWords => "",
        }
    }

    /// Whether a group with too few parts for any n-gram is a term as a whole.
    pub(crate) fn keeps_short_groups(&self) -> bool {
        self.options.analyzer == TermUnit::CharactersInWords
    }

    /// Whether different sequences of parts are always different terms, in the same order. They are not if a word may
    /// contain a space or a character that sorts before a space; n-grams of such words must be compared by their whole
    /// text.
    pub(crate) fn parts_are_distinct(&self) -> bool {
        self.options.analyzer != TermUnit::Words || matches!(self.tokens, Tokens::Runs(_))
    }

    /// Calls `take` with every group of parts that n-grams are made of: the whole text, or each of its words.
    pub(crate) fn each_group(&self, scratch: &mut Scratch, text: &str, mut take: impl FnMut(&str, &[ByteRange])) {
        let Scratch { normalized: lowered, group, spans } = scratch;
        let text = normalized(text, self.options.lowercase, self.options.strip_accents, lowered);
        spans.clear();
        match self.options.analyzer {
            TermUnit::Words => {
                self.push_tokens(text, spans);
                if !self.stop_words.is_empty() {
                    spans.retain(|&(start, end)| self.stop_words.get(&text[start..end]).is_none());
                }
                take(text, spans);
            }
            TermUnit::Characters => {
                collapse_spaces(text, group);
                push_characters(group, spans);
                take(group, spans);
            }
            TermUnit::CharactersInWords => {
                for word in python_words(text) {
                    group.clear();
                    group.push(' ');
                    group.push_str(word);
                    group.push(' ');
                    spans.clear();
                    push_characters(group, spans);
                    take(group, spans);
                }
            }
        }
    }

    fn push_tokens(&self, text: &str, spans: &mut Vec<ByteRange>) {
        match &self.tokens {
            Tokens::Runs(least) if text.is_ascii() => push_words(text.as_bytes(), *least, spans),
            Tokens::Runs(least) => each_word(text, *least, |start, end| spans.push((start, end))),
            Tokens::Pattern(regex, 0) => spans.extend(regex.find_iter(text).map(|found| (found.start(), found.end()))),
            Tokens::Pattern(regex, group) => spans.extend(regex.captures_iter(text).map(|found| {
                // In Python, a group that did not take part in a match is the empty string.
                found.get(*group).map_or((0, 0), |found| (found.start(), found.end()))
            })),
        }
    }

    /// Calls `take` with every term of a text.
    pub(crate) fn each_term(&self, scratch: &mut Scratch, text: &str, mut take: impl FnMut(&str)) {
        let (shortest, longest) = self.options.ngram_range;
        let separator = self.separator();
        let mut joined = String::new();
        self.each_group(scratch, text, |text, parts| {
            if self.keeps_short_groups() && parts.len() < shortest {
                take(text);
            }
            for length in shortest..=longest.min(parts.len()) {
                if length == 1 || separator.is_empty() {
                    runs(parts, length).for_each(|(start, end)| take(&text[start..end]));
                    continue;
                }
                for window in parts.windows(length) {
                    joined.clear();
                    for (at, &(start, end)) in window.iter().enumerate() {
                        if at > 0 {
                            joined.push_str(separator);
                        }
                        joined.push_str(&text[start..end]);
                    }
                    take(&joined);
                }
            }
        });
    }
}

fn push_characters(text: &str, spans: &mut Vec<ByteRange>) {
    if text.is_ascii() {
        spans.extend((0..text.len()).map(|at| (at, at + 1)));
    } else {
        spans.extend(text.char_indices().map(|(at, character)| (at, at + character.len_utf8())));
    }
}
