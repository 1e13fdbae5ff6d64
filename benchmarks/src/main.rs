//! Times whole training steps, forward passes and predictions: `cargo xtask bench --steps` runs it.
//!
//! A step is the forward pass, the loss, the backward pass, the optimizer (Adam; gradient descent with clipped
//! gradients in the language model) and reading the loss back; the data is made before. Figures are medians of 20 runs
//! after 5 warm-up runs. A step inside the trainer is the time between two calls of a callback, and the bare step next
//! to it is the mean of one measured before and one measured after. On a GPU, a step's launches and the time in each
//! kernel come from separate steps, which measuring slows down.

#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod launches;
mod tasks;
mod trainer;

use std::time::Instant;

use anyhow::{Result, bail};
use clap::Parser;
use kiln::burn::module::Module;
use kiln::burn::optim::GradientsParams;
use kiln::burn::tensor::{Device, Tensor};
use kiln::models::{Carried, Head, Pass, Windows};
use kiln::prelude::*;
use kiln::train::OptimizerState;
use serde_json::json;

use crate::tasks::{Classifier, TASKS, Task, classes, next_tokens, numbers, series, tokens};

/// Time training steps and predictions
#[derive(Parser)]
struct Options {
    /// Backend: auto, wgpu, cuda, flex or ndarray. Default: the best GPU found, else the CPU
    #[arg(long, env = "KILN_DEVICE")]
    device: Option<String>,
    /// Only this task
    #[arg(long, value_name = "TASK")]
    only: Option<String>,
    /// Also time the step inside the trainer, for tasks whose model is one of Kiln's
    #[arg(long)]
    trainer: bool,
    /// How many steps and forward passes are timed, after a quarter as many for warm-up
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    counted: u32,
    /// Use the twin in plain Burn operations for every operation, to see what the kernels save
    #[arg(long)]
    twins: bool,
    /// Print a JSON line for each task
    #[arg(long)]
    json: bool,
    /// The commit to write into each line
    #[arg(long, default_value = "")]
    commit: String,
}

/// Medians in seconds.
struct Times {
    step: Option<f64>,
    forward: f64,
    /// A step inside the trainer.
    trainer: Option<f64>,
    /// The very first step, in which a GPU's kernels are compiled.
    first: Option<f64>,
    /// The kernels that a step launches on a GPU.
    kernels: Option<Vec<Kernel>>,
}

/// A kernel of a step.
struct Kernel {
    name: String,
    launches: usize,
    /// The time of all its launches on the device; `None` if the device cannot measure it.
    seconds: Option<f64>,
}

impl Times {
    /// The launches of a step.
    fn launches(&self) -> Option<usize> {
        self.kernels.as_ref().map(|kernels| kernels.iter().map(|kernel| kernel.launches).sum())
    }

    /// The kernels' share of a step's time, if the device times each of them.
    fn busy_share(&self) -> Option<f64> {
        let seconds: Option<f64> = self.kernels.as_ref()?.iter().map(|kernel| kernel.seconds).sum();
        Some(seconds? / self.step?)
    }
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    let middle = seconds.len() / 2;
    if seconds.len() % 2 == 1 { seconds[middle] } else { (seconds[middle - 1] + seconds[middle]) / 2.0 }
}

/// How steps are measured.
#[derive(Clone, Copy)]
struct Measuring {
    counted: usize,
    #[cfg_attr(not(any(feature = "wgpu", feature = "cuda")), allow(dead_code))]
    on_a_gpu: bool,
}

/// The median time of `act` after a warm-up.
fn time(counted: usize, mut act: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut seconds = Vec::with_capacity(counted);
    let warm_up = counted.div_ceil(4);
    for turn in 0..warm_up + counted {
        let began = Instant::now();
        act()?;
        if turn >= warm_up {
            seconds.push(began.elapsed().as_secs_f64());
        }
    }
    Ok(median(seconds))
}

/// Waits until `tensor` is computed.
fn wait<const D: usize>(tensor: Tensor<D>) -> Result<()> {
    tensor.try_into_data()?;
    Ok(())
}

