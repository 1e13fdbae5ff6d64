//! The twins of the fused operations in plain Burn operations: what they are held against, and
//! the way of every device, element type and option that has no kernel.
//!
//! They take what the fused functions take and give the same results, on any backend.

use burn::tensor::activation::{sigmoid, tanh};
use burn::tensor::module;
use burn::tensor::{Bool, Device, IndexingUpdateOp, Int, Tensor, TensorData};

use crate::activation::Activation;
use crate::adam::AdamStep;
use crate::random::RandomKey;
use crate::recurrent::{CellKind, Direction, RecurrentOptions, RecurrentWeights, Wanted};
use crate::span::Span;
use crate::word2vec::{Prediction, WindowBatch};

/// [`crate::recurrent`] step by step.
///
/// # Shapes
///
/// Those of [`crate::recurrent`], which checks them.
///
/// # Panics
///
/// If the shapes do not fit.
#[must_use]
pub fn recurrent(
    input: Tensor<3>,
    weights: RecurrentWeights,
    initial: Option<Tensor<4>>,
    options: RecurrentOptions,
) -> Tensor<3> {
    let directions = options.directions.walks().iter().enumerate().map(|(n, &direction)| {
        let walk = Walk {
            cell: options.cell,
            kernel: part(weights.kernel.clone(), n),
            recurrent_kernel: part(weights.recurrent_kernel.clone(), n),
            bias: part(weights.bias.clone(), n),
        };
        let initial = initial.as_ref().map(|states| {
            let [count, _, batch, units] = states.dims();
            let own = states.clone().narrow(1, n, 1).reshape([count, batch, units]);
            (0..count).map(|state| own.clone().narrow(0, state, 1).reshape([batch, units])).collect()
        });
        walk.run(input.clone(), initial, options.spans.as_deref(), direction, options.wanted)
    });
    Tensor::cat(directions.collect(), 2)
}

/// Matrix `index` of a stack.
fn part(stack: Tensor<3>, index: usize) -> Tensor<2> {
    let [_, rows, columns] = stack.dims();
    stack.narrow(0, index, 1).reshape([rows, columns])
}

/// One direction.
struct Walk {
    cell: CellKind,
    kernel: Tensor<2>,
    recurrent_kernel: Tensor<2>,
    bias: Tensor<2>,
}

/// The hidden state, and an LSTM's cell.
type States = Vec<Tensor<2>>;

impl Walk {
    fn run(
        &self,
        input: Tensor<3>,
        initial: Option<States>,
        spans: Option<&[Span]>,
        direction: Direction,
        wanted: Wanted,
    ) -> Tensor<3> {
        let [batch, steps, d_input] = input.dims();
        let [units, _] = self.recurrent_kernel.dims();
        let device = input.device();
        let options = (&device, input.dtype());
        let padding = spans.map(|spans| padding(spans, steps, &device));
        let mut by_time = input.swap_dims(0, 1).reshape([steps * batch, d_input]);
        if let Some(padding) = &padding {
            // Or NaN under padding would reach the kernel's gradient.
            let padded = padding.clone().reshape([steps * batch, 1]).expand([steps * batch, d_input]);
            by_time = by_time.mask_fill(padded, 0.0);
        }
        let projected = by_time.matmul(self.kernel.clone()) + self.bias.clone().narrow(0, 0, 1);
        let [_, width] = projected.dims();
        let projected = split_time(projected.reshape([steps, batch, width]));

        let zeros = || Tensor::zeros([batch, units], options);
        let mut states = initial.unwrap_or_else(|| (0..self.cell.states()).map(|_| zeros()).collect());
        let mut outputs: Vec<Option<Tensor<2>>> = vec![None; steps];
        let mut projected: Vec<_> = projected.into_iter().map(Some).collect();
        for place in 0..steps {
            let time = match direction {
                Direction::Forward => place,
                Direction::Reverse => steps - 1 - place,
            };
            let valid = spans.map_or(batch, |spans| spans.iter().filter(|span| span.contains(time)).count());
            let taken = projected[time].take().expect("each step is walked once");
            let output = if valid == 0 {
                zeros()
            } else if let (Some(padding), true) = (&padding, valid < batch) {
                let padded = padding.clone().narrow(0, time, 1).reshape([batch, 1]).expand([batch, units]);
                // What a padded step computed is not even looked at: it may be infinite or NaN.
                let next = self.step(taken, &states);
                states = next.into_iter().zip(states).map(|(new, old)| new.mask_where(padded.clone(), old)).collect();
                states[0].clone().mask_fill(padded, 0.0)
            } else {
                states = self.step(taken, &states);
                states[0].clone()
            };
            if wanted.sequence {
                outputs[time] = Some(output);
            }
        }
        let mut rows: Vec<Tensor<2>> = outputs.into_iter().flatten().collect();
        if wanted.hidden {
            rows.push(states[0].clone());
        }
        if wanted.cell {
            rows.push(states[1].clone());
        }
        if rows.is_empty() {
            return Tensor::zeros([batch, 0, units], options);
        }
        Tensor::stack(rows, 1)
    }

