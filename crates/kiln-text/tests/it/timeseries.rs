//! Windows of series and of tokens obey their laws, shuffled ones included. Keras's order is in `keras_sequences.rs`.

use kiln_base::OptionError;
use kiln_text::Error;
use kiln_text::error::SeriesError;
use kiln_text::keras::{TimeseriesDataset, TimeseriesGenerator};
use kiln_text::rows::{Remainder, SlidingWindows};
use proptest::prelude::*;

#[test]
fn a_shuffled_generator_draws_every_target_alike() {
    let windows = TimeseriesGenerator::new(3).stride(2).batch_size(64).shuffle(5).windows(13).unwrap();
    assert_eq!(windows.len(), 64); // five targets with stride 2 make one batch, which is full
    let many = TimeseriesGenerator::new(3).batch_size(10_000).shuffle(5).windows(13).unwrap();
    let mut counts = [0usize; 13];
    for window in 0..many.len() {
        counts[many.target(window)] += 1;
        assert_eq!(
            many.places(window).collect::<Vec<_>>(),
            (many.target(window) - 3..many.target(window)).collect::<Vec<_>>()
        );
    }
    assert_eq!(counts[..3], [0; 3]);
    assert!(counts[3..].iter().all(|&count| count.abs_diff(1_000) < 130), "{counts:?}");
}

#[test]
fn a_shuffled_dataset_has_every_window_once() {
    let plain = TimeseriesDataset::new(4).sequence_stride(3).windows(100).unwrap();
    let mixed = TimeseriesDataset::new(4).sequence_stride(3).shuffle(1).windows(100).unwrap();
    let order: Vec<usize> = (0..mixed.len()).map(|window| mixed.target(window)).collect();
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..plain.len()).map(|window| plain.target(window)).collect::<Vec<_>>());
    assert_ne!(order, sorted);
    let again = TimeseriesDataset::new(4).sequence_stride(3).shuffle(1).windows(100).unwrap();
    assert_eq!(again, mixed);
}

#[test]
fn series_that_cannot_be_cut_are_refused() {
    let generator = TimeseriesGenerator::new;
    assert!(matches!(generator(0).windows(9), Err(Error::Option(OptionError { option: "length", .. }))));
    assert!(matches!(generator(1).stride(0).windows(9), Err(Error::Option(OptionError { option: "stride", .. }))));
    assert!(matches!(
        generator(1).sampling_rate(0).windows(9),
        Err(Error::Option(OptionError { option: "sampling_rate", .. }))
    ));
    assert!(matches!(
        generator(1).batch_size(0).windows(9),
        Err(Error::Option(OptionError { option: "batch_size", .. }))
    ));
    assert!(matches!(
        generator(9).windows(9),
        Err(Error::Series(SeriesError::TooShort { start: 0, end: 9, needed: 10 }))
    ));
    assert!(generator(8).windows(9).is_ok());
    assert!(matches!(generator(usize::MAX).start(3).windows(9), Err(Error::Series(SeriesError::TooShort { .. }))));
    assert!(matches!(generator(1).windows(0), Err(Error::Series(SeriesError::TooShort { .. }))));
    assert!(matches!(generator(2).end(9).windows(9), Err(Error::Series(SeriesError::Range { end: 9, len: 9, .. }))));
    assert!(matches!(generator(2).shuffle(1).batch_size(usize::MAX).windows(9), Err(Error::TooLarge { .. })));
    let dataset = TimeseriesDataset::new;
    assert!(matches!(dataset(0).windows(9), Err(Error::Option(OptionError { option: "sequence_length", .. }))));
    assert!(matches!(
        dataset(4).sampling_rate(3).windows(9),
        Err(Error::Series(SeriesError::TooShort { needed: 10, .. }))
    ));
    assert!(matches!(
        dataset(usize::MAX).sampling_rate(usize::MAX).windows(9),
        Err(Error::Series(SeriesError::TooShort { .. }))
    ));
    assert!(matches!(
        dataset(1).start(5).end(4).windows(9),
        Err(Error::Series(SeriesError::Range { start: 5, end: 4, len: 9 }))
    ));
    assert!(matches!(dataset(1).end(10).windows(9), Err(Error::Series(SeriesError::Range { .. }))));
    assert!(matches!(dataset(1).targets(0).windows(9), Err(Error::Series(SeriesError::TooShort { .. }))));
}

#[test]
fn values_that_do_not_fit_the_windows_are_refused() {
    let windows = TimeseriesDataset::new(2).windows(5).unwrap();
    assert!(matches!(
        windows.inputs(0..1, &[0.0; 9], 2),
        Err(Error::Series(SeriesError::Length { expected: 10, found: 9, .. }))
    ));
    assert!(matches!(windows.inputs(0..1, &[0.0; 9], 0), Err(Error::Option(OptionError { option: "width", .. }))));
    assert!(matches!(windows.inputs(0..1, &[0.0; 9], usize::MAX), Err(Error::TooLarge { .. })));
    assert!(matches!(
        windows.targets(0..1, &[0; 3], 1),
        Err(Error::Series(SeriesError::Length { expected: 4, found: 3, .. }))
    ));
    assert_eq!(windows.targets(1..3, &[0, 1, 2, 3, 4, 5, 6, 7], 2).unwrap(), [2, 3, 4, 5]);
    assert!(matches!(
        SlidingWindows::new(0).of(&[0]).map(|_| ()),
        Err(Error::Option(OptionError { option: "size", .. }))
    ));
    assert!(matches!(
        SlidingWindows::new(1).stride(0).of(&[0]).map(|_| ()),
        Err(Error::Option(OptionError { option: "stride", .. }))
    ));
}

proptest! {
    #[test]
    fn sliding_windows_are_the_strided_windows_and_their_remainder(
        len in 0usize..40, size in 1usize..9, stride in 1usize..9,
    ) {
        let elements: Vec<usize> = (0..len).collect();
        let of = |remainder| {
            let windows = SlidingWindows::new(size).stride(stride).remainder(remainder);
            windows.of(&elements).unwrap().map(<[usize]>::to_vec).collect::<Vec<_>>()
        };
        let naive: Vec<Vec<usize>> = elements.windows(size).step_by(stride).map(<[usize]>::to_vec).collect();
        prop_assert_eq!(of(Remainder::Drop), naive.clone());
        for remainder in [Remainder::Short, Remainder::Overlap] {
            let windows = of(remainder);
            prop_assert!(windows.starts_with(&naive) && windows.len() <= naive.len() + 1);
            prop_assert!(windows.iter().all(|window| !window.is_empty()));
            if stride <= size {
                let mut covered: Vec<usize> = windows.concat();
                covered.sort_unstable();
                covered.dedup();
                prop_assert_eq!(covered, elements.clone());
            }
            if remainder == Remainder::Overlap && len >= size {
                prop_assert!(windows.iter().all(|window| window.len() == size));
            }
        }
    }
}
