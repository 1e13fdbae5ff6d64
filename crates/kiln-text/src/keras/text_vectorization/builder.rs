//! The options of a [`TextVectorization`], their defaults and checks, and the source of its vocabulary: texts or a
//! given list.

use std::cmp::Reverse;
use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::tokens::{SplitBy, Standardize, TokenStream};
use super::{MASK, TextVectorization, UNKNOWN};
use crate::error::{Error, Result, TextVectorizationError, VocabularyError};
use crate::io::saved::read_file;
use crate::io::text::Text;
use crate::vocabulary::token_counts::{TokenCount, count_in_any_order};
use kiln_base::{Interner, OptionError, options};

/// What a text becomes (Keras's `output_mode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputMode {
    /// A row of ids.
    #[default]
    #[serde(rename = "int")]
    Ids,
    /// One column per token: 1 if it occurs.
    #[serde(alias = "binary")]
    MultiHot,
    /// One column per token: how often it occurs.
    Count,
    /// One column per token: how often it occurs, times `ln(1 + documents / (1 + documents with it))`.
    #[serde(alias = "tf-idf")]
    TfIdf,
}

impl OutputMode {
    /// Keras's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ids => "int",
            Self::MultiHot => "multi_hot",
            Self::Count => "count",
            Self::TfIdf => "tf_idf",
        }
    }

    /// The special tokens before the others in the vocabulary.
    pub(crate) fn special_tokens(self) -> &'static [&'static str] {
        match self {
            Self::Ids => &[MASK, UNKNOWN],
            _ => &[UNKNOWN],
        }
    }
}

options! {
    /// Options for a [`TextVectorization`]; made by [`TextVectorization::builder`].
    #[derive(Clone, Debug, PartialEq)]
    pub struct TextVectorizationBuilder [pub(crate) fn new] {
        /// The maximum size of the vocabulary, including the unknown token and (with [`OutputMode::Ids`]) padding.
        /// Default: no limit.
        pub(super) some max_tokens: usize,
        /// What is done to a text before it is split; `None` for nothing. Default:
        /// [`Standardize::LowerAndStripPunctuation`].
        pub(super) into standardize: Option<Standardize> = Some(Standardize::default()),
        /// How a text is split; with `None` the whole text is one token. Default: [`SplitBy::Whitespace`].
        pub(super) into split: Option<SplitBy> = Some(SplitBy::default()),
        pub(super) bare ngrams: Option<Vec<usize>> = None,
        /// What a text becomes. Default: [`OutputMode::Ids`].
        pub(super) output_mode: OutputMode = OutputMode::Ids,
        /// The length of every row of ids; longer texts lose their end. Default: that of the longest text of a call.
        pub(super) some output_sequence_length: usize,
        /// Whether a matrix has `max_tokens` columns even if there are fewer tokens. Default: false.
        pub(super) pad_to_max_tokens: bool = false,
    }
}

impl TextVectorizationBuilder {
    /// Makes all n-grams of 1 to `longest` tokens, joined by a space: first those of one token, then those of two, and
    /// so on. Default: only single tokens.
    #[must_use]
    pub fn ngrams(self, longest: usize) -> Self {
        self.ngram_widths(1..=longest)
    }

    setters! {
        /// Makes n-grams of only these widths, width by width in the order given.
        ngram_widths(widths: impl IntoIterator<Item = usize>) => ngrams = Some(widths.into_iter().collect());
    }

    /// Learns the vocabulary, and the weights of [`OutputMode::TfIdf`], from texts, on all threads. The most frequent
    /// token comes first; of equally frequent ones, the one with the greater UTF-8 bytes.
    ///
    /// # Errors
    ///
    /// [`VocabularyError::Empty`] if the texts have no token, and the errors of options: [`Error::Option`] for a
    /// `max_tokens` without room for a token, for `pad_to_max_tokens` without `max_tokens`, for an
    /// `output_sequence_length` of 0, and for no width or a width of 0; [`TextVectorizationError::OutputMode`] for an
    /// `output_sequence_length` with an output mode without ids.
    pub fn adapt(self, texts: impl IntoIterator<Item = impl Text>) -> Result<TextVectorization> {
        let tokens = self.check()?;
        let tables = count_in_any_order(texts, &tokens)?;
        let documents = tables.documents;
        let mut found: Vec<(&str, TokenCount)> =
            tables.iter().filter(|(token, _)| ![MASK, UNKNOWN].contains(token)).collect();
        if found.is_empty() {
            return Err(VocabularyError::Empty { distinct: tables.iter().len(), documents }.into());
        }
        found.par_sort_unstable_by_key(|&(token, known)| Reverse((known.count, token)));
        found.truncate(self.most_terms());
        let mut terms = Interner::default();
        for (token, _) in &found {
            terms.intern(token);
        }
        let weight = |known: &TokenCount| (1.0 + documents as f64 / (1.0 + known.documents as f64)).ln() as f32;
        let idf = match self.output_mode {
            OutputMode::TfIdf => behind_mean(found.iter().map(|(_, known)| weight(known)).collect()),
            _ => Vec::new(),
        };
        Ok(TextVectorization { options: self, tokens, terms, idf })
    }

