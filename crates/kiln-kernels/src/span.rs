//! The valid span of a row.

/// The valid steps of one row: `start` to `start + len` - 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first valid step.
    pub start: usize,
    /// How many steps are valid; 0 for an empty row.
    pub len: usize,
}

impl Span {
    /// Whether step `time` is valid.
    #[must_use]
    pub fn contains(self, time: usize) -> bool {
        time >= self.start && time - self.start < self.len
    }
}
