//! Comparisons of words, under gensim's names: similarities, distances, means, ranks, the odd one out. Searches over
//! all words are in `query.rs`.

use kiln_base::options;
use rayon::prelude::*;

use super::kernel::{cosine, dot_of, length_of};
use super::query::{Similar, add};
use super::rows::{self, Target};
use crate::error::{Error, Result};
use crate::word_vectors::WordVectors;

/// What [`mean_vector`](WordVectors::mean_vector) does with words that have no vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownWords {
    /// Skips them. The default.
    #[default]
    Skip,
    /// Fails with the first of them.
    Refuse,
}

options! {
    /// How [`mean_vector`](WordVectors::mean_vector) computes the mean of words. The defaults are gensim's.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_vectors::{MeanOptions, UnknownWords, WordVectors};
    ///
    /// let vectors = WordVectors::new(["a", "b"], vec![2.0, 0.0, 0.0, 4.0], 2)?;
    /// let mean = |options: &MeanOptions| vectors.mean_vector(&["a", "b", "?"], options);
    /// assert_eq!(mean(&MeanOptions::new())?, [0.5, 0.5]); // of unit vectors, without "?"
    /// assert_eq!(mean(&MeanOptions::new().pre_normalize(false))?, [1.0, 2.0]);
    /// assert_eq!(mean(&MeanOptions::new().weights([3.0, 1.0, 5.0]))?, [0.75, 0.25]);
    /// assert!(mean(&MeanOptions::new().unknown_words(UnknownWords::Refuse)).is_err());
    /// # Ok::<(), kiln_vectors::Error>(())
    /// ```
    #[derive(Clone, Debug, PartialEq)]
    pub struct MeanOptions [
        /// gensim's defaults: equal weights, the mean of unit vectors, not normalised, without unknown words.
        pub const fn new
    ] {
        /// A weight for each word; the mean is the weighted sum divided by the sum of the weights' absolute values.
        into some weights: Vec<f64>,
        /// Whether vectors are divided by their lengths before the mean is computed. Default: true.
        pre_normalize: bool = true,
        /// Whether the mean is divided by its length. Default: false.
        post_normalize: bool = false,
        /// What happens to words that have no vector. Default: they are skipped.
        unknown_words: UnknownWords = UnknownWords::Skip,
    }
}

impl WordVectors {
    /// The cosine of the angle between the vectors of two words, from -1 to 1; 0 if one of them is all zeros.
    ///
    /// # Errors
    ///
    /// If a word is unknown.
    pub fn similarity(&self, a: &str, b: &str) -> Result<f32> {
        let (a, b) = (self.known(a)?, self.known(b)?);
        Ok(self.similarity_of(a, b))
    }

    /// 1 minus the [`similarity`](Self::similarity): 0 for the same direction, 2 for opposite ones.
    ///
    /// # Errors
    ///
    /// If a word is unknown.
    pub fn distance(&self, a: &str, b: &str) -> Result<f32> {
        Ok(1.0 - self.similarity(a, b)?)
    }

    /// The distances from a word to all words, including itself, in the order of the words.
    ///
    /// # Errors
    ///
    /// If the word is unknown.
    pub fn distances(&self, word: &str) -> Result<Vec<f32>> {
        let index = self.known(word)?;
        Ok(self.distances_of(self.row_of(index)))
    }

    /// The distances from a word to each of `others`, in their order.
    ///
    /// # Errors
    ///
    /// If a word is unknown.
    pub fn distances_to(&self, word: &str, others: &[impl AsRef<str>]) -> Result<Vec<f32>> {
        let index = self.known(word)?;
        others.iter().map(|other| Ok(1.0 - self.similarity_of(index, self.known(other.as_ref())?))).collect()
    }

    /// The distances from a vector to all words, in the order of the words. From a vector of zeros, all are 1.
    ///
    /// # Errors
    ///
    /// If the vector has another width, or holds NaN or infinity.
    pub fn distances_from_vector(&self, vector: &[f32]) -> Result<Vec<f32>> {
        self.check_vector(vector)?;
        Ok(self.distances_of(vector))
    }

