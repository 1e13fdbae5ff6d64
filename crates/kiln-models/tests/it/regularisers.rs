//! The regularisers of language models: rates of each place, locked masks, dropped words and weights, and penalties,
//! each compared with its formula. Masks are made on the host from the numbers of their keys.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use kiln_models::layers::{Direction, DropoutConfig, Recurrent};
use kiln_models::weights::{weights_of, with_weights};
use kiln_models::{
    Carried, LanguageModel, LanguageModelConfig, Model, OutputLayer, Pass, RecurrentKind, Score, Targets, Windows,
};

use crate::devices;
use crate::fixtures::{assert_close, values};
use crate::gradients::Gradient;

const TOLERANCE: f32 = 1e-5;
const PASS: Pass = Pass::Training { seed: 5, step: 3 };
const NEXT: Pass = Pass::Training { seed: 5, step: 4 };
const VOCAB: usize = 9;
const IDS: [[i32; 5]; 2] = [[3, 1, 4, 1, 5], [8, 2, 3, 5, 3]];
const CLASSES: [i32; 10] = [1, 4, 1, 5, 8, 2, 3, 5, 3, 0];

fn cpu() -> Device {
    devices::all().swap_remove(0).1
}

/// Two layers, of 6 and 4 units.
fn small() -> LanguageModelConfig {
    LanguageModelConfig::new(VOCAB).kind(RecurrentKind::SimpleRnn).d_embedding(4).d_hidden(vec![6, 4])
}

/// Every regulariser at once.
fn everything() -> LanguageModelConfig {
    small()
        .input_dropout(0.2)
        .hidden_dropout(0.3)
        .output_dropout(0.4)
        .locked_dropout(true)
        .embedding_dropout(0.4)
        .weight_dropout(0.5)
        .activation_penalty(2.0)
        .temporal_activation_penalty(1.0)
}

/// A model with embeddings of up to 1, so that outputs are far from 0. The same parameters for all regularisers.
fn made(config: &LanguageModelConfig, device: &Device) -> LanguageModel {
    let model = config.init(device, 3).unwrap();
    let mut weights = weights_of(&model);
    weights.get_mut("embedding.table").unwrap().values.iter_mut().for_each(|value| *value *= 20.0);
    with_weights(model, weights).unwrap()
}

fn ids(device: &Device) -> Tensor<2, Int> {
    Tensor::from_ints(IDS, device)
}

fn windows(device: &Device) -> Windows {
    Windows { ids: ids(device), carried: Carried::default() }
}

fn outputs(model: &LanguageModel, device: &Device, pass: &Pass) -> Vec<f32> {
    values(model.forward_states(ids(device), None, pass).0)
}

fn score(model: &LanguageModel, device: &Device, pass: &Pass) -> Score {
    model.score(&windows(device), &Targets::Classes(Tensor::from_ints(CLASSES, device)), pass)
}

/// The numbers by which a key's dropout multiplies.
fn mask(layer: &str, count: usize, rate: f64) -> Vec<f32> {
    PASS.key(layer).unwrap().dropout_mask(count, rate)
}

#[test]
fn a_rate_of_one_place_takes_precedence_over_that_of_all_places() {
    let rates = |config: LanguageModelConfig| -> Vec<f64> {
        config.init(&cpu(), 0).unwrap().dropouts.iter().map(|dropout| dropout.rate).collect()
    };
    let three = || small().d_hidden(vec![4, 4, 4]).dropout(0.5);
    assert_eq!(rates(three()), [0.5, 0.5, 0.5, 0.5]);
    assert_eq!(rates(three().input_dropout(0.1)), [0.1, 0.5, 0.5, 0.5]);
    assert_eq!(rates(three().hidden_dropout(0.0)), [0.5, 0.0, 0.0, 0.5]);
    assert_eq!(rates(three().output_dropout(0.3)), [0.5, 0.5, 0.5, 0.3]);
    let one = three().d_hidden(vec![4]).input_dropout(0.1).hidden_dropout(0.2).output_dropout(0.3);
    assert_eq!(rates(one), [0.1, 0.3]);
}

#[test]
fn a_locked_mask_is_the_same_at_every_step_and_differs_between_rows() {
    let layer = DropoutConfig::new(0.5, "locked".into()).init().unwrap();
    let mask = mask("locked", 20, 0.5);
    assert_ne!(mask[..10], mask[10..]);
    assert!(mask.contains(&0.0) && mask.contains(&2.0));
    for (backend, device) in devices::all() {
        let input: Tensor<3> = Tensor::<1, Int>::arange(1..61, &device).float().reshape([2, 3, 10]);
        let numbers = values(input.clone());
        let expected: Vec<f32> = (0..60).map(|at| numbers[at] * mask[at / 30 * 10 + at % 10]).collect();
        assert_eq!(values(layer.forward_locked(input.clone(), &PASS)), expected, "{backend}");
        assert_ne!(values(layer.forward_locked(input.clone(), &NEXT)), expected, "{backend}");
        assert_eq!(values(layer.forward_locked(input, &Pass::Inference)), numbers, "{backend}");
    }
}

