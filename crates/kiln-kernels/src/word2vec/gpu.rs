//! word2vec's step over the windows of a batch in one launch: a workgroup a window, its units along
//! the numbers of a row. Checking the batch is left to callers.
//!
//! A unit reads and writes the numbers of its own columns alone, so the units of a window need no
//! order among them but for the scores: there each unit leaves the part of its columns in workgroup
//! memory, and one unit a score adds the parts up. All loops that hold a barrier are bounded by
//! numbers of the launch, which WebGPU wants to be the same for every unit.

use std::any::TypeId;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Cube, CubeDevice, TensorMetadata, backend_extension};
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::batch::{Prediction, WindowBatch};
use crate::backend::gpu::adapter::Adapter;
use crate::backend::gpu::tensors::{empty, owned, same, upload};

/// Units of a workgroup: those that run in lockstep on most GPUs, so that barriers cost little. Each
/// takes every 32nd column of a row.
const LANES: usize = 32;

/// A batch as the kernels take it.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    /// The ids, then three places for each window, then the negative words.
    words: Vec<u32>,
    /// How many ids come before the windows.
    windows_at: usize,
    windows: usize,
    /// Words that each window is scored against, the centre included.
    targets: usize,
    /// The most context words of a window.
    context: usize,
    prediction: Prediction,
    rate: f32,
    cubes: (u32, u32),
}

impl Launch {
    /// The launch of a batch over tables of `rows` rows of `width` numbers; none where the device's
    /// limits or a 32-bit index are too small for it, a software adapter might end its loops early, or
    /// Burn fuses operations in this build.
    pub(super) fn plan(
        device: &CubeDevice,
        [rows, width]: [usize; 2],
        batch: &WindowBatch,
        prediction: Prediction,
        rate: f32,
    ) -> Option<Self> {
        if TypeId::of::<Cube>() != TypeId::of::<CubeBackend>() {
            return None;
        }
        let adapter = Adapter::new(device);
        let windows = batch.windows.len();
        let targets = 1 + batch.negatives.len().checked_div(windows)?;
        let context = batch.windows.iter().map(|window| window.end - window.start - 1).max()? as usize;
        let cubes = adapter.grid_of(windows)?;
        let windows_at = batch.ids.len();
        let mut launch = Self { words: Vec::new(), windows_at, windows, targets, context, prediction, rate, cubes };
        let words = windows_at + 3 * windows + batch.negatives.len();
        // A runtime may pad rows to some hundreds of bytes.
        let table = rows.checked_mul(width + 512)?;
        let fits = launch.shared_memory(width) <= adapter.shared_memory
            && LANES <= adapter.units(LANES)
            && u32::try_from(words.max(table)).is_ok()
            && adapter.turns(launch.turns(width), 1).is_ok();
        if !fits {
            return None;
        }
        launch.words.reserve_exact(words);
        launch.words.extend(&batch.ids);
        launch.words.extend(batch.windows.iter().flat_map(|window| [window.centre, window.start, window.end]));
        launch.words.extend(&batch.negatives);
        Some(launch)
    }

    /// The most scores that a window has.
    fn most_scores(&self) -> usize {
        match self.prediction {
            Prediction::SkipGram => self.context * self.targets,
            Prediction::CbowMean | Prediction::CbowSum => self.targets,
        }
    }

    /// Room for a window's scores. Few sizes, since each is a kernel to compile.
    fn scores(&self) -> usize {
        self.most_scores().next_power_of_two()
    }

    /// Rows of units' parts: for as many scores as there are units to add them up, and in skip-gram
    /// for a gradient of each target.
    fn parts(&self) -> usize {
        match self.prediction {
            Prediction::SkipGram => self.targets.next_multiple_of(LANES),
            Prediction::CbowMean | Prediction::CbowSum => LANES,
        }
    }

    /// Bytes of a workgroup's memory.
    fn shared_memory(&self, width: usize) -> usize {
        let mean = if self.prediction == Prediction::SkipGram { 0 } else { width };
        (self.parts() * (LANES + 1) + self.scores() + mean) * size_of::<f32>()
    }

    /// The turns that a unit takes in all loops of a kernel together, at most.
    fn turns(&self, width: usize) -> usize {
        let scores = self.most_scores();
        let a_column = 3 * scores + 2 * (self.context + self.targets) + 2;
        let a_round = 2 * LANES + 1;
        width.div_ceil(LANES) * a_column + (scores.div_ceil(LANES) + 1) * a_round
    }
}