    /// The cosine of the angle between the means of two lists of words; the means are of the vectors as they are, not
    /// of unit vectors. 0 if one mean is all zeros. Unknown words are skipped, as in gensim.
    ///
    /// # Errors
    ///
    /// If a list is empty, or none of its words is known.
    pub fn n_similarity(&self, a: &[impl AsRef<str>], b: &[impl AsRef<str>]) -> Result<f32> {
        let options = MeanOptions::new().pre_normalize(false);
        let (a, b) = (self.mean_vector(a, &options)?, self.mean_vector(b, &options)?);
        Ok(cosine(dot_of(&a, &b), length_of(&a), length_of(&b)))
    }

    /// The mean of the vectors of some words. gensim's `get_mean_vector`.
    ///
    /// # Errors
    ///
    /// If there are no words or none is known, if an unknown word is to be refused, or if the weights are not finite or
    /// not as many as the words. Weights that are all 0 give zeros.
    pub fn mean_vector(&self, words: &[impl AsRef<str>], options: &MeanOptions) -> Result<Vec<f32>> {
        const WHAT: &str = "a mean";
        if words.is_empty() {
            return Err(Error::EmptyList { what: WHAT, item: "word" });
        }
        if let Some(weights) = &options.weights {
            if weights.len() != words.len() {
                let needed = format!("the number of weights should be {}, one for each word", words.len());
                return Err(Error::WrongCount { needed, found: weights.len() });
            }
            if let Some(position) = weights.iter().position(|weight| !weight.is_finite()) {
                return Err(Error::NotFinite { what: "the weights of a mean", position, value: weights[position] });
            }
        }
        let (mut mean, mut total, mut known) = (vec![0.0; self.d()], 0.0, 0);
        for (position, word) in words.iter().enumerate() {
            let word = word.as_ref();
            let refuse = options.unknown_words == UnknownWords::Refuse;
            let Some(index) = (if refuse { Some(self.known(word)?) } else { self.index(word) }) else { continue };
            let weight = options.weights.as_ref().map_or(1.0, |weights| weights[position]);
            if options.pre_normalize {
                add(&mut mean, self.unit_of(index), weight);
            } else {
                add(&mut mean, self.row_of(index).iter().map(|&value| f64::from(value)), weight);
            }
            total += weight.abs();
            known += 1;
        }
        if known == 0 {
            let words = words.iter().take(10).map(|word| word.as_ref().to_owned()).collect();
            return Err(Error::NoKnownWord { what: WHAT, words, known: self.len() });
        }
        let length = mean.iter().map(|value| value * value).sum::<f64>().sqrt();
        let divisor = if options.post_normalize { length } else { total };
        if divisor > 0.0 {
            mean.iter_mut().for_each(|value| *value /= divisor);
        }
        Ok(mean.into_iter().map(|value| value as f32).collect())
    }

    /// The word of a list that is farthest from the mean of the unit vectors of all. Unknown words are skipped, as in
    /// gensim. Of several equally far words, the first in the order of their characters.
    ///
    /// # Errors
    ///
    /// If the list is empty or none of its words is known.
    pub fn doesnt_match(&self, words: &[impl AsRef<str>]) -> Result<&str> {
        Ok(self.rank_by_centrality(words)?.last().map_or("", |last| last.word))
    }

