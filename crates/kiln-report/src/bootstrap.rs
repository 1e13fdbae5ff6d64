//! Confidence intervals of scores, by resampling the rows.

use kiln_base::SplitMix64;
use serde::Serialize;

use crate::averages::{Counts, mean};
use crate::report::OfRows;

/// The share of the samples that an interval covers.
const INSIDE: f64 = 0.95;

/// The range in which a score lies in 95 of 100 samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The intervals of a report's scores.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Intervals {
    /// How often the rows were resampled.
    pub samples: usize,
    /// The interval of the accuracy.
    pub accuracy: Interval,
    /// The interval of the macro average of F1.
    pub macro_f1: Interval,
    /// The interval of the log loss, if there are probabilities.
    pub log_loss: Option<Interval>,
}

/// `None` if nothing is to be drawn.
pub(crate) fn intervals(rows: &OfRows, classes: usize, samples: usize, seed: u64) -> Option<Intervals> {
    let count = rows.truth.len();
    if samples == 0 || count == 0 {
        return None;
    }
    let (mut accuracies, mut f1s, mut losses) = (Vec::new(), Vec::new(), Vec::new());
    for sample in 0..samples {
        let mut numbers = SplitMix64::new(SplitMix64::nth(seed, sample as u64));
        let mut counts = vec![Counts::default(); classes];
        let (mut right, mut loss) = (0_u64, 0.0);
        for _ in 0..count {
            let row = numbers.below(count as u64) as usize;
            let (truth, predicted) = (rows.truth[row] as usize, rows.predicted[row] as usize);
            counts[truth].there += 1;
            counts[predicted].predicted += 1;
            if truth == predicted {
                counts[truth].right += 1;
                right += 1;
            }
            loss += rows.log_losses.as_ref().map_or(0.0, |losses| losses[row]);
        }
        accuracies.push(right as f64 / count as f64);
        f1s.push(mean(counts.iter().map(|class| (class.average(), 1.0))).f1);
        losses.push(loss / count as f64);
    }
    Some(Intervals {
        samples,
        accuracy: middle(accuracies),
        macro_f1: middle(f1s),
        log_loss: rows.log_losses.is_some().then(|| middle(losses)),
    })
}

/// The middle part of some values. Its ends are interpolated linearly between two values, like NumPy's `percentile` by
/// default.
fn middle(mut values: Vec<f64>) -> Interval {
    values.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share * (values.len() - 1) as f64;
        let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
        below + (above - below) * place.fract()
    };
    Interval { low: at((1.0 - INSIDE) / 2.0), high: at((1.0 + INSIDE) / 2.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_values_lies_between_two_of_them() {
        let found = middle((0..=100).rev().map(f64::from).collect());
        assert!((found.low - 2.5).abs() < 1e-12 && (found.high - 97.5).abs() < 1e-12, "{found:?}");
        assert_eq!(middle(vec![3.0]), Interval { low: 3.0, high: 3.0 });
    }
}
