//! One pass after the other over a text: fastText's stochastic gradient descent, a line a step.
//!
//! One thread makes the steps in the text's order, so a model depends on text, options and seed only. fastText lets its
//! threads race; with one thread it makes the same steps.

use std::ops::ControlFlow;

use kiln_base::SplitMix64;
use pulp::{Arch, Simd, WithSimd};

use super::config::{Loss, SupervisedConfig};
use super::dictionary::{Dictionary, Kind, Reading, Seen};
use super::minstd::Minstd;
use super::tables::Tables;
use crate::error::{Error, Result};
use crate::kernel::{add, axpy, dot, prefetch};

/// Tokens between two values of the learning rate.
const RATE_UPDATE: u64 = 100;
/// How many rows before it is needed a row is asked for.
const AHEAD: usize = 8;
/// Tokens between two calls of the observer.
const OBSERVED: u64 = 100_000;

/// How far a training is; what an observer of [`Supervised::fit`](crate::Supervised::fit) sees.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct SupervisedProgress {
    /// Tokens seen in all epochs, ends of lines included.
    pub tokens: u64,
    /// Tokens of all epochs.
    pub total_tokens: u64,
    /// The learning rate.
    pub learning_rate: f32,
    /// The mean loss since the beginning.
    pub loss: f64,
}

/// The lines of a text as places among the tokens seen, and what those are.
pub(super) struct Lines {
    pub(super) reading: Reading,
    pub(super) kinds: Vec<Kind>,
}

impl Lines {
    /// Whether a line has both a label that is kept and its own row, apart from that of the line's end.
    pub(super) fn can_teach(&self, word_ngrams: usize) -> bool {
        let mut begin = 0;
        self.reading.ends.iter().any(|&end| {
            let kinds = || self.reading.tokens[begin..end - 1].iter().map(|&place| &self.kinds[place as usize]);
            let label = kinds().any(|kind| kind.is_label && kind.id.is_some());
            // A word that is too rare for a row is still part of runs, if only with the line's end.
            let word = kinds().any(|kind| !kind.is_label && (word_ngrams > 1 || !kind.subwords.is_empty()));
            begin = end;
            label && word
        })
    }

    /// The tokens of each line.
    fn tokens(&self) -> impl Iterator<Item = &[Seen]> {
        let mut begin = 0;
        self.reading.ends.iter().map(move |&end| &self.reading.tokens[std::mem::replace(&mut begin, end)..end])
    }

    /// The first label of each line that has one.
    pub(super) fn first_labels(&self) -> Vec<u32> {
        let label = |line: &[Seen]| {
            let mut kinds = line.iter().map(|&place| &self.kinds[place as usize]);
            kinds.find_map(|kind| kind.id.filter(|_| kind.is_label))
        };
        self.tokens().filter_map(label).collect()
    }

    /// Puts the lines into the order that `seed` gives.
    pub(super) fn shuffle(&mut self, seed: u64) {
        let mut lines: Vec<&[Seen]> = self.tokens().collect();
        SplitMix64::new(seed).shuffle(&mut lines);
        let (mut tokens, mut ends) = (Vec::with_capacity(self.reading.tokens.len()), Vec::with_capacity(lines.len()));
        for line in lines {
            tokens.extend_from_slice(line);
            ends.push(tokens.len());
        }
        (self.reading.tokens, self.reading.ends) = (tokens, ends);
    }

    /// Rows and labels of a line; the number of its tokens comes back.
    fn read(&self, at: usize, dictionary: &Dictionary, line: &mut Workspace) -> u64 {
        let begin = if at == 0 { 0 } else { self.reading.ends[at - 1] };
        let tokens = &self.reading.tokens[begin..self.reading.ends[at]];
        line.rows.clear();
        line.labels.clear();
        line.hashes.clear();
        for kind in tokens.iter().map(|&place| &self.kinds[place as usize]) {
            if kind.is_label {
                line.labels.extend(kind.id);
            } else {
                line.rows.extend_from_slice(&kind.subwords);
                line.hashes.push(kind.hash);
            }
        }
        dictionary.word_ngrams(&line.hashes, &mut line.rows);
        tokens.len() as u64
    }
}

/// Memory of one step.
#[derive(Default)]
struct Workspace {
    rows: Vec<u32>,
    labels: Vec<u32>,
    hashes: Vec<u32>,
    hidden: Vec<f32>,
    gradient: Vec<f32>,
    output: Vec<f32>,
}

/// The mean of rows of the input table.
#[inline(always)]
pub(super) fn mean_of_rows(input: &[f32], d: usize, rows: &[u32], hidden: &mut [f32]) {
    let row = |id: u32| &input[id as usize * d..][..d];
    hidden.fill(0.0);
    for (n, &id) in rows.iter().enumerate() {
        if let Some(&soon) = rows.get(n + AHEAD) {
            prefetch(row(soon));
        }
        add(row(id), hidden);
    }
    let share = 1.0 / rows.len() as f32;
    hidden.iter_mut().for_each(|number| *number *= share);
}

