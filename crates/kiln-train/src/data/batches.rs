//! What a run reads: rows that are cut into batches, their order, and what a model must be able to take.

use std::collections::HashSet;

use burn::tensor::Device;
use kiln_base::{OptionError, RowWeights, SplitMix64};
use kiln_models::{Carried, LossOptions, RandomKey, Targets};

use crate::error::{Error, Result};

/// Rows that can be cut into batches.
pub trait Batches: Send + Sync {
    /// What a step works on.
    type Batch: Send + 'static;

    /// How many rows there are.
    fn rows(&self) -> usize;

    /// The batch of the rows `rows`, on `device`.
    ///
    /// # Errors
    ///
    /// The rows cannot be read.
    fn batch(&self, rows: &[usize], device: &Device) -> Result<Self::Batch>;

    /// What a model must be able to take, as far as it is known. By default nothing is.
    fn limits(&self) -> DataLimits {
        DataLimits::default()
    }

    /// The class of a row, for weights of classes. By default `None`, and nobody can tell.
    fn class(&self, row: usize) -> Option<u32> {
        let _ = row;
        None
    }

    /// What row `row` holds, as two numbers, of its input and of its target: equal for equal contents, on every machine. By
    /// them a trainer tells that validation rows are also among the training rows. By default `None`, and nobody can tell.
    fn row_digest(&self, row: usize) -> Option<[u64; 2]> {
        let _ = row;
        None
    }

    /// What all rows hold, as two numbers, of their inputs and of their targets. By them a trainer tells that a run is
    /// resumed with other data. By default made of each [`row_digest`](Self::row_digest).
    fn digest(&self) -> Option<[u64; 2]> {
        (0..self.rows()).try_fold([0; 2], |[inputs, targets], row| {
            let [input, target] = self.row_digest(row)?;
            Some([mixed(inputs, input), mixed(targets, target)])
        })
    }

    /// How many rows a batch has, where the batches of a pass follow one another and each row goes on from the one in
    /// its place before. Rows then keep their order in training too, and the batch size must be this number. By default
    /// rows have nothing to do with each other.
    fn streams(&self) -> Option<usize> {
        None
    }

    /// The order in which a pass takes the rows, every one once; each `batch_size` of them are a batch, and the last one
    /// may have fewer. Training gives the `key` of its epoch; evaluation and prediction give none, and predictions are put
    /// back into the order of the rows. By default training shuffles the rows by the key, unless they are streams, and
    /// others take them as they are. Rows of streams must stay as they are.
    fn order(&self, batch_size: usize, key: Option<RandomKey>) -> Vec<usize> {
        let _ = batch_size;
        match key {
            Some(key) if self.streams().is_none() => key.permutation(self.rows()),
            _ => (0..self.rows()).collect(),
        }
    }

    /// The batch of the rows `rows` in a pass over all batches in their order; what a model hands on from one to the
    /// next goes through `carried`, of which each pass has its own. By default nothing is handed on.
    ///
    /// # Errors
    ///
    /// As [`Batches::batch`].
    fn next_batch(&self, rows: &[usize], device: &Device, carried: &Carried) -> Result<Self::Batch> {
        let _ = carried;
        self.batch(rows, device)
    }
}

/// Folds one number into a digest.
fn mixed(so_far: u64, next: u64) -> u64 {
    SplitMix64::nth(so_far ^ next, 1)
}

/// A number for these numbers in their order.
pub(crate) fn digest_of(numbers: impl IntoIterator<Item = u64>) -> u64 {
    numbers.into_iter().fold(0, mixed)
}

/// How many rows of `valid` have an input that a row of `train` has, too; `None` where the data do not say what they hold.
pub(crate) fn shared_rows(train: &impl Batches, valid: &impl Batches) -> Option<usize> {
    let inputs = |data: &dyn Fn(usize) -> Option<[u64; 2]>, rows| {
        (0..rows).map(|row| data(row).map(|[input, _]| input)).collect::<Option<Vec<u64>>>()
    };
    let known: HashSet<u64> = inputs(&|row| train.row_digest(row), train.rows())?.into_iter().collect();
    let asked = inputs(&|row| valid.row_digest(row), valid.rows())?;
    Some(asked.iter().filter(|input| known.contains(input)).count())
}

