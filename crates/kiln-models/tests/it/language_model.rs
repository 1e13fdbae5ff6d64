//! Language models: losses and gradients compared with PyTorch's, states carried from window to window, parameter
//! counts, and invalid options. The adaptive softmax compared with PyTorch's.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use kiln_models::layers::{AdaptiveSoftmax, AdaptiveSoftmaxConfig};
use kiln_models::weights::{Weights, weights_of, with_weights};
use kiln_models::{
    Carried, Head, LanguageModelConfig, Model, OutputLayer, Pass, RandomKey, RecurrentKind, Targets, Windows,
};
use serde_json::Value;

use crate::gradients::Gradient;
use crate::torch_recurrent::{from_torch, part, transposed, weight_of};
use crate::{devices, fixtures};

const ADAPTIVE: &str = include_str!("../fixtures/torch_adaptive_softmax.json");
const MODELS: &str = include_str!("../fixtures/torch_language_model.json");
const TOLERANCE: f32 = 1e-5;

fn cpu() -> Device {
    devices::all().swap_remove(0).1
}

/// The path of PyTorch's parameter in an [`AdaptiveSoftmax`].
fn adaptive_name(torch: &str) -> String {
    match torch.split('.').collect::<Vec<_>>()[..] {
        ["head", "weight"] => "kernel".to_owned(),
        ["head", "bias"] => "bias".to_owned(),
        ["tail", cluster, "0", _] => format!("tails.{cluster}.projection"),
        ["tail", cluster, "1", _] => format!("tails.{cluster}.kernel"),
        _ => panic!("an unknown parameter {torch}"),
    }
}

/// PyTorch's weights or gradients with Kiln's names and shapes.
fn adaptive_weights(of: &Value) -> Weights {
    let named = of.as_object().unwrap().iter().filter(|(name, _)| *name != "input");
    named
        .map(|(name, _)| {
            let weight = weight_of(of, name);
            (adaptive_name(name), if weight.shape.len() == 2 { transposed(weight) } else { weight })
        })
        .collect()
}

#[test]
fn the_adaptive_softmax_is_pytorchs() {
    let cases = fixtures::cases(ADAPTIVE);
    assert_eq!(cases.len(), 4);
    for (backend, device) in devices::all() {
        let device = device.autodiff();
        for case in &cases {
            let what = format!("{backend} {}", fixtures::name(case));
            let config = &case["config"];
            let size = |name: &str| config[name].as_u64().unwrap() as usize;
            let softmax =
                AdaptiveSoftmaxConfig::new(size("d_input"), size("classes"), fixtures::sizes(&config["cutoffs"]))
                    .div_value(config["div_value"].as_f64().unwrap())
                    .head_bias(config["head_bias"].as_bool().unwrap())
                    .init(&device, RandomKey::new(0))
                    .unwrap();
            let softmax = with_weights(softmax, adaptive_weights(&case["weights"])).unwrap();
            let input = fixtures::tensor::<2>(&case["input"], &device).require_grad();
            let output = softmax.forward(input.clone(), fixtures::ids::<1>(&case["targets"], &device));
            let expected = fixtures::numbers(&case["outputs"]["output"]);
            fixtures::assert_close(&what, &fixtures::values(output.clone()), &expected, TOLERANCE);
            let all = fixtures::values(softmax.log_prob(input.clone()));
            let expected = fixtures::numbers(&case["outputs"]["log_prob"]);
            fixtures::assert_close(&format!("{what} all"), &all, &expected, TOLERANCE);

            let loss = output.mean().neg();
            let expected = case["loss"].as_f64().unwrap() as f32;
            fixtures::assert_close(&format!("{what} loss"), &fixtures::values(loss.clone()), &[expected], TOLERANCE);
            let gradients = loss.backward();
            let got = fixtures::values(input.grad(&gradients).unwrap());
            let expected = fixtures::numbers(&case["grads"]["input"]);
            fixtures::assert_close(&format!("{what} d input"), &got, &expected, TOLERANCE);
            for (name, expected) in adaptive_weights(&case["grads"]) {
                let got = adaptive_gradient(&softmax, &name, &gradients);
                fixtures::assert_close(&format!("{what} d {name}"), &got, &expected.values, TOLERANCE);
            }
        }
    }
}

