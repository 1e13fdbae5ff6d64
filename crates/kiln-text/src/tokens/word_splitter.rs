//! [`WordSplitter`]: the ways to split a text into tokens. Changes to the text before that are in `normalizer.rs`,
//! Keras's rule itself in `splitter.rs`.

use regex::Regex;
use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

use crate::error::{Error, Result};
use crate::tokens::normalizer::is_punctuation;
use crate::tokens::python_characters::python_words;
use crate::tokens::splitter::Splitter;

/// Which pieces between Unicode's word boundaries are tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Segments {
    /// Pieces with a letter or a number.
    #[default]
    Words,
    /// Also emoji, currency signs and other symbols, but neither punctuation nor white space.
    WordsAndSymbols,
    /// All but white space: each punctuation mark is a separate token.
    All,
}

/// How to split a text into tokens. No rule changes a character: lower-casing and the like are done by a
/// [`Normalizer`](crate::tokens::Normalizer), and [`Analyzer`](crate::tokens::Analyzer) combines both.
///
/// # Examples
///
/// ```
/// use kiln_text::tokens::{Segments, WordSplitter};
///
/// let text = "Can't stop: 3.5 km 👍🏽!";
/// assert_eq!(WordSplitter::keras().split(text), ["Can't", "stop", "3", "5", "km", "👍🏽"]);
/// assert_eq!(WordSplitter::white_space().split(text), ["Can't", "stop:", "3.5", "km", "👍🏽!"]);
/// assert_eq!(WordSplitter::unicode(Segments::Words).split(text), ["Can't", "stop", "3.5", "km"]);
/// assert_eq!(WordSplitter::unicode(Segments::All).split(text), ["Can't", "stop", ":", "3.5", "km", "👍🏽", "!"]);
/// assert_eq!(WordSplitter::matches(r"\w\w+")?.split(text), ["Can", "stop", "km"]);
/// assert_eq!(WordSplitter::gaps(r"[\s:!]+")?.split(text), ["Can't", "stop", "3.5", "km", "👍🏽"]);
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "Rule", try_from = "Rule")]
pub struct WordSplitter(Kind);

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Keras(Splitter),
    WhiteSpace,
    Characters,
    Graphemes,
    Unicode(Segments),
    Matches(Pattern),
    Gaps(Pattern),
}

