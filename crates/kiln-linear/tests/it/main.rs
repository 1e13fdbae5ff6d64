//! Tests of the public API against fastText's and scikit-learn's own numbers, and of what users get wrong.

mod logistic;
mod supervised;
