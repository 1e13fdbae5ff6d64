//! Windows of a numeric series, each with a target, by Keras's two rules: [`TimeseriesGenerator`] and
//! [`TimeseriesDataset`] (`timeseries_dataset_from_array`). Both make [`TimeseriesWindows`]. Windows over tokens are in
//! `rows/sliding.rs`.
//!
//! Version followed: Keras 3's `keras.src.legacy.preprocessing.sequence` and `keras.src.utils`. Departures: shuffled
//! orders come from SplitMix64; it is an error if no window fits.

use std::ops::Range;

use kiln_base::{OptionError, SplitMix64};

use crate::error::{Error, Result, SeriesError};

kiln_base::options! {
    /// Keras's `TimeseriesGenerator`: the target of a window is the step after it.
    ///
    /// The window of target `t` consists of the steps `t - length` to `t - 1`, or every `sampling_rate`th of them,
    /// starting with the first.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_text::keras::TimeseriesGenerator;
    ///
    /// let series: Vec<f32> = (0..10).map(|step| step as f32).collect();
    /// let windows = TimeseriesGenerator::new(3).batch_size(4).windows(series.len())?;
    /// let first = windows.batches().next().unwrap();
    /// assert_eq!(windows.inputs(first.clone(), &series, 1)?[..6], [0.0, 1.0, 2.0, 1.0, 2.0, 3.0]);
    /// assert_eq!(windows.targets(first, &series, 1)?, [3.0, 4.0, 5.0, 6.0]);
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct TimeseriesGenerator [
        /// Keras's defaults for windows over `length` steps: every step, every target, batches of 128.
        pub const fn new
    ] {
        required length: usize,
        /// Uses only every `sampling_rate`th step of a window. Default: 1.
        sampling_rate: usize = 1,
        /// The distance between the targets of consecutive windows, in steps. Default: 1.
        stride: usize = 1,
        /// The first step to use (Keras's `start_index`). Default: 0.
        start: usize = 0,
        /// The last step that may be a target, inclusive (Keras's `end_index`). Default: the last of the series.
        some end: usize,
        /// Draws targets at random from this seed instead of using them in order: every batch is full, and each target
        /// is uniform on all possible ones, whatever the stride, and may repeat. Default: in order.
        some shuffle: u64,
        /// Whether the steps of a window run backwards. Default: false.
        reverse: bool = false,
        /// The number of windows per batch. Default: 128.
        batch_size: usize = 128,
    }
}

impl TimeseriesGenerator {
    /// The windows of a series of `len` steps.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] if the length, sampling rate, stride or batch size is 0, [`SeriesError::Range`] if `end` is
    /// not a step of the series, [`SeriesError::TooShort`] if no window with its target fits.
    pub fn windows(&self, len: usize) -> Result<TimeseriesWindows> {
        not_zero([
            (self.length, "length"),
            (self.sampling_rate, "sampling_rate"),
            (self.stride, "stride"),
            (self.batch_size, "batch_size"),
        ])?;
        let last = match self.end {
            Some(end) if end >= len => return Err(SeriesError::Range { start: self.start, end, len }.into()),
            Some(end) => Some(end),
            None => len.checked_sub(1),
        };
        let needed = self.length.saturating_add(1);
        let end = last.map_or(0, |last| last + 1);
        let first = self.start.checked_add(self.length).filter(|&first| first < end);
        let first = first.ok_or(SeriesError::TooShort { start: self.start, end, needed })?;
        let targets: Vec<usize> = match self.shuffle {
            None => (first..end).step_by(self.stride).collect(),
            Some(seed) => {
                let batches = (end - first).div_ceil(self.stride).div_ceil(self.batch_size);
                let total = batches.checked_mul(self.batch_size);
                let too_large = Error::TooLarge { what: "windows", rows: batches, columns: self.batch_size };
                let mut random = SplitMix64::new(seed);
                let total = total.filter(|&total| total <= isize::MAX as usize / 8).ok_or(too_large)?;
                (0..total).map(|_| first + random.below((end - first) as u64) as usize).collect()
            }
        };
        Ok(TimeseriesWindows {
            steps: self.length.div_ceil(self.sampling_rate),
            sampling_rate: self.sampling_rate,
            reverse: self.reverse,
            batch_size: self.batch_size,
            starts: targets.iter().map(|target| target - self.length).collect(),
            targets,
            len,
        })
    }
}

kiln_base::options! {
    /// Keras's `timeseries_dataset_from_array`: the target of a window is that of its first step.
    ///
    /// A window has `sequence_length` steps, `sampling_rate` apart.
    ///
    /// # Examples
    ///
    /// To learn the step after each window, use the series from step `sequence_length` on as targets, as in Keras:
    ///
    /// ```
    /// use kiln_text::keras::TimeseriesDataset;
    ///
    /// let series: Vec<f32> = (0..10).map(|step| step as f32).collect();
    /// let windows = TimeseriesDataset::new(3).targets(7).windows(series.len())?;
    /// assert_eq!(windows.inputs(6..7, &series, 1)?, [6.0, 7.0, 8.0]);
    /// assert_eq!(windows.targets(6..7, &series[3..], 1)?, [9.0]);
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct TimeseriesDataset [
        /// Keras's defaults for windows of `sequence_length` steps: every step, every window, batches of 128.
        pub const fn new
    ] {
        required sequence_length: usize,
        /// The distance between the starts of consecutive windows, in steps. Default: 1.
        sequence_stride: usize = 1,
        /// The distance between the steps of a window. Default: 1.
        sampling_rate: usize = 1,
        /// The number of windows per batch. Default: 128.
        batch_size: usize = 128,
        /// Puts the windows in an order drawn from this seed; each occurs once. Default: in order.
        some shuffle: u64,
        /// The first step to use (Keras's `start_index`). Default: 0.
        start: usize = 0,
        /// The step after the last to use (Keras's `end_index`). Default: the length of the series.
        some end: usize,
        /// The number of targets: windows beyond it are dropped. Default: the number of steps.
        some targets: usize,
    }
}

