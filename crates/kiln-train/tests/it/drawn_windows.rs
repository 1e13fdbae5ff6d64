//! Windows of drawn length: what is read, the distribution of the lengths, the learning rate of a step, and resuming.

use std::sync::{Arc, Mutex};

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use kiln_models::{LanguageModelConfig, Pass, RandomKey, RecurrentKind, Windows};
use kiln_train::{
    Batches, Callback, Control, Error, ExistingRun, Labelled, Optimizer, Result, StepLogs, StepOutput, TextWindows,
    Trainable, Trainer, evaluate,
};

use crate::devices;
use crate::language_model::ids_of;
use crate::training::{cpu, folder};
use crate::within_epochs::each_goes_on_to_the_same_bits;

/// A text of one stream of `len` tokens.
fn stream(len: usize, window: usize) -> TextWindows {
    TextWindows::new(vec![0; len + 1], 1, window).unwrap().drawn_lengths()
}

/// The lengths of the windows of a text of one stream.
fn lengths(text: &TextWindows, window: usize, key: RandomKey) -> Vec<f64> {
    let epoch = text.of_epoch(key).unwrap();
    (0..epoch.rows()).map(|row| (epoch.rate_factor(&[row]) * window as f64).round()).collect()
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

fn deviation(numbers: &[f64]) -> f64 {
    let mean = mean(numbers);
    let squares: Vec<f64> = numbers.iter().map(|number| (number - mean).powi(2)).collect();
    self::mean(&squares).sqrt()
}

#[test]
fn each_token_of_each_stream_is_read_once_and_in_order() {
    for (tokens, streams, window) in [(1001_u32, 4, 20), (700, 2, 64), (24, 3, 4), (13, 3, 4), (101, 1, 2), (9, 1, 1)] {
        let text = TextWindows::new((0..tokens).collect(), streams, window).unwrap().drawn_lengths();
        for epoch in 0..3 {
            let data = text.of_epoch(RandomKey::new(5).index(epoch)).unwrap();
            assert_eq!((data.rows(), data.streams()), (text.rows(), Some(streams)));
            let mut read = vec![Vec::new(); streams];
            for rows in (0..data.rows()).collect::<Vec<_>>().chunks(streams) {
                let (ids, targets) = ids_of(&data.batch(rows, &cpu()).unwrap());
                let length = ids.len() / streams;
                assert!(length > 0);
                assert_eq!(data.rate_factor(rows), length as f64 / window as f64);
                assert!(ids.iter().zip(&targets).all(|(id, target)| id + 1 == *target));
                read.iter_mut().zip(ids.chunks(length)).for_each(|(read, ids)| read.extend_from_slice(ids));
            }
            let whole: Vec<i32> = (0..text.tokens() as i32).collect();
            assert_eq!(read.concat(), whole, "{tokens} tokens in {streams} streams of windows of {window}");
        }
    }
}

/// 2,858 lengths whose mean is 70 or 35 before they are multiplied: by 200,000 / 2,858 over 0.95 * 70 + 0.05 * 35,
/// which is 1.025. So whole windows have a mean of 71.8, halves one of 35.9, and both a standard deviation of 5.1. The
/// tolerances are more than three standard errors.
#[test]
fn lengths_have_the_distribution_of_the_paper() {
    let drawn = lengths(&stream(200_000, 70), 70, RandomKey::new(3));
    assert_eq!(drawn.len(), 2858);
    assert!((mean(&drawn) - 200_000.0 / 2858.0).abs() < 1e-9);
    let (half, whole): (Vec<f64>, Vec<f64>) = drawn.iter().partition(|&&length| length < 53.8);
    let share = half.len() as f64 / 2858.0;
    assert!((share - 0.05).abs() < 0.015, "{share}");
    for (lengths, middle, near, spread) in [(whole, 71.8, 0.8, 0.4), (half, 35.9, 2.0, 1.2)] {
        let (mean, deviation) = (mean(&lengths), deviation(&lengths));
        assert!((mean - middle).abs() < near, "{mean}, not {middle}");
        assert!((deviation - 5.1).abs() < spread, "{deviation} around {middle}");
    }
}

/// The mean of max(5, x), x normal with deviation 5, is 8.84 around 8 and 6.53 around 4. So lengths are multiplied by
/// 8 / (0.95 * 8.84 + 0.05 * 6.53) = 0.917: the least becomes 4.58, a 4 or a 5. The mean of max(3, x) is 4.99 around 3
/// and 4.33 around 1.5, with a factor of 0.605: the least becomes 1.81, a 1 or a 2.
#[test]
fn a_length_is_at_least_5_before_it_is_multiplied_or_the_window_if_that_is_smaller() {
    for (window, least) in [(8, 4.0), (3, 1.0)] {
        let drawn = lengths(&stream(1000 * window, window), window, RandomKey::new(1));
        assert_eq!(drawn.iter().copied().reduce(f64::min), Some(least), "{window}");
        assert!(drawn.iter().any(|&length| length > 2.0 * window as f64), "{window}");
    }
}

#[test]
fn the_key_of_the_epoch_draws_the_lengths() {
    let text = stream(1000, 20);
    let first = lengths(&text, 20, RandomKey::new(1));
    assert_eq!(first, lengths(&text, 20, RandomKey::new(1)));
    assert_ne!(first, lengths(&text, 20, RandomKey::new(2)));
    assert!(first.iter().any(|&length| length != first[0]));
}

#[test]
fn without_the_option_windows_and_learning_rate_stay_as_they_are() {
    let ids: Vec<u32> = (0..24).collect();
    let plain = TextWindows::new(ids.clone(), 3, 4).unwrap();
    let drawn = plain.clone().drawn_lengths();
    assert!(plain.of_epoch(RandomKey::new(1)).is_none());
    // The last window has 3 of 4 tokens.
    for rows in [[0, 1, 2], [3, 4, 5]] {
        assert_eq!((plain.rate_factor(&rows), drawn.rate_factor(&rows)), (1.0, 1.0));
        assert_eq!(ids_of(&drawn.batch(&rows, &cpu()).unwrap()), ids_of(&plain.batch(&rows, &cpu()).unwrap()));
    }
    let model = LanguageModelConfig::new(24).d_embedding(3).d_hidden(vec![3]).init(&cpu(), 0).unwrap();
    assert_eq!(evaluate(&model, &drawn, 3).unwrap(), evaluate(&model, &plain, 3).unwrap());
}

/// One weight whose gradient is the length of the batch's windows.
#[derive(Module, Debug)]
struct Counter {
    weight: Param<Tensor<1>>,
}

impl Trainable for Counter {
    type Batch = Labelled<Windows>;

    fn step(&self, batch: Labelled<Windows>, _: &Pass) -> StepOutput {
        let [_, length] = batch.input.ids.dims();
        let outputs: Tensor<2> = self.weight.val().mul_scalar(length as f32).unsqueeze();
        StepOutput::new(outputs.clone().mean(), outputs, batch.targets)
    }
}

fn counter(device: &Device) -> Counter {
    Counter { weight: Param::from_data([0.0], device) }
}

/// Keeps the weight after each step.
struct Watch(Arc<Mutex<Vec<f32>>>);

impl Callback for Watch {
    fn name(&self) -> &'static str {
        "watch"
    }

    fn on_step_end(&mut self, _: &StepLogs, control: &mut Control<'_>) -> Result<()> {
        assert_eq!(control.learning_rate(), 1.0);
        self.0.lock().unwrap().push(control.weights()["weight"].values[0]);
        Ok(())
    }
}

