//! [`HashingVectorizer`]: terms to columns by their hash, without a vocabulary, like scikit-learn. Keras's hashing
//! trick ([`HashingTrick`](crate::keras::HashingTrick)) gives ids and uses another hash.

use super::terms::analysis::{Analysis, AnalysisOptions, Scratch};
use super::tfidf::Norm;
use super::vectorizer_builder::VectorizerBuilder;
use kiln_base::OptionError;
use kiln_base::sparse::Rows;

use crate::error::Result;
use crate::features::sparse::{SparseMatrix, add_rows, by_batches};
use crate::io::text::Text;

/// Options for a [`HashingVectorizer`]; made by [`HashingVectorizer::builder`]. The defaults are scikit-learn's.
pub type HashingVectorizerBuilder = VectorizerBuilder<AnalysisOptions, (), Hashing>;

/// How a hash becomes a cell: as users set it and files store it.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hashing {
    pub(super) n_features: usize,
    pub(super) alternate_sign: bool,
    pub(super) binary: bool,
    pub(super) norm: Option<Norm>,
}

impl Default for Hashing {
    fn default() -> Self {
        Self { n_features: 1 << 20, alternate_sign: true, binary: false, norm: Some(Norm::L2) }
    }
}

impl HashingVectorizerBuilder {
    setters! {
        /// The number of columns, at most 2^31 - 1. Default: 2^20.
        n_features(n_features: usize) => cells.n_features = n_features;
        /// Whether a term whose hash is negative counts -1, so that terms that share a column cancel out on average.
        /// Default: true.
        alternate_sign(alternate_sign: bool) => cells.alternate_sign = alternate_sign;
        /// Whether to write 1 for every column that a term was hashed to, even if the sum is 0. Default: false.
        binary(binary: bool) => cells.binary = binary;
        /// The norm that each row is divided by, if any. Default: [`Norm::L2`].
        norm(norm: impl Into<Option<Norm>>) => cells.norm = norm.into();
    }

    /// The vectorizer, which needs no texts.
    ///
    /// # Errors
    ///
    /// [`Error::Option`](crate::Error::Option), [`Error::Pattern`](crate::Error::Pattern).
    pub fn build(self) -> Result<HashingVectorizer> {
        let columns = self.cells.n_features;
        let expected = "from 1 to 2^31 - 1, as columns are magnitudes of 32-bit hashes";
        OptionError::unless((1..=i32::MAX as usize).contains(&columns), "n_features", expected, columns)?;
        Ok(HashingVectorizer { analysis: Analysis::new(self.analysis)?, hashing: self.cells })
    }
}

/// Terms to columns by their hash, without a vocabulary: scikit-learn's `HashingVectorizer`.
///
/// A term's column is the magnitude of its hash, as a signed integer, modulo the number of columns; the sign of the
/// hash is the sign of the count. Different terms can share a column. As in scikit-learn, a sum of 0 is stored.
///
/// # Examples
///
/// ```
/// use kiln_text::features::HashingVectorizer;
///
/// let rows = HashingVectorizer::builder().norm(None).build()?.transform(["foo cat cat"])?;
/// assert_eq!((rows.get(0, 670_688), rows.get(0, 300_839)), (Some(&-1.0), Some(&2.0)));
/// # Ok::<(), kiln_text::Error>(())
/// ```
///
/// # References
///
/// `sklearn.feature_extraction` of scikit-learn 1.9; Weinberger, Dasgupta, Langford, Smola, Attenberg, "Feature Hashing
/// for Large Scale Multitask Learning", ICML 2009.
#[derive(Clone, Debug, PartialEq)]
pub struct HashingVectorizer {
    pub(super) analysis: Analysis,
    pub(super) hashing: Hashing,
}

impl HashingVectorizer {
    /// The options, with scikit-learn's defaults.
    pub fn builder() -> HashingVectorizerBuilder {
        HashingVectorizerBuilder::default()
    }

    /// How many columns there are.
    pub fn n_features(&self) -> usize {
        self.hashing.n_features
    }

    /// The column of a term, which is not lower-cased and not split, and whether it counts negatively.
    pub fn column(&self, term: &str) -> (usize, bool) {
        let (column, negative) = self.place(term);
        (column as usize, negative)
    }

    fn place(&self, term: &str) -> (u32, bool) {
        let hash = murmur3(term.as_bytes()) as i32;
        let (magnitude, columns) = (hash.unsigned_abs(), self.hashing.n_features as u32);
        // Most numbers of columns are powers of two, and division is slow.
        let column = if columns.is_power_of_two() { magnitude & (columns - 1) } else { magnitude % columns };
        (column, hash < 0 && self.hashing.alternate_sign)
    }

    /// The rows of texts, on all threads. The result does not depend on the number of threads.
    ///
    /// # Errors
    ///
    /// The first error among the texts.
    pub fn transform(&self, texts: impl IntoIterator<Item = impl Text>) -> Result<SparseMatrix<f64>> {
        by_batches(texts, self.hashing.n_features, |rows, texts| self.add_rows(rows, texts))
    }

    fn add_rows(&self, rows: &mut Rows<f64>, texts: &[impl AsRef<str> + Sync]) {
        let scratch = || (Scratch::default(), Vec::new());
        add_rows(rows, texts, scratch, |(scratch, found), text, columns, values| {
            found.clear();
            self.analysis.each_term(scratch, text.as_ref(), |term| {
                let (column, negative) = self.place(term);
                found.push(column << 1 | u32::from(negative));
            });
            found.sort_unstable();
            let start = values.len();
            for same in found.chunk_by(|a, b| a >> 1 == b >> 1) {
                columns.push(same[0] >> 1);
                // After sorting, those that count negatively are last.
                let positive = same.partition_point(|place| place & 1 == 0);
                let sum = positive as f64 - (same.len() - positive) as f64;
                values.push(if self.hashing.binary { 1.0 } else { sum });
            }
            if let Some(norm) = self.hashing.norm {
                norm.divide(&mut values[start..]);
            }
        });
    }
}

/// MurmurHash3 for x86, 32 bits, with seed 0.
///
/// Reference: Austin Appleby, `MurmurHash3.cpp`, 2011, in the public domain.
fn murmur3(bytes: &[u8]) -> u32 {
    let mix = |block: u32| block.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let (blocks, tail) = bytes.as_chunks();
    let mut hash = 0_u32;
    for &block in blocks {
        hash = (hash ^ mix(u32::from_le_bytes(block))).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    hash ^= match *tail {
        [a] => mix(u32::from(a)),
        [a, b] => mix(u32::from_le_bytes([a, b, 0, 0])),
        [a, b, c] => mix(u32::from_le_bytes([a, b, c, 0])),
        _ => 0,
    };
    hash ^= bytes.len() as u32;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use super::murmur3;

    /// The values of scikit-learn's `murmurhash3_32`.
    #[test]
    fn hashes_are_those_of_murmur3() {
        for (text, hash) in [
            ("", 0),
            ("foo", -156_908_512),
            ("the", -1_132_748_958),
            ("cat", 1_751_422_759),
            ("sat", 703_717_300),
            ("고양이", -148_255_650),
        ] {
            assert_eq!(murmur3(text.as_bytes()) as i32, hash, "{text:?}");
        }
    }
}
