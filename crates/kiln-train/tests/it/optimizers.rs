//! Optimizers step by step against Keras's, their defaults against Keras's in one table, and
//! clipping by the global norm.

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use kiln_train::{Optimizer, OptimizerState};
use serde_json::Value;

use crate::devices;

const FIXTURE: &str = include_str!("../../../kiln-models/tests/fixtures/keras_optimizers.json");

#[derive(Module, Debug)]
struct Layer {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

fn numbers(array: &Value) -> Vec<f32> {
    array["data"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
}

fn layer(from: &Value, device: &Device) -> Layer {
    let data = |name: &str, shape: &[usize]| TensorData::new(numbers(&from[name]), shape.to_vec());
    Layer {
        weight: Param::from_data(data("weight", &[2, 3]), device),
        bias: Param::from_data(data("bias", &[3]), device),
    }
}

fn gradients(module: &Layer, from: &Value) -> GradientsParams {
    let device = module.bias.val().device().inner();
    let mut gradients = GradientsParams::new();
    let weight = Tensor::<2>::from_data(TensorData::new(numbers(&from["weight"]), [2, 3]), &device);
    gradients.register(module.weight.id, weight);
    let bias = Tensor::<1>::from_data(TensorData::new(numbers(&from["bias"]), [3]), &device);
    gradients.register(module.bias.id, bias);
    gradients
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec_as::<f32>().unwrap()
}

fn rule(config: &Value) -> Optimizer {
    let name = config["optimizer"].as_str().unwrap().to_lowercase();
    match (name.as_str(), config["momentum"].as_f64(), config["nesterov"].as_bool()) {
        ("adam", ..) => Optimizer::adam(),
        ("rmsprop", ..) => Optimizer::rms_prop(),
        ("sgd", momentum, nesterov) => Optimizer::Sgd {
            learning_rate: 0.01,
            momentum: momentum.unwrap_or(0.0),
            nesterov: nesterov.unwrap_or(false),
        },
        (other, ..) => panic!("unknown optimizer {other}"),
    }
}

#[test]
fn ten_steps_of_each_optimizer_equal_kerass() {
    let file: Value = serde_json::from_str(FIXTURE).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert!(cases.len() >= 7);
    for (backend, device) in devices::all() {
        for case in cases {
            let config = &case["config"];
            let mut module = layer(&case["weights"], &device).train();
            let mut state = OptimizerState::new(rule(config)).unwrap();
            let clip = config["global_clipnorm"].as_f64();
            for (place, step) in case["steps"].as_array().unwrap().iter().enumerate() {
                let gradients = gradients(&module, &step["grads"]);
                let rate = step["learning_rate"].as_f64().unwrap();
                module = state.step(module, gradients, rate, clip);
                let after = &step["weights_after"];
                let got = [values(module.weight.val()), values(module.bias.val())].concat();
                let expected = [numbers(&after["weight"]), numbers(&after["bias"])].concat();
                for (got, expected) in got.iter().zip(&expected) {
                    let close = (got - expected).abs() < 2e-6 * expected.abs().max(1.0);
                    assert!(close, "{backend} {} step {place}: {got}, Keras {expected}", case["name"]);
                }
            }
            assert!(module.weight.val().is_require_grad(), "the updated parameter is still trained");
        }
    }
}

/// Every default in one table, against what Keras's optimizers report of themselves.
#[test]
fn the_defaults_are_kerass() {
    let file: Value = serde_json::from_str(FIXTURE).unwrap();
    for (name, rule) in [("adam", Optimizer::adam()), ("rmsprop", Optimizer::rms_prop()), ("sgd", Optimizer::sgd())] {
        let case = file["cases"].as_array().unwrap().iter().find(|case| case["name"] == name).unwrap();
        let keras = &case["defaults"];
        let kiln = serde_json::to_value(rule).unwrap();
        let mut checked = 0;
        for (option, value) in kiln.as_object().unwrap().iter().filter(|(option, _)| *option != "optimizer") {
            let same = match (value.as_f64(), keras[option].as_f64()) {
                (Some(kiln), Some(keras)) => (kiln - keras).abs() <= 1e-6 * keras.abs(),
                _ => value == &keras[option],
            };
            assert!(same, "{name} {option}: Kiln {value}, Keras {}", keras[option]);
            checked += 1;
        }
        assert!(checked >= 3, "{name}: {checked} options");
    }
}

/// Of Keras 3.15: `variable -= variable * weight_decay * learning_rate`, and then Adam's step.
#[test]
fn adam_w_first_shrinks_all_weights() {
    let file: Value = serde_json::from_str(FIXTURE).unwrap();
    let case = file["cases"].as_array().unwrap().iter().find(|case| case["name"] == "adam").unwrap();
    let (rate, decay) = (0.05, 0.3);
    for (backend, device) in devices::all() {
        let step = |rule: Optimizer, kept: f32| {
            let mut module = layer(&case["weights"], &device);
            module.weight = module.weight.map(|weight| weight * kept);
            module.bias = module.bias.map(|bias| bias * kept);
            let module = module.train();
            let gradients = gradients(&module, &case["steps"][0]["grads"]);
            let module = OptimizerState::new(rule).unwrap().step(module, gradients, rate, None);
            [values(module.weight.val()), values(module.bias.val())].concat()
        };
        let expected = step(Optimizer::adam(), 1.0 - (rate * decay) as f32);
        let found = step(Optimizer::adam_w().weight_decay(decay), 1.0);
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6), "{backend}: {found:?} {expected:?}");
        assert_eq!(step(Optimizer::adam_w().weight_decay(0.0), 1.0), step(Optimizer::adam(), 1.0), "{backend}");
    }
    for decay in [-0.1, 1e4, f64::NAN] {
        let error = OptimizerState::new(Optimizer::adam().weight_decay(decay)).unwrap_err().to_string();
        assert!(error.contains("weight_decay"), "{error}");
    }
    assert_eq!(Optimizer::sgd().weight_decay(0.5), Optimizer::sgd());
}

#[test]
fn clipping_scales_an_oversized_gradient_of_all_parameters_together() {
    for (backend, device) in devices::all() {
        let zero: Value = serde_json::json!({
            "weight": {"data": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]}, "bias": {"data": [0.0, 0.0, 0.0]}
        });
        let module = layer(&zero, &device).train();
        // The norm over both is 50: clipping each by itself to 5 would give 3 and 4 times more.
        let large: Value = serde_json::json!({
            "weight": {"data": [30.0, 0.0, 0.0, 0.0, 0.0, 0.0]}, "bias": {"data": [0.0, 40.0, 0.0]}
        });
        let gradients = gradients(&module, &large);
        let mut state = OptimizerState::new(Optimizer::sgd()).unwrap();
        let module = state.step(module, gradients, 1.0, Some(5.0));
        let (weight, bias) = (values(module.weight.val()), values(module.bias.val()));
        assert!((weight[0] + 3.0).abs() < 1e-5 && (bias[1] + 4.0).abs() < 1e-5, "{backend} {weight:?} {bias:?}");
    }
}

#[test]
fn options_outside_their_range_are_refused() {
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = OptimizerState::new(Optimizer::adam().learning_rate(rate)).unwrap_err();
        assert!(error.to_string().contains("learning rate"), "{error}");
    }
    let momentum = Optimizer::Sgd { learning_rate: 0.1, momentum: 1.0, nesterov: false };
    assert!(OptimizerState::new(momentum).unwrap_err().to_string().contains("momentum"));
}
