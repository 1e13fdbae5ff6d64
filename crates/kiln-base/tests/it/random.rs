//! SplitMix64 against its published numbers, and what is drawn with it.

use kiln_base::SplitMix64;

#[test]
fn numbers_are_those_of_splitmix64() {
    // The first numbers of Vigna's splitmix64.c, started at 1234567.
    let mut random = SplitMix64::new(1_234_567);
    let drawn: Vec<u64> = (0..3).map(|_| random.next_u64()).collect();
    assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    assert_eq!((1..4).map(|n| SplitMix64::nth(1_234_567, n)).collect::<Vec<_>>(), drawn);
}

#[test]
fn a_shuffle_keeps_all_items_and_depends_on_the_seed() {
    let shuffled = |seed| {
        let mut items: Vec<u32> = (0..100).collect();
        SplitMix64::new(seed).shuffle(&mut items);
        items
    };
    assert_ne!(shuffled(0), shuffled(1));
    assert_eq!(shuffled(5), shuffled(5));
    let mut sorted = shuffled(3);
    sorted.sort_unstable();
    assert!(sorted.into_iter().eq(0..100));
}

#[test]
fn numbers_below_a_limit_fall_evenly() {
    let mut random = SplitMix64::new(0);
    let mut counts = [0_u32; 7];
    for _ in 0..70_000 {
        counts[random.below(7) as usize] += 1;
    }
    // 10,000 each, with a standard deviation of 93.
    assert!(counts.iter().all(|count| count.abs_diff(10_000) < 500), "{counts:?}");
    assert!((0..1000).all(|_| (0.0..1.0).contains(&random.unit())));
}
