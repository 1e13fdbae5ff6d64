//! Language models that adapt to the text they are evaluated on: the cache, the gradient steps and both at once against
//! their formulas, and what is refused.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor};
use kiln_models::weights::{ParameterPath, Weights, initialized, map_trainable, weights_of, with_weights};
use kiln_models::{
    Carried, Initializer, LanguageModel, LanguageModelConfig, Model, OutputLayer, Pass, RandomKey, RecurrentKind,
    Targets,
};
use kiln_train::language::{Adaptive, ContinuousCache, DynamicEvaluation, GradientStatistics, evaluate_with};
use kiln_train::{Batches, Error, TextWindows, evaluate};

use crate::devices;

fn cpu() -> Device {
    devices::all().swap_remove(0).1
}

const VOCAB: usize = 12;

fn text(tokens: u32) -> Vec<u32> {
    (0..tokens).map(|place| (place * place + place / 5) % VOCAB as u32).collect()
}

/// One model for each kind of layer and of output, with dropout that an evaluation must not use.
fn configs() -> Vec<LanguageModelConfig> {
    let of = |kind, output: OutputLayer| {
        LanguageModelConfig::new(VOCAB).kind(kind).d_embedding(4).d_hidden(vec![5, 4]).dropout(0.4).output(output)
    };
    vec![
        of(RecurrentKind::Lstm, OutputLayer::Full),
        of(RecurrentKind::Gru, OutputLayer::Tied),
        of(RecurrentKind::SimpleRnn, OutputLayer::Adaptive { cutoffs: vec![3, 7], div_value: 2.0 }),
    ]
}

/// With weights so large that outputs, and with them similarities and gradients, differ from place to place.
fn model(config: &LanguageModelConfig, device: &Device) -> LanguageModel {
    let model = config.init(device, 3).unwrap();
    initialized(model, RandomKey::new(5), |_, _| Some(Initializer::Uniform { limit: 0.7 })).unwrap()
}

fn loss(model: &LanguageModel, data: &TextWindows, options: &Adaptive<'_>) -> f64 {
    evaluate_with(model, data, options).unwrap().loss
}

fn plain(learning_rate: f64, decay: f64) -> DynamicEvaluation<'static> {
    DynamicEvaluation::new().learning_rate(learning_rate).decay(decay)
}

/// A place in a text: the last layer's output, the token that follows, and its log-probability.
#[derive(Clone)]
struct Place {
    output: Vec<f64>,
    word: i64,
    log_prob: f64,
}

/// The gradients of one window, by the paths of their parameters.
type OfWindow = BTreeMap<String, Vec<f64>>;

struct ByPath<'a> {
    path: ParameterPath,
    gradients: &'a Gradients,
    found: OfWindow,
}

impl ModuleVisitor for ByPath<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad(self.gradients) {
            self.found.insert(self.path.name(), numbers(gradient));
        }
    }
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.try_into_vec_as::<f32>().unwrap().into_iter().map(f64::from).collect()
}

/// Reads a text window by window, stream by stream, with weights that `update` changes after each window.
fn read(model: &LanguageModel, data: &TextWindows, mut update: impl FnMut(&mut Weights, &OfWindow)) -> Vec<Vec<Place>> {
    let device = model.devices().into_iter().next().unwrap();
    let (carried, carried_in_training) = (Carried::default(), Carried::default());
    let mut weights = weights_of(model);
    let streams = data.streams().unwrap();
    let mut all = vec![Vec::new(); streams];
    for window in 0..data.windows() {
        let rows: Vec<usize> = (window * streams..(window + 1) * streams).collect();
        let model = with_weights(model.clone(), weights.clone()).unwrap();
        let batch = data.next_batch(&rows, &device, &carried).unwrap();
        let Targets::Classes(classes) = batch.targets else { panic!("targets are tokens") };
        let (outputs, log_probs) = model.hidden_and_log_probs(&batch.input, classes.clone(), &Pass::Inference);
        let [tokens, width] = outputs.dims();
        let (outputs, log_probs) = (numbers(outputs), numbers(log_probs));
        let words = classes.try_into_vec_as::<i64>().unwrap();
        for (at, output) in outputs.chunks(width).enumerate() {
            let place = Place { output: output.to_vec(), word: words[at], log_prob: log_probs[at] };
            all[at / (tokens / streams)].push(place);
        }

        let model = model.train();
        let batch = data.next_batch(&rows, &device.clone().autodiff(), &carried_in_training).unwrap();
        let gradients = model.score(&batch.input, &batch.targets, &Pass::Inference).loss.backward();
        let mut by_path = ByPath { path: ParameterPath::default(), gradients: &gradients, found: OfWindow::new() };
        model.visit(&mut by_path);
        update(&mut weights, &by_path.found);
    }
    all
}

