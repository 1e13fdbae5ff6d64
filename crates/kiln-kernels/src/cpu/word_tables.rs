//! The two tables of word2vec and their update by negative sampling, in place, by one thread or
//! several at once.
//!
//! Threads that update at once do so without locks, as in word2vec.c: a number that two of them
//! add to at the same moment may lose one of the two sums. The tables are of atomic words for that,
//! each of two floats, so that this is a lost sum and never a torn number.

use std::sync::atomic::{AtomicU64, Ordering};

use pulp::{Simd, WithSimd};
use serde::{Deserialize, Serialize};

use super::lanes::{self, dispatch, load, store};

/// Floats in a cache line; rows begin at one, and every machine's vectors divide it.
const LINE: usize = 16;

/// How many windows before its own a row is asked for.
const AHEAD: usize = 2;

/// A cache line of a table.
#[derive(Debug)]
#[repr(align(64))]
struct Line([AtomicU64; LINE / 2]);

/// Rows of floats, each padded with zeros to whole cache lines.
#[derive(Debug)]
pub(crate) struct Table {
    lines: Vec<Line>,
    width: usize,
}

impl Table {
    /// A table of the rows in `values`, each of `width` numbers.
    pub(crate) fn new(values: &[f32], width: usize) -> Self {
        let line = |floats: &[f32]| {
            Line(std::array::from_fn(|pair| {
                let bits = |at: usize| floats.get(at).map_or(0, |value| value.to_bits());
                AtomicU64::new(join(bits(2 * pair), bits(2 * pair + 1)))
            }))
        };
        Self { lines: values.chunks(width).flat_map(|row| row.chunks(LINE).map(line)).collect(), width }
    }

    /// Lines of a row.
    fn row_lines(&self) -> usize {
        self.width.div_ceil(LINE)
    }

    /// How many rows.
    pub(crate) fn rows(&self) -> usize {
        self.lines.len() / self.row_lines()
    }

    /// All numbers, row by row.
    pub(crate) fn values(&self) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.rows() * self.width);
        for row in self.lines.chunks_exact(self.row_lines()) {
            let floats = row.iter().flat_map(|line| &line.0).flat_map(|pair| split(pair.load(Ordering::Relaxed)));
            values.extend(floats.map(f32::from_bits).take(self.width));
        }
        values
    }

    /// Appends rows.
    pub(crate) fn extend(&mut self, values: &[f32]) {
        self.lines.extend(Self::new(values, self.width).lines);
    }

    fn shared(&self) -> Rows<'_> {
        Rows { lines: &self.lines, row_lines: self.row_lines() }
    }
}

