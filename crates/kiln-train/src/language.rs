//! Evaluations in which a language model adapts to the text that it reads.

mod continuous_cache;
mod dynamic_evaluation;
mod gradient_statistics;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use kiln_models::{Carried, LanguageModel, Model, Pass, Score, Targets, Windows, weights};
use kiln_predict::device_failure::{Work, device_of};

use self::continuous_cache::Cache;
use self::dynamic_evaluation::Rules;
use crate::data::{Batches, Labelled, TextWindows};
use crate::error::{Error, Result};
use crate::run::{Evaluation, Trainable};

pub use self::continuous_cache::ContinuousCache;
pub use self::dynamic_evaluation::DynamicEvaluation;
pub use self::gradient_statistics::GradientStatistics;

kiln_base::options! {
    /// How a language model adapts to the text of an evaluation; see [`evaluate_with`].
    #[derive(Clone, Copy, Debug)]
    pub struct Adaptive<'a> {
        /// Mixes the model's probabilities with those of a cache of recent tokens. Default: no cache.
        some cache: ContinuousCache,
        /// Makes a gradient step on each window after it is scored. Default: the weights stay as they are.
        some dynamic: DynamicEvaluation<'a>,
    }
}

/// Measures `model` on running text while it adapts to that text, by a continuous cache, by dynamic evaluation, or by
/// both. With both, an output in the cache is that of the weights when its token was read. With neither, the loss is
/// that of [`evaluate`](crate::evaluate).
///
/// Each token is predicted from the tokens before it only, so the losses compare with those of other evaluations. The
/// loss is the mean over all tokens. States are carried from window to window, dropout is off, and `model` itself does
/// not change. The batch size is the number of streams. Each stream has its own cache; with dynamic evaluation the
/// streams share the weights. The published results are for one stream.
///
/// # Errors
///
/// An option is outside its range, the cache is longer than a stream of the text, an id is not below the model's
/// vocabulary size, the statistics are of another model, the loss is not finite ([`Error::Diverged`] after a gradient
/// step), or the device fails or has no memory for a window.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use kiln_models::LanguageModelConfig;
/// use kiln_train::language::{Adaptive, ContinuousCache, DynamicEvaluation, GradientStatistics, evaluate_with};
/// use kiln_train::{TextWindows, evaluate};
///
/// let model = LanguageModelConfig::new(50).d_hidden(vec![8]).init(&burn::tensor::Device::flex(), 0)?;
/// // A text of only 9 of the 50 words.
/// let text: Vec<u32> = (0..401).map(|place| place % 9).collect();
/// let (train, test) = (TextWindows::new(text.clone(), 10, 5)?, TextWindows::new(text, 1, 5)?);
///
/// let statistics = GradientStatistics::collect(&model, &train)?;
/// let options = Adaptive::new()
///     .cache(ContinuousCache::new().size(100))
///     .dynamic(DynamicEvaluation::new().statistics(&statistics));
/// let (fixed, adapted) = (evaluate(&model, &test, 1)?, evaluate_with(&model, &test, &options)?);
/// assert!(adapted.perplexity() < 0.8 * fixed.perplexity());
/// # }
/// # Ok::<(), kiln_train::Error>(())
/// ```
pub fn evaluate_with(model: &LanguageModel, data: &TextWindows, options: &Adaptive<'_>) -> Result<Evaluation> {
    let (windows, streams) = (data.windows(), streams(data));
    if let Some(cache) = &options.cache {
        cache.check(data.tokens() / streams)?;
    }
    if let Some(dynamic) = &options.dynamic {
        dynamic.check()?;
    }
    model.check(&data.limits())?;
    Work::of(model, streams)?.run(|| {
        let (mut model, device) = match options.dynamic {
            Some(_) => in_training(model)?,
            None => {
                let model = model.valid();
                let device = device_of(&model)?;
                (model, device)
            }
        };
        let rules = options.dynamic.map(|dynamic| Rules::new(dynamic, &model)).transpose()?;
        let mut cache = options.cache.map(|cache| Cache::new(cache, streams));
        let mut sum = 0.0;
        for (window, batch) in in_order(data, &device).enumerate() {
            let Labelled { input, targets, .. } = batch?;
            let Targets::Classes(classes) = &targets else { unreachable!("the targets of running text are tokens") };
            let (outputs, log_probs, gradients) = match &rules {
                None => {
                    let (outputs, log_probs) = model.hidden_and_log_probs(&input, classes.clone(), &Pass::Inference);
                    let ([_, time], [_, width]) = (input.ids.dims(), outputs.dims());
                    (Some(outputs.reshape([streams, time, width])), log_probs, None)
                }
                // Only the mean of the loss has gradients, and only another pass has the outputs.
                Some(_) => {
                    let outputs = cache.as_ref().map(|_| {
                        let states = input.carried.peek();
                        let (outputs, _) = model.forward_states(input.ids.clone(), states, &Pass::Inference);
                        outputs.without_autodiff()
                    });
                    let Score { loss, outputs: log_probs, .. } = model.score(&input, &targets, &Pass::Inference);
                    (outputs, log_probs, Some(gradients_of(&model, &loss)))
                }
            };
            let log_probs = log_probs.try_into_vec_as::<f32>().map_err(kiln_predict::Error::Device)?;
            let mut log_probs: Vec<f64> = log_probs.into_iter().map(f64::from).collect();
            if let (Some(cache), Some(outputs)) = (&mut cache, outputs) {
                let words = classes.clone().try_into_vec_as::<i64>().map_err(kiln_predict::Error::Device)?;
                cache.mix(outputs, &words, &mut log_probs)?;
            }
            let loss = -log_probs.iter().sum::<f64>();
            if !loss.is_finite() {
                let window = window + 1;
                return Err(match &options.dynamic {
                    Some(dynamic) if window > 1 => {
                        Error::Diverged { window, windows, value: loss, learning_rate: dynamic.rate() }
                    }
                    _ => Error::Data {
                        what: "the loss of the model",
                        expected: "a finite number; look for weights that are not finite, or very large".into(),
                        found: format!("{loss} in window {window} of {windows}"),
                    },
                });
            }
            sum += loss;
            if let (Some(rules), Some(gradients)) = (&rules, gradients) {
                model = rules.step(model, gradients);
            }
        }
        Ok(Evaluation::of_text(sum / data.tokens() as f64, data.rows()))
    })
}

