//! Every parameter's gradient by its path, and gradients compared with finite differences.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};
use kiln_models::weights::{weights_of, with_weights};
use kiln_models::{ConvBiLstmConfig, Head, Model, Pass, Span, Spans, Targets, TokenBatch};

use crate::{devices, fixtures};

/// Collects the gradient of every parameter.
pub(crate) struct Gradient<'a> {
    path: Vec<String>,
    gradients: &'a Gradients,
    found: Vec<(String, Vec<f32>)>,
}

impl<'a> Gradient<'a> {
    pub(crate) fn of<M: Module>(module: &M, gradients: &'a Gradients) -> Vec<(String, Vec<f32>)> {
        let mut visitor = Self { path: Vec::new(), gradients, found: Vec::new() };
        module.visit(&mut visitor);
        visitor.found
    }
}

impl ModuleVisitor for Gradient<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        if !container.starts_with("Enum:") {
            self.path.push(name.to_owned());
        }
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        if !container.starts_with("Enum:") {
            self.path.pop();
        }
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = param.val().grad(self.gradients).expect("every parameter has a gradient");
        self.found.push((self.path.join("."), fixtures::values(gradient)));
    }
}

/// A whole model with spans: each gradient's steepest entry agrees with the finite difference of the loss around it.
#[test]
fn a_whole_models_gradients_agree_with_finite_differences() {
    for (backend, device) in devices::all() {
        let model = ConvBiLstmConfig::new(11, 13)
            .d_embedding(5)
            .dropout(0.0)
            .filters(4)
            .kernel_size(3)
            .pool_size(2)
            .d_hidden([3, 2])
            .init(&device, 3)
            .unwrap();
        let ids: Vec<i32> = (0..39).map(|i| i * 7 % 11).collect();
        let span = |start, len| Span { start, len };
        let tokens = |device: &burn::tensor::Device| TokenBatch {
            ids: Tensor::<1, burn::tensor::Int>::from_data(ids.as_slice(), device).reshape([3, 13]),
            spans: Some(Spans::new(vec![span(0, 13), span(6, 7), span(0, 4)])),
        };
        let loss = |model: &kiln_models::ConvBiLstm, device: &burn::tensor::Device| {
            let targets = Targets::Classes(Tensor::from_data([0, 1, 1], device));
            Head::Binary.loss(model.forward(&tokens(device), &Pass::Inference), &targets)
        };
        let training = model.clone().train();
        let gradients = loss(&training, &device.clone().autodiff()).backward();
        for (name, gradient) in Gradient::of(&training, &gradients) {
            let (place, &steepest) =
                gradient.iter().enumerate().max_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs())).unwrap();
            let beside = |step: f32| {
                let mut weights = weights_of(&model);
                weights.get_mut(&name).unwrap().values[place] += step;
                fixtures::values(loss(&with_weights(model.clone(), weights).unwrap(), &device))[0]
            };
            let step = 2e-3;
            let slope = (beside(step) - beside(-step)) / (2.0 * step);
            let limit = 2e-4 + 0.02 * steepest.abs();
            assert!((slope - steepest).abs() < limit, "{backend} {name}: {steepest}, but the difference is {slope}");
        }
    }
}
