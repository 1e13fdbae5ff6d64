//! [`Query`] and the searches for the words nearest to it, under gensim's names. The search of the rows is in
//! `rows.rs`.

use kiln_base::options;

use super::ranking::{Best, Ranked};
use super::rows::{self, Target};
use crate::error::{Error, Result};
use crate::word_vectors::WordVectors;

/// A word and how similar it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similar<'a> {
    /// The word.
    pub word: &'a str,
    /// Its index, counted from 0.
    pub index: usize,
    /// The cosine of the angle between it and the query, from -1 to 1; from
    /// [`most_similar_cosmul`](WordVectors::most_similar_cosmul), a quotient of 0 or more.
    pub similarity: f32,
}

options! {
    /// A search that is built step by step: words and vectors that neighbours should be near to or far from, and the
    /// words to search. Made by [`WordVectors::query`].
    ///
    /// The query is the weighted sum of the words' *unit* vectors and of the given vectors, which are not normalised.
    /// Only its direction matters. [`top`](Query::top) does not return words of the query.
    ///
    /// # Examples
    ///
    /// ```
    /// # use kiln_vectors::WordVectors;
    /// # let vectors = WordVectors::new(["a", "b", "c"], vec![1.0, 0.0, 0.6, 0.8, 0.0, 1.0], 2)?;
    /// let nearest = vectors.query().positive("a").weighted("b", 0.5).top(5)?;
    /// assert_eq!(nearest[0].word, "c"); // "a" and "b" belong to the query
    /// let among_two = vectors.query().positive_vector(&[0.0, 2.0]).restrict_vocab(2).top(1)?;
    /// assert_eq!((among_two[0].word, among_two[0].similarity), ("b", 0.8));
    /// # Ok::<(), kiln_vectors::Error>(())
    /// ```
    #[derive(Clone, Debug)]
    #[must_use = "a query does nothing before `top` or `all`"]
    pub struct Query<'a> [pub(crate) fn new] {
        required vectors: &'a WordVectors,
        bare terms: Vec<(Term, f64)> = Vec::new(),
        /// Searches from index `start` on. Default: 0.
        clip_start: usize = 0,
        /// Searches the words before index `end`. Default: all.
        clip_end: usize = usize::MAX,
    }
}

#[derive(Clone, Debug)]
enum Term {
    Word(String),
    Vector(Vec<f32>),
}

impl<'a> Query<'a> {
    /// Adds a word that neighbours should be near to, with weight 1.
    pub fn positive(self, word: impl Into<String>) -> Self {
        self.weighted(word, 1.0)
    }

    /// Adds a word that neighbours should be far from, with weight -1.
    pub fn negative(self, word: impl Into<String>) -> Self {
        self.weighted(word, -1.0)
    }

    /// Adds a word with a weight: the larger, the nearer; below 0, away from it.
    pub fn weighted(mut self, word: impl Into<String>, weight: f64) -> Self {
        self.terms.push((Term::Word(word.into()), weight));
        self
    }

    /// Adds a vector that neighbours should be near to, with weight 1. It is not normalised.
    pub fn positive_vector(self, vector: &[f32]) -> Self {
        self.weighted_vector(vector, 1.0)
    }

    /// Adds a vector that neighbours should be far from, with weight -1. It is not normalised.
    pub fn negative_vector(self, vector: &[f32]) -> Self {
        self.weighted_vector(vector, -1.0)
    }

    /// Adds a vector with a weight. It is not normalised.
    pub fn weighted_vector(mut self, vector: &[f32], weight: f64) -> Self {
        self.terms.push((Term::Vector(vector.to_vec()), weight));
        self
    }

    /// Searches only the first `n` words, usually the most frequent. Default: all. Replaces
    /// [`clip_start`](Self::clip_start) and [`clip_end`](Self::clip_end); with 0, there is nothing to search.
    pub fn restrict_vocab(self, n: usize) -> Self {
        self.clip_start(0).clip_end(n)
    }

