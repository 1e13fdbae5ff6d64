//! [`NGrams`]: sequences of neighbouring words or characters, as a list or counted in a [`Bag`].

use std::iter::once;
use std::ops::RangeInclusive;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use kiln_base::OptionError;

use crate::error::{Error, Result};

/// Sequences of neighbouring tokens, of every width in a range.
///
/// They come width by width, the narrowest first, and from left to right within a width, as in scikit-learn and in
/// Keras's `TextVectorization`. Tokens are joined by a separator, characters by nothing. A text shorter than a width
/// has no n-grams of that width.
///
/// No single n-gram is allocated: the tokens are joined once, and each n-gram is a slice.
///
/// # Examples
///
/// The well-known bags of Chollet's "Deep Learning with Python", section 6.1.1:
///
/// ```
/// use kiln_text::tokens::{NGrams, WordSplitter};
///
/// let words = WordSplitter::white_space().split("The cat sat on the mat");
/// let two = NGrams::new(1..=2)?;
/// assert_eq!(two.sequence(&words)[6..], ["The cat", "cat sat", "sat on", "on the", "the mat"]);
/// assert_eq!(two.bag(&words).iter().len(), 11);
/// assert_eq!(NGrams::new(3..=3)?.separator("_").sequence(&words)[0], "The_cat_sat");
/// assert_eq!(NGrams::new(2..=3)?.characters("cats").collect::<Vec<_>>(), ["ca", "at", "ts", "cat", "ats"]);
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Widths")]
pub struct NGrams {
    min: usize,
    max: usize,
    separator: String,
}

/// The saved form of an [`NGrams`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Widths {
    min: usize,
    max: usize,
    separator: String,
}

impl TryFrom<Widths> for NGrams {
    type Error = Error;

    fn try_from(Widths { min, max, separator }: Widths) -> Result<Self> {
        NGrams::new(min..=max).map(|ngrams| ngrams.separator(separator))
    }
}

impl NGrams {
    /// The n-grams of the widths in `range`, joined by a space.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for a range that starts at 0 or runs backwards.
    pub fn new(range: RangeInclusive<usize>) -> Result<Self> {
        let (min, max) = range.into_inner();
        check_range(min, max)?;
        Ok(Self { min, max, separator: " ".to_owned() })
    }

    setters! {
        /// The separator between tokens. Default: one space.
        separator(separator: impl Into<String>) => separator = separator.into();
    }

    /// The n-grams of a sequence of tokens.
    pub fn sequence(&self, tokens: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<String> {
        let mut grams = Vec::new();
        self.each(tokens, |gram| grams.push(gram.to_owned()));
        grams
    }

    /// How often each n-gram of a sequence of tokens occurs.
    pub fn bag(&self, tokens: impl IntoIterator<Item = impl AsRef<str>>) -> Bag {
        let mut bag = Bag::default();
        self.each(tokens, |gram| bag.add(gram));
        bag
    }

    /// Calls `take` with every n-gram of a sequence of tokens.
    pub fn each(&self, tokens: impl IntoIterator<Item = impl AsRef<str>>, take: impl FnMut(&str)) {
        let mut joined = self.joiner();
        for token in tokens {
            joined.push(token.as_ref());
        }
        joined.grams().for_each(take);
    }

    /// The n-grams of a text's characters, by code point, including white space. The separator is not used.
    pub fn characters<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> + use<'t> {
        // A text has no more characters than bytes, so no wider n-grams.
        (self.min..=self.max.min(text.len())).flat_map(move |width| {
            let starts = text.char_indices().map(|(at, _)| at);
            let ends = starts.clone().chain(once(text.len())).skip(width);
            starts.zip(ends).map(|(start, end)| &text[start..end])
        })
    }

    /// How often each n-gram of a text's characters occurs.
    pub fn character_bag(&self, text: &str) -> Bag {
        let mut bag = Bag::default();
        self.characters(text).for_each(|gram| bag.add(gram));
        bag
    }

    pub(crate) fn joiner(&self) -> Joined<'_> {
        Joined { ngrams: self, text: String::new(), spans: Vec::new() }
    }
}

/// Tokens joined by the separator, so that every n-gram is one slice.
pub(crate) struct Joined<'n> {
    ngrams: &'n NGrams,
    text: String,
    spans: Vec<(usize, usize)>,
}

impl Joined<'_> {
    pub(crate) fn push(&mut self, token: &str) {
        if !self.spans.is_empty() {
            self.text.push_str(&self.ngrams.separator);
        }
        let start = self.text.len();
        self.text.push_str(token);
        self.spans.push((start, self.text.len()));
    }

    pub(crate) fn grams(&self) -> impl Iterator<Item = &str> {
        let widest = self.ngrams.max.min(self.spans.len());
        let runs = (self.ngrams.min..=widest).flat_map(|width| runs(&self.spans, width));
        runs.map(|(start, end)| &self.text[start..end])
    }
}

/// For every span, the range from its start to the end of the `width - 1`th span after it, if there is one.
pub(crate) fn runs(spans: &[(usize, usize)], width: usize) -> impl Iterator<Item = (usize, usize)> {
    spans.windows(width).map(move |run| (run[0].0, run[width - 1].1))
}

/// How often each token occurs, in the order of first appearance. Two bags are equal if their counts are, in whatever
/// order.
///
/// ```
/// let mut bag = kiln_text::tokens::Bag::default();
/// for word in ["to", "be", "or", "not", "to", "be"] {
///     bag.add(word);
/// }
/// assert_eq!((bag.get("be"), bag.get("been")), (2, 0));
/// assert_eq!((bag.iter().len(), bag.total()), (4, 6));
/// assert_eq!(bag.iter().next(), Some(("to", 2)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bag {
    counts: IndexMap<Box<str>, u64, FxBuildHasher>,
}

impl Bag {
    /// Counts one more occurrence of a token.
    pub fn add(&mut self, token: &str) {
        self.add_count(token, 1);
    }

    /// Adds another bag's counts, as if its tokens came after these.
    pub fn merge(&mut self, other: &Bag) {
        for (token, count) in other.iter() {
            self.add_count(token, count);
        }
    }

    fn add_count(&mut self, token: &str, count: u64) {
        match self.counts.get_mut(token) {
            Some(total) => *total += count,
            None => {
                self.counts.insert(Box::from(token), count);
            }
        }
    }

    /// How often a token occurs; 0 if it does not.
    pub fn get(&self, token: &str) -> u64 {
        self.counts.get(token).copied().unwrap_or(0)
    }

    /// The tokens and their counts, by first appearance.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, u64)> + '_ {
        self.counts.iter().map(|(token, &count)| (&**token, count))
    }

    /// How many tokens there are, counting every occurrence.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}

impl<'a> FromIterator<&'a str> for Bag {
    fn from_iter<I: IntoIterator<Item = &'a str>>(tokens: I) -> Self {
        let mut bag = Bag::default();
        tokens.into_iter().for_each(|token| bag.add(token));
        bag
    }
}

/// An error for an invalid range of n-gram widths.
pub(crate) fn check_range(min: usize, max: usize) -> Result<()> {
    let expected = "a start of 1 or more and an end not below it; 1 to 2 gives single tokens and pairs";
    Ok(OptionError::unless(min > 0 && max >= min, "ngram_range", expected, format!("{min} to {max}"))?)
}
