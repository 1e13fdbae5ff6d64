//! Sparse rows for the solvers, and their common checks.

use std::borrow::Cow;

use kiln_base::sparse::by_row;
pub(crate) use kiln_base::sparse::row;
use kiln_text::features::SparseMatrix;

use crate::error::{Error, Result};

/// A cell of a sparse matrix: any number that is exact in 64 bits, such as `u32`, `f32` or `f64`.
pub trait Cell: Copy + Into<f64> + Default + Sync {}

impl<N: Copy + Into<f64> + Default + Sync> Cell for N {}

/// The rows in row order. An error if there are more or fewer labels or weights than rows, a number is not finite, or a
/// weight (or a value, with `not_negative`) is negative.
pub(crate) fn checked<'a, N: Cell>(
    matrix: &'a SparseMatrix<N>,
    labels: &[u32],
    weights: &[f64],
    not_negative: bool,
) -> Result<Cow<'a, SparseMatrix<N>>> {
    let matrix = by_row(matrix);
    for (what, found) in [("labels", labels.len()), ("weights", weights.len())] {
        if found != matrix.rows() {
            return Err(Error::UnevenRows { rows: matrix.rows(), what, found });
        }
    }
    check_numbers(weights, "the weight", true, |at| at)?;
    for at in 0..matrix.rows() {
        check_numbers(row(&matrix, at).1, "a value", not_negative, |_| at)?;
    }
    Ok(matrix)
}

/// The rows in row order, or an error if they do not have the model's number of columns.
pub(crate) fn of_width<N: Cell>(matrix: &SparseMatrix<N>, expected: usize) -> Result<Cow<'_, SparseMatrix<N>>> {
    check_width(expected, matrix.cols())?;
    Ok(by_row(matrix))
}

pub(crate) fn check_width(expected: usize, found: usize) -> Result<()> {
    if found == expected { Ok(()) } else { Err(Error::Columns { expected, found }) }
}

/// An error if a number of row `at` is not finite.
pub(crate) fn check_row<N: Cell>(matrix: &SparseMatrix<N>, at: usize) -> Result<()> {
    check_numbers(row(matrix, at).1, "a value", false, |_| at)
}

/// An error unless all numbers are finite (and not negative, with `not_negative`); `place` returns the row of a number.
fn check_numbers<N: Cell>(
    numbers: &[N],
    what: &'static str,
    not_negative: bool,
    place: impl Fn(usize) -> usize,
) -> Result<()> {
    let is_bad = |number: f64| !number.is_finite() || (not_negative && number < 0.0);
    match numbers.iter().position(|&number| is_bad(number.into())) {
        Some(at) => Err(Error::BadNumber { what, row: place(at), found: numbers[at].into(), not_negative }),
        None => Ok(()),
    }
}
