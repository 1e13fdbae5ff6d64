//! How good a classifier is, from its predictions. All numbers are defined as in scikit-learn 1.9.
//!
//! - [`Report`]: each row has exactly one class.
//! - [`LabelsReport`]: each row has any number of labels.
//! - [`ConfusionMatrix`]: which classes are mistaken for which.
//!
//! A number that would be a division by zero is 0, as with scikit-learn's `zero_division=0`. Averages are over all
//! classes, as with its `labels=` of all classes.

mod averages;
mod bootstrap;
mod confusion;
mod error;
mod labels_report;
#[cfg(feature = "plot")]
pub mod plot;
mod probabilities;
mod ranking;
mod report;
mod shown;

pub use averages::{Average, ClassScores};
pub use bootstrap::{Interval, Intervals};
pub use confusion::ConfusionMatrix;
pub use error::{Error, Result};
pub use labels_report::LabelsReport;
pub use report::{OfProbabilities, Report};
