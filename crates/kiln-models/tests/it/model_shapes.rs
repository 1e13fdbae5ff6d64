//! Ready models: parameter counts from the literature, summaries compared with Keras's, sizes that are refused, equal
//! models from equal seeds, dropout.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use kiln_models::layers::{Conv1dConfig, ConvPadding, DenseConfig, DropoutConfig};
use kiln_models::weights::{
    Precision, Weights, from_safetensors, initialized, to_safetensors, weights_of, with_weights,
};
use kiln_models::{
    ConvBiLstmConfig, ConvClassifierConfig, EmbeddingFlattenConfig, Error, Head, Initializer, Model, PaddedSteps, Pass,
    RandomKey, RecurrentClassifierConfig, RecurrentKind, RecurrentRegressorConfig, Span, Spans, Summary,
    TextClassifierConfig, TokenBatch, thousands,
};
use proptest::prelude::*;

use crate::{devices, fixtures};

const KERAS: &str = include_str!("../fixtures/keras_summary.json");

fn device() -> Device {
    devices::all().swap_remove(0).1
}

fn regressor(kind: RecurrentKind) -> Summary {
    RecurrentRegressorConfig::new(2, 100).kind(kind).init(&device(), 0).unwrap().summary()
}

#[test]
fn parameter_counts_are_those_of_the_literature() {
    assert_eq!(regressor(RecurrentKind::SimpleRnn).total(), 2_851);
    assert_eq!(regressor(RecurrentKind::Lstm).total(), 11_311);
    assert_eq!(regressor(RecurrentKind::Gru).total(), 8_671);
    let small = EmbeddingFlattenConfig::new(10_000, 20).init(&device(), 0).unwrap();
    assert_eq!(small.summary().total(), 80_161);
    let recipe = ConvBiLstmConfig::new(10_000, 200).init(&device(), 0).unwrap();
    assert_eq!(recipe.summary().total(), 2_171_393);
    let glove = EmbeddingFlattenConfig::new(10_000, 100).d_embedding(100).d_dense(32);
    assert_eq!(glove.init(&device(), 0).unwrap().summary().total(), 1_320_065);
    let subwords = RecurrentClassifierConfig::new(8_185, 300).d_dense(64);
    assert_eq!(subwords.init(&device(), 0).unwrap().summary().total(), 598_209);
}

#[test]
fn a_hidden_dense_layer_is_a_relu_between_the_state_and_the_outputs() {
    let device = device();
    let input = tokens(&[&[3, 1, 4, 1]], None, &device);
    let outputs = |config: TextClassifierConfig, change: &dyn Fn(&mut Weights)| {
        let model = config.init(&device, 5).unwrap();
        let mut weights = weights_of(&model);
        change(&mut weights);
        fixtures::values(with_weights(model, weights).unwrap().forward(&input, &Pass::Inference))
    };
    let flatten = EmbeddingFlattenConfig::new(9, 4).d_dense(6);
    let recurrent = RecurrentClassifierConfig::new(9, 4).d_hidden(vec![3]).d_dense(6);
    for config in [TextClassifierConfig::from(flatten), recurrent.into()] {
        let bias = |name: &'static str, value: f32| {
            move |weights: &mut Weights| weights.get_mut(name).unwrap().values.fill(value)
        };
        // For inputs far below zero the layer outputs zeros, and the model outputs the last layer's bias.
        let dead = outputs(config.clone(), &|weights| {
            bias("hidden.bias", -100.0)(weights);
            bias("dense.bias", 0.25)(weights);
        });
        assert_eq!(dead, [0.25], "{config:?}");
        let live = outputs(config.clone(), &bias("hidden.bias", 100.0));
        assert_ne!(live, outputs(config.clone(), &bias("hidden.bias", 101.0)), "{config:?}");
    }
    let none = EmbeddingFlattenConfig::new(9, 4).d_dense(0).init(&device, 0).unwrap_err();
    assert!(none.to_string().contains("units"), "{none}");
}

