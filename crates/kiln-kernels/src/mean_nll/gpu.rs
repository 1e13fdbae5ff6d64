//! Log-probabilities and gradients of scores with a workgroup a row.

use burn::backend::ops::{FloatTensorOps, IntTensorOps};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Cube, IntDType, TensorMetadata};
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::autodiff::{NllKernels, OfScores};
use crate::backend::gpu::adapter::Adapter;
use crate::backend::gpu::on_tensors::{OnTensors, Output};
use crate::backend::gpu::tensors::{contiguous, empty, owned, same};

/// Units of a workgroup at most.
const MOST_UNITS: usize = 256;

fn units(adapter: &Adapter, classes: usize) -> usize {
    adapter.units(classes.min(MOST_UNITS))
}

/// Whether the device has a kernel for the scores.
pub(super) fn is_fused(adapter: &Adapter, rows: usize, classes: usize) -> bool {
    let units = units(adapter, classes);
    classes > 0
        && adapter.holds([rows, classes])
        && adapter.grid_of(rows).is_some()
        && adapter.turns(3 * classes.div_ceil(units) + 2 * units, 1).is_ok()
        && units * size_of::<f32>() <= adapter.shared_memory
}

impl NllKernels for Cube {
    fn of_scores(
        scores: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        classes: IntTensor<Self>,
        wants_gradients: bool,
    ) -> OfScores<Self> {
        let [rows, width] = scores.shape().dims();
        let outputs = [[rows, width], [rows, 1]].map(Output::floats);
        let inputs = [scores, bias, same(classes)];
        let [scores, log_probs] = Self::on_tensors("kiln_mean_nll", inputs, outputs, of_rows);
        let gradients = wants_gradients.then(|| {
            let by_bias = Self::float_reshape(Self::float_sum_dim(scores.clone(), 0), Shape::new([width]));
            [scores, by_bias]
        });
        OfScores { log_probs, gradients }
    }

    fn times(gradient: FloatTensor<Self>, by: FloatTensor<Self>) -> FloatTensor<Self> {
        let ones = Shape::from(vec![1; gradient.shape().num_dims()]);
        Self::float_mul(gradient, Self::float_reshape(by, ones))
    }
}

/// The gradients by the scores in their place, and the log-probabilities.
fn of_rows([scores, bias, classes]: [CubeTensor; 3]) -> [CubeTensor; 2] {
    let (scores, bias) = (owned(scores), contiguous(bias));
    let classes = contiguous(CubeBackend::int_cast(classes, IntDType::I32));
    let [rows, width] = scores.shape().dims();
    let log_probs = empty(&scores, [rows, 1]);
    let adapter = Adapter::of(&scores);
    let units = units(&adapter, width);
    row_of_scores::launch(
        &scores.client,
        adapter.grid(rows),
        CubeDim::new_1d(units as u32),
        scores.clone().into_buffer_arg(),
        bias.into_buffer_arg(),
        classes.into_buffer_arg(),
        log_probs.clone().into_buffer_arg(),
        rows,
        width,
        1.0 / rows as f32,
        units,
    );
    [scores, log_probs]
}

#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn row_of_scores(
    scores: &mut [f32],
    bias: &[f32],
    classes: &[i32],
    log_probs: &mut [f32],
    rows: usize,
    width: usize,
    scale: f32,
    #[comptime] units: usize,
) {
    let row = CUBE_POS;
    if row >= rows {
        terminate!();
    }
    let unit = UNIT_POS as usize;
    let from = row * width;
    let mut parts = Shared::<[f32]>::new_slice(units);

    // A unit without a column holds the first score, which changes neither the highest nor, below, the sum.
    let mut highest = scores[from] + bias[0];
    for column in range_stepped(unit, width, units) {
        let score = scores[from + column] + bias[column];
        // NaN is taken over and stays.
        if score > highest || (score.is_nan() && !highest.is_nan()) {
            highest = score;
        }
    }
    parts[unit] = highest;
    sync_cube();
    for n in 0..units {
        let other = parts[n];
        if other > highest || (other.is_nan() && !highest.is_nan()) {
            highest = other;
        }
    }
    sync_cube();

    let mut sum = 0.0f32;
    for column in range_stepped(unit, width, units) {
        sum += (scores[from + column] + bias[column] - highest).exp();
    }
    parts[unit] = sum;
    sync_cube();
    let mut sum = 0.0f32;
    for n in 0..units {
        sum += parts[n];
    }
    // Every unit has read what it needs of the row's first score by now.
    let class = classes[row] as usize;
    if unit == 0 {
        // Infinite for a class outside the range: a sum is above 0.
        let mut log_prob = sum / (sum.abs() - sum);
        if class < width {
            log_prob = scores[from + class] + bias[class] - highest - sum.ln();
        }
        log_probs[row] = log_prob;
    }
    sync_cube();
    for column in range_stepped(unit, width, units) {
        let mut gradient = (scores[from + column] + bias[column] - highest).exp() / sum;
        if column == class {
            gradient -= 1.0f32;
        }
        scores[from + column] = gradient * scale;
    }
}
