//! [`CountVectorizer`]: how often each term occurs in each text, with scikit-learn's columns. This file chooses the
//! terms; texts become terms in `analysis.rs` and are counted in `counting.rs`.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::counting::{Counted, Merged, count, rows_in_order};
use super::numpy_order::most_frequent;
use super::term_columns::TermColumns;
use super::terms::analysis::{Analysis, AnalysisOptions, Scratch};
use super::terms::term_tree::{NONE, Paths};
use super::vectorizer_builder::VectorizerBuilder;
use crate::error::{Error, Result, VectorizerError};
use crate::features::sparse::{SparseMatrix, add_rows, by_batches, check_columns};
use crate::io::batches::in_batches;
use crate::io::text::Text;
use crate::vocabulary::frequency::Frequency;
use crate::vocabulary::token_counts::{TokenCount, TokenCounts};
use kiln_base::OptionError;
use kiln_base::sparse::{Rows, by_row};

/// Options for a [`CountVectorizer`]; made by [`CountVectorizer::builder`]. The defaults are scikit-learn's.
pub type CountVectorizerBuilder = VectorizerBuilder<AnalysisOptions, Limits, ()>;

/// Which terms get a column, and what their cells hold: as users set it and files store it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub(super) min_df: Frequency,
    pub(super) max_df: Frequency,
    pub(super) max_features: Option<usize>,
    pub(super) binary: bool,
    /// Only in builders: a vectorizer stores its terms elsewhere, given or learned.
    #[serde(skip)]
    pub(super) vocabulary: Option<Vec<String>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            min_df: Frequency::Count(1),
            max_df: Frequency::Share(1.0),
            max_features: None,
            binary: false,
            vocabulary: None,
        }
    }
}

impl<C> VectorizerBuilder<AnalysisOptions, Limits, C> {
    setters! {
        /// Drops terms that occur in fewer texts. Default: 1 text.
        min_df(min_df: Frequency) => limits.min_df = min_df;
        /// Drops terms that occur in more texts. Default: a share of 1, all texts.
        max_df(max_df: Frequency) => limits.max_df = max_df;
        /// Keeps only this many terms, those that occur most often (with `binary`, in most texts). Default: all.
        ///
        /// If several terms tie with the last one kept, scikit-learn keeps those that NumPy's unstable sort puts first.
        /// Kiln keeps those that NumPy keeps on ARM; on x86 with AVX2 or AVX-512, NumPy uses other sorts, and
        /// scikit-learn's choice differs with each.
        max_features(max_features: usize) => limits.max_features = Some(max_features);
        /// Whether to write 1 for every count above 0. Default: false.
        binary(binary: bool) => limits.binary = binary;
        /// The terms, in the order of their columns; `min_df`, `max_df` and `max_features` are then ignored. Default:
        /// learned from the texts.
        vocabulary(terms: impl IntoIterator<Item = impl Into<String>>) => limits.vocabulary =
            Some(terms.into_iter().map(Into::into).collect());
    }

    /// Counts the terms of a part of the texts, for `fit_counts`: how often each occurs and in how many texts, whatever
    /// the limits. The order of the terms means nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] and [`Error::Pattern`] for invalid options, and the first error among the texts.
    pub fn count(&self, texts: impl IntoIterator<Item = impl Text>) -> Result<TokenCounts> {
        self.limits.check()?;
        let analysis = Analysis::new(self.analysis.clone())?;
        let (counted, documents) = count(&analysis, texts, false)?;
        let merged = Merged::new(&counted)?;
        let mut counts = TokenCounts { documents, ..TokenCounts::default() };
        let mut term = String::new();
        for (place, tally) in merged.tallies().enumerate() {
            term.clear();
            merged.push_text(place, analysis.separator(), &mut term);
            counts.add(&term, tally);
            counts.tokens += tally.count;
        }
        Ok(counts)
    }
}

