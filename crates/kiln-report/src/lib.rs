//! How good a classifier is, from its predictions. All numbers are those of scikit-learn 1.9, by its definitions.
//!
//! - [`Report`]: each row is of one class.
//! - [`LabelsReport`]: each row has any number of labels.
//! - [`ConfusionMatrix`]: which classes are taken for which.
//!
//! Where a number would be a division by zero it is 0, as with scikit-learn's `zero_division=0`.

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
