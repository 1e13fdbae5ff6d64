//! The gradient of a table's touched rows compared with that of the whole table, and rows put back.

use burn::tensor::{Int, Tensor, TensorData};
use kiln_kernels::{RandomKey, RowGradient, embedding, put_rows, row_gradient, with_twins};

use crate::devices;
use crate::twins::{assert_close, tensor, values};

/// Ids for a batch of 7 rows of 9 steps, some occurring many times, some never.
fn ids(vocab: usize, device: &burn::tensor::Device) -> Tensor<2, Int> {
    let ids: Vec<i32> =
        RandomKey::new(2).child("ids").uniform(63).iter().map(|x| (x * x * vocab as f32) as i32).collect();
    Tensor::from_data(TensorData::new(ids, [7, 9]), device)
}

#[test]
fn the_gradient_of_the_touched_rows_is_the_tables() {
    let vocab = 40;
    for (name, device) in devices::all() {
        for width in [1, 5, 64] {
            let training = device.clone().autodiff();
            let table = tensor::<2>("table", [vocab, width], 1.0, &training).require_grad();
            let weighting = tensor::<3>("weighting", [7, 9, width], 1.0, &training);
            let rows = embedding(table.clone(), ids(vocab, &training));
            let gradients = (rows * weighting.clone()).sum().backward();
            let whole = values(table.grad(&gradients).unwrap());
            let touched = |twins: bool| {
                let run = || row_gradient(weighting.clone().inner(), ids(vocab, &device));
                let RowGradient { ids, values: rows } = if twins { with_twins(run) } else { run() };
                (ids.into_data().iter::<i64>().collect::<Vec<_>>(), values(rows))
            };
            for twins in [false, true] {
                let (ids, rows) = touched(twins);
                assert!(ids.is_sorted_by(|a, b| a < b) && ids.len() < vocab, "{name}: {ids:?}");
                let mut spread = vec![0.0; vocab * width];
                for (&id, row) in ids.iter().zip(rows.chunks(width)) {
                    spread[id as usize * width..][..width].copy_from_slice(row);
                }
                assert_close(&format!("{name}, width {width}, twins {twins}"), &spread, &whole);
            }
        }
    }
}

#[test]
fn rows_are_put_in_their_places_and_nowhere_else() {
    for (name, device) in devices::all() {
        for twins in [false, true] {
            let table = tensor::<2>("table", [30, 6], 1.0, &device);
            let held = table.clone();
            let rows = tensor::<2>("rows", [3, 6], 2.0, &device);
            let put = || put_rows(table.clone(), Tensor::from_ints([[2, 17, 29]], &device), rows.clone());
            let after = values(if twins { with_twins(put) } else { put() });
            let mut expected = values(held.clone());
            for (place, row) in [2, 17, 29].into_iter().zip(values(rows.clone()).chunks(6)) {
                expected[place * 6..][..6].copy_from_slice(row);
            }
            assert_close(name, &after, &expected);
            assert_eq!(values(held), values(tensor::<2>("table", [30, 6], 1.0, &device)), "{name}: held");
        }
    }
}

#[test]
fn a_batch_that_touches_nothing_has_no_rows() {
    for (name, device) in devices::all() {
        let ids = Tensor::<2, Int>::from_data(TensorData::new(Vec::<i32>::new(), [0, 4]), &device);
        let gradient = Tensor::<3>::zeros([0, 4, 3], &device);
        assert_eq!(row_gradient(gradient, ids).values.dims(), [0, 3], "{name}");
    }
}