impl CountVectorizerBuilder {
    /// Learns the terms of `texts`, on all threads. Texts are read once and need not all be in memory; memory grows
    /// with the terms. The result does not depend on the number of threads.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] and [`Error::Pattern`] for invalid options; [`VectorizerError::NoTerms`] if the texts have no
    /// term, [`VectorizerError::NoTermsLeft`] if no term is within the limits, [`VectorizerError::DuplicateTerm`] in a
    /// given vocabulary.
    pub fn fit(self, texts: impl IntoIterator<Item = impl Text>) -> Result<CountVectorizer> {
        self.learn(texts, false).map(|learned| learned.vectorizer)
    }

    /// Learns the terms of `texts` and counts them, in one pass. Memory grows with the counts too.
    ///
    /// # Errors
    ///
    /// Those of [`fit`](Self::fit).
    pub fn fit_transform(
        self,
        texts: impl IntoIterator<Item = impl Text>,
    ) -> Result<(CountVectorizer, SparseMatrix<u32>)> {
        self.learn(texts, true).map(|learned| (learned.vectorizer, learned.counts))
    }

    /// Learns from terms that were [counted](Self::count) before, by one process or by many, and whose parts were
    /// [merged](TokenCounts::merge): the same vectorizer as [`fit`](Self::fit) gives on all texts.
    ///
    /// ```
    /// use kiln_text::features::CountVectorizer;
    ///
    /// let builder = CountVectorizer::builder().ngram_range(1, 2);
    /// let mut counts = builder.count(["the cat sat"])?;
    /// counts.merge(&builder.count(["the dog", "a dog sat"])?)?;
    /// assert_eq!(builder.clone().fit_counts(&counts)?, builder.fit(["the cat sat", "the dog", "a dog sat"])?);
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`fit`](Self::fit).
    pub fn fit_counts(self, counts: &TokenCounts) -> Result<CountVectorizer> {
        self.learn_counts(counts).map(|learned| learned.vectorizer)
    }

    /// A vectorizer of a given [`vocabulary`](Self::vocabulary), without texts.
    ///
    /// # Errors
    ///
    /// Those of [`fit`](Self::fit); [`VectorizerError::NoTerms`] without a vocabulary.
    pub fn build(self) -> Result<CountVectorizer> {
        let mut limits = self.limits;
        limits.check()?;
        let vocabulary = TermColumns::new(&limits.vocabulary.take().unwrap_or_default())?;
        Ok(CountVectorizer { analysis: Analysis::new(self.analysis)?, limits, vocabulary })
    }

    pub(super) fn learn(self, texts: impl IntoIterator<Item = impl Text>, keep_rows: bool) -> Result<Learned> {
        if self.limits.vocabulary.is_some() {
            return self.build()?.look_up(texts, keep_rows);
        }
        let Self { analysis, limits, .. } = self;
        limits.check()?;
        let analysis = Analysis::new(analysis)?;
        let (counted, texts) = count(&analysis, texts, keep_rows)?;
        let merged = Merged::new(&counted)?;
        if merged.len() == 0 {
            return Err(VectorizerError::NoTerms { documents: texts as usize }.into());
        }
        let kept = limits.choose(merged.tallies(), texts as usize)?;
        let mut columns = vec![NONE; merged.len()];
        let mut documents = Vec::with_capacity(kept.len());
        for (column, &(place, tally)) in kept.iter().enumerate() {
            columns[place as usize] = column as u32;
            documents.push(tally.documents);
        }
        let separator = analysis.separator();
        let vocabulary = TermColumns::from_pushes(kept.len(), |column, text| {
            merged.push_text(kept[column].0 as usize, separator, text)
        });
        let counts = matrix(&counted, merged.places(), &columns, kept.len(), limits.binary);
        Ok(Learned { vectorizer: CountVectorizer { analysis, limits, vocabulary }, counts, documents, texts })
    }

    pub(super) fn learn_counts(self, counts: &TokenCounts) -> Result<Learned> {
        let texts = counts.documents();
        let without_rows = |columns| Rows::default().finish(columns);
        if self.limits.vocabulary.is_some() {
            let vectorizer = self.build()?;
            let documents: Vec<u64> = vectorizer.feature_names().map(|term| counts.documents_with(term)).collect();
            return Ok(Learned { counts: without_rows(documents.len()), vectorizer, documents, texts });
        }
        let Self { analysis, limits, .. } = self;
        limits.check()?;
        let analysis = Analysis::new(analysis)?;
        let mut terms: Vec<(&str, TokenCount)> = counts.iter().collect();
        if terms.is_empty() {
            return Err(VectorizerError::NoTerms { documents: texts as usize }.into());
        }
        terms.par_sort_unstable_by_key(|&(term, _)| term);
        let kept = limits.choose(terms.iter().map(|&(_, tally)| tally), texts as usize)?;
        let documents = kept.iter().map(|(_, tally)| tally.documents).collect();
        let push = |column: usize, text: &mut String| text.push_str(terms[kept[column].0 as usize].0);
        let vocabulary = TermColumns::from_pushes(kept.len(), push);
        let vectorizer = CountVectorizer { analysis, limits, vocabulary };
        Ok(Learned { vectorizer, counts: without_rows(kept.len()), documents, texts })
    }
}

