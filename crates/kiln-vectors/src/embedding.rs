//! [`EmbeddingMatrix`]: vectors for a model's words, in the model's order, for its embedding layer.

use kiln_base::SplitMix64;
use rayon::prelude::*;

use crate::word_vectors::WordVectors;

/// What the rows of words without a vector hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// Zeros.
    Zero,
    /// Uniform draws from -0.05 to 0.05 (Keras's default for embeddings). They depend only on the seed and the word,
    /// not on the order of the words or on which others are missing.
    Random {
        /// The seed: the same seed and word give the same draws.
        seed: u64,
    },
    /// The mean of all vectors of the set.
    Mean,
}

/// One row for each word of a model. Made by [`WordVectors::embedding_matrix`].
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddingMatrix {
    /// Row by row: `rows` x `d`.
    pub values: Vec<f32>,
    /// One for each given word.
    pub rows: usize,
    /// The width of the vectors.
    pub d: usize,
    /// How many of the words have a vector.
    pub found: usize,
    /// The positions of the words without a vector, in order, counted from 0.
    pub missing: Vec<usize>,
}

impl EmbeddingMatrix {
    /// The share of the words that have a vector, from 0 to 1; 0 if there are no words.
    pub fn coverage(&self) -> f64 {
        if self.rows == 0 { 0.0 } else { self.found as f64 / self.rows as f64 }
    }
}

impl WordVectors {
    /// The vectors of a model's words, in the model's order; `missing` sets what words without a vector get.
    ///
    /// Row n belongs to `words_in_order[n]`. For an id that is not a word, such as 0 for padding, pass an empty string
    /// with [`Missing::Zero`], or set that row afterwards.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_vectors::{Missing, WordVectors};
    ///
    /// let vectors = WordVectors::new(["a", "b"], vec![1.0, 2.0, 3.0, 4.0], 2)?;
    /// let matrix = vectors.embedding_matrix(&["", "b", "c", "a"], Missing::Zero);
    /// assert_eq!(matrix.values, [0.0, 0.0, 3.0, 4.0, 0.0, 0.0, 1.0, 2.0]);
    /// assert_eq!((matrix.rows, matrix.d, matrix.found), (4, 2, 2));
    /// assert_eq!(matrix.missing, [0, 2]);
    /// assert_eq!(matrix.coverage(), 0.5);
    /// # Ok::<(), kiln_vectors::Error>(())
    /// ```
    pub fn embedding_matrix(&self, words_in_order: &[impl AsRef<str>], missing: Missing) -> EmbeddingMatrix {
        let d = self.d();
        let mean = if missing == Missing::Mean { self.mean_of_all() } else { Vec::new() };
        let mut values = vec![0.0; words_in_order.len() * d];
        let mut without = Vec::new();
        for (position, (row, word)) in values.chunks_exact_mut(d).zip(words_in_order).enumerate() {
            let word = word.as_ref();
            match self.get(word) {
                Some(vector) => row.copy_from_slice(vector),
                None => {
                    without.push(position);
                    match missing {
                        Missing::Zero => {}
                        Missing::Random { seed } => draw(seed, word, row),
                        Missing::Mean => row.copy_from_slice(&mean),
                    }
                }
            }
        }
        let rows = words_in_order.len();
        EmbeddingMatrix { values, rows, d, found: rows - without.len(), missing: without }
    }

    /// The mean of all vectors, without normalising them. Blocks are added in order, for any number of threads.
    fn mean_of_all(&self) -> Vec<f32> {
        const ROWS: usize = 4096;
        let d = self.d();
        let sums: Vec<Vec<f64>> = self
            .values()
            .par_chunks(ROWS * d)
            .map(|rows| {
                let mut sum = vec![0.0; d];
                for row in rows.chunks_exact(d) {
                    sum.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
                }
                sum
            })
            .collect();
        let mut mean = vec![0.0; d];
        for sum in sums {
            mean.iter_mut().zip(sum).for_each(|(mean, sum)| *mean += sum);
        }
        mean.into_iter().map(|sum| (sum / self.len() as f64) as f32).collect()
    }
}

/// Fills a row with draws that depend on the seed and the word: [`SplitMix64`], started from the word's 64-bit FNV-1a
/// hash mixed with the seed.
fn draw(seed: u64, word: &str, row: &mut [f32]) {
    const WIDTH: f64 = 0.05;
    let hash = word
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mut random = SplitMix64::new(SplitMix64::nth(hash ^ SplitMix64::nth(seed, 1), 0));
    for value in row {
        // The half step makes the draws symmetric and excludes 0 and both ends.
        let zero_to_one = ((random.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        *value = ((zero_to_one * 2.0 - 1.0) * WIDTH) as f32;
    }
}
