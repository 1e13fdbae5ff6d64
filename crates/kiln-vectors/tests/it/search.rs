//! Every search is exact: single or in a batch, with or without directions in 8 bits, with any number of threads, it
//! returns the same rows and numbers as a plain loop in 64 bits.

use kiln_vectors::{Query, WordVectors};
use proptest::prelude::*;

/// The naive search: all similarities in 64 bits, rounded, sorted.
fn naive(
    vectors: &WordVectors,
    sum: &[f64],
    excluded: &[usize],
    range: std::ops::Range<usize>,
    top: usize,
) -> Vec<(usize, f32)> {
    let length = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let sum_length = length(&mut sum.iter().copied());
    let query: Vec<f64> = sum.iter().map(|value| f64::from((value / sum_length) as f32)).collect();
    let query_length = length(&mut query.iter().copied());
    let mut found: Vec<(usize, f32)> = range
        .filter(|row| !excluded.contains(row))
        .map(|row| {
            let values = vectors.row(row).unwrap();
            let dot: f64 = values.iter().zip(&query).map(|(&a, &b)| f64::from(a) * b).sum();
            let row_length = length(&mut values.iter().map(|&value| f64::from(value)));
            let cosine = if row_length == 0.0 { 0.0 } else { dot / row_length / query_length };
            (row, cosine.clamp(-1.0, 1.0) as f32)
        })
        .collect();
    found.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap().then(a.0.cmp(&b.0)));
    found.truncate(top);
    found
}