fn streams(data: &TextWindows) -> usize {
    data.rows() / data.windows()
}

/// The windows of all streams in their order. States are carried from each to the next.
fn in_order(data: &TextWindows, device: &Device) -> impl Iterator<Item = Result<Labelled<Windows>>> {
    let (streams, carried) = (streams(data), Carried::default());
    (0..data.windows()).map(move |window| {
        let rows: Vec<usize> = (window * streams..(window + 1) * streams).collect();
        data.next_batch(&rows, device, &carried)
    })
}

/// A copy of the model that has gradients, and the device for its data.
///
/// # Errors
///
/// All parameters are frozen.
fn in_training(model: &LanguageModel) -> Result<(LanguageModel, Device)> {
    let device = device_of(model)?.autodiff();
    let model = model.clone().train();
    if weights::frozen_paths(&model).len() == weights::shapes_of(&model).len() {
        return Err(Error::Data {
            what: "the parameters of a dynamic evaluation",
            expected: "at least one that training changes".into(),
            found: "frozen ones only".into(),
        });
    }
    Ok((model, device))
}

/// The gradients of whole parameters. A window may have none, if its loss depends on frozen parameters only.
fn gradients_of(model: &LanguageModel, loss: &Tensor<1>) -> GradientsParams {
    if loss.is_tracked() { GradientsParams::from_grads(loss.backward(), model) } else { GradientsParams::new() }
}
