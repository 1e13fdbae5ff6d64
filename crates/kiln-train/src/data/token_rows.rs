//! Padded rows of token ids, as `kiln-text` makes them, for a model.

use burn::tensor::Device;
use kiln_models::{Span, TokenBatch};
use kiln_text::rows::Padded;

/// The spans of padded rows, as a model takes them.
pub(crate) fn spans_of(spans: Vec<kiln_text::rows::Span>) -> Vec<Span> {
    spans.into_iter().map(|span| Span { start: span.start, len: span.len }).collect()
}

/// A batch of padded rows.
pub(crate) fn token_batch(padded: Padded<u32>, device: &Device) -> TokenBatch {
    let Padded { values, len, spans, .. } = padded;
    TokenBatch::new(values.into_iter().map(|id| id as i32).collect(), len, spans_of(spans), device)
}