/// A regular expression; two are equal if their patterns are.
#[derive(Clone, Debug)]
struct Pattern(Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Pattern {
    fn new(pattern: &str) -> Result<Self> {
        let compiled = Regex::new(pattern);
        compiled.map(Self).map_err(|source| Error::Pattern { pattern: pattern.to_owned(), source: Box::new(source) })
    }
}

/// The saved form of a [`WordSplitter`].
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Rule {
    Keras { filters: String, split: String },
    WhiteSpace,
    Characters,
    Graphemes,
    Unicode { segments: Segments },
    Matches { pattern: String },
    Gaps { pattern: String },
}

impl From<WordSplitter> for Rule {
    fn from(words: WordSplitter) -> Self {
        match words.0 {
            Kind::Keras(rule) => Rule::Keras { filters: rule.filters().to_owned(), split: rule.split().to_owned() },
            Kind::WhiteSpace => Rule::WhiteSpace,
            Kind::Characters => Rule::Characters,
            Kind::Graphemes => Rule::Graphemes,
            Kind::Unicode(segments) => Rule::Unicode { segments },
            Kind::Matches(pattern) => Rule::Matches { pattern: pattern.0.as_str().to_owned() },
            Kind::Gaps(pattern) => Rule::Gaps { pattern: pattern.0.as_str().to_owned() },
        }
    }
}

impl TryFrom<Rule> for WordSplitter {
    type Error = Error;

    fn try_from(rule: Rule) -> Result<Self> {
        match rule {
            Rule::Keras { filters, split } => WordSplitter::keras_with(filters, split),
            Rule::WhiteSpace => Ok(WordSplitter::white_space()),
            Rule::Characters => Ok(WordSplitter::characters()),
            Rule::Graphemes => Ok(WordSplitter::graphemes()),
            Rule::Unicode { segments } => Ok(WordSplitter::unicode(segments)),
            Rule::Matches { pattern } => WordSplitter::matches(&pattern),
            Rule::Gaps { pattern } => WordSplitter::gaps(&pattern),
        }
    }
}

impl Default for WordSplitter {
    fn default() -> Self {
        Self::keras()
    }
}

impl WordSplitter {
    /// Keras's rule with its defaults: [`DEFAULT_FILTERS`](crate::tokens::DEFAULT_FILTERS) become spaces, and words are
    /// separated by spaces.
    pub fn keras() -> Self {
        Self(Kind::Keras(Splitter::default().case_kept()))
    }

    /// Keras's rule: each of the characters `filters` becomes `split`, and words are separated by `split`.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for an empty `split`.
    pub fn keras_with(filters: impl Into<String>, split: impl Into<String>) -> Result<Self> {
        Splitter::new(filters.into(), false, split.into(), false).map(|splitter| Self(Kind::Keras(splitter)))
    }

    /// Splits at white space, like Python's `str.split`.
    pub fn white_space() -> Self {
        Self(Kind::WhiteSpace)
    }

    /// Every code point is a token, including white space.
    pub fn characters() -> Self {
        Self(Kind::Characters)
    }

    /// Every extended grapheme cluster (Unicode Standard Annex 29) is a token, including white space: what a reader
    /// takes for one character, such as a letter with its accents, or an emoji with its skin tone.
    pub fn graphemes() -> Self {
        Self(Kind::Graphemes)
    }

    /// Splits at Unicode's default word boundaries (Standard Annex 29), which keep `can't` and `3.5` whole, and
    /// separate Chinese characters one by one. There is no dictionary, so Thai, Lao and similar scripts are split
    /// wrongly.
    pub fn unicode(segments: Segments) -> Self {
        Self(Kind::Unicode(segments))
    }

    /// The matches of a regular expression, in order; if the pattern has one group, what the group matched. Empty
    /// matches are dropped. scikit-learn's `token_pattern` is `\b\w\w+\b`.
    ///
    /// The syntax is that of the [`regex`] crate, which has no look-around and no backreferences, and whose `\w` also
    /// matches combining marks, unlike Python's. One match takes linear time; only patterns that read far ahead before
    /// they fail, such as `.*x|.`, take quadratic time for all matches together.
    ///
    /// # Errors
    ///
    /// [`Error::Pattern`] if it does not compile, [`Error::PatternGroups`] for two groups or more.
    pub fn matches(pattern: &str) -> Result<Self> {
        let pattern = Pattern::new(pattern)?;
        match pattern.0.captures_len() - 1 {
            0 | 1 => Ok(Self(Kind::Matches(pattern))),
            found => Err(Error::PatternGroups { pattern: pattern.0.as_str().to_owned(), found }),
        }
    }

    /// The non-empty pieces between the matches of a regular expression. Groups have no effect.
    ///
    /// # Errors
    ///
    /// [`Error::Pattern`] if it does not compile.
    pub fn gaps(pattern: &str) -> Result<Self> {
        Ok(Self(Kind::Gaps(Pattern::new(pattern)?)))
    }

    /// The tokens of a text, in order.
    pub fn split(&self, text: &str) -> Vec<String> {
        let mut tokens = Vec::new();
        self.each(text, |token| tokens.push(token.to_owned()));
        tokens
    }

    /// Whether tokens are characters, including white space.
    pub(crate) fn are_characters(&self) -> bool {
        matches!(self.0, Kind::Characters | Kind::Graphemes)
    }

    /// Calls `take` with every token, in order; none is empty.
    pub fn each(&self, text: &str, mut take: impl FnMut(&str)) {
        match &self.0 {
            Kind::Keras(splitter) => splitter.each_by_rule(&mut String::new(), text, take),
            Kind::WhiteSpace => python_words(text).for_each(take),
            Kind::Characters => {
                let mut bytes = [0; 4];
                text.chars().for_each(|character| take(character.encode_utf8(&mut bytes)))
            }
            Kind::Graphemes => text.graphemes(true).for_each(take),
            Kind::Unicode(segments) => text.split_word_bounds().filter(|piece| segments.hold(piece)).for_each(take),
            Kind::Matches(Pattern(regex)) if regex.captures_len() == 1 => {
                let matches = regex.find_iter(text).map(|found| found.as_str());
                matches.filter(|token| !token.is_empty()).for_each(take)
            }
            Kind::Matches(Pattern(regex)) => {
                let groups = regex.captures_iter(text).filter_map(|found| found.get(1)).map(|group| group.as_str());
                groups.filter(|token| !token.is_empty()).for_each(take)
            }
            Kind::Gaps(Pattern(regex)) => regex.split(text).filter(|token| !token.is_empty()).for_each(take),
        }
    }
}

impl Segments {
    fn hold(self, piece: &str) -> bool {
        match self {
            Segments::Words => piece.contains(char::is_alphanumeric),
            Segments::WordsAndSymbols => piece.contains(|c: char| {
                c.is_alphanumeric() || !(c.is_whitespace() || c.is_control() || is_word_punctuation(c))
            }),
            Segments::All => !piece.trim().is_empty(),
        }
    }
}

/// Only category P: here `$` and `+` are symbols.
fn is_word_punctuation(c: char) -> bool {
    is_punctuation(c) && !"$+<=>^`|~".contains(c)
}