/// Written by hand, since a cluster without a target has no gradient.
fn adaptive_gradient(softmax: &AdaptiveSoftmax, name: &str, gradients: &burn::tensor::Gradients) -> Vec<f32> {
    let tail = |place: &str| &softmax.tails[place.parse::<usize>().unwrap()];
    match name.split('.').collect::<Vec<_>>()[..] {
        ["kernel"] => fixtures::values(softmax.kernel.val().grad(gradients).unwrap()),
        ["bias"] => fixtures::values(softmax.bias.as_ref().unwrap().val().grad(gradients).unwrap()),
        ["tails", place, "projection"] => fixtures::values(tail(place).projection.val().grad(gradients).unwrap()),
        ["tails", place, _] => fixtures::values(tail(place).kernel.val().grad(gradients).unwrap()),
        _ => panic!("an unknown parameter {name}"),
    }
}

#[test]
fn classes_that_make_no_clusters_are_refused() {
    let refused = |d_input: usize, cutoffs: Vec<usize>, div_value: f64| {
        let config = AdaptiveSoftmaxConfig::new(d_input, 10, cutoffs).div_value(div_value);
        config.init(&cpu(), RandomKey::new(0)).unwrap_err().to_string()
    };
    for cutoffs in [vec![], vec![0], vec![10], vec![4, 4], vec![5, 3]] {
        assert!(refused(8, cutoffs, 2.0).contains("cutoffs of AdaptiveSoftmax"));
    }
    assert!(refused(8, vec![4], 0.0).contains("div_value"));
    assert!(refused(3, vec![4], 4.0).contains("div_value of AdaptiveSoftmax should be small enough for 3 inputs"));
    assert!(AdaptiveSoftmaxConfig::new(4, 10, vec![1, 9]).div_value(2.0).init(&cpu(), RandomKey::new(0)).is_ok());
}

/// PyTorch's value of Kiln's parameter `name`, for a whole model.
fn model_weight(of: &Value, name: &str, kind: RecurrentKind, bias_is_sum: bool) -> kiln_models::weights::Weight {
    match name {
        "embedding.table" => weight_of(of, "embedding.weight"),
        "output.kernel" => transposed(weight_of(of, "output.weight")),
        "output.bias" => weight_of(of, "output.bias"),
        _ => {
            let strip =
                |(name, value): (&String, &Value)| Some((name.strip_prefix("recurrent.")?.to_owned(), value.clone()));
            let recurrent = Value::Object(of.as_object().unwrap().iter().filter_map(strip).collect());
            if part(name) == "bias" && !bias_is_sum && kind != RecurrentKind::Gru {
                // PyTorch has two biases and Kiln their sum; the gradient of each is that of the sum.
                let layer = name.split('.').find(|part| part.parse::<usize>().is_ok()).unwrap();
                return weight_of(&recurrent, &format!("bias_ih_l{layer}"));
            }
            from_torch(&recurrent, name, kind)
        }
    }
}

#[test]
fn windows_losses_and_gradients_are_pytorchs() {
    let cases = fixtures::cases(MODELS);
    assert_eq!(cases.len(), 6);
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
            let output = if config["tied"] == true { OutputLayer::Tied } else { OutputLayer::Full };
            let model = LanguageModelConfig::new(7)
                .kind(kind)
                .d_embedding(4)
                .d_hidden(vec![4, 4])
                .output(output)
                .init(&device, 0)
                .unwrap();
            let names: Vec<String> = weights_of(&model).into_keys().collect();
            let weights = |of: &Value, sum: bool| -> Weights {
                names.iter().map(|name| (name.clone(), model_weight(of, name, kind, sum))).collect()
            };
            let model = with_weights(model, weights(&case["weights"], true)).unwrap();

            let (ids, targets) =
                (fixtures::ids::<3>(&case["ids"], &device), fixtures::ids::<3>(&case["targets"], &device));
            let carried = Carried::default();
            let mut loss = None;
            for window in 0..2 {
                let ids = ids.clone().narrow(0, window, 1).reshape([2, 3]);
                let classes = targets.clone().narrow(0, window, 1).reshape([6]);
                let input = Windows { ids, carried: carried.clone() };
                let score = model.score(&input, &Targets::Classes(classes), &Pass::Inference);
                assert_eq!((score.terms, score.outputs.dims()), (6, [6, 1]));
                let expected = case["losses"][window].as_f64().unwrap() as f32;
                let got = fixtures::values(score.loss.clone());
                fixtures::assert_close(&format!("{what} loss {window}"), &got, &[expected], TOLERANCE);
                loss = Some(score.loss);
            }
            let gradients = loss.unwrap().backward();
            let expected = weights(&case["grads"], false);
            for (name, got) in Gradient::of(&model, &gradients) {
                fixtures::assert_close(&format!("{what} d {name}"), &got, &expected[&name].values, TOLERANCE);
            }
        }
    }
}