    /// One step, `projected`, `[batch, gates * d_hidden]`, being the inputs' part of the gates.
    fn step(&self, projected: Tensor<2>, states: &[Tensor<2>]) -> States {
        let hidden = states[0].clone();
        let [units, _] = self.recurrent_kernel.dims();
        let kernel = self.recurrent_kernel.clone();
        match self.cell {
            CellKind::SimpleRnn { activation } => vec![activation.apply(projected + hidden.matmul(kernel))],
            CellKind::Lstm => {
                let gates = projected + hidden.matmul(kernel);
                let gate = |index| columns(&gates, index * units, units);
                let candidate = sigmoid(gate(0)) * tanh(gate(2));
                let cell = sigmoid(gate(1)) * states[1].clone() + candidate;
                vec![sigmoid(gate(3)) * tanh(cell.clone()), cell]
            }
            CellKind::Gru { reset_after } => {
                let input = |index| columns(&projected, index * units, units);
                let (update, candidate) = if reset_after {
                    let recurrent = hidden.clone().matmul(kernel) + self.bias.clone().narrow(0, 1, 1);
                    let state = |index| columns(&recurrent, index * units, units);
                    let reset = sigmoid(input(1) + state(1));
                    (sigmoid(input(0) + state(0)), tanh(input(2) + reset * state(2)))
                } else {
                    let recurrent = hidden.clone().matmul(columns(&kernel, 0, 2 * units));
                    let state = |index| columns(&recurrent, index * units, units);
                    let reset = sigmoid(input(1) + state(1));
                    let recurrent = (reset * hidden.clone()).matmul(columns(&kernel, 2 * units, units));
                    (sigmoid(input(0) + state(0)), tanh(input(2) + recurrent))
                };
                vec![update.clone() * hidden + update.neg().add_scalar(1.0) * candidate]
            }
        }
    }
}

/// Columns `first` to `first + count` - 1.
fn columns(tensor: &Tensor<2>, first: usize, count: usize) -> Tensor<2> {
    tensor.clone().narrow(1, first, count)
}

/// True where a step is padding, `[time, batch]`.
fn padding(spans: &[Span], steps: usize, device: &Device) -> Tensor<2, Bool> {
    let values: Vec<bool> = (0..steps).flat_map(|time| spans.iter().map(move |span| !span.contains(time))).collect();
    Tensor::from_data(TensorData::new(values, [steps, spans.len()]), device)
}

/// The steps of `[time, batch, width]`, each `[batch, width]`.
///
/// Halving again and again keeps the backward pass at O(time * log time): the gradient of one
/// slice fills a tensor of its whole parent, so slicing step by step would cost O(time^2).
fn split_time(tensor: Tensor<3>) -> Vec<Tensor<2>> {
    let [steps, batch, width] = tensor.dims();
    match steps {
        0 => Vec::new(),
        1 => vec![tensor.reshape([batch, width])],
        _ => {
            let half = steps / 2;
            let mut parts = split_time(tensor.clone().narrow(0, 0, half));
            parts.append(&mut split_time(tensor.narrow(0, half, steps - half)));
            parts
        }
    }
}

/// [`crate::conv1d`] as a product for each place in the window.
///
/// # Shapes
///
/// Those of [`crate::conv1d`], which checks them.
///
/// # Panics
///
/// If the shapes do not fit.
#[must_use]
pub fn conv1d(input: Tensor<3>, kernel: Tensor<3>, bias: Tensor<1>, activation: Activation) -> Tensor<3> {
    let [batch, steps, d_input] = input.dims();
    let [window, _, filters] = kernel.dims();
    let out_steps = steps + 1 - window;
    let rows = input.reshape([batch * steps, d_input]);
    let place = |place: usize| {
        // Each place multiplies the whole input once; what it adds to output t is its row t + place.
        let weight = kernel.clone().narrow(0, place, 1).reshape([d_input, filters]);
        rows.clone().matmul(weight).reshape([batch, steps, filters]).narrow(1, place, out_steps)
    };
    let sum = (1..window).fold(place(0), |sum, at| sum + place(at));
    activation.apply(sum + bias.unsqueeze())
}

