//! Rows in parts.

use kiln_base::split::{by_hash, folds, stratified};
use proptest::prelude::*;

proptest! {
    #[test]
    fn every_row_is_in_one_part_and_classes_keep_their_shares(
        classes in prop::collection::vec(0u32..4, 1..300),
        first in 0.05..0.9,
        seed in any::<u64>(),
    ) {
        let shares = [first, (1.0 - first) * 0.6, (1.0 - first) * 0.4];
        let parts = stratified(&classes, &shares, seed).unwrap();
        let mut all: Vec<usize> = parts.concat();
        all.sort_unstable();
        prop_assert!(all.into_iter().eq(0..classes.len()));
        for (part, share) in parts.iter().zip(shares) {
            prop_assert!(part.is_sorted());
            prop_assert!((part.len() as f64 - share * classes.len() as f64).abs() <= 4.0, "{parts:?}");
            for class in 0..4 {
                let count = |rows: &mut dyn Iterator<Item = usize>| rows.filter(|&row| classes[row] == class).count() as f64;
                let (here, all) = (count(&mut part.iter().copied()), count(&mut (0..classes.len())));
                prop_assert!((here - share * all).abs() <= 4.0, "class {class}: {here} of {all}, share {share}");
            }
        }
        prop_assert_eq!(&parts, &stratified(&classes, &shares, seed).unwrap());
    }

    #[test]
    fn folds_are_even_in_every_class(classes in prop::collection::vec(0u32..3, 2..200), count in 2usize..9, seed in any::<u64>()) {
        prop_assume!(count <= classes.len());
        let folds = folds(&classes, count, seed).unwrap();
        let mut all: Vec<usize> = folds.concat();
        all.sort_unstable();
        prop_assert!(all.into_iter().eq(0..classes.len()));
        for class in 0..3 {
            let of: Vec<usize> = folds.iter().map(|fold| fold.iter().filter(|&&row| classes[row] == class).count()).collect();
            prop_assert!(of.iter().max().unwrap() - of.iter().min().unwrap() <= 1, "{of:?}");
        }
    }

    #[test]
    fn equal_rows_are_in_the_same_part(texts in prop::collection::vec("[ab]{0,3}", 1..80), seed in any::<u64>()) {
        let parts = by_hash(&texts, &[0.6, 0.4], seed).unwrap();
        let texts_of = |part: &Vec<usize>| part.iter().map(|&row| &texts[row]).collect::<std::collections::BTreeSet<_>>();
        prop_assert!(texts_of(&parts[0]).is_disjoint(&texts_of(&parts[1])));
        prop_assert_eq!(parts[0].len() + parts[1].len(), texts.len());
        // The part of a text does not depend on the other texts.
        let single = by_hash(&texts[..1], &[0.6, 0.4], seed).unwrap();
        prop_assert_eq!(single[0].len() == 1, parts[0].contains(&0));
    }
}

#[test]
fn the_first_part_has_every_class() {
    let classes: Vec<u32> = (0..40).chain([3, 7, 7]).collect();
    for seed in 0..20 {
        let parts = stratified(&classes, &[0.5, 0.3, 0.2], seed).unwrap();
        let here: std::collections::BTreeSet<u32> = parts[0].iter().map(|&row| classes[row]).collect();
        assert_eq!(here.len(), 40, "{seed}");
    }
}

#[test]
fn hashes_keep_the_shares_of_many_texts() {
    let texts: Vec<String> = (0..20_000).map(|at| format!("text number {at}")).collect();
    let parts = by_hash(&texts, &[0.8, 0.1, 0.1], 3).unwrap();
    let sizes: Vec<usize> = parts.iter().map(Vec::len).collect();
    // Three standard deviations of 20,000 draws.
    assert!(sizes[0].abs_diff(16_000) < 170 && sizes[1].abs_diff(2_000) < 128, "{sizes:?}");
    assert_ne!(parts, by_hash(&texts, &[0.8, 0.1, 0.1], 4).unwrap());
}

#[test]
fn shares_that_are_none_are_refused() {
    for shares in [&[0.5, 0.4][..], &[1.2, -0.2], &[0.0, 1.0], &[], &[f64::NAN, 1.0]] {
        assert!(stratified(&[0, 1], shares, 0).unwrap_err().to_string().contains("adding up to 1"), "{shares:?}");
        assert!(by_hash(["a"], shares, 0).is_err(), "{shares:?}");
    }
    for count in [0, 1, 3] {
        assert!(folds(&[0, 1], count, 0).unwrap_err().to_string().contains("count should be 2 to 2 folds"));
    }
}