/// Times a model on fixed batches; `loss` computes on the given model.
fn measure<M: Module>(
    model: M,
    task: Task,
    measuring: Measuring,
    loss: impl Fn(&M, &Pass) -> Tensor<1>,
    forward: impl Fn(&M) -> Tensor<2>,
) -> Result<Times> {
    let mut training = Some(model.clone().train());
    let (rule, clip_norm) = task.optimizer();
    let mut optimizer = OptimizerState::new(rule)?;
    let mut step = 0;
    let mut take_step = || {
        let model = training.take().expect("put back after each step");
        let loss = loss(&model, &Pass::Training { seed: 0, step });
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        training = Some(optimizer.step(model, gradients, 1e-3, clip_norm));
        step += 1;
        wait(loss)
    };
    let began = Instant::now();
    take_step()?;
    let first = Some(began.elapsed().as_secs_f64());
    let seconds = time(measuring.counted, &mut take_step)?;
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    let kernels = if measuring.on_a_gpu { Some(launches::kernels(take_step)?) } else { None };
    #[cfg(not(any(feature = "wgpu", feature = "cuda")))]
    let kernels = None;
    let forward = time(measuring.counted, || wait(forward(&model)))?;
    Ok(Times { step: Some(seconds), forward, trainer: None, first, kernels })
}

fn run(task: Task, device: &Device, measuring: Measuring) -> Result<Times> {
    let (batch, steps) = (task.batch(), task.steps());
    let training = device.clone().autodiff();
    match task {
        Task::ConvBiLstm => {
            let model = ConvBiLstmConfig::new(10_000, steps).init(device, 0)?;
            let (input, plain) = (tokens(batch, steps, 10_000, &training), tokens(batch, steps, 10_000, device));
            let targets = classes(batch, &training);
            let loss = |model: &kiln::models::ConvBiLstm, pass: &Pass| {
                Head::Binary.loss(model.forward(&input, pass), &targets)
            };
            measure(model, task, measuring, loss, |model| model.forward(&plain, &Pass::Inference))
        }
        Task::Classifier(kind) => {
            let model = Classifier::new(kind, device)?;
            let vocab = Classifier::VOCAB;
            let (input, plain) = (tokens(batch, steps, vocab, &training), tokens(batch, steps, vocab, device));
            let targets = classes(batch, &training);
            let loss = |model: &Classifier, _: &Pass| Head::Binary.loss(model.forward(input.ids.clone()), &targets);
            measure(model, task, measuring, loss, |model| model.forward(plain.ids.clone()))
        }
        Task::Product | Task::Wide(..) => {
            let config = task.regressor();
            let model = config.init(device, 0)?;
            let input = series(batch, steps, config.d_input, &training);
            let plain = series(batch, steps, config.d_input, device);
            let targets = numbers(batch, &training);
            let loss = |model: &kiln::models::RecurrentRegressor, pass: &Pass| {
                Head::Values(1).loss(model.forward(&input, pass), &targets)
            };
            measure(model, task, measuring, loss, |model| model.forward(&plain, &Pass::Inference))
        }
        Task::Language => {
            let config = Task::language();
            let model = config.init(device, 0)?;
            let windows = |device: &Device| Windows {
                ids: tokens(batch, steps, config.vocab_size, device).ids,
                carried: Carried::default(),
            };
            let (input, plain) = (windows(&training), windows(device));
            let targets = next_tokens(batch, steps, config.vocab_size, &training);
            let loss = |model: &kiln::models::LanguageModel, pass: &Pass| model.score(&input, &targets, pass).loss;
            measure(model, task, measuring, loss, |model| model.forward(&plain, &Pass::Inference))
        }
    }
}

/// Times a prediction of the IMDB recipe for `batch` rows.
fn predict_rows(batch: usize, device: &Device) -> Result<Times> {
    let model = ConvBiLstmConfig::new(10_000, 200).init(device, 0)?;
    let input = tokens(batch, 200, 10_000, device);
    let counted = if batch == 1 { 500 } else { 100 };
    let forward = time(counted, || wait(model.forward(&input, &Pass::Inference)))?;
    Ok(Times { step: None, forward, trainer: None, first: None, kernels: None })
}

