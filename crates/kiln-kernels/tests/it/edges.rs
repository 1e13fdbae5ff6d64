//! Recurrent layers, convolutions and tables at the sizes where the GPU's kernels switch methods.

use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};
use kiln_kernels::{
    Activation, CellKind, Directions, RecurrentOptions, RecurrentWeights, Span, Wanted, embedding, recurrent, reference,
};

use crate::devices;
use crate::twins::{CELLS, Case, assert_close, check_conv, outputs_and_gradients, tensor, values};

/// Weights in registers, weights read in every step, and one product per step.
#[test]
fn states_of_every_width_equal_their_twin() {
    for (name, device) in devices::all() {
        for cell in CELLS {
            for d_hidden in [1, 64, 67, 257] {
                let wanted = Wanted { sequence: true, hidden: true, cell: cell == CellKind::Lstm };
                let spans = Some(vec![Span { start: 0, len: 3 }, Span { start: 1, len: 2 }, Span { start: 2, len: 0 }]);
                Case { cell, directions: Directions::Both, sizes: [3, 3, 5, d_hidden], spans, wanted }
                    .check(&device, name);
            }
        }
    }
}

#[test]
fn one_row_one_step_and_thousands_of_rows_equal_their_twin() {
    for (name, device) in devices::all() {
        for cell in CELLS {
            for (directions, sizes) in [
                (Directions::Forward, [1, 1, 1, 1]),
                (Directions::Reverse, [1, 9, 40, 3]),
                (Directions::Both, [1_001, 2, 2, 3]),
            ] {
                Case { cell, directions, sizes, spans: None, wanted: Wanted::SEQUENCE }.check(&device, name);
            }
        }
    }
}

/// More steps than one launch has on a software adapter. The twin would take minutes, so all devices are compared with
/// the first.
#[test]
fn thousands_of_steps_give_the_same_on_every_device() {
    let run = |device: &Device, cell: CellKind| {
        let device = device.clone().autodiff();
        let (steps, d_hidden, width) = (2_300, 65, cell.gates() * 65);
        let leaves = [
            tensor("input", [2 * steps * 3], 1.0, &device),
            tensor("recurrent kernel", [2 * d_hidden * width], 0.1, &device),
        ];
        outputs_and_gradients(&leaves, |leaves| {
            let weights = RecurrentWeights {
                kernel: tensor("kernel", [2, 3, width], 0.5, &device),
                recurrent_kernel: leaves[1].clone().reshape([2, d_hidden, width]),
                bias: tensor("bias", [2, cell.biases(), width], 0.5, &device),
            };
            let spans = [Span { start: 0, len: steps }, Span { start: 7, len: steps - 900 }];
            let options = RecurrentOptions {
                cell,
                directions: Directions::Both,
                spans: Some(Arc::new(spans)),
                wanted: Wanted { sequence: true, hidden: true, cell: cell == CellKind::Lstm },
            };
            recurrent(leaves[0].clone().reshape([2, steps, 3]), weights, None, options)
        })
    };
    for cell in [CellKind::Lstm, CellKind::Gru { reset_after: true }, CellKind::Gru { reset_after: false }] {
        let mut devices = devices::all().into_iter();
        let (first, device) = devices.next().expect("a build has a device");
        let expected = run(&device, cell);
        assert!(expected.iter().flatten().all(|value| value.is_finite()), "{first}: {cell:?}");
        for (name, device) in devices {
            for ((what, got), expected) in
                ["output", "input", "recurrent kernel"].iter().zip(run(&device, cell)).zip(&expected)
            {
                assert_close(&format!("{name} compared with {first}: {cell:?}: {what}"), &got, expected);
            }
        }
    }
}

#[test]
fn convolutions_of_every_shape_equal_their_twin() {
    for (name, device) in devices::all() {
        for (sizes, window, filters) in
            [([1, 1, 1], 1, 1), ([5, 6, 3], 6, 2), ([64, 30, 8], 5, 16), ([2, 200, 33], 5, 70)]
        {
            check_conv(&device, name, sizes, window, filters, true);
            check_conv(&device, name, sizes, window, filters, false);
        }
    }
}

