//! word2vec: word vectors from the words around them, by CBOW or skip-gram.
//!
//! [`Word2Vec`] is the fast path: it updates two tables of vectors in place, on all cores, from a [`Corpus`] that is
//! never whole in memory. [`NegativeSampling`] is the same model as a Burn module, for the ordinary trainer and any
//! backend. [`SoftmaxCbow`] scores every word, for teaching. `kiln-vectors` has the queries of vectors.

mod config;
mod corpus;
mod group;
mod model;
mod negative_sampling;
mod train;
mod vocabulary;

pub use config::{Architecture, Context, Word2VecConfig};
pub use corpus::Corpus;
pub use model::Word2Vec;
pub use negative_sampling::{
    ContextRow, Contexts, NegativeSampling, NegativeSamplingConfig, SoftmaxCbow, SoftmaxCbowConfig,
};
pub use train::{Updates, Word2VecProgress};
pub use vocabulary::Word2VecVocabulary;