fn mean_loss(streams: &[Vec<Place>]) -> f64 {
    let places = streams.iter().map(Vec::len).sum::<usize>();
    -streams.iter().flatten().map(|place| place.log_prob).sum::<f64>() / places as f64
}

/// The loss with a cache, each place by the formula.
fn cached_loss(streams: &[Vec<Place>], size: usize, theta: f64, lambda: f64) -> f64 {
    let mut sum = 0.0;
    for stream in streams {
        for (at, place) in stream.iter().enumerate() {
            let weight = |other: &Place| {
                let product = place.output.iter().zip(&other.output).map(|(a, b)| a * b).sum::<f64>();
                (theta * product).exp()
            };
            let cached = &stream[at.saturating_sub(size)..at];
            let all: f64 = cached.iter().map(weight).sum();
            let same: f64 = cached.iter().filter(|other| other.word == place.word).map(weight).sum();
            let probability = match cached {
                [] => place.log_prob.exp(),
                _ => (1.0 - lambda) * place.log_prob.exp() + lambda * same / all,
            };
            sum -= probability.ln();
        }
    }
    sum / streams.iter().map(Vec::len).sum::<usize>() as f64
}

/// The places of a dynamic evaluation: `step` computes the new value of a weight from the path of its parameter, its
/// place in it, its value, its first value and its gradient.
fn stepped(
    model: &LanguageModel,
    data: &TextWindows,
    step: impl Fn(&str, usize, f64, f64, f64) -> f64,
) -> Vec<Vec<Place>> {
    let first = weights_of(model);
    read(model, data, |weights, gradients| {
        for (path, weight) in weights {
            for (at, value) in weight.values.iter_mut().enumerate() {
                let gradient = gradients.get(path).map_or(0.0, |gradient| gradient[at]);
                *value = step(path, at, f64::from(*value), f64::from(first[path].values[at]), gradient) as f32;
            }
        }
    })
}

/// All of them near their expected values, which differ from each other.
fn assert_all_near(backend: &str, pairs: &[(f64, f64)]) {
    for (at, (got, expected)) in pairs.iter().enumerate() {
        assert!((got - expected).abs() < 1e-5, "{backend}: number {at} is {got}, not {expected}");
        for (_, other) in &pairs[..at] {
            assert!((expected - other).abs() > 1e-4, "{backend}: {pairs:?} do not tell the options apart");
        }
    }
}

#[test]
fn with_no_or_with_tiny_options_the_loss_is_that_of_an_evaluation() {
    for (backend, device) in devices::on_the_cpu() {
        for config in configs() {
            let model = model(&config, &device);
            let data = TextWindows::new(text(61), 2, 4).unwrap();
            let statistics = GradientStatistics::collect(&model, &data).unwrap();
            let expected = evaluate(&model, &data, 2).unwrap();
            let tiny = DynamicEvaluation::new().learning_rate(1e-12);
            for options in [
                Adaptive::new(),
                Adaptive::new().cache(ContinuousCache::new().size(9).lambda(1e-9)),
                Adaptive::new().dynamic(tiny),
                Adaptive::new().dynamic(tiny.decay(1.0)),
                Adaptive::new().dynamic(tiny.statistics(&statistics)),
            ] {
                let got = evaluate_with(&model, &data, &options).unwrap();
                assert!((got.loss - expected.loss).abs() < 1e-5, "{backend}: {got:?} {expected:?}");
                assert_eq!((got.rows, got.accuracy), (expected.rows, None));
            }
        }
    }
}

