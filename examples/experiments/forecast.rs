//! Predicts the next steps of a numeric series from a window of it: a GRU and a Conv1D against the naive forecast.
//!
//! ```text
//! cargo run --release --example forecast
//! cargo run --release --example forecast -- --series temperatures.csv --column 2 --season 365
//! ```
//!
//! Data: 4,000 generated steps of two rhythms, a wandering level and noise; with `--series`, a file with one step a
//! line and commas between columns. The first 70 % train, the next 15 % validate, the last 15 % test; numbers are
//! scaled by the mean and the deviation of the training part. The models read a window of 48 steps and predict the next
//! 12 at once. The naive forecast repeats the last number; the seasonal one repeats the numbers of one season before.
//! Adam, mean squared error, 20 epochs; the best epoch is kept. Time: ten seconds on 2 cores. Output: the mean
//! absolute error on the test part, and `forecast.svg` and `forecast.png` with some forecasts next to the actual
//! numbers.

use kiln_examples::{println, read_text};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use clap::Parser;
use kiln::burn;
use kiln::burn::module::Module;
use kiln::burn::tensor::{Device, Tensor};
use kiln::models::layers::{Conv1d, Conv1dConfig, ConvPadding, Dense, DenseConfig};
use kiln::models::{Activation, RandomKey, Series};
use kiln::models::{Head, Pass, thousands};
use kiln::prelude::*;
use kiln::train::predict;
use kiln_examples::curves::{Curve, Curves};
use kiln_examples::step_times::StepTimes;
use kiln_examples::{Defaults, TrainingArgs, show_model};

const DEFAULTS: Defaults = Defaults::new("forecast", Optimizer::adam()).epochs(20).batch_size(32);
/// Windows in the picture.
const SHOWN: usize = 8;
/// Channels of a convolution.
const FILTERS: usize = 32;

/// Forecast a numeric series
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    training: TrainingArgs,
    /// A file with one step a line [default: a generated series]
    #[arg(long, value_name = "FILE")]
    series: Option<PathBuf>,
    /// The column of the file, counted from 1
    #[arg(long, default_value_t = 1)]
    column: usize,
    /// Steps of a season, for the seasonal naive forecast
    #[arg(long, default_value_t = 24)]
    season: usize,
    /// Steps that the models read
    #[arg(long, default_value_t = 48)]
    window: usize,
    /// Steps to predict
    #[arg(long, default_value_t = 12)]
    ahead: usize,
}

/// A daily and a weekly rhythm by the hour, a level that wanders, and noise.
fn generated(steps: usize, seed: u64) -> Vec<f64> {
    let key = RandomKey::new(seed).child("series");
    let (wander, noise) = (key.child("wander").normal(steps), key.child("noise").normal(steps));
    let mut level = 0.0;
    (0..steps)
        .map(|step| {
            let turn = |period: f64| (std::f64::consts::TAU * step as f64 / period).sin();
            level = 0.995 * level + 0.05 * wander[step];
            10.0 + 3.0 * turn(24.0) + 1.5 * turn(168.0) * turn(12.0) + 4.0 * level + 0.3 * noise[step]
        })
        .collect()
}

/// The numbers of a column; if its first line holds a name, it is a header.
fn read(path: &Path, column: usize) -> Result<Vec<f64>> {
    ensure!(column > 0, "columns are counted from 1");
    let text = read_text(path)?;
    let mut numbers = Vec::new();
    let lines = text.lines().enumerate();
    for (count, (place, line)) in lines.filter(|(_, line)| !line.trim().is_empty()).enumerate() {
        let field = line.split(',').nth(column - 1).unwrap_or_default().trim();
        match field.parse::<f64>() {
            Ok(number) if number.is_finite() => numbers.push(number),
            Err(_) if count == 0 && field.contains(char::is_alphabetic) => {}
            _ => bail!("{}, line {}: column {column} is not a number: {line:?}", path.display(), place + 1),
        }
    }
    Ok(numbers)
}

/// The mean and deviation that numbers are scaled by.
#[derive(Clone, Copy)]
struct Scale {
    mean: f64,
    deviation: f64,
}

