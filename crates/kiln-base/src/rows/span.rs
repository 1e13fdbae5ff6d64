//! [`Span`]: the valid steps of a padded row.

/// The part of a row that came from its sequence; all else is padding. An empty sequence has length 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first valid step.
    pub start: usize,
    /// How many steps are valid; 0 for an empty row.
    pub len: usize,
}

impl Span {
    /// Whether step `time` is valid.
    #[must_use]
    pub const fn contains(self, time: usize) -> bool {
        time >= self.start && time - self.start < self.len
    }
}