#[test]
fn summaries_have_the_shapes_and_counts_of_kerass() {
    let cases = fixtures::cases(KERAS);
    let by_total = |total: u64| cases.iter().find(|case| case["total_params"] == total).expect("a case");
    let recipe = ConvBiLstmConfig::new(10_000, 200).init(&device(), 0).unwrap().summary();
    let small = EmbeddingFlattenConfig::new(10_000, 20).init(&device(), 0).unwrap().summary();
    for summary in [recipe, small, regressor(RecurrentKind::Gru), regressor(RecurrentKind::Lstm)] {
        let case = by_total(summary.total() as u64);
        let keras: Vec<(String, u64)> = case["layers"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|layer| !layer["type"].as_str().unwrap().contains("Dropout"))
            .map(|layer| {
                let sizes: Vec<String> =
                    layer["output_shape"].as_array().unwrap()[1..].iter().map(ToString::to_string).collect();
                (format!("(None, {})", sizes.join(", ")), layer["params"].as_u64().unwrap())
            })
            .collect();
        let kiln: Vec<(String, u64)> = summary
            .rows
            .iter()
            .filter(|row| !row.layer.contains("Dropout"))
            .map(|row| (row.output_shape.clone(), row.parameters as u64))
            .collect();
        assert_eq!(kiln, keras, "{}", summary.name);
        let text = summary.to_string();
        assert!(text.contains(&format!("Total params: {}", thousands(summary.total()))), "{text}");
    }
}

#[test]
fn a_frozen_layer_is_counted_apart() {
    let mut model = EmbeddingFlattenConfig::new(10, 4).d_embedding(3).init(&device(), 0).unwrap();
    use burn::module::Module;
    model.embedding = model.embedding.no_grad();
    let summary = model.summary();
    assert_eq!((summary.trainable, summary.frozen), (13, 30));
}

#[test]
fn sizes_that_make_no_model_are_refused() {
    let device = device();
    let message = |error: Error| error.to_string();
    assert!(message(EmbeddingFlattenConfig::new(0, 20).init(&device, 0).unwrap_err()).contains("vocab_size"));
    assert!(
        message(EmbeddingFlattenConfig::new(10, 0).init(&device, 0).unwrap_err())
            .contains("max_len should be at least 1")
    );
    let short = ConvBiLstmConfig::new(10, 7).init(&device, 0).unwrap_err();
    assert!(matches!(short, Error::TooShort { length: 7, needed: 8, .. }), "{short}");
    assert!(ConvBiLstmConfig::new(10, 8).init(&device, 0).is_ok());
    let dropout = ConvBiLstmConfig::new(10, 8).dropout(1.0).init(&device, 0).unwrap_err();
    assert!(message(dropout).contains("dropout should be at least 0 and below 1"));
    let none = RecurrentClassifierConfig::new(10, 8).d_hidden(vec![]).init(&device, 0).unwrap_err();
    assert!(message(none).contains("d_hidden should be a width"));
    assert!(Head::for_classes(1).is_err());
    assert_eq!(Head::for_classes(2).unwrap(), Head::Binary);
    assert_eq!(Head::for_classes(3).unwrap(), Head::Classes(3));
}

fn tokens(rows: &[&[i32]], spans: Option<Vec<Span>>, device: &Device) -> TokenBatch {
    let flat: Vec<i32> = rows.concat();
    TokenBatch {
        ids: Tensor::<1, Int>::from_data(flat.as_slice(), device).reshape([rows.len(), rows[0].len()]),
        spans: spans.map(Spans::new),
    }
}

fn configs() -> Vec<TextClassifierConfig> {
    vec![
        EmbeddingFlattenConfig::new(9, 8).into(),
        EmbeddingFlattenConfig::new(9, 8).d_dense(5).into(),
        RecurrentClassifierConfig::new(9, 8).d_hidden(vec![4, 3]).head(Head::Classes(3)).into(),
        RecurrentClassifierConfig::new(9, 8).d_hidden(vec![4]).d_dense(5).dropout(0.1).into(),
        ConvClassifierConfig::new(9, 8).filters(4).dropout(0.2).into(),
        ConvClassifierConfig::new(9, 8).filters(4).kernel_sizes(&[2, 3, 4]).into(),
        ConvBiLstmConfig::new(9, 8).d_embedding(4).filters(3).d_hidden([4, 2]).into(),
    ]
}

#[test]
fn the_same_seed_makes_the_same_model_on_every_device() {
    for config in configs() {
        let mut first = None;
        for (backend, device) in devices::all() {
            let weights = weights_of(&config.init(&device, 5).unwrap());
            assert_eq!(first.get_or_insert(weights.clone()), &weights, "{backend} {config:?}");
            assert_ne!(weights_of(&config.init(&device, 6).unwrap()), weights, "{backend} {config:?}");
        }
    }
}

#[test]
fn every_backend_computes_the_same_outputs() {
    let rows: [&[i32]; 2] = [&[0, 0, 3, 1, 4, 1, 5, 8], &[2, 7, 1, 8, 2, 8, 1, 8]];
    let spans = vec![Span { start: 2, len: 6 }, Span { start: 0, len: 8 }];
    for config in configs() {
        let mut first: Option<Vec<f32>> = None;
        for (backend, device) in devices::all() {
            let model = config.init(&device, 5).unwrap();
            let outputs = model.forward(&tokens(&rows, Some(spans.clone()), &device), &Pass::Inference);
            assert_eq!(outputs.dims(), [2, model.head().outputs()]);
            let outputs = fixtures::values(outputs);
            fixtures::assert_close(backend, &outputs, first.get_or_insert(outputs.clone()), 1e-5);
        }
    }
}

