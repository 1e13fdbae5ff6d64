//! Laws that hold for any sentences and points, by proptest; counts are compared with their definition, pair by pair.

use kiln_vectors::counts::{Context, Cooccurrence, Ppmi, TruncatedSvd, Weighting, principal_components};
use proptest::prelude::*;

const VOCAB: usize = 9;

fn sentences() -> impl Strategy<Value = Vec<Vec<u32>>> {
    prop::collection::vec(prop::collection::vec(0..VOCAB as u32, 0..12), 1..6)
}

/// Every pair of places, without regard to speed.
fn naive(sentences: &[Vec<u32>], window: usize, context: Context, weight: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut counts = vec![0.0; VOCAB * VOCAB];
    for sentence in sentences {
        for (at, &word) in sentence.iter().enumerate() {
            for (other_at, &other) in sentence.iter().enumerate() {
                let distance = at.abs_diff(other_at);
                let side = match context {
                    Context::Symmetric => true,
                    Context::Left => other_at < at,
                    Context::Right => other_at > at,
                };
                if (1..=window).contains(&distance) && side {
                    counts[word as usize * VOCAB + other as usize] += weight(distance);
                }
            }
        }
    }
    counts
}

proptest! {
    #[test]
    fn counts_match_the_definition(
        sentences in sentences(), window in 1usize..8,
        context in prop::sample::select(vec![Context::Symmetric, Context::Left, Context::Right]),
        weighting in prop::sample::select(vec![Weighting::Flat, Weighting::InverseDistance, Weighting::Linear]),
    ) {
        let weight = |distance: usize| match weighting {
            Weighting::Flat => 1.0,
            Weighting::InverseDistance => 1.0 / distance as f64,
            Weighting::Linear => (window - distance + 1) as f64 / window as f64,
        };
        let expected = naive(&sentences, window, context, weight);
        match Cooccurrence::new().window(window).context(context).weighting(weighting).count(VOCAB, &sentences) {
            Err(_) => prop_assert!(sentences.iter().all(|sentence| sentence.len() < 2)),
            Ok(counts) => {
                for (at, &expected) in expected.iter().enumerate() {
                    let found = counts.get((at / VOCAB) as u32, (at % VOCAB) as u32);
                    prop_assert!((f64::from(found) - expected).abs() < 1e-5, "{}: {} and {}", at, found, expected);
                }
                prop_assert_eq!(counts.nnz(), expected.iter().filter(|&&count| count > 0.0).count());
            }
        }
    }

    #[test]
    fn ppmi_is_the_formula_cell_by_cell(sentences in sentences(), window in 1usize..5) {
        prop_assume!(sentences.iter().any(|sentence| sentence.len() > 1));
        let expected = naive(&sentences, window, Context::Symmetric, |_| 1.0);
        let counts = Cooccurrence::new().window(window).count(VOCAB, &sentences).unwrap();
        let ppmi = Ppmi::new().transform(counts.view()).unwrap();
        let total: f64 = expected.iter().sum();
        let sums: Vec<f64> = (0..VOCAB).map(|j| (0..VOCAB).map(|i| expected[i * VOCAB + j]).sum()).collect();
        for i in 0..VOCAB {
            for j in 0..VOCAB {
                // The textbook divides 0 by 0 for words without neighbours; such words are skipped here.
                let chance = sums[i] * sums[j];
                let quotient = if chance == 0.0 { 0.0 } else { expected[i * VOCAB + j] * total / chance };
                let value = (quotient + 1e-8).log2().max(0.0);
                let found = ppmi.get(i, j).copied();
                prop_assert!((f64::from(found.unwrap_or(0.0)) - value).abs() < 1e-5);
                prop_assert!(found.is_none_or(|value| value > 0.0));
            }
        }
    }

    #[test]
    fn svd_keeps_what_the_frobenius_norm_says(sentences in sentences(), k in 1usize..=VOCAB) {
        prop_assume!(sentences.iter().any(|sentence| sentence.len() > 1));
        let counts = Cooccurrence::new().count(VOCAB, &sentences).unwrap();
        let svd = TruncatedSvd::new(k).decompose(counts.view()).unwrap();
        // The squares of all singular values sum to those of all cells; k of them sum to at most that.
        let cells: f64 = counts.view().data().iter().map(|&count| f64::from(count).powi(2)).sum();
        let kept: f64 = svd.s.iter().map(|&value| f64::from(value).powi(2)).sum();
        prop_assert!(kept <= cells * (1.0 + 1e-5));
        prop_assert!(k < VOCAB || (kept - cells).abs() <= cells * 1e-5);
        prop_assert!(svd.u.iter().chain(&svd.vt).all(|value| value.is_finite()));
    }

    #[test]
    fn components_hold_the_variance_of_the_points(
        values in prop::collection::vec(-100i16..100, 4..60), d in 1usize..6, k in 1usize..6,
    ) {
        let points = values.len() / d;
        let values: Vec<f32> = values[..points * d].iter().map(|&value| f32::from(value)).collect();
        match principal_components(&values, d, k) {
            Err(_) => prop_assert!(points < 2 || k > d.min(points)),
            Ok(pca) => {
                for (j, &expected) in pca.explained_variance.iter().enumerate() {
                    let squares: f64 = pca.points.chunks(k).map(|point| f64::from(point[j]).powi(2)).sum();
                    prop_assert!((squares / (points - 1) as f64 - expected).abs() < 1e-5 * (1.0 + expected));
                }
                prop_assert!(pca.explained_variance_ratio.iter().sum::<f64>() < 1.0 + 1e-9);
            }
        }
    }
}
