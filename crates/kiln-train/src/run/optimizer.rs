//! Optimizers with Keras's rules and defaults, and clipping by the global norm.
//!
//! Burn's own optimizers silently differ (Adam's epsilon 1e-5, RMSprop's momentum 0.9, SGD's dampening) and key their
//! state by random ids. These key it by parameter path, so that a checkpoint of one process fits the model of the next.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};
use kiln_base::OptionError;
use kiln_kernels::{AdamStep, RowGradient, adam_step, embedding, put_rows, sgd_step};
use kiln_models::weights::{self, ParameterPath, Weight, Weights};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::run::gradients::{GradientSquares, StepGradients};
use kiln_predict::device_failure::device_of;

/// An optimizer and its options; the defaults are Keras's:
///
/// | optimizer | learning rate | options |
/// |---|---|---|
/// | Adam | 0.001 | beta_1 0.9, beta_2 0.999, epsilon 1e-7 |
/// | AdamW | 0.001 | the same, weight decay 0.004 |
/// | RMSprop | 0.001 | rho 0.9, momentum 0, epsilon 1e-7, weight decay 0 |
/// | SGD | 0.01 | momentum 0, nesterov off, weight decay 0 |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "optimizer", rename_all = "snake_case")]
pub enum Optimizer {
    /// Kingma and Ba 2014; as in Keras, epsilon is added to the root of the uncorrected second moment.
    Adam {
        /// The initial learning rate.
        learning_rate: f64,
        /// Decay of the mean of gradients.
        beta_1: f64,
        /// Decay of the mean of squared gradients.
        beta_2: f64,
        /// Keeps the division finite.
        epsilon: f64,
    },
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019). As in Keras, each step first reduces every weight
    /// that has a gradient, biases included, by the fraction learning rate times weight decay.
    AdamW {
        /// The initial learning rate.
        learning_rate: f64,
        /// How fast weights decay.
        weight_decay: f64,
        /// Decay of the mean of gradients.
        beta_1: f64,
        /// Decay of the mean of squared gradients.
        beta_2: f64,
        /// Keeps the division finite.
        epsilon: f64,
    },
    /// Tieleman and Hinton 2012; as in Keras, epsilon is added inside the root.
    RmsProp {
        /// The initial learning rate.
        learning_rate: f64,
        /// How fast weights decay; 0 for not at all. See [`Optimizer::weight_decay`].
        #[serde(default, skip_serializing_if = "is_zero")]
        weight_decay: f64,
        /// Decay of the mean of squared gradients.
        rho: f64,
        /// Decay of the sum of updates; 0 for none.
        momentum: f64,
        /// Keeps the division finite.
        epsilon: f64,
    },
    /// Gradient descent. With momentum, it is Keras's, whose velocity includes the learning rate.
    Sgd {
        /// The initial learning rate.
        learning_rate: f64,
        /// How fast weights decay; 0 for not at all. See [`Optimizer::weight_decay`].
        #[serde(default, skip_serializing_if = "is_zero")]
        weight_decay: f64,
        /// Decay of the velocity; 0 for none.
        momentum: f64,
        /// Whether to look ahead (Nesterov 1983).
        nesterov: bool,
    },
}

/// Whether there is no weight decay: older checkpoints of these optimizers have none.
fn is_zero(decay: &f64) -> bool {
    *decay == 0.0
}

