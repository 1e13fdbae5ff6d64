//! Optimizers compared with Keras's step by step, their defaults compared with Keras's, and clipping by the global
//! norm.

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
            weight_decay: 0.0,
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

/// Every default, compared with what Keras's optimizers report.
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

/// Keras 3.15: `variable -= variable * weight_decay * learning_rate`, and then Adam's step.
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
}

/// Keras 3.15: `variable -= variable * weight_decay * learning_rate`, and then the optimizer's step. With rate 0.1 and
/// decay 0.3, each step first multiplies by 0.97. Gradient descent from 2 with gradient 0.5: 1.94 - 0.05 = 1.89, then
/// 1.8333 - 0.05. With momentum 0.9 the second velocity is -0.9 * 0.05 - 0.05. RMSprop divides by
/// sqrt(0.1 * 0.25 + 1e-7), then by sqrt(0.9 * 0.025 + 0.1 * 0.25 + 1e-7).
#[test]
fn weight_decay_first_shrinks_all_weights_of_every_optimizer() {
    let (rate, decay) = (0.1, 0.3);
    let of = |weight: f32, bias: f32| {
        let (weight, bias) = (vec![weight; 6], vec![bias; 3]);
        serde_json::json!({"weight": {"data": weight}, "bias": {"data": bias}})
    };
    let momentum = |nesterov| Optimizer::Sgd { learning_rate: rate, weight_decay: decay, momentum: 0.9, nesterov };
    let with_momentum =
        Optimizer::RmsProp { learning_rate: rate, weight_decay: decay, rho: 0.9, momentum: 0.5, epsilon: 1e-7 };
    for (backend, device) in devices::all() {
        // The weight and the bias after each of two steps.
        for (rule, expected) in [
            (Optimizer::sgd().weight_decay(decay), [[1.89, -1.07], [1.7833, -1.1379]]),
            (momentum(false), [[1.89, -1.07], [1.7383, -1.2279]]),
            (momentum(true), [[1.845, -1.16], [1.65415, -1.3962]]),
            (Optimizer::rms_prop().weight_decay(decay), [[1.623_773, -1.286_228], [1.345_644, -1.477_056]]),
            (with_momentum, [[1.623_773, -1.286_228], [1.187_531, -1.635_17]]),
        ] {
            let mut module = layer(&of(2.0, -1.0), &device).train();
            let mut state = OptimizerState::new(rule).unwrap();
            for expected in expected {
                let gradients = gradients(&module, &of(0.5, 1.0));
                module = state.step(module, gradients, rate, None);
                let got = [values(module.weight.val())[0], values(module.bias.val())[2]];
                let close = got.iter().zip(expected).all(|(got, expected): (&f32, f32)| (got - expected).abs() < 5e-6);
                assert!(close, "{backend} {rule:?}: {got:?}, by Keras's rule {expected:?}");
            }
        }
    }
    for rule in [Optimizer::rms_prop(), Optimizer::sgd()] {
        for decay in [-0.1, 1e4, f64::NAN] {
            let error = OptimizerState::new(rule.weight_decay(decay)).unwrap_err().to_string();
            assert!(error.contains("weight_decay"), "{error}");
        }
    }
}

#[test]
fn a_description_without_weight_decay_means_none() {
    let old = serde_json::json!({"optimizer": "sgd", "learning_rate": 0.01, "momentum": 0.0, "nesterov": false});
    assert_eq!(serde_json::to_value(Optimizer::sgd()).unwrap(), old, "as before there was a weight decay");
    assert_eq!(serde_json::from_value::<Optimizer>(old).unwrap(), Optimizer::sgd());
    for rule in [Optimizer::rms_prop().weight_decay(0.5), Optimizer::sgd().weight_decay(0.5)] {
        let text = serde_json::to_string(&rule).unwrap();
        assert_eq!(serde_json::from_str::<Optimizer>(&text).unwrap(), rule);
    }
}

#[test]
fn clipping_scales_an_oversized_gradient_of_all_parameters_together() {
    for (backend, device) in devices::all() {
        let zero: Value = serde_json::json!({
            "weight": {"data": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]}, "bias": {"data": [0.0, 0.0, 0.0]}
        });
        let module = layer(&zero, &device).train();
        // The norm over both is 50. Clipping each separately to 5 would give results 3 and 4 times as large.
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
        assert!(error.to_string().contains("the option learning_rate should"), "{error}");
    }
    let momentum = Optimizer::Sgd { learning_rate: 0.1, weight_decay: 0.0, momentum: 1.0, nesterov: false };
    assert!(OptimizerState::new(momentum).unwrap_err().to_string().contains("momentum"));
}
