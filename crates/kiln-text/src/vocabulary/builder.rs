//! The options of a [`Vocabulary`], their checks, and the choice of its tokens.

use std::cmp::Reverse;

use rustc_hash::FxHashSet;

use super::numbered::Vocabulary;
use crate::error::{Result, VocabularyError};
use crate::io::text::Text;
use crate::vocabulary::frequency::Frequency;
use crate::vocabulary::token_counts::{TokenCount, TokenCounts};
use kiln_base::{Interner, OptionError, options};

/// Which token gets the lower id. Ties are broken by first appearance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenOrder {
    /// The more frequent one.
    #[default]
    Frequency,
    /// The one that appeared first.
    FirstAppearance,
    /// The one that comes first by code points.
    Alphabetical,
}

options! {
    /// Options for a [`Vocabulary`]; made by [`Vocabulary::builder`].
    #[derive(Clone, Debug, PartialEq)]
    pub struct VocabularyBuilder [pub(crate) fn new] {
        /// Drops tokens that occur less often. Default: none.
        some min_frequency: Frequency,
        /// Drops tokens that occur more often. Default: none.
        some max_frequency: Frequency,
        /// Drops tokens that occur in fewer documents. Default: none.
        some min_document_frequency: Frequency,
        /// Drops tokens that occur in more documents. Default: none.
        some max_document_frequency: Frequency,
        /// Keeps at most this many tokens, special ones included: the most frequent ones, with ties broken by first
        /// appearance. Default: all.
        some max_size: usize,
        bare special_tokens: Vec<String> = Vec::new(),
        /// The special token that stands for tokens without an id. Default: none; such tokens are dropped.
        into some unknown_token: String,
        bare stop_words: Vec<String> = Vec::new(),
        /// Which token gets the lower id. Default: the more frequent one.
        order: TokenOrder = TokenOrder::Frequency,
    }
}

impl VocabularyBuilder {
    setters! {
        /// Tokens that have an id even if they do not occur: 0 for the first, and so on. No limit applies to them.
        /// Default: none.
        special_tokens(tokens: impl IntoIterator<Item = impl Into<String>>) => special_tokens = tokens.into_iter().map(Into::into).collect();

        /// Tokens to drop, compared as they are. Default: none.
        stop_words(words: impl IntoIterator<Item = impl Into<String>>) => stop_words = words.into_iter().map(Into::into).collect();
    }

    /// Counts the tokens of texts on all threads, like [`TokenCounts::count_texts`], and assigns ids.
    ///
    /// # Errors
    ///
    /// Those of [`build`](Self::build) and of [`TokenCounts::count_texts`].
    pub fn fit(
        self,
        texts: impl IntoIterator<Item = impl Text>,
        each: impl Fn(&str, &mut dyn FnMut(&str)) + Sync,
    ) -> Result<Vocabulary> {
        self.check()?;
        self.build(&TokenCounts::count_texts(texts, each)?)
    }

