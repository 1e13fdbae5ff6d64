//! Table lookup.

use burn::backend::Dispatch;
use burn::tensor::{Int, Tensor};

use crate::device::{Kernels, assert_same_device};
use crate::ops::FusedOps;
use crate::reference;

/// A row of the table for each id.
///
/// # Shapes
///
/// - table: `[vocab, d_embedding]`
/// - ids: `[batch, time]`
/// - output: `[batch, time, d_embedding]`
///
/// # Fast path
///
/// With a table of 32-bit floats, all cores of the CPU backends gather the rows and add up the
/// table's gradient. On a GPU the gradient is two launches, or one for few ids, which add in a fixed order
/// and need no atomic operations. Anything else goes through [`reference::embedding`].
///
/// # Panics
///
/// On the CPU, if an id is not below `vocab`; a GPU does not check. If `d_embedding` is 0, or table
/// and ids are on several devices.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use kiln_kernels::embedding;
///
/// let device = Device::flex();
/// let table = Tensor::<2>::from_floats([[0.0, 0.0], [1.0, 2.0]], &device);
/// let rows = embedding(table, Tensor::from_ints([[1, 0]], &device));
/// assert_eq!(rows.to_data().to_vec::<f32>().unwrap(), [1.0, 2.0, 0.0, 0.0]);
/// # }
/// ```
#[must_use]
pub fn embedding(table: Tensor<2>, ids: Tensor<2, Int>) -> Tensor<3> {
    assert!(table.dims()[1] > 0, "an embedding needs a width above 0");
    assert_same_device("ids", &ids.device(), &table.device());
    if !is_fused(&table, &ids) {
        return reference::embedding(table, ids);
    }
    Tensor::from_dispatch(<Dispatch as FusedOps>::embedding(table.into_dispatch(), ids.into_dispatch()))
}

/// Whether there are kernels for the lookup and for the table's gradient.
fn is_fused(table: &Tensor<2>, ids: &Tensor<2, Int>) -> bool {
    let Some(_kernels) = Kernels::of(table) else { return false };
    let [[_vocab, _width], [_batch, _time]] = [table.dims(), ids.dims()];
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    if !_kernels.fit(|adapter| crate::gpu::table_gradient::is_fused(adapter, _batch * _time, _vocab, _width)) {
        return false;
    }
    true
}
