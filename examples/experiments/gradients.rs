//! Plots how far gradients reach back in time, and how they vanish and explode: SimpleRNN against LSTM and GRU.
//!
//! ```text
//! cargo run --release --example gradients
//! cargo run --release --example gradients -- --artifact artifacts/language-model-lstm
//! ```
//!
//! Data: random numbers through fresh layers; with `--artifact`, also trained language models, on text that they
//! generate. The loss is a random mixture of the last step's output; the plot shows the norm of its gradient with
//! respect to the states some steps before, relative to that at the last step. The factor of the recurrent kernel
//! decides whether a SimpleRNN's gradients vanish or explode. Time: seconds. Output: a line for each layer, such as
//! `LSTM: 1 back 3.6e-1, 15 back 9.5e-3`, and `gradients.svg` and `gradients.png` in the folder of `--output`.
//!
//! References: Bengio, Simard, Frasconi, "Learning Long-Term Dependencies with Gradient Descent is Difficult", 1994;
//! Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", 2013.

use kiln_examples::println;
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Parser;
use kiln::burn::module::Module;
use kiln::burn::tensor::{Device, Int, Tensor, TensorData};
use kiln::models::layers::{Direction, Recurrent, RecurrentState};
use kiln::models::layers::{RecurrentLayer, RecurrentStackConfig};
use kiln::models::weights::{weights_of, with_weights};
use kiln::models::{RandomKey, Sampling};
use kiln::prelude::*;
use kiln::train::TextGenerator;
use kiln_examples::curves::{Curve, Curves};

const BATCH: usize = 16;

