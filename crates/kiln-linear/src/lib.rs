//! Linear text classifiers on the CPU. They train in seconds and are the baseline that a sequence model should beat.
//!
//! | what | with |
//! |---|---|
//! | fastText's supervised model: averaged vectors of words and n-grams | [`Supervised`] |
//! | logistic regression on sparse rows, as in scikit-learn | [`LogisticRegression`] |
//! | naive Bayes log-count ratios to weight rows with (NB-LR, NB-SVM) | [`LogCountRatio`] |
//!
//! Rows come from kiln-text's vectorizers. The crate does not use tensors or Burn, and no result depends on the number
//! of threads.

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
pub use supervised::{
    Loss, ScoredLabel, Supervised, SupervisedConfig, SupervisedEpoch, SupervisedProgress, TestCounts,
};
