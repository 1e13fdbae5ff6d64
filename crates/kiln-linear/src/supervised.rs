//! fastText's supervised model: the mean of the rows of a line's words and n-grams, and a linear layer over it.

mod config;
mod dictionary;
mod file;
mod minstd;
mod tables;
#[cfg(test)]
mod tests;
mod train;
mod validation;

use std::ops::ControlFlow;

use kiln_base::{OptionError, is_sorted_by_class};
use kiln_text::io::Text;
use rayon::prelude::*;

pub use config::{Loss, SupervisedConfig};
pub use train::SupervisedProgress;
pub use validation::SupervisedEpoch;

use crate::error::{Error, Result};
use dictionary::{Dictionary, Line, Reading};
use tables::Tables;
use train::{Event, Lines};
use validation::Validation;

/// A text classifier that trains in seconds: the average of the vectors of words, runs of words and runs of characters,
/// and a linear layer over it.
///
/// Texts are lines in fastText's format: tokens that begin with `__label__` are labels, all others are words, split at
/// white space only. Lower case and separate punctuation are up to the caller, for example with
/// [`WordTokenizer`](kiln_text::encoders::WordTokenizer) or [`Words`](kiln_text::tokens::WordSplitter).
///
/// Like fastText with one thread, it makes one step per line, in the order of the text or the one drawn by
/// [`shuffle`](SupervisedConfig::shuffle): the same text, options and seed make the same model in every run. The text
/// is kept in memory, at four bytes per token.
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
/// [fastText 0.9.2](https://github.com/facebookresearch/fastText), without hierarchical softmax, negative sampling,
/// quantised models and pretrained vectors.
#[derive(Clone, Debug)]
pub struct Supervised {
    config: SupervisedConfig,
    dictionary: Dictionary,
    tables: Tables,
    loss: f64,
}

/// A label and its probability.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredLabel {
    /// The label, with its prefix.
    pub label: String,
    /// Its probability.
    pub probability: f32,
}

/// How well labels were predicted, counted as by fastText's `test`, with one difference: labels that the model does not
/// know count as missed; fastText ignores them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TestCounts {
    /// Lines with both labels and words; others are not counted.
    pub lines: usize,
    /// Labels predicted.
    pub predicted: usize,
    /// Labels of these lines, unknown ones included.
    pub gold: usize,
    /// Predicted labels that are right.
    pub right: usize,
}

impl TestCounts {
    /// The share of predicted labels that are right; with one prediction and one label per line, the accuracy. NaN if
    /// nothing was predicted.
    pub fn precision(&self) -> f64 {
        self.right as f64 / self.predicted as f64
    }

    /// The share of labels that were predicted. NaN if there are no labels.
    pub fn recall(&self) -> f64 {
        self.right as f64 / self.gold as f64
    }

    /// The counts of one line and its outputs.
    fn of(line: &Line, outputs: &[f32], k: usize) -> Self {
        let predicted = best(outputs, k);
        let right = predicted.iter().filter(|&&label| line.labels.contains(&(label as u32))).count();
        Self { lines: 1, predicted: predicted.len(), gold: line.labels.len() + line.unknown_labels, right }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            lines: self.lines + other.lines,
            predicted: self.predicted + other.predicted,
            gold: self.gold + other.gold,
            right: self.right + other.right,
        }
    }
}

impl Supervised {
    /// Trains a model on labelled lines, from memory or from a stream that can fail. Calls `observe` every 100,000
    /// tokens; if it breaks off, training stops.
    ///
    /// # Errors
    ///
    /// An option is invalid; no line has both a label and a word; the lines are sorted by label and `shuffle` is not
    /// set; the tables do not fit into memory; the loss left the range of floats; the number of `row_weights` differs
    /// from that of the lines with a label, or of the labels, or labels are weighted and a line has several;
    /// `patience` is set; a line could not be read; [`Error::Stopped`] if `observe` breaks off.
    pub fn fit(
        config: &SupervisedConfig,
        lines: impl IntoIterator<Item: Text>,
        observe: impl FnMut(SupervisedProgress) -> ControlFlow<()>,
    ) -> Result<Self> {
        if let Some(patience) = config.patience {
            let expected = "none without validation lines (see `fit_with_validation`)";
            return Err(OptionError::new("patience", expected, patience).into());
        }
        Self::fitted(config, lines, None::<[&str; 0]>, observe).map(|(model, _)| model)
    }

