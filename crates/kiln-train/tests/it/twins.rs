//! Ten training steps of whole models with the fused kernels and with their twins.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use kiln_kernels::with_twins;
use kiln_models::weights::weights_of;
use kiln_models::{
    ConvBiLstmConfig, Head, Model, Pass, RandomKey, RecurrentKind, RecurrentRegressorConfig, Series, Span, Spans,
    Targets, TokenBatch,
};
use kiln_train::{Optimizer, OptimizerState};

use crate::devices;

/// The losses of ten steps of Adam, with the norm of the gradients clipped, and the weights after them.
fn ten_steps<M: Module>(mut model: M, loss: impl Fn(&M, &Pass) -> Tensor<1>) -> (Vec<f32>, Vec<f32>) {
    model = model.train();
    let mut optimizer = OptimizerState::new(Optimizer::adam()).unwrap();
    let mut losses = Vec::new();
    for step in 0..10 {
        let loss = loss(&model, &Pass::Training { seed: 5, step });
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(model, gradients, 1e-2, Some(1.0));
        losses.push(loss.into_scalar::<f32>());
    }
    let weights = weights_of(&model).into_values().flat_map(|weight| weight.values).collect();
    (losses, weights)
}

/// Both ways lead to the same losses and weights, and learn something.
fn assert_agree(what: &str, run: impl Fn() -> (Vec<f32>, Vec<f32>)) {
    let (fused, twins) = (run(), with_twins(&run));
    assert_ne!(fused.0[0], fused.0[9], "{what}: nothing was learned");
    for (name, fused, twins) in [("losses", fused.0, twins.0), ("weights", fused.1, twins.1)] {
        let far = fused.iter().zip(&twins).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far < 1e-3, "{what}: the {name} of the kernels and of their twins differ by {far}");
    }
}

/// The backends that have their own kernels.
fn fused() -> impl Iterator<Item = (&'static str, Device)> {
    devices::all().into_iter().filter(|(backend, _)| *backend != "wgpu")
}

fn spans(rows: usize, steps: usize) -> Spans {
    Spans::new((0..rows).map(|row| Span { start: row % 3, len: steps - 3 - row % 5 }).collect())
}

fn tokens(rows: usize, steps: usize, vocab: usize, device: &Device) -> TokenBatch {
    let ids: Vec<i32> =
        RandomKey::new(1).child("ids").uniform(rows * steps).iter().map(|x| (x * vocab as f32) as i32).collect();
    let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [rows, steps]), device);
    TokenBatch { ids, spans: Some(spans(rows, steps)) }
}

#[test]
fn ten_steps_of_the_convolution_and_lstm_model_agree_with_the_twins() {
    for (backend, device) in fused() {
        let training = device.clone().autodiff();
        let config = ConvBiLstmConfig::new(50, 41).d_embedding(20).filters(18).d_hidden([17, 9]);
        let input = tokens(12, 41, 50, &training);
        let classes: Vec<i32> = (0..12).map(|row| row % 2).collect();
        let targets = Targets::Classes(Tensor::from_data(TensorData::new(classes, [12]), &training));
        assert_agree(backend, || {
            let model = config.init(&device, 3).unwrap();
            ten_steps(model, |model, pass| Head::Binary.loss(model.forward(&input, pass), &targets))
        });
    }
}

#[test]
fn ten_steps_of_every_recurrent_layer_agree_with_the_twins() {
    for (backend, device) in fused() {
        let training = device.clone().autodiff();
        let values = RandomKey::new(1).child("series").uniform(10 * 21 * 3);
        let input = Series {
            values: Tensor::from_data(TensorData::new(values, [10, 21, 3]), &training),
            spans: Some(spans(10, 21)),
        };
        let targets = RandomKey::new(1).child("targets").uniform(10);
        let targets = Targets::Values(Tensor::from_data(TensorData::new(targets, [10, 1]), &training));
        for kind in [RecurrentKind::SimpleRnn, RecurrentKind::Lstm, RecurrentKind::Gru] {
            let config = RecurrentRegressorConfig::new(3, 21).kind(kind).d_hidden(vec![11, 7]);
            assert_agree(&format!("{backend}, {kind:?}"), || {
                let model = config.init(&device, 3).unwrap();
                ten_steps(model, |model, pass| Head::Values(1).loss(model.forward(&input, pass), &targets))
            });
        }
    }
}