/// Windows shorter than the cache, longer than it, and longer than the blocks in which they are compared.
#[test]
fn the_cache_is_the_formula_of_the_paper_in_each_stream() {
    for (backend, device) in devices::all() {
        let model = model(&configs()[0], &device);
        for (streams, window) in [(1, 150), (2, 7)] {
            let data = TextWindows::new(text(301), streams, window).unwrap();
            let places = read(&model, &data, |_, _| {});
            let options = [(20, 1.0, 0.1), (3, 1.0, 0.1), (140, 1.0, 0.1), (20, 3.0, 0.1), (20, 1.0, 0.6)];
            let pairs = options.map(|(size, theta, lambda)| {
                let cache = ContinuousCache::new().size(size).theta(theta).lambda(lambda);
                (loss(&model, &data, &Adaptive::new().cache(cache)), cached_loss(&places, size, theta, lambda))
            });
            assert_all_near(backend, &pairs);
        }
    }
}

#[test]
fn plain_steps_are_gradient_descent_with_a_pull_to_the_first_weights() {
    for (backend, device) in devices::on_the_cpu() {
        for config in configs() {
            let model = model(&config, &device);
            let data = TextWindows::new(text(41), 2, 3).unwrap();
            let pairs = [(0.5, 0.0), (0.2, 0.0), (0.5, 0.4)].map(|(rate, decay)| {
                let places = stepped(&model, &data, |_, _, value, first, gradient| {
                    value - rate * gradient + decay * (first - value)
                });
                (loss(&model, &data, &Adaptive::new().dynamic(plain(rate, decay))), mean_loss(&places))
            });
            assert_all_near(backend, &pairs);
        }
    }
}

/// The statistics are computed by hand too: the roots of the mean of squares over the batches, and their mean over the
/// parameters.
#[test]
fn steps_with_statistics_are_the_formula_of_the_authors() {
    for (backend, device) in devices::all() {
        for config in configs() {
            let model = model(&config, &device);
            let (train, data) = (TextWindows::new(text(61), 3, 4).unwrap(), TextWindows::new(text(41), 2, 3).unwrap());
            let statistics = GradientStatistics::collect(&model, &train).unwrap();

            let zeros = weights_of(&model).into_iter().map(|(path, weight)| (path, vec![0.0; weight.values.len()]));
            let mut roots: OfWindow = zeros.collect();
            read(&model, &train, |_, gradients| {
                for (path, gradient) in gradients {
                    let sums = roots.get_mut(path).unwrap();
                    sums.iter_mut().zip(gradient).for_each(|(sum, gradient)| *sum += gradient * gradient);
                }
            });
            for root in roots.values_mut().flatten() {
                *root = (*root / train.windows() as f64).sqrt();
            }
            let means = roots.values().map(|roots| roots.iter().sum::<f64>() / roots.len() as f64);
            let mean = means.sum::<f64>() / roots.len() as f64;
            assert!(
                roots.values().flatten().any(|root| 0.9 * root / mean > 1.0),
                "{backend}: the limit of 1 is tested"
            );

            let options = [(0.02, 0.9, 0.01), (0.04, 0.9, 0.01), (0.02, 0.2, 0.01), (0.02, 0.9, 0.1)];
            let pairs = options.map(|(rate, decay, epsilon)| {
                let places = stepped(&model, &data, |path, at, value, first, gradient| {
                    let root = roots[path][at];
                    value - rate * gradient / (root + epsilon) + (decay * root / mean).min(1.0) * (first - value)
                });
                let dynamic = plain(rate, decay).epsilon(epsilon).statistics(&statistics);
                (loss(&model, &data, &Adaptive::new().dynamic(dynamic)), mean_loss(&places))
            });
            assert_all_near(backend, &pairs);
        }
    }
}