/// Ids that are all (or mostly) the same row, more ids than one round reads, and rows that no id uses.
#[test]
fn tables_of_every_shape_have_the_gradient_of_their_twin() {
    for (name, device) in devices::all() {
        let device = device.autodiff();
        for (vocab, width, ids) in [
            (1, 1, vec![0; 5]),
            (70, 3, vec![33; 3_000]),
            (1_000, 130, (0..2_600).map(|n| n * n % 997).collect::<Vec<i32>>()),
            (33, 257, (0..90).map(|n| n % 33).collect()),
            (9, 40, (0..257).map(|n| n % 64 % 9).collect()),
            (500, 65, (0..1_000).map(|n| if n % 3 == 0 { n % 500 } else { 0 }).collect()),
        ] {
            let count = ids.len();
            let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [1, count]), &device);
            let leaves = [tensor("table", [vocab * width], 1.0, &device)];
            let run = |fused: bool| {
                outputs_and_gradients(&leaves, |leaves| {
                    let call = if fused { embedding } else { reference::embedding };
                    call(leaves[0].clone().reshape([vocab, width]), ids.clone())
                })
            };
            for (got, expected) in run(true).into_iter().zip(run(false)) {
                assert_close(&format!("{name}: {vocab} rows of {width}"), &got, &expected);
            }
        }
    }
}

/// Halves that are aligned for a separate tensor on a GPU, and halves that are not.
#[test]
fn weights_of_two_directions_are_joined_and_their_gradients_parted() {
    for (name, device) in devices::all() {
        let device = device.autodiff();
        for shape in [[1, 3, 20], [1, 16, 64], [1, 1, 1]] {
            let [forward, backward] =
                ["forward", "backward"].map(|name| tensor(name, shape, 1.0, &device).require_grad());
            let weights = |tensor: &Tensor<3>| RecurrentWeights {
                kernel: tensor.clone(),
                recurrent_kernel: tensor.clone().detach() * 2.0,
                bias: tensor.clone().detach() * 3.0,
            };
            let both = RecurrentWeights::both(weights(&forward), weights(&backward));
            let cat = Tensor::cat(vec![forward.clone(), backward.clone()], 0);
            assert_eq!(values(both.recurrent_kernel), values(cat.clone() * 2.0), "{name} {shape:?}");
            assert_eq!(values(both.bias), values(cat.clone() * 3.0), "{name} {shape:?}");
            assert_eq!(values(both.kernel.clone()), values(cat.clone()), "{name} {shape:?}");
            let weighting = tensor::<3>("weighting", cat.dims(), 1.0, &device);
            let gradients = (both.kernel * weighting.clone()).sum().backward();
            let of = |leaf: &Tensor<3>| values(leaf.grad(&gradients).expect("a leaf has a gradient"));
            let parts = [of(&forward), of(&backward)].concat();
            assert_eq!(parts, values(weighting), "{name} {shape:?}");
        }
    }
}

/// The same launches in the same order: a GPU computes the same bits twice.
#[test]
fn the_same_call_gives_the_same_bits() {
    for (name, device) in devices::all() {
        let run = || {
            let device = device.clone().autodiff();
            let table = tensor::<2>("table", [50, 20], 1.0, &device).require_grad();
            let kernel = tensor::<3>("window", [3, 20, 24], 0.5, &device).require_grad();
            let recurrent_kernel = tensor::<3>("recurrent kernel", [2, 12, 48], 0.5, &device).require_grad();
            let ids: Vec<i32> = (0..300).map(|n| n * n % 47).collect();
            let ids = Tensor::<1, Int>::from_ints(ids.as_slice(), &device).reshape([10, 30]);
            let bias = tensor("bias", [24], 0.5, &device);
            let input = kiln_kernels::conv1d(embedding(table.clone(), ids), kernel.clone(), bias, Activation::Relu);
            let weights = RecurrentWeights {
                kernel: tensor("kernel", [2, 24, 48], 0.5, &device),
                recurrent_kernel: recurrent_kernel.clone(),
                bias: tensor("bias", [2, 1, 48], 0.5, &device),
            };
            let options = RecurrentOptions {
                cell: CellKind::Lstm,
                directions: Directions::Both,
                spans: None,
                wanted: Wanted::SEQUENCE,
            };
            let output = recurrent(input, weights, None, options);
            let gradients = output.clone().powi_scalar(2).sum().backward();
            let of = |gradient: Option<Tensor<3>>| values(gradient.expect("a leaf has a gradient"));
            let of_table = values(table.grad(&gradients).expect("a leaf has a gradient"));
            [values(output), of_table, of(kernel.grad(&gradients)), of(recurrent_kernel.grad(&gradients))]
        };
        assert_eq!(run(), run(), "{name}");
    }
}