impl Optimizer {
    /// Adam with Keras's defaults.
    pub const fn adam() -> Self {
        Self::Adam { learning_rate: 1e-3, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }

    /// AdamW with Keras's defaults.
    pub const fn adam_w() -> Self {
        Self::AdamW { learning_rate: 1e-3, weight_decay: 4e-3, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }

    /// RMSprop with Keras's defaults.
    pub const fn rms_prop() -> Self {
        Self::RmsProp { learning_rate: 1e-3, weight_decay: 0.0, rho: 0.9, momentum: 0.0, epsilon: 1e-7 }
    }

    /// Gradient descent with Keras's defaults.
    pub const fn sgd() -> Self {
        Self::Sgd { learning_rate: 1e-2, weight_decay: 0.0, momentum: 0.0, nesterov: false }
    }

    /// Sets the initial learning rate. Default: Keras's, as in the table of [`Optimizer`].
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_train::Optimizer;
    ///
    /// const ADAM: Optimizer = Optimizer::adam().learning_rate(5e-3);
    /// assert_eq!(ADAM.rate(), 5e-3);
    /// ```
    #[must_use]
    pub const fn learning_rate(mut self, rate: f64) -> Self {
        match &mut self {
            Self::Adam { learning_rate, .. }
            | Self::AdamW { learning_rate, .. }
            | Self::RmsProp { learning_rate, .. }
            | Self::Sgd { learning_rate, .. } => *learning_rate = rate,
        }
        self
    }

    /// The initial learning rate.
    pub const fn rate(&self) -> f64 {
        match *self {
            Self::Adam { learning_rate, .. }
            | Self::AdamW { learning_rate, .. }
            | Self::RmsProp { learning_rate, .. }
            | Self::Sgd { learning_rate, .. } => learning_rate,
        }
    }

    /// Sets the weight decay, Keras's `weight_decay`: each step first reduces every weight that has a gradient, biases
    /// included, by the fraction learning rate times `decay`. The table of a sparse embedding decays as a whole. Adam
    /// becomes AdamW. Default: 0, and for AdamW 0.004.
    ///
    /// For gradient descent without momentum, it equals the `weight_decay` of PyTorch's SGD. With momentum, and in
    /// RMSprop, PyTorch adds the decay to the gradient instead, so that it passes through the moments.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_train::Optimizer;
    ///
    /// assert_eq!(Optimizer::adam().weight_decay(0.01), Optimizer::adam_w().weight_decay(0.01));
    /// assert_ne!(Optimizer::sgd().weight_decay(0.01), Optimizer::sgd());
    /// ```
    #[must_use]
    pub const fn weight_decay(self, decay: f64) -> Self {
        match self {
            Self::Adam { learning_rate, beta_1, beta_2, epsilon }
            | Self::AdamW { learning_rate, beta_1, beta_2, epsilon, .. } => {
                Self::AdamW { learning_rate, weight_decay: decay, beta_1, beta_2, epsilon }
            }
            Self::RmsProp { learning_rate, rho, momentum, epsilon, .. } => {
                Self::RmsProp { learning_rate, weight_decay: decay, rho, momentum, epsilon }
            }
            Self::Sgd { learning_rate, momentum, nesterov, .. } => {
                Self::Sgd { learning_rate, weight_decay: decay, momentum, nesterov }
            }
        }
    }

    /// How fast weights decay; 0 for not at all.
    const fn decay(self) -> f64 {
        match self {
            Self::Adam { .. } => 0.0,
            Self::AdamW { weight_decay, .. } | Self::RmsProp { weight_decay, .. } | Self::Sgd { weight_decay, .. } => {
                weight_decay
            }
        }
    }

    /// The factor by which a step first multiplies weights; `None` without weight decay.
    fn kept(self, rate: f64) -> Option<f64> {
        let decay = self.decay();
        (decay > 0.0).then_some(1.0 - rate * decay)
    }

    /// A parameter's values and moments after its step `steps`, counted from 1. Before the first step there are no
    /// moments.
    fn apply(
        self,
        steps: u64,
        value: Tensor<1>,
        moments: Vec<Tensor<1>>,
        (gradient, scale): Scaled,
        rate: f64,
    ) -> (Tensor<1>, Vec<Tensor<1>>) {
        let (shape, device) = (gradient.dims(), gradient.device());
        let mut moments = moments.into_iter();
        let mut moment = || moments.next().unwrap_or_else(|| Tensor::zeros(shape, &device));
        let product = |gradient: Tensor<1>, scale: Option<Tensor<1>>| match scale {
            Some(scale) => gradient * scale,
            None => gradient,
        };
        match self {
            Self::Adam { beta_1, beta_2, epsilon, .. } | Self::AdamW { beta_1, beta_2, epsilon, .. } => {
                let steps = steps as f64;
                let correction = (1.0 - beta_2.powf(steps)).sqrt() / (1.0 - beta_1.powf(steps));
                let step = AdamStep { beta_1, beta_2, epsilon, rate: rate * correction };
                let (mean, square) = (moment(), moment());
                let (value, mean, square) = adam_step(value, mean, square, gradient, scale, step);
                (value, vec![mean, square])
            }
            Self::RmsProp { rho, momentum, epsilon, .. } => {
                let gradient = product(gradient, scale);
                let square = moment() * rho + gradient.clone().square() * (1.0 - rho);
                let update = gradient * rate / (square.clone() + epsilon).sqrt();
                if momentum > 0.0 {
                    let update = moment() * momentum + update;
                    (value - update.clone(), vec![square, update])
                } else {
                    (value - update, vec![square])
                }
            }
            Self::Sgd { momentum: 0.0, .. } => (sgd_step(value, gradient, scale, rate), Vec::new()),
            Self::Sgd { momentum, nesterov, .. } => {
                let gradient = product(gradient, scale);
                let velocity = moment() * momentum - gradient.clone() * rate;
                let value = if nesterov {
                    value + velocity.clone() * momentum - gradient * rate
                } else {
                    value + velocity.clone()
                };
                (value, vec![velocity])
            }
        }
    }

    /// # Errors
    ///
    /// An option is outside its range, or not a number.
    pub(crate) fn check(&self) -> Result<()> {
        let rate = self.rate();
        OptionError::unless(rate.is_finite() && rate > 0.0, "learning_rate", "a number above 0", rate)?;
        let decays = match *self {
            Self::Adam { beta_1, beta_2, .. } | Self::AdamW { beta_1, beta_2, .. } => {
                vec![("beta_1", beta_1), ("beta_2", beta_2)]
            }
            Self::RmsProp { rho, momentum, .. } => vec![("rho", rho), ("momentum", momentum)],
            Self::Sgd { momentum, .. } => vec![("momentum", momentum)],
        };
        for (option, decay) in decays {
            OptionError::unless((0.0..1.0).contains(&decay), option, "at least 0 and below 1", decay)?;
        }
        let decay = self.decay();
        let is_decay = decay >= 0.0 && decay * rate < 1.0;
        let expected = "at least 0, and below 1 when multiplied by learning_rate";
        OptionError::unless(is_decay, "weight_decay", expected, decay)?;
        if let Self::Adam { epsilon, .. } | Self::AdamW { epsilon, .. } | Self::RmsProp { epsilon, .. } = *self {
            let is_size = epsilon.is_finite() && epsilon >= 0.0;
            OptionError::unless(is_size, "epsilon", "a number of at least 0", epsilon)?;
        }
        Ok(())
    }
}

/// A gradient, and the one number that it is multiplied by, if any.
type Scaled = (Tensor<1>, Option<Tensor<1>>);

/// The state of one parameter: its moments, flattened.
#[derive(Clone, Debug, Default)]
struct Slots {
    steps: u64,
    moments: Vec<Tensor<1>>,
}

/// A running optimizer: its rule and the state of each parameter, by path.
#[derive(Clone, Debug)]
pub struct OptimizerState {
    rule: Optimizer,
    slots: BTreeMap<String, Slots>,
}

impl OptimizerState {
    /// An optimizer that has seen no gradient yet.
    ///
    /// # Errors
    ///
    /// An option is outside its range, or not a number.
    pub fn new(rule: Optimizer) -> Result<Self> {
        rule.check()?;
        Ok(Self { rule, slots: BTreeMap::new() })
    }

    /// Updates `module` by one step at `learning_rate`. Gradients are scaled down first if their norm over all
    /// parameters exceeds `clip_norm`, as PyTorch's `clip_grad_norm_` does. `gradients` are [`StepGradients`] or Burn's
    /// `GradientsParams`.
    pub fn step<M: Module>(
        &mut self,
        module: M,
        gradients: impl Into<StepGradients>,
        learning_rate: f64,
        clip_norm: Option<f64>,
    ) -> M {
        let gradients = gradients.into();
        let scale = clip_norm.and_then(|limit| Some(GradientSquares::of(&module, &gradients)?.clip_scale(limit)));
        self.scaled_step(module, gradients, learning_rate, scale)
    }

    /// The same, with gradients multiplied by `scale`.
    pub(crate) fn scaled_step<M: Module>(
        &mut self,
        module: M,
        gradients: StepGradients,
        learning_rate: f64,
        scale: Option<Tensor<1>>,
    ) -> M {
        let mut mapper = Stepping { path: ParameterPath::default(), state: self, gradients, learning_rate, scale };
        module.map(&mut mapper)
    }

    /// The new values of one parameter, flattened.
    fn update(&mut self, path: &str, value: Tensor<1>, gradient: Scaled, rate: f64) -> Tensor<1> {
        let rule = self.rule;
        let slots = self.slots(path);
        let moments = std::mem::take(&mut slots.moments);
        let (value, moments) = rule.apply(slots.steps, value, moments, gradient, rate);
        slots.moments = moments;
        value
    }

    /// The new values of a table in which only some rows have a gradient. Only those rows and their moments are read
    /// and written.
    fn update_rows(
        &mut self,
        path: &str,
        table: Tensor<2>,
        (RowGradient { ids, values }, scale): (RowGradient, Option<Tensor<1>>),
        rate: f64,
    ) -> Tensor<2> {
        let rule = self.rule;
        let slots = self.slots(path);
        let ([vocab, width], [rows, _]) = (table.dims(), values.dims());
        let device = table.device();
        let take = |table: &Tensor<2>| embedding(table.clone(), ids.clone()).reshape([rows * width]);
        let put = |table, values: Tensor<1>| put_rows(table, ids.clone(), values.reshape([rows, width]));
        let mut tables: Vec<Tensor<2>> =
            std::mem::take(&mut slots.moments).into_iter().map(|moment| moment.reshape([vocab, width])).collect();
        let moments = tables.iter().map(take).collect();
        let gradient = (values.reshape([rows * width]), scale);
        let (value, moments) = rule.apply(slots.steps, take(&table), moments, gradient, rate);
        tables.resize_with(moments.len(), || Tensor::zeros([vocab, width], &device));
        slots.moments = (tables.into_iter().zip(moments))
            .map(|(table, values)| put(table, values).reshape([vocab * width]))
            .collect();
        put(table, value)
    }

    /// The state of a parameter, advanced by one step.
    fn slots(&mut self, path: &str) -> &mut Slots {
        let slots = self.slots.entry(path.to_owned()).or_default();
        slots.steps += 1;
        slots
    }

    /// The whole state, as named tensors and numbers of steps. Paths in a checkpoint begin with `model`.
    pub(crate) fn to_parts(&self) -> (Weights, BTreeMap<String, u64>) {
        let mut tensors = Weights::new();
        for (path, slots) in &self.slots {
            for (index, moment) in slots.moments.iter().enumerate() {
                let values = moment.to_data().try_into_vec_as::<f32>().expect("an optimizer's moments are floats");
                tensors.insert(format!("{index}.{ROOT}{path}"), Weight { shape: vec![values.len()], values });
            }
        }
        let steps = self.slots.iter().map(|(path, slots)| (format!("{ROOT}{path}"), slots.steps)).collect();
        (tensors, steps)
    }

    /// Restores what [`OptimizerState::to_parts`] returned for a module with the same parameters. Paths in older
    /// checkpoints contain variants of enums.
    ///
    /// # Errors
    ///
    /// The module has no parameters.
    pub(crate) fn restore<M: Module>(
        &mut self,
        module: &M,
        mut tensors: Weights,
        steps: BTreeMap<String, u64>,
    ) -> Result<()> {
        let device = device_of(module)?.inner();
        let known: Vec<String> = weights::shapes_of(module).into_iter().map(|(path, _)| path).collect();
        for (path, steps) in steps {
            let moments = (0..)
                .map_while(|index| tensors.remove(&format!("{index}.{path}")))
                .map(|weight| Tensor::from_data(TensorData::new(weight.values, [weight.shape[0]]), &device))
                .collect();
            let path = path.strip_prefix(ROOT).unwrap_or(&path);
            let path = known.iter().find(|known| names(path, known)).map_or(path, String::as_str);
            self.slots.insert(path.to_owned(), Slots { steps, moments });
        }
        Ok(())
    }
}

/// The prefix of every path in a checkpoint.
const ROOT: &str = "model.";

/// Whether `old` is `path` with variants of enums in between, which begin with a capital letter.
fn names(old: &str, path: &str) -> bool {
    let mut parts = path.split('.').peekable();
    let is_part = |part: &str| parts.next_if_eq(&part).is_some() || part.starts_with(char::is_uppercase);
    old.split('.').all(is_part) && parts.next().is_none()
}

struct Stepping<'a> {
    path: ParameterPath,
    state: &'a mut OptimizerState,
    gradients: StepGradients,
    learning_rate: f64,
    scale: Option<Tensor<1>>,
}

impl ModuleMapper for Stepping<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (whole, rows) = (self.gradients.whole.remove::<D>(param.id), self.gradients.rows.remove(&param.id));
        if whole.is_none() && rows.is_none() {
            return param;
        }
        let path = self.path.name();
        updated(param, |value| {
            let shape = value.dims();
            let count = shape.iter().product::<usize>();
            let value = match self.state.rule.kept(self.learning_rate) {
                Some(kept) => value * kept,
                None => value,
            };
            match (whole, rows) {
                (Some(gradient), _) => {
                    let gradient = (gradient.reshape([count]), self.scale.clone());
                    self.state.update(&path, value.reshape([count]), gradient, self.learning_rate).reshape(shape)
                }
                (None, Some(rows)) => {
                    let width = shape[D - 1];
                    let table = value.reshape([count / width.max(1), width]);
                    let rows = (rows, self.scale.clone());
                    self.state.update_rows(&path, table, rows, self.learning_rate).reshape(shape)
                }
                (None, None) => value,
            }
        })
    }
}

