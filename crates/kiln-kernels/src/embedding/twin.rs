//! The twins of table lookup, its gradient and new rows in plain Burn operations.

use burn::tensor::{IndexingUpdateOp, Int, Tensor, module};

/// [`crate::embedding`] by Burn's own operation.
///
/// # Shapes
///
/// Those of [`crate::embedding`], which checks them.
///
/// # Panics
///
/// If the shapes do not match.
pub fn embedding(table: Tensor<2>, ids: Tensor<2, Int>) -> Tensor<3> {
    module::embedding(table, ids)
}

/// The gradient of a table of `vocab` rows, from the gradient of looked-up rows.
///
/// # Shapes
///
/// - gradient: `[batch, time, width]`
/// - ids: `[batch, time]`
/// - output: `[vocab, width]`
///
/// # Panics
///
/// If the shapes do not match.
pub fn table_gradient(gradient: Tensor<3>, ids: Tensor<2, Int>, vocab: usize) -> Tensor<2> {
    let [batch, time, width] = gradient.dims();
    let rows = gradient.reshape([batch * time, width]);
    let table = Tensor::zeros([vocab, width], (&rows.device(), rows.dtype()));
    table.select_assign(0, ids.reshape([batch * time]), rows, IndexingUpdateOp::Add)
}

/// [`crate::put_rows`] by adding the difference to the new rows.
///
/// # Shapes
///
/// Those of [`crate::put_rows`], which checks them.
///
/// # Panics
///
/// If the shapes do not match.
pub fn put_rows(table: Tensor<2>, ids: Tensor<2, Int>, rows: Tensor<2>) -> Tensor<2> {
    let ids = ids.reshape([rows.dims()[0]]);
    let missing = rows - table.clone().select(0, ids.clone());
    table.select_assign(0, ids, missing, IndexingUpdateOp::Add)
}
