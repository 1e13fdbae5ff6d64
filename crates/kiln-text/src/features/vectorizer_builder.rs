//! [`VectorizerBuilder`]: the options of all vectorizers. Holds the setters of how texts become terms. The other
//! setters, and what the options make, are in the vectorizers' own files.

use std::collections::BTreeSet;

use super::terms::analysis::{AnalysisOptions, TermUnit};
use super::terms::python_text::StripAccents;

/// Options for a vectorizer, made by its `builder`: how texts become terms (`A`), which terms get a column (`L`), and
/// what the cells hold (`C`); `()` where there is nothing to choose. The defaults are scikit-learn's.
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
        /// What terms are made of. Default: [`TermUnit::Words`].
        analyzer(analyzer: TermUnit) => analysis.analyzer = analyzer;
        /// The shortest and the longest n-gram to take, both included. Default: 1 and 1.
        ngram_range(shortest: usize, longest: usize) => analysis.ngram_range = (shortest, longest);
        /// Whether to lower-case, in full Unicode. Default: true.
        lowercase(lowercase: bool) => analysis.lowercase = lowercase;
        /// How to strip accents, after lower-casing. Default: not at all.
        strip_accents(strip_accents: StripAccents) => analysis.strip_accents = Some(strip_accents);
        /// Words to drop before n-grams are made; they are compared after lower-casing and stripping, so give
        /// them in that form. Acts only on [`TermUnit::Words`]. Default: none.
        stop_words(stop_words: impl IntoIterator<Item = impl Into<String>>) => analysis.stop_words =
            stop_words.into_iter().map(Into::into).collect::<BTreeSet<_>>().into_iter().collect();
        /// A regular expression whose matches are the words, or whose one group is. `\w`, `\W`, `\d`, `\s` and `\S`
        /// mean what they mean in Python. In patterns other than the default and `(?u)\b\w+\b`, `\b` is that of the
        /// `regex` crate, to which combining signs are parts of words; look-around and references back are not known.
        /// Acts only on [`TermUnit::Words`]. Default: `(?u)\b\w\w+\b`, words of two characters or more.
        token_pattern(token_pattern: impl Into<String>) => analysis.token_pattern = token_pattern.into();
    }
}
