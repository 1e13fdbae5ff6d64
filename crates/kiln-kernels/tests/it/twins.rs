//! Every fused operation compared with its twin: outputs and every gradient, on every device.

use std::cell::RefCell;
use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};
use kiln_kernels::{
    Activation, AdamStep, CellKind, Directions, KernelLayout, RandomKey, RecurrentOptions, RecurrentWeights, Span,
    Wanted, adam_step, conv1d, dropout, embedding, max_pool1d, mean_nll, recurrent, reference, sgd_step, squared_norm,
};
use proptest::prelude::*;

use crate::devices;

/// Uniform numbers within ±`scale`, the same on every device.
pub(crate) fn numbers(name: &str, count: usize, scale: f32) -> Vec<f32> {
    RandomKey::new(5).child(name).uniform(count).into_iter().map(|x| (2.0 * x - 1.0) * scale).collect()
}

pub(crate) fn tensor<const D: usize>(name: &str, shape: [usize; D], scale: f32, device: &Device) -> Tensor<D> {
    let values = numbers(name, shape.iter().product(), scale);
    Tensor::from_data(TensorData::new(values, shape), device)
}

pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// Asserts equality within 2e-5 of the greatest number.
#[track_caller]
pub(crate) fn assert_close(what: &str, got: &[f32], expected: &[f32]) {
    assert_eq!(got.len(), expected.len(), "{what}: lengths");
    let greatest = expected.iter().fold(1.0_f32, |most, value| most.max(value.abs()));
    for (place, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!(
            (got - expected).abs() <= 2e-5 * greatest,
            "{what}, number {place}: {got}, but that of its twin is {expected}"
        );
    }
}

/// Output and gradients of `run` for leaves with these values. The loss is a fixed weighting of the output.
pub(crate) fn outputs_and_gradients<const D: usize>(
    leaves: &[Tensor<1>],
    run: impl Fn(&[Tensor<1>]) -> Tensor<D>,
) -> Vec<Vec<f32>> {
    let leaves: Vec<_> = leaves.iter().map(|leaf| leaf.clone().require_grad()).collect();
    let output = run(&leaves);
    let weighting = tensor("weighting", output.dims(), 1.0, &output.device());
    // Adds 0 times every leaf, since the twin's output does not depend on the leaves if all rows are empty.
    let nothing = leaves.iter().fold(Tensor::zeros([1], &output.device()), |sum, leaf| sum + leaf.clone().sum() * 0.0);
    let gradients = ((output.clone() * weighting).sum() + nothing).backward();
    let mut all = vec![values(output)];
    all.extend(leaves.iter().map(|leaf| values(leaf.grad(&gradients).expect("a gradient of every leaf"))));
    all
}

pub(crate) struct Case {
    pub(crate) cell: CellKind,
    pub(crate) directions: Directions,
    pub(crate) sizes: [usize; 4],
    pub(crate) spans: Option<Vec<Span>>,
    pub(crate) wanted: Wanted,
}

impl Case {
    pub(crate) fn check(&self, device: &Device, name: &str) {
        let [batch, time, d_input, d_hidden] = self.sizes;
        let (cell, walks) = (self.cell, self.directions.walks().len());
        let width = cell.gates() * d_hidden;
        let shapes = [
            vec![batch, time, d_input],
            vec![walks, d_input, width],
            vec![walks, d_hidden, width],
            vec![walks, cell.biases(), width],
            vec![cell.states(), walks, batch, d_hidden],
        ];
        let device = device.clone().autodiff();
        let names = ["input", "kernel", "recurrent kernel", "bias", "initial states"];
        let leaves: Vec<Tensor<1>> = shapes
            .iter()
            .zip(names)
            .map(|(shape, name)| tensor(name, [shape.iter().product()], 0.6, &device))
            .collect();
        let options = RecurrentOptions {
            cell,
            directions: self.directions,
            spans: self.spans.clone().map(Arc::from),
            wanted: self.wanted,
        };
        let run = |fused: bool| {
            outputs_and_gradients(&leaves, |leaves| {
                let three = |n: usize| leaves[n].clone().reshape([shapes[n][0], shapes[n][1], shapes[n][2]]);
                let weights = RecurrentWeights { kernel: three(1), recurrent_kernel: three(2), bias: three(3) };
                let initial = leaves[4].clone().reshape([cell.states(), walks, batch, d_hidden]);
                let call = if fused { recurrent } else { reference::recurrent };
                call(three(0), weights, Some(initial), options.clone())
            })
        };
        for ((what, got), expected) in ["output"].iter().chain(&names).zip(run(true)).zip(run(false)) {
            let case = format!("{name}: {cell:?} {:?} {:?} {:?}: {what}", self.directions, self.sizes, self.spans);
            assert_close(&case, &got, &expected);
        }
    }
}