/// Plot how gradients vanish and explode through time
#[derive(Parser)]
struct Options {
    /// Backend: auto, wgpu, cuda, flex or ndarray. Default: the best GPU found, else the CPU
    #[arg(long, env = "KILN_DEVICE")]
    device: Option<String>,
    /// Steps to look back
    #[arg(long, default_value_t = 60)]
    steps: usize,
    /// Width of the fresh layers
    #[arg(long, default_value_t = 100)]
    hidden: usize,
    /// Factors for the recurrent kernels of fresh SimpleRNNs
    #[arg(long, value_delimiter = ',', default_value = "0.5,1,3")]
    scales: Vec<f32>,
    /// A folder from language-model; may be given several times
    #[arg(long, value_name = "DIR")]
    artifact: Vec<PathBuf>,
    /// Folder for the pictures
    #[arg(long, value_name = "DIR", default_value = "artifacts/gradients")]
    output: PathBuf,
    /// Seed of weights and inputs
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// The norm of the gradient with respect to all layers' states, from the last step back, relative to the last.
///
/// A state in the middle of a computation has no gradient; a zero that is added to it has one.
fn norms(layers: &[RecurrentLayer], inputs: &Tensor<3>, key: RandomKey) -> Result<Vec<f64>> {
    let [batch, steps, _] = inputs.dims();
    let device = inputs.device();
    let mut states: Vec<RecurrentState> = layers.iter().map(|layer| layer.zero_state(batch, &device)).collect();
    let mut zeros: Vec<Vec<Tensor<2>>> = Vec::with_capacity(steps);
    for step in 0..steps {
        let mut input = inputs.clone().narrow(1, step, 1);
        let mut of_step = Vec::new();
        for (layer, state) in layers.iter().zip(&mut states) {
            let (_, behind) = layer.forward(input, None, Direction::Forward, Some(state.clone()));
            let mut with_zero = |tensor: Tensor<2>| {
                let zero = Tensor::zeros(tensor.dims(), &device).require_grad();
                of_step.push(zero.clone());
                tensor + zero
            };
            let hidden = with_zero(behind.hidden);
            let cell = behind.cell.map(&mut with_zero);
            input = hidden.clone().unsqueeze_dim(1);
            *state = RecurrentState { hidden, cell };
        }
        zeros.push(of_step);
    }
    let last = states[states.len() - 1].hidden.clone();
    let [_, width] = last.dims();
    let mixture: Vec<f32> = key.normal(batch * width).into_iter().map(|value| value as f32).collect();
    let mixture = Tensor::<2>::from_data(TensorData::new(mixture, [batch, width]), &device);
    let gradients = (last * mixture).sum().backward();
    let mut norms = Vec::with_capacity(steps);
    for of_step in zeros.iter().rev() {
        let mut square = 0.0;
        for zero in of_step {
            if let Some(gradient) = zero.grad(&gradients) {
                square += f64::from(gradient.square().sum().into_scalar::<f32>());
            }
        }
        norms.push(square.sqrt());
    }
    let first = norms[0];
    Ok(norms.into_iter().map(|norm| norm / first).collect())
}

/// Fresh layers of one kind, with their recurrent kernel multiplied by `scale`.
fn fresh(
    kind: RecurrentKind,
    width: usize,
    scale: f32,
    key: RandomKey,
    device: &Device,
) -> Result<Vec<RecurrentLayer>> {
    let stack = RecurrentStackConfig::new(kind, width, vec![width]).init(device, key)?;
    let mut weights = weights_of(&stack);
    for (name, weight) in &mut weights {
        if name.ends_with("recurrent_kernel") {
            weight.values.iter_mut().for_each(|value| *value *= scale);
        }
    }
    Ok(with_weights(stack, weights)?.train().forward_layers)
}

/// The norms in a trained language model, on text that it generates.
fn trained(folder: &PathBuf, steps: usize, seed: u64, device: &Device) -> Result<Vec<f64>> {
    let generator = TextGenerator::load(folder, device)?;
    let begin = generator.vocabulary().tokens().next().unwrap_or_default().to_owned();
    let mut ids: Vec<i32> = Vec::with_capacity(BATCH * steps);
    for row in 0..BATCH as u64 {
        let mut tokens = Vec::with_capacity(steps);
        generator.generate(&begin, &Sampling::default(), seed + row, |token| {
            tokens.push(token.to_owned());
            if tokens.len() < steps { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        ids.extend(generator.ids(tokens.iter().map(String::as_str))?.into_iter().map(|id| id as i32));
    }
    let model = generator.model().clone().train();
    let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [BATCH, steps]), &device.clone().autodiff());
    let inputs = model.embedding.forward(ids).detach();
    norms(&model.recurrent.forward_layers, &inputs, RandomKey::new(seed).child("mixture"))
}

fn main() -> Result<()> {
    let options = Options::parse();
    ensure!(options.steps >= 2 && options.hidden >= 1, "at least 2 steps and 1 unit are needed");
    let device = kiln::device_named(options.device.as_deref())?;
    let (steps, width) = (options.steps, options.hidden);
    let key = RandomKey::new(options.seed);
    let values: Vec<f32> =
        key.child("inputs").normal(BATCH * steps * width).into_iter().map(|value| value as f32).collect();
    let values = TensorData::new(values, [BATCH, steps, width]);
    let inputs = Tensor::<3>::from_data(values, &device.clone().autodiff());

    let kinds = options.scales.iter().map(|&scale| (RecurrentKind::SimpleRnn, scale));
    let kinds = kinds.chain([(RecurrentKind::Gru, 1.0), (RecurrentKind::Lstm, 1.0)]);
    let mut found: Vec<(String, Vec<f64>)> = Vec::new();
    for (kind, scale) in kinds {
        let layers = fresh(kind, width, scale, key.child("layer"), &device)?;
        let name = match kind {
            RecurrentKind::SimpleRnn => format!("SimpleRNN, recurrent kernel x {scale}"),
            RecurrentKind::Gru => "GRU".to_owned(),
            RecurrentKind::Lstm => "LSTM".to_owned(),
        };
        found.push((name, norms(&layers, &inputs, key.child("mixture"))?));
    }
    for folder in &options.artifact {
        let name =
            folder.file_name().map_or_else(|| folder.display().to_string(), |name| name.to_string_lossy().into());
        found.push((format!("trained: {name}"), trained(folder, steps, options.seed, &device)?));
    }

    let places = [1, steps / 4, steps / 2, steps - 1];
    for (name, norms) in &found {
        let shown: Vec<String> = places.iter().map(|&back| format!("{back} back {:.1e}", norms[back])).collect();
        println!("{name}: {}", shown.join(", "));
    }
    let curve = |(name, norms): (String, Vec<f64>)| Curve {
        name,
        points: norms.into_iter().enumerate().map(|(back, norm)| (back as f64, norm)).collect(),
    };
    let picture = Curves {
        title: "How far gradients reach back".to_owned(),
        x: "steps back".to_owned(),
        y: "norm of the gradient with respect to the states".to_owned(),
        is_logarithmic: true,
        curves: found.into_iter().map(curve).collect(),
    };
    for name in ["gradients.svg", "gradients.png"] {
        let path = options.output.join(name);
        picture.save(&path)?;
        println!("picture: {}", path.display());
    }
    Ok(())
}
