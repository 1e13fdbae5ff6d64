//! [`SeriesError`]: what is wrong with the length of a series or of a batch plan. Leaves out padding.

/// What is wrong with the length of a series or of a batch plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeriesError {
    /// A series is too short for a single window.
    #[error(
        "no window fits: the steps {start} to {end} (the last not among them) hold no run of {needed} steps; \
         take a shorter length, a lower sampling_rate, or more of the series"
    )]
    TooShort {
        /// The first step that may be used.
        start: usize,
        /// The first step that may not.
        end: usize,
        /// The steps from the first to the last of what one window needs.
        needed: usize,
    },

    /// The part of a series to use lies outside it.
    #[error("the steps to use must lie within the series of {len} steps, found {start} to {end}")]
    Range {
        /// The first step to use.
        start: usize,
        /// The last, or the one behind it, as the option says.
        end: usize,
        /// How many steps there are.
        len: usize,
    },

    /// A series holds another number of values than windows were cut for.
    #[error("{what} should have {expected} values, found {found}")]
    Length {
        /// The data or the targets.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },

    /// A batch plan is used with other rows than it was made for.
    #[error("the batches were planned for {expected} rows, found {found}")]
    PlannedRows {
        /// How many rows the plan has.
        expected: usize,
        /// How many were given.
        found: usize,
    },
}