#[inline(always)]
fn join(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

#[inline(always)]
fn split(bits: u64) -> [u32; 2] {
    [bits as u32, (bits >> 32) as u32]
}

/// Asks the memory for the cache lines of a row that is going to be written, so that no other core
/// holds them then.
#[inline(always)]
fn prefetch_row(row: &[Line]) {
    #[cfg(target_arch = "x86_64")]
    for line in row {
        // SAFETY: a prefetch is a hint about an address, and changes nothing.
        unsafe {
            std::arch::asm!(
                "prefetchw [{line}]",
                line = in(reg) line,
                options(nostack, preserves_flags, readonly),
            );
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}

/// The rows of a table, which other threads may update meanwhile. `values` are as long as a padded row.
#[derive(Clone, Copy)]
struct Rows<'a> {
    lines: &'a [Line],
    row_lines: usize,
}

impl Rows<'_> {
    #[inline(always)]
    fn row(&self, row: u32) -> &[Line] {
        &self.lines[row as usize * self.row_lines..][..self.row_lines]
    }

    /// The numbers of a padded row.
    #[inline(always)]
    fn stride(&self) -> usize {
        self.row_lines * LINE
    }

    /// `values = row`
    #[inline(always)]
    fn read<S: Simd>(&self, _simd: S, row: u32, values: &mut [f32]) {
        for (line, values) in self.row(row).iter().zip(values.as_chunks_mut().0) {
            line.get::<S>(values);
        }
    }

    /// `values += row`
    #[inline(always)]
    fn add_to<S: Simd>(&self, simd: S, row: u32, values: &mut [f32]) {
        for (line, values) in self.row(row).iter().zip(values.as_chunks_mut().0) {
            line.add_to(simd, values);
        }
    }

    /// `row += scale * values`
    #[inline(always)]
    fn add<S: Simd>(&self, simd: S, row: u32, scale: f32, values: &[f32]) {
        for (line, values) in self.row(row).iter().zip(values.as_chunks().0) {
            line.add(simd, scale, values);
        }
    }

    /// Asks the memory for a row that is needed soon: rows of rare words lie in no cache.
    #[inline(always)]
    fn prefetch(&self, row: u32) {
        prefetch_row(self.row(row));
    }
}

/// A line's floats outside of a table.
#[derive(Default)]
#[repr(align(64))]
struct Floats([f32; LINE]);

impl Line {
    /// Reads the line, each pair of floats whole, with moves as wide as the vectors that read the
    /// copy: a processor passes what it has just stored on to a load of the same width at once.
    #[inline(always)]
    fn get<S: Simd>(&self, values: &mut [f32; LINE]) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: both places are a line long. The machine's moves race as relaxed loads of the pairs
        // would: aligned pairs are not torn, which processors do without promising it for wide moves.
        unsafe {
            copy_line::<S>(self.0.as_ptr().cast(), values.as_mut_ptr());
        }
        #[cfg(not(target_arch = "x86_64"))]
        for pair in 0..LINE / 2 {
            let [low, high] = split(self.0[pair].load(Ordering::Relaxed));
            values[2 * pair] = f32::from_bits(low);
            values[2 * pair + 1] = f32::from_bits(high);
        }
    }

    /// `values += line`, each pair of floats read whole.
    #[inline(always)]
    fn add_to<S: Simd>(&self, simd: S, values: &mut [f32; LINE]) {
        #[cfg(target_arch = "x86_64")]
        {
            let _ = simd;
            // SAFETY: both places are a line long; as to races, see `get`.
            unsafe { add_line::<S>(1.0, self.0.as_ptr().cast(), values.as_mut_ptr()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            let mut now = Floats::default();
            self.get::<S>(&mut now.0);
            axpy(simd, 1.0, &now.0, values);
        }
    }

    /// `line += scale * values`, each pair of floats read and written whole.
    #[inline(always)]
    fn add<S: Simd>(&self, simd: S, scale: f32, values: &[f32; LINE]) {
        #[cfg(target_arch = "x86_64")]
        {
            let _ = simd;
            // SAFETY: both places are a line long, and a line may be written through a shared borrow, since
            // it is of atomic integers; as to races, see `get`.
            unsafe { add_line::<S>(scale, values.as_ptr(), self.0.as_ptr().cast::<f32>().cast_mut()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            let mut now = Floats::default();
            self.get::<S>(&mut now.0);
            axpy(simd, scale, values, &mut now.0);
            for (pair, values) in self.0.iter().zip(now.0.chunks_exact(2)) {
                pair.store(join(values[0].to_bits(), values[1].to_bits()), Ordering::Relaxed);
            }
        }
    }
}

/// `to += scale * from` over a line, by the machine's own instructions as in [`copy_line`].
///
/// # Safety
///
/// Both places are a line long, and the vectors of `S` are the machine's.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn add_line<S: Simd>(scale: f32, from: *const f32, to: *mut f32) {
    use std::arch::asm;
    // SAFETY: the instructions stay within the lines and change nothing else but the registers named and
    // the flags of floating-point exceptions; the wide ones run where `S` is of the set that has them.
    unsafe {
        match S::F32_LANES {
            16 => asm!(
                "vbroadcastss zmm1, {scale}",
                "vmovups zmm0, [{to}]",
                "vfmadd231ps zmm0, zmm1, [{from}]",
                "vmovups [{to}], zmm0",
                scale = in(xmm_reg) scale, from = in(reg) from, to = in(reg) to, out("xmm0") _, out("xmm1") _,
                options(nostack),
            ),
            8 => asm!(
                "vbroadcastss ymm2, {scale}",
                "vmovups ymm0, [{to}]",
                "vmovups ymm1, [{to} + 32]",
                "vfmadd231ps ymm0, ymm2, [{from}]",
                "vfmadd231ps ymm1, ymm2, [{from} + 32]",
                "vmovups [{to}], ymm0",
                "vmovups [{to} + 32], ymm1",
                scale = in(xmm_reg) scale, from = in(reg) from, to = in(reg) to,
                out("xmm0") _, out("xmm1") _, out("xmm2") _,
                options(nostack),
            ),
            _ => asm!(
                "shufps {scale}, {scale}, 0",
                "movups xmm0, [{from}]",
                "movups xmm1, [{from} + 16]",
                "movups xmm2, [{from} + 32]",
                "movups xmm3, [{from} + 48]",
                "mulps xmm0, {scale}",
                "mulps xmm1, {scale}",
                "mulps xmm2, {scale}",
                "mulps xmm3, {scale}",
                "movups xmm4, [{to}]",
                "movups xmm5, [{to} + 16]",
                "addps xmm0, xmm4",
                "addps xmm1, xmm5",
                "movups xmm4, [{to} + 32]",
                "movups xmm5, [{to} + 48]",
                "addps xmm2, xmm4",
                "addps xmm3, xmm5",
                "movups [{to}], xmm0",
                "movups [{to} + 16], xmm1",
                "movups [{to} + 32], xmm2",
                "movups [{to} + 48], xmm3",
                scale = inout(xmm_reg) scale => _, from = in(reg) from, to = in(reg) to,
                out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _,
                options(nostack),
            ),
        }
    }
}

/// Moves a line by the machine's own instructions, about which the compiler assumes nothing but that
/// they read `from` and write `to`: it would have to assume that nobody else does.
///
/// # Safety
///
/// Both places are a line long, and the vectors of `S` are the machine's.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn copy_line<S: Simd>(from: *const f32, to: *mut f32) {
    use std::arch::asm;
    // SAFETY: the moves stay within the lines and change nothing else but the registers named; the
    // wide ones run where `S` is of the instruction set that has them.
    unsafe {
        match S::F32_LANES {
            16 => asm!(
                "vmovups zmm0, [{from}]",
                "vmovups [{to}], zmm0",
                from = in(reg) from, to = in(reg) to, out("xmm0") _,
                options(nostack, preserves_flags),
            ),
            8 => asm!(
                "vmovups ymm0, [{from}]",
                "vmovups ymm1, [{from} + 32]",
                "vmovups [{to}], ymm0",
                "vmovups [{to} + 32], ymm1",
                from = in(reg) from, to = in(reg) to, out("xmm0") _, out("xmm1") _,
                options(nostack, preserves_flags),
            ),
            _ => asm!(
                "movups xmm0, [{from}]",
                "movups xmm1, [{from} + 16]",
                "movups xmm2, [{from} + 32]",
                "movups xmm3, [{from} + 48]",
                "movups [{to}], xmm0",
                "movups [{to} + 16], xmm1",
                "movups [{to} + 32], xmm2",
                "movups [{to} + 48], xmm3",
                from = in(reg) from, to = in(reg) to,
                out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
                options(nostack, preserves_flags),
            ),
        }
    }
}

/// `out += scale * values`; both are whole cache lines long.
#[inline(always)]
fn axpy<S: Simd>(simd: S, scale: f32, values: &[f32], out: &mut [f32]) {
    let scale = simd.splat_f32s(scale);
    for at in (0..out.len()).step_by(S::F32_LANES) {
        let sum = simd.mul_add_e_f32s(scale, load::<S>(values, at), load::<S>(out, at));
        store::<S>(out, at, sum);
    }
}

/// The product of two rows, which are whole cache lines long.
#[inline(always)]
fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    // Two sums, since an addition waits for the one before it; narrow vectors have both in a line.
    let (mut even, mut odd) = (simd.splat_f32s(0.0), simd.splat_f32s(0.0));
    let step = LINE.max(2 * S::F32_LANES);
    let whole = a.len() - a.len() % step;
    for first in (0..whole).step_by(step) {
        for at in (first..first + step).step_by(2 * S::F32_LANES) {
            even = simd.mul_add_e_f32s(load::<S>(a, at), load::<S>(b, at), even);
            let at = at + S::F32_LANES;
            odd = simd.mul_add_e_f32s(load::<S>(a, at), load::<S>(b, at), odd);
        }
    }
    for at in (whole..a.len()).step_by(S::F32_LANES) {
        even = simd.mul_add_e_f32s(load::<S>(a, at), load::<S>(b, at), even);
    }
    simd.reduce_sum_f32s(simd.add_f32s(even, odd))
}

/// The places at which a window's centre stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The place of the centre in the ids.
    pub centre: u32,
    /// The place of the window's first word.
    pub start: u32,
    /// The place behind its last.
    pub end: u32,
}