/// The result of a pass over texts.
pub(super) struct Learned {
    pub(super) vectorizer: CountVectorizer,
    /// Without rows unless they were requested.
    pub(super) counts: SparseMatrix<u32>,
    /// For each column, the number of texts with its term.
    pub(super) documents: Vec<u64>,
    /// How many texts there were.
    pub(super) texts: u64,
}

impl Limits {
    pub(super) fn check(&self) -> Result<()> {
        self.min_df.check("min_df", 1)?;
        self.max_df.check("max_df", 1)?;
        Ok(OptionError::unless(self.max_features != Some(0), "max_features", "1 or more", 0)?)
    }

    /// The terms to keep, by their places in alphabetical order, ascending.
    fn choose(
        &self,
        tallies: impl ExactSizeIterator<Item = TokenCount>,
        documents: usize,
    ) -> Result<Vec<(u32, TokenCount)>> {
        let terms = tallies.len();
        let (least, most) = (self.min_df.of(documents as u64), self.max_df.of(documents as u64));
        let none_left = || Error::Vectorizer(VectorizerError::NoTermsLeft { terms, least, most, documents });
        if most < least {
            return Err(none_left());
        }
        let within = |tally: &TokenCount| (least..=most).contains(&(tally.documents as f64));
        let kept: Vec<(u32, TokenCount)> = (0..).zip(tallies).filter(|(_, tally)| within(tally)).collect();
        if kept.is_empty() {
            return Err(none_left());
        }
        let Some(limit) = self.max_features.filter(|&limit| limit < kept.len()) else {
            return Ok(kept);
        };
        let counts: Vec<u64> =
            kept.iter().map(|(_, tally)| if self.binary { tally.documents } else { tally.count }).collect();
        let mut chosen = most_frequent(&counts, limit);
        chosen.sort_unstable();
        Ok(chosen.into_iter().map(|at| kept[at as usize]).collect())
    }
}

/// The threads' rows as one matrix, with columns in place of nodes.
fn matrix(counted: &[Counted], places: &[Vec<u32>], columns: &[u32], width: usize, binary: bool) -> SparseMatrix<u32> {
    let column_of: Vec<Vec<u32>> = places
        .par_iter()
        .map(|places| places.iter().map(|&place| columns.get(place as usize).copied().unwrap_or(NONE)).collect())
        .collect();
    let mut rows = Rows::default();
    add_rows(
        &mut rows,
        &rows_in_order(counted),
        Vec::new,
        |pairs: &mut Vec<u64>, &(thread, (nodes, counts)), columns, values| {
            let column_of = &column_of[thread];
            pairs.clear();
            pairs.extend(nodes.iter().zip(counts).filter_map(|(&node, &count)| {
                let column = column_of[node as usize];
                (column != NONE).then_some(u64::from(column) << 32 | u64::from(count))
            }));
            pairs.sort_unstable();
            columns.extend(pairs.iter().map(|pair| (pair >> 32) as u32));
            values.extend(pairs.iter().map(|&pair| if binary { 1 } else { pair as u32 }));
        },
    );
    rows.finish(width)
}

