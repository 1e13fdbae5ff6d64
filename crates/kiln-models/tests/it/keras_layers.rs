//! Layers over batches, and losses, compared with Keras's: outputs and every gradient.

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Gradients, Tensor};
use kiln_models::layers::{Conv1dConfig, ConvPadding, DenseConfig, EmbeddingConfig, MaxPool1d, global_max_pool1d};
use kiln_models::weights::with_weights;
use kiln_models::{Activation, Head, Initializer, RandomKey, Targets};
use serde_json::Value;

use crate::gradients::Gradient;
use crate::{devices, fixtures};

const LAYERS: &str = include_str!("../fixtures/keras_layers.json");
const INITIALIZERS: &str = include_str!("../fixtures/keras_initializers.json");
const LOSSES: &str = include_str!("../fixtures/keras_losses.json");
const TOLERANCE: f32 = 1e-5;

#[test]
fn layers_equal_kerass() {
    let mut checked = 0;
    for (backend, device) in devices::all() {
        for case in &fixtures::cases(LAYERS) {
            let what = format!("{backend} {}", fixtures::name(case));
            checked += usize::from(check_layer(&what, case, &device.clone().autodiff()));
        }
    }
    assert!(checked >= 15, "{checked} layers were checked");
}

/// Checks the case and returns true, or returns false if Kiln has no such layer.
fn check_layer(what: &str, case: &Value, device: &Device) -> bool {
    let config = &case["config"];
    let size = |name: &str| config[name].as_u64().unwrap() as usize;
    let activation = match config["activation"].as_str() {
        Some("relu") => Activation::Relu,
        Some("sigmoid") => Activation::Sigmoid,
        _ => Activation::Linear,
    };
    let key = RandomKey::new(0);
    let weights =
        fixtures::weights(case, |name| Some(if name == "embeddings" { "table".to_owned() } else { name.to_owned() }));
    let input = |device: &Device| fixtures::tensor::<3>(&case["input"], device).require_grad();
    match config["layer"].as_str().unwrap() {
        "embedding" => {
            let layer = EmbeddingConfig::new(size("vocab"), size("units")).init(device, key).unwrap();
            let layer = with_weights(layer, weights).unwrap();
            let output = layer.forward(fixtures::ids::<2>(&case["input"], device));
            let gradients = backward(what, case, output);
            check_parameters(what, case, Gradient::of(&layer, &gradients));
        }
        "conv1d" => {
            let padding = match config["padding"].as_str().unwrap() {
                "valid" => ConvPadding::Valid,
                "same" => ConvPadding::Same,
                _ => ConvPadding::Causal,
            };
            let input = input(device);
            let layer = Conv1dConfig::new(input.dims()[2], size("filters"), size("kernel_size"))
                .padding(padding)
                .activation(activation)
                .init(device, key)
                .unwrap();
            let layer = with_weights(layer, weights).unwrap();
            let gradients = backward(what, case, layer.forward(input.clone()));
            check_input(what, case, &input, &gradients);
            check_parameters(what, case, Gradient::of(&layer, &gradients));
        }
        "max_pooling1d" => {
            let input = input(device);
            let output = MaxPool1d::new(size("pool_size")).unwrap().forward(input.clone());
            let gradients = backward(what, case, output);
            check_input(what, case, &input, &gradients);
        }
        "global_max_pooling1d" => {
            let input = input(device);
            let gradients = backward(what, case, global_max_pool1d(input.clone()));
            check_input(what, case, &input, &gradients);
        }
        "flatten_dense" => {
            let input = input(device);
            let flat = input.clone().flatten::<2>(1, 2);
            let layer = DenseConfig::new(flat.dims()[1], size("units")).init(device, key).unwrap();
            let layer = with_weights(layer, weights).unwrap();
            let gradients = backward(what, case, layer.forward(flat));
            check_input(what, case, &input, &gradients);
            check_parameters(what, case, Gradient::of(&layer, &gradients));
        }
        "dense" if fixtures::shape(&case["input"]).len() == 2 => {
            let input = fixtures::tensor::<2>(&case["input"], device).require_grad();
            let layer =
                DenseConfig::new(input.dims()[1], size("units")).activation(activation).init(device, key).unwrap();
            let layer = with_weights(layer, weights).unwrap();
            let output = layer.forward(input.clone());
            let output = if config["activation"] == "softmax" { softmax(output, 1) } else { output };
            let gradients = backward(what, case, output);
            check_input(what, case, &input, &gradients);
            check_parameters(what, case, Gradient::of(&layer, &gradients));
        }
        _ => return false,
    }
    true
}