    /// The `n` nearest words, the most similar first, ties by lower index; fewer if fewer words are searched.
    ///
    /// The search is exact: it misses no word that is more similar. With more than two million values, the second
    /// search prepares the later ones; see [`WordVectors::prepare_search`].
    ///
    /// # Errors
    ///
    /// If the query is empty, has an unknown word, a vector of another width, or a number that is not finite, or if its
    /// terms add up to zero.
    pub fn top(&self, n: usize) -> Result<Vec<Similar<'a>>> {
        let target = self.vectors.target(self)?;
        let codes = if n > 0 { self.vectors.codes() } else { None };
        Ok(self.vectors.named(rows::search(self.vectors.rows(), codes, &target, n)))
    }

    /// The similarities of all words that are searched, in the order of the words. Words of the query are included, so
    /// that position p is the word with index `clip_start` + p.
    ///
    /// # Errors
    ///
    /// Same as [`top`](Self::top).
    pub fn all(&self) -> Result<Vec<f32>> {
        let target = self.vectors.target(self)?;
        Ok(rows::scores(self.vectors.rows(), &target))
    }
}

impl WordVectors {
    /// A search that is still empty.
    pub fn query(&self) -> Query<'_> {
        Query::new(self).clip_end(self.len())
    }

    /// The `top` words nearest to the sum of the unit vectors of `positive` minus those of `negative`, the most similar
    /// first, ties by lower index. The given words are not returned.
    ///
    /// gensim's `most_similar`. For weights, vectors and parts of the vocabulary, see [`query`](Self::query).
    ///
    /// # Errors
    ///
    /// If both lists are empty, a word is unknown, or the vectors add up to zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # use kiln_vectors::WordVectors;
    /// # let vectors = WordVectors::new(["a", "b", "c"], vec![1.0, 0.0, 0.6, 0.8, 0.0, 1.0], 2)?;
    /// let found = vectors.most_similar(&["a"], &[], 2)?;
    /// assert_eq!((found[0].word, found[0].similarity), ("b", 0.6));
    /// assert_eq!((found[1].word, found[1].similarity), ("c", 0.0));
    /// # Ok::<(), kiln_vectors::Error>(())
    /// ```
    pub fn most_similar<S: AsRef<str>>(&self, positive: &[S], negative: &[S], top: usize) -> Result<Vec<Similar<'_>>> {
        let query = positive.iter().fold(self.query(), |query, word| query.positive(word.as_ref()));
        negative.iter().fold(query, |query, word| query.negative(word.as_ref())).top(top)
    }

    /// [`Query::top`] for many queries at once, several times faster than one after the other: rows and queries are
    /// multiplied as matrices, in blocks that stay in the cache. The answers equal those of single searches, to the
    /// last bit, in the order of the queries.
    ///
    /// Words are looked up in these vectors, even if the queries were made from other ones.
    ///
    /// # Errors
    ///
    /// Same as [`Query::top`], for the first query that fails.
    ///
    /// # Examples
    ///
    /// ```
    /// # use kiln_vectors::WordVectors;
    /// # let vectors = WordVectors::new(["a", "b", "c"], vec![1.0, 0.0, 0.6, 0.8, 0.0, 1.0], 2)?;
    /// let queries: Vec<_> = ["a", "c"].iter().map(|&word| vectors.query().positive(word)).collect();
    /// let nearest = vectors.most_similar_batch(&queries, 1)?;
    /// assert_eq!((nearest[0][0].word, nearest[1][0].word), ("b", "b"));
    /// # Ok::<(), kiln_vectors::Error>(())
    /// ```
    pub fn most_similar_batch(&self, queries: &[Query<'_>], top: usize) -> Result<Vec<Vec<Similar<'_>>>> {
        let targets: Vec<Target> = queries.iter().map(|query| self.target(query)).collect::<Result<_>>()?;
        let found = rows::search_many(self.rows(), self.codes(), &targets, top);
        Ok(found.into_iter().map(|ranked| self.named(ranked)).collect())
    }

    /// The `top` words nearest to a word, the most similar first. gensim's `similar_by_word`.
    ///
    /// # Errors
    ///
    /// If the word is unknown or its vector is all zeros.
    pub fn similar_by_word(&self, word: &str, top: usize) -> Result<Vec<Similar<'_>>> {
        self.query().positive(word).top(top)
    }

    /// The `top` words nearest to a vector, the most similar first. gensim's `similar_by_vector`.
    ///
    /// # Errors
    ///
    /// If the vector has another width, holds NaN or infinity, or is all zeros.
    pub fn similar_by_vector(&self, vector: &[f32], top: usize) -> Result<Vec<Similar<'_>>> {
        self.query().positive_vector(vector).top(top)
    }

    /// What is to `c` as `b` is to `a`: `most_similar(&[b, c], &[a], top)`.
    ///
    /// # Errors
    ///
    /// If a word is unknown, or the vectors add up to zero.
    pub fn analogy(&self, a: &str, b: &str, c: &str, top: usize) -> Result<Vec<Similar<'_>>> {
        self.most_similar(&[b, c], &[a], top)
    }

    /// The `top` words by 3CosMul: the product of their similarities to `positive`, each moved to [0, 1], divided by
    /// the product of those to `negative` plus 0.000001. One large similarity outweighs the others less than in
    /// [`most_similar`](Self::most_similar). The given words are not returned. gensim's `most_similar_cosmul`.
    ///
    /// # Errors
    ///
    /// If `positive` is empty, or a word is unknown or has a vector of zeros.
    ///
    /// # References
    ///
    /// O. Levy and Y. Goldberg, "Linguistic Regularities in Sparse and Explicit Word Representations", CoNLL 2014.
    pub fn most_similar_cosmul<S: AsRef<str>>(
        &self,
        positive: &[S],
        negative: &[S],
        top: usize,
    ) -> Result<Vec<Similar<'_>>> {
        if positive.is_empty() {
            return Err(Error::EmptyList { what: "a search by products", item: "positive word" });
        }
        let mut excluded = Vec::with_capacity(positive.len() + negative.len());
        let mut target = |word: &str| {
            let index = self.known(word)?;
            excluded.push(index as u32);
            let unit: Vec<f64> = self.unit_of(index).collect();
            Target::new(&unit, 0..self.len(), Vec::new()).ok_or(Error::ZeroQuery)
        };
        let positive: Vec<Target> = positive.iter().map(|word| target(word.as_ref())).collect::<Result<_>>()?;
        let negative: Vec<Target> = negative.iter().map(|word| target(word.as_ref())).collect::<Result<_>>()?;
        let mut best = Best::new(top.min(self.len()));
        for (row, score) in rows::multiplied(self.rows(), &positive, &negative).into_iter().enumerate() {
            let row = row as u32;
            if score >= best.threshold() && !excluded.contains(&row) {
                best.offer(Ranked { score, row });
            }
        }
        Ok(self.named(best.into_sorted()))
    }

    /// Looks up the words of a query and adds them up.
    pub(crate) fn target(&self, query: &Query<'_>) -> Result<Target> {
        if query.terms.is_empty() {
            return Err(Error::EmptyList { what: "a search", item: "positive or negative word or vector" });
        }
        let mut sum = vec![0.0; self.d()];
        let mut excluded = Vec::new();
        for (position, &(ref term, weight)) in query.terms.iter().enumerate() {
            if !weight.is_finite() {
                return Err(Error::NotFinite { what: "the weights of a query", position, value: weight });
            }
            match term {
                Term::Word(word) => {
                    let index = self.known(word)?;
                    excluded.push(index as u32);
                    add(&mut sum, self.unit_of(index), weight);
                }
                Term::Vector(vector) => {
                    self.check_vector(vector)?;
                    add(&mut sum, vector.iter().map(|&value| f64::from(value)), weight);
                }
            }
        }
        let start = query.clip_start.min(self.len());
        let range = start..query.clip_end.clamp(start, self.len());
        Target::new(&sum, range, excluded).ok_or(Error::ZeroQuery)
    }

    /// Checks that a vector from outside can be compared with these.
    pub(crate) fn check_vector(&self, vector: &[f32]) -> Result<()> {
        if vector.len() != self.d() {
            let needed = format!("a vector of the query should have {} values, like the word vectors", self.d());
            return Err(Error::WrongCount { needed, found: vector.len() });
        }
        match vector.iter().position(|value| !value.is_finite()) {
            Some(position) => {
                let value = f64::from(vector[position]);
                Err(Error::NotFinite { what: "the values of a vector", position, value })
            }
            None => Ok(()),
        }
    }

    fn named(&self, ranked: Vec<Ranked>) -> Vec<Similar<'_>> {
        let named = |ranked: Ranked| {
            let index = ranked.row as usize;
            Similar { word: self.word_of(index), index, similarity: ranked.score }
        };
        ranked.into_iter().map(named).collect()
    }
}

/// Adds `weight` times `values` to `sum`.
pub(crate) fn add(sum: &mut [f64], values: impl Iterator<Item = f64>, weight: f64) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += weight * value;
    }
}