    /// [`fit`](Self::fit) with validation lines, on which the model is measured after every epoch. Returns the model
    /// and the measurements, one entry per epoch.
    ///
    /// Without [`patience`](SupervisedConfig::patience), the model is the same as that of `fit`. With it, training
    /// stops when the validation loss has not fallen for that many epochs, and the model is that of the epoch with the
    /// lowest validation loss (the first of equal ones), also if training ran to the end. That needs memory for a
    /// second pair of tables. The learning rate is the same as without: it would reach 0 at the end of all
    /// [`epochs`](SupervisedConfig::epochs).
    ///
    /// Validation lines without a word or without a label are not counted. Their rows are kept in memory, at four bytes
    /// per word and run. As in fastText, a training text of fewer than about a hundred tokens is read more often than
    /// `epochs`; the last epoch then has all remaining steps.
    ///
    /// # Errors
    ///
    /// As `fit`, except that `patience` may be set, but not to 0; [`Error::NothingToValidate`] if no validation line
    /// has both a word and a label of the training text; [`Error::Diverged`] if the validation loss left the range of
    /// floats; a validation line, read after the others, could not be read.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::ops::ControlFlow;
    ///
    /// use kiln_base::RowWeights;
    /// use kiln_linear::{Supervised, SupervisedConfig};
    ///
    /// let lines = [
    ///     "__label__good a wonderful film",
    ///     "__label__bad a dull film",
    ///     "__label__good a wonderful cast",
    ///     "__label__good a fine plot",
    /// ];
    /// let valid_lines = ["__label__bad a dull plot", "__label__good wonderful"];
    /// // A line of the rare label counts more.
    /// let config = SupervisedConfig::new().d(10).epochs(200).row_weights(RowWeights::Balanced).patience(5);
    /// let (model, epochs) = Supervised::fit_with_validation(&config, lines, valid_lines, |_| ControlFlow::Continue(()))?;
    /// for (at, epoch) in epochs.iter().enumerate().step_by(50) {
    ///     println!("epoch {}: loss {:.3}, validation {:.3}, {:.2}", at + 1, epoch.loss, epoch.val_loss, epoch.val_precision);
    /// }
    /// assert!(epochs.last().unwrap().val_loss < epochs[0].val_loss);
    /// assert_eq!(model.test(&valid_lines, 1).precision(), 1.0);
    /// # Ok::<(), kiln_linear::Error>(())
    /// ```
    pub fn fit_with_validation(
        config: &SupervisedConfig,
        lines: impl IntoIterator<Item: Text>,
        valid_lines: impl IntoIterator<Item: Text>,
        observe: impl FnMut(SupervisedProgress) -> ControlFlow<()>,
    ) -> Result<(Self, Vec<SupervisedEpoch>)> {
        Self::fitted(config, lines, Some(valid_lines), observe)
    }

    fn fitted(
        config: &SupervisedConfig,
        lines: impl IntoIterator<Item: Text>,
        valid_lines: Option<impl IntoIterator<Item: Text>>,
        mut observe: impl FnMut(SupervisedProgress) -> ControlFlow<()>,
    ) -> Result<(Self, Vec<SupervisedEpoch>)> {
        config.check()?;
        let mut reading = Reading::default();
        let count = each_line(lines, |line| reading.line(line))?;
        let (dictionary, kinds) = reading.finish(config);
        let mut lines = Lines { reading, kinds };
        if !lines.can_teach(config.word_ngrams) {
            return Err(Error::NothingToLearn { lines: count, prefix: config.label_prefix.clone() });
        }
        lines.weigh(&config.row_weights, &dictionary.labels)?;
        match config.shuffle {
            Some(seed) => lines.shuffle(seed),
            None if is_sorted_by_class(&lines.first_labels()) => {
                return Err(Error::SortedLines { lines: count, labels: dictionary.labels.len() });
            }
            None => {}
        }
        let mut validation = valid_lines.map(|lines| Validation::new(config, &dictionary, lines)).transpose()?;
        let rows = dictionary.rows();
        let mut tables = Tables::new(rows, dictionary.labels.len(), config.d, config.seed, Tables::ALL)?;
        let loss = train::train(config, &dictionary, &lines, &mut tables, &mut |event| match event {
            Event::Progress(progress) => observe(progress)
                .map_break(|()| Err(Error::Stopped { tokens: progress.tokens, total_tokens: progress.total_tokens })),
            Event::Epoch(progress, tables) => match &mut validation {
                Some(validation) => validation.judge(progress, tables),
                None => ControlFlow::Continue(()),
            },
        })?;
        let epochs = validation.map_or_else(Vec::new, |validation| validation.finish(&mut tables));
        Ok((Self { config: config.clone(), dictionary, tables, loss }, epochs))
    }

