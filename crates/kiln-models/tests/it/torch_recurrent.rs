//! Stacks of recurrent layers compared with PyTorch's on packed sequences, with PyTorch's weights converted: outputs,
//! final states and every gradient.

use burn::module::Module;
use burn::tensor::Tensor;
use kiln_models::layers::{RecurrentStack, RecurrentStackConfig};
use kiln_models::weights::{Weight, Weights, weights_of, with_weights};
use kiln_models::{RandomKey, RecurrentKind, Span, Spans};
use serde_json::Value;

use crate::gradients::Gradient;
use crate::{devices, fixtures};

const FIXTURE: &str = include_str!("../fixtures/torch_recurrent.json");
const TOLERANCE: f32 = 1e-5;

#[test]
fn stacks_on_spans_equal_pytorchs_on_packed_sequences() {
    let cases = fixtures::cases(FIXTURE);
    assert!(cases.len() >= 9, "the fixture covers {} cases", cases.len());
    for (backend, device) in devices::all() {
        let device = device.autodiff();
        for case in &cases {
            let what = format!("{backend} {}", fixtures::name(case));
            let config = &case["config"];
            let kind = match config["kind"].as_str().unwrap() {
                "rnn_tanh" => RecurrentKind::SimpleRnn,
                "lstm" => RecurrentKind::Lstm,
                _ => RecurrentKind::Gru,
            };
            let units = config["units"].as_u64().unwrap() as usize;
            let layers = config["num_layers"].as_u64().unwrap() as usize;
            let input = fixtures::tensor::<3>(&case["input"], &device).require_grad();
            let stack = RecurrentStackConfig::new(kind, input.dims()[2], vec![units; layers])
                .bidirectional(config["bidirectional"].as_bool().unwrap())
                .init(&device, RandomKey::new(0))
                .unwrap();
            let weights = weights_of(&stack);
            let converted = |from: &Value| -> Weights {
                weights.keys().map(|name| (name.clone(), from_torch(from, name, kind))).collect()
            };
            let stack = with_weights(stack, converted(&case["weights"])).unwrap();

            let lens = fixtures::sizes(&config["lengths"]);
            let spans = Spans::new(lens.into_iter().map(|len| Span { start: 0, len }).collect());
            let output = stack.forward(input.clone(), Some(&spans));
            let expected = fixtures::numbers(&case["outputs"]["output"]);
            fixtures::assert_close(&what, &fixtures::values(output.clone()), &expected, TOLERANCE);
            let last = fixtures::values(stack.forward_last(input.clone(), Some(&spans)));
            fixtures::assert_close(&format!("{what} h_n"), &last, &final_states(case, &stack), TOLERANCE);

            let gradients = (output * fixtures::tensor::<3>(&case["cotangent"], &device)).sum().backward();
            let got = fixtures::values(input.grad(&gradients).unwrap());
            let expected = fixtures::numbers(&case["grads"]["input"]);
            fixtures::assert_close(&format!("{what} d input"), &got, &expected, TOLERANCE);
            check_gradients(&what, &stack, &gradients, &converted_gradients(case, &weights, kind));
        }
    }
}

fn check_gradients<M: Module>(what: &str, stack: &M, gradients: &burn::tensor::Gradients, expected: &Weights) {
    for (name, got) in Gradient::of(stack, gradients) {
        fixtures::assert_close(&format!("{what} d {name}"), &got, &expected[&name].values, TOLERANCE);
    }
}

/// The gradients with Kiln's names. PyTorch has two biases and Kiln their sum; the gradient of each is that of the sum.
fn converted_gradients(case: &Value, weights: &Weights, kind: RecurrentKind) -> Weights {
    weights
        .keys()
        .map(|name| {
            let weight = match part(name) {
                "bias" if kind != RecurrentKind::Gru => weight_of(&case["grads"], &torch_name("bias_ih", name)),
                _ => from_torch(&case["grads"], name, kind),
            };
            (name.clone(), weight)
        })
        .collect()
}

/// PyTorch's `h_n` of the last layer, both directions concatenated.
fn final_states(case: &Value, stack: &RecurrentStack) -> Vec<f32> {
    let shape = fixtures::shape(&case["outputs"]["h_n"]);
    let (batch, units) = (shape[1], shape[2]);
    let all = fixtures::numbers(&case["outputs"]["h_n"]);
    let directions = stack.d_output() / units;
    let first = shape[0] - directions;
    let at = |direction: usize, row: usize| {
        let start = ((first + direction) * batch + row) * units;
        all[start..start + units].to_vec()
    };
    (0..batch).flat_map(|row| (0..directions).flat_map(move |d| at(d, row)).collect::<Vec<_>>()).collect()
}

/// The last part of a parameter's path.
pub(crate) fn part(name: &str) -> &str {
    name.rsplit('.').next().unwrap()
}

/// PyTorch's name of `weight` in the layer that Kiln's parameter `name` belongs to.
fn torch_name(weight: &str, name: &str) -> String {
    let depth = name.split('.').find(|part| part.parse::<usize>().is_ok()).expect("a layer's number");
    let suffix = if name.starts_with("backward_layers") { "_reverse" } else { "" };
    format!("{weight}_l{depth}{suffix}")
}