#[test]
fn a_model_locks_the_masks_of_all_three_places() {
    let rates = [0.3, 0.4, 0.5];
    let config = small().input_dropout(rates[0]).hidden_dropout(rates[1]).output_dropout(rates[2]);
    for (backend, device) in devices::all() {
        let model = made(&config.clone().locked_dropout(true), &device);
        let locked = |place: usize, output: Tensor<3>| {
            let [batch, _, width] = output.dims();
            let mask = mask(&model.dropouts[place].name, batch * width, rates[place]);
            output * Tensor::<3>::from_data(TensorData::new(mask, [batch, 1, width]), &device)
        };
        let layer = |place: usize, input: Tensor<3>| {
            model.recurrent.forward_layers[place].forward_sequence(input, None, Direction::Forward)
        };
        let embedded = locked(0, model.embedding.forward(ids(&device)));
        let expected = values(locked(2, layer(1, locked(1, layer(0, embedded)))));
        assert_close(backend, &outputs(&model, &device, &PASS), &expected, TOLERANCE);
        let unlocked = made(&config, &device);
        assert_ne!(outputs(&unlocked, &device, &PASS), outputs(&model, &device, &PASS), "{backend}");
    }
}

/// The embeddings of a training step are those of a table whose rows are multiplied by the mask. The tied output has
/// the whole table.
#[test]
fn a_dropped_word_is_zero_wherever_it_occurs_and_the_others_are_scaled() {
    let mask = mask("embedding_dropout", VOCAB, 0.4);
    let of_batch: Vec<f32> = IDS.iter().flatten().map(|&id| mask[id as usize]).collect();
    assert!(of_batch.contains(&0.0) && of_batch.iter().any(|&factor| (factor - 1.0 / 0.6).abs() < 1e-6));
    for (backend, device) in devices::all() {
        let model = made(&small().output(OutputLayer::Tied).embedding_dropout(0.4), &device);
        let mut weights = weights_of(&model);
        let rows = weights.get_mut("embedding.table").unwrap().values.chunks_mut(4);
        rows.zip(&mask).for_each(|(row, factor)| row.iter_mut().for_each(|value| *value *= factor));
        let masked = with_weights(model.clone(), weights).unwrap();
        let expected = outputs(&masked, &device, &Pass::Inference);
        assert_close(backend, &outputs(&model, &device, &PASS), &expected, TOLERANCE);

        let classes = Tensor::<1, Int>::from_ints(CLASSES, &device);
        let (hidden, log_probs) = model.hidden_and_log_probs(&windows(&device), classes.clone(), &PASS);
        assert_eq!((hidden.dims(), log_probs.dims()), ([10, 4], [10, 1]));
        assert_close(backend, &values(hidden.clone()), &expected, TOLERANCE);
        let expected = log_softmax(model.scores(hidden), 1).gather(1, classes.unsqueeze_dim::<2>(1));
        assert_close(backend, &values(log_probs.clone()), &values(expected), TOLERANCE);
        let scored = score(&model, &device, &PASS);
        assert_close(backend, &values(scored.outputs), &values(log_probs), TOLERANCE);
    }
}

/// The kernels of a training step are those of a model whose recurrent kernels are multiplied by the masks, at all
/// steps.
#[test]
fn dropped_weights_are_those_of_the_recurrent_kernels_for_a_whole_window() {
    for (backend, device) in devices::all() {
        for kind in [RecurrentKind::SimpleRnn, RecurrentKind::Lstm, RecurrentKind::Gru] {
            let what = format!("{backend} {kind:?}");
            let model = made(&small().kind(kind).weight_dropout(0.5), &device);
            let mut weights = weights_of(&model);
            for layer in 0..2 {
                let name = format!("recurrent.forward_layers.{layer}.recurrent_kernel");
                let kernel = &mut weights.get_mut(&name).unwrap().values;
                let mask = PASS.key("weight_dropout").unwrap().index(layer).dropout_mask(kernel.len(), 0.5);
                kernel.iter_mut().zip(mask).for_each(|(weight, factor)| *weight *= factor);
            }
            let masked = with_weights(model.clone(), weights).unwrap();
            // The states of one window are carried to another, so that they act at its first step too.
            let (_, states) = model.forward_states(ids(&device), None, &Pass::Inference);
            let run = |model: &LanguageModel, pass: &Pass| -> (Vec<f32>, Vec<f32>) {
                let (output, left) = model.forward_states(ids(&device), Some(states.clone()), pass);
                (values(output), left.0.into_iter().flat_map(|state| values(state.hidden)).collect())
            };
            let ((output, left), (expected, expected_left)) = (run(&model, &PASS), run(&masked, &Pass::Inference));
            assert_close(&what, &output, &expected, TOLERANCE);
            assert_close(&format!("{what} states"), &left, &expected_left, TOLERANCE);
            assert_ne!(output, run(&model, &Pass::Inference).0, "{what}");
        }
    }
}

