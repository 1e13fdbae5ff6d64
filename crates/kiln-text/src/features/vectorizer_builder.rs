//! [`VectorizerBuilder`]: the options of all vectorizers. This file has the setters for how texts become terms; the
//! others are in the vectorizers' own files.

use std::collections::BTreeSet;

use super::terms::analysis::{AnalysisOptions, TermUnit};
use super::terms::python_text::StripAccents;

/// Options for a vectorizer, made by its `builder`: how texts become terms (`A`), which terms get a column (`L`), and
/// what the cells hold (`C`); `()` if there is nothing to choose. The defaults are scikit-learn's.
///
/// [`CountVectorizerBuilder`](super::CountVectorizerBuilder), [`TfidfVectorizerBuilder`](super::TfidfVectorizerBuilder),
/// [`TfidfTransformerBuilder`](super::TfidfTransformerBuilder) and
/// [`HashingVectorizerBuilder`](super::HashingVectorizerBuilder) are its four kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct VectorizerBuilder<A, L, C> {
    pub(super) analysis: A,
    pub(super) limits: L,
    pub(super) cells: C,
}

impl<L, C> VectorizerBuilder<AnalysisOptions, L, C> {
    setters! {
        /// The units that terms are made of. Default: [`TermUnit::Words`].
        analyzer(analyzer: TermUnit) => analysis.analyzer = analyzer;
        /// The shortest and the longest n-gram, both included. Default: 1 and 1.
        ngram_range(shortest: usize, longest: usize) => analysis.ngram_range = (shortest, longest);
        /// Whether to lower-case, in full Unicode. Default: true.
        lowercase(lowercase: bool) => analysis.lowercase = lowercase;
        /// How to strip accents, after lower-casing. Default: accents stay.
        strip_accents(strip_accents: StripAccents) => analysis.strip_accents = Some(strip_accents);
        /// Words to drop before n-grams are made. They are compared after lower-casing and stripping, so give them in
        /// that form. Applies only to [`TermUnit::Words`]. Default: none.
        stop_words(stop_words: impl IntoIterator<Item = impl Into<String>>) => analysis.stop_words =
            stop_words.into_iter().map(Into::into).collect::<BTreeSet<_>>().into_iter().collect();
        /// A regular expression whose matches, or the matches of its only group, are the words. `\w`, `\W`, `\d`, `\s`
        /// and `\S` have their meaning in Python. In patterns other than the default and `(?u)\b\w+\b`, `\b` is that of
        /// the `regex` crate, for which combining marks are parts of words; look-around and backreferences are not
        /// supported. Applies only to [`TermUnit::Words`]. Default: `(?u)\b\w\w+\b`, words of two characters or more.
        token_pattern(token_pattern: impl Into<String>) => analysis.token_pattern = token_pattern.into();
    }
}
