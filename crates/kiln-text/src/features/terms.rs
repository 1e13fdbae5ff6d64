//! From a text to its terms, like scikit-learn's vectorizers.

pub(crate) mod analysis;
mod ascii_words;
pub(crate) mod python_text;
pub(crate) mod term_tree;
mod token_pattern;