/// The update as an operation of a backend.
#[backend_extension(Cube)]
pub(super) trait WordOps: Backend {
    /// Both tables after the update, in place where nothing else holds them, and the loss of each
    /// window before it.
    ///
    /// # Shapes
    ///
    /// - input and output: `[vocab, d_embedding]`
    /// - losses: `[windows]`
    fn update_words(
        input: FloatTensor<Self>,
        output: FloatTensor<Self>,
        launch: Launch,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

impl WordOps for Cube {
    fn update_words(
        input: FloatTensor<Self>,
        output: FloatTensor<Self>,
        launch: Launch,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let (input, output, losses) = update(same(input), same(output), &launch);
        (same(input), same(output), same(losses))
    }
}

fn update(input: CubeTensor, output: CubeTensor, launch: &Launch) -> (CubeTensor, CubeTensor, CubeTensor) {
    let width = input.shape()[1];
    let (input, output) = (owned(input), owned(output));
    let words = upload(&launch.words, &input);
    let losses = empty(&input, [launch.windows]);
    let client = &input.client;

    let count = CubeCount::Static(launch.cubes.0, launch.cubes.1, 1);
    let dim = CubeDim::new_1d(LANES as u32);
    if launch.prediction == Prediction::SkipGram {
        skip_gram_windows::launch(
            client,
            count,
            dim,
            input.clone().into_tensor_arg(),
            output.clone().into_tensor_arg(),
            words.into_buffer_arg(),
            losses.clone().into_buffer_arg(),
            launch.windows,
            launch.windows_at,
            launch.targets,
            launch.most_scores(),
            launch.rate,
            width,
            LANES,
            launch.scores(),
            launch.parts(),
        );
    } else {
        cbow_windows::launch(
            client,
            count,
            dim,
            input.clone().into_tensor_arg(),
            output.clone().into_tensor_arg(),
            words.into_buffer_arg(),
            losses.clone().into_buffer_arg(),
            launch.windows,
            launch.windows_at,
            launch.targets,
            launch.rate,
            width,
            LANES,
            launch.scores(),
            launch.prediction == Prediction::CbowMean,
        );
    }
    (input, output, losses)
}

/// Where the id of word `n` of a window stands, its centre left out.
#[cube]
fn context_place(start: usize, centre: usize, n: usize) -> usize {
    let place = start + n;
    if place < centre { place } else { place + 1 }
}

/// Where the id of target `n` stands: the centre, then the negative words.
#[cube]
fn target_place(centre: usize, negatives: usize, n: usize) -> usize {
    if n == 0 { centre } else { negatives + n - 1 }
}

/// What remains of a score once its label is taken into account: positive where the model is wrong.
#[cube]
fn wrongness(score: f32, target: usize) -> f32 {
    if target == 0 { -score } else { score }
}

/// The gradient of a target's score times the rate.
#[cube]
fn step(wrongness: f32, target: usize, rate: f32) -> f32 {
    // The exponent is never positive, so nothing overflows.
    let small = (-wrongness.abs()).exp();
    let share = if wrongness < 0.0 { small } else { 1.0f32 };
    let sigmoid = share / (1.0 + small);
    if target == 0 { rate * sigmoid } else { -rate * sigmoid }
}

/// -ln sigmoid(-wrongness)
#[cube]
fn loss(wrongness: f32) -> f32 {
    let far = if wrongness > 0.0 { wrongness } else { 0.0f32 };
    far + (1.0 + (-wrongness.abs()).exp()).ln()
}

/// Row `row` of the parts added up. Rows are one longer than there are units, so that the units read
/// from different banks of the memory.
#[cube]
fn sum_of_parts(parts: &[f32], row: usize, #[comptime] lanes: usize) -> f32 {
    let mut sum = 0.0f32;
    for lane in 0..lanes {
        sum += parts[row * (lanes + 1) + lane];
    }
    sum
}

/// CBOW. The mean of a window's context is kept in workgroup memory, each number where its own unit
/// alone reads it.
#[cube(launch)]
fn cbow_windows(
    input: &mut Tensor<f32>,
    output: &mut Tensor<f32>,
    words: &[u32],
    losses: &mut [f32],
    windows: usize,
    windows_at: usize,
    targets: usize,
    rate: f32,
    #[comptime] width: usize,
    #[comptime] lanes: usize,
    #[comptime] most_scores: usize,
    #[comptime] is_mean: bool,
) {
    if CUBE_POS >= windows {
        terminate!();
    }
    let lane = UNIT_POS as usize;
    let window = windows_at + 3 * CUBE_POS;
    let negatives = windows_at + 3 * windows + CUBE_POS * (targets - 1);
    let centre = words[window] as usize;
    let start = words[window + 1] as usize;
    let context = words[window + 2] as usize - start - 1;
    let input_row = input.stride(0);
    let output_row = output.stride(0);

    let mut mean = Shared::<[f32]>::new_slice(width);
    let mut scores = Shared::<[f32]>::new_slice(most_scores);
    let mut parts = Shared::<[f32]>::new_slice(lanes * (lanes + 1));

    let mut scale = 1.0f32;
    if comptime!(is_mean) {
        scale = 1.0f32 / f32::cast_from(context as u32);
    }
    for column in range_stepped(lane, width, lanes) {
        let mut sum = 0.0f32;
        for n in 0..context {
            let row = words[context_place(start, centre, n)] as usize;
            sum += input[row * input_row + column];
        }
        mean[column] = sum * scale;
    }

    let mut own_loss = 0.0f32;
    for first in range_stepped(0, targets, lanes) {
        for n in 0..lanes {
            let target = first + n;
            if target < targets {
                let row = words[target_place(centre, negatives, target)] as usize * output_row;
                let mut sum = 0.0f32;
                for column in range_stepped(lane, width, lanes) {
                    sum += mean[column] * output[row + column];
                }
                parts[n * (lanes + 1) + lane] = sum;
            }
        }
        sync_cube();
        let target = first + lane;
        if target < targets {
            let wrongness = wrongness(sum_of_parts(&parts, lane, lanes), target);
            scores[target] = step(wrongness, target, rate);
            own_loss += loss(wrongness);
        }
        sync_cube();
    }
    parts[lane] = own_loss;
    sync_cube();
    if lane == 0 {
        losses[CUBE_POS] = sum_of_parts(&parts, 0, lanes);
    }

    for column in range_stepped(lane, width, lanes) {
        // All of the gradient before the first row changes: a negative word may come twice.
        let mut gradient = 0.0f32;
        for target in 0..targets {
            let row = words[target_place(centre, negatives, target)] as usize;
            gradient += scores[target] * output[row * output_row + column];
        }
        for target in 0..targets {
            let row = words[target_place(centre, negatives, target)] as usize;
            output[row * output_row + column] += scores[target] * mean[column];
        }
        for n in 0..context {
            let row = words[context_place(start, centre, n)] as usize;
            input[row * input_row + column] += gradient;
        }
    }
}

/// Skip-gram. A window's scores lie context word by context word, `targets` of each.
#[cube(launch)]
fn skip_gram_windows(
    input: &mut Tensor<f32>,
    output: &mut Tensor<f32>,
    words: &[u32],
    losses: &mut [f32],
    windows: usize,
    windows_at: usize,
    targets: usize,
    most_pairs: usize,
    rate: f32,
    #[comptime] width: usize,
    #[comptime] lanes: usize,
    #[comptime] most_scores: usize,
    #[comptime] most_parts: usize,
) {
    if CUBE_POS >= windows {
        terminate!();
    }
    let lane = UNIT_POS as usize;
    let window = windows_at + 3 * CUBE_POS;
    let negatives = windows_at + 3 * windows + CUBE_POS * (targets - 1);
    let centre = words[window] as usize;
    let start = words[window + 1] as usize;
    let context = words[window + 2] as usize - start - 1;
    let input_row = input.stride(0);
    let output_row = output.stride(0);

    let mut scores = Shared::<[f32]>::new_slice(most_scores);
    let mut parts = Shared::<[f32]>::new_slice(most_parts * (lanes + 1));

    let pairs = context * targets;
    let mut own_loss = 0.0f32;
    for first in range_stepped(0, most_pairs, lanes) {
        for n in 0..lanes {
            let pair = first + n;
            if pair < pairs {
                let word = words[context_place(start, centre, pair / targets)] as usize * input_row;
                let row = words[target_place(centre, negatives, pair % targets)] as usize * output_row;
                let mut sum = 0.0f32;
                for column in range_stepped(lane, width, lanes) {
                    sum += input[word + column] * output[row + column];
                }
                parts[n * (lanes + 1) + lane] = sum;
            }
        }
        sync_cube();
        let pair = first + lane;
        if pair < pairs {
            let target = pair % targets;
            let wrongness = wrongness(sum_of_parts(&parts, lane, lanes), target);
            scores[pair] = step(wrongness, target, rate);
            own_loss += loss(wrongness);
        }
        sync_cube();
    }
    parts[lane] = own_loss;
    sync_cube();
    if lane == 0 {
        losses[CUBE_POS] = sum_of_parts(&parts, 0, lanes);
    }
    sync_cube();

    for column in range_stepped(lane, width, lanes) {
        // The targets' gradients are of the context's rows before they change, and wait in the unit's
        // own column of the parts; the context's are of the targets' rows before those change.
        for target in 0..targets {
            let mut gradient = 0.0f32;
            for n in 0..context {
                let row = words[context_place(start, centre, n)] as usize;
                gradient += scores[n * targets + target] * input[row * input_row + column];
            }
            parts[target * (lanes + 1) + lane] = gradient;
        }
        for n in 0..context {
            let mut gradient = 0.0f32;
            for target in 0..targets {
                let row = words[target_place(centre, negatives, target)] as usize;
                gradient += scores[n * targets + target] * output[row * output_row + column];
            }
            let row = words[context_place(start, centre, n)] as usize;
            input[row * input_row + column] += gradient;
        }
        for target in 0..targets {
            let row = words[target_place(centre, negatives, target)] as usize;
            output[row * output_row + column] += parts[target * (lanes + 1) + lane];
        }
    }
}
