//! Records the rows that sparse embeddings look up in a training step, for an optimizer that updates only these rows.

use std::cell::RefCell;

use burn::module::ParamId;
use burn::tensor::{Int, Tensor};

use super::tape::{self, Tape};

/// Rows of a table that were looked up in a forward pass.
#[derive(Clone, Debug)]
pub struct LookedUp {
    /// The table.
    pub table: ParamId,
    /// Which rows: `[batch, time]`
    pub ids: Tensor<2, Int>,
    /// The rows, a leaf of the graph, so that they have their own gradient. `[batch, time, d_embedding]`
    pub rows: Tensor<3>,
}

thread_local! {
    static TAPE: Tape<LookedUp> = const { RefCell::new(None) };
}

/// Runs a forward pass and returns the rows that its sparse [`Embedding`](crate::layers::Embedding)s looked up on this
/// thread. Their tables then have no gradient; take it from the rows.
///
/// The trainer calls this. A training loop that does not call it gets gradients of whole tables, as if no embedding
/// were sparse.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use kiln_kernels::row_gradient;
/// use kiln_models::layers::EmbeddingConfig;
/// use kiln_models::{RandomKey, record_rows};
///
/// let device = Device::flex().autodiff();
/// let embedding = EmbeddingConfig::new(400_000, 8).init(&device, RandomKey::new(0))?.sparse(true);
/// let ids = Tensor::from_ints([[5, 6, 5]], &device);
/// let (loss, looked_up) = record_rows(|| embedding.forward(ids).sum());
/// let gradients = loss.backward();
/// let rows = looked_up[0].rows.grad(&gradients).unwrap();
/// assert_eq!(row_gradient(rows, looked_up[0].ids.clone()).values.dims(), [2, 8]); // not 400,000
/// # }
/// # Ok::<(), kiln_models::Error>(())
/// ```
pub fn record_rows<R>(forward: impl FnOnce() -> R) -> (R, Vec<LookedUp>) {
    tape::record(&TAPE, forward)
}

/// Whether lookups are being recorded.
pub(crate) fn is_open() -> bool {
    TAPE.with_borrow(Option::is_some)
}

pub(crate) fn push(looked_up: LookedUp) {
    tape::tell(&TAPE, |rows| rows.push(looked_up));
}
