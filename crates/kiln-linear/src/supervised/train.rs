//! Passes over a text: fastText's stochastic gradient descent, one step per line.
//!
//! One thread makes the steps in the text's order, so a model depends only on text, options and seed. fastText's
//! threads race; with one thread it makes the same steps.

use std::ops::ControlFlow;

use kiln_base::{OptionError, RowWeights, SplitMix64};
use pulp::{Arch, Simd, WithSimd};

use super::config::{Loss, SupervisedConfig};
use super::dictionary::{Dictionary, Entries, Kind, Reading, Seen};
use super::minstd::Minstd;
use super::tables::Tables;
use crate::error::{Error, Result};
use crate::kernel::{add, axpy, dot, prefetch};

/// Tokens between two updates of the learning rate.
const RATE_UPDATE: u64 = 100;
/// How many rows ahead a row is prefetched.
const AHEAD: usize = 8;
/// Tokens between two calls of the observer.
const OBSERVED: u64 = 100_000;

/// The progress of a training, for an observer of [`Supervised::fit`](crate::Supervised::fit).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct SupervisedProgress {
    /// Tokens seen in all epochs, ends of lines included.
    pub tokens: u64,
    /// Tokens of all epochs.
    pub total_tokens: u64,
    /// The learning rate.
    pub learning_rate: f32,
    /// The mean loss since the start, each line's times its weight.
    pub loss: f64,
}

/// An event of a training.
pub(super) enum Event<'a> {
    /// The progress so far.
    Progress(SupervisedProgress),
    /// An epoch is over: its mean loss, and the tables.
    Epoch(SupervisedProgress, &'a Tables),
}

/// A loss that is being summed.
#[derive(Default)]
struct MeanLoss {
    sum: f64,
    steps: u64,
}

impl MeanLoss {
    fn add(&mut self, loss: f64) {
        (self.sum, self.steps) = (self.sum + loss, self.steps + 1);
    }

    fn mean(&self) -> f64 {
        self.sum / self.steps.max(1) as f64
    }
}

/// The lines of a text as indices into the tokens seen, and the kinds of these tokens.
pub(super) struct Lines {
    pub(super) reading: Reading,
    pub(super) kinds: Vec<Kind>,
}

