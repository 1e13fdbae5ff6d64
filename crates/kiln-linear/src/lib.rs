//! Linear text classifiers on the CPU: trained in seconds, hard to beat, and what a sequence model has to be better than.
//!
//! | what | with |
//! |---|---|
//! | fastText's supervised model: averaged vectors of words and n-grams | [`Supervised`] |
//! | logistic regression on sparse rows, as scikit-learn has it | [`LogisticRegression`] |
//! | naive Bayes log-count ratios, by which rows are weighted first (NB-LR, NB-SVM) | [`LogCountRatio`] |
//!
//! Rows are those of kiln-text's vectorizers. Nothing here knows tensors or Burn, and nothing depends on the number of
//! threads.

mod classifier;
mod error;
mod kernel;
mod lbfgs;
mod log_count_ratio;
mod logistic;
mod rows;
mod supervised;

pub use classifier::LinearClassifier;
pub use error::{Error, Result};
pub use log_count_ratio::LogCountRatio;
pub use logistic::{LogisticModel, LogisticRegression};
pub use rows::Cell;
pub use supervised::{Loss, ScoredLabel, Supervised, SupervisedConfig, SupervisedProgress, TestCounts};