pub(crate) fn weight_of(from: &Value, name: &str) -> Weight {
    fixtures::weight(&from[name])
}

/// Kiln's parameter `name`, made from PyTorch's: transposed, with a GRU's gates r, z, n in the order z, r, n.
pub(crate) fn from_torch(from: &Value, name: &str, kind: RecurrentKind) -> Weight {
    let ordered = |weight: Weight| if kind == RecurrentKind::Gru { swap_gates(weight) } else { weight };
    match part(name) {
        "kernel" => transposed(ordered(weight_of(from, &torch_name("weight_ih", name)))),
        "recurrent_kernel" => transposed(ordered(weight_of(from, &torch_name("weight_hh", name)))),
        _ => {
            let inputs = ordered(weight_of(from, &torch_name("bias_ih", name)));
            let states = ordered(weight_of(from, &torch_name("bias_hh", name)));
            if kind == RecurrentKind::Gru {
                let shape = vec![2, inputs.values.len()];
                Weight { shape, values: [inputs.values, states.values].concat() }
            } else {
                let values = inputs.values.iter().zip(&states.values).map(|(a, b)| a + b).collect();
                Weight { shape: inputs.shape, values }
            }
        }
    }
}

/// Exchanges the first two thirds of the rows.
fn swap_gates(weight: Weight) -> Weight {
    let third = weight.values.len() / 3;
    let (r, rest) = weight.values.split_at(third);
    let (z, n) = rest.split_at(third);
    Weight { shape: weight.shape, values: [z, r, n].concat() }
}

pub(crate) fn transposed(weight: Weight) -> Weight {
    let (rows, columns) = (weight.shape[0], weight.shape[1]);
    let values = (0..rows * columns).map(|i| weight.values[(i % rows) * columns + i / rows]).collect();
    Weight { shape: vec![columns, rows], values }
}

#[test]
fn an_empty_row_ends_in_the_initial_state_with_zero_outputs() {
    for (backend, device) in devices::all() {
        for kind in [RecurrentKind::SimpleRnn, RecurrentKind::Lstm, RecurrentKind::Gru] {
            let stack = RecurrentStackConfig::new(kind, 2, vec![3])
                .bidirectional(true)
                .init(&device, RandomKey::new(1))
                .unwrap();
            let input = Tensor::<3>::ones([2, 4, 2], &device);
            let spans = Spans::new(vec![Span { start: 0, len: 0 }, Span { start: 1, len: 2 }]);
            let last = fixtures::values(stack.forward_last(input.clone(), Some(&spans)));
            assert_eq!(last[..6], [0.0; 6], "{backend} {kind:?}");
            assert!(last[6..].iter().all(|&v| v != 0.0), "{backend} {kind:?}: {last:?}");
            let outputs = fixtures::values(stack.forward(input, Some(&spans)));
            assert_eq!(outputs[..24], [0.0; 24], "{backend} {kind:?}");
            // The second row: steps 0 and 3 are padding.
            assert_eq!(outputs[24..30], [0.0; 6], "{backend} {kind:?}");
            assert!(outputs[30..42].iter().all(|&v| v != 0.0), "{backend} {kind:?}");
            assert_eq!(outputs[42..], [0.0; 6], "{backend} {kind:?}");
        }
    }
}

#[test]
fn where_the_padding_lies_does_not_matter() {
    for (backend, device) in devices::all() {
        let stack = RecurrentStackConfig::new(RecurrentKind::Lstm, 1, vec![4, 3])
            .bidirectional(true)
            .init(&device, RandomKey::new(2))
            .unwrap();
        let run = |values: &[f32], start: usize| {
            let input = Tensor::<1>::from_data(values, &device).reshape([1, values.len(), 1]);
            let spans = Spans::new(vec![Span { start, len: 3 }]);
            fixtures::values(stack.forward_last(input, Some(&spans)))
        };
        let whole = run(&[0.3, -0.7, 0.9], 0);
        let front = run(&[9.0, 9.0, 0.3, -0.7, 0.9], 2);
        let back = run(&[0.3, -0.7, 0.9, 9.0], 0);
        fixtures::assert_close(&format!("{backend} front"), &front, &whole, 1e-6);
        fixtures::assert_close(&format!("{backend} back"), &back, &whole, 1e-6);
    }
}

#[test]
fn what_stands_in_the_padding_cannot_reach_a_result() {
    for (backend, device) in devices::all() {
        let stack = RecurrentStackConfig::new(RecurrentKind::Gru, 1, vec![3])
            .bidirectional(true)
            .init(&device, RandomKey::new(2))
            .unwrap();
        // A second row makes the last steps valid for some rows and padding for others.
        let run = |padding: f32| {
            let values = [0.5, -0.2, padding, padding, 0.1, 0.2, 0.3, 0.4];
            let input = Tensor::<1>::from_data(values, &device).reshape([2, 4, 1]);
            let spans = Spans::new(vec![Span { start: 0, len: 2 }, Span { start: 0, len: 4 }]);
            fixtures::values(stack.forward_last(input, Some(&spans)))
        };
        let clean = run(0.0);
        assert!(clean.iter().all(|value| value.is_finite()));
        assert_eq!(run(f32::NAN), clean, "{backend}");
        assert_eq!(run(f32::INFINITY), clean, "{backend}");
    }
}
