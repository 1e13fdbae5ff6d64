//! Dynamic evaluation: a gradient step on each window of a text, after it is scored.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use kiln_base::OptionError;
use kiln_kernels::sgd_step;
use kiln_models::LanguageModel;

use super::gradient_statistics::GradientStatistics;
use crate::error::{Error, Result};
use crate::run::optimizer::updated;

kiln_base::options! {
    /// Gradient steps on the text that a language model is evaluated on: after a window is scored, one step is made on
    /// its mean loss, so that the model adapts to what has just been read.
    ///
    /// With the statistics of the gradients on the training text, a step is
    ///
    /// θ ← θ - learning_rate * g / (RMS + epsilon) + min(decay * RMS / mean(RMS), 1) * (θ₀ - θ)
    ///
    /// where θ₀ are the model's own weights, and RMS is the root of the mean of squared gradients
    /// ([`GradientStatistics`]). The decay pulls the weights back to θ₀. Without statistics the step is plain gradient
    /// descent:
    ///
    /// θ ← θ - learning_rate * g + decay * (θ₀ - θ)
    ///
    /// The first window is scored with θ₀. The length of the windows is that of the data: the authors use
    /// `TextWindows::new(ids, 1, 5)`, and for windows of n tokens multiply learning rate and decay by n / 5. Frozen
    /// parameters stay as they are; a sparse embedding is updated as a whole.
    ///
    /// | option | default with statistics | default without |
    /// |---|---|---|
    /// | learning rate | 5e-5 | 0.1 |
    /// | decay | 0.002 | 0 |
    /// | epsilon | 2e-5 | not used |
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "flex")] {
    /// use kiln_models::LanguageModelConfig;
    /// use kiln_train::language::{Adaptive, DynamicEvaluation, evaluate_with};
    /// use kiln_train::{TextWindows, evaluate};
    ///
    /// let model = LanguageModelConfig::new(50).d_hidden(vec![8]).init(&burn::tensor::Device::flex(), 0)?;
    /// let text = TextWindows::new((0..401).map(|place| place % 9).collect(), 1, 5)?;
    /// let options = Adaptive::new().dynamic(DynamicEvaluation::new().learning_rate(0.5).decay(0.001));
    /// let (fixed, adapted) = (evaluate(&model, &text, 1)?, evaluate_with(&model, &text, &options)?);
    /// assert!(adapted.perplexity() < 0.8 * fixed.perplexity());
    /// # }
    /// # Ok::<(), kiln_train::Error>(())
    /// ```
    ///
    /// # References
    ///
    /// Krause, Kahembwe, Murray, Renals, "Dynamic Evaluation of Neural Sequence Models", 2018. The update, its limit of
    /// 1, and the defaults with statistics are those of the authors' code, where they are tuned for the Penn Treebank.
    /// Plain steps at a fixed learning rate of 0.1 are those of Mikolov et al., "Recurrent neural network based
    /// language model", 2010.
    #[derive(Clone, Copy, Debug)]
    pub struct DynamicEvaluation<'a> {
        /// The size of the steps, above 0. Default: see the table.
        some learning_rate: f64,
        /// How far each step pulls the weights back to the model's own, from 0 to 1. Default: see the table.
        some decay: f64,
        /// Keeps the division finite, above 0. Only with statistics. Default: 2e-5.
        some epsilon: f64,
        /// The statistics of the model's gradients on its training text. Default: none, plain gradient descent.
        some statistics: &'a GradientStatistics,
    }
}

impl DynamicEvaluation<'_> {
    /// Learning rate, decay and epsilon.
    fn values(&self) -> [f64; 3] {
        let [rate, decay, epsilon] = if self.statistics.is_some() { [5e-5, 2e-3, 2e-5] } else { [0.1, 0.0, 0.0] };
        [self.learning_rate.unwrap_or(rate), self.decay.unwrap_or(decay), self.epsilon.unwrap_or(epsilon)]
    }

    pub(super) fn rate(&self) -> f64 {
        self.values()[0]
    }

    /// # Errors
    ///
    /// An option is outside its range.
    pub(super) fn check(&self) -> Result<()> {
        let [rate, decay, epsilon] = self.values();
        let is_rate = rate.is_finite() && rate > 0.0;
        OptionError::unless(is_rate, "learning rate of a dynamic evaluation", "a number above 0", rate)?;
        let is_decay = (0.0..=1.0).contains(&decay);
        OptionError::unless(is_decay, "decay of a dynamic evaluation", "from 0 to 1", decay)?;
        let (is_epsilon, expected) = match self.statistics {
            Some(_) => (epsilon.is_finite() && epsilon > 0.0, "a number above 0"),
            None => (self.epsilon.is_none(), "unset without gradient statistics, since plain steps do not use it"),
        };
        OptionError::unless(is_epsilon, "epsilon of a dynamic evaluation", expected, epsilon)?;
        Ok(())
    }
}

