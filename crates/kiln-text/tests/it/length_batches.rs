//! Length-bucketed batches contain every row once, are the same for the same seed, have little padding, and report how
//! much.

use kiln_base::OptionError;
use kiln_text::Error;
use kiln_text::error::SeriesError;
use kiln_text::rows::{LengthBatches, PadSequences, Padding};
use proptest::prelude::*;

/// 2,000 lengths like those of reviews: many short, few long.
fn lengths() -> Vec<usize> {
    (0..2_000usize).map(|row| 20 + (row * 7_919 % 1_000).pow(2) / 1_000).collect()
}

#[test]
fn buckets_cut_most_of_the_padding() {
    let share = |plan: LengthBatches| plan.plan(lengths()).unwrap().padding().share();
    let (mixed, pooled) = (LengthBatches::new(32).pool(1).shuffle(1), LengthBatches::new(32).shuffle(1));
    let sorted = LengthBatches::new(32).pool(usize::MAX);
    let (mixed, pooled, sorted) = (share(mixed), share(pooled), share(sorted));
    assert!(mixed > 0.55 && pooled < 0.05 && sorted < pooled, "{mixed} {pooled} {sorted}");
}

#[test]
fn without_a_seed_the_shortest_come_first() {
    let plan = LengthBatches::new(2).plan([3, 1, 2, 1, 0]).unwrap();
    assert_eq!(plan.batches().collect::<Vec<_>>(), [&[4, 1][..], &[3, 2], &[0]]);
    // 1 + 2 + 1 + 2 + 3 cells hold an element of 7, which leaves one of the first and one of the second batch.
    assert_eq!((plan.padding().cells, plan.padding().valid), (2 + 4 + 3, 7));
    let dropped = LengthBatches::new(2).drop_last(true).plan([3, 1, 2, 1, 0]).unwrap();
    assert_eq!(dropped.batches().collect::<Vec<_>>(), [[4, 1], [3, 2]]);
    let plain = LengthBatches::new(2).pool(1).plan([3, 1, 2]).unwrap();
    assert_eq!(plain.batches().collect::<Vec<_>>(), [&[1, 0][..], &[2]]);
}

#[test]
fn each_batch_is_as_long_as_its_longest_row() {
    let sequences: [Vec<u32>; 4] = [vec![], vec![1, 2, 3, 4, 5], vec![], vec![6]];
    let plan = LengthBatches::new(2).max_len(3).plan(sequences.iter().map(Vec::len)).unwrap();
    let options = PadSequences::new().padding(Padding::Post);
    let padded: Vec<_> = plan.batches().map(|batch| plan.pad(batch, &sequences, options).unwrap()).collect();
    assert_eq!((padded[0].len, &padded[0].values[..]), (1, &[0, 0][..]));
    assert_eq!((padded[1].len, &padded[1].values[..]), (3, &[6, 0, 0, 3, 4, 5][..]));
    assert_eq!(padded[1].mask(), [true, false, false, true, true, true]);
    let eights = plan.batches().map(|batch| plan.pad(batch, &sequences, options.multiple_of(8)).unwrap());
    let eights: Vec<_> = eights.collect();
    assert_eq!(eights[1].values, [6, 0, 0, 0, 0, 0, 0, 0, 3, 4, 5, 0, 0, 0, 0, 0]);
    let fixed = plan.pad(&[1], &sequences, options.max_len(4)).unwrap();
    assert_eq!(fixed.values, [2, 3, 4, 5]);
}

#[test]
fn options_that_cannot_be_are_refused() {
    assert!(matches!(LengthBatches::new(0).plan([1]), Err(Error::Option(OptionError { option: "batch_size", .. }))));
    assert!(matches!(LengthBatches::new(1).pool(0).plan([1]), Err(Error::Option(OptionError { option: "pool", .. }))));
    assert!(matches!(
        LengthBatches::new(1).max_len(0).plan([1]),
        Err(Error::Option(OptionError { option: "max_len", .. }))
    ));
    assert!(LengthBatches::new(1).plan([]).unwrap().batches().len() == 0);
    assert_eq!(LengthBatches::new(1).plan([]).unwrap().padding().share(), 0.0);
    let plan = LengthBatches::new(1).plan([1]).unwrap();
    let two = [vec![1], vec![2]];
    assert!(matches!(
        plan.pad(&[0], &two, PadSequences::new()),
        Err(Error::Series(SeriesError::PlannedRows { expected: 1, found: 2 }))
    ));
    let pad = |options: PadSequences<i32>| options.pad(&[vec![1, 2]]);
    assert!(matches!(
        pad(PadSequences::new().multiple_of(0)),
        Err(Error::Option(OptionError { option: "multiple_of", .. }))
    ));
    assert!(matches!(
        pad(PadSequences::new().truncate_to(0)),
        Err(Error::Option(OptionError { option: "truncate_to", .. }))
    ));
    assert!(matches!(pad(PadSequences::new().min_len(3).multiple_of(usize::MAX - 1)), Err(Error::TooLarge { .. })));
}

#[test]
fn strings_pad_too() {
    let padded = PadSequences::new().value("<pad>").pad(&[vec!["a"], vec!["b", "c"]]).unwrap();
    assert_eq!(padded.values, ["<pad>", "a", "b", "c"]);
}

proptest! {
    #[test]
    fn every_row_is_in_exactly_one_batch(
        lengths in prop::collection::vec(0usize..50, 0..120), size in 1usize..9, pool in 1usize..6, seed: Option<u64>,
        max_len in prop::option::of(1usize..60),
    ) {
        let mut options = LengthBatches::new(size).pool(pool);
        if let Some(seed) = seed {
            options = options.shuffle(seed);
        }
        if let Some(max_len) = max_len {
            options = options.max_len(max_len);
        }
        let plan = options.plan(lengths.iter().copied()).unwrap();
        prop_assert_eq!(&options.plan(lengths.iter().copied()).unwrap(), &plan);
        let mut rows: Vec<usize> = plan.batches().flatten().copied().collect();
        rows.sort_unstable();
        prop_assert_eq!(rows, (0..lengths.len()).collect::<Vec<_>>());
        prop_assert_eq!(plan.batches().len(), lengths.len().div_ceil(size));
        let short = plan.batches().filter(|batch| batch.len() < size).count();
        prop_assert_eq!(short, usize::from(!lengths.len().is_multiple_of(size)));

        // The report equals the actual padding.
        let sequences: Vec<Vec<u8>> = lengths.iter().map(|&length| vec![1; length]).collect();
        let (mut cells, mut valid) = (0, 0);
        for batch in plan.batches() {
            let padded = plan.pad(batch, &sequences, PadSequences::new()).unwrap();
            cells += padded.values.len() as u64;
            valid += padded.mask().iter().filter(|&&of_sequence| of_sequence).count() as u64;
            prop_assert_eq!(padded.values.iter().map(|&value| u64::from(value)).sum::<u64>(),
                padded.spans.iter().map(|span| span.len as u64).sum::<u64>());
        }
        prop_assert_eq!((plan.padding().cells, plan.padding().valid), (cells, valid));

        // Among plans of full batches, sorting by length gives the least padding.
        if seed.is_none() && lengths.len().is_multiple_of(size) {
            let all = options.pool(usize::MAX).plan(lengths.iter().copied()).unwrap();
            prop_assert!(all.padding().cells <= plan.padding().cells);
        }
    }
}