/// Windows over runs of words, with what each is trained against.
#[derive(Clone, Debug, Default)]
pub struct WindowBatch {
    /// The words.
    pub ids: Vec<u32>,
    /// The windows; each holds at least one word beside its centre.
    pub windows: Vec<Window>,
    /// As many negative words for each window.
    pub negatives: Vec<u32>,
}

impl WindowBatch {
    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.ids.clear();
        self.windows.clear();
        self.negatives.clear();
    }
}

/// What is predicted from what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prediction {
    /// The centre from the mean of its context.
    CbowMean,
    /// The centre from the sum of its context.
    CbowSum,
    /// The centre from each word of its context by itself.
    SkipGram,
}

/// Losses added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LossSum {
    /// The sum of the losses of `count` predictions.
    pub sum: f64,
    /// How many predictions.
    pub count: u64,
}

impl LossSum {
    /// Takes in another sum.
    pub fn add(&mut self, other: Self) {
        self.sum += other.sum;
        self.count += other.count;
    }

    /// The mean loss; 0 of no predictions.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }
}

/// A logarithm of many probabilities' product, taken only now and then.
struct LogProduct {
    log: f64,
    product: f64,
}

impl LogProduct {
    /// Takes in the probability `sigmoid(score)` of what is right, or its complement of what is wrong.
    #[inline(always)]
    fn take_in(&mut self, score: f32, sigmoid: f32, is_right: bool) {
        /// From here on ln sigmoid(-x) is -x to six digits, and the sigmoid has lost its own.
        const FAR: f32 = 12.0;
        let wrongness = if is_right { -score } else { score };
        if wrongness > FAR || wrongness.is_nan() {
            self.log -= f64::from(wrongness);
            return;
        }
        let probability = f64::from(if is_right { sigmoid } else { 1.0 - sigmoid });
        // Not below 1e-7, so no product falls out of range.
        self.product *= probability.max(1e-7);
        if self.product < 1e-290 {
            self.log += self.product.ln();
            self.product = 1.0;
        }
    }
}