#[test]
fn only_the_weights_that_are_kept_have_a_gradient() {
    for (backend, device) in devices::all() {
        let device = device.autodiff();
        let model = made(&small().weight_dropout(0.5), &device);
        let gradients = score(&model, &device, &PASS).loss.backward();
        let gradients: BTreeMap<String, Vec<f32>> = Gradient::of(&model, &gradients).into_iter().collect();
        for layer in 0..2 {
            let gradient = &gradients[&format!("recurrent.forward_layers.{layer}.recurrent_kernel")];
            let mask = PASS.key("weight_dropout").unwrap().index(layer).dropout_mask(gradient.len(), 0.5);
            for (place, (slope, factor)) in gradient.iter().zip(&mask).enumerate() {
                assert_eq!(*slope == 0.0, *factor == 0.0, "{backend}, layer {layer}, weight {place}: {slope}");
            }
        }
    }
}

/// Of a batch of 2 rows, 5 steps and 4 units.
#[test]
fn penalties_are_the_mean_squares_of_outputs_and_of_their_changes() {
    let config = small().dropout(0.2).output_dropout(0.5);
    for (backend, device) in devices::all() {
        let model = made(&config, &device);
        let after = outputs(&model, &device, &PASS);
        let before = outputs(&made(&config.clone().output_dropout(0.0), &device), &device, &PASS);
        let of_outputs = after.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>() / 40.0;
        let changes = before.chunks(20).flat_map(|row| row[4..].iter().zip(row));
        let of_changes = changes.map(|(later, earlier)| f64::from(later - earlier).powi(2)).sum::<f64>() / 32.0;

        let loss = values(score(&model, &device, &PASS).loss);
        for (alpha, beta) in [(2.0, 0.0), (0.0, 3.0), (2.0, 3.0)] {
            let config = config.clone().activation_penalty(alpha).temporal_activation_penalty(beta);
            let model = made(&config, &device);
            let scored = score(&model, &device, &PASS);
            assert_eq!(values(scored.loss), loss, "{backend}: the loss is without penalty");
            let (found, expected) =
                (f64::from(values(scored.penalty.unwrap())[0]), alpha * of_outputs + beta * of_changes);
            assert!(expected > 1e-3 && (found / expected - 1.0).abs() < 1e-4, "{backend}: {found}, not {expected}");
            assert!(score(&model, &device, &Pass::Inference).penalty.is_none(), "{backend}");
        }
        assert!(score(&model, &device, &PASS).penalty.is_none(), "{backend}");
    }
}

#[test]
fn a_window_of_one_step_has_no_temporal_penalty() {
    for (backend, device) in devices::all() {
        let penalty = |alpha: f64, beta: f64| {
            let model = made(&small().activation_penalty(alpha).temporal_activation_penalty(beta), &device);
            let ids = Tensor::<2, Int>::from_ints([[3], [8]], &device);
            let targets = Targets::Classes(Tensor::from_ints([1, 2], &device));
            model.score(&Windows { ids, carried: Carried::default() }, &targets, &PASS).penalty.map(values)
        };
        assert_eq!(penalty(0.0, 1.0), None, "{backend}");
        let of_outputs = penalty(2.0, 0.0).unwrap();
        assert!(of_outputs[0] > 0.0, "{backend}: {of_outputs:?}");
        assert_eq!(penalty(2.0, 1.0).unwrap(), of_outputs, "{backend}");
    }
}

/// What the penalty adds to each parameter's gradient agrees, where it is steepest, with the finite difference of the
/// penalty around it.
#[test]
fn the_gradients_of_penalties_agree_with_finite_differences() {
    for (backend, device) in devices::all() {
        let model = made(&everything(), &device);
        let training = model.clone().train();
        let gradient = |with_penalty: bool| {
            let Score { loss, penalty, .. } = score(&training, &device.clone().autodiff(), &PASS);
            let loss = if with_penalty { loss + penalty.unwrap() } else { loss };
            Gradient::of(&training, &loss.backward())
        };
        for ((name, both), (_, of_loss)) in gradient(true).into_iter().zip(gradient(false)) {
            let added: Vec<f32> = both.iter().zip(&of_loss).map(|(both, of_loss)| both - of_loss).collect();
            let (place, &steepest) =
                added.iter().enumerate().max_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs())).unwrap();
            if name.starts_with("output.") {
                assert!(steepest.abs() < TOLERANCE, "{backend} {name}: {steepest}");
                continue;
            }
            let penalty = |step: f32| {
                let mut weights = weights_of(&model);
                weights.get_mut(&name).unwrap().values[place] += step;
                let moved = with_weights(model.clone(), weights).unwrap();
                values(score(&moved, &device, &PASS).penalty.unwrap())[0]
            };
            let slope = (penalty(2e-3) - penalty(-2e-3)) / 4e-3;
            assert!(steepest.abs() > 2e-3, "{backend} {name}: {steepest}");
            let limit = 2e-4 + 0.02 * steepest.abs();
            assert!((slope - steepest).abs() < limit, "{backend} {name}: {steepest}, but the difference is {slope}");
        }
    }
}

