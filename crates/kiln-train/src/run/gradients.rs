//! The gradients of one step, of whole parameters or of single rows of a sparse embedding, their sum over several
//! batches, and their norms: one number per parameter and step on the device, one per layer on the host.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Gradients, IndexingUpdateOp, Int, Tensor};
use kiln_kernels::{RowGradient, row_gradient, squared_norm};
use kiln_models::{LookedUp, weights};

/// The gradients of a module's parameters after one backward pass.
pub struct StepGradients {
    pub(crate) whole: GradientsParams,
    pub(crate) rows: BTreeMap<ParamId, RowGradient>,
}

/// Rows of a table, each any number of times: their gradients, `[1, rows, width]`, and their ids, `[1, rows]`.
pub(crate) type Rows = (Tensor<3>, Tensor<2, Int>);

impl StepGradients {
    /// The gradients of `module` from a backward pass; `looked_up` is what [`record_rows`](kiln_models::record_rows)
    /// returned for its forward pass.
    pub fn new<M: Module>(module: &M, gradients: Gradients, looked_up: Vec<LookedUp>) -> Self {
        // A table may be looked up several times in a pass.
        let mut parts: BTreeMap<ParamId, Vec<Rows>> = BTreeMap::new();
        for LookedUp { table, ids, rows } in looked_up {
            if let Some(gradient) = rows.grad(&gradients) {
                let [batch, time, width] = gradient.dims();
                let gradient = gradient.reshape([1, batch * time, width]);
                let ids = ids.without_autodiff().reshape([1, batch * time]);
                parts.entry(table).or_default().push((gradient, ids));
            }
        }
        Self::of(GradientsParams::from_grads(gradients, module), parts)
    }

    /// Sums the rows of each table.
    pub(crate) fn of(mut whole: GradientsParams, parts: BTreeMap<ParamId, Vec<Rows>>) -> Self {
        let rows = parts.into_iter().map(|(table, parts)| {
            let (gradients, ids): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
            (table, row_gradient(Tensor::cat(gradients, 1), Tensor::cat(ids, 1)))
        });
        let mut rows: BTreeMap<ParamId, RowGradient> = rows.collect();
        // A table that is also used as a whole, as with tied weights, has one gradient: the sum.
        rows.retain(|&table, rows| match whole.remove::<2>(table) {
            Some(gradient) => {
                let (ids, values) = (rows.ids.clone(), rows.values.clone());
                let ids = ids.reshape([values.dims()[0]]);
                whole.register(table, gradient.select_assign(0, ids, values, IndexingUpdateOp::Add));
                false
            }
            None => true,
        });
        Self { whole, rows }
    }
}

impl From<GradientsParams> for StepGradients {
    /// Only gradients of whole parameters.
    fn from(whole: GradientsParams) -> Self {
        Self { whole, rows: BTreeMap::new() }
    }
}

/// The sum of the gradients of several batches.
#[derive(Default)]
pub(crate) struct GradientSum {
    whole: GradientsParams,
    rows: BTreeMap<ParamId, Vec<Rows>>,
    batches: usize,
}

impl GradientSum {
    /// Adds the gradients of a batch. If it is the last one of its group, returns the mean over the group's batches,
    /// and starts again with the next group. The gradients of a single batch are returned as they are.
    pub(crate) fn add<M: Module>(
        &mut self,
        module: &M,
        gradients: StepGradients,
        is_last: bool,
    ) -> Option<StepGradients> {
        if is_last && self.batches == 0 {
            return Some(gradients);
        }
        self.batches += 1;
        for (table, RowGradient { ids, values }) in gradients.rows {
            self.rows.entry(table).or_default().push((values.unsqueeze(), ids));
        }
        let factor = is_last.then(|| 1.0 / self.batches as f64);
        let parts = [std::mem::take(&mut self.whole), gradients.whole];
        let mut adding = Adding { parts, sum: GradientsParams::new(), factor };
        module.visit(&mut adding);
        self.whole = adding.sum;
        let factor = factor?;
        let Self { whole, mut rows, .. } = std::mem::take(self);
        for (values, _) in rows.values_mut().flatten() {
            *values = values.clone() * factor;
        }
        Some(StepGradients::of(whole, rows))
    }
}

/// Moves two parts into their sum, parameter by parameter, and multiplies it by `factor`.
struct Adding {
    parts: [GradientsParams; 2],
    sum: GradientsParams,
    factor: Option<f64>,
}