/// The steps of an evaluation, parameter by parameter.
pub(super) struct Rules(BTreeMap<ParamId, Rule>);

/// A step of one parameter, flattened: `kept * value + anchor - rate * gradient`. What does not change from step to
/// step is computed once, and each operation works in place, so that a step reads and writes the weights few times.
struct Rule {
    /// `None` without decay.
    pull: Option<Pull>,
    rate: Factor,
}

struct Pull {
    kept: Factor,
    /// What is not kept of the value, times the model's own value.
    anchor: Tensor<1>,
}

/// One number for all weights of a parameter, or one for each.
enum Factor {
    Same(f64),
    Each(Box<Tensor<1>>),
}

impl Factor {
    fn times(&self, tensor: Tensor<1>) -> Tensor<1> {
        match self {
            Self::Same(factor) => tensor * *factor,
            Self::Each(factors) => tensor * (**factors).clone(),
        }
    }
}

impl Rule {
    fn step(&self, value: Tensor<1>, gradient: Option<Tensor<1>>) -> Tensor<1> {
        let value = match &self.pull {
            Some(Pull { kept, anchor }) => kept.times(value) + anchor.clone(),
            None => value,
        };
        match (gradient, &self.rate) {
            (None, _) => value,
            (Some(gradient), Factor::Same(rate)) => sgd_step(value, gradient, None, *rate),
            (Some(gradient), each) => sgd_step(value, each.times(gradient), None, 1.0),
        }
    }
}

impl Rules {
    /// The rules for all parameters of `model` that training changes. Its weights are those that the decay pulls to.
    ///
    /// # Errors
    ///
    /// The statistics are of another model.
    pub(super) fn new(options: DynamicEvaluation<'_>, model: &LanguageModel) -> Result<Self> {
        let mut making = Making { options, rules: BTreeMap::new(), are_known: true };
        model.visit(&mut making);
        if !making.are_known {
            return Err(Error::Data {
                what: "the gradient statistics of a dynamic evaluation",
                expected: "those of this model or a clone of it, with no more parameters frozen than now".into(),
                found: "those of other parameters".into(),
            });
        }
        Ok(Self(making.rules))
    }

    /// The model after one step.
    pub(super) fn step(&self, model: LanguageModel, gradients: GradientsParams) -> LanguageModel {
        model.map(&mut Stepping { rules: self, gradients })
    }
}

struct Making<'a> {
    options: DynamicEvaluation<'a>,
    rules: BTreeMap<ParamId, Rule>,
    /// Whether the statistics, if there are any, have all parameters so far.
    are_known: bool,
}

impl ModuleVisitor for Making<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        if !value.is_require_grad() {
            return;
        }
        let count = value.dims().iter().product::<usize>();
        let value = value.inner().reshape([count]);
        let [rate, decay, epsilon] = self.options.values();
        let rule = match self.options.statistics.map(|statistics| (statistics, statistics.root(param.id))) {
            None => Rule {
                pull: (decay > 0.0).then(|| Pull { kept: Factor::Same(1.0 - decay), anchor: value * decay }),
                rate: Factor::Same(rate),
            },
            Some((statistics, Some(root))) => {
                let root = root.to_device(&value.device());
                let pull = (decay > 0.0).then(|| {
                    let pull = (root.clone() * (decay / statistics.mean())).clamp_max(1.0);
                    Pull { kept: Factor::Each(Box::new(pull.clone().neg() + 1.0)), anchor: value * pull }
                });
                Rule { pull, rate: Factor::Each(Box::new((root + epsilon).recip() * rate)) }
            }
            Some((_, None)) => {
                self.are_known = false;
                return;
            }
        };
        self.rules.insert(param.id, rule);
    }
}

struct Stepping<'a> {
    rules: &'a Rules,
    gradients: GradientsParams,
}

impl ModuleMapper for Stepping<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(rule) = self.rules.0.get(&param.id) else { return param };
        let gradient = self.gradients.remove::<D>(param.id);
        updated(param, |value| {
            let shape = value.dims();
            let count = shape.iter().product::<usize>();
            let gradient = gradient.map(|gradient| gradient.reshape([count]));
            rule.step(value.reshape([count]), gradient).reshape(shape)
        })
    }
}
