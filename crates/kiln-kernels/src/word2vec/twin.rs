//! The twin of the update of tables on a device in plain Burn operations.

use burn::tensor::activation::sigmoid;
use burn::tensor::{IndexingUpdateOp, Int, Tensor, TensorData};

use super::batch::{Prediction, WindowBatch};

/// [`DeviceTables::update`](crate::word2vec::DeviceTables::update) by gathering rows and adding gradients to them.
/// Returns both tables after the update, and the loss before it.
///
/// All windows of the batch use the rows before the batch, and the gradients of a row are summed; the kernels update
/// window by window, and on a GPU windows race.
///
/// # Shapes
///
/// - input and output: `[vocab, d_embedding]`
/// - loss: `[1]`
///
/// # Panics
///
/// If the batch does not fit tables of these rows.
pub fn word_update(
    input: Tensor<2>,
    output: Tensor<2>,
    batch: &WindowBatch,
    prediction: Prediction,
    rate: f32,
) -> (Tensor<2>, Tensor<2>, Tensor<1>) {
    /// Most numbers in the rows gathered at a time.
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

        // The sums of the predicting rows, and the rows that they are scored against.
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
        // ln(1 + e^x) without overflow.
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

/// The words of each prediction of a batch, and its targets. A prediction is a window's whole context, or in skip-gram
/// one word of it.
struct Predictions {
    /// The ids of the predicting words, and the index of their prediction, ascending.
    words: Vec<i32>,
    owners: Vec<i32>,
    /// The factor of each prediction's words.
    scales: Vec<f32>,
    /// The ids of the words that each prediction is scored against, the centre first.
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
