//! How often each token occurs, and which tokens get an id: [`TokenCounts`] and [`Vocabulary`].

pub(crate) mod builder;
pub(crate) mod files;
pub(crate) mod frequency;
pub(crate) mod numbered;
pub(crate) mod subword_counts;
pub(crate) mod token_counts;
pub(crate) mod word_table;

pub use builder::{TokenOrder, VocabularyBuilder};
pub use frequency::Frequency;
pub use numbered::Vocabulary;
pub use token_counts::{TokenCount, TokenCounts, whitespace_tokens};
