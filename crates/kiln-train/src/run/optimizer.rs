//! Optimizers with Keras's rules and defaults, and clipping by the global norm.
//!
//! Burn's own differ in silence (Adam's epsilon 1e-5, RMSprop's momentum 0.9, SGD's dampening) and
//! keep their state by random ids; these keep it by parameter path, so that a checkpoint of one
//! process fits the model of the next.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};
use kiln_base::OptionError;
use kiln_kernels::{AdamStep, RowGradient, adam_step, embedding, put_rows};
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
/// | RMSprop | 0.001 | rho 0.9, momentum 0, epsilon 1e-7 |
/// | SGD | 0.01 | momentum 0, nesterov off |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "optimizer", rename_all = "snake_case")]
pub enum Optimizer {
    /// Kingma and Ba 2014, with Keras's placing of epsilon (next to the root of the uncorrected
    /// second moment).
    Adam {
        /// The first learning rate.
        learning_rate: f64,
        /// Decay of the mean of gradients.
        beta_1: f64,
        /// Decay of the mean of squared gradients.
        beta_2: f64,
        /// Keeps the division finite.
        epsilon: f64,
    },
    /// Adam with weights that decay by themselves (Loshchilov and Hutter 2019): each step first takes the part learning rate times
    /// weight decay off every weight that has a gradient, biases too, as Keras's does.
    AdamW {
        /// The first learning rate.
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
    /// Tieleman and Hinton 2012, with Keras's placing of epsilon (inside the root).
    RmsProp {
        /// The first learning rate.
        learning_rate: f64,
        /// Decay of the mean of squared gradients.
        rho: f64,
        /// Decay of the sum of updates; 0 for none.
        momentum: f64,
        /// Keeps the division finite.
        epsilon: f64,
    },
    /// Gradient descent; with momentum, Keras's, whose velocity contains the rate.
    Sgd {
        /// The first learning rate.
        learning_rate: f64,
        /// Decay of the velocity; 0 for none.
        momentum: f64,
        /// Whether to look ahead (Nesterov 1983).
        nesterov: bool,
    },
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
        Self::RmsProp { learning_rate: 1e-3, rho: 0.9, momentum: 0.0, epsilon: 1e-7 }
    }

    /// Gradient descent with Keras's defaults.
    pub const fn sgd() -> Self {
        Self::Sgd { learning_rate: 1e-2, momentum: 0.0, nesterov: false }
    }

    /// The first learning rate. Default: Keras's, as the table says.
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

    /// The first learning rate that is set.
    pub const fn rate(&self) -> f64 {
        match *self {
            Self::Adam { learning_rate, .. }
            | Self::AdamW { learning_rate, .. }
            | Self::RmsProp { learning_rate, .. }
            | Self::Sgd { learning_rate, .. } => learning_rate,
        }
    }

    /// How fast weights decay by themselves. Adam with it is AdamW; the other optimizers have no such option and stay as they are.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_train::Optimizer;
    ///
    /// assert_eq!(Optimizer::adam().weight_decay(0.01), Optimizer::adam_w().weight_decay(0.01));
    /// ```
    #[must_use]
    pub const fn weight_decay(self, decay: f64) -> Self {
        match self {
            Self::Adam { learning_rate, beta_1, beta_2, epsilon }
            | Self::AdamW { learning_rate, beta_1, beta_2, epsilon, .. } => {
                Self::AdamW { learning_rate, weight_decay: decay, beta_1, beta_2, epsilon }
            }
            others => others,
        }
    }

    /// What a step first multiplies weights by.
    fn kept(self, rate: f64) -> Option<f64> {
        match self {
            Self::AdamW { weight_decay, .. } if weight_decay > 0.0 => Some(1.0 - rate * weight_decay),
            _ => None,
        }
    }

