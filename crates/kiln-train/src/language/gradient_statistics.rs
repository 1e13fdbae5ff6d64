//! The size of a language model's gradients on its training text.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use kiln_models::{LanguageModel, Model, Pass, Score};
use kiln_predict::device_failure::Work;

use super::{gradients_of, in_order, in_training, streams};
use crate::data::{Batches, Labelled, TextWindows};
use crate::error::{Error, Result};
use crate::run::Trainable;

/// The root of the mean of squared gradients of each weight, over the batches of a training text, for
/// [`DynamicEvaluation`](super::DynamicEvaluation). Collect it once; it serves any number of evaluations of the same
/// model, such as those that choose a learning rate.
#[derive(Clone, Debug)]
pub struct GradientStatistics {
    /// By parameter, flattened.
    roots: BTreeMap<ParamId, Tensor<1>>,
    /// The mean over the parameters of the means of their roots.
    mean: f64,
}

impl GradientStatistics {
    /// Reads the text once, batch by batch, with the weights of `model` as they are and without dropout. A batch is a
    /// window of each stream of `data`, its gradient is that of its mean loss, and all batches count the same. With
    /// more tokens in a batch, the gradients are smaller. The authors' code has 100 streams, and windows as long as
    /// those of the evaluation: `TextWindows::new(ids, 100, 5)`. Frozen parameters are not included. `model` itself
    /// does not change.
    ///
    /// The result holds one number for each weight, on the device of the model.
    ///
    /// # Errors
    ///
    /// An id is not below the model's vocabulary size, all parameters are frozen, the gradients are not finite or all
    /// 0, or the device fails or has no memory for a batch.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "flex")] {
    /// use kiln_models::LanguageModelConfig;
    /// use kiln_train::TextWindows;
    /// use kiln_train::language::{Adaptive, DynamicEvaluation, GradientStatistics, evaluate_with};
    ///
    /// let model = LanguageModelConfig::new(9).d_hidden(vec![8]).init(&burn::tensor::Device::flex(), 0)?;
    /// let text: Vec<u32> = (0..401).map(|place| place % 9).collect();
    /// let (train, valid) = (TextWindows::new(text.clone(), 10, 5)?, TextWindows::new(text, 1, 5)?);
    ///
    /// let statistics = GradientStatistics::collect(&model, &train)?;
    /// for learning_rate in [1e-5, 5e-5, 1e-4] {
    ///     let dynamic = DynamicEvaluation::new().statistics(&statistics).learning_rate(learning_rate);
    ///     let evaluation = evaluate_with(&model, &valid, &Adaptive::new().dynamic(dynamic))?;
    ///     println!("{learning_rate}: {:.2}", evaluation.perplexity());
    /// }
    /// # }
    /// # Ok::<(), kiln_train::Error>(())
    /// ```
    ///
    /// # References
    ///
    /// Krause, Kahembwe, Murray, Renals, "Dynamic Evaluation of Neural Sequence Models", 2018. As in the authors' code,
    /// the mean of all roots, which scales the decay, is the mean over the parameters (matrices and biases) of their
    /// means.
    pub fn collect(model: &LanguageModel, data: &TextWindows) -> Result<Self> {
        model.check(&data.limits())?;
        Work::of(model, streams(data))?.run(|| {
            let (model, device) = in_training(model)?;
            let mut adding = Adding { gradients: GradientsParams::new(), sums: BTreeMap::new() };
            for batch in in_order(data, &device) {
                let Labelled { input, targets, .. } = batch?;
                let Score { loss, .. } = model.score(&input, &targets, &Pass::Inference);
                adding.gradients = gradients_of(&model, &loss);
                model.visit(&mut adding);
            }
            let batches = data.windows() as f64;
            let root = |(id, sum): (ParamId, Tensor<1>)| (id, (sum / batches).sqrt());
            let roots: BTreeMap<ParamId, Tensor<1>> = adding.sums.into_iter().map(root).collect();
            let means: Vec<Tensor<1>> = roots.values().map(|root| root.clone().mean()).collect();
            let mut means = Tensor::cat(means, 0).try_into_vec_as::<f32>().map_err(kiln_predict::Error::Device)?;
            // Ids of parameters are random: in their order the sum would have other last bits in each process.
            means.sort_by(f32::total_cmp);
            let mean = means.iter().copied().map(f64::from).sum::<f64>() / means.len() as f64;
            if !mean.is_finite() || mean == 0.0 {
                return Err(Error::Data {
                    what: "the gradients on the training text",
                    expected: "finite numbers, some of them not 0; look for weights that are not finite".into(),
                    found: format!("gradients with a root mean square of {mean}"),
                });
            }
            Ok(Self { roots, mean })
        })
    }

    /// The roots of a parameter's mean squares, flattened; `None` if it is not a parameter of the model, or was frozen.
    pub(super) fn root(&self, parameter: ParamId) -> Option<Tensor<1>> {
        self.roots.get(&parameter).cloned()
    }

    /// The mean of all roots, which scales the decay.
    pub(super) fn mean(&self) -> f64 {
        self.mean
    }
}

/// Adds up the squares of gradients.
struct Adding {
    /// Those of one batch.
    gradients: GradientsParams,
    sums: BTreeMap<ParamId, Tensor<1>>,
}

impl ModuleVisitor for Adding {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        if !value.is_require_grad() {
            return;
        }
        let count = value.dims().iter().product::<usize>();
        let square = self.gradients.remove::<D>(param.id).map(|gradient| gradient.reshape([count]).square());
        let sum = match (self.sums.remove(&param.id), square) {
            (Some(sum), Some(square)) => sum + square,
            (Some(one), None) | (None, Some(one)) => one,
            // A cluster of an adaptive softmax that no batch has needed so far.
            (None, None) => Tensor::zeros([count], &value.device().without_autodiff()),
        };
        self.sums.insert(param.id, sum);
    }
}
