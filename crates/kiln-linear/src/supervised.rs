//! fastText's supervised model: the mean of the rows of a line's words and n-grams, and a linear layer over it.

mod config;
mod dictionary;
mod file;
mod minstd;
mod tables;
#[cfg(test)]
mod tests;
mod train;

use std::ops::ControlFlow;

use kiln_base::is_sorted_by_class;
use kiln_text::io::Text;
use rayon::prelude::*;

pub use config::{Loss, SupervisedConfig};
pub use train::SupervisedProgress;

use crate::error::{Error, Result};
use dictionary::{Dictionary, Reading};
use tables::Tables;
use train::{Lines, probabilities, scores};

/// A text classifier that trains in seconds: the average of vectors of words, runs of words and runs of characters, and
/// a linear layer over it.
///
/// Texts are lines in fastText's format: labels are tokens that begin with `__label__`, all else are words, split at
/// white space only. So lower case and punctuation as separate tokens are up to the caller:
/// [`WordTokenizer`](kiln_text::encoders::WordTokenizer)'s and [`Words`](kiln_text::tokens::WordSplitter)' are of use.
///
/// Steps are made one after the other in the text's order, or the one that
/// [`shuffle`](SupervisedConfig::shuffle) gives, as fastText makes them with one thread: the same text,
/// options and seed give the same model on every run. The text is kept in memory, four bytes a token.
///
/// # Examples
///
/// ```
/// use std::ops::ControlFlow;
///
/// use kiln_linear::{Supervised, SupervisedConfig};
///
/// let lines = [
///     "__label__good a wonderful film",
///     "__label__bad a dull film",
///     "__label__good not dull at all",
///     "__label__bad not wonderful at all",
/// ];
/// let config = SupervisedConfig::new().word_ngrams(2).buckets(1_000).d(10).epochs(300);
/// let model = Supervised::fit(&config, lines, |progress| {
///     eprintln!("{} tokens, loss {}", progress.tokens, progress.loss);
///     ControlFlow::Continue(())
/// })?;
/// let best = &model.predict("not dull", 1)[0];
/// assert_eq!(best.label, "__label__good");
/// assert_eq!(model.test(&lines, 1).precision(), 1.0);
/// # Ok::<(), kiln_linear::Error>(())
/// ```
///
/// # References
///
/// A. Joulin, E. Grave, P. Bojanowski, T. Mikolov, *Bag of Tricks for Efficient Text Classification* (2017);
/// [fastText 0.9.2](https://github.com/facebookresearch/fastText). Hierarchical softmax, negative sampling, quantised
/// models and vectors to begin with are left out.
#[derive(Clone, Debug)]
pub struct Supervised {
    config: SupervisedConfig,
    dictionary: Dictionary,
    tables: Tables,
    loss: f64,
}

/// A label and how likely it is.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredLabel {
    /// The label, with its prefix.
    pub label: String,
    /// Its probability.
    pub probability: f32,
}

/// How well labels were predicted, as fastText's `test` counts it, but for labels that the model does not know: they
/// count among those that were to be found, where fastText leaves them out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TestCounts {
    /// Lines with labels and words; others are not counted.
    pub lines: usize,
    /// Labels predicted.
    pub predicted: usize,
    /// Labels of these lines, those that the model does not know included.
    pub gold: usize,
    /// Labels predicted that are right.
    pub right: usize,
}

impl TestCounts {
    /// The share of predicted labels that are right: with one prediction a line and one label, the accuracy. Not a number
    /// where nothing was predicted.
    pub fn precision(&self) -> f64 {
        self.right as f64 / self.predicted as f64
    }

    /// The share of labels that were predicted. Not a number where there are none.
    pub fn recall(&self) -> f64 {
        self.right as f64 / self.gold as f64
    }
}

