//! How much each row counts in training.

use std::collections::BTreeMap;

use crate::error::OptionError;

/// How much each row counts in training: an option of every trainer of classifiers.
///
/// A row of weight 2 counts like two rows. Weights change the size of a training step; those of
/// [`Balanced`](Self::Balanced) have a mean of 1 over all rows.
///
/// ```
/// use kiln_base::RowWeights;
///
/// let classes = [0, 0, 0, 1];
/// assert_eq!(RowWeights::Equal.of_rows(&classes)?, None);
/// let balanced = RowWeights::Balanced.of_rows(&classes)?.unwrap();
/// assert_eq!(balanced, [2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0, 2.0]);
/// assert_eq!(RowWeights::Classes(vec![1.0, 5.0]).of_rows(&classes)?.unwrap(), [1.0, 1.0, 1.0, 5.0]);
/// # Ok::<(), kiln_base::OptionError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub enum RowWeights {
    /// All rows count equally.
    #[default]
    Equal,
    /// All classes count equally, however many rows they have: rows / (classes * rows of the class), scikit-learn's
    /// `class_weight="balanced"`.
    Balanced,
    /// A weight for each class, in order; extra weights are ignored.
    Classes(Vec<f64>),
    /// A weight for each row, in order.
    Rows(Vec<f64>),
}

impl RowWeights {
    /// The weight of each row, given the rows' classes; `None` if all count equally.
    ///
    /// # Errors
    ///
    /// A weight is negative or not finite, all weights are 0, or their number is wrong: fewer than classes, or not as
    /// many as rows.
    pub fn of_rows(&self, classes: &[u32]) -> Result<Option<Vec<f64>>, OptionError> {
        let weights: Vec<f64> = match self {
            Self::Equal => return Ok(None),
            Self::Balanced => {
                let mut rows = BTreeMap::new();
                classes.iter().for_each(|class| *rows.entry(class).or_insert(0_usize) += 1);
                let share = classes.len() as f64 / rows.len() as f64;
                classes.iter().map(|class| share / rows[class] as f64).collect()
            }
            Self::Classes(weights) => {
                check(weights)?;
                let count = classes.iter().max().map_or(0, |&class| class as usize + 1);
                let expected = format!("{count} class weights, one for each class, or more");
                OptionError::unless(weights.len() >= count, "row_weights", expected, weights.len())?;
                classes.iter().map(|&class| weights[class as usize]).collect()
            }
            Self::Rows(weights) => {
                let rows = classes.len();
                OptionError::unless(
                    weights.len() == rows,
                    "row_weights",
                    format!("{rows} weights, one for each row"),
                    weights.len(),
                )?;
                weights.clone()
            }
        };
        check(&weights)?;
        let is_any = weights.is_empty() || weights.iter().any(|&weight| weight > 0.0);
        OptionError::unless(is_any, "row_weights", "above 0 in one row at least", 0)?;
        Ok(Some(weights))
    }
}

fn check(weights: &[f64]) -> Result<(), OptionError> {
    match weights.iter().find(|weight| !(**weight as f32).is_finite() || **weight < 0.0) {
        Some(weight) => Err(OptionError::new("row_weights", "finite numbers, 0 or more", weight)),
        None => Ok(()),
    }
}
