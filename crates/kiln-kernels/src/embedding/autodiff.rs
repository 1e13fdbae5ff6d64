//! Table lookup, the table's gradient and new rows as operations of a backend; autodiff records the lookup.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, AutodiffBackend, Backend, TensorMetadata, backend_extension};

use crate::backend::autodiff::record;

/// A backend's operations on a table.
#[backend_extension(
    Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")), Autodiff
)]
pub(crate) trait EmbeddingOps: Backend {
    /// Rows of a table, differentiable under autodiff.
    ///
    /// # Shapes
    ///
    /// - table: `[vocab, d_embedding]`
    /// - ids: `[batch, time]`
    /// - output: `[batch, time, d_embedding]`
    fn table_rows(table: FloatTensor<Self>, ids: IntTensor<Self>) -> FloatTensor<Self>;

    /// The gradient of a table of `vocab` rows. Never recorded by autodiff.
    ///
    /// # Shapes
    ///
    /// - gradient: `[batch, time, d_embedding]`
    /// - output: `[vocab, d_embedding]`
    fn table_gradient(gradient: FloatTensor<Self>, ids: IntTensor<Self>, vocab: usize) -> FloatTensor<Self>;

    /// The table with new rows, in place if nothing else holds it. Never recorded by autodiff.
    ///
    /// # Shapes
    ///
    /// - table: `[vocab, width]`
    /// - ids: `[1, rows]`, all different
    /// - rows: `[rows, width]`
    fn put_rows(table: FloatTensor<Self>, ids: IntTensor<Self>, rows: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl<B: EmbeddingOps, C: CheckpointStrategy> EmbeddingOps for Autodiff<B, C> {
    fn table_rows(table: FloatTensor<Self>, ids: IntTensor<Self>) -> FloatTensor<Self> {
        let (nodes, vocab) = ([table.node()], table.shape()[0]);
        let forward = |_| (B::table_rows(table.into_primitive(), ids.clone()), Some((ids, vocab)));
        record::<B, C, (IntTensor<B>, usize), 1>(nodes, forward, |(ids, vocab), gradient, _| {
            [Some(B::table_gradient(gradient, ids, vocab))]
        })
    }

    fn table_gradient(gradient: FloatTensor<Self>, ids: IntTensor<Self>, vocab: usize) -> FloatTensor<Self> {
        Self::from_inner(B::table_gradient(gradient.into_primitive(), ids, vocab))
    }

    fn put_rows(table: FloatTensor<Self>, ids: IntTensor<Self>, rows: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::from_inner(B::put_rows(table.into_primitive(), ids, rows.into_primitive()))
    }
}