/// The parameter with its value changed by `update`, which gets it without autodiff. If nothing else holds the value,
/// `update` can change it in place.
pub(crate) fn updated<const D: usize>(
    param: Param<Tensor<D>>,
    update: impl FnOnce(Tensor<D>) -> Tensor<D>,
) -> Param<Tensor<D>> {
    let (id, tensor, mapper) = param.consume();
    let checkpointing = tensor.gradient_checkpointing_strategy();
    let is_tracked = tensor.is_require_grad();
    let mut value = Tensor::from_inner(update(tensor.inner()));
    if let Some(strategy) = checkpointing {
        value = value.with_gradient_checkpointing_strategy(strategy);
    }
    if is_tracked {
        value = value.require_grad();
    }
    Param::from_mapped_value(id, value, mapper)
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn old_paths_with_variants_of_enums_name_the_same_parameter() {
        for (old, path, expected) in [
            ("model.embedding.table", "model.embedding.table", true),
            ("model.RecurrentClassifier.embedding.table", "model.embedding.table", true),
            ("model.recurrent.forward_layers.0.Gru.kernel", "model.recurrent.forward_layers.0.kernel", true),
            ("model.W", "model.W", true), // a field with a capital
            ("model.Conv.W", "model.W", true),
            ("model.embedding.table", "model.embedding", false),
            ("model.embedding", "model.embedding.table", false),
            ("model.recurrent.forward_layers.1.Gru.kernel", "model.recurrent.forward_layers.0.kernel", false),
        ] {
            assert_eq!(names(old, path), expected, "{old} {path}");
        }
    }
}