#[test]
fn padded_steps_are_read_or_carry_the_state() {
    let device = device();
    let spans = Some(vec![Span { start: 8, len: 12 }]);
    let outputs = |padding: i32, padded_steps: PaddedSteps| {
        let model = ConvBiLstmConfig::new(9, 20)
            .kernel_size(3)
            .pool_size(2)
            .padded_steps(padded_steps)
            .init(&device, 1)
            .unwrap();
        let mut row = vec![padding; 6];
        row.extend([0; 2]); // read by the first valid windows in both cases
        row.extend([3, 1, 4, 1, 5, 2, 6, 5, 3, 5, 8, 7]);
        let input = tokens(&[&row], spans.clone(), &device);
        fixtures::values(model.forward(&input, &Pass::Inference))
    };
    assert_eq!(outputs(0, PaddedSteps::Carry), outputs(7, PaddedSteps::Carry));
    assert_ne!(outputs(0, PaddedSteps::Read), outputs(7, PaddedSteps::Read));
}

#[test]
fn chosen_parameters_are_drawn_anew_and_the_others_stay() {
    let dense = || DenseConfig::new(3, 2).init(&device(), RandomKey::new(1)).unwrap();
    let before = weights_of(&dense());
    let normal = |stddev| move |path: &str, _: &[usize]| (path == "bias").then_some(Initializer::Normal { stddev });
    let after = weights_of(&initialized(dense(), RandomKey::new(2), normal(0.1)).unwrap());
    assert_eq!(after["kernel"], before["kernel"]);
    assert!(after["bias"].values.iter().all(|value| *value != 0.0), "{after:?}");
    for stddev in [f64::NAN, f64::INFINITY, -1.0] {
        let error = initialized(dense(), RandomKey::new(2), normal(stddev)).unwrap_err().to_string();
        assert!(error.contains("stddev") && error.contains(&stddev.to_string()), "{error}");
    }
}

/// Burn's column layout transposes weights in Burn's own files.
#[test]
fn weights_of_a_layer_of_burns_come_back_as_they_were() {
    let device = device();
    let config = burn::nn::LinearConfig::new(3, 3).with_layout(burn::nn::LinearLayout::Col);
    let weights = weights_of(&config.init(&device));
    // Into parameters that were never drawn, and into drawn ones.
    let loaded = with_weights(config.init(&device), weights.clone()).unwrap();
    assert_eq!(weights_of(&loaded), weights);
    assert_eq!(weights_of(&with_weights(loaded, weights.clone()).unwrap()), weights);
}

#[test]
fn weights_survive_safetensors_and_wrong_ones_are_named() {
    let device = device();
    for config in configs() {
        let model = config.init(&device, 5).unwrap();
        let weights = weights_of(&model);
        let bytes = to_safetensors(&weights, Precision::Full, None).unwrap();
        assert_eq!(from_safetensors(&bytes).unwrap(), weights);
        let other = with_weights(config.init(&device, 9).unwrap(), weights.clone()).unwrap();
        assert_eq!(weights_of(&other), weights);

        assert!(from_safetensors(&bytes[..bytes.len() - 1]).is_err());
        let (name, _) = weights.first_key_value().unwrap();
        let mut missing = weights.clone();
        missing.remove(name);
        let error = with_weights(model.clone(), missing).unwrap_err();
        assert!(matches!(&error, Error::MissingWeight { name: n, .. } if n == name), "{error}");
        let mut bent = weights.clone();
        bent.get_mut(name).unwrap().shape.push(1);
        let error = with_weights(model.clone(), bent).unwrap_err();
        assert!(matches!(&error, Error::WeightShape { name: n, .. } if n == name), "{error}");
        let mut more = weights.clone();
        more.insert("zz".into(), more[name].clone());
        let error = with_weights(model, more).unwrap_err();
        assert!(matches!(&error, Error::UnknownWeight { name } if name == "zz"), "{error}");
    }
}

#[test]
fn configurations_come_back_from_json() {
    for config in configs() {
        let text = serde_json::to_string(&config).unwrap();
        let back: TextClassifierConfig = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), text);
        assert_eq!((back.vocab_size(), back.max_len()), (9, 8));
        // JSON from before the hidden dense layer existed.
        let mut before: serde_json::Value = serde_json::from_str(&text).unwrap();
        if before.as_object_mut().unwrap().remove("d_dense").is_some_and(|width| width.is_null()) {
            let back: TextClassifierConfig = serde_json::from_value(before).unwrap();
            assert_eq!(serde_json::to_string(&back).unwrap(), text);
        }
    }
}