pub(crate) const CELLS: [CellKind; 5] = [
    CellKind::SimpleRnn { activation: Activation::Tanh },
    CellKind::SimpleRnn { activation: Activation::Relu },
    CellKind::Lstm,
    CellKind::Gru { reset_after: true },
    CellKind::Gru { reset_after: false },
];

fn span(start: usize, len: usize) -> Span {
    Span { start, len }
}

#[test]
fn every_cell_in_every_direction_equals_its_twin() {
    for (name, device) in devices::all() {
        for cell in CELLS {
            for directions in [Directions::Forward, Directions::Reverse, Directions::Both] {
                let all = Wanted { sequence: true, hidden: true, cell: cell == CellKind::Lstm };
                let spans = Some(vec![span(0, 7), span(2, 5), span(0, 3), span(0, 0), span(3, 2)]);
                Case { cell, directions, sizes: [5, 7, 3, 4], spans, wanted: all }.check(&device, name);
                let whole = Case { cell, directions, sizes: [2, 3, 5, 17], spans: None, wanted: Wanted::SEQUENCE };
                whole.check(&device, name);
                let last = Case { cell, directions, sizes: [7, 2, 1, 33], spans: None, wanted: Wanted::HIDDEN };
                last.check(&device, name);
            }
        }
    }
}

#[test]
fn wide_layers_equal_their_twin() {
    for (name, device) in devices::all() {
        for cell in CELLS {
            let sizes = [13, 5, 70, 81];
            Case { cell, directions: Directions::Both, sizes, spans: None, wanted: Wanted::SEQUENCE }
                .check(&device, name);
        }
    }
}