#[test]
fn the_cache_of_a_dynamic_evaluation_holds_the_outputs_of_each_moment() {
    for (backend, device) in devices::all() {
        for config in configs() {
            let model = model(&config, &device);
            let data = TextWindows::new(text(41), 2, 3).unwrap();
            let places = stepped(&model, &data, |_, _, value, _, gradient| value - 0.5 * gradient);
            let options = Adaptive::new().dynamic(plain(0.5, 0.0));
            let cache = ContinuousCache::new().size(8).lambda(0.5);
            let pairs = [
                (loss(&model, &data, &options.cache(cache)), cached_loss(&places, 8, 1.0, 0.5)),
                (loss(&model, &data, &options), mean_loss(&places)),
            ];
            assert_all_near(backend, &pairs);
        }
    }
}

#[test]
fn the_defaults_are_those_of_the_sources() {
    let model = model(&configs()[0], &cpu());
    let data = TextWindows::new(text(61), 2, 4).unwrap();
    let statistics = GradientStatistics::collect(&model, &data).unwrap();
    let of = |dynamic| loss(&model, &data, &Adaptive::new().dynamic(dynamic));
    assert_eq!(of(DynamicEvaluation::new()), of(plain(0.1, 0.0)));
    let scaled = DynamicEvaluation::new().statistics(&statistics);
    assert_eq!(of(scaled), of(scaled.learning_rate(5e-5).decay(2e-3).epsilon(2e-5)));
    assert_eq!(ContinuousCache::new(), ContinuousCache::new().size(500).theta(1.0).lambda(0.1));
}

#[test]
fn a_sparse_embedding_is_updated_too_and_a_frozen_one_is_not() {
    for (backend, device) in devices::all() {
        let whole = model(&configs()[1], &device);
        let data = TextWindows::new(text(41), 2, 3).unwrap();
        let options = Adaptive::new().dynamic(plain(0.5, 0.1));
        let mut sparse = whole.clone();
        sparse.embedding = sparse.embedding.sparse(true);
        let expected = loss(&whole, &data, &options);
        assert!((loss(&sparse, &data, &options) - expected).abs() < 1e-6, "{backend}");

        let mut frozen = whole.clone();
        frozen.embedding = frozen.embedding.trainable(false);
        let places = stepped(&frozen, &data, |path, _, value, first, gradient| {
            assert!(path != "embedding.table" || gradient == 0.0);
            value - 0.5 * gradient + 0.1 * (first - value)
        });
        assert_all_near(backend, &[(expected, expected), (loss(&frozen, &data, &options), mean_loss(&places))]);
        // Its statistics do not include the frozen table, so they do not serve the model in which it is not frozen.
        let statistics = GradientStatistics::collect(&frozen, &data).unwrap();
        let options = Adaptive::new().dynamic(DynamicEvaluation::new().statistics(&statistics));
        assert!(evaluate_with(&frozen, &data, &options).is_ok());
        assert!(evaluate_with(&whole, &data, &options).is_err());
    }
}