impl Lines {
    /// Whether any line has both a label that is kept and a row other than that of the end of the line.
    pub(super) fn can_teach(&self, word_ngrams: usize) -> bool {
        let mut begin = 0;
        self.reading.ends.iter().any(|&end| {
            let kinds = || self.reading.tokens[begin..end - 1].iter().map(|&place| &self.kinds[place as usize]);
            let label = kinds().any(|kind| kind.is_label && kind.id.is_some());
            // A word that is too rare for a row is still part of runs, at least with the end of the line.
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

    /// Gives each line its weight.
    ///
    /// # Errors
    ///
    /// The number of weights differs from that of the lines with labels, or of the labels; a weight is negative or not
    /// finite; a line has several labels, so its weight by class is ambiguous.
    pub(super) fn weigh(&mut self, weights: &RowWeights, labels: &Entries) -> Result<()> {
        if *weights == RowWeights::Equal {
            return Ok(());
        }
        let is_by_line = matches!(weights, RowWeights::Rows(_));
        // The class of each line, if the line has a weight.
        let mut classes: Vec<Option<u32>> = Vec::with_capacity(self.reading.ends.len());
        for line in self.tokens() {
            let kinds = || line.iter().map(|&place| &self.kinds[place as usize]).filter(|kind| kind.is_label);
            if is_by_line {
                classes.push(kinds().next().map(|_| 0));
                continue;
            }
            let mut ids = kinds().filter_map(|kind| kind.id);
            let first = ids.next();
            if let (Some(first), Some(other)) = (first, ids.find(|&id| Some(id) != first)) {
                let [first, other] = [first, other].map(|id| labels.tokens.text(id).unwrap_or_default());
                let expected = "equal, or by line (`RowWeights::Rows`), if a line has several labels";
                let found = format!("line {} with {first} and {other}", classes.len() + 1);
                return Err(OptionError::new("row_weights", expected, found).into());
            }
            classes.push(first);
        }
        let of_lines: Vec<u32> = classes.iter().flatten().copied().collect();
        let mut weights = weights.of_rows(&of_lines)?.unwrap_or_default().into_iter().map(|weight| weight as f32);
        // A line without a label makes no step.
        self.reading.weights =
            classes.iter().map(|class| class.and_then(|_| weights.next()).unwrap_or_default()).collect();
        Ok(())
    }

    /// Shuffles the lines, with their weights, by `seed`.
    pub(super) fn shuffle(&mut self, seed: u64) {
        let weights = self.reading.weights.iter().copied().map(Some).chain(std::iter::repeat(None));
        let mut lines: Vec<(&[Seen], Option<f32>)> = self.tokens().zip(weights).collect();
        SplitMix64::new(seed).shuffle(&mut lines);
        let (mut tokens, mut ends) = (Vec::with_capacity(self.reading.tokens.len()), Vec::with_capacity(lines.len()));
        for (line, _) in &lines {
            tokens.extend_from_slice(line);
            ends.push(tokens.len());
        }
        let weights = lines.iter().filter_map(|&(_, weight)| weight).collect();
        (self.reading.tokens, self.reading.ends, self.reading.weights) = (tokens, ends, weights);
    }

    /// Reads the rows and labels of a line; returns the number of its tokens.
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

/// Buffers for one step.
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

/// The scores of a hidden row.
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
    /// The right labels; one for softmax.
    right: &'a [u32],
    rate: f32,
}

/// Compiled for each instruction set. Everything that it calls must be `#[inline(always)]`, or it is compiled for the
/// baseline instruction set.
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
            sum += loss.of(is_right, probability);
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

/// Trains the tables and returns the mean loss. If `observe` breaks off, training ends with its result.
pub(super) fn train(
    config: &SupervisedConfig,
    dictionary: &Dictionary,
    lines: &Lines,
    tables: &mut Tables,
    observe: &mut dyn FnMut(Event<'_>) -> ControlFlow<Result<()>>,
) -> Result<f64> {
    let mut random = Minstd::new(u64::from(config.seed));
    let mut work = Workspace::default();
    let total_tokens = (config.epochs as u64).saturating_mul(dictionary.tokens);
    let count = lines.reading.ends.len();
    // As in fastText, the rate falls with the tokens counted so far, updated about every hundred tokens.
    let (mut tokens, mut uncounted, mut observed) = (0, 0, 0);
    let mut rate = config.learning_rate;
    let (mut loss, mut loss_of_epoch, mut passes) = (MeanLoss::default(), MeanLoss::default(), 0);
    for at in (0..count).cycle() {
        if tokens >= total_tokens {
            break;
        }
        rate = (f64::from(config.learning_rate) * (1.0 - tokens as f64 / total_tokens as f64)) as f32;
        uncounted += lines.read(at, dictionary, &mut work);
        if !work.rows.is_empty() && !work.labels.is_empty() {
            let labels = std::mem::take(&mut work.labels);
            let right = match config.loss {
                Loss::Softmax => &labels[random.below(labels.len() as u64) as usize..][..1],
                Loss::OneVsAll => &labels,
            };
            let weight = lines.reading.weights.get(at).copied().unwrap_or(1.0);
            let step = Step { tables, work: &mut work, loss: config.loss, right, rate: rate * weight };
            let step_loss = f64::from(Arch::new().dispatch(step)) * f64::from(weight);
            work.labels = labels;
            if !step_loss.is_finite() {
                return Err(Error::Diverged { tokens: tokens + uncounted, learning_rate: rate });
            }
            loss.add(step_loss);
            loss_of_epoch.add(step_loss);
        }
        let progress = |tokens, loss: &MeanLoss| SupervisedProgress {
            tokens,
            total_tokens,
            learning_rate: rate,
            loss: loss.mean(),
        };
        if uncounted > RATE_UPDATE {
            tokens += uncounted;
            uncounted = 0;
            if tokens - observed >= OBSERVED {
                observed = tokens;
                if let ControlFlow::Break(ended) = observe(Event::Progress(progress(tokens, &loss))) {
                    return ended.map(|()| loss.mean());
                }
            }
        }
        if at + 1 == count {
            passes += 1;
            // The last epoch ends with the last step.
            if passes < config.epochs {
                let epoch = progress(tokens + uncounted, &std::mem::take(&mut loss_of_epoch));
                if let ControlFlow::Break(ended) = observe(Event::Epoch(epoch, tables)) {
                    return ended.map(|()| loss.mean());
                }
            }
        }
        // A text with fewer tokens than one update of the rate is read again until there are enough, as in fastText.
    }
    let last = SupervisedProgress { tokens, total_tokens, learning_rate: rate, loss: loss_of_epoch.mean() };
    match observe(Event::Epoch(last, tables)) {
        ControlFlow::Break(ended) => ended.map(|()| loss.mean()),
        ControlFlow::Continue(()) => Ok(loss.mean()),
    }
}
