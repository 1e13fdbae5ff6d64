//! From a text to its terms, as scikit-learn's vectorizers cut it.

pub(crate) mod analysis;
mod ascii_words;
pub(crate) mod python_text;
pub(crate) mod term_tree;
mod token_pattern;