    /// The options that it was trained with.
    pub fn config(&self) -> &SupervisedConfig {
        &self.config
    }

    /// The mean training loss, each line's times its weight; NaN for a model from a file.
    pub fn loss(&self) -> f64 {
        self.loss
    }

    /// The labels, the most frequent first.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = &str> {
        self.dictionary.labels.tokens.iter()
    }

    /// The number of words with their own row.
    pub fn words(&self) -> usize {
        self.dictionary.words.len()
    }

    /// The number of trained numbers.
    pub fn parameters(&self) -> usize {
        self.tables.input.len() + self.tables.output.len()
    }

    /// The `k` most likely labels of a line, the most likely first; of equally likely ones, the more frequent first.
    /// Empty for a line without any row (no known word and no buckets).
    pub fn predict(&self, line: &str, k: usize) -> Vec<ScoredLabel> {
        let outputs = self.tables.outputs(&self.dictionary.line(line).rows, self.config.loss);
        let label = |at: usize| self.dictionary.labels.tokens.text(at as u32).map(str::to_owned);
        let scored = |at: usize| Some(ScoredLabel { label: label(at)?, probability: outputs[at] });
        best(&outputs, k).into_iter().filter_map(scored).collect()
    }

    /// [`predict`](Self::predict) for many lines on all threads.
    pub fn predict_batch(&self, lines: &[impl AsRef<str> + Sync], k: usize) -> Vec<Vec<ScoredLabel>> {
        lines.par_iter().with_min_len(16).map(|line| self.predict(line.as_ref(), k)).collect()
    }

    /// Predicts `k` labels for each labelled line and counts the right ones.
    pub fn test(&self, lines: &[impl AsRef<str> + Sync], k: usize) -> TestCounts {
        let of_line = |line: &str| {
            let line = self.dictionary.line(line);
            if !line.is_test() {
                return TestCounts::default();
            }
            TestCounts::of(&line, &self.tables.outputs(&line.rows, self.config.loss), k)
        };
        let counts = lines.par_iter().with_min_len(16).map(|line| of_line(line.as_ref()));
        counts.reduce(TestCounts::default, TestCounts::plus)
    }

    /// A word's vector: the mean of the rows of the word and its runs of characters. `None` if it has no row.
    pub fn word_vector(&self, word: &str) -> Option<Vec<f32>> {
        let rows = self.dictionary.word_rows(word);
        (!rows.is_empty()).then(|| self.tables.mean_of_rows(&rows))
    }
}

/// Calls `each` for every line, without a byte order mark at the start of the first; returns the number of lines.
fn each_line(lines: impl IntoIterator<Item: Text>, mut each: impl FnMut(&str)) -> Result<usize> {
    let mut count = 0;
    for line in lines {
        let line = line.text()?;
        let line: &str = line.as_ref();
        each(if count == 0 { line.strip_prefix('\u{feff}').unwrap_or(line) } else { line });
        count += 1;
    }
    Ok(count)
}

/// The indices of the `k` highest numbers, the highest first.
fn best(numbers: &[f32], k: usize) -> Vec<usize> {
    let higher_first = |&a: &usize, &b: &usize| numbers[b].total_cmp(&numbers[a]).then(a.cmp(&b));
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    if k == 0 {
        return Vec::new();
    }
    if k < order.len() {
        order.select_nth_unstable_by(k - 1, higher_first);
        order.truncate(k);
    }
    order.sort_unstable_by(higher_first);
    order
}
