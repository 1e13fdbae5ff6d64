//! The matrix for an embedding layer: rows in the model's order, and what words without a vector get.

use kiln_vectors::{Missing, WordVectors};

fn vectors() -> WordVectors {
    WordVectors::new(["a", "b", "c"], vec![1.0, 2.0, 3.0, 4.0, 5.0, 9.0], 2).unwrap()
}

#[test]
fn rows_are_in_the_order_given_and_missing_ones_are_reported() {
    let matrix = vectors().embedding_matrix(&["c", "?", "a", "?", "a"], Missing::Zero);
    assert_eq!(matrix.values, [5.0, 9.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 1.0, 2.0]);
    assert_eq!((matrix.rows, matrix.d, matrix.found), (5, 2, 3));
    assert_eq!(matrix.missing, [1, 3]);
    assert_eq!(matrix.coverage(), 0.6);
    let none: [&str; 0] = [];
    assert_eq!(vectors().embedding_matrix(&none, Missing::Zero).coverage(), 0.0);
}

#[test]
fn missing_rows_can_be_the_mean_of_all_vectors() {
    let matrix = vectors().embedding_matrix(&["?", "b"], Missing::Mean);
    assert_eq!(matrix.values, [3.0, 5.0, 3.0, 4.0]);
}

#[test]
fn draws_depend_on_seed_and_word_alone() {
    let wide = WordVectors::new(["known"], vec![0.5; 1000], 1000).unwrap();
    let draws = |words: &[&str], seed| wide.embedding_matrix(words, Missing::Random { seed }).values;
    let (both, swapped) = (draws(&["x", "y"], 1), draws(&["y", "known", "x"], 1));
    assert_eq!(both[..1000], swapped[2000..]);
    assert_eq!(both[1000..], swapped[..1000]);
    assert_ne!(both[..1000], both[1000..]);
    assert_ne!(both, draws(&["x", "y"], 2));
    // Uniform on [-0.05, 0.05]: mean 0 and variance 0.1^2 / 12, within four standard errors.
    assert!(both.iter().all(|value| value.abs() < 0.05));
    let n = both.len() as f64;
    let mean = both.iter().map(|&value| f64::from(value)).sum::<f64>() / n;
    let variance = both.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>() / n;
    let expected = 0.1f64.powi(2) / 12.0;
    assert!(mean.abs() < 4.0 * (expected / n).sqrt(), "mean {mean}");
    assert!((variance / expected - 1.0).abs() < 4.0 * (0.8 / n).sqrt(), "variance {variance}");
}
