//! Recurrent layers compared with Keras's: outputs and every gradient, with and without masks, in both directions.

use burn::tensor::{Device, Gradients, Tensor};
use kiln_models::layers::{Bidirectional, Direction, GruConfig, LstmConfig, Recurrent, SimpleRnnConfig};
use kiln_models::weights::{Weights, with_weights};
use kiln_models::{RandomKey, Span, Spans};
use serde_json::Value;

use crate::gradients::Gradient;
use crate::{devices, fixtures};

const FIXTURE: &str = include_str!("../fixtures/keras_recurrent.json");
const TOLERANCE: f32 = 1e-5;

#[test]
fn recurrent_layers_equal_kerass() {
    let cases = fixtures::cases(FIXTURE);
    assert!(cases.len() >= 100, "the fixture covers {} cases", cases.len());
    for (backend, device) in devices::all() {
        for case in &cases {
            let what = format!("{backend} {}", fixtures::name(case));
            let device = device.clone().autodiff();
            let units = case["config"]["units"].as_u64().unwrap() as usize;
            let d_input = fixtures::shape(&case["input"])[2];
            let key = RandomKey::new(0);
            match case["config"]["cell"].as_str().unwrap() {
                "simple_rnn" => {
                    check(&what, case, &device, || SimpleRnnConfig::new(d_input, units).init(&device, key).unwrap())
                }
                "lstm" => check(&what, case, &device, || LstmConfig::new(d_input, units).init(&device, key).unwrap()),
                "gru_reset_after" | "gru_reset_before" => check(&what, case, &device, || {
                    GruConfig::new(d_input, units)
                        .reset_after(case["config"]["reset_after"].as_bool().unwrap())
                        .init(&device, key)
                        .unwrap()
                }),
                other => panic!("unknown cell {other}"),
            }
        }
    }
}

fn check<L: Recurrent>(what: &str, case: &Value, device: &Device, init: impl Fn() -> L) {
    let config = &case["config"];
    let spans = spans(&config["span"]);
    let sequences = config["return_sequences"].as_bool().unwrap();
    let input = fixtures::tensor::<3>(&case["input"], device).require_grad();
    let (output, gradients, parameters) = match config["direction"].as_str().unwrap() {
        "bidirectional" => {
            let layer = Bidirectional::new(init(), init());
            let layer = with_weights(layer, weights_of_case(case, bidirectional_name)).unwrap();
            let output = if sequences {
                Output::Sequence(layer.forward(input.clone(), spans.as_ref()))
            } else {
                Output::Last(layer.forward_last(input.clone(), spans.as_ref()))
            };
            let (output, gradients) = output.backward(case, device);
            let parameters = Gradient::of(&layer, &gradients);
            (output, gradients, parameters)
        }
        direction => {
            let layer = with_weights(init(), weights_of_case(case, |name| Some(name.to_owned()))).unwrap();
            let backwards = direction == "go_backwards";
            let walk = if backwards { Direction::Reverse } else { Direction::Forward };
            let output = if sequences {
                let (output, _) = layer.forward(input.clone(), spans.as_ref(), walk, None);
                // Keras's go_backwards returns the outputs in the order in which they were computed.
                Output::Sequence(if backwards { output.flip([1]) } else { output })
            } else {
                Output::Last(layer.forward_last(input.clone(), spans.as_ref(), walk, None).hidden)
            };
            let (output, gradients) = output.backward(case, device);
            let parameters = Gradient::of(&layer, &gradients);
            (output, gradients, parameters)
        }
    };
    fixtures::assert_close(what, &output, &fixtures::numbers(&case["outputs"]["output"]), TOLERANCE);
    let input_gradient = fixtures::values(input.grad(&gradients).expect("the input has a gradient"));
    let expected = &case["grads"];
    fixtures::assert_close(
        &format!("{what} d input"),
        &input_gradient,
        &fixtures::numbers(&expected["input"]),
        TOLERANCE,
    );
    let expected = expected.as_object().unwrap();
    assert_eq!(parameters.len() + 1, expected.len(), "{what}: one gradient per parameter, and the input's");
    for (name, got) in parameters {
        let (_, array) = expected
            .iter()
            .find(|(key, _)| bidirectional_name(key).as_deref() == Some(&name) || **key == name)
            .unwrap_or_else(|| panic!("{what}: no gradient called {name}"));
        fixtures::assert_close(&format!("{what} d {name}"), &got, &fixtures::numbers(array), TOLERANCE);
    }
}

fn spans(span: &Value) -> Option<Spans> {
    let starts = fixtures::sizes(span.get("start")?);
    let lens = fixtures::sizes(&span["len"]);
    Some(Spans::new(starts.into_iter().zip(lens).map(|(start, len)| Span { start, len }).collect()))
}

/// The case's weights; Kiln holds a GRU's single bias as one row.
fn weights_of_case(case: &Value, rename: impl Fn(&str) -> Option<String>) -> Weights {
    let mut weights = fixtures::weights(case, rename);
    if case["config"]["cell"] == "gru_reset_before" {
        for (name, weight) in &mut weights {
            if name.ends_with("bias") {
                weight.shape.insert(0, 1);
            }
        }
    }
    weights
}

/// `forward_kernel` becomes `forward_layer.kernel`.
fn bidirectional_name(name: &str) -> Option<String> {
    let (direction, rest) = name.split_once('_')?;
    Some(format!("{direction}_layer.{rest}"))
}

enum Output {
    Sequence(Tensor<3>),
    Last(Tensor<2>),
}

impl Output {
    /// The values, and the gradients of their product with the case's cotangent.
    fn backward(self, case: &Value, device: &Device) -> (Vec<f32>, Gradients) {
        match self {
            Self::Sequence(output) => {
                let loss = (output.clone() * fixtures::tensor::<3>(&case["cotangent"], device)).sum();
                (fixtures::values(output), loss.backward())
            }
            Self::Last(output) => {
                let loss = (output.clone() * fixtures::tensor::<2>(&case["cotangent"], device)).sum();
                (fixtures::values(output), loss.backward())
            }
        }
    }
}
