//! Sparse rows as the solvers walk over them, and the checks that all of them make.

pub(crate) use kiln_base::sparse::{by_row, row};
use kiln_text::features::SparseMatrix;

use crate::error::{Error, Result};

/// What a cell of a sparse matrix may hold: any number that is exact in 64 bits, such as `u32`, `f32` and `f64`.
pub trait Cell: Copy + Into<f64> + Default + Sync {}

impl<N: Copy + Into<f64> + Default + Sync> Cell for N {}

pub(crate) fn check_counts(rows: usize, what: &'static str, found: usize) -> Result<()> {
    if rows == found { Ok(()) } else { Err(Error::UnevenRows { rows, what, found }) }
}

pub(crate) fn check_columns<N>(matrix: &SparseMatrix<N>, expected: usize) -> Result<()> {
    check_width(expected, matrix.cols())
}

pub(crate) fn check_width(expected: usize, found: usize) -> Result<()> {
    if found == expected { Ok(()) } else { Err(Error::Columns { expected, found }) }
}

/// An error unless all values are finite, and not negative where that is asked.
pub(crate) fn check_values<N: Cell>(matrix: &SparseMatrix<N>, not_negative: bool) -> Result<()> {
    for at in 0..matrix.rows() {
        check_numbers(row(matrix, at).1, "a value", not_negative, |_| at)?;
    }
    Ok(())
}

/// An error unless all numbers are finite, and not negative where that is asked; `place` tells the row of one.
pub(crate) fn check_numbers<N: Cell>(
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
