//! How well probabilities fit the true classes: log loss and Brier score.

use crate::error::{Error, Result};

/// The sum of a row's probabilities may differ from 1 by this much.
const SLACK: f64 = 1e-3;

/// Checks rows of probabilities, one probability per class.
pub(crate) fn check(rows: usize, classes: usize, probabilities: &[f64], add_up: bool) -> Result<()> {
    let (what, expected, found) = ("the number of probabilities", rows * classes, probabilities.len());
    if expected != found {
        return Err(Error::Length { what, expected, found });
    }
    for (row, of_row) in probabilities.chunks_exact(classes).enumerate() {
        if let Some(class) = of_row.iter().position(|found| !(0.0..=1.0).contains(found)) {
            return Err(Error::NotAProbability { row, class, found: of_row[class] });
        }
        let found: f64 = of_row.iter().sum();
        if add_up && (found - 1.0).abs() > SLACK {
            return Err(Error::Sum { row, found });
        }
    }
    Ok(())
}

/// The log loss of a row: minus the logarithm of the probability of its true class. Probabilities are kept the machine
/// epsilon away from 0 and 1.
pub(crate) fn log_loss(of_row: &[f64], truth: usize) -> f64 {
    -of_row[truth].clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
}

/// The Brier score of a row: the sum of squared distances from the truth, halved for two classes.
pub(crate) fn brier(of_row: &[f64], truth: usize) -> f64 {
    let distance = |(class, &p): (usize, &f64)| (p - f64::from(u8::from(class == truth))).powi(2);
    let sum: f64 = of_row.iter().enumerate().map(distance).sum();
    if of_row.len() < 3 { sum / 2.0 } else { sum }
}

/// The most probable class; of equal ones the first.
pub(crate) fn most_probable(of_row: &[f64]) -> u32 {
    let best = (0..of_row.len()).reduce(|best, class| if of_row[class] > of_row[best] { class } else { best });
    best.unwrap_or(0) as u32
}