fn main() -> Result<()> {
    let options = Options::parse();
    let choice = kiln::choose(options.device.as_deref())?;
    let device = choice.device.clone();
    let machine = format!("{} cores", std::thread::available_parallelism()?);
    let on_the_cpu = matches!(choice.backend.name(), "flex" | "ndarray");
    let measuring = Measuring { counted: options.counted as usize, on_a_gpu: !on_the_cpu };
    let peak = on_the_cpu.then(kiln_kernels::product_peak);
    if let (Some(peak), false) = (peak, options.json) {
        println!("{} on {machine}; product peak {:.0} GFLOP/s", choice.backend.name(), peak / 1e9);
        println!(
            "{:<12} {:>9} {:>9} {:>11} {:>12} {:>10}",
            "task", "step", "forward", "step peak", "forward peak", "in trainer"
        );
    }
    let predictions = [("predict_1", 1), ("predict_64", 64)];
    let names: Vec<&str> =
        TASKS.iter().map(|(name, _)| *name).chain(predictions.iter().map(|(name, _)| *name)).collect();
    if let Some(only) = &options.only
        && !names.contains(&only.as_str())
    {
        bail!("there is no task '{only}'; the tasks are {}", names.join(", "));
    }
    let wanted = |name: &str| options.only.as_deref().is_none_or(|only| only == name);
    let print = |name: &str, times: &Times, forward_flops: f64| {
        // A step has three times the products of its forward pass.
        let share = |flops: f64, seconds: f64| peak.map(|peak| flops / seconds / peak);
        let (step_share, forward_share) =
            (times.step.and_then(|step| share(3.0 * forward_flops, step)), share(forward_flops, times.forward));
        if options.json {
            let rounded = |seconds: f64| (seconds * 1e6).round() / 1e3;
            let line = json!({
                "peer": "kiln", "version": env!("CARGO_PKG_VERSION"), "task": name, "device": choice.backend.name(),
                "step_ms": times.step.map(rounded), "forward_ms": rounded(times.forward),
                "step_peak_share": step_share, "forward_peak_share": forward_share,
                "trainer_step_ms": times.trainer.map(rounded),
                "first_step_ms": times.first.map(rounded), "launches": times.launches(), "busy_share": times.busy_share(),
                "kernels": times.kernels.as_ref().map(|kernels| kernels.iter().map(|kernel| json!({
                    "kernel": kernel.name, "launches": kernel.launches, "ms": kernel.seconds.map(rounded),
                })).collect::<Vec<_>>()),
                "machine": machine, "commit": options.commit,
            });
            println!("{line}");
        } else {
            let ms = |seconds: Option<f64>| seconds.map_or("-".to_owned(), |s| format!("{:.2} ms", s * 1e3));
            let percent = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.0} %", share * 100.0));
            println!(
                "{name:<12} {:>9} {:>9} {:>11} {:>12} {:>10}",
                ms(times.step),
                ms(Some(times.forward)),
                percent(step_share),
                percent(forward_share),
                ms(times.trainer)
            );
            for kernel in times.kernels.iter().flatten() {
                println!("    {:>4} launches {:>9}  {}", kernel.launches, ms(kernel.seconds), kernel.name);
            }
            if let Some(launches) = times.launches() {
                let (busy, first) = (percent(times.busy_share()), ms(times.first));
                println!("    {launches} launches a step; the GPU is busy {busy} of it; the first step took {first}");
            }
        }
    };
    for (name, task) in TASKS {
        if wanted(name) {
            let mut times = if options.twins {
                kiln_kernels::with_twins(|| run(task, &device, measuring))?
            } else {
                run(task, &device, measuring)?
            };
            if options.trainer {
                times.trainer = trainer::step(task, &device)?;
                // Measures the bare step again, so that a drift affects both sides of the trainer's step.
                let again = run(task, &device, measuring)?.step;
                times.step = times.step.zip(again).map(|(before, after)| f64::midpoint(before, after));
            }
            print(name, &times, task.forward_flops());
        }
    }
    for (name, batch) in predictions {
        if wanted(name) {
            let flops = Task::ConvBiLstm.forward_flops() * batch as f64 / 64.0;
            print(name, &predict_rows(batch, &device)?, flops);
        }
    }
    Ok(())
}