/// Memory of one thread.
#[derive(Debug, Default)]
pub struct Workspace {
    inputs: Vec<f32>,
    outputs: Vec<f32>,
    errors: Vec<f32>,
    scores: Vec<f32>,
    context: Vec<u32>,
    targets: Vec<u32>,
}

struct Update<'a> {
    input: Rows<'a>,
    output: Rows<'a>,
    batch: &'a WindowBatch,
    prediction: Prediction,
    rate: f32,
    memory: &'a mut Workspace,
}

impl WithSimd for Update<'_> {
    type Output = LossSum;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) -> LossSum {
        let mut loss = LogProduct { log: 0.0, product: 1.0 };
        let mut count = 0;
        let windows = self.batch.windows.len();
        let negatives = self.batch.negatives.len().checked_div(windows).unwrap_or(0);
        for (n, window) in self.batch.windows.iter().enumerate() {
            let ids = &self.batch.ids;
            if let Some(soon) = self.batch.windows.get(n + AHEAD) {
                // The rest of its context are the windows' before it.
                self.input.prefetch(ids[soon.end as usize - 1]);
                self.output.prefetch(ids[soon.centre as usize]);
                for &word in &self.batch.negatives[(n + AHEAD) * negatives..][..negatives] {
                    self.output.prefetch(word);
                }
            }
            let Workspace { context, targets, .. } = &mut *self.memory;
            context.clear();
            context.extend_from_slice(&ids[window.start as usize..window.centre as usize]);
            context.extend_from_slice(&ids[window.centre as usize + 1..window.end as usize]);
            targets.clear();
            targets.push(ids[window.centre as usize]);
            targets.extend_from_slice(&self.batch.negatives[n * negatives..(n + 1) * negatives]);
            if self.prediction == Prediction::SkipGram {
                count += self.memory.context.len() as u64;
                self.skip_gram(simd, &mut loss);
            } else {
                count += 1;
                self.cbow(simd, &mut loss);
            }
        }
        LossSum { sum: -(loss.log + loss.product.ln()), count }
    }
}