/// A pass that keeps nothing for a backward pass computes the same.
#[test]
fn prediction_equals_training() {
    for (name, device) in devices::all() {
        for cell in CELLS {
            for (wanted, [batch, time, d_input, d_hidden]) in [
                (Wanted::SEQUENCE, [9, 11, 6, 19]),
                (Wanted::SEQUENCE, [3, 5, 2, 90]),
                (Wanted::HIDDEN, [32, 100, 2, 30]),
            ] {
                let options = RecurrentOptions { cell, directions: Directions::Forward, spans: None, wanted };
                let run = |device: &Device, training: bool| {
                    let width = cell.gates() * d_hidden;
                    let mut weights = RecurrentWeights {
                        kernel: tensor("kernel", [1, d_input, width], 0.5, device),
                        recurrent_kernel: tensor("recurrent kernel", [1, d_hidden, width], 0.5, device),
                        bias: tensor("bias", [1, cell.biases(), width], 0.5, device),
                    };
                    if training {
                        weights.recurrent_kernel = weights.recurrent_kernel.require_grad();
                    }
                    let input = tensor("input", [batch, time, d_input], 1.0, device);
                    values(recurrent(input, weights, None, options.clone()))
                };
                let training = run(&device.clone().autodiff(), true);
                assert_close(&format!("{name}: {cell:?}"), &run(&device, false), &training);
            }
        }
    }
}

/// Tensors that the caller still holds do not change.
#[test]
fn states_and_tables_that_are_held_are_not_written_to() {
    for (name, device) in devices::all() {
        let width = 4 * 33;
        let weights = || RecurrentWeights {
            kernel: tensor("kernel", [1, 5, width], 0.5, &device),
            recurrent_kernel: tensor("recurrent kernel", [1, 33, width], 0.5, &device),
            bias: tensor("bias", [1, 1, width], 0.5, &device),
        };
        let wanted = Wanted { sequence: false, hidden: false, cell: true };
        let options = RecurrentOptions { cell: CellKind::Lstm, directions: Directions::Forward, spans: None, wanted };
        let initial = tensor::<4>("initial states", [2, 1, 6, 33], 0.5, &device);
        let input = tensor::<3>("input", [6, 4, 5], 1.0, &device);
        let run = || values(recurrent(input.clone(), weights(), Some(initial.clone()), options.clone()));
        let first = run();
        assert_eq!(first, run(), "{name}");
        assert_close(
            name,
            &first,
            &values(reference::recurrent(input.clone(), weights(), Some(initial.clone()), options.clone())),
        );
        assert_eq!(values(initial.clone()), values(tensor::<4>("initial states", [2, 1, 6, 33], 0.5, &device)));

        let table = tensor::<2>("table", [7, 33], 1.0, &device);
        let held = table.clone();
        let ids = Tensor::<2, Int>::from_ints([[5, 2]], &device);
        let rows = tensor::<2>("rows", [2, 33], 1.0, &device);
        let new = values(kiln_kernels::put_rows(table, ids, rows.clone()));
        assert_eq!(values(held), values(tensor::<2>("table", [7, 33], 1.0, &device)), "{name}");
        assert_eq!(new[5 * 33..6 * 33], values(rows)[..33], "{name}");
    }
}
