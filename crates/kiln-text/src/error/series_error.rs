//! [`SeriesError`]: an error in the length of a series or of a batch plan.

/// An error in the length of a series or of a batch plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeriesError {
    /// A series is too short for a single window.
    #[error(
        "no window fits: a window needs {needed} steps, but there are fewer from {start} to {end} (exclusive); use a \
         shorter length, a lower sampling_rate, or more of the series"
    )]
    TooShort {
        /// The first usable step.
        start: usize,
        /// The first step after the usable ones.
        end: usize,
        /// The steps from the first to the last that one window needs.
        needed: usize,
    },

    /// The part of a series to use is not within it.
    #[error("the steps to use should be within the series of {len} steps, found {start} to {end}")]
    Range {
        /// The first step to use.
        start: usize,
        /// The last step to use, or the one after it, depending on the option.
        end: usize,
        /// How many steps there are.
        len: usize,
    },

    /// A series does not have the number of values that windows were made for.
    #[error("{what} should have {expected} values, found {found}")]
    Length {
        /// The data or the targets.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },

    /// A batch plan is used with a different number of rows than it was made for.
    #[error("the batches were planned for {expected} rows, found {found}")]
    PlannedRows {
        /// How many rows the plan has.
        expected: usize,
        /// How many were given.
        found: usize,
    },
}
