//! Count-based word vectors: which words occur near which, weighted and reduced to a few dimensions.
//!
//! # The stages
//!
//! | stage | what | with |
//! |---|---|---|
//! | counts | how often a word occurs near another | [`Cooccurrence`], [`CooccurrenceMatrix`] |
//! | weights | how much more often than by chance | [`Ppmi`] |
//! | dimensions | the directions that keep most of the matrix | [`TruncatedSvd`], [`Svd`], [`Scaling`] |
//! | all three | sentences in, vectors out | [`CountVectors`] |
//! | a plane | vectors to points that can be plotted | [`principal_components`] |
//!
//! Matrices are sparse from the first count to the last product, so memory grows with the number of distinct pairs, not
//! with the square of the vocabulary. Every stage returns the same bits for any number of threads.
//!
//! # A complete example
//!
//! ```
//! use kiln_vectors::counts::{Cooccurrence, CountVectors, Ppmi, principal_components};
//!
//! // "you say goodbye and i say hello ." by first appearance: you 0, say 1, goodbye 2, and 3, i 4, hello 5, . 6
//! let sentences = [[0, 1, 2, 3, 4, 1, 5, 6]];
//! let vectors = CountVectors::new(5)
//!     .cooccurrence(Cooccurrence::new().window(1))
//!     .ppmi(Ppmi::new())
//!     .fit(7, &sentences)?;
//! assert_eq!(vectors.len(), 7 * 5);
//!
//! let plane = principal_components(&vectors, 5, 2)?;
//! assert_eq!(plane.points.len(), 7 * 2);
//! # Ok::<(), kiln_vectors::Error>(())
//! ```

mod cooccurrence;
mod count_vectors;
mod dense;
mod pair_sums;
mod pca;
mod ppmi;
mod sparse;
mod svd;

pub use cooccurrence::{Context, Cooccurrence, CooccurrenceMatrix, Weighting};
pub use count_vectors::CountVectors;
pub use pca::{Pca, principal_components};
pub use ppmi::Ppmi;
pub use sparse::{CsrMatrix, CsrView};
pub use sprs;
pub use svd::{Scaling, Svd, SvdMethod, TruncatedSvd};
