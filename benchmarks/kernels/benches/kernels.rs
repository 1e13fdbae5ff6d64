//! Times the fused kernels one by one, at the sizes of the training steps that `kiln-bench` times; run by
//! `cargo xtask bench`. `forward` predicts; `training` records, then computes every gradient.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use burn::tensor::{Device, Int, Tensor, TensorData};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kiln_kernels::{
    Activation, AdamStep, CellKind, Directions, RandomKey, RecurrentOptions, RecurrentWeights, Span, Wanted, adam_step,
    conv1d, dropout, embedding, max_pool1d, recurrent,
};

/// The CPU backends of the build.
fn devices() -> Vec<(&'static str, Device)> {
    kiln_kernels::keep_freed_memory();
    let mut devices = Vec::new();
    #[cfg(feature = "flex")]
    devices.push(("flex", Device::flex()));
    #[cfg(feature = "ndarray")]
    #[allow(deprecated)]
    devices.push(("ndarray", Device::ndarray()));
    devices
}

/// Uniform numbers between -0.5 and 0.5.
fn random<const D: usize>(name: &str, shape: [usize; D], device: &Device) -> Tensor<D> {
    let values: Vec<f32> =
        RandomKey::new(0).child(name).uniform(shape.iter().product()).iter().map(|x| x - 0.5).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Times `act` on `inputs` for prediction, and with the gradients of all inputs.
fn both<const D: usize>(
    criterion: &mut Criterion,
    name: &str,
    elements: usize,
    inputs: &[Vec<usize>],
    act: impl Fn(&[Tensor<1>]) -> Tensor<D>,
) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(elements as u64));
    for (backend, device) in devices() {
        let plain: Vec<Tensor<1>> = (inputs.iter().enumerate())
            .map(|(i, shape)| random(&format!("{name} {i}"), [shape.iter().product()], &device))
            .collect();
        group.bench_function(BenchmarkId::new("forward", backend), |bencher| {
            bencher.iter(|| black_box(act(&plain)));
        });
        let leaves: Vec<Tensor<1>> = (plain.iter())
            .map(|input| Tensor::from_data(input.to_data(), &device.clone().autodiff()).require_grad())
            .collect();
        group.bench_function(BenchmarkId::new("training", backend), |bencher| {
            bencher.iter(|| {
                let gradients = act(&leaves).sum().backward();
                for leaf in &leaves {
                    black_box(leaf.grad(&gradients));
                }
            });
        });
    }
    group.finish();
}

fn recurrent_layer(
    criterion: &mut Criterion,
    name: &str,
    cell: CellKind,
    directions: Directions,
    [batch, time, d_input, d_hidden]: [usize; 4],
    ragged: bool,
) {
    let (walks, width) = (directions.walks().len(), cell.gates() * d_hidden);
    let kernel = [walks, d_input, width];
    let recurrent_kernel = [walks, d_hidden, width];
    let bias = [walks, cell.biases(), width];
    let spans: Option<Arc<[Span]>> =
        ragged.then(|| (0..batch).map(|row| Span { start: 0, len: time * (row + 1) / batch }).collect());
    let inputs = [vec![batch, time, d_input], kernel.to_vec(), recurrent_kernel.to_vec(), bias.to_vec()];
    both(criterion, name, batch * time, &inputs, |inputs| {
        let weights = RecurrentWeights {
            kernel: inputs[1].clone().reshape(kernel),
            recurrent_kernel: inputs[2].clone().reshape(recurrent_kernel),
            bias: inputs[3].clone().reshape(bias),
        };
        let options = RecurrentOptions { cell, directions, spans: spans.clone(), wanted: Wanted::SEQUENCE };
        recurrent(inputs[0].clone().reshape([batch, time, d_input]), weights, None, options)
    });
}

fn recurrent_layers(criterion: &mut Criterion) {
    let gru = CellKind::Gru { reset_after: true };
    let simple = CellKind::SimpleRnn { activation: Activation::Tanh };
    let (one, two) = (Directions::Forward, Directions::Both);
    for (name, cell, directions, sizes, ragged) in [
        ("bilstm 64, 49 steps of 64", CellKind::Lstm, two, [64, 49, 64, 64], false),
        ("bilstm 64, 300 steps of 64", CellKind::Lstm, two, [64, 300, 64, 64], false),
        ("bilstm 64, 4 to 300 steps of 64", CellKind::Lstm, two, [64, 300, 64, 64], true),
        ("bigru 64, 300 steps of 64", gru, two, [64, 300, 64, 64], false),
        ("bigru before 64, 300 steps of 64", CellKind::Gru { reset_after: false }, two, [64, 300, 64, 64], false),
        ("simple rnn 64, 300 steps of 64", simple, one, [64, 300, 64, 64], false),
        ("gru 30, 100 steps of 2", gru, one, [32, 100, 2, 30], false),
        ("lstm 256, 100 steps of 256", CellKind::Lstm, one, [32, 100, 256, 256], false),
        ("lstm 512, 100 steps of 512", CellKind::Lstm, one, [32, 100, 512, 512], false),
    ] {
        recurrent_layer(criterion, name, cell, directions, sizes, ragged);
    }
}

fn the_rest(criterion: &mut Criterion) {
    let inputs = [vec![64, 200, 200], vec![5, 200, 64], vec![64]];
    both(criterion, "conv1d relu, 64 x 200 x 200, 64 windows of 5", 64 * 196, &inputs, |inputs| {
        let (input, kernel) = (inputs[0].clone().reshape([64, 200, 200]), inputs[1].clone().reshape([5, 200, 64]));
        conv1d(input, kernel, inputs[2].clone(), Activation::Relu)
    });
    let shape = [64, 200, 200];
    both(criterion, "dropout 0.5, 64 x 200 x 200", shape.iter().product(), &[shape.to_vec()], |inputs| {
        dropout(inputs[0].clone(), RandomKey::new(1), 0.5)
    });
    both(criterion, "max pooling of 4, 64 x 196 x 64", 64 * 196 * 64, &[vec![64, 196, 64]], |inputs| {
        max_pool1d(inputs[0].clone().reshape([64, 196, 64]), 4)
    });
    let ids: Vec<i32> =
        RandomKey::new(1).child("ids").uniform(64 * 200).iter().map(|x| (x * 10_000.0) as i32).collect();
    both(criterion, "embedding 10000 x 200, 64 x 200 ids", 64 * 200, &[vec![10_000, 200]], |inputs| {
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids.clone(), [64, 200]), &inputs[0].device());
        embedding(inputs[0].clone().reshape([10_000, 200]), ids)
    });
}

fn adam(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("adam");
    let count = 2_000_000;
    group.throughput(Throughput::Elements(count as u64));
    let step = AdamStep { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, rate: 1e-3 };
    for (backend, device) in devices() {
        let gradient = random("gradient", [count], &device);
        let mut state = Some((
            random("value", [count], &device),
            Tensor::zeros([count], &device),
            Tensor::zeros([count], &device),
        ));
        group.bench_function(BenchmarkId::new("2000000 numbers", backend), |bencher| {
            bencher.iter(|| {
                if let Some((value, mean, square)) = state.take() {
                    state = Some(adam_step(value, mean, square, gradient.clone(), None, step));
                }
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = kernels;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = recurrent_layers, the_rest, adam
}
criterion_main!(kernels);