/// On the CPU, threads walk together over the units of layers as wide as these. There are few steps, since rounding grows from
/// step to step.
#[test]
fn layers_whose_units_are_shared_equal_their_twin() {
    let spans = || Some((0..13).map(|row| span(row % 2, row % 3)).collect());
    for (name, device) in devices::on_the_cpu() {
        for cell in CELLS {
            let all = Wanted { sequence: true, hidden: true, cell: cell == CellKind::Lstm };
            let cases = [(None, all, 3, 300), (spans(), all, 3, 300), (None, Wanted::HIDDEN, 2, 530)];
            for (spans, wanted, time, d_hidden) in cases {
                // A network of tanh units as wide as the last would be chaotic.
                if cell.gates() == 1 && d_hidden > 300 {
                    continue;
                }
                let sizes = [13, time, 20, d_hidden];
                Case { cell, directions: Directions::Reverse, sizes, spans, wanted }.check(&device, name);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_shape_span_and_direction_equals_the_twin(
        cell in prop::sample::select(CELLS.to_vec()),
        directions in prop::sample::select(vec![Directions::Forward, Directions::Reverse, Directions::Both]),
        sizes in (1..20_usize, 1..9_usize, 1..20_usize, 1..40_usize),
        starts in prop::collection::vec((0..9_usize, 0..9_usize), 20),
        sequence in any::<bool>(),
    ) {
        let (batch, time, d_input, d_hidden) = sizes;
        let spans: Vec<Span> = starts[..batch].iter().map(|&(start, len)| {
            let start = start % time;
            span(start, len % (time - start + 1))
        }).collect();
        let wanted = Wanted { sequence, hidden: !sequence, cell: cell == CellKind::Lstm };
        for (name, device) in devices::on_the_cpu() {
            Case { cell, directions, sizes: [batch, time, d_input, d_hidden], spans: Some(spans.clone()), wanted }
                .check(&device, name);
        }
    }

    #[test]
    fn any_convolution_equals_its_twin(
        batch in 1..5_usize, time in 1..110_usize, d_input in 1..40_usize, filters in 1..70_usize,
        window in 1..6_usize, relu in any::<bool>(),
    ) {
        let window = window.min(time);
        for (name, device) in devices::on_the_cpu() {
            check_conv(&device, name, [batch, time, d_input], window, filters, relu);
        }
    }
}

pub(crate) fn check_conv(
    device: &Device,
    name: &str,
    [batch, time, d_input]: [usize; 3],
    window: usize,
    filters: usize,
    relu: bool,
) {
    let device = device.clone().autodiff();
    let leaves = [
        tensor("input", [batch * time * d_input], 1.0, &device),
        tensor("kernel", [window * d_input * filters], 0.5, &device),
        tensor("bias", [filters], 0.5, &device),
    ];
    let activation = if relu { Activation::Relu } else { Activation::Linear };
    let run = |fused: bool| {
        outputs_and_gradients(&leaves, |leaves| {
            let input = leaves[0].clone().reshape([batch, time, d_input]);
            let kernel = leaves[1].clone().reshape([window, d_input, filters]);
            let call = if fused { conv1d } else { reference::conv1d };
            call(input, kernel, leaves[2].clone(), activation)
        })
    };
    for ((what, got), expected) in ["output", "input", "kernel", "bias"].iter().zip(run(true)).zip(run(false)) {
        let case = format!("{name}: conv1d {:?} window {window} filters {filters}: {what}", [batch, time, d_input]);
        assert_close(&case, &got, &expected);
    }
}

#[test]
fn convolution_equals_its_twin() {
    for (name, device) in devices::all() {
        check_conv(&device, name, [3, 9, 5], 4, 7, true);
        check_conv(&device, name, [1, 4, 1], 4, 1, false);
        check_conv(&device, name, [2, 30, 33], 1, 65, true);
    }
}

#[test]
fn dropout_equals_its_twin() {
    for (name, device) in devices::all() {
        let device = device.autodiff();
        for count in [1, 63, 64, 65, 70_003] {
            let leaves = [tensor("input", [count], 1.0, &device)];
            let key = RandomKey::new(1).child("dropout");
            let run = |fused: bool| {
                outputs_and_gradients(&leaves, |leaves| {
                    let call = if fused { dropout } else { reference::dropout };
                    call(leaves[0].clone(), key, 0.3)
                })
            };
            // The same product of the same two numbers: equal to the bit.
            assert_eq!(run(true), run(false), "{name}: dropout of {count}");
        }
    }
}

#[test]
fn embedding_equals_its_twin() {
    for (name, device) in devices::all() {
        let device = device.autodiff();
        let ids: Vec<i32> = (0..600).map(|n| n * n % 37).collect();
        let ids = Tensor::<1, Int>::from_ints(ids.as_slice(), &device).reshape([20, 30]);
        let leaves = [tensor("table", [37 * 9], 1.0, &device)];
        let run = |fused: bool| {
            outputs_and_gradients(&leaves, |leaves| {
                let call = if fused { embedding } else { reference::embedding };
                call(leaves[0].clone().reshape([37, 9]), ids.clone())
            })
        };
        for ((what, got), expected) in ["output", "table"].iter().zip(run(true)).zip(run(false)) {
            assert_close(&format!("{name}: embedding: {what}"), &got, &expected);
        }
    }
}

#[test]
fn pooling_equals_its_twin() {
    for (name, device) in devices::all() {
        let device = device.autodiff();
        for (time, pool) in [(8, 4), (11, 3), (5, 1)] {
            let leaves = [tensor("input", [3 * time * 5], 1.0, &device)];
            let run = |fused: bool| {
                outputs_and_gradients(&leaves, |leaves| {
                    let call = if fused { max_pool1d } else { reference::max_pool1d };
                    call(leaves[0].clone().reshape([3, time, 5]), pool)
                })
            };
            assert_eq!(run(true), run(false), "{name}: pools of {pool} over {time}");
        }
        let none = max_pool1d(tensor("input", [3, 2, 5], 1.0, &device), 3);
        assert_eq!(none.dims(), [3, 0, 5], "{name}");
    }
}

#[test]
fn the_mean_nll_equals_its_twin() {
    for (name, device) in devices::all() {
        let device = device.autodiff();
        for [rows, d_input, classes] in [[1, 1, 1], [3, 5, 7], [40, 12, 700]] {
            let leaves = [
                tensor("input", [rows * d_input], 1.0, &device),
                tensor("kernel", [d_input * classes], 1.0, &device),
                tensor("bias", [classes], 20.0, &device),
            ];
            let targets: Vec<i32> = (0..rows).map(|row| (row * 31 % classes) as i32).collect();
            let targets = Tensor::<1, Int>::from_ints(targets.as_slice(), &device);
            for layout in [KernelLayout::InputByClass, KernelLayout::ClassByInput] {
                let shape = match layout {
                    KernelLayout::InputByClass => [d_input, classes],
                    KernelLayout::ClassByInput => [classes, d_input],
                };
                let log_probs = RefCell::new(Vec::new());
                let run = |fused: bool| {
                    outputs_and_gradients(&leaves, |leaves| {
                        let call = if fused { mean_nll } else { reference::mean_nll };
                        let [input, kernel] = [leaves[0].clone(), leaves[1].clone()];
                        let (input, kernel) = (input.reshape([rows, d_input]), kernel.reshape(shape));
                        let (mean, of_rows) = call(input, kernel, leaves[2].clone(), targets.clone(), layout);
                        log_probs.borrow_mut().push(values(of_rows));
                        mean
                    })
                };
                let (got, expected) = (run(true), run(false));
                let case = format!("{name}: {rows} rows of {d_input}, {classes} classes, {layout:?}");
                for ((what, got), expected) in ["mean", "input", "kernel", "bias"].iter().zip(got).zip(expected) {
                    assert_close(&format!("{case}: {what}"), &got, &expected);
                }
                let log_probs = log_probs.into_inner();
                assert_close(&format!("{case}: log-probabilities"), &log_probs[0], &log_probs[1]);
            }
        }
    }
}

#[test]
fn adam_equals_its_twin() {
    for (name, device) in devices::all() {
        let count = 40_001;
        let start = || {
            let square = tensor("square", [count], 1.0, &device).powi_scalar(2);
            (tensor("value", [count], 1.0, &device), tensor("mean", [count], 1.0, &device), square)
        };
        let step = AdamStep { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, rate: 1e-2 };
        let gradient = tensor("gradient", [count], 1.0, &device);
        let run = |fused: bool| {
            let (value, mean, square) = start();
            // Held a second time, so the update must not change it.
            let held = value.clone();
            let call = if fused { adam_step } else { reference::adam_step };
            let (value, mean, square) = call(value, mean, square, gradient.clone(), None, step);
            let scale = Some(Tensor::from_floats([0.3], &device));
            let (value, mean, square) = call(value, mean, square, gradient.clone(), scale, step);
            assert_eq!(values(held), values(start().0), "{name}: a held tensor stays as it was");
            [value, mean, square].map(values)
        };
        for ((what, got), expected) in ["value", "mean", "square"].iter().zip(run(true)).zip(run(false)) {
            assert_close(&format!("{name}: adam: {what}"), &got, &expected);
        }
    }
}

#[test]
fn gradient_descent_and_the_squared_norm_equal_their_twins() {
    for (name, device) in devices::all() {
        for count in [1, 63, 40_001] {
            let value = tensor::<1>("value", [count], 1.0, &device);
            let gradient = tensor::<1>("gradient", [count], 1.0, &device);
            for scale in [None, Some(Tensor::from_floats([0.3], &device))] {
                let (value, gradient) = (value.clone(), gradient.clone());
                let got = values(sgd_step(value.clone(), gradient.clone(), scale.clone(), 0.1));
                let expected = values(reference::sgd_step(value.clone(), gradient, scale, 0.1));
                assert_close(&format!("{name}: gradient descent of {count}"), &got, &expected);
                assert_eq!(values(value).len(), count, "{name}: a held tensor stays");
            }
            let (got, expected) = (squared_norm(gradient.clone()), reference::squared_norm(gradient));
            let (got, expected): (f32, f32) = (got.into_scalar(), expected.into_scalar());
            assert!((got / expected - 1.0).abs() < 1e-5, "{name}: {got}, but its twin's is {expected}");
        }
    }
}

/// Thousands of rows with one step, and one row with many steps.
#[test]
fn extreme_shapes_equal_their_twin() {
    for (name, device) in devices::on_the_cpu() {
        for cell in CELLS {
            let wanted = Wanted::SEQUENCE;
            Case { cell, directions: Directions::Both, sizes: [2_000, 1, 2, 3], spans: None, wanted }
                .check(&device, name);
            Case { cell, directions: Directions::Forward, sizes: [1, 300, 2, 3], spans: None, wanted }
                .check(&device, name);
        }
    }
}

/// A series that is not a leaf needs no gradient; the weights' gradients are the same without it.
#[test]
fn weights_have_their_gradients_without_the_inputs() {
    for (name, device) in devices::all() {
        let device = device.autodiff();
        for directions in [Directions::Forward, Directions::Both] {
            let walks = directions.walks().len();
            let kernel = tensor("recurrent kernel", [walks * 5 * 20], 0.5, &device);
            let run = |fused: bool, tracked: bool| {
                let mut input = tensor::<3>("input", [4, 6, 3], 1.0, &device);
                if tracked {
                    input = input.require_grad();
                }
                outputs_and_gradients(std::slice::from_ref(&kernel), |leaves| {
                    let weights = RecurrentWeights {
                        kernel: tensor("kernel", [walks, 3, 20], 0.5, &device),
                        recurrent_kernel: leaves[0].clone().reshape([walks, 5, 20]),
                        bias: tensor("bias", [walks, 1, 20], 0.5, &device),
                    };
                    let options =
                        RecurrentOptions { cell: CellKind::Lstm, directions, spans: None, wanted: Wanted::SEQUENCE };
                    let call = if fused { recurrent } else { reference::recurrent };
                    call(input.clone(), weights, None, options)
                })
            };
            assert_eq!(run(true, false), run(true, true), "{name}: {directions:?}");
            assert_close(name, &run(true, false)[1], &run(false, false)[1]);
        }
    }
}

#[test]
fn an_empty_batch_gives_an_empty_output() {
    for (name, device) in devices::on_the_cpu() {
        let weights = RecurrentWeights {
            kernel: tensor("kernel", [1, 9, 40], 0.5, &device),
            recurrent_kernel: tensor("recurrent kernel", [1, 10, 40], 0.5, &device),
            bias: tensor("bias", [1, 1, 40], 0.5, &device),
        };
        let options = RecurrentOptions {
            cell: CellKind::Lstm,
            directions: Directions::Forward,
            spans: None,
            wanted: Wanted::SEQUENCE,
        };
        let output = recurrent(Tensor::zeros([0, 6, 9], &device), weights, None, options);
        assert_eq!(output.dims(), [0, 6, 10], "{name}");
    }
}