/// Fewer rows than these may be of one class by chance.
const LEAST_ROWS: usize = 10;

/// The class of all rows, if they are of one, and not by chance.
pub(crate) fn one_class(data: &impl Batches) -> Option<u32> {
    let DataLimits { lowest_class, highest_class, .. } = data.limits();
    lowest_class.filter(|_| data.rows() >= LEAST_ROWS && highest_class == lowest_class)
}

/// Whether batches of `batch_size` rows are those of the data.
///
/// # Errors
///
/// The data have streams of another number.
pub(crate) fn check_streams<B: Batches>(data: &B, batch_size: usize) -> Result<()> {
    match data.streams() {
        Some(streams) if streams != batch_size => Err(Error::Data {
            what: "the batch size",
            expected: format!("{streams}, the number of streams that the text is cut into"),
            found: batch_size.to_string(),
        }),
        _ => Ok(()),
    }
}

/// Whether the data name every row once in their order, which is given.
///
/// # Errors
///
/// A row is missing or comes twice, or rows of streams are not as they were.
pub(crate) fn checked_order<B: Batches + ?Sized>(
    data: &B,
    batch_size: usize,
    key: Option<RandomKey>,
) -> Result<Vec<usize>> {
    let (order, rows) = (data.order(batch_size, key), data.rows());
    let mut seen = vec![false; rows];
    let mut is_new = |&row: &usize| seen.get_mut(row).is_some_and(|seen| !std::mem::replace(seen, true));
    let (listed, new) = (order.len(), order.iter().filter(|&row| is_new(row)).count());
    let is_moved = data.streams().is_some() && !order.is_sorted();
    if listed != rows || new != rows || is_moved {
        return Err(Error::Data {
            what: "the order of the rows",
            expected: format!(
                "each of {rows} rows once{}",
                if is_moved { ", as they are in their streams" } else { "" }
            ),
            found: format!("{listed} rows, {new} of them different"),
        });
    }
    Ok(order)
}

/// The extremes of a data set, which a model is checked against before the first step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataLimits {
    /// Steps of every row.
    pub steps: Option<usize>,
    /// The fewest steps that the rows of a batch may have, where batches differ.
    pub least_steps: Option<usize>,
    /// The steps of the longest row that are not padding, where rows are padded.
    pub longest_row: Option<usize>,
    /// Numbers a step.
    pub d_input: Option<usize>,
    /// The highest token id.
    pub highest_id: Option<u32>,
    /// The lowest class among the targets, where rows are documents; where classes are words of a text, `None`.
    pub lowest_class: Option<u32>,
    /// The highest class among the targets.
    pub highest_class: Option<u32>,
    /// How many numbers are to be predicted a row.
    pub values: Option<usize>,
}

/// A batch of a [`Model`](kiln_models::Model): inputs and targets.
#[derive(Clone, Debug)]
pub struct Labelled<I> {
    /// What the model reads.
    pub input: I,
    /// What it ought to say.
    pub targets: Targets,
    /// What the loss does besides, in training. The trainer sets it.
    pub loss: LossOptions,
}

impl<I> Labelled<I> {
    /// A batch whose rows count alike.
    pub fn new(input: I, targets: Targets) -> Self {
        Self { input, targets, loss: LossOptions::default() }
    }
}

/// How much each row counts; `None` if all count alike.
///
/// # Errors
///
/// A weight is not one, there are not as many as rows or classes, or the data do not tell the classes of their rows.
pub(crate) fn row_weights(data: &impl Batches, weights: &RowWeights) -> Result<Option<Vec<f32>>> {
    let classes = match weights {
        RowWeights::Equal => return Ok(None),
        RowWeights::Rows(_) => vec![0; data.rows()],
        RowWeights::Balanced | RowWeights::Classes(_) => {
            let classes = (0..data.rows()).map(|row| data.class(row)).collect::<Option<_>>();
            classes.ok_or_else(|| {
                let expected = "weights of rows, since the data do not tell the classes of theirs (`Batches::class`)";
                OptionError::new("row_weights", expected, "weights of classes")
            })?
        }
    };
    let weights = weights.of_rows(&classes)?;
    Ok(weights.map(|weights| weights.into_iter().map(|weight| weight as f32).collect()))
}