/// 9 of 50 words, again and again. The loss of an untrained model is the logarithm of 50.
#[test]
fn on_a_text_that_repeats_itself_an_untrained_model_gets_better() {
    for (backend, device) in devices::on_the_cpu() {
        let model = LanguageModelConfig::new(50).d_embedding(8).d_hidden(vec![8]).init(&device, 0).unwrap();
        let ids: Vec<u32> = (0..401).map(|place| place % 9).collect();
        let (train, data) = (TextWindows::new(ids.clone(), 10, 5).unwrap(), TextWindows::new(ids, 1, 5).unwrap());
        let statistics = GradientStatistics::collect(&model, &train).unwrap();
        let fixed = evaluate(&model, &data, 1).unwrap().loss;
        assert!((fixed - 50.0_f64.ln()).abs() < 0.05, "{backend}: {fixed}");
        let cached = loss(&model, &data, &Adaptive::new().cache(ContinuousCache::new().size(100).lambda(0.5)));
        assert!(cached < fixed - 0.8, "{backend}: {cached}");
        let dynamic = loss(&model, &data, &Adaptive::new().dynamic(plain(0.5, 0.001)));
        assert!(dynamic < fixed - 0.3, "{backend}: {dynamic}");
        let scaled = DynamicEvaluation::new().learning_rate(0.005).statistics(&statistics);
        let scaled = loss(&model, &data, &Adaptive::new().dynamic(scaled));
        assert!(scaled < fixed - 0.05, "{backend}: {scaled}");
    }
}

#[test]
fn the_model_itself_does_not_change() {
    for (backend, device) in devices::on_the_cpu() {
        for config in configs() {
            let model = model(&config, &device);
            let before = weights_of(&model);
            let data = TextWindows::new(text(61), 2, 4).unwrap();
            let statistics = GradientStatistics::collect(&model, &data).unwrap();
            for dynamic in [plain(0.5, 0.1), plain(0.02, 0.1).statistics(&statistics)] {
                let options = Adaptive::new().cache(ContinuousCache::new().size(9)).dynamic(dynamic);
                let [first, second] = [(); 2].map(|()| loss(&model, &data, &options));
                assert!((first - second).abs() < 1e-6, "{backend}: {first} {second}");
            }
            assert_eq!(weights_of(&model), before, "{backend}");
        }
    }
}

#[test]
fn options_outside_their_range_are_refused_by_name() {
    let model = model(&configs()[0], &cpu());
    let data = TextWindows::new(text(61), 2, 4).unwrap(); // 30 tokens in each stream
    let statistics = GradientStatistics::collect(&model, &data).unwrap();
    let refused = |options: Adaptive<'_>| match evaluate_with(&model, &data, &options).unwrap_err() {
        Error::Option(error) => error.to_string(),
        other => panic!("{other}"),
    };
    let cache = ContinuousCache::new().size(9);
    for (cache, name) in [
        (cache.size(0), "size of a continuous cache should be from 1 to 30"),
        (cache.size(31), "size of a continuous cache should be from 1 to 30"),
        (ContinuousCache::new(), "the tokens of a stream of the text, found 500"),
        (cache.theta(-1.0), "theta of a continuous cache"),
        (cache.theta(f64::NAN), "theta of a continuous cache"),
        (cache.theta(f64::INFINITY), "theta of a continuous cache"),
        (cache.lambda(0.0), "lambda of a continuous cache should be above 0 and below 1, found 0"),
        (cache.lambda(1.0), "lambda of a continuous cache should be above 0 and below 1, found 1"),
        (cache.lambda(f64::NAN), "lambda of a continuous cache"),
    ] {
        let message = refused(Adaptive::new().cache(cache));
        assert!(message.contains(name), "{message}");
    }
    assert!(evaluate_with(&model, &data, &Adaptive::new().cache(cache.size(30).theta(0.0))).is_ok());
    let scaled = DynamicEvaluation::new().statistics(&statistics);
    for (dynamic, name) in [
        (plain(0.0, 0.1), "learning rate of a dynamic evaluation should be a number above 0, found 0"),
        (plain(-1.0, 0.1), "learning rate of a dynamic evaluation"),
        (plain(f64::INFINITY, 0.1), "learning rate of a dynamic evaluation"),
        (scaled.learning_rate(f64::NAN), "learning rate of a dynamic evaluation"),
        (plain(0.1, -0.1), "decay of a dynamic evaluation should be from 0 to 1, found -0.1"),
        (plain(0.1, 1.5), "decay of a dynamic evaluation"),
        (scaled.decay(f64::NAN), "decay of a dynamic evaluation"),
        (scaled.epsilon(0.0), "epsilon of a dynamic evaluation should be a number above 0, found 0"),
        (scaled.epsilon(f64::NAN), "epsilon of a dynamic evaluation"),
        (plain(0.1, 0.1).epsilon(1e-3), "epsilon of a dynamic evaluation should be unset without gradient statistics"),
    ] {
        let message = refused(Adaptive::new().dynamic(dynamic));
        assert!(message.contains(name), "{message}");
    }
}