/// How often each term occurs in each text: scikit-learn's `CountVectorizer`.
///
/// The same texts give the same columns, in alphabetical order by code point, and the same counts as in scikit-learn,
/// under every option; for ties see [`max_features`](CountVectorizerBuilder::max_features).
///
/// # Examples
///
/// ```
/// use kiln_text::features::CountVectorizer;
///
/// let texts = ["The cat sat on the mat.", "The dog ate my homework."];
/// let (vectorizer, counts) = CountVectorizer::builder().ngram_range(1, 2).stop_words(["the"]).fit_transform(&texts)?;
/// assert_eq!(vectorizer.feature_names().take(4).collect::<Vec<_>>(), ["ate", "ate my", "cat", "cat sat"]);
/// assert_eq!(counts.get(1, 0), Some(&1));
/// assert_eq!(vectorizer.transform(["my cat ate my dog"])?.get(0, vectorizer.column("my").unwrap()), Some(&2));
/// # Ok::<(), kiln_text::Error>(())
/// ```
///
/// # References
///
/// `sklearn.feature_extraction.text` of scikit-learn 1.9. Not supported: tokenizers, preprocessors and analyzers given
/// as functions, the built-in list of English stop words, and encodings other than UTF-8.
#[derive(Clone, Debug, PartialEq)]
pub struct CountVectorizer {
    pub(super) analysis: Analysis,
    pub(super) limits: Limits,
    pub(super) vocabulary: TermColumns,
}

impl CountVectorizer {
    /// The options, with scikit-learn's defaults.
    pub fn builder() -> CountVectorizerBuilder {
        CountVectorizerBuilder::default()
    }

    /// Counts the known terms of texts, on all threads; other terms are ignored. The result does not depend on the
    /// number of threads.
    ///
    /// # Errors
    ///
    /// The first error among the texts.
    pub fn transform(&self, texts: impl IntoIterator<Item = impl Text>) -> Result<SparseMatrix<u32>> {
        by_batches(texts, self.vocabulary.len(), |rows, texts| self.add_rows(rows, texts))
    }

    fn add_rows(&self, rows: &mut Rows<u32>, texts: &[impl AsRef<str> + Sync]) {
        let scratch = || (Scratch::default(), Paths::default(), Vec::new());
        add_rows(rows, texts, scratch, |(scratch, paths, found), text, columns, values| {
            self.vocabulary.find(&self.analysis, scratch, paths, text.as_ref(), found);
            for same in found.chunk_by(|a, b| a == b) {
                columns.push(same[0]);
                values.push(if self.limits.binary { 1 } else { same.len() as u32 });
            }
        });
    }

    /// The result of a pass if the terms are known before.
    fn look_up(self, texts: impl IntoIterator<Item = impl Text>, keep_rows: bool) -> Result<Learned> {
        let columns = self.vocabulary.len();
        let (mut documents, mut counts) = (vec![0; columns], Rows::default());
        let texts = in_batches(texts, |_, texts| {
            let mut batch = Rows::default();
            self.add_rows(&mut batch, texts);
            batch.columns().for_each(|column| documents[column as usize] += 1);
            if keep_rows {
                counts.append(batch);
            }
            Ok(())
        })?;
        Ok(Learned { vectorizer: self, counts: counts.finish(columns), documents, texts })
    }

    /// The term of each column, in order.
    pub fn feature_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.vocabulary.terms()
    }

    /// The column of a term, which is not lower-cased and not split.
    pub fn column(&self, term: &str) -> Option<usize> {
        self.vocabulary.column(&self.analysis, term).map(|column| column as usize)
    }

    /// For each row, the terms whose value is not 0, in the order of the columns.
    ///
    /// # Errors
    ///
    /// [`VectorizerError::MatrixColumns`] if the matrix has a different number of columns.
    pub fn inverse_transform<N: Clone + PartialEq + Default>(
        &self,
        matrix: &SparseMatrix<N>,
    ) -> Result<Vec<Vec<&str>>> {
        check_columns(matrix, self.vocabulary.len())?;
        let matrix = by_row(matrix);
        let terms = |row: sprs::CsVecViewI<'_, N, u32>| {
            let columns = row.iter().filter(|(_, value)| **value != N::default()).map(|(column, _)| column);
            columns.filter_map(|column| self.vocabulary.term(column)).collect()
        };
        Ok(matrix.outer_iterator().map(terms).collect())
    }
}
