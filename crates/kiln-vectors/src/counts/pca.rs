//! Principal components, to plot word vectors on a plane.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use rayon::prelude::*;

use super::dense::{check_dimensions, sign, symmetric_eigen, thin_svd};
use super::sparse::FINITE;
use crate::error::{Error, Result};

/// Points projected onto the directions in which they differ most; made by [`principal_components`].
#[derive(Clone, Debug, PartialEq)]
pub struct Pca {
    /// The points, `[points, k]`, row by row.
    pub points: Vec<f32>,
    /// The directions, `[k, d]`, row by row; each has length 1, and its entry of largest absolute value is positive.
    pub components: Vec<f32>,
    /// The mean that was subtracted from every point, `[d]`.
    pub mean: Vec<f32>,
    /// The variance along each direction, `[k]`, in descending order, with the divisor `points - 1`.
    pub explained_variance: Vec<f64>,
    /// The same as a share of the total variance, `[k]`; 0 if the total is 0.
    pub explained_variance_ratio: Vec<f64>,
}

/// Projects points of `d` dimensions onto the `k` directions of largest variance.
///
/// Computes in `f64`: with the covariance matrix if there are more points than dimensions, else with the singular value
/// decomposition of the points themselves. The result has the same bits for any number of threads.
///
/// # Shapes
///
/// `values` is `[points, d]`, row by row, with two points or more; `k` must be from 1 to the smaller of `points` and
/// `d`.
///
/// # Errors
///
/// [`Error::RowWidth`] if the values are not a whole number of rows, [`Error::TooFewPoints`], [`Error::Option`] for
/// another `k`, [`Error::BadCell`] for infinity and NaN, [`Error::NoConvergence`] if the decomposition fails, which is
/// not known to happen.
///
/// # Examples
///
/// ```
/// use kiln_vectors::counts::principal_components;
///
/// // On a line of slope 1: (0, 0), (1, 1), (2, 2)
/// let line = principal_components(&[0.0, 0.0, 1.0, 1.0, 2.0, 2.0], 2, 1)?;
/// assert!((line.points[2] - 2f32.sqrt()).abs() < 1e-6);
/// assert!((line.explained_variance_ratio[0] - 1.0).abs() < 1e-12);
/// # Ok::<(), kiln_vectors::Error>(())
/// ```
///
/// # References
///
/// - Hotelling, H. (1933). *Analysis of a Complex of Statistical Variables into Principal Components*. Journal of
///   Educational Psychology 24. The signs are those of scikit-learn's `PCA` since its version 1.5.
pub fn principal_components(values: &[f32], d: usize, k: usize) -> Result<Pca> {
    if d == 0 || !values.len().is_multiple_of(d) {
        return Err(Error::RowWidth { len: values.len(), d });
    }
    let points = values.len() / d;
    if points < 2 {
        return Err(Error::TooFewPoints { found: points });
    }
    check_dimensions(k, points, d)?;
    if let Some(at) = values.iter().position(|value| !value.is_finite()) {
        return Err(Error::BadCell { expected: FINITE, row: at / d, column: at % d, found: values[at] });
    }
    let mut mean = vec![0.0; d];
    for point in values.chunks_exact(d) {
        for (mean, &value) in mean.iter_mut().zip(point) {
            *mean += f64::from(value);
        }
    }
    for mean in &mut mean {
        *mean /= points as f64;
    }
    let degrees = (points - 1) as f64;
    // The directions as columns, and the sums of squares along them, in descending order.
    let (directions, squares) = if points > d {
        let (values, vectors) = symmetric_eigen(scatter(values, &mean).as_ref())?;
        // Rounding can make a variance of 0 negative.
        (
            vectors.as_ref().reverse_cols().to_owned(),
            values.iter().rev().map(|value| value.max(0.0)).collect::<Vec<_>>(),
        )
    } else {
        let centred = centred(values, &mean);
        let (_, singular_values, directions) = thin_svd(MatRef::from_row_major_slice(&centred, points, d))?;
        (directions, singular_values.iter().map(|value| value * value).collect())
    };
    let total: f64 = squares.iter().sum();
    let components: Vec<f64> = (0..k)
        .flat_map(|j| {
            let sign = sign(directions.col(j));
            directions.col(j).iter().map(move |value| sign * value)
        })
        .collect();
    let mut projected = vec![0.0; points * k];
    projected.par_chunks_exact_mut(k).zip(values.par_chunks_exact(d)).for_each(|(projected, point)| {
        for (cell, component) in projected.iter_mut().zip(components.chunks_exact(d)) {
            let along =
                point.iter().zip(&mean).zip(component).map(|((&x, mean), weight)| (f64::from(x) - mean) * weight);
            *cell = along.sum::<f64>() as f32;
        }
    });
    Ok(Pca {
        points: projected,
        components: components.iter().map(|&value| value as f32).collect(),
        mean: mean.iter().map(|&value| value as f32).collect(),
        explained_variance: squares[..k].iter().map(|square| square / degrees).collect(),
        explained_variance_ratio: squares[..k]
            .iter()
            .map(|square| if total > 0.0 { square / total } else { 0.0 })
            .collect(),
    })
}

fn centred(values: &[f32], mean: &[f64]) -> Vec<f64> {
    values
        .chunks_exact(mean.len())
        .flat_map(|point| point.iter().zip(mean).map(|(&x, mean)| f64::from(x) - mean))
        .collect()
}

/// Points that are centred and multiplied at once.
const BLOCK: usize = 256;

/// Parts of the sum that are held at once and added in order; the same for any number of threads.
const PARTS: usize = 32;

/// `X^T X` of the centred points: the covariance matrix, times the number of points less one.
fn scatter(values: &[f32], mean: &[f64]) -> Mat<f64> {
    let d = mean.len();
    let points_each = (values.len() / d).div_ceil(PARTS).max(BLOCK);
    let parts: Vec<Mat<f64>> = values
        .par_chunks(points_each * d)
        .map(|part| {
            let mut sum = Mat::zeros(d, d);
            for block in part.chunks(BLOCK * d) {
                let block = centred(block, mean);
                let block = MatRef::from_row_major_slice(&block, block.len() / d, d);
                matmul(sum.as_mut(), Accum::Add, block.transpose(), block, 1.0, Par::Seq);
            }
            sum
        })
        .collect();
    parts.into_iter().reduce(|sum, part| sum + part).unwrap_or_else(|| Mat::zeros(d, d))
}