    /// Uses the tokens in the order of their ids, with or without the special tokens at the start.
    ///
    /// # Errors
    ///
    /// [`VocabularyError::DuplicateToken`], [`TextVectorizationError::ReservedToken`] for an empty token after the
    /// start, [`TextVectorizationError::TooManyTokens`] for more than `max_tokens`,
    /// [`TextVectorizationError::IdfWeights`] with [`OutputMode::TfIdf`], which needs
    /// [`vocabulary_and_idf`](Self::vocabulary_and_idf), [`VocabularyError::Empty`] without a token, and the errors of
    /// options of [`adapt`](Self::adapt).
    pub fn vocabulary(self, tokens: impl IntoIterator<Item = impl AsRef<str>>) -> Result<TextVectorization> {
        self.vocabulary_and_idf(tokens, [])
    }

    /// The same with a weight for each given token, for [`OutputMode::TfIdf`]. If the special token at the start is
    /// missing, unknown tokens get the mean of the weights.
    ///
    /// # Errors
    ///
    /// Those of [`vocabulary`](Self::vocabulary), and [`TextVectorizationError::IdfWeights`] if there are not as many
    /// weights as tokens, or weights without [`OutputMode::TfIdf`].
    pub fn vocabulary_and_idf(
        self,
        tokens: impl IntoIterator<Item = impl AsRef<str>>,
        idf_weights: impl IntoIterator<Item = f32>,
    ) -> Result<TextVectorization> {
        let stages = self.check()?;
        let (mut terms, special) = (Interner::default(), self.output_mode.special_tokens());
        let tokens: Vec<_> = tokens.into_iter().collect();
        let in_front = tokens.len() >= special.len() && tokens.iter().zip(special).all(|(a, b)| a.as_ref() == *b);
        let special = if in_front { special.len() } else { 0 };
        for (place, token) in tokens.iter().enumerate().skip(special) {
            let token = token.as_ref();
            if token == MASK {
                return Err(TextVectorizationError::ReservedToken { token: token.to_owned(), place }.into());
            }
            let (first, new) = terms.intern(token);
            if !new {
                let (token, first) = (token.to_owned(), first as usize + special);
                return Err(VocabularyError::DuplicateToken { token, place, first }.into());
            }
        }
        if terms.is_empty() {
            return Err(VocabularyError::Empty { distinct: tokens.len(), documents: 0 }.into());
        }
        if terms.len() > self.most_terms() {
            let found = terms.len() + self.output_mode.special_tokens().len();
            let max_tokens = self.max_tokens.unwrap_or_default();
            return Err(TextVectorizationError::TooManyTokens { found, max_tokens }.into());
        }
        let idf: Vec<f32> = idf_weights.into_iter().collect();
        let expected = if self.output_mode == OutputMode::TfIdf { tokens.len() } else { 0 };
        if idf.len() != expected {
            let (found, mode) = (idf.len(), self.output_mode.name());
            return Err(TextVectorizationError::IdfWeights { expected, found, mode }.into());
        }
        let idf = if expected > 0 && !in_front { behind_mean(idf) } else { idf };
        Ok(TextVectorization { options: self, tokens: stages, terms, idf })
    }

    /// Reads a file with one token per line, such as Keras's `vocabulary.txt`; empty lines at its end do not count.
    ///
    /// # Errors
    ///
    /// Those of [`vocabulary`](Self::vocabulary), but [`VocabularyError::DuplicateLine`] for a token that occurs twice,
    /// inside [`Error::InFile`]; [`Error::NotUtf8`]; [`Error::File`].
    pub fn load_vocabulary(self, path: impl AsRef<Path>) -> Result<TextVectorization> {
        read_file(path.as_ref(), |text| {
            let mut lines: Vec<&str> = text.lines().collect();
            while lines.last() == Some(&"") {
                lines.pop();
            }
            self.vocabulary(lines).map_err(|error| match error {
                Error::Vocabulary(VocabularyError::DuplicateToken { token, place, first }) => {
                    Error::Vocabulary(VocabularyError::DuplicateLine { token, line: place + 1, first: first + 1 })
                }
                error => error,
            })
        })
    }

    /// How many tokens fit in addition to the special ones.
    fn most_terms(&self) -> usize {
        self.max_tokens.map_or(u32::MAX as usize - 2, |most| most - self.output_mode.special_tokens().len())
    }

    fn check(&self) -> Result<TokenStream> {
        let least = self.output_mode.special_tokens().len() + 1;
        let expected = format!("{least} or more: special tokens count, and pad_to_max_tokens needs it");
        match self.max_tokens {
            Some(found) => OptionError::unless(found >= least, "max_tokens", expected, found)?,
            None => OptionError::unless(!self.pad_to_max_tokens, "max_tokens", expected, "none")?,
        }
        match self.output_sequence_length {
            Some(0) => return Err(OptionError::new("output_sequence_length", "1 or more", 0).into()),
            Some(_) if self.output_mode != OutputMode::Ids => {
                let (asked, mode) = ("output_sequence_length", self.output_mode.name());
                return Err(TextVectorizationError::OutputMode { asked, mode }.into());
            }
            _ => {}
        }
        match self.ngrams.as_deref() {
            Some(widths) if widths.is_empty() || widths.contains(&0) => {
                Err(OptionError::new("ngrams", "one width or more, each 1 or more", format!("{widths:?}")).into())
            }
            widths => Ok(TokenStream::new(self.standardize, self.split, widths)),
        }
    }
}

/// Puts the mean, which unknown tokens get, before the weights.
fn behind_mean(mut weights: Vec<f32>) -> Vec<f32> {
    let sum: f64 = weights.iter().copied().map(f64::from).sum();
    weights.insert(0, (sum / weights.len() as f64) as f32);
    weights
}