#[test]
fn dropout_depends_on_seed_name_and_step_alone() {
    let device = device();
    let ones = Tensor::<2>::ones([40, 50], &device);
    let layer = |name: &str| DropoutConfig::new(0.25, name.into()).init().unwrap();
    let run = |name: &str, pass: Pass| fixtures::values(layer(name).forward(ones.clone(), &pass));
    let step = |seed, step| Pass::Training { seed, step };
    let first = run("a", step(1, 7));
    assert_eq!(first, run("a", step(1, 7)));
    for other in [run("a", step(1, 8)), run("a", step(2, 7)), run("b", step(1, 7))] {
        assert_ne!(first, other);
    }
    assert!(first.iter().all(|&v| v == 0.0 || v == 4.0 / 3.0));
    let dropped = first.iter().filter(|&&v| v == 0.0).count();
    assert!((400..600).contains(&dropped), "{dropped} of 2000");
    assert_eq!(run("a", Pass::Inference), vec![1.0; 2000]);
    assert!(DropoutConfig::new(f64::NAN, "a".into()).init().is_err());
}

proptest! {
    /// A step is valid after a convolution if and only if its window contains a valid input.
    #[test]
    fn spans_through_a_convolution_follow_its_shape(
        steps in 1_usize..12, start in 0_usize..12, len in 0_usize..12, window in 1_usize..6, kind in 0..3,
    ) {
        let start = start.min(steps);
        let len = len.min(steps - start);
        let padding = [ConvPadding::Valid, ConvPadding::Same, ConvPadding::Causal][kind as usize];
        let layer = Conv1dConfig::new(1, 1, window).padding(padding).init(&device(), RandomKey::new(0)).unwrap();
        let out_steps = layer.output_len(steps);
        prop_assume!(out_steps > 0);
        let weights = {
            let mut weights = weights_of(&layer);
            weights.get_mut("kernel").unwrap().values.fill(1.0);
            weights
        };
        let layer = with_weights(layer, weights).unwrap();
        // Ones at the valid steps: the output is positive if and only if a window contains one.
        let input: Vec<f32> = (0..steps).map(|t| f32::from(u8::from(t >= start && t < start + len))).collect();
        let input = Tensor::<1>::from_data(input.as_slice(), &device()).reshape([1, steps, 1]);
        let output = fixtures::values(layer.forward(input));
        prop_assert_eq!(output.len(), out_steps);
        let spans = layer.spans(&Spans::new(vec![Span { start, len }]), steps);
        for (time, value) in output.iter().enumerate() {
            prop_assert_eq!(*value > 0.5, spans.rows()[0].contains(time), "step {}", time);
        }
    }
}

fn values(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_into_vec_as::<f32>().unwrap()
}

/// Kim's network: each window's filters are pooled over the whole row, and all feed the last layer.
#[test]
fn convolutions_side_by_side_are_pooled_and_joined() {
    let config = ConvClassifierConfig::new(9, 8).d_embedding(3).filters(4).kernel_sizes(&[2, 3, 5]);
    for (backend, device) in devices::all() {
        let model = config.init(&device, 7).unwrap();
        let parameters = 9 * 3 + [2, 3, 5].map(|window| window * 3 * 4 + 4).iter().sum::<usize>() + 3 * 4 + 1;
        assert_eq!(model.num_params(), parameters, "{backend}");
        assert_eq!(Model::min_len(&model), 5);
        let ids = Tensor::<2, Int>::from_ints([[1, 2, 3, 4, 5, 6, 7, 8], [8, 1, 0, 0, 3, 0, 2, 2]], &device);
        let input = TokenBatch { ids: ids.clone(), spans: None };
        let found = values(model.forward(&input, &Pass::Inference));
        let embedded = model.embedding.forward(ids);
        let pooled =
            |conv: &kiln_models::layers::Conv1d| kiln_models::layers::global_max_pool1d(conv.forward(embedded.clone()));
        let all = [&model.conv1d, &model.more_conv1d[0], &model.more_conv1d[1]].map(pooled);
        let expected = values(model.dense.forward(Tensor::cat(all.to_vec(), 1)));
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6), "{backend}: {found:?} {expected:?}");
    }
    for sizes in [&[][..], &[0], &[3, 9]] {
        assert!(config.clone().kernel_sizes(sizes).init(&devices::all()[0].1, 0).is_err(), "{sizes:?}");
    }
}
