//! Early stopping and the plateau schedule compared with traces of Keras's callbacks (`tests/fixtures/generate.py`).

use kiln_models::weights::{Weight, Weights};
use kiln_train::{
    Callback, Control, EarlyStopping, EpochLogs, Mode, Monitor, PlateauRule, ReduceLrOnPlateau, Threshold,
};
use serde_json::Value;

const EARLY_STOPPING: &str = include_str!("../fixtures/keras_early_stopping.json");
const TORCH_PLATEAU: &str = include_str!("../fixtures/torch_reduce_lr_on_plateau.json");
const PLATEAU: &str = include_str!("../fixtures/keras_reduce_lr_on_plateau.json");

fn cases(text: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(text).unwrap();
    file["cases"].as_array().unwrap().clone()
}

fn values(case: &Value) -> Vec<f64> {
    case["values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect()
}

fn size(options: &Value, name: &str) -> usize {
    options[name].as_u64().unwrap() as usize
}

/// The case's metric is stored as the validation loss.
fn monitor(options: &Value) -> Monitor {
    let mode = if options["mode"] == "max" { Mode::Max } else { Mode::Min };
    Monitor::Metric { name: "val_loss".into(), mode }
}

fn logs(epoch: usize, value: f64) -> EpochLogs {
    EpochLogs { epoch, val_loss: value, ..EpochLogs::default() }
}

/// Weights that contain their epoch.
fn tagged(epoch: usize) -> Weights {
    Weights::from([("w".to_owned(), Weight { shape: vec![1], values: vec![epoch as f32] })])
}

fn early_stopping(options: &Value) -> EarlyStopping {
    let mut callback = EarlyStopping::on(monitor(options))
        .patience(size(options, "patience"))
        .min_delta(options["min_delta"].as_f64().unwrap())
        .start_from_epoch(size(options, "start_from_epoch"))
        .restore_best_weights(options["restore_best_weights"].as_bool().unwrap());
    if let Some(baseline) = options["baseline"].as_f64() {
        callback = callback.baseline(baseline);
    }
    callback
}

/// The epoch that stops the run and the one that is restored, both from 0. `reload` passes the state through a
/// checkpoint's form after every epoch.
fn stop_and_restore(case: &Value, reload: bool) -> (Option<u64>, Option<u64>) {
    let mut callback = early_stopping(&case["options"]);
    let (mut stopped, mut last) = (None, 0);
    for (epoch, value) in values(case).into_iter().enumerate() {
        last = epoch;
        let weights = || tagged(epoch);
        let mut control = Control::new(0.1, &weights);
        callback.on_epoch_end(&logs(epoch + 1, value), &mut control).unwrap();
        if reload {
            let state = callback.state();
            callback = early_stopping(&case["options"]);
            callback.restore(state).unwrap();
        }
        if control.stopped().is_some() {
            stopped = Some(epoch as u64);
            break;
        }
    }
    let weights = || tagged(last);
    let mut control = Control::new(0.1, &weights);
    callback.on_train_end(&mut control).unwrap();
    (stopped, control.replaced().map(|weights| weights["w"].values[0] as u64))
}

#[test]
fn early_stopping_follows_kerass_traces() {
    let (mut checked, mut nan) = (0, 0);
    for case in cases(EARLY_STOPPING) {
        let name = &case["name"];
        if case["departs"] == true {
            continue;
        }
        let expected = (case["stopped_epoch"].as_u64(), case["restored_epoch"].as_u64());
        for reload in [false, true] {
            assert_eq!(stop_and_restore(&case, reload), expected, "{name}, reload {reload}");
        }
        checked += 1;
        nan += usize::from(values(&case).iter().any(|value| value.is_nan()));
    }
    assert!(checked >= 10 && nan >= 1, "{checked} traces, {nan} with NaN");
}

#[test]
fn a_first_value_of_nan_does_not_block_early_stopping() {
    let departing: Vec<Value> = cases(EARLY_STOPPING).into_iter().filter(|c| c["departs"] == true).collect();
    assert!(!departing.is_empty());
    for case in departing {
        let values = values(&case);
        let weights = Weights::new;
        let mut callback = early_stopping(&case["options"]);
        for (epoch, value) in values.iter().enumerate() {
            let mut control = Control::new(0.1, &weights);
            callback.on_epoch_end(&logs(epoch + 1, *value), &mut control).unwrap();
            if control.stopped().is_some() {
                break;
            }
        }
        let best = callback.best_epoch().expect("some epoch is watched");
        // Keras keeps the NaN; here the best value is a number if one was seen in time.
        let start = size(&case["options"], "start_from_epoch");
        if size(&case["options"], "patience") > 1 && values[start..].iter().skip(1).any(|v| v.is_finite()) {
            assert!(values[best - 1].is_finite(), "{}: epoch {best}", case["name"]);
        }
    }
}

fn plateau(options: &Value) -> ReduceLrOnPlateau {
    ReduceLrOnPlateau::on(monitor(options))
        .factor(options["factor"].as_f64().unwrap())
        .patience(size(options, "patience"))
        .min_delta(options["min_delta"].as_f64().or(options["threshold"].as_f64()).unwrap())
        .rule(match options["threshold_mode"].as_str() {
            None => PlateauRule::Keras,
            Some(mode) => PlateauRule::PyTorch {
                threshold: if mode == "rel" { Threshold::Relative } else { Threshold::Absolute },
                eps: options["eps"].as_f64().unwrap(),
            },
        })
        .cooldown(size(options, "cooldown"))
        .min_lr(options["min_lr"].as_f64().unwrap())
}

/// The rate after each epoch.
fn rates(case: &Value, reload: bool) -> Vec<f64> {
    let mut callback = plateau(&case["options"]);
    let mut rate = case["initial_lr"].as_f64().unwrap();
    values(case)
        .into_iter()
        .enumerate()
        .map(|(epoch, value)| {
            let weights = Weights::new;
            let mut control = Control::new(rate, &weights);
            callback.on_epoch_end(&logs(epoch + 1, value), &mut control).unwrap();
            rate = control.learning_rate();
            if reload {
                let state = callback.state();
                callback = plateau(&case["options"]);
                callback.restore(state).unwrap();
            }
            rate
        })
        .collect()
}

#[test]
fn the_plateau_schedule_follows_kerass_traces() {
    assert!(follows(PLATEAU) >= 10);
}

#[test]
fn pytorchs_rule_follows_its_traces() {
    assert!(follows(TORCH_PLATEAU) >= 10);
}

/// The number of traces in a fixture that the rates follow.
fn follows(fixture: &str) -> usize {
    let mut checked = 0;
    for case in cases(fixture) {
        if case["departs"] == true {
            continue;
        }
        let expected: Vec<f64> =
            case["lr_after_epoch"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        for reload in [false, true] {
            let got = rates(&case, reload);
            assert_eq!(got.len(), expected.len());
            for (epoch, (got, expected)) in got.iter().zip(&expected).enumerate() {
                // Keras stores the rate in 32 bits.
                let close = (got - expected).abs() <= 1e-6 * expected.abs();
                assert!(close, "{} epoch {epoch}: {got}, expected {expected}", case["name"]);
            }
        }
        checked += 1;
    }
    checked
}

#[test]
fn pytorchs_defaults_are_pytorchs() {
    let expected = PlateauRule::PyTorch { threshold: Threshold::Relative, eps: 1e-8 };
    assert_eq!(PlateauRule::pytorch(), expected);
}

#[test]
fn a_plateau_factor_that_does_not_lower_is_refused() {
    for factor in [0.0, 1.0, -0.5, f64::NAN] {
        let error = ReduceLrOnPlateau::on(Monitor::ValidLoss).factor(factor).check().unwrap_err();
        assert!(error.to_string().contains("factor of ReduceLrOnPlateau should be above 0 and below 1"), "{error}");
    }
}

#[test]
fn an_unknown_metric_is_an_error_that_lists_the_others() {
    let monitor = Monitor::Metric { name: "val_f1".into(), mode: Mode::Max };
    let weights = Weights::new;
    let error = EarlyStopping::on(monitor)
        .on_epoch_end(&logs(1, 0.5), &mut Control::new(0.1, &weights))
        .unwrap_err()
        .to_string();
    assert!(error.contains("'val_f1'") && error.contains("val_loss"), "{error}");
}
