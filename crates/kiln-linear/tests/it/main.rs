//! Tests of the public API against numbers of fastText and scikit-learn, and of user mistakes.

mod classifier;
mod damage;
#[path = "../../../kiln-base/tests/it/damage.rs"]
mod damaged_copies;
mod logistic;
mod supervised;
mod supervised_options;