impl ModuleVisitor for Adding {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradients = self.parts.iter_mut().filter_map(|part| part.remove::<D>(param.id));
        if let Some(sum) = gradients.reduce(|sum, more| sum + more) {
            self.sum.register(param.id, if let Some(factor) = self.factor { sum * factor } else { sum });
        }
    }
}

/// The squared norm of each parameter's gradient in one step.
pub(crate) struct GradientSquares {
    /// Which parameters have a gradient, by their places in the module.
    pub(crate) places: Vec<usize>,
    /// One number for each of them; on the device.
    pub(crate) sums: Tensor<1>,
}

impl GradientSquares {
    /// `None` if no parameter has a gradient.
    pub(crate) fn of<M: Module>(module: &M, gradients: &StepGradients) -> Option<Self> {
        let mut visitor = Squares { gradients, place: 0, places: Vec::new(), sums: Vec::new() };
        module.visit(&mut visitor);
        let Squares { places, sums, .. } = visitor;
        (!sums.is_empty()).then(|| Self { places, sums: Tensor::cat(sums, 0) })
    }

    /// The factor for all gradients: min(1, limit / (norm + 1e-6)). It stays on the device.
    pub(crate) fn clip_scale(&self, limit: f64) -> Tensor<1> {
        let norm = self.sums.clone().sum().sqrt();
        norm.add_scalar(1e-6).recip().mul_scalar(limit).clamp_max(1.0)
    }
}

struct Squares<'a> {
    gradients: &'a StepGradients,
    place: usize,
    places: Vec<usize>,
    sums: Vec<Tensor<1>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let whole = self.gradients.whole.get::<D>(param.id).map(squared_norm);
        let rows = self.gradients.rows.get(&param.id).map(|rows| squared_norm(rows.values.clone()));
        for sum in [whole, rows].into_iter().flatten() {
            self.places.push(self.place);
            self.sums.push(sum);
        }
        self.place += 1;
    }
}

/// The largest gradient so far.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Largest {
    norm: f64,
    layer: usize,
    step: usize,
}

/// The gradient norms of an epoch's steps by layer. A layer is the module that holds parameters directly.
#[derive(Debug, Default)]
pub(crate) struct LayerNorms {
    layers: Vec<String>,
    /// The layer of each parameter.
    layer_of: Vec<usize>,
    /// The sum over the steps of each layer's norm; `whole` is that of the norm over all layers.
    sums: Vec<f64>,
    whole: f64,
    highest: f64,
    steps: usize,
    largest: Option<Largest>,
    /// The largest gradient of the previous epoch, as text.
    before: Option<String>,
}

impl LayerNorms {
    /// For the layers of a module. `before` describes the largest gradient of the previous epoch.
    pub(crate) fn new<M: Module>(module: &M, before: Option<String>) -> Self {
        let (mut layers, mut layer_of) = (Vec::<String>::new(), Vec::new());
        for (path, _) in weights::shapes_of(module) {
            let holder = path.rsplit_once('.').map_or(path.as_str(), |(holder, _)| holder);
            let known = layers.iter().position(|layer| layer == holder);
            layer_of.push(known.unwrap_or(layers.len()));
            if known.is_none() {
                layers.push(holder.to_owned());
            }
        }
        Self { sums: vec![0.0; layers.len()], layers, layer_of, before, ..Self::default() }
    }

    /// Adds the squared norms of step `step` of the epoch, counted from 1.
    pub(crate) fn add(&mut self, step: usize, places: &[usize], squares: &[f64]) {
        let mut of_layers = vec![0.0; self.layers.len()];
        for (&place, square) in places.iter().zip(squares) {
            of_layers[self.layer_of[place]] += square;
        }
        for (layer, square) in of_layers.iter().enumerate() {
            let norm = square.sqrt();
            self.sums[layer] += norm;
            // The first one that is not finite stays: later ones follow from it.
            let larger = |largest: Largest| largest.norm.is_finite() && (norm > largest.norm || !norm.is_finite());
            if self.largest.is_none_or(larger) {
                self.largest = Some(Largest { norm, layer, step });
            }
        }
        let norm = of_layers.iter().sum::<f64>().sqrt();
        self.whole += norm;
        self.highest = self.highest.max(norm);
        self.steps += 1;
    }