fn small(kind: RecurrentKind) -> LanguageModelConfig {
    LanguageModelConfig::new(9).kind(kind).d_embedding(5).d_hidden(vec![4, 3])
}

fn row(ids: &[i32], device: &Device) -> Tensor<2, Int> {
    Tensor::<1, Int>::from_data(ids, device).unsqueeze()
}

#[test]
fn windows_one_after_another_equal_one_long_pass() {
    let ids = [3, 1, 4, 1, 5, 8, 2, 6, 5, 3, 5];
    for (backend, device) in devices::all() {
        for kind in [RecurrentKind::SimpleRnn, RecurrentKind::Lstm, RecurrentKind::Gru] {
            let model = small(kind).init(&device, 3).unwrap();
            let window = |ids: &[i32], carried: &Carried| {
                let input = Windows { ids: row(ids, &device), carried: carried.clone() };
                fixtures::values(model.forward(&input, &Pass::Inference))
            };
            let whole = window(&ids, &Carried::default());
            let carried = Carried::default();
            let pieces = [window(&ids[..4], &carried), window(&ids[4..5], &carried), window(&ids[5..], &carried)];
            fixtures::assert_close(&format!("{backend} {kind:?}"), &pieces.concat(), &whole, 1e-5);
            let afresh = window(&ids[4..5], &Carried::default());
            assert_ne!(pieces[1], afresh, "{backend} {kind:?}: the states matter");
        }
    }
}

#[test]
fn every_output_layers_score_is_the_loss_of_its_outputs() {
    let adaptive = OutputLayer::Adaptive { cutoffs: vec![3, 6], div_value: 1.5 };
    for (backend, device) in devices::all() {
        for output in [OutputLayer::Full, OutputLayer::Tied, adaptive.clone()] {
            let config = small(RecurrentKind::Lstm).d_embedding(3).output(output.clone());
            let model = config.init(&device, 3).unwrap();
            let input = || Windows { ids: row(&[3, 1, 4, 1], &device), carried: Carried::default() };
            let targets = Targets::Classes(Tensor::from_data([1, 4, 1, 8], &device));
            let score = model.score(&input(), &targets, &Pass::Inference);
            let outputs = model.forward(&input(), &Pass::Inference);
            assert_eq!(outputs.dims(), [4, 9], "{backend} {output:?}");
            let expected = fixtures::values(Head::Classes(9).loss(outputs, &targets));
            let what = format!("{backend} {output:?}");
            fixtures::assert_close(&what, &fixtures::values(score.loss), &expected, 1e-5);
            let mean = fixtures::values(score.outputs).iter().sum::<f32>() / 4.0;
            fixtures::assert_close(&what, &[-mean], &expected, 1e-5);
        }
    }
}

/// Scores so far apart that in 32 bits the target's probability is zero; its logarithm is still finite.
#[test]
fn a_hopeless_target_has_a_finite_loss() {
    for (backend, device) in devices::all() {
        let model = LanguageModelConfig::new(3).d_embedding(1).d_hidden(vec![1]).init(&device, 0).unwrap();
        let mut weights = weights_of(&model);
        weights.get_mut("output.bias").unwrap().values = vec![400.0, 0.0, 399.0];
        weights.get_mut("output.kernel").unwrap().values = vec![0.0; 3];
        let model = with_weights(model, weights).unwrap();
        let input = Windows { ids: row(&[0], &device), carried: Carried::default() };
        let targets = Targets::Classes(Tensor::from_data([1], &device));
        let loss = fixtures::values(model.score(&input, &targets, &Pass::Inference).loss);
        // 400 + ln(1 + 1/e)
        fixtures::assert_close(backend, &loss, &[400.313_26], 1e-6);
    }
}