/// By how much each batch of two epochs lowers the weight, at a learning rate of 1, with so many batches per step.
fn updates(text: &TextWindows, seed: u64, accumulated: usize, device: &Device) -> Vec<f32> {
    let (folder, weights) = (folder(), Arc::new(Mutex::new(vec![0.0])));
    let trainer = Trainer::new(folder.path()).epochs(2).batch_size(2).seed(seed).quiet();
    let trainer = trainer.gradient_accumulation_steps(accumulated);
    let trainer = trainer.optimizer(Optimizer::sgd().learning_rate(1.0)).callback(Watch(weights.clone()));
    let run = trainer.fit(counter(device), text, text).unwrap();
    assert_eq!(run.history().values("learning_rate"), [1.0, 1.0]);
    let weights = weights.lock().unwrap();
    weights.windows(2).map(|two| two[0] - two[1]).collect()
}

/// A step with windows of length n has gradient n and learning rate n / 16, so it subtracts n * n / 16: exactly, since
/// the weights have few binary digits.
#[test]
fn the_learning_rate_of_a_step_is_multiplied_by_its_length_over_the_window() {
    let plain = TextWindows::new((0..1281).map(|id| id % 7).collect(), 2, 16).unwrap();
    let drawn = plain.clone().drawn_lengths();
    assert_eq!((drawn.windows(), drawn.tokens()), (40, 1280));
    for (backend, device) in devices::all() {
        assert_eq!(updates(&plain, 1, 1, &device), [16.0; 80], "{backend}");
        let updates = |seed| updates(&drawn, seed, 1, &device);
        let found = updates(1);
        let lengths: Vec<f32> = found.iter().map(|update| (16.0 * update).sqrt()).collect();
        assert!(lengths.iter().all(|length| length.fract() == 0.0), "{backend}: {lengths:?}");
        let (first, second) = lengths.split_at(40);
        assert_eq!((first.iter().sum::<f32>(), second.iter().sum::<f32>()), (640.0, 640.0), "{backend}");
        assert!(first.iter().any(|length| *length != 16.0));
        assert_ne!(first, second, "each epoch has its own windows");
        assert_eq!(updates(1), found, "{backend}");
        assert_ne!(updates(2), found, "{backend}");
    }
}

