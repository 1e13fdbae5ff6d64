//! Fixtures: numbers that Keras and PyTorch computed (`tests/fixtures/generate.py`).

use burn::tensor::{Device, Int, Tensor, TensorData};
use kiln_models::weights::{Weight, Weights};
use serde_json::Value;

/// The cases of a fixture file.
pub(crate) fn cases(text: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(text).expect("a fixture is JSON");
    file["cases"].as_array().expect("a fixture has cases").clone()
}

pub(crate) fn name(case: &Value) -> &str {
    case["name"].as_str().expect("a case has a name")
}

/// The numbers of an array.
pub(crate) fn numbers(array: &Value) -> Vec<f32> {
    array["data"].as_array().expect("an array has data").iter().map(|v| v.as_f64().unwrap() as f32).collect()
}

pub(crate) fn shape(array: &Value) -> Vec<usize> {
    array["shape"].as_array().expect("an array has a shape").iter().map(|v| v.as_u64().unwrap() as usize).collect()
}

pub(crate) fn sizes(list: &Value) -> Vec<usize> {
    list.as_array().expect("a list").iter().map(|v| v.as_u64().unwrap() as usize).collect()
}

pub(crate) fn weight(array: &Value) -> Weight {
    Weight { shape: shape(array), values: numbers(array) }
}

pub(crate) fn tensor<const D: usize>(array: &Value, device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(numbers(array), shape(array)), device)
}

pub(crate) fn ids<const D: usize>(array: &Value, device: &Device) -> Tensor<D, Int> {
    let ids: Vec<i32> = array["data"].as_array().unwrap().iter().map(|v| v.as_i64().unwrap() as i32).collect();
    Tensor::from_data(TensorData::new(ids, shape(array)), device)
}

/// The fixture's weights under Kiln's names, without those for which `rename` returns `None`.
pub(crate) fn weights(case: &Value, rename: impl Fn(&str) -> Option<String>) -> Weights {
    case["weights"]
        .as_object()
        .expect("a case has weights")
        .iter()
        .filter_map(|(name, array)| Some((rename(name)?, weight(array))))
        .collect()
}

pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec_as::<f32>().expect("floats")
}

/// Asserts that the values agree within `tolerance`, relative for values above 1.
#[track_caller]
pub(crate) fn assert_close(what: &str, got: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(got.len(), expected.len(), "{what}: the number of values");
    for (place, (got, expected)) in got.iter().zip(expected).enumerate() {
        let limit = tolerance * expected.abs().max(1.0);
        assert!((got - expected).abs() <= limit, "{what}[{place}]: got {got}, expected {expected}");
    }
}