impl Update<'_> {
    #[inline(always)]
    fn cbow<S: Simd>(&mut self, simd: S, loss: &mut LogProduct) {
        let stride = self.input.stride();
        let Workspace { inputs, outputs, errors, scores, context, targets } = &mut *self.memory;
        let (mean, error) = (&mut inputs[..stride], &mut errors[..stride]);
        mean.fill(0.0);
        for &word in &*context {
            self.input.add_to(simd, word, mean);
        }
        if self.prediction == Prediction::CbowMean {
            let scale = simd.splat_f32s(1.0 / context.len() as f32);
            for at in (0..stride).step_by(S::F32_LANES) {
                let value = simd.mul_f32s(scale, load::<S>(mean, at));
                store::<S>(mean, at, value);
            }
        }
        for n in 0..targets.len() {
            let row = &mut outputs[n * stride..][..stride];
            self.output.read(simd, targets[n], row);
            scores[n] = dot(simd, mean, row);
        }
        gradients(simd, scores, targets.len(), 1, self.rate, loss);
        error.fill(0.0);
        for n in 0..targets.len() {
            axpy(simd, scores[n], &outputs[n * stride..][..stride], error);
            self.output.add(simd, targets[n], scores[n], mean);
        }
        for &word in &*context {
            self.input.add(simd, word, 1.0, error);
        }
    }

    #[inline(always)]
    fn skip_gram<S: Simd>(&mut self, simd: S, loss: &mut LogProduct) {
        let stride = self.input.stride();
        let Workspace { inputs, outputs, errors, scores, context, targets } = &mut *self.memory;
        let (words, count) = (context.len(), targets.len());
        for n in 0..words {
            self.input.read(simd, context[n], &mut inputs[n * stride..][..stride]);
        }
        for n in 0..count {
            self.output.read(simd, targets[n], &mut outputs[n * stride..][..stride]);
        }
        // Scores lie target by target, so that those of the centre come first.
        for target in 0..count {
            let row = &outputs[target * stride..][..stride];
            for word in 0..words {
                scores[target * words + word] = dot(simd, &inputs[word * stride..][..stride], row);
            }
        }
        gradients(simd, scores, count * words, words, self.rate, loss);
        let error = &mut errors[..stride];
        for word in 0..words {
            combine(simd, outputs, stride, count, &scores[word..], words, error);
            self.input.add(simd, context[word], 1.0, error);
        }
        for target in 0..count {
            combine(simd, inputs, stride, words, &scores[target * words..], 1, error);
            self.output.add(simd, targets[target], 1.0, error);
        }
    }
}

/// `out = sum over n < count of weights[n * step] * rows[n]`
#[inline(always)]
fn combine<S: Simd>(simd: S, rows: &[f32], stride: usize, count: usize, weights: &[f32], step: usize, out: &mut [f32]) {
    for at in (0..stride).step_by(S::F32_LANES) {
        let mut sum = simd.splat_f32s(0.0);
        for n in 0..count {
            let weight = simd.splat_f32s(weights[n * step]);
            sum = simd.mul_add_e_f32s(weight, load::<S>(rows, n * stride + at), sum);
        }
        store::<S>(out, at, sum);
    }
}

/// Turns scores into `rate * (label - sigmoid(score))`; the first `positive` have label 1. The loss
/// takes in the probability of each label.
#[inline(always)]
fn gradients<S: Simd>(simd: S, scores: &mut [f32], count: usize, positive: usize, rate: f32, loss: &mut LogProduct) {
    let mut sigmoids = Floats::default();
    for first in (0..count).step_by(LINE) {
        for at in (0..LINE).step_by(S::F32_LANES) {
            let [sigmoid] = lanes::sigmoids_and_tanh(simd, [load::<S>(scores, first + at)], usize::MAX);
            store::<S>(&mut sigmoids.0, at, sigmoid);
        }
        for (n, sigmoid) in (first..count).zip(sigmoids.0) {
            let is_right = n < positive;
            loss.take_in(scores[n], sigmoid, is_right);
            scores[n] = rate * (if is_right { 1.0 - sigmoid } else { -sigmoid });
        }
    }
}

impl Workspace {
    fn reserve(&mut self, stride: usize, batch: &WindowBatch) {
        let words = batch.windows.iter().map(|window| (window.end - window.start) as usize).max().unwrap_or(0);
        let targets = 1 + batch.negatives.len().checked_div(batch.windows.len()).unwrap_or(0);
        let grow = |buffer: &mut Vec<f32>, len: usize| {
            if buffer.len() < len {
                buffer.resize(len, 0.0);
            }
        };
        grow(&mut self.inputs, words.max(1) * stride);
        grow(&mut self.outputs, targets * stride);
        grow(&mut self.errors, stride);
        grow(&mut self.scores, (words.max(1) * targets).next_multiple_of(64));
    }
}

/// Every id of the batch must be below the rows of both tables, every window within the ids. Other
/// threads may do the same at the same time.
pub(crate) fn update(
    input: &Table,
    output: &Table,
    batch: &WindowBatch,
    prediction: Prediction,
    rate: f32,
    memory: &mut Workspace,
) -> LossSum {
    memory.reserve(input.row_lines() * LINE, batch);
    dispatch(Update { input: input.shared(), output: output.shared(), batch, prediction, rate, memory })
}