impl TimeseriesDataset {
    /// The windows of a series of `len` steps.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] if the length, stride, sampling rate or batch size is 0, [`SeriesError::Range`] if `start` and
    /// `end` are not in order within the series, [`SeriesError::TooShort`] if no window fits or has a target.
    pub fn windows(&self, len: usize) -> Result<TimeseriesWindows> {
        not_zero([
            (self.sequence_length, "sequence_length"),
            (self.sequence_stride, "sequence_stride"),
            (self.sampling_rate, "sampling_rate"),
            (self.batch_size, "batch_size"),
        ])?;
        let (start, end) = (self.start, self.end.unwrap_or(len));
        if end > len || start > end {
            return Err(SeriesError::Range { start, end, len }.into());
        }
        let needed = (self.sequence_length - 1).saturating_mul(self.sampling_rate).saturating_add(1);
        let fitting = (end - start).saturating_sub(needed - 1);
        let with_target = self.targets.map_or(fitting, |targets| fitting.min(targets.saturating_sub(start)));
        if with_target == 0 {
            return Err(SeriesError::TooShort { start, end, needed }.into());
        }
        let mut starts: Vec<usize> = (start..start + with_target).step_by(self.sequence_stride).collect();
        if let Some(seed) = self.shuffle {
            SplitMix64::new(seed).shuffle(&mut starts);
        }
        Ok(TimeseriesWindows {
            steps: self.sequence_length,
            sampling_rate: self.sampling_rate,
            reverse: false,
            batch_size: self.batch_size,
            targets: starts.clone(),
            starts,
            len,
        })
    }
}

/// The steps of each window of a series, and its target. Holds places, not values, so overlapping windows take no extra
/// memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeseriesWindows {
    starts: Vec<usize>,
    targets: Vec<usize>,
    steps: usize,
    sampling_rate: usize,
    reverse: bool,
    batch_size: usize,
    /// The length of the series.
    len: usize,
}

impl TimeseriesWindows {
    /// How many windows there are; never 0.
    #[expect(clippy::len_without_is_empty, reason = "there is always a window")]
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// How many steps each window has.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The batches, as ranges of windows: all full except perhaps the last.
    pub fn batches(&self) -> impl ExactSizeIterator<Item = Range<usize>> + use<> {
        let (windows, size) = (self.len(), self.batch_size);
        (0..windows.div_ceil(size)).map(move |batch| batch * size..(batch * size).saturating_add(size).min(windows))
    }

    /// The places of a window's steps in the series, in the order of the window.
    ///
    /// # Panics
    ///
    /// If there is no such window.
    pub fn places(&self, window: usize) -> impl ExactSizeIterator<Item = usize> + use<> {
        let (start, steps, rate, reverse) = (self.starts[window], self.steps, self.sampling_rate, self.reverse);
        (0..steps).map(move |step| start + rate * if reverse { steps - 1 - step } else { step })
    }

    /// The place of a window's target.
    ///
    /// # Panics
    ///
    /// If there is no such window.
    pub fn target(&self, window: usize) -> usize {
        self.targets[window]
    }

    /// The values of some windows: window by window, step by step, `width` values per step.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for a `width` of 0, [`SeriesError::Length`] if `data` does not have `width` values for each
    /// step of the series, [`Error::TooLarge`] if the windows do not fit in memory.
    ///
    /// # Panics
    ///
    /// If a window does not exist.
    pub fn inputs<T: Copy>(&self, windows: Range<usize>, data: &[T], width: usize) -> Result<Vec<T>> {
        let too_large = || Error::TooLarge { what: "a batch of windows", rows: windows.len(), columns: self.steps };
        let expected = self.len.checked_mul(width).ok_or_else(too_large)?;
        not_zero([(width, "width")])?;
        if data.len() != expected {
            return Err(SeriesError::Length { what: "the series", expected, found: data.len() }.into());
        }
        let total = windows.len().checked_mul(self.steps).and_then(|steps| steps.checked_mul(width));
        let mut values = Vec::new();
        values.try_reserve_exact(total.ok_or_else(too_large)?).map_err(|_| too_large())?;
        for window in windows {
            for place in self.places(window) {
                values.extend_from_slice(&data[place * width..(place + 1) * width]);
            }
        }
        Ok(values)
    }

    /// The targets of some windows, `width` values per target.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for a `width` of 0, [`SeriesError::Length`] if there are fewer targets than the last window
    /// needs.
    ///
    /// # Panics
    ///
    /// If a window does not exist.
    pub fn targets<T: Copy>(&self, windows: Range<usize>, targets: &[T], width: usize) -> Result<Vec<T>> {
        not_zero([(width, "width")])?;
        let highest = self.targets.iter().max().map_or(0, |highest| highest + 1);
        let expected = highest.saturating_mul(width);
        if targets.len() < expected {
            return Err(SeriesError::Length { what: "the targets", expected, found: targets.len() }.into());
        }
        let places = windows.map(|window| self.targets[window] * width);
        Ok(places.flat_map(|place| &targets[place..place + width]).copied().collect())
    }
}

fn not_zero<const N: usize>(sizes: [(usize, &'static str); N]) -> Result<()> {
    Ok(sizes.into_iter().try_for_each(|(size, option)| OptionError::unless(size > 0, option, "1 or more", size))?)
}
