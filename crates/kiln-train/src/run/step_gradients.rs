//! The gradients of one step: of whole parameters, and of single rows where an embedding is sparse.

use std::collections::BTreeMap;

use burn::module::{Module, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Gradients, IndexingUpdateOp, Tensor};
use kiln_kernels::{RowGradient, row_gradient};
use kiln_models::LookedUp;

/// The gradients of a module's parameters after one backward pass.
pub struct StepGradients {
    pub(crate) whole: GradientsParams,
    pub(crate) rows: BTreeMap<ParamId, RowGradient>,
}

impl StepGradients {
    /// Takes the gradients of `module` from a backward pass; `looked_up` is what
    /// [`record_rows`](kiln_models::record_rows) gave for its forward pass.
    pub fn new<M: Module>(module: &M, gradients: Gradients, looked_up: Vec<LookedUp>) -> Self {
        let mut parts: BTreeMap<ParamId, Vec<_>> = BTreeMap::new();
        for LookedUp { table, ids, rows } in looked_up {
            if let Some(gradient) = rows.grad(&gradients) {
                parts.entry(table).or_default().push((gradient, ids.without_autodiff()));
            }
        }
        let rows = parts.into_iter().map(|(table, parts)| {
            // A table may be looked up several times in a pass.
            let in_one_row = |(gradient, ids): (Tensor<3>, Tensor<2, _>)| {
                let [batch, time, width] = gradient.dims();
                (gradient.reshape([1, batch * time, width]), ids.reshape([1, batch * time]))
            };
            let (gradients, ids) = parts.into_iter().map(in_one_row).unzip();
            (table, row_gradient(Tensor::cat(gradients, 1), Tensor::cat(ids, 1)))
        });
        let mut rows: BTreeMap<ParamId, RowGradient> = rows.collect();
        let mut whole = GradientsParams::from_grads(gradients, module);
        // A table that is also used as a whole, as with tied weights, has one gradient: the sum.
        rows.retain(|&table, rows| match whole.remove::<2>(table) {
            Some(gradient) => {
                let (ids, values) = (rows.ids.clone(), rows.values.clone());
                let ids = ids.reshape([values.dims()[0]]);
                whole.register(table, gradient.select_assign(0, ids, values, IndexingUpdateOp::Add));
                false
            }
            None => true,
        });
        Self { whole, rows }
    }
}

impl From<GradientsParams> for StepGradients {
    /// Only gradients of whole parameters.
    fn from(whole: GradientsParams) -> Self {
        Self { whole, rows: BTreeMap::new() }
    }
}
