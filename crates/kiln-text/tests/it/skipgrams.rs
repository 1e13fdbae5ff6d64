//! The random draws of skip-grams have the same distribution as Keras's, and mistakes are refused. The deterministic
//! part is in `keras_sequences.rs`.

use std::collections::BTreeMap;

use kiln_base::OptionError;
use kiln_text::Error;
use kiln_text::keras::{SkipGramPairs, SkipGrams, make_sampling_table};
use proptest::prelude::*;

/// Pearson's statistic of `counts` against equal probabilities.
fn chi_square(counts: &[usize]) -> f64 {
    let expected = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
    counts.iter().map(|&count| (count as f64 - expected).powi(2) / expected).sum()
}

fn sorted(mut pairs: Vec<[u32; 2]>) -> Vec<[u32; 2]> {
    pairs.sort_unstable();
    pairs
}

#[test]
fn second_words_of_negatives_are_uniform_on_all_words() {
    let ids: Vec<u32> = (0..2_000).map(|at| 1 + at % 10).collect();
    let made = SkipGrams::new(20).window(2).negatives(5.0).shuffle(false).seed(3).pairs(&ids).unwrap();
    let negatives: Vec<[u32; 2]> =
        made.pairs.iter().zip(&made.labels).filter(|(_, label)| **label == 0).map(|(pair, _)| *pair).collect();
    assert_eq!(negatives.len(), 5 * (4 * 2_000 - 6));
    let mut counts = [0; 20];
    negatives.iter().for_each(|pair| counts[pair[1] as usize] += 1);
    assert_eq!(counts[0], 0);
    // 18 degrees of freedom: 42.3 is exceeded once in a thousand seeds.
    let found = chi_square(&counts[1..]);
    assert!(found < 42.3, "{found}: {counts:?}");
    // The first words are those of the positive pairs, equally often.
    let firsts = |label: u8| {
        let mut counts = BTreeMap::new();
        let of_label = made.pairs.iter().zip(&made.labels).filter(|(_, other)| **other == label);
        of_label.for_each(|(pair, _)| *counts.entry(pair[0]).or_insert(0) += 1);
        counts
    };
    let five_fold: BTreeMap<u32, i32> = firsts(1).into_iter().map(|(word, count)| (word, 5 * count)).collect();
    assert_eq!(firsts(0), five_fold);
}

#[test]
fn the_table_is_the_probability_to_be_in_the_middle() {
    let table = [1.0, 0.0, 0.25, 1.0];
    let ids: Vec<u32> = (0..30_000).map(|at| 1 + at % 3).collect();
    let made = SkipGrams::new(4).window(1).negatives(0.0).sampling_table(&table).seed(1).pairs(&ids).unwrap();
    let of = |word| made.pairs.iter().filter(|pair| pair[0] == word).count();
    assert_eq!(of(1), 0);
    assert_eq!(of(3), 2 * 10_000 - 1); // the last word has one neighbour
    // 10,000 words with two pairs each at 0.25: the standard deviation is 87 pairs, and this is four of them.
    assert!(of(2).abs_diff(5_000) < 350, "{}", of(2));
    // A word that is never the middle is still a neighbour.
    assert!(made.pairs.iter().any(|pair| pair[1] == 1));
}

#[test]
fn shuffling_moves_pairs_and_labels_together() {
    let ids: Vec<u32> = (1..200).collect();
    let options = SkipGrams::new(10_000).window(3).seed(9);
    let (plain, mixed) = (options.clone().shuffle(false).pairs(&ids).unwrap(), options.pairs(&ids).unwrap());
    assert_ne!(plain.pairs, mixed.pairs);
    let by_label = |made: &SkipGramPairs, wanted: u8| {
        let of_label = made.pairs.iter().zip(&made.labels).filter(|(_, label)| **label == wanted);
        sorted(of_label.map(|(pair, _)| *pair).collect())
    };
    for label in [0, 1] {
        assert_eq!(by_label(&plain, label), by_label(&mixed, label));
    }
    let halves = mixed.labels[..600].iter().filter(|&&label| label == 1).count();
    assert!(halves.abs_diff(300) < 80, "{halves}");
}

#[test]
fn each_sequence_of_a_batch_has_draws_of_its_own() {
    let ids: Vec<u32> = (1..50).collect();
    let made = SkipGrams::new(1_000).shuffle(false).pairs_batch(&[&ids, &ids]).unwrap();
    assert_eq!(made[0].labels, made[1].labels);
    assert_ne!(made[0].pairs, made[1].pairs);
}

#[test]
fn mistakes_are_refused() {
    let new = || SkipGrams::new(5);
    assert!(matches!(
        new().pairs_batch(&[vec![1], vec![2, 5]]),
        Err(Error::IdOutOfRange { sequence: 1, position: 1, id: 5, limit: 5, .. })
    ));
    assert!(matches!(new().sampling_table(&[1.0; 2]).pairs(&[1, 2]), Err(Error::IdOutOfRange { limit: 2, .. })));
    assert!(matches!(
        new().negatives(f64::NAN).pairs(&[]),
        Err(Error::Option(OptionError { option: "negatives", .. }))
    ));
    assert!(matches!(new().negatives(-0.1).pairs(&[]), Err(Error::Option(OptionError { option: "negatives", .. }))));
    assert!(matches!(new().negatives(1e300).pairs(&[1, 2]), Err(Error::TooLarge { .. })));
    assert!(matches!(make_sampling_table(0, 1e-5), Err(Error::Option(OptionError { option: "size", .. }))));
    assert!(matches!(make_sampling_table(9, 0.0), Err(Error::Option(OptionError { option: "sampling_factor", .. }))));
    assert!(matches!(make_sampling_table(usize::MAX, 1.0), Err(Error::TooLarge { .. })));
    assert_eq!(new().pairs(&[]).unwrap(), SkipGramPairs::default());
    assert_eq!(SkipGrams::new(1).pairs(&[0, 0]).unwrap(), SkipGramPairs::default());
    assert_eq!(new().window(usize::MAX).negatives(0.0).pairs(&[1, 2]).unwrap().pairs.len(), 2);
}

proptest! {
    #[test]
    fn batches_are_the_same_on_any_number_of_threads(
        sequences in prop::collection::vec(prop::collection::vec(0u32..30, 0..20), 0..20), seed: u64,
    ) {
        let options = SkipGrams::new(30).window(2).seed(seed);
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| options.pairs_batch(&sequences).unwrap())
        };
        let one = on(1);
        prop_assert_eq!(&on(3), &one);
        if let Some(first) = sequences.first() {
            prop_assert_eq!(&options.pairs(first).unwrap(), &one[0]);
        }
    }
}