/// [`crate::dropout`] with the mask as a tensor.
///
/// # Shapes
///
/// Those of [`crate::dropout`], which checks them.
///
/// # Panics
///
/// If the shapes do not fit.
#[must_use]
pub fn dropout<const D: usize>(input: Tensor<D>, key: RandomKey, rate: f64) -> Tensor<D> {
    let shape = input.dims();
    let mask = key.dropout_mask(shape.iter().product(), rate);
    let mask = Tensor::from_data(TensorData::new(mask, shape), (&input.device(), input.dtype()));
    // What is dropped is zero even where it was infinite or NaN.
    let dropped = mask.clone().equal_elem(0.0);
    (input * mask).mask_fill(dropped, 0.0)
}

/// [`crate::embedding`] as Burn has it.
///
/// # Shapes
///
/// Those of [`crate::embedding`], which checks them.
///
/// # Panics
///
/// If the shapes do not fit.
#[must_use]
pub fn embedding(table: Tensor<2>, ids: Tensor<2, Int>) -> Tensor<3> {
    module::embedding(table, ids)
}

/// The gradient of a table of `vocab` rows from that of the rows that were looked up.
///
/// # Shapes
///
/// - gradient: `[batch, time, width]`
/// - ids: `[batch, time]`
/// - output: `[vocab, width]`
///
/// # Panics
///
/// If the shapes do not fit.
#[must_use]
pub fn table_gradient(gradient: Tensor<3>, ids: Tensor<2, Int>, vocab: usize) -> Tensor<2> {
    let [batch, time, width] = gradient.dims();
    let rows = gradient.reshape([batch * time, width]);
    let table = Tensor::zeros([vocab, width], (&rows.device(), rows.dtype()));
    table.select_assign(0, ids.reshape([batch * time]), rows, IndexingUpdateOp::Add)
}

/// [`crate::put_rows`] by adding what is missing to the new rows.
///
/// # Shapes
///
/// Those of [`crate::put_rows`], which checks them.
///
/// # Panics
///
/// If the shapes do not fit.
#[must_use]
pub fn put_rows(table: Tensor<2>, ids: Tensor<2, Int>, rows: Tensor<2>) -> Tensor<2> {
    let ids = ids.reshape([rows.dims()[0]]);
    let missing = rows - table.clone().select(0, ids.clone());
    table.select_assign(0, ids, missing, IndexingUpdateOp::Add)
}

/// [`crate::max_pool1d`] as the largest of a dimension.
///
/// # Shapes
///
/// Those of [`crate::max_pool1d`], which checks them.
///
/// # Panics
///
/// If the shapes do not fit.
#[must_use]
pub fn max_pool1d(input: Tensor<3>, pool: usize) -> Tensor<3> {
    let [batch, steps, channels] = input.dims();
    let windows = steps / pool;
    if windows == 0 {
        return Tensor::zeros([batch, 0, channels], (&input.device(), input.dtype()));
    }
    let input = if windows * pool < steps { input.narrow(1, 0, windows * pool) } else { input };
    input.reshape([batch, windows, pool, channels]).max_dim(2).reshape([batch, windows, channels])
}

/// [`crate::adam_step`] operation by operation.
///
/// # Shapes
///
/// Those of [`crate::adam_step`], which checks them.
///
/// # Panics
///
/// If the shapes do not fit.
#[must_use]
pub fn adam_step(
    value: Tensor<1>,
    mean: Tensor<1>,
    square: Tensor<1>,
    gradient: Tensor<1>,
    step: AdamStep,
) -> (Tensor<1>, Tensor<1>, Tensor<1>) {
    let mean = mean * step.beta_1 + gradient.clone() * (1.0 - step.beta_1);
    let square = square * step.beta_2 + gradient.square() * (1.0 - step.beta_2);
    let update = mean.clone() * step.rate / (square.clone().sqrt() + step.epsilon);
    (value - update, mean, square)
}