    /// A parameter's values and moments after its step `steps`, counted from 1. It has no moments before
    /// the first.
    fn apply(
        self,
        steps: u64,
        value: Tensor<1>,
        moments: Vec<Tensor<1>>,
        gradient: Tensor<1>,
        rate: f64,
    ) -> (Tensor<1>, Vec<Tensor<1>>) {
        let (shape, device) = (gradient.dims(), gradient.device());
        let mut moments = moments.into_iter();
        let mut moment = || moments.next().unwrap_or_else(|| Tensor::zeros(shape, &device));
        match self {
            Self::Adam { beta_1, beta_2, epsilon, .. } | Self::AdamW { beta_1, beta_2, epsilon, .. } => {
                let steps = steps as f64;
                let correction = (1.0 - beta_2.powf(steps)).sqrt() / (1.0 - beta_1.powf(steps));
                let step = AdamStep { beta_1, beta_2, epsilon, rate: rate * correction };
                let (mean, square) = (moment(), moment());
                let (value, mean, square) = adam_step(value, mean, square, gradient, step);
                (value, vec![mean, square])
            }
            Self::RmsProp { rho, momentum, epsilon, .. } => {
                let square = moment() * rho + gradient.clone().square() * (1.0 - rho);
                let update = gradient * rate / (square.clone() + epsilon).sqrt();
                if momentum > 0.0 {
                    let update = moment() * momentum + update;
                    (value - update.clone(), vec![square, update])
                } else {
                    (value - update, vec![square])
                }
            }
            Self::Sgd { momentum, nesterov, .. } => {
                if momentum == 0.0 {
                    return (value - gradient * rate, Vec::new());
                }
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
        OptionError::unless(rate.is_finite() && rate > 0.0, "learning rate", "a number above 0", rate)?;
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
        if let Self::AdamW { weight_decay, .. } = *self {
            let is_decay = weight_decay >= 0.0 && weight_decay * rate < 1.0;
            let expected = "a number of at least 0, below 1 with the learning rate";
            OptionError::unless(is_decay, "weight_decay", expected, weight_decay)?;
        }
        if let Self::Adam { epsilon, .. } | Self::AdamW { epsilon, .. } | Self::RmsProp { epsilon, .. } = *self {
            let is_size = epsilon.is_finite() && epsilon >= 0.0;
            OptionError::unless(is_size, "epsilon", "a number of at least 0", epsilon)?;
        }
        Ok(())
    }
}

/// What an optimizer remembers of one parameter: its moments, flattened.
#[derive(Clone, Debug, Default)]
struct Slots {
    steps: u64,
    moments: Vec<Tensor<1>>,
}

/// An optimizer at work: its rule and what it remembers of each parameter, by path.
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

    /// Updates `module` by one step at `learning_rate`; gradients are scaled down first where
    /// their norm over all parameters exceeds `clip_norm`, as PyTorch's `clip_grad_norm_` does.
    /// `gradients` are [`StepGradients`] or Burn's `GradientsParams`.
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

    /// The same with gradients multiplied by `scale`.
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

    /// The new values of one parameter, all flattened.
    fn update(&mut self, path: &str, value: Tensor<1>, gradient: Tensor<1>, rate: f64) -> Tensor<1> {
        let rule = self.rule;
        let slots = self.slots(path);
        let moments = std::mem::take(&mut slots.moments);
        let (value, moments) = rule.apply(slots.steps, value, moments, gradient, rate);
        slots.moments = moments;
        value
    }

    /// The new values of a table of which single rows have a gradient: those rows and their moments
    /// alone are read and written.
    fn update_rows(&mut self, path: &str, table: Tensor<2>, gradient: RowGradient, rate: f64) -> Tensor<2> {
        let rule = self.rule;
        let slots = self.slots(path);
        let RowGradient { ids, values } = gradient;
        let ([vocab, width], [rows, _]) = (table.dims(), values.dims());
        let device = table.device();
        let take = |table: &Tensor<2>| embedding(table.clone(), ids.clone()).reshape([rows * width]);
        let put = |table, values: Tensor<1>| put_rows(table, ids.clone(), values.reshape([rows, width]));
        let mut tables: Vec<Tensor<2>> =
            std::mem::take(&mut slots.moments).into_iter().map(|moment| moment.reshape([vocab, width])).collect();
        let moments = tables.iter().map(take).collect();
        let (value, moments) = rule.apply(slots.steps, take(&table), moments, values.reshape([rows * width]), rate);
        tables.resize_with(moments.len(), || Tensor::zeros([vocab, width], &device));
        slots.moments = (tables.into_iter().zip(moments))
            .map(|(table, values)| put(table, values).reshape([vocab * width]))
            .collect();
        put(table, value)
    }

    /// What is remembered of a parameter, one step on.
    fn slots(&mut self, path: &str) -> &mut Slots {
        let slots = self.slots.entry(path.to_owned()).or_default();
        slots.steps += 1;
        slots
    }

    /// Everything remembered, as named tensors and numbers of steps. Paths of a checkpoint begin with `model`.
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

    /// Takes up what [`OptimizerState::to_parts`] gave for a module of the same parameters. Checkpoints of old have
    /// variants of enums in their paths.
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

/// Before every path in a checkpoint.
const ROOT: &str = "model.";

/// Whether `old` is `path` with variants of enums in between, which begin with a capital.
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
        let (id, tensor, mapper) = param.consume();
        let (whole, rows) = (self.gradients.whole.remove::<D>(id), self.gradients.rows.remove(&id));
        if whole.is_none() && rows.is_none() {
            return Param::from_mapped_value(id, tensor, mapper);
        }
        let shape = tensor.dims();
        let count = shape.iter().product::<usize>();
        let checkpointing = tensor.gradient_checkpointing_strategy();
        let tracked = tensor.is_require_grad();
        let path = self.path.name();
        let value = match self.state.rule.kept(self.learning_rate) {
            Some(kept) => tensor.inner() * kept,
            None => tensor.inner(),
        };
        let updated = match (whole, rows) {
            (Some(gradient), _) => {
                let mut gradient = gradient.reshape([count]);
                if let Some(scale) = &self.scale {
                    gradient = gradient * scale.clone();
                }
                self.state.update(&path, value.reshape([count]), gradient, self.learning_rate).reshape(shape)
            }
            (None, Some(mut rows)) => {
                if let Some(scale) = &self.scale {
                    rows.values = rows.values * scale.clone().unsqueeze();
                }
                let width = shape[D - 1];
                let table = value.reshape([count / width.max(1), width]);
                self.state.update_rows(&path, table, rows, self.learning_rate).reshape(shape)
            }
            (None, None) => value,
        };
        let mut updated = Tensor::from_inner(updated);
        if let Some(strategy) = checkpointing {
            updated = updated.with_gradient_checkpointing_strategy(strategy);
        }
        if tracked {
            updated = updated.require_grad();
        }
        Param::from_mapped_value(id, updated, mapper)
    }
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
