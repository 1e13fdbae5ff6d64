//! Arguments that do not match are refused, with what was expected and what was found.

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::{Device, Tensor};
use kiln_kernels::{
    Activation, CellKind, Directions, RecurrentOptions, RecurrentWeights, Span, Wanted, adam_step, conv1d, embedding,
    recurrent,
};

use crate::devices;

/// The message of the panic of `run`.
fn message<T>(run: impl FnOnce() -> T) -> String {
    let panic = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(_) => return "no panic".to_owned(),
        Err(panic) => panic,
    };
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast_ref::<&str>().map_or("another payload".to_owned(), |text| (*text).to_owned()),
    }
}

#[track_caller]
fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "'{message}' does not contain '{part}'");
    }
}

fn call(device: &Device, change: impl FnOnce(&mut RecurrentWeights, &mut RecurrentOptions)) -> String {
    let mut weights = RecurrentWeights {
        kernel: Tensor::zeros([1, 3, 20], device),
        recurrent_kernel: Tensor::zeros([1, 5, 20], device),
        bias: Tensor::zeros([1, 1, 20], device),
    };
    let mut options = RecurrentOptions {
        cell: CellKind::Lstm,
        directions: Directions::Forward,
        spans: None,
        wanted: Wanted::SEQUENCE,
    };
    change(&mut weights, &mut options);
    let input = Tensor::zeros([2, 7, 3], device);
    message(|| recurrent(input, weights, None, options))
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    for (_, device) in devices::all() {
        let kernel = call(&device, |weights, _| weights.kernel = Tensor::zeros([1, 4, 20], &device));
        assert_says(&kernel, &["kernel of Lstm", "[1, 3, 20]", "[1, 4, 20]"]);
        let bias = call(&device, |weights, _| weights.bias = Tensor::zeros([1, 2, 20], &device));
        assert_says(&bias, &["bias of Lstm", "[1, 1, 20]", "[1, 2, 20]"]);
        let both = call(&device, |_, options| options.directions = Directions::Both);
        assert_says(&both, &["2 directions are needed", "found 1"]);
        let cell = call(&device, |weights, options| {
            options.cell = CellKind::Gru { reset_after: false };
            options.wanted.cell = true;
            weights.kernel = Tensor::zeros([1, 3, 15], &device);
            weights.recurrent_kernel = Tensor::zeros([1, 5, 15], &device);
            weights.bias = Tensor::zeros([1, 1, 15], &device);
        });
        assert_says(&cell, &["has no cell state"]);
        let conv = message(|| {
            let input = Tensor::<3>::zeros([1, 2, 3], &device);
            conv1d(input, Tensor::zeros([3, 3, 1], &device), Tensor::zeros([1], &device), Activation::Linear)
        });
        assert_says(&conv, &["window 3 needs rows of at least 3 steps, found 2"]);
        let adam = message(|| {
            let vector = |count| Tensor::<1>::zeros([count], &device);
            let step = kiln_kernels::AdamStep { beta_1: 0.9, beta_2: 0.9, epsilon: 1e-7, rate: 1.0 };
            adam_step(vector(3), vector(3), vector(3), vector(4), None, step)
        });
        assert_says(&adam, &["gradient must have the value's shape [3]", "[4]"]);
    }
}

#[test]
fn spans_outside_the_sequence_are_named() {
    for (_, device) in devices::all() {
        let with = |spans: Vec<Span>| call(&device, |_, options| options.spans = Some(spans.into()));
        let outside = with(vec![Span { start: 0, len: 7 }, Span { start: 5, len: 3 }]);
        assert_says(&outside, &["span of row 1", "within 7 steps", "5 to 7"]);
        assert_says(&with(vec![Span { start: 0, len: 7 }]), &["batch of 2 rows", "found 1"]);
        assert_eq!(
            with(vec![Span { start: 9, len: 0 }, Span { start: 0, len: 7 }]),
            "no panic",
            "an empty span is not an error"
        );
    }
}

#[test]
fn ids_beyond_the_table_are_named_on_the_cpu() {
    for (_, device) in devices::on_the_cpu() {
        let table = Tensor::<2>::zeros([4, 2], &device);
        let beyond = message(|| embedding(table, Tensor::from_ints([[1, 4]], &device)));
        assert_says(&beyond, &["below the table's 4 rows", "one is 4"]);
    }
}

#[test]
fn tensors_on_two_devices_are_named() {
    // A build with one backend cannot make this mistake.
    if let [(_, one), (_, other), ..] = devices::all().as_slice() {
        let two = call(one, |weights, _| weights.bias = Tensor::zeros([1, 1, 20], other));
        assert_says(&two, &["bias must be on device"]);
    }
}