    /// The words of a list by their similarity to the mean of the unit vectors of all, the most similar first, ties by
    /// descending order of their characters, as in gensim. Unknown words are skipped.
    ///
    /// # Errors
    ///
    /// If the list is empty or none of its words is known.
    pub fn rank_by_centrality(&self, words: &[impl AsRef<str>]) -> Result<Vec<Similar<'_>>> {
        let mean = self.mean_vector(words, &MeanOptions::new())?;
        let length = length_of(&mean);
        let known = words.iter().filter_map(|word| self.index(word.as_ref()));
        let mut ranked: Vec<Similar<'_>> = known
            .map(|index| {
                let similarity = cosine(dot_of(self.row_of(index), &mean), self.lengths().lengths[index], length);
                Similar { word: self.word_of(index), index, similarity }
            })
            .collect();
        ranked.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(b.word.cmp(a.word)));
        Ok(ranked)
    }

    /// The words that are nearer to `a` than `b` is, in the order of the words, without `a` itself.
    ///
    /// # Errors
    ///
    /// If a word is unknown.
    pub fn closer_than(&self, a: &str, b: &str) -> Result<Vec<&str>> {
        let (a, b) = (self.known(a)?, self.known(b)?);
        let distances = self.distances_of(self.row_of(a));
        let closer = |&(index, distance): &(usize, &f32)| index != a && *distance < distances[b];
        Ok(distances.iter().enumerate().filter(closer).map(|(index, _)| self.word_of(index)).collect())
    }

    /// The rank of `b` among all words by nearness to `a`, counted from 1: one more than the number of words that are
    /// [`closer_than`](Self::closer_than) it.
    ///
    /// # Errors
    ///
    /// If a word is unknown.
    pub fn rank(&self, a: &str, b: &str) -> Result<usize> {
        Ok(self.closer_than(a, b)?.len() + 1)
    }

    /// The candidate that is most similar to `word`; of equally similar ones, the first.
    ///
    /// # Errors
    ///
    /// If there is no candidate, or a word is unknown.
    pub fn most_similar_to_given(&self, word: &str, candidates: &[impl AsRef<str>]) -> Result<&str> {
        let index = self.known(word)?;
        let candidates = candidates.iter().map(|candidate| self.known(candidate.as_ref()));
        let candidates: Vec<usize> = candidates.collect::<Result<_>>()?;
        let scored = candidates.into_iter().map(|candidate| (self.similarity_of(index, candidate), candidate));
        match scored.reduce(|best, next| if next.0 > best.0 { next } else { best }) {
            Some((_, index)) => Ok(self.word_of(index)),
            None => Err(Error::EmptyList { what: "a choice of the most similar", item: "candidate" }),
        }
    }

    /// The similarity of `a` and `b` divided by the sum of the similarities of the `top` words nearest to `a`. With
    /// `top` 10, more than 0.1 is a sign of synonyms. gensim's `relative_cosine_similarity`.
    ///
    /// # Errors
    ///
    /// If a word is unknown, `top` is 0, or there is no other word.
    ///
    /// # References
    ///
    /// A. Leeuwenberg et al., "A Minimally Supervised Approach for Synonym Extraction with Word Embeddings", PBML 2016,
    /// equation 1.
    pub fn relative_cosine_similarity(&self, a: &str, b: &str, top: usize) -> Result<f64> {
        let nearest = self.similar_by_word(a, top)?;
        if nearest.is_empty() {
            return Err(Error::EmptyList { what: "a relative similarity", item: "similar word" });
        }
        let sum: f64 = nearest.iter().map(|similar| f64::from(similar.similarity)).sum();
        Ok(f64::from(self.similarity(a, b)?) / sum)
    }

    /// The similarity of two rows.
    pub(crate) fn similarity_of(&self, a: usize, b: usize) -> f32 {
        let lengths = &self.lengths().lengths;
        cosine(dot_of(self.row_of(a), self.row_of(b)), lengths[a], lengths[b])
    }

    fn distances_of(&self, vector: &[f32]) -> Vec<f32> {
        let wide: Vec<f64> = vector.iter().map(|&value| f64::from(value)).collect();
        match Target::new(&wide, 0..self.len(), Vec::new()) {
            Some(target) => rows::scores(self.rows(), &target).into_par_iter().map(|score| 1.0 - score).collect(),
            None => vec![1.0; self.len()],
        }
    }
}
