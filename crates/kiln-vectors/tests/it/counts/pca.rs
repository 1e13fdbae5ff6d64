//! Principal components checked by hand: the two ways to compute them, signs, threads, and what is refused.

use kiln_vectors::Error;
use kiln_vectors::counts::principal_components;

use super::{assert_option, on_threads, scrambled};

fn close(found: &[f32], expected: &[f32]) -> bool {
    found.len() == expected.len() && found.iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-5)
}

/// Points in a box whose sides are 1, 1/2, 1/3 and so on.
fn points(count: usize, d: usize) -> Vec<f32> {
    (0..count * d).map(|at| scrambled(at as u64, 1000) as f32 / 1000.0 / (at % d + 1) as f32).collect()
}

#[test]
fn a_cross_by_hand() {
    // Around (10, 20): 3 to either side along (0.6, 0.8), and 1 to either side at a right angle to it.
    let values = [10.0 + 1.8, 20.0 + 2.4, 10.0 - 1.8, 20.0 - 2.4, 10.0 - 0.8, 20.0 + 0.6, 10.0 + 0.8, 20.0 - 0.6];
    let pca = principal_components(&values, 2, 2).unwrap();
    assert!(close(&pca.mean, &[10.0, 20.0]));
    // The larger entry of each direction is positive: 0.8 of (0.6, 0.8), and 0.8 of (0.8, -0.6).
    assert!(close(&pca.components, &[0.6, 0.8, 0.8, -0.6]), "{:?}", pca.components);
    assert!(close(&pca.points, &[3.0, 0.0, -3.0, 0.0, 0.0, -1.0, 0.0, 1.0]), "{:?}", pca.points);
    // Sums of squares 9 + 9 and 1 + 1, over 4 - 1 points.
    assert!((pca.explained_variance[0] - 6.0).abs() < 1e-5 && (pca.explained_variance[1] - 2.0 / 3.0).abs() < 1e-5);
    assert!((pca.explained_variance_ratio[0] - 0.9).abs() < 1e-6);
    assert!((pca.explained_variance_ratio[1] - 0.1).abs() < 1e-6);
}

#[test]
fn fewer_points_than_dimensions() {
    // The same cross, in the first and the last of six dimensions: four points, decomposed directly.
    let flat = [1.8, 2.4, -1.8, -2.4, -0.8, 0.6, 0.8, -0.6];
    let values: Vec<f32> = flat.chunks(2).flat_map(|point| [point[0], 7.0, 7.0, 7.0, 7.0, point[1]]).collect();
    let pca = principal_components(&values, 6, 3).unwrap();
    assert!(close(&pca.components[..6], &[0.6, 0.0, 0.0, 0.0, 0.0, 0.8]));
    assert!(close(&pca.components[6..12], &[0.8, 0.0, 0.0, 0.0, 0.0, -0.6]));
    let plane: Vec<f32> = pca.points.chunks(3).flat_map(|point| [point[0], point[1]]).collect();
    assert!(close(&plane, &[3.0, 0.0, -3.0, 0.0, 0.0, -1.0, 0.0, 1.0]));
    assert!((pca.explained_variance_ratio[0] - 0.9).abs() < 1e-6 && pca.explained_variance[2].abs() < 1e-10);
}

#[test]
fn both_ways_find_the_same() {
    // 40 points of 40 dimensions are decomposed directly; with one more there are 41, and the covariance matrix is
    // used. A point at the mean changes neither the mean nor the scatter.
    let d = 40;
    let mut values = points(40, d);
    let few = principal_components(&values, d, 5).unwrap();
    values.extend(&few.mean);
    let many = principal_components(&values, d, 5).unwrap();
    assert!(close(&few.components, &many.components));
    assert!(close(&few.points, &many.points[..40 * 5]));
    for (few, many) in few.explained_variance.iter().zip(&many.explained_variance) {
        assert!((few * 39.0 - many * 40.0).abs() < 1e-5);
    }
}

#[test]
fn all_dimensions_keep_all_variance_and_distances() {
    let values = points(500, 6);
    let pca = principal_components(&values, 6, 6).unwrap();
    assert!((pca.explained_variance_ratio.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert!(pca.explained_variance.is_sorted_by(|a, b| a >= b));
    let distance = |values: &[f32], a: usize, b: usize| -> f32 {
        (0..6).map(|j| (values[a * 6 + j] - values[b * 6 + j]).powi(2)).sum::<f32>().sqrt()
    };
    for (a, b) in [(0, 1), (17, 400), (499, 3)] {
        assert!((distance(&values, a, b) - distance(&pca.points, a, b)).abs() < 1e-5);
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let values = points(20_000, 12);
    let pca = || principal_components(&values, 12, 2).unwrap();
    assert!(on_threads(1, pca) == on_threads(4, pca));
}

#[test]
fn points_in_one_place_have_no_variance() {
    let pca = principal_components(&[3.0; 10], 2, 2).unwrap();
    assert_eq!((pca.explained_variance, pca.explained_variance_ratio), (vec![0.0; 2], vec![0.0; 2]));
    assert!(pca.points.iter().all(|&x| x == 0.0));
}

#[test]
fn what_has_no_components_is_refused() {
    assert!(matches!(principal_components(&[1.0; 5], 2, 1), Err(Error::RowWidth { len: 5, d: 2 })));
    assert!(matches!(principal_components(&[1.0; 5], 0, 1), Err(Error::RowWidth { len: 5, d: 0 })));
    assert!(matches!(principal_components(&[1.0; 4], 4, 1), Err(Error::TooFewPoints { found: 1 })));
    assert!(matches!(principal_components(&[], 4, 1), Err(Error::TooFewPoints { found: 0 })));
    for found in [0, 3] {
        assert_option(principal_components(&[1.0; 8], 4, found), "k", found);
    }
    let error = principal_components(&[1.0, 2.0, 3.0, f32::NEG_INFINITY], 2, 1).unwrap_err();
    assert!(matches!(error, Error::BadCell { row: 1, column: 1, found: f32::NEG_INFINITY, .. }));
}
