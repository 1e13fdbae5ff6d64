//! From a text to its tokens: [`Analyzer`] with its [`Normalizer`], [`WordSplitter`] and [`NGrams`]; Keras's splitting
//! rule; and the letters of Hangul syllables.

pub(crate) mod analyzer;
pub(crate) mod html;
pub(crate) mod jamo;
pub(crate) mod ngrams;
pub(crate) mod normalizer;
pub(crate) mod python_characters;
pub(crate) mod splitter;
pub(crate) mod word_splitter;

pub use analyzer::Analyzer;
pub use html::Html;
pub use jamo::{from_jamo, to_jamo};
pub use ngrams::{Bag, NGrams};
pub use normalizer::{Accents, Normalizer, Punctuation, UnicodeForm};
pub use splitter::{DEFAULT_FILTERS, text_to_words};
pub use word_splitter::{Segments, WordSplitter};