    /// Assigns ids to tokens that were counted before.
    ///
    /// # Errors
    ///
    /// [`Error::Option`](crate::Error::Option) for a share that is not from 0 to 1 or a `max_size` without room for a
    /// word, [`VocabularyError::FrequencyRange`] for a minimum above its maximum, [`VocabularyError::DuplicateToken`]
    /// for a special token given twice, [`VocabularyError::UnknownToken`] for an `unknown_token` that is not special,
    /// [`VocabularyError::Empty`] if no token is left.
    pub fn build(self, counts: &TokenCounts) -> Result<Vocabulary> {
        self.check()?;
        let by_count = range("frequency", self.min_frequency, self.max_frequency, counts.tokens())?;
        let documents = counts.documents();
        let by_documents =
            range("document_frequency", self.min_document_frequency, self.max_document_frequency, documents)?;
        let left_out: FxHashSet<&str> =
            self.stop_words.iter().chain(&self.special_tokens).map(String::as_str).collect();
        let mut kept: Vec<(&str, TokenCount)> = counts
            .iter()
            .filter(|(token, known)| {
                by_count.contains(&(known.count as f64))
                    && by_documents.contains(&(known.documents as f64))
                    && !left_out.contains(token)
            })
            .collect();
        if kept.is_empty() {
            return Err(VocabularyError::Empty { distinct: counts.iter().len(), documents }.into());
        }
        let most = self.max_size.map_or(usize::MAX, |size| size - self.special_tokens.len());
        match self.order {
            TokenOrder::Frequency => {
                kept.sort_by_key(|(_, known)| Reverse(known.count));
                kept.truncate(most);
            }
            TokenOrder::FirstAppearance | TokenOrder::Alphabetical => {
                if kept.len() > most {
                    let mut places: Vec<usize> = (0..kept.len()).collect();
                    places.sort_by_key(|&place| Reverse(kept[place].1.count));
                    places.truncate(most);
                    places.sort_unstable();
                    kept = places.into_iter().map(|place| kept[place]).collect();
                }
                if self.order == TokenOrder::Alphabetical {
                    kept.sort_unstable_by_key(|&(token, _)| token);
                }
            }
        }
        let special = self.special_tokens.iter().map(|token| {
            (token.as_str(), TokenCount { count: counts.count(token), documents: counts.documents_with(token) })
        });
        let (mut map, mut known) = (Interner::default(), Vec::new());
        for (token, count) in special.chain(kept) {
            map.intern(token);
            known.push(count);
        }
        Ok(self.finish(map, known, documents, counts.tokens()))
    }

    /// Builds from tokens that are known to be distinct, the special ones first.
    pub(super) fn finish(self, map: Interner, counts: Vec<TokenCount>, documents: u64, tokens: u64) -> Vocabulary {
        let unknown = self.unknown_token.and_then(|token| map.find(token.as_bytes()));
        Vocabulary { map, counts, special_tokens: self.special_tokens.len(), unknown, documents, tokens }
    }

    pub(crate) fn special(&self) -> &[String] {
        &self.special_tokens
    }

    pub(crate) fn unknown(&self) -> Option<&str> {
        self.unknown_token.as_deref()
    }

    /// Checks everything that does not depend on counts.
    pub(super) fn check(&self) -> Result<()> {
        for (at, token) in self.special_tokens.iter().enumerate() {
            if let Some(first) = self.special_tokens[..at].iter().position(|other| other == token) {
                return Err(VocabularyError::DuplicateToken { token: token.clone(), place: at, first }.into());
            }
        }
        if let Some(token) = self.unknown_token.as_ref().filter(|token| !self.special_tokens.contains(token)) {
            return Err(VocabularyError::UnknownToken {
                token: token.clone(),
                special_tokens: self.special_tokens.clone(),
            }
            .into());
        }
        for (option, limit) in [
            ("min_frequency", self.min_frequency),
            ("max_frequency", self.max_frequency),
            ("min_document_frequency", self.min_document_frequency),
            ("max_document_frequency", self.max_document_frequency),
        ] {
            limit.map_or(Ok(()), |limit| limit.check(option, 0))?;
        }
        let special = self.special_tokens.len();
        let expected = format!("{special} + 1 or more, since it includes the {special} special tokens");
        let max_size = self.max_size.unwrap_or(usize::MAX);
        Ok(OptionError::unless(max_size > special, "max_size", expected, max_size)?)
    }
}

/// The counts from `least` to `most`.
fn range(
    what: &'static str,
    least: Option<Frequency>,
    most: Option<Frequency>,
    total: u64,
) -> Result<std::ops::RangeInclusive<f64>> {
    let (low, high) = (least.map_or(0.0, |least| least.of(total)), most.map_or(f64::INFINITY, |most| most.of(total)));
    if low > high { Err(VocabularyError::FrequencyRange { what, low, high }.into()) } else { Ok(low..=high) }
}
