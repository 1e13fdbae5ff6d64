//! [`Progress`]: what a pass over a corpus tells of itself while it runs. Leaves out how it is shown.

/// How far a pass over a corpus is. The callback that takes it answers whether to go on.
///
/// ```
/// use std::ops::ControlFlow;
///
/// use kiln_text::Error;
/// use kiln_text::io::Progress;
/// use kiln_text::vocabulary::{TokenCounts, whitespace_tokens};
///
/// let stop = |_: Progress| ControlFlow::Break(());
/// let counts = TokenCounts::count_observed(["a b", "b"].map(Ok), whitespace_tokens, stop);
/// assert!(matches!(counts, Err(Error::Stopped { documents: 2 })));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// How many documents were seen, bad rows not among them.
    pub documents: u64,
    /// How many bytes were seen: of text where texts come from memory, of files, as they lie on disk, where they are
    /// read from files.
    pub bytes: u64,
    /// How many bytes there are in all, where that is known.
    pub total_bytes: Option<u64>,
}