/// [`DeviceTables::update`](crate::word2vec::DeviceTables::update) by gathering rows and adding
/// gradients to them. Gives both tables after the update, and the loss before it.
///
/// All windows of the batch see the rows before the batch, and where several add to a row, their
/// gradients are summed; the kernels update window by window, and theirs race.
///
/// # Shapes
///
/// - input and output: `[vocab, d_embedding]`
/// - loss: `[1]`
///
/// # Panics
///
/// If the batch is not one of tables of these rows.
#[must_use]
pub fn word_update(
    input: Tensor<2>,
    output: Tensor<2>,
    batch: &WindowBatch,
    prediction: Prediction,
    rate: f32,
) -> (Tensor<2>, Tensor<2>, Tensor<1>) {
    /// Numbers of the rows gathered at a time.
    const ROOM: usize = 1 << 24;
    let all = Predictions::of(batch, prediction);
    let (device, width) = (input.device(), input.dims()[1]);
    let at_a_time = (ROOM / (all.targets * width)).max(1);
    let (mut new_input, mut new_output) = (input.clone(), output.clone());
    let mut loss = Tensor::zeros([1], (&device, input.dtype()));
    let mut word = 0;
    for first in (0..all.count).step_by(at_a_time) {
        let count = at_a_time.min(all.count - first);
        let words = all.owners[word..].iter().take_while(|&&owner| (owner as usize) < first + count).count();
        let owners: Vec<i32> = all.owners[word..word + words].iter().map(|&owner| owner - first as i32).collect();
        let scales: Vec<f32> = all.scales[first..first + count].to_vec();
        let targets = all.ids[first * all.targets..(first + count) * all.targets].to_vec();
        let ids = |ids: Vec<i32>| {
            let len = ids.len();
            Tensor::<1, Int>::from_data(TensorData::new(ids, [len]), &device)
        };
        let (context, owners, targets) = (ids(all.words[word..word + words].to_vec()), ids(owners), ids(targets));
        word += words;

        // What predicts, and the rows it is scored against.
        let zeros = Tensor::<2>::zeros([count, width], (&device, input.dtype()));
        let sums =
            zeros.select_assign(0, owners.clone(), input.clone().select(0, context.clone()), IndexingUpdateOp::Add);
        let hidden = sums * Tensor::from_data(TensorData::new(scales, [count, 1]), (&device, input.dtype()));
        let hidden = hidden.reshape([count, 1, width]);
        let rows = output.clone().select(0, targets.clone()).reshape([count, all.targets, width]);
        let scores = (hidden.clone() * rows.clone()).sum_dim(2).reshape([count, all.targets]);

        // 1 for the centre, which comes first, and -1 for a negative word.
        let mut signs = vec![-1.0; all.targets];
        signs[0] = 1.0;
        let signs = Tensor::<2>::from_data(TensorData::new(signs, [1, all.targets]), (&device, input.dtype()));
        let wrongness = scores * signs.clone().neg();
        // ln(1 + e^x) so that nothing overflows.
        let losses = wrongness.clone().clamp_min(0.0) + wrongness.clone().abs().neg().exp().log1p();
        loss = loss + losses.sum();
        let steps = (sigmoid(wrongness) * signs * rate).reshape([count, all.targets, 1]);

        let gradient = (steps.clone() * rows).sum_dim(1).reshape([count, width]).select(0, owners);
        new_input = new_input.select_assign(0, context, gradient, IndexingUpdateOp::Add);
        let gradient = (steps * hidden).reshape([count * all.targets, width]);
        new_output = new_output.select_assign(0, targets, gradient, IndexingUpdateOp::Add);
    }
    (new_input, new_output, loss)
}

/// What each prediction of a batch is made from and scored against: a window's whole context, or in
/// skip-gram a word of it.
struct Predictions {
    /// The ids of the words that predict, and which prediction each belongs to, in ascending order.
    words: Vec<i32>,
    owners: Vec<i32>,
    /// What each prediction's words are multiplied by.
    scales: Vec<f32>,
    /// The ids of the words that each is scored against, the centre first.
    ids: Vec<i32>,
    targets: usize,
    count: usize,
}

impl Predictions {
    fn of(batch: &WindowBatch, prediction: Prediction) -> Self {
        let negatives = batch.negatives.len().checked_div(batch.windows.len()).unwrap_or(0);
        let mut all =
            Self { words: vec![], owners: vec![], scales: vec![], ids: vec![], targets: 1 + negatives, count: 0 };
        for (n, window) in batch.windows.iter().enumerate() {
            let id = |place: u32| batch.ids[place as usize] as i32;
            let context = (window.start..window.end).filter(|&place| place != window.centre).map(id);
            let first = all.words.len();
            all.words.extend(context);
            let words = all.words.len() - first;
            let (predictions, scale) = match prediction {
                Prediction::CbowMean => (1, 1.0 / words as f32),
                Prediction::CbowSum => (1, 1.0),
                Prediction::SkipGram => (words, 1.0),
            };
            all.owners.extend((0..words).map(|word| (all.count + word.min(predictions - 1)) as i32));
            for _ in 0..predictions {
                all.scales.push(scale);
                all.ids.push(id(window.centre));
                all.ids.extend(batch.negatives[n * negatives..][..negatives].iter().map(|&id| id as i32));
            }
            all.count += predictions;
        }
        all
    }
}