/// The batches of a step have lengths a and b: their mean gradient is (a + b) / 2, and the mean of their factors is that
/// divided by 16.
#[test]
fn batches_that_share_a_step_share_the_mean_of_their_factors() {
    let text = TextWindows::new((0..1281).map(|id| id % 7).collect(), 2, 16).unwrap().drawn_lengths();
    let lengths: Vec<f32> = updates(&text, 1, 1, &cpu()).iter().map(|update| (16.0 * update).sqrt()).collect();
    let expected = lengths.chunks(2).flat_map(|pair| [0.0, ((pair[0] + pair[1]) / 2.0).powi(2) / 16.0]);
    assert_eq!(updates(&text, 1, 2, &cpu()), expected.collect::<Vec<_>>());
}

#[test]
fn a_run_goes_on_from_any_step_to_the_same_bits() {
    let ids: Vec<u32> = (0..121).map(|at| at * 7 % 13).collect();
    let train = TextWindows::new(ids.clone(), 4, 6).unwrap().drawn_lengths();
    let valid = TextWindows::new(ids, 4, 10).unwrap();
    let config = LanguageModelConfig::new(13).kind(RecurrentKind::Lstm).d_embedding(5).d_hidden(vec![6]).dropout(0.2);
    each_goes_on_to_the_same_bits(
        |folder, with, existing| {
            let trainer = Trainer::new(folder).epochs(2).batch_size(4).seed(3).quiet().clip_norm(0.5);
            with(trainer).existing_run(existing).fit(config.init(&cpu(), 1).unwrap(), &train, &valid).unwrap()
        },
        10,
    );
}

/// The digests of 0, 1, 2 in windows of 1: SplitMix64's first number for the digest so far, XOR the next number; over
/// the ids, and over that digest and the window.
#[test]
fn a_run_is_not_resumed_with_the_option_changed() {
    let short = TextWindows::new(vec![0, 1, 2], 1, 1).unwrap();
    assert_eq!(short.digest(), Some([0x5def_8c1f_8a9e_3322, 0xdf20_3bb3_0ff5_f6bd]), "old checkpoints go on");
    let plain = TextWindows::new((0..121).map(|id| id % 7).collect(), 2, 16).unwrap();
    let drawn = plain.clone().drawn_lengths();
    for (before, after) in [(&plain, &drawn), (&drawn, &plain)] {
        let folder = folder();
        let fit = |train: &TextWindows, existing| {
            let trainer = Trainer::new(folder.path()).epochs(2).batch_size(2).quiet().existing_run(existing);
            trainer.fit(counter(&cpu()), train, &plain).map(drop)
        };
        fit(before, ExistingRun::Refuse).unwrap();
        let error = fit(after, ExistingRun::Resume).unwrap_err();
        assert!(matches!(error, Error::ResumeMismatch { .. }), "{error}");
        assert!(error.to_string().contains("targets (labels) of the training rows"), "{error}");
        fit(before, ExistingRun::Resume).unwrap();
    }
}

/// Data with other rows in each epoch, or with a factor of the learning rate.
#[derive(Clone)]
struct Changing {
    data: TextWindows,
    epoch: Option<TextWindows>,
    factor: f64,
}

impl Batches for Changing {
    type Batch = Labelled<Windows>;

    fn rows(&self) -> usize {
        self.data.rows()
    }

    fn batch(&self, rows: &[usize], device: &Device) -> Result<Self::Batch> {
        self.data.batch(rows, device)
    }

    fn streams(&self) -> Option<usize> {
        self.data.streams()
    }

    fn of_epoch(&self, _: RandomKey) -> Option<Arc<dyn Batches<Batch = Self::Batch>>> {
        let epoch = self.epoch.clone()?;
        Some(Arc::new(epoch))
    }

    fn rate_factor(&self, _: &[usize]) -> f64 {
        self.factor
    }
}

#[test]
fn an_epoch_with_another_number_of_rows_and_a_factor_that_is_no_rate_are_refused() {
    let data = |tokens: u32| TextWindows::new((0..tokens).map(|id| id % 7).collect(), 2, 4).unwrap();
    let fit = |epoch: Option<u32>, factor: f64| {
        let folder = folder();
        let train = Changing { data: data(41), epoch: epoch.map(data), factor };
        let trainer = Trainer::new(folder.path()).batch_size(2).quiet().optimizer(Optimizer::sgd().learning_rate(1.0));
        let run = trainer.fit(counter(&cpu()), &train, &data(41)).map_err(|error| format!("{error:?}"))?;
        Ok::<f32, String>(run.model().weight.val().into_scalar())
    };
    // Five windows of 4 tokens, each with gradient 4.
    assert_eq!(fit(None, 1.0), Ok(-20.0));
    assert_eq!(fit(None, 0.5), Ok(-10.0));
    assert_eq!(fit(None, 0.0), Ok(0.0));
    assert_eq!(fit(Some(41), 0.5), Ok(-20.0), "the epoch's own data are asked");
    for tokens in [33, 49] {
        let error = fit(Some(tokens), 1.0).unwrap_err();
        assert!(error.contains("the rows of a data set"), "{error}");
    }
    for factor in [-1.0, f64::NAN, f64::INFINITY] {
        let error = fit(None, factor).unwrap_err();
        assert!(error.contains("factor of the learning rate"), "{error}");
    }
}