    /// All sums, for a checkpoint.
    pub(crate) fn numbers(&self) -> Vec<f64> {
        let Largest { norm, layer, step } = self.largest.unwrap_or(Largest { norm: 0.0, layer: 0, step: 0 });
        let fixed = [self.whole, self.highest, self.steps as f64, norm, layer as f64, step as f64];
        fixed.into_iter().chain(self.sums.iter().copied()).collect()
    }

    /// Restores what [`LayerNorms::numbers`] returned; `None` if the layers differ.
    pub(crate) fn restore(&mut self, numbers: &[f64]) -> Option<()> {
        let (&[whole, highest, steps, norm, layer, step], sums) = numbers.split_first_chunk()?;
        if sums.len() != self.layers.len() || layer as usize >= sums.len() {
            return None;
        }
        (self.whole, self.highest, self.steps, self.sums) = (whole, highest, steps as usize, sums.to_vec());
        self.largest = (step > 0.0).then_some(Largest { norm, layer: layer as usize, step: step as usize });
        Some(())
    }

    /// The mean and the highest norm of all gradients, and the mean of each layer, by their names in the history.
    pub(crate) fn entries(&self) -> Vec<(String, f64)> {
        let steps = self.steps.max(1) as f64;
        let all = [("gradient_norm".to_owned(), self.whole / steps), ("gradient_norm_max".to_owned(), self.highest)];
        let of_layers = self.layers.iter().zip(&self.sums);
        all.into_iter().chain(of_layers.map(|(name, sum)| (format!("gradient_norm.{name}"), sum / steps))).collect()
    }

    /// The largest gradient, for a message.
    pub(crate) fn describe(&self) -> String {
        match self.largest {
            Some(Largest { norm, layer, step }) if norm.is_finite() => {
                format!("the largest gradient so far had norm {norm:.3e}, in {} at step {step}", self.layers[layer])
            }
            Some(Largest { layer, step, .. }) => {
                format!("the gradient of {} was not finite at step {step}", self.layers[layer])
            }
            None => self.before.clone().unwrap_or_else(|| "this is the first step of this process".to_owned()),
        }
    }

    /// The largest gradient of this epoch, for a message of the next one.
    pub(crate) fn describe_epoch(&self, epoch: usize) -> Option<String> {
        let Largest { norm, layer, step } = self.largest?;
        Some(format!(
            "the largest gradient of the previous epoch, {epoch}, had norm {norm:.3e}, in {} at step {step}",
            self.layers[layer]
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn norms() -> LayerNorms {
        LayerNorms {
            layers: vec!["embedding".into(), "lstm".into()],
            layer_of: vec![0, 1, 1],
            sums: vec![0.0; 2],
            ..LayerNorms::default()
        }
    }

    #[test]
    fn a_layers_norm_is_that_of_all_its_parameters() {
        let mut norms = norms();
        norms.add(1, &[0, 1, 2], &[4.0, 9.0, 16.0]);
        norms.add(2, &[1], &[144.0]);
        // All: the roots of 4 + 9 + 16 and of 144; the second layer: 5 and 12; the first: 2 and 0.
        let expected = [(29.0_f64.sqrt() + 12.0) / 2.0, 12.0, 1.0, 8.5];
        let entries = norms.entries();
        let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["gradient_norm", "gradient_norm_max", "gradient_norm.embedding", "gradient_norm.lstm"]);
        for ((name, value), expected) in entries.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-12, "{name} {value}");
        }
        assert_eq!(norms.describe(), "the largest gradient so far had norm 1.200e1, in lstm at step 2");
        let of_epoch = norms.describe_epoch(3).unwrap();
        assert_eq!(of_epoch, "the largest gradient of the previous epoch, 3, had norm 1.200e1, in lstm at step 2");
    }

    #[test]
    fn the_first_gradient_beyond_all_numbers_is_the_largest() {
        let mut norms = norms();
        assert!(norms.describe().contains("the first step"));
        norms.before = Some("that of the epoch before".to_owned());
        assert_eq!(norms.describe(), "that of the epoch before");
        norms.add(1, &[0, 1, 2], &[1.0, 1.0, 1.0]);
        norms.add(2, &[0, 1, 2], &[1e30, f64::INFINITY, 1.0]);
        norms.add(3, &[0, 1, 2], &[f64::NAN; 3]);
        assert_eq!(norms.describe(), "the gradient of lstm was not finite at step 2");
    }
}