#[test]
fn models_texts_and_statistics_that_do_not_fit_are_refused() {
    let config = &configs()[1];
    let model = model(config, &cpu());
    let data = TextWindows::new(text(61), 2, 4).unwrap();
    let statistics = GradientStatistics::collect(&model, &data).unwrap();
    let dynamic = DynamicEvaluation::new().statistics(&statistics);
    let refused = |model: &LanguageModel, data: &TextWindows, options: Adaptive<'_>| {
        let error = evaluate_with(model, data, &options).unwrap_err();
        assert!(matches!(error, Error::Data { .. }), "{error}");
        error.to_string()
    };

    let wide = TextWindows::new((0..61).map(|place| place % 13).collect(), 2, 4).unwrap();
    for options in [Adaptive::new(), Adaptive::new().dynamic(dynamic)] {
        let message = refused(&model, &wide, options);
        assert!(message.contains("below the model's vocabulary of 12") && message.contains("found 12"), "{message}");
    }
    let message = GradientStatistics::collect(&model, &wide).unwrap_err().to_string();
    assert!(message.contains("below the model's vocabulary of 12"), "{message}");

    let other = config.init(&cpu(), 3).unwrap();
    let message = refused(&other, &data, Adaptive::new().dynamic(dynamic));
    assert!(message.contains("those of this model or a clone of it"), "{message}");
    assert!(evaluate_with(&model.clone(), &data, &Adaptive::new().dynamic(dynamic)).is_ok());

    let frozen = map_trainable(model.clone(), |_| Some(false));
    let message = refused(&frozen, &data, Adaptive::new().dynamic(dynamic));
    assert!(message.contains("at least one that training changes"), "{message}");
    assert!(GradientStatistics::collect(&frozen, &data).unwrap_err().to_string().contains("frozen ones only"));
    assert!(evaluate_with(&frozen, &data, &Adaptive::new().cache(ContinuousCache::new().size(9))).is_ok());

    let mut weights = weights_of(&model);
    weights.values_mut().for_each(|weight| weight.values.fill(f32::NAN));
    let broken = with_weights(model.clone(), weights).unwrap();
    for options in [Adaptive::new(), Adaptive::new().dynamic(DynamicEvaluation::new())] {
        let message = refused(&broken, &data, options);
        assert!(message.contains("weights that are not finite") && message.contains("in window 1 of 8"), "{message}");
    }
    let message = GradientStatistics::collect(&broken, &data).unwrap_err().to_string();
    assert!(message.contains("the gradients on the training text"), "{message}");
}

/// A learning rate beyond the numbers of 32 bits, so that the second window is lost for sure.
#[test]
fn a_dynamic_evaluation_that_diverges_names_the_window_and_the_learning_rate() {
    for config in configs() {
        let model = model(&config, &cpu());
        let data = TextWindows::new(text(61), 2, 4).unwrap();
        let options = Adaptive::new().dynamic(plain(1e39, 0.0));
        let error = evaluate_with(&model, &data, &options).unwrap_err();
        let message = error.to_string();
        let Error::Diverged { window, windows: 8, value, learning_rate: 1e39 } = error else { panic!("{message}") };
        assert!(window == 2 && !value.is_finite(), "{message}");
        assert!(message.contains("in window 2 of 8"), "{message}");
        assert!(message.contains("at learning rate 1e39; evaluate again with a smaller learning rate"), "{message}");
    }
}