impl Scale {
    fn of(numbers: &[f64]) -> Self {
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        let variance = numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / numbers.len() as f64;
        Self { mean, deviation: variance.sqrt().max(1e-12) }
    }
}

/// A series cut into rows: a window and the steps after it.
struct Rows<'a> {
    numbers: &'a [f64],
    window: usize,
    ahead: usize,
}

impl Rows<'_> {
    fn count(&self) -> usize {
        (self.numbers.len() + 1).saturating_sub(self.window + self.ahead)
    }

    /// The steps after the window of `row`.
    fn after(&self, row: usize) -> &[f64] {
        &self.numbers[row + self.window..row + self.window + self.ahead]
    }

    /// The numbers `back` steps before those, or a multiple of `back`, so that they are inside the window.
    fn repeated(&self, row: usize, back: usize) -> Vec<f64> {
        let last = row + self.window;
        (0..self.ahead).map(|step| self.numbers[last + step - back * (step / back + 1)]).collect()
    }

    fn dataset(&self, scale: Scale) -> Result<SeriesDataset> {
        ensure!(
            self.count() > 0,
            "a part of the series has {} steps, but a window of {} and the {} steps after it are needed",
            self.numbers.len(),
            self.window,
            self.ahead
        );
        let scaled = |number: &f64| ((number - scale.mean) / scale.deviation) as f32;
        let windows = (0..self.count()).flat_map(|row| self.numbers[row..row + self.window].iter().map(scaled));
        let targets = (0..self.count()).flat_map(|row| self.after(row).iter().map(scaled));
        Ok(SeriesDataset::new(windows.collect(), [self.window, 1], targets.collect(), self.ahead)?)
    }
}

/// Two convolutions and a dense layer over all of their steps.
#[derive(Module, Debug)]
struct ConvForecast {
    first: Conv1d,
    second: Conv1d,
    dense: Dense,
    #[module(skip)]
    window: usize,
    #[module(skip)]
    ahead: usize,
}

impl ConvForecast {
    fn new(window: usize, ahead: usize, device: &Device, seed: u64) -> Result<Self> {
        let key = RandomKey::new(seed).child("init");
        let conv = |d_input, name: &str| {
            Conv1dConfig::new(d_input, FILTERS, 7)
                .padding(ConvPadding::Same)
                .activation(Activation::Relu)
                .init(device, key.child(name))
        };
        let dense = DenseConfig::new(window * FILTERS, ahead).init(device, key.child("dense"))?;
        Ok(Self { first: conv(1, "first")?, second: conv(FILTERS, "second")?, dense, window, ahead })
    }
}

impl Model for ConvForecast {
    type Input = Series;

    fn forward(&self, input: &Series, _pass: &Pass) -> Tensor<2> {
        let output = self.second.forward(self.first.forward(input.values.clone()));
        let [batch, time, channels] = output.dims();
        self.dense.forward(output.reshape([batch, time * channels]))
    }

    fn head(&self) -> Head {
        Head::Values(self.ahead)
    }

    fn max_len(&self) -> Option<usize> {
        Some(self.window)
    }

    fn d_input(&self) -> Option<usize> {
        Some(1)
    }
}

/// Forecasts of every row, in the unit of the series.
fn unscaled(predicted: Vec<Vec<f32>>, scale: Scale) -> Vec<Vec<f64>> {
    let back = |number: f32| f64::from(number) * scale.deviation + scale.mean;
    predicted.into_iter().map(|row| row.into_iter().map(back).collect()).collect()
}

/// Mean absolute errors by steps ahead.
fn errors(rows: &Rows<'_>, forecasts: &[Vec<f64>]) -> Vec<f64> {
    let mut sums = vec![0.0; rows.ahead];
    for (row, forecast) in forecasts.iter().enumerate() {
        for ((sum, forecast), right) in sums.iter_mut().zip(forecast).zip(rows.after(row)) {
            *sum += (forecast - right).abs();
        }
    }
    sums.into_iter().map(|sum| sum / forecasts.len() as f64).collect()
}

