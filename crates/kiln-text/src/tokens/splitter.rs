//! Splitting a text into words: Keras's `text_to_word_sequence` and, at character level, its iteration by code point,
//! both with fast paths.
//!
//! The rule: lower-case the text, replace every filtered character by the split string, cut at every occurrence of the
//! split string, drop empty pieces. With a split string of one character that is the same as cutting at every filtered
//! or split character, so no second text is built. A longer split string can arise across a replacement, so there the
//! rule is carried out literally.

use kiln_base::OptionError;

use crate::error::Result;
use crate::tokens::analyzer::Analyzer;

/// The characters that Keras's `Tokenizer` filters by default: ASCII punctuation without the apostrophe, tab and line
/// feed. Carriage return, no-break space and punctuation beyond ASCII are not included.
pub const DEFAULT_FILTERS: &str = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n";

/// Splits a text like Keras's `text_to_word_sequence` with its defaults: lower case, [`DEFAULT_FILTERS`], spaces.
///
/// ```
/// assert_eq!(kiln_text::tokens::text_to_words("Don't stop-me now."), ["don't", "stop", "me", "now"]);
/// ```
pub fn text_to_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    Splitter::default().each(&mut String::new(), text, |word| words.push(word.to_owned()));
    words
}

/// Where a text is cut.
#[derive(Clone, Debug, PartialEq)]
enum Cut {
    /// After every code point.
    Characters,
    /// Only at ASCII bytes, those that are `true` in the table.
    Bytes(Box<[bool; 256]>),
    /// At one character of any script and at the filters, kept sorted.
    Chars(Vec<char>),
    /// At a string that first replaces the filters (kept sorted).
    Literal(Vec<char>),
}

/// The options for splitting, with the tables made from them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Splitter {
    filters: String,
    lower: bool,
    split: String,
    char_level: bool,
    cut: Cut,
    /// An analyzer that splits instead of all this, if there is one.
    analyzer: Option<Box<Analyzer>>,
}

impl Default for Splitter {
    fn default() -> Self {
        let (filters, split) = (DEFAULT_FILTERS.to_owned(), " ".to_owned());
        let cut = Cut::new(&filters, &split, false);
        Self { filters, lower: true, split, char_level: false, cut, analyzer: None }
    }
}

impl Splitter {
    pub(crate) fn new(filters: String, lower: bool, split: String, char_level: bool) -> Result<Self> {
        let expected = "at least one character; use char_level(true) for single characters";
        OptionError::unless(!split.is_empty(), "split", expected, "an empty string")?;
        let cut = Cut::new(&filters, &split, char_level);
        Ok(Self { filters, lower, split, char_level, cut, analyzer: None })
    }

    /// Splits by an analyzer; the other options stay as given but are not used.
    pub(crate) fn by_analyzer(mut self, analyzer: Analyzer) -> Self {
        self.analyzer = Some(Box::new(analyzer));
        self
    }

    pub(crate) fn analyzer(&self) -> Option<&Analyzer> {
        self.analyzer.as_deref()
    }

    /// The same without lower-casing.
    pub(crate) fn case_kept(mut self) -> Self {
        self.lower = false;
        self
    }

    pub(crate) fn filters(&self) -> &str {
        &self.filters
    }

    pub(crate) fn lower(&self) -> bool {
        self.lower
    }

    pub(crate) fn split(&self) -> &str {
        &self.split
    }

    pub(crate) fn char_level(&self) -> bool {
        self.char_level
    }

    /// Calls `take` with every word. `scratch` holds the lower-cased text; its contents do not matter.
    pub(crate) fn each(&self, scratch: &mut String, text: &str, take: impl FnMut(&str)) {
        match &self.analyzer {
            Some(analyzer) => analyzer.each(text, take),
            None => self.each_by_rule(scratch, text, take),
        }
    }

    /// The same; each word is a range of the text passed with it.
    #[inline]
    pub(crate) fn each_in(&self, scratch: &mut String, text: &str, mut take: impl FnMut(&str, (usize, usize))) {
        if let (None, Cut::Bytes(table)) = (&self.analyzer, &self.cut) {
            let text = if self.lower { lower_into(scratch, text) } else { text };
            each_span(table, text, |span| take(text, span));
        } else {
            self.each(scratch, text, |word| take(word, (0, word.len())));
        }
    }

    /// The same by Keras's rule, even if there is an analyzer.
    pub(crate) fn each_by_rule(&self, scratch: &mut String, text: &str, mut take: impl FnMut(&str)) {
        let text = if self.lower { lower_into(scratch, text) } else { text };
        match &self.cut {
            Cut::Characters => {
                text.char_indices().for_each(|(at, character)| take(&text[at..at + character.len_utf8()]));
            }
            Cut::Bytes(table) => each_span(table, text, |(start, end)| take(&text[start..end])),
            Cut::Chars(cuts) => {
                text.split(|c: char| cuts.binary_search(&c).is_ok()).filter(|w| !w.is_empty()).for_each(take)
            }
            Cut::Literal(filters) => {
                let mut replaced = String::with_capacity(text.len());
                for character in text.chars() {
                    if filters.binary_search(&character).is_ok() {
                        replaced.push_str(&self.split);
                    } else {
                        replaced.push(character);
                    }
                }
                replaced.split(self.split.as_str()).filter(|w| !w.is_empty()).for_each(take)
            }
        }
    }
}

impl Cut {
    fn new(filters: &str, split: &str, char_level: bool) -> Self {
        if char_level {
            return Cut::Characters;
        }
        let mut cuts: Vec<char> = filters.chars().collect();
        if split.chars().nth(1).is_some() {
            cuts.sort_unstable();
            return Cut::Literal(cuts);
        }
        cuts.extend(split.chars());
        if cuts.iter().all(char::is_ascii) {
            let mut table = Box::new([false; 256]);
            for cut in cuts {
                table[cut as usize] = true;
            }
            Cut::Bytes(table)
        } else {
            cuts.sort_unstable();
            Cut::Chars(cuts)
        }
    }
}

/// The runs of bytes that are not in `cuts`.
#[inline]
fn each_span(cuts: &[bool; 256], text: &str, mut take: impl FnMut((usize, usize))) {
    let mut start = 0;
    for (at, &byte) in text.as_bytes().iter().enumerate() {
        if cuts[byte as usize] {
            if at > start {
                take((start, at));
            }
            start = at + 1;
        }
    }
    if start < text.len() {
        take((start, text.len()));
    }
}

/// Lower-cases like Python's `str.lower`: full Unicode, including the final sigma.
fn lower_into<'a>(scratch: &'a mut String, text: &str) -> &'a str {
    scratch.clear();
    if text.is_ascii() {
        scratch.push_str(text);
        scratch.make_ascii_lowercase();
    } else {
        // The standard library lower-cases only into a new string; texts beyond ASCII cost one allocation each.
        *scratch = text.to_lowercase();
    }
    scratch
}
