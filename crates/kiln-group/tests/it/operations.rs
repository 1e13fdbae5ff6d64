//! The operations of a group, with any number of ranks.

use kiln_base::SplitMix64;
use kiln_group::{Error, Group, Launch, One, fold, share};
use proptest::prelude::*;

/// The sum of the first half, rounded up, and of the rest: what the documentation of `fold` says.
fn summed(leaves: &[Vec<f32>]) -> Vec<f32> {
    if let [leaf] = leaves {
        return leaf.clone();
    }
    let (first, second) = leaves.split_at(leaves.len().div_ceil(2));
    summed(first).iter().zip(summed(second)).map(|(first, second)| first + second).collect()
}

/// Numbers of all sizes, so that the order of a sum shows in its last bits.
fn leaves(count: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut random = SplitMix64::new(seed);
    let mut number = || (random.unit() as f32 - 0.5) * 10f32.powi(random.below(9) as i32);
    (0..count).map(|_| (0..5).map(|_| number()).collect()).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_sum_of_leaves_has_the_same_bits_for_any_number_of_ranks(count in 1..14usize, seed: u64) {
        let leaves = leaves(count, seed);
        let expected = bits(&summed(&leaves));
        prop_assert_eq!(bits(&One.sum_leaves(count, leaves.clone()).unwrap()), expected.clone());
        for ranks in 2..7 {
            let sums = Launch::new()
                .threads(ranks, |group| group.sum_leaves(count, leaves[share(count, group)].to_vec()));
            for sum in sums {
                prop_assert_eq!(bits(&sum.unwrap()), expected.clone());
            }
        }
    }

    #[test]
    fn shares_are_in_order_and_cover_every_item_once(count in 0..40usize, ranks in 1..9usize) {
        let shares = Launch::new().threads(ranks, |group| Ok::<_, Error>(share(count, group)));
        let shares: Vec<_> = shares.into_iter().map(Result::unwrap).collect();
        prop_assert_eq!(shares.iter().cloned().flatten().collect::<Vec<_>>(), (0..count).collect::<Vec<_>>());
        prop_assert!(shares.iter().all(|share| share.len().abs_diff(count / ranks) <= 1));
    }
}

#[test]
fn a_sum_over_ranks_is_that_of_a_leaf_for_each() {
    let leaves = leaves(5, 1);
    let sums = Launch::new().threads(5, |group| {
        let mut values = leaves[group.rank()].clone();
        group.sum(&mut values).map(|()| values)
    });
    for sum in sums {
        assert_eq!(bits(&sum.unwrap()), bits(&summed(&leaves)));
    }
}

#[test]
fn every_rank_broadcasts_to_all_and_rank_0_gathers_in_order() {
    for ranks in 1..8 {
        let told = Launch::new().threads(ranks, |group| {
            for from in 0..ranks {
                let own = format!("from {}", group.rank()).into_bytes();
                assert_eq!(group.broadcast(from, own)?, format!("from {from}").into_bytes());
            }
            group.barrier()?;
            group.gather(&[group.rank() as u8; 2])
        });
        let told: Vec<Vec<Vec<u8>>> = told.into_iter().map(Result::unwrap).collect();
        assert_eq!(told[0], (0..ranks as u8).map(|rank| vec![rank; 2]).collect::<Vec<_>>());
        assert!(told[1..].iter().all(Vec::is_empty));
    }
}

#[test]
fn nothing_folds_to_nothing_and_no_leaves_have_no_sum() {
    let add = |_: &mut u8, _| Ok::<_, Error>(());
    let unpack = |bytes: Vec<u8>| Ok(bytes[0]);
    assert_eq!(fold(&One, 0, |_| Ok(0), |leaf| vec![*leaf], unpack, add).unwrap(), None);
    let error = One.sum_leaves(0, Vec::new()).unwrap_err();
    assert!(matches!(error, Error::Leaves { leaves: 0, expected: 0, found: 0, .. }), "{error}");
}

#[test]
fn another_share_and_another_length_are_refused() {
    let told = Launch::new().threads(2, |group| group.sum_leaves(4, vec![vec![1.0]; 2 - group.rank()]));
    assert!(matches!(told[1], Err(Error::Leaves { rank: 1, size: 2, leaves: 4, expected: 2, found: 1 })), "{told:?}");
    let told = Launch::new().threads(2, |group| group.sum(&mut vec![1.0; 3 + group.rank()]));
    assert!(matches!(told[0], Err(Error::Length { expected: 12, found: 16 })), "{told:?}");
    // Rank 0 calls another operation, whose message rank 1 takes for the sum.
    let told = Launch::new().threads(2, |group| match group.rank() {
        0 => group.broadcast(0, vec![0; 8]).map(drop),
        _ => group.sum(&mut [1.0; 3]),
    });
    assert!(matches!(told[1], Err(Error::Length { expected: 12, found: 8 })), "{told:?}");
}
