//! The valid span of each row of a padded batch, and how layers over time change it.
//!
//! A span has a start and a length, so padding may be in front or at the back.

use std::sync::Arc;

use kiln_kernels::Span;

/// The spans of a batch, one per row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spans(Arc<[Span]>);

impl Spans {
    /// The spans of the rows, in order.
    pub fn new(spans: Vec<Span>) -> Self {
        Self(spans.into())
    }

    /// The span of each row.
    pub fn rows(&self) -> &[Span] {
        &self.0
    }

    /// Whether every row is padding only.
    pub fn are_empty(&self) -> bool {
        self.0.iter().all(|span| span.len == 0)
    }

    /// The same rows, shared.
    pub(crate) fn shared(&self) -> Arc<[Span]> {
        Arc::clone(&self.0)
    }

    /// The spans after a layer with `out_steps` outputs, of which output `t` reads `window` inputs from
    /// `t * stride - before` on. An output is valid if any input that it reads is.
    pub fn through_window(&self, window: usize, stride: usize, before: usize, out_steps: usize) -> Self {
        let reads = |span: Span, t: usize| {
            let (first, end) = (t * stride, t * stride + window);
            span.start + before < end && first < span.start + before + span.len
        };
        let through = |span: Span| {
            let mut valid = (0..out_steps).filter(|&t| span.len > 0 && reads(span, t));
            match valid.next() {
                None => Span::default(),
                Some(start) => Span { start, len: 1 + valid.count() },
            }
        };
        Self(self.0.iter().map(|&span| through(span)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(start: usize, len: usize, window: usize, stride: usize, before: usize, steps: usize) -> Span {
        Spans::new(vec![Span { start, len }]).through_window(window, stride, before, steps).rows()[0]
    }

    #[test]
    fn a_span_follows_the_arithmetic_of_the_shape() {
        // A convolution of 5 over 12 steps gives 8; steps 7 to 11 are valid, read from output 3 on.
        assert_eq!(through(7, 5, 5, 1, 0, 8), Span { start: 3, len: 5 });
        // Back padding: steps 0 to 2 are read by outputs 0 to 2.
        assert_eq!(through(0, 3, 5, 1, 0, 8), Span { start: 0, len: 3 });
        // Pools of 4 over 8: steps 3 to 7 lie in both pools.
        assert_eq!(through(3, 5, 4, 4, 0, 2), Span { start: 0, len: 2 });
        // "Same" padding of a window of 3 reads one step before.
        assert_eq!(through(2, 1, 3, 1, 1, 5), Span { start: 1, len: 3 });
        // An empty row stays empty, and so does a row whose valid steps no output reads.
        assert_eq!(through(0, 0, 5, 1, 0, 8), Span::default());
        assert_eq!(through(6, 1, 2, 2, 0, 3), Span::default());
    }
}
