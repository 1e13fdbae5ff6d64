//! Tests of the public API against fastText's and scikit-learn's own numbers, and of what users get wrong.

mod classifier;
mod damage;
#[path = "../../../kiln-base/tests/it/damage.rs"]
mod damaged_copies;
mod logistic;
mod supervised;
