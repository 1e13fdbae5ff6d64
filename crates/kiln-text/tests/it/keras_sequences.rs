//! Sampling tables, skip-gram pairs, windows of series and padding are Keras's: `fixtures/keras_sequences.json`, made
//! by `fixtures/keras_sequences.py`. Random draws are in `skipgrams.rs` and `timeseries.rs`.

use kiln_text::keras::{SkipGrams, TimeseriesDataset, TimeseriesGenerator, TimeseriesWindows, make_sampling_table};
use kiln_text::rows::{PadSequences, Padding, Truncating};
use serde::de::DeserializeOwned;
use serde_json::Value;

const FIXTURE: &str = include_str!("../fixtures/keras_sequences.json");

fn cases(part: &str, count: usize) -> Vec<Value> {
    let fixture: Value = serde_json::from_str(FIXTURE).unwrap();
    let cases = fixture[part].as_array().unwrap().clone();
    assert_eq!(cases.len(), count, "{part}");
    cases
}

fn get<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn sampling_tables() {
    for case in cases("sampling_tables", 4) {
        let expected: Vec<f64> = get(&case["table"]);
        let table = make_sampling_table(expected.len(), get(&case["factor"])).unwrap();
        assert_eq!(table.len(), expected.len());
        for (id, (found, expected)) in table.iter().zip(&expected).enumerate() {
            assert!((found - expected).abs() <= 1e-15 * expected, "{id}: {found} {expected}");
        }
    }
}

#[test]
fn positive_pairs() {
    for case in cases("positives", 50) {
        let (sequence, window): (Vec<u32>, usize) = (get(&case["sequence"]), get(&case["window"]));
        let made = SkipGrams::new(12).window(window).negatives(0.0).shuffle(false).pairs(&sequence).unwrap();
        let expected: Vec<[u32; 2]> = get(&case["pairs"]);
        assert_eq!(made.labels, vec![1; expected.len()]);
        assert_eq!(made.pairs, expected, "{sequence:?}, {window}");
    }
}

#[test]
fn the_number_of_negative_pairs() {
    let sequence: Vec<u32> = get(&cases("positives", 50)[49]["sequence"]);
    for case in cases("counts", 5) {
        let made = SkipGrams::new(12).window(2).negatives(get(&case["negatives"])).pairs(&sequence).unwrap();
        assert_eq!(made.labels.iter().filter(|&&label| label == 1).count(), get::<usize>(&case["positive"]), "{case}");
        assert_eq!(made.pairs.len(), get::<usize>(&case["total"]), "{case}");
    }
}

fn check_windows(case: &Value, windows: &TimeseriesWindows, targets: usize) {
    let (steps, width): (usize, usize) = (get(&case["steps"]), get(&case["width"]));
    let series: Vec<f64> = (0..steps * width).map(|at| (at / width) as f64 + 0.5 * (at % width) as f64).collect();
    let targets: Vec<i64> = (100..100 + targets as i64).collect();
    let expected = case["batches"].as_array().unwrap();
    assert_eq!(windows.batches().len(), expected.len(), "{case}");
    for (batch, expected) in windows.batches().zip(expected) {
        let shape: Vec<usize> = get(&expected["shape"]);
        assert_eq!([batch.len(), windows.steps()], shape[..2], "{case}");
        assert_eq!(windows.inputs(batch.clone(), &series, width).unwrap(), get::<Vec<f64>>(&expected["x"]), "{case}");
        assert_eq!(windows.targets(batch, &targets, 1).unwrap(), get::<Vec<i64>>(&expected["y"]), "{case}");
    }
}

#[test]
fn windows_of_the_generator() {
    for case in cases("generator", 10) {
        let mut options = TimeseriesGenerator::new(get(&case["options"]["length"]));
        for (name, value) in case["options"].as_object().unwrap() {
            options = match name.as_str() {
                "length" => options,
                "sampling_rate" => options.sampling_rate(get(value)),
                "stride" => options.stride(get(value)),
                "start_index" => options.start(get(value)),
                "end_index" => options.end(get(value)),
                "reverse" => options.reverse(get(value)),
                "batch_size" => options.batch_size(get(value)),
                other => panic!("the fixture has an option that this test does not know: {other}"),
            };
        }
        let steps = get(&case["steps"]);
        check_windows(&case, &options.windows(steps).unwrap(), steps);
    }
}

#[test]
fn windows_of_the_dataset() {
    for case in cases("dataset", 8) {
        let targets = get(&case["targets"]);
        let mut options = TimeseriesDataset::new(get(&case["options"]["sequence_length"])).targets(targets);
        for (name, value) in case["options"].as_object().unwrap() {
            options = match name.as_str() {
                "sequence_length" => options,
                "sequence_stride" => options.sequence_stride(get(value)),
                "sampling_rate" => options.sampling_rate(get(value)),
                "start_index" => options.start(get(value)),
                "end_index" => options.end(get(value)),
                "batch_size" => options.batch_size(get(value)),
                other => panic!("the fixture has an option that this test does not know: {other}"),
            };
        }
        check_windows(&case, &options.windows(get(&case["steps"])).unwrap(), targets);
    }
}

#[test]
fn padding_of_every_type() {
    let fixture: Value = serde_json::from_str(FIXTURE).unwrap();
    let ragged: Vec<Vec<f32>> = get(&fixture["ragged"]);
    for case in cases("padded", 72) {
        let mut options = PadSequences::new().value(get::<f32>(&case["value"]));
        if let Some(len) = get(&case["maxlen"]) {
            options = options.max_len(len);
        }
        if case["padding"] == "post" {
            options = options.padding(Padding::Post);
        }
        if case["truncating"] == "post" {
            options = options.truncating(Truncating::Post);
        }
        let padded = options.pad(&ragged).unwrap();
        let rows = case["rows"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap());
        match case["dtype"].as_str().unwrap() {
            "float32" => {
                let expected: Vec<f32> = rows.map(get).collect();
                assert_eq!(padded.values, expected, "{case}");
            }
            "int32" => {
                let expected: Vec<i32> = rows.map(get).collect();
                assert_eq!(padded.map(|value| value as i32).values, expected, "{case}");
            }
            "int64" => {
                let expected: Vec<i64> = rows.map(get).collect();
                assert_eq!(padded.map(|value| value as i64).values, expected, "{case}");
            }
            other => panic!("the fixture has a type that this test does not know: {other}"),
        }
    }
}
