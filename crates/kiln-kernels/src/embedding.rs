//! Table lookup.

mod autodiff;
#[cfg_attr(not(any(feature = "flex", feature = "ndarray")), allow(dead_code))]
mod cpu;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu;
mod rows;
pub(crate) mod twin;

use burn::backend::Dispatch;
use burn::tensor::{Int, Tensor};

use self::autodiff::EmbeddingOps;
use crate::backend::choice::{Kernels, assert_same_device};

pub use self::rows::{RowGradient, put_rows, row_gradient};

/// One row of the table per id.
///
/// # Shapes
///
/// - table: `[vocab, d_embedding]`
/// - ids: `[batch, time]`
/// - output: `[batch, time, d_embedding]`
///
/// # Fast path
///
/// With a table of 32-bit floats, all cores of the CPU backends gather the rows and sum the table's gradient. On a GPU,
/// the gradient is two launches, or one for few ids, which sum in a fixed order without atomic operations. Anything
/// else goes through [`reference::embedding`](crate::reference::embedding()).
///
/// # Panics
///
/// On the CPU, if an id is not below `vocab`; a GPU does not check. If `d_embedding` is 0, or table and ids are on
/// different devices.
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
pub fn embedding(table: Tensor<2>, ids: Tensor<2, Int>) -> Tensor<3> {
    assert!(table.dims()[1] > 0, "an embedding needs a width above 0");
    assert_same_device("ids", &ids.device(), &table.device());
    let ([vocab, _], [batch, time]) = (table.dims(), ids.dims());
    if !adds_rows(&table, batch * time, vocab) {
        return twin::embedding(table, ids);
    }
    Tensor::from_dispatch(<Dispatch as EmbeddingOps>::table_rows(table.into_dispatch(), ids.into_dispatch()))
}

/// Whether there are kernels for looking up `count` rows like those of `like`, and for the gradient of a table of
/// `vocab` such rows.
#[cfg_attr(not(any(feature = "wgpu", feature = "cuda")), allow(unused_variables))]
fn adds_rows<const D: usize>(like: &Tensor<D>, count: usize, vocab: usize) -> bool {
    let Some(kernels) = Kernels::of(like) else { return false };
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    if !kernels.fit(|adapter| gpu::is_fused(adapter, count, vocab, like.dims()[D - 1])) {
        return false;
    }
    true
}
