//! word2vec's step over the windows of a batch in one launch: one workgroup per window, with its units along the
//! numbers of a row. Callers check the batch.
//!
//! A unit reads and writes only its own columns, so the units of a window need no synchronisation except for the
//! scores: each unit writes the part of its columns to workgroup memory, and one unit per score sums the parts. The
//! bounds of loops with barriers are constants of the launch, since WebGPU requires them to be the same for every unit.

use std::any::TypeId;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Cube, CubeDevice, TensorMetadata, backend_extension};
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::batch::{Prediction, WindowBatch};
use crate::backend::gpu::adapter::Adapter;
use crate::backend::gpu::tensors::{empty, owned, same, upload};

/// Units of a workgroup: as many as run in lockstep on most GPUs, so that barriers cost little. Each handles every 32nd
/// column of a row.
const LANES: usize = 32;

/// A batch in the kernels' form.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    /// The ids, then three numbers for each window, then the negative words.
    words: Vec<u32>,
    /// The number of ids, where the windows start.
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
    /// The launch of a batch on tables of `rows` rows of `width` numbers. `None` if the device's limits or a 32-bit
    /// index are too small, a software adapter might end its loops early, or Burn fuses operations in this build.
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
        // A runtime may pad rows by some hundred bytes.
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

    /// The most scores of a window.
    fn most_scores(&self) -> usize {
        match self.prediction {
            Prediction::SkipGram => self.context * self.targets,
            Prediction::CbowMean | Prediction::CbowSum => self.targets,
        }
    }

    /// Space for a window's scores. Few sizes, since each is a kernel to compile.
    fn scores(&self) -> usize {
        self.most_scores().next_power_of_two()
    }

    /// Rows of the units' parts: enough for one score per unit, and in skip-gram for one gradient per target.
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

    /// The most iterations of a unit in a kernel, all loops together.
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
    /// Both tables after the update, in place if nothing else holds them, and the loss of each window before it.
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
        let (input, output): (CubeTensor, CubeTensor) = (owned(same(input)), owned(same(output)));
        let width = input.shape()[1];
        let words = upload(&launch.words, &input);
        let losses = empty(&input, [launch.windows]);
        let room =
            Room { prediction: launch.prediction, width, scores: launch.scores(), parts: launch.parts() * (LANES + 1) };
        update_windows::launch(
            &input.client,
            CubeCount::Static(launch.cubes.0, launch.cubes.1, 1),
            CubeDim::new_1d(LANES as u32),
            input.clone().into_tensor_arg(),
            output.clone().into_tensor_arg(),
            words.into_buffer_arg(),
            losses.clone().into_buffer_arg(),
            BatchLaunch::new(launch.windows, launch.windows_at, launch.targets, launch.most_scores(), launch.rate),
            room,
        );
        (same(input), same(output), same(losses))
    }
}

/// Compile-time parameters of the kernel, which also decide how much workgroup memory it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Room {
    prediction: Prediction,
    width: usize,
    scores: usize,
    parts: usize,
}

/// The arguments of the kernel about the batch.
#[derive(CubeType, CubeLaunch)]
struct Batch {
    windows: usize,
    windows_at: usize,
    targets: usize,
    most_scores: usize,
    rate: f32,
}

/// The position of a window in the words.
#[derive(CubeType)]
struct Places {
    centre: usize,
    start: usize,
    /// The number of its context words.
    context: usize,
    /// The index of its first negative word.
    negatives: usize,
}

/// The id of context word `n`.
#[cube]
fn context_id(words: &[u32], places: &Places, n: usize) -> usize {
    let place = places.start + n;
    words[if place < places.centre { place } else { place + 1 }] as usize
}

/// The id of target `n`: the centre, then the negative words.
#[cube]
fn target_id(words: &[u32], places: &Places, n: usize) -> usize {
    words[if n == 0 { places.centre } else { places.negatives + n - 1 }] as usize
}

/// The score with the label's sign: positive if the model is wrong.
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

/// The sum of row `row` of the parts. Rows are one longer than there are units, so that the units read from different
/// memory banks.
#[cube]
fn sum_of_parts(parts: &[f32], row: usize) -> f32 {
    let mut sum = 0.0f32;
    for lane in 0..LANES {
        sum += parts[row * (LANES + 1) + lane];
    }
    sum
}

/// Turns the parts of scores `first` onwards, of `count` in all, into their gradients times the rate, one score per
/// unit. Returns the loss of the unit's score.
#[cube]
fn finish_scores(parts: &[f32], scores: &mut [f32], first: usize, count: usize, batch: &Batch) -> f32 {
    sync_cube();
    let lane = UNIT_POS as usize;
    let at = first + lane;
    let mut own_loss = 0.0f32;
    if at < count {
        let target = at % batch.targets;
        let wrongness = wrongness(sum_of_parts(parts, lane), target);
        scores[at] = step(wrongness, target, batch.rate);
        own_loss = loss(wrongness);
    }
    sync_cube();
    own_loss
}

/// Sums the losses of the units.
#[cube]
fn put_loss(parts: &mut [f32], losses: &mut [f32], own_loss: f32) {
    let lane = UNIT_POS as usize;
    parts[lane] = own_loss;
    sync_cube();
    if lane == 0 {
        losses[CUBE_POS] = sum_of_parts(&*parts, 0);
    }
    sync_cube();
}

