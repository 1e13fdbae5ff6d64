//! The gradient of only the touched rows of a table, and replacing single rows: for tables that are too large to pass
//! over at each step.

use burn::backend::Dispatch;
use burn::tensor::{Int, Tensor, TensorData};

use super::autodiff::EmbeddingOps;
use super::{adds_rows, twin};
use crate::backend::choice::{assert_same_device, is_fused};

/// The rows of a table that a batch touched, with their gradients.
#[derive(Clone, Debug)]
pub struct RowGradient {
    /// The touched rows, rising, each once: `[1, rows]`
    pub ids: Tensor<2, Int>,
    /// Their gradients: `[rows, width]`
    pub values: Tensor<2>,
}

/// Sums the gradient of looked-up rows by row: the gradient that [`embedding`](crate::embedding()) records for the
/// whole table, without the rows that are zero.
///
/// Autodiff records nothing. The host reads the ids, so it waits for a GPU.
///
/// # Shapes
///
/// - gradient: `[batch, time, width]`
/// - ids: `[batch, time]`
///
/// # Fast path
///
/// As [`embedding`](crate::embedding()); anything else goes through [`reference::table_gradient`](crate::reference::table_gradient).
///
/// # Panics
///
/// If the shapes do not match, an id is negative, or the tensors are on different devices.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use kiln_kernels::row_gradient;
///
/// let device = Device::flex();
/// let gradient = Tensor::<3>::from_floats([[[1.0], [2.0], [4.0]]], &device);
/// let touched = row_gradient(gradient, Tensor::from_ints([[7, 3, 7]], &device));
/// assert_eq!(touched.values.to_data().try_to_vec::<f32>().unwrap(), [2.0, 5.0]); // of rows 3 and 7
/// # }
/// ```
pub fn row_gradient(gradient: Tensor<3>, ids: Tensor<2, Int>) -> RowGradient {
    let [batch, time, width] = gradient.dims();
    assert_eq!(ids.dims(), [batch, time], "there must be an id for each of the {batch} x {time} rows of the gradient");
    assert_same_device("ids", &ids.device(), &gradient.device());
    let (gradient, ids) = (gradient.without_autodiff(), ids.without_autodiff());
    let device = gradient.device();
    let mut order: Vec<(u32, u32)> = (ids.into_data().iter::<i64>().zip(0..))
        .map(|(id, place)| (u32::try_from(id).unwrap_or_else(|_| panic!("an id must fit a row, but is {id}")), place))
        .collect();
    order.sort_unstable();
    let mut touched: Vec<i32> = Vec::new();
    let mut slots = vec![0; order.len()];
    for (id, place) in order {
        if touched.last() != Some(&(id as i32)) {
            touched.push(id as i32);
        }
        slots[place as usize] = touched.len() as i32 - 1;
    }
    let rows = touched.len();
    let ids = Tensor::from_data(TensorData::new(touched, [1, rows]), &device);
    let slots = Tensor::<2, Int>::from_data(TensorData::new(slots, [batch, time]), &device);
    let values = if rows == 0 {
        Tensor::zeros([0, width], &device)
    } else if width > 0 && adds_rows(&gradient, batch * time, rows) {
        let sums = <Dispatch as EmbeddingOps>::table_gradient(gradient.into_dispatch(), slots.into_dispatch(), rows);
        Tensor::from_dispatch(sums)
    } else {
        twin::table_gradient(gradient, slots, rows)
    };
    RowGradient { ids, values }
}

/// The table with the rows `ids`, all different, replaced by `rows`; in place if nothing else holds the table.
///
/// Autodiff records nothing.
///
/// # Shapes
///
/// - table: `[vocab, width]`
/// - ids: `[1, rows]`
/// - rows: `[rows, width]`
///
/// # Fast path
///
/// As [`embedding`](crate::embedding()). Anything else goes through
/// [`reference::put_rows`](crate::reference::put_rows), which adds the difference: its rows may be off by the last bit.
///
/// # Panics
///
/// If the shapes do not match or the tensors are on different devices; on the CPU, if an id is not below `vocab`.
pub fn put_rows(table: Tensor<2>, ids: Tensor<2, Int>, rows: Tensor<2>) -> Tensor<2> {
    let ([_, width], [count, d_row]) = (table.dims(), rows.dims());
    assert_eq!(d_row, width, "rows must be as wide as the table's {width}, but are {d_row}");
    assert_eq!(ids.dims(), [1, count], "there must be an id for each of the {count} rows");
    assert_same_device("ids", &ids.device(), &table.device());
    assert_same_device("rows", &rows.device(), &table.device());
    let (table, rows) = (table.without_autodiff(), rows.without_autodiff());
    let ids = ids.without_autodiff();
    if count == 0 || width == 0 {
        return table;
    }
    if !is_fused(&table) || !is_fused(&rows) {
        return twin::put_rows(table, ids, rows);
    }
    let [table, rows] = [table, rows].map(Tensor::into_dispatch);
    Tensor::from_dispatch(<Dispatch as EmbeddingOps>::put_rows(table, ids.into_dispatch(), rows))
}