/// The models of the textbooks, with 10,000 words.
#[test]
fn parameters_are_counted_once_where_weights_are_tied() {
    let model = LanguageModelConfig::new(10_000).init(&cpu(), 0).unwrap();
    // 10,000 x 100, an LSTM of 4 x 100 x (100 + 100 + 1), 100 x 10,000 and 10,000
    assert_eq!(model.summary().total(), 1_000_000 + 80_400 + 1_010_000);
    let better = LanguageModelConfig::new(10_000)
        .d_embedding(650)
        .d_hidden(vec![650, 650])
        .dropout(0.5)
        .output(OutputLayer::Tied)
        .init(&cpu(), 0)
        .unwrap();
    let summary = better.summary();
    // 10,000 x 650, two LSTMs of 4 x 650 x (650 + 650 + 1), a bias of 10,000
    assert_eq!(summary.total(), 6_500_000 + 2 * 3_382_600 + 10_000);
    assert_eq!(summary.total(), better.num_params());
    let rows: Vec<(&str, &str)> =
        summary.rows.iter().map(|row| (row.layer.as_str(), row.output_shape.as_str())).collect();
    assert_eq!(
        rows,
        [
            ("embedding (Embedding)", "(None, None, 650)"),
            ("dropout (Dropout)", "(None, None, 650)"),
            ("lstm (LSTM)", "(None, None, 650)"),
            ("dropout_1 (Dropout)", "(None, None, 650)"),
            ("lstm_1 (LSTM)", "(None, None, 650)"),
            ("dropout_2 (Dropout)", "(None, None, 650)"),
            ("output (Tied)", "(None, None, 10000)"),
        ]
    );
}

#[test]
fn parameters_have_names_by_which_they_are_saved() {
    let names = |output: OutputLayer| {
        let config = small(RecurrentKind::Gru).d_embedding(3).output(output);
        weights_of(&config.init(&cpu(), 0).unwrap()).into_keys().collect::<Vec<_>>()
    };
    let layers = |kernels: &[&str], output: &[&str]| {
        let mut names: Vec<String> = vec!["embedding.table".into()];
        names.extend(output.iter().map(|name| format!("output.{name}")));
        for layer in 0..2 {
            names.extend(kernels.iter().map(|name| format!("recurrent.forward_layers.{layer}.{name}")));
        }
        names
    };
    let cell = ["bias", "kernel", "recurrent_kernel"];
    assert_eq!(names(OutputLayer::Full), layers(&cell, &["bias", "kernel"]));
    assert_eq!(names(OutputLayer::Tied), layers(&cell, &["bias"]));
    let adaptive = OutputLayer::Adaptive { cutoffs: vec![4], div_value: 2.0 };
    assert_eq!(names(adaptive), layers(&cell, &["kernel", "tails.0.kernel", "tails.0.projection"]));
}

#[test]
fn dropout_acts_in_each_of_its_places_in_training_alone() {
    let device = cpu();
    let model = small(RecurrentKind::Lstm).dropout(0.5).init(&device, 1).unwrap();
    assert_eq!(model.dropouts.len(), 3);
    let outputs = |model: &kiln_models::LanguageModel, pass: Pass| {
        let input = Windows { ids: row(&[3, 1, 4, 1, 5, 2], &device), carried: Carried::default() };
        fixtures::values(model.forward(&input, &pass))
    };
    let step = |step| Pass::Training { seed: 2, step };
    assert_eq!(outputs(&model, Pass::Inference), outputs(&model, Pass::Inference));
    assert_eq!(outputs(&model, step(4)), outputs(&model, step(4)));
    assert_ne!(outputs(&model, step(4)), outputs(&model, step(5)));
    for place in 0..3 {
        let mut without = model.clone();
        without.dropouts[place].rate = 0.0;
        assert_ne!(outputs(&without, step(4)), outputs(&model, step(4)), "dropout {place}");
    }
    let names: Vec<&str> = model.dropouts.iter().map(|dropout| dropout.name.as_str()).collect();
    assert_eq!(names, ["dropout", "dropout_1", "dropout_2"], "two of the same name would drop the same positions");
}

#[test]
fn options_that_make_no_model_are_refused() {
    let refused = |config: LanguageModelConfig| config.init(&cpu(), 0).unwrap_err().to_string();
    let tied = refused(small(RecurrentKind::Lstm).output(OutputLayer::Tied));
    assert!(tied.contains("d_hidden should be 5 in the last layer") && tied.contains("tied, found 3"), "{tied}");
    assert!(refused(LanguageModelConfig::new(0)).contains("vocab_size"));
    assert!(refused(small(RecurrentKind::Lstm).d_hidden(vec![])).contains("d_hidden should be a width"));
    assert!(refused(small(RecurrentKind::Lstm).dropout(1.0)).contains("dropout"));
    let adaptive = OutputLayer::Adaptive { cutoffs: vec![9], div_value: 4.0 };
    assert!(refused(small(RecurrentKind::Lstm).output(adaptive)).contains("cutoffs"));
}

#[test]
fn a_configuration_comes_back_from_json() {
    for output in [OutputLayer::Tied, OutputLayer::Adaptive { cutoffs: vec![2, 5], div_value: 4.0 }] {
        let config = small(RecurrentKind::Gru).dropout(0.25).output(output);
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<LanguageModelConfig>(&text).unwrap(), config);
    }
}