#[cube(launch)]
fn update_windows(
    input: &mut Tensor<f32>,
    output: &mut Tensor<f32>,
    words: &[u32],
    losses: &mut [f32],
    batch: &Batch,
    #[comptime] room: Room,
) {
    if CUBE_POS >= batch.windows {
        terminate!();
    }
    let window = batch.windows_at + 3 * CUBE_POS;
    let start = words[window + 1] as usize;
    let places = Places {
        centre: words[window] as usize,
        start,
        context: words[window + 2] as usize - start - 1,
        negatives: batch.windows_at + 3 * batch.windows + CUBE_POS * (batch.targets - 1),
    };
    if comptime!(room.prediction == Prediction::SkipGram) {
        skip_gram(input, output, words, losses, batch, &places, room);
    } else {
        cbow(input, output, words, losses, batch, &places, room);
    }
}

/// CBOW. The mean of a window's context is in workgroup memory; each number is read only by the unit that wrote it.
#[cube]
fn cbow(
    input: &mut Tensor<f32>,
    output: &mut Tensor<f32>,
    words: &[u32],
    losses: &mut [f32],
    batch: &Batch,
    places: &Places,
    #[comptime] room: Room,
) {
    let lane = UNIT_POS as usize;
    let input_row = input.stride(0);
    let output_row = output.stride(0);
    let mut mean = Shared::<[f32]>::new_slice(room.width);
    let mut scores = Shared::<[f32]>::new_slice(room.scores);
    let mut parts = Shared::<[f32]>::new_slice(room.parts);

    let mut scale = 1.0f32;
    if comptime!(room.prediction == Prediction::CbowMean) {
        scale = 1.0f32 / f32::cast_from(places.context as u32);
    }
    for column in range_stepped(lane, room.width, LANES) {
        let mut sum = 0.0f32;
        for n in 0..places.context {
            sum += input[context_id(words, places, n) * input_row + column];
        }
        mean[column] = sum * scale;
    }

    let mut own_loss = 0.0f32;
    for first in range_stepped(0, batch.targets, LANES) {
        for n in 0..LANES {
            if first + n < batch.targets {
                let row = target_id(words, places, first + n) * output_row;
                let mut sum = 0.0f32;
                for column in range_stepped(lane, room.width, LANES) {
                    sum += mean[column] * output[row + column];
                }
                parts[n * (LANES + 1) + lane] = sum;
            }
        }
        own_loss += finish_scores(&parts, &mut scores, first, batch.targets, batch);
    }
    put_loss(&mut parts, losses, own_loss);

    for column in range_stepped(lane, room.width, LANES) {
        // The whole gradient before the first row changes: a negative word may occur twice.
        let mut gradient = 0.0f32;
        for target in 0..batch.targets {
            gradient += scores[target] * output[target_id(words, places, target) * output_row + column];
        }
        for target in 0..batch.targets {
            output[target_id(words, places, target) * output_row + column] += scores[target] * mean[column];
        }
        for n in 0..places.context {
            input[context_id(words, places, n) * input_row + column] += gradient;
        }
    }
}

/// Skip-gram. A window's scores are ordered by context word, with `targets` scores each.
#[cube]
fn skip_gram(
    input: &mut Tensor<f32>,
    output: &mut Tensor<f32>,
    words: &[u32],
    losses: &mut [f32],
    batch: &Batch,
    places: &Places,
    #[comptime] room: Room,
) {
    let lane = UNIT_POS as usize;
    let targets = batch.targets;
    let input_row = input.stride(0);
    let output_row = output.stride(0);
    let mut scores = Shared::<[f32]>::new_slice(room.scores);
    let mut parts = Shared::<[f32]>::new_slice(room.parts);

    let pairs = places.context * targets;
    let mut own_loss = 0.0f32;
    for first in range_stepped(0, batch.most_scores, LANES) {
        for n in 0..LANES {
            let pair = first + n;
            if pair < pairs {
                let word = context_id(words, places, pair / targets) * input_row;
                let row = target_id(words, places, pair % targets) * output_row;
                let mut sum = 0.0f32;
                for column in range_stepped(lane, room.width, LANES) {
                    sum += input[word + column] * output[row + column];
                }
                parts[n * (LANES + 1) + lane] = sum;
            }
        }
        own_loss += finish_scores(&parts, &mut scores, first, pairs, batch);
    }
    put_loss(&mut parts, losses, own_loss);

    for column in range_stepped(lane, room.width, LANES) {
        // The targets' gradients use the context's rows before they change, and are kept in the unit's own column of
        // the parts; the context's gradients use the targets' rows before those change.
        for target in 0..targets {
            let mut gradient = 0.0f32;
            for n in 0..places.context {
                gradient += scores[n * targets + target] * input[context_id(words, places, n) * input_row + column];
            }
            parts[target * (LANES + 1) + lane] = gradient;
        }
        for n in 0..places.context {
            let mut gradient = 0.0f32;
            for target in 0..targets {
                gradient +=
                    scores[n * targets + target] * output[target_id(words, places, target) * output_row + column];
            }
            input[context_id(words, places, n) * input_row + column] += gradient;
        }
        for target in 0..targets {
            output[target_id(words, places, target) * output_row + column] += parts[target * (LANES + 1) + lane];
        }
    }
}