/// The outputs of a hidden row, before they become probabilities.
#[inline(always)]
pub(super) fn scores(output_table: &[f32], hidden: &[f32], scores: &mut Vec<f32>) {
    scores.clear();
    scores.extend(output_table.chunks_exact(hidden.len()).map(|row| dot(row, hidden)));
}

/// Turns scores into probabilities.
#[inline(always)]
pub(super) fn probabilities(loss: Loss, scores: &mut [f32]) {
    match loss {
        Loss::Softmax => {
            let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            scores.iter_mut().for_each(|score| *score = (*score - highest).exp());
            let sum: f32 = scores.iter().sum();
            scores.iter_mut().for_each(|score| *score /= sum);
        }
        Loss::OneVsAll => scores.iter_mut().for_each(|score| *score = 1.0 / (1.0 + (-*score).exp())),
    }
}

struct Step<'a> {
    tables: &'a mut Tables,
    work: &'a mut Workspace,
    loss: Loss,
    /// The labels that are right: of softmax one.
    right: &'a [u32],
    rate: f32,
}

/// Compiled for each instruction set. Everything below it must be `#[inline(always)]`, or it is compiled for the least
/// machine.
impl WithSimd for Step<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> f32 {
        let Self { tables, work, loss, right, rate } = self;
        let d = tables.d;
        work.hidden.resize(d, 0.0);
        mean_of_rows(&tables.input, d, &work.rows, &mut work.hidden);
        scores(&tables.output, &work.hidden, &mut work.output);
        probabilities(loss, &mut work.output);

        work.gradient.clear();
        work.gradient.resize(d, 0.0);
        let mut sum = 0.0;
        for (label, (row, &probability)) in tables.output.chunks_exact_mut(d).zip(&work.output).enumerate() {
            let is_right = right.contains(&(label as u32));
            if is_right {
                sum -= (probability + 1e-5).ln();
            } else if loss == Loss::OneVsAll {
                sum -= (1.0 - probability + 1e-5).ln();
            }
            let slope = rate * (f32::from(u8::from(is_right)) - probability);
            axpy(slope, row, &mut work.gradient);
            axpy(slope, &work.hidden, row);
        }

        let share = 1.0 / work.rows.len() as f32;
        work.gradient.iter_mut().for_each(|slope| *slope *= share);
        for (n, &id) in work.rows.iter().enumerate() {
            if let Some(&soon) = work.rows.get(n + AHEAD) {
                prefetch(&tables.input[soon as usize * d..][..d]);
            }
            add(&work.gradient, &mut tables.input[id as usize * d..][..d]);
        }
        sum
    }
}

/// Trains the tables.
pub(super) fn train(
    config: &SupervisedConfig,
    dictionary: &Dictionary,
    lines: &Lines,
    tables: &mut Tables,
    observe: &mut dyn FnMut(SupervisedProgress) -> ControlFlow<()>,
) -> Result<f64> {
    let mut random = Minstd::new(u64::from(config.seed));
    let mut work = Workspace::default();
    let total_tokens = (config.epochs as u64).saturating_mul(dictionary.tokens);
    // As fastText counts: the rate falls by the tokens counted so far, every hundred or so.
    let (mut tokens, mut uncounted, mut observed) = (0, 0, 0);
    let (mut loss, mut steps) = (0.0, 0_u64);
    for at in (0..lines.reading.ends.len()).cycle() {
        if tokens >= total_tokens {
            break;
        }
        let rate = (f64::from(config.learning_rate) * (1.0 - tokens as f64 / total_tokens as f64)) as f32;
        uncounted += lines.read(at, dictionary, &mut work);
        if !work.rows.is_empty() && !work.labels.is_empty() {
            let labels = std::mem::take(&mut work.labels);
            let right = match config.loss {
                Loss::Softmax => &labels[random.below(labels.len() as u64) as usize..][..1],
                Loss::OneVsAll => &labels,
            };
            let step = Step { tables, work: &mut work, loss: config.loss, right, rate };
            let step_loss = f64::from(Arch::new().dispatch(step));
            work.labels = labels;
            if !step_loss.is_finite() {
                return Err(Error::Diverged { tokens: tokens + uncounted, learning_rate: rate });
            }
            (loss, steps) = (loss + step_loss, steps + 1);
        }
        if uncounted > RATE_UPDATE {
            tokens += uncounted;
            uncounted = 0;
            if tokens - observed >= OBSERVED {
                observed = tokens;
                let loss = loss / steps.max(1) as f64;
                if observe(SupervisedProgress { tokens, total_tokens, learning_rate: rate, loss }).is_break() {
                    return Err(Error::Stopped { tokens, total_tokens });
                }
            }
        }
        // A text of fewer tokens than the rate waits for: fastText goes round until there are enough.
    }
    Ok(loss / steps.max(1) as f64)
}