fn main() -> Result<()> {
    let options = Options::parse();
    let Options { window, ahead, season, .. } = options;
    ensure!(window >= 1 && ahead >= 1 && season >= 1, "windows, steps ahead and seasons have at least 1 step");
    ensure!(season <= window, "a season of {season} steps does not fit a window of {window}: use a wider --window");
    let runs = options.training.parts(&DEFAULTS, &["gru", "conv1d"])?;
    let device = options.training.device()?;

    let numbers = match &options.series {
        Some(path) => read(path, options.column)?,
        None => generated(if options.training.fast { 800 } else { 4_000 }, options.training.seed),
    };
    let (train, rest) = numbers.split_at(numbers.len() * 70 / 100);
    let (valid, test) = rest.split_at(rest.len() / 2);
    ensure!(!train.is_empty(), "the series is too short: it has {} steps", numbers.len());
    let scale = Scale::of(train);
    let rows = |numbers| Rows { numbers, window, ahead };
    let (fit, valid) = (rows(train).dataset(scale)?, rows(valid).dataset(scale)?);
    let test_rows = rows(test);
    let test = test_rows.dataset(scale)?;
    println!("{} steps, {} windows to train on", thousands(numbers.len()), thousands(fit.rows()));

    let folder = options.training.folder(&DEFAULTS);
    let batch_size = options.training.batch_size.unwrap_or(DEFAULTS.batch_size);

    let config = RecurrentRegressorConfig::new(1, window).head(Head::Values(ahead)).d_hidden(vec![64]);
    let gru = config.init(&device, options.training.seed)?;
    show_model(&gru);
    let (gru_size, gru_times) = (gru.summary().total(), StepTimes::default());
    let trainer = runs[0].trainer(&DEFAULTS).callback(gru_times.clone());
    let run = trainer.save_best(Monitor::ValidLoss).artifact(ArtifactConfig::series(&gru)).fit(gru, &fit, &valid)?;
    let by_gru = unscaled(predict(run.model(), &test, batch_size)?, scale);

    let conv = ConvForecast::new(window, ahead, &device, options.training.seed)?;
    show_model(&conv);
    let (conv_size, conv_times) = (conv.summary().total(), StepTimes::default());
    let trainer = runs[1].trainer(&DEFAULTS).callback(conv_times.clone());
    let run = trainer.save_best(Monitor::ValidLoss).fit(conv, &fit, &valid)?;
    let by_conv = unscaled(predict(run.model(), &test, batch_size)?, scale);

    let all = 0..test_rows.count();
    let forecasts = [
        ("naive", all.clone().map(|row| test_rows.repeated(row, 1)).collect()),
        ("seasonal naive", all.map(|row| test_rows.repeated(row, season)).collect()),
        ("GRU", by_gru),
        ("Conv1D", by_conv),
    ];
    for (name, forecasts) in &forecasts {
        let errors = errors(&test_rows, forecasts);
        let mean = errors.iter().sum::<f64>() / ahead as f64;
        println!(
            "{name}: mean absolute error {mean:.3}, 1 step ahead {:.3}, {ahead} ahead {:.3}",
            errors[0],
            errors[ahead - 1]
        );
    }
    for (name, size, times) in [("GRU", gru_size, gru_times), ("Conv1D", conv_size, conv_times)] {
        println!("{name} has {} parameters, a step takes {:.2} ms", thousands(size), times.mean_ms());
    }

    // Windows whose forecasts join end to end.
    let shown: Vec<usize> = (0..SHOWN).map(|place| place * ahead).filter(|&row| row < test_rows.count()).collect();
    let curve = |name: &str, of_row: &dyn Fn(usize) -> Vec<f64>| {
        let points =
            shown.iter().flat_map(|&row| of_row(row).into_iter().enumerate().map(move |(step, y)| (row + step, y)));
        Curve { name: name.to_owned(), points: points.map(|(x, y)| ((x + window) as f64, y)).collect() }
    };
    let mut curves = vec![curve("actual", &|row| test_rows.after(row).to_vec())];
    curves.extend(forecasts.iter().map(|(name, forecasts)| curve(name, &|row| forecasts[row].clone())));
    let picture = Curves {
        title: format!("Forecasts {ahead} steps ahead, each from the window before"),
        x: "step of the test part".to_owned(),
        y: "value".to_owned(),
        is_logarithmic: false,
        curves,
    };
    picture.save_both(&folder, "forecast")
}