/// Checks the output and returns the gradients of its product with the case's cotangent.
fn backward<const D: usize>(what: &str, case: &Value, output: Tensor<D>) -> Gradients {
    let device = output.device();
    let expected = fixtures::numbers(&case["outputs"]["output"]);
    fixtures::assert_close(what, &fixtures::values(output.clone()), &expected, TOLERANCE);
    (output * fixtures::tensor::<D>(&case["cotangent"], &device)).sum().backward()
}

fn check_input<const D: usize>(what: &str, case: &Value, input: &Tensor<D>, gradients: &Gradients) {
    let got = fixtures::values(input.grad(gradients).expect("the input has a gradient"));
    fixtures::assert_close(&format!("{what} d input"), &got, &fixtures::numbers(&case["grads"]["input"]), TOLERANCE);
}

fn check_parameters(what: &str, case: &Value, got: Vec<(String, Vec<f32>)>) {
    for (name, got) in got {
        let keras = if name == "table" { "embeddings" } else { &name };
        let expected = fixtures::numbers(&case["grads"][keras]);
        fixtures::assert_close(&format!("{what} d {name}"), &got, &expected, TOLERANCE);
    }
}

#[test]
fn losses_equal_kerass() {
    let mut checked = 0;
    for (backend, device) in devices::all() {
        let device = device.autodiff();
        for case in &fixtures::cases(LOSSES) {
            let what = format!("{backend} {}", fixtures::name(case));
            let shape = fixtures::shape(&case["input"]);
            let [_, outputs] = shape[..] else { continue };
            let head = match case["config"]["loss"].as_str().unwrap() {
                "binary_crossentropy" if outputs == 1 => Head::Binary,
                "sparse_categorical_crossentropy" => Head::Classes(outputs),
                "mean_squared_error" => Head::Values(outputs),
                _ => continue,
            };
            let targets = match head {
                Head::Values(_) => Targets::Values(fixtures::tensor::<2>(&case["target"], &device)),
                _ => {
                    let classes = fixtures::numbers(&case["target"]).into_iter().map(|v| v as i32).collect::<Vec<_>>();
                    Targets::Classes(Tensor::from_data(classes.as_slice(), &device))
                }
            };
            let input = fixtures::tensor::<2>(&case["input"], &device).require_grad();
            let loss = head.loss(input.clone(), &targets);
            let expected = case["outputs"]["loss"].as_f64().unwrap() as f32;
            fixtures::assert_close(&what, &fixtures::values(loss.clone()), &[expected], TOLERANCE);
            check_input(&what, case, &input, &loss.backward());
            checked += 1;
        }
    }
    assert!(checked >= 4, "{checked} losses were checked");
}

#[test]
fn a_zero_logit_has_the_gradient_of_an_even_guess() {
    for (backend, device) in devices::all() {
        let device = device.autodiff();
        let logits = Tensor::<2>::zeros([2, 1], &device).require_grad();
        let targets = Targets::Classes(Tensor::from_data([0, 1], &device));
        let gradients = Head::Binary.loss(logits.clone(), &targets).backward();
        let got = fixtures::values(logits.grad(&gradients).unwrap());
        fixtures::assert_close(backend, &got, &[0.25, -0.25], 1e-6);
    }
}

#[test]
fn initialisers_have_kerass_limits() {
    let mut checked = 0;
    for case in &fixtures::cases(INITIALIZERS) {
        let Some(limit) = case["config"]["limit"].as_f64().or(case["limit"].as_f64()) else { continue };
        let size = |name: &str| case[name].as_u64().or(case["config"][name].as_u64());
        let initializer = match (size("fan_in"), size("fan_out")) {
            (Some(fan_in), Some(fan_out)) => {
                Initializer::GlorotUniform { fan_in: fan_in as usize, fan_out: fan_out as usize }
            }
            _ => Initializer::Uniform { limit: 0.05 },
        };
        let values = initializer.values(&[300, 300], RandomKey::new(4));
        let largest = f64::from(values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs())));
        assert!(largest <= limit * (1.0 + 1e-6) && largest > 0.999 * limit, "{}: {largest} {limit}", case["name"]);
        checked += 1;
    }
    assert!(checked >= 3, "{checked} initialisers were checked");
}
