//! Sparse rows as the solvers walk over them, and the checks that all of them make.

use std::borrow::Cow;

use kiln_base::sparse::by_row;
pub(crate) use kiln_base::sparse::row;
use kiln_text::features::SparseMatrix;

use crate::error::{Error, Result};

/// What a cell of a sparse matrix may hold: any number that is exact in 64 bits, such as `u32`, `f32` and `f64`.
pub trait Cell: Copy + Into<f64> + Default + Sync {}

impl<N: Copy + Into<f64> + Default + Sync> Cell for N {}

/// Labelled and weighted rows by row, or an error where there is not one of each for a row, a number is not finite, or a
/// weight is negative, or a value where that is asked.
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

/// Rows by row, or an error where they have not as many columns as the model.
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

/// An error unless all numbers are finite, and not negative where that is asked; `place` tells the row of one.
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