/// Noise that is the same every time.
fn noise(mut state: u64) -> impl FnMut() -> f32 {
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

fn pairs(found: Vec<kiln_vectors::Similar<'_>>) -> Vec<(usize, f32)> {
    found.iter().map(|similar| (similar.index, similar.similarity)).collect()
}

/// The same rows, and numbers that differ only by the order of their additions in 64 bits: at most one unit in the last
/// place of a 32-bit float.
fn assert_same(ours: &[(usize, f32)], naive: &[(usize, f32)]) {
    assert_eq!(ours.len(), naive.len());
    for (a, b) in ours.iter().zip(naive) {
        assert!((a.1 - b.1).abs() <= 6e-8, "{a:?} should be {b:?}");
    }
    if ours.iter().zip(naive).any(|(a, b)| a.0 != b.0) {
        // Rows in another order have nearly equal similarities.
        for (a, b) in ours.iter().zip(naive).filter(|(a, b)| a.0 != b.0) {
            assert!((a.1 - b.1).abs() <= 6e-8, "{a:?} should be {b:?}");
        }
    }
}

/// Rows of very different length, some in clusters, some equal to others or to multiples of them, some zero.
fn made(n: usize, d: usize, seed: u64) -> WordVectors {
    let mut next = noise(seed);
    let mut values: Vec<f32> = Vec::with_capacity(n * d);
    for row in 0..n {
        match row % 7 {
            3 if row > 10 => values.extend_from_within((row - 10) * d..(row - 9) * d),
            4 if row > 3 => {
                let other: Vec<f32> = values[(row - 3) * d..(row - 2) * d].to_vec();
                values.extend(other.iter().map(|value| value * 4.0));
            }
            5 if row > 7 => {
                let other: Vec<f32> = values[(row - 7) * d..(row - 6) * d].to_vec();
                values.extend(other.iter().map(|value| value + 1e-4 * next()));
            }
            6 if row % 35 == 6 => values.resize((row + 1) * d, 0.0),
            _ => {
                let size = 10f32.powf(next() * 3.0);
                values.extend((0..d).map(|_| next() * size));
            }
        }
    }
    WordVectors::new((0..n).map(|row| format!("w{row}")), values, d).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_search_is_the_naive_one(
        n in 2usize..300,
        d in 1usize..70,
        seed in any::<u64>(),
        top in 0usize..20,
        start in 0usize..100,
        length in 0usize..400,
        words in prop::collection::vec((any::<prop::sample::Index>(), -2f64..2.0), 1..4),
    ) {
        let vectors = made(n, d, seed);
        let range = start.min(n)..(start + length).min(n).max(start.min(n));
        let mut sum = vec![0.0; d];
        let mut query = vectors.query().clip_start(start).clip_end(start + length);
        let mut excluded = Vec::new();
        for (index, weight) in &words {
            let row = index.index(n);
            let values = vectors.row(row).unwrap();
            let length = values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
            for (sum, &value) in sum.iter_mut().zip(values) {
                *sum += if length > 0.0 { weight * f64::from(value) / length } else { 0.0 };
            }
            query = query.weighted(format!("w{row}"), *weight);
            excluded.push(row);
        }
        // Directions that come only from rounding are covered by the error tests.
        prop_assume!(sum.iter().map(|value| value.abs()).sum::<f64>() > 1e-6);
        let expected = naive(&vectors, &sum, &excluded, range.clone(), top);

        let in_full = pairs(query.top(top).unwrap());
        assert_same(&in_full, &expected);
        let all = query.all().unwrap();
        prop_assert_eq!(all.len(), range.len());
        for &(row, similarity) in &in_full {
            prop_assert_eq!(all[row - range.start], similarity);
        }
        vectors.prepare_search();
        prop_assert_eq!(&pairs(query.top(top).unwrap()), &in_full);
        // Also in a batch with others, which have other ranges.
        let other = vectors.query().positive_vector(vectors.row(0).unwrap());
        if other.top(1).is_ok() {
            let queries = vec![other.clone(), query.clone(), other.restrict_vocab(3), query];
            let found = vectors.most_similar_batch(&queries, top).unwrap();
            for (found, query) in found.into_iter().zip(&queries) {
                prop_assert_eq!(pairs(found), pairs(query.top(top).unwrap()));
            }
        }
    }
}

#[test]
fn large_sets_are_searched_alike_by_any_number_of_threads() {
    // Large enough that the second search builds directions in 8 bits, and that there are several pieces for the
    // threads.
    let vectors = made(40_001, 60, 5);
    let words: Vec<String> =
        (0..300).map(|n| format!("w{}", n * 131)).filter(|word| vectors.norm(word).unwrap() > 0.0).collect();
    let queries: Vec<Query<'_>> = words.iter().map(|word| vectors.query().positive(word.as_str())).collect();
    let first: Vec<_> = queries.iter().map(|query| query.top(10).unwrap()).collect();
    for (word, found) in words.iter().zip(&first).step_by(50) {
        let row = vectors.index(word).unwrap();
        let sum: Vec<f64> = vectors.row(row).unwrap().iter().map(|&value| f64::from(value)).collect();
        assert_same(&pairs(found.clone()), &naive(&vectors, &sum, &[row], 0..vectors.len(), 10));
    }
    for threads in [1, 3, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (single, batch) = pool.install(|| {
            let fresh = vectors.clone(); // its first search is in full, the others use the directions
            let single: Vec<_> = queries[..20].iter().map(|query| pairs(query.top(10).unwrap())).collect();
            let again = fresh.similar_by_word(&words[0], 10).map(pairs).unwrap();
            assert_eq!(again, single[0]);
            (single, vectors.most_similar_batch(&queries, 10).unwrap())
        });
        assert_eq!(batch, first, "{threads} threads");
        assert!(single.iter().zip(&first).all(|(a, b)| *a == pairs(b.clone())), "{threads} threads");
    }
}

#[test]
fn equal_rows_come_by_index_whatever_the_search() {
    let vectors = WordVectors::new((0..5000).map(|n| format!("w{n}")), [0.3, -0.7, 0.1].repeat(5000), 3).unwrap();
    let expected: Vec<usize> = (0..2500).chain(2501..2521).collect();
    let rows = |found: Vec<kiln_vectors::Similar<'_>>| found.iter().map(|similar| similar.index).collect::<Vec<_>>();
    assert_eq!(rows(vectors.similar_by_word("w2500", 2520).unwrap()), expected);
    vectors.prepare_search();
    assert_eq!(rows(vectors.similar_by_word("w2500", 2520).unwrap()), expected);
    let queries = vec![vectors.query().positive("w2500"); 4];
    assert_eq!(rows(vectors.most_similar_batch(&queries, 2520).unwrap().swap_remove(3)), expected);
}

#[test]
fn searches_within_a_pool_do_not_wait_for_each_other() {
    use rayon::prelude::*;
    let vectors = made(40_000, 60, 9);
    let found: Vec<usize> =
        (0..64).into_par_iter().map(|n| vectors.similar_by_word(&format!("w{}", n * 7), 3).unwrap().len()).collect();
    assert_eq!(found, [3; 64]);
}