#[test]
fn an_evaluation_has_no_regulariser() {
    for (backend, device) in devices::all() {
        let (model, plain) = (made(&everything(), &device), made(&small(), &device));
        let expected = outputs(&plain, &device, &Pass::Inference);
        assert_eq!(outputs(&model, &device, &Pass::Inference), expected, "{backend}");
        assert_ne!(outputs(&model, &device, &PASS), expected, "{backend}");
        let [scored, of_plain] = [&model, &plain].map(|model| score(model, &device, &Pass::Inference));
        assert!(scored.penalty.is_none(), "{backend}");
        assert_eq!(values(scored.loss), values(of_plain.loss), "{backend}");
    }
}

#[test]
fn every_mask_depends_on_the_pass_and_nothing_else() {
    let device = cpu();
    let other_seed = Pass::Training { seed: 6, step: 3 };
    for config in [
        small().dropout(0.5).locked_dropout(true),
        small().embedding_dropout(0.5),
        small().weight_dropout(0.5),
        everything(),
    ] {
        let of = |pass: &Pass| {
            let Score { loss, outputs, penalty, .. } = score(&made(&config, &device), &device, pass);
            (values(loss), values(outputs), penalty.map(values))
        };
        assert_eq!(of(&PASS), of(&PASS), "{config}");
        assert_ne!(of(&PASS).1, of(&NEXT).1, "{config}");
        assert_ne!(of(&PASS).1, of(&other_seed).1, "{config}");
    }
}

#[test]
fn a_summary_lists_locked_dropout_as_dropout() {
    let rows = |config: LanguageModelConfig| config.init(&cpu(), 0).unwrap().summary().rows;
    assert_eq!(rows(everything()), rows(small().dropout(0.5)));
}

#[test]
fn rates_and_penalties_out_of_range_are_refused() {
    type Set = fn(LanguageModelConfig, f64) -> LanguageModelConfig;
    let rates: [(&str, Set); 6] = [
        ("dropout", |config, rate| config.dropout(rate).input_dropout(0.0).hidden_dropout(0.0).output_dropout(0.0)),
        ("input_dropout", LanguageModelConfig::input_dropout),
        ("hidden_dropout", LanguageModelConfig::hidden_dropout),
        ("output_dropout", LanguageModelConfig::output_dropout),
        ("embedding_dropout", LanguageModelConfig::embedding_dropout),
        ("weight_dropout", LanguageModelConfig::weight_dropout),
    ];
    let penalties: [(&str, Set); 2] = [
        ("activation_penalty", LanguageModelConfig::activation_penalty),
        ("temporal_activation_penalty", LanguageModelConfig::temporal_activation_penalty),
    ];
    let message = |set: Set, value: f64| set(small(), value).init(&cpu(), 0).err().map(|error| error.to_string());
    for (option, set) in rates {
        for value in [-0.1, 1.0, f64::NAN] {
            let message = message(set, value).unwrap();
            assert!(message.contains(&format!("option {option} ")) && message.contains("below 1"), "{message}");
        }
        assert_eq!(message(set, 0.0), None);
        assert_eq!(message(set, 0.99), None);
    }
    for (option, set) in penalties {
        for value in [-0.1, f64::INFINITY, f64::NAN] {
            let message = message(set, value).unwrap();
            assert!(message.contains(&format!("option {option} ")) && message.contains("at least 0"), "{message}");
        }
        assert_eq!(message(set, 0.0), None);
        assert_eq!(message(set, 5.0), None);
    }
}

#[test]
fn a_configuration_from_before_these_options_has_their_defaults() {
    let text = r#"{"vocab":9,"kind":"simple_rnn","d_embedding":4,"d_hidden":[6,4],"dropout":0.0,"output":"full"}"#;
    assert_eq!(serde_json::from_str::<LanguageModelConfig>(text).unwrap(), small());
    assert_eq!(serde_json::to_string(&small()).unwrap(), text);
    let text = serde_json::to_string(&everything()).unwrap();
    assert_eq!(serde_json::from_str::<LanguageModelConfig>(&text).unwrap(), everything());
}