impl Supervised {
    /// Trains a model on labelled lines, from memory or from a stream that can fail, and calls `observe` every 100,000
    /// tokens; where it breaks off, training stops.
    ///
    /// # Errors
    ///
    /// An option makes no model, no line has both a label and a word, the lines are sorted by label and `shuffle` is not set, the tables do not fit into memory, or the loss left
    /// what floats can hold; the first error among the lines; [`Error::Stopped`] if `observe` breaks off.
    pub fn fit(
        config: &SupervisedConfig,
        lines: impl IntoIterator<Item: Text>,
        mut observe: impl FnMut(SupervisedProgress) -> ControlFlow<()>,
    ) -> Result<Self> {
        config.check()?;
        let mut reading = Reading::default();
        let mut count = 0;
        for line in lines {
            let line = line.text()?;
            // The mark of a file whose lines these are.
            let line: &str = line.as_ref();
            reading.line(if count == 0 { line.strip_prefix('\u{feff}').unwrap_or(line) } else { line });
            count += 1;
        }
        let (dictionary, kinds) = reading.finish(config);
        let mut lines = Lines { reading, kinds };
        if !lines.can_teach(config.word_ngrams) {
            return Err(Error::NothingToLearn { lines: count, prefix: config.label_prefix.clone() });
        }
        match config.shuffle {
            Some(seed) => lines.shuffle(seed),
            None if is_sorted_by_class(&lines.first_labels()) => {
                return Err(Error::SortedLines { lines: count, labels: dictionary.labels.len() });
            }
            None => {}
        }
        let rows = dictionary.rows();
        let mut tables = Tables::new(rows, dictionary.labels.len(), config.d, config.seed, Tables::ALL)?;
        let loss = train::train(config, &dictionary, &lines, &mut tables, &mut observe)?;
        Ok(Self { config: config.clone(), dictionary, tables, loss })
    }

    /// The options it was trained with.
    pub fn config(&self) -> &SupervisedConfig {
        &self.config
    }

    /// The mean loss over the training; not a number for a model from a file.
    pub fn loss(&self) -> f64 {
        self.loss
    }

    /// The labels, the most frequent first.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = &str> {
        self.dictionary.labels.tokens.iter()
    }

    /// How many words have their own row.
    pub fn words(&self) -> usize {
        self.dictionary.words.len()
    }

    /// How many numbers were trained.
    pub fn parameters(&self) -> usize {
        self.tables.input.len() + self.tables.output.len()
    }

    /// The `k` most likely labels of a line, the likeliest first; of equally likely ones the more frequent. A line
    /// without any row (no known word, no buckets) has none.
    pub fn predict(&self, line: &str, k: usize) -> Vec<ScoredLabel> {
        let outputs = self.outputs(&self.dictionary.line(line).rows);
        let label = |at: usize| self.dictionary.labels.tokens.text(at as u32).map(str::to_owned);
        let scored = |at: usize| Some(ScoredLabel { label: label(at)?, probability: outputs[at] });
        best(&outputs, k).into_iter().filter_map(scored).collect()
    }

    /// [`predict`](Self::predict) for many lines on all threads.
    pub fn predict_batch(&self, lines: &[impl AsRef<str> + Sync], k: usize) -> Vec<Vec<ScoredLabel>> {
        lines.par_iter().with_min_len(16).map(|line| self.predict(line.as_ref(), k)).collect()
    }

    /// Predicts `k` labels of each labelled line, and counts.
    pub fn test(&self, lines: &[impl AsRef<str> + Sync], k: usize) -> TestCounts {
        let of_line = |line: &str| {
            let line = self.dictionary.line(line);
            let gold = line.labels.len() + line.unknown_labels;
            if gold == 0 || line.rows.is_empty() {
                return TestCounts::default();
            }
            let predicted = best(&self.outputs(&line.rows), k);
            let right = predicted.iter().filter(|&&label| line.labels.contains(&(label as u32))).count();
            TestCounts { lines: 1, predicted: predicted.len(), gold, right }
        };
        let add = |a: TestCounts, b: TestCounts| TestCounts {
            lines: a.lines + b.lines,
            predicted: a.predicted + b.predicted,
            gold: a.gold + b.gold,
            right: a.right + b.right,
        };
        lines.par_iter().with_min_len(16).map(|line| of_line(line.as_ref())).reduce(TestCounts::default, add)
    }

    /// A word's vector, with its runs of characters: the mean of their rows. None of a word that has none.
    pub fn word_vector(&self, word: &str) -> Option<Vec<f32>> {
        let rows = self.dictionary.word_rows(word);
        (!rows.is_empty()).then(|| self.tables.mean_of_rows(&rows))
    }

    fn outputs(&self, rows: &[u32]) -> Vec<f32> {
        if rows.is_empty() {
            return Vec::new();
        }
        let mut outputs = Vec::with_capacity(self.dictionary.labels.len());
        scores(&self.tables.output, &self.tables.mean_of_rows(rows), &mut outputs);
        probabilities(self.config.loss, &mut outputs);
        outputs
    }
}

/// The places of the `k` highest numbers, the highest first.
fn best(numbers: &[f32], k: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by(|&a, &b| numbers[b].total_cmp(&numbers[a]));
    order.truncate(k);
    order
}
