//! The data of a run: rows that are cut into batches, their order, and limits that a model is checked against.

use std::collections::HashSet;
use std::sync::Arc;

use burn::tensor::Device;
use kiln_base::{OptionError, RowWeights, SplitMix64};
use kiln_models::{Carried, LossOptions, RandomKey, Targets};

use crate::error::{Error, Result};

/// Rows that can be cut into batches.
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor, TensorData};
/// use kiln_train::{Batches, Result};
///
/// /// Points, and how high each is.
/// struct Points(Vec<[f32; 2]>);
///
/// impl Batches for Points {
///     type Batch = (Tensor<2>, Tensor<2>);
///
///     fn rows(&self) -> usize {
///         self.0.len()
///     }
///
///     fn batch(&self, rows: &[usize], device: &Device) -> Result<Self::Batch> {
///         let column = |at: usize| {
///             let values: Vec<f32> = rows.iter().map(|&row| self.0[row][at]).collect();
///             Tensor::from_data(TensorData::new(values, [rows.len(), 1]), device)
///         };
///         Ok((column(0), column(1)))
///     }
/// }
///
/// assert_eq!(Points(vec![[0.0, 1.0], [1.0, 3.0]]).rows(), 2);
/// ```
pub trait Batches: Send + Sync {
    /// What a step works on.
    type Batch: Send + 'static;

    /// How many rows there are.
    fn rows(&self) -> usize;

    /// The batch with the rows `rows`, on `device`. In a group and with [`Trainer::micro_batches`], `rows` are a part of
    /// a batch.
    ///
    /// [`Trainer::micro_batches`]: crate::Trainer::micro_batches
    ///
    /// # Errors
    ///
    /// The rows cannot be read.
    fn batch(&self, rows: &[usize], device: &Device) -> Result<Self::Batch>;

    /// The extremes of the data, as far as they are known. A model is checked against them. By default none are known.
    fn limits(&self) -> DataLimits {
        DataLimits::default()
    }

    /// The class of a row, for class weights. By default `None`, which means unknown.
    fn class(&self, row: usize) -> Option<u32> {
        let _ = row;
        None
    }

    /// Two digests of row `row`: of its input and of its target. They are equal for equal contents, on every machine.
    /// The trainer uses them to find validation rows that are also training rows. By default `None`, which means
    /// unknown.
    fn row_digest(&self, row: usize) -> Option<[u64; 2]> {
        let _ = row;
        None
    }

    /// Two digests of all rows: of their inputs and of their targets. The trainer uses them to detect that a run is
    /// resumed with other data. By default they are computed from each [`row_digest`](Self::row_digest).
    fn digest(&self) -> Option<[u64; 2]> {
        (0..self.rows()).try_fold([0; 2], |[inputs, targets], row| {
            let [input, target] = self.row_digest(row)?;
            Some([mixed(inputs, input), mixed(targets, target)])
        })
    }

    /// The number of rows in a batch, if the rows are streams: each row of a batch continues the row at the same place
    /// in the batch before. Streams keep their order in training too, and the batch size must be this number. By
    /// default `None`: rows are independent.
    fn streams(&self) -> Option<usize> {
        None
    }

    /// The order of the rows in a pass, each exactly once. Every `batch_size` rows form a batch; the last one may have
    /// fewer. Training passes the `key` of its epoch. Evaluation and prediction pass `None`, and predictions are put
    /// back into the order of the rows. By default training shuffles the rows by the key, unless they are streams;
    /// evaluation and prediction keep their order. Streams must always keep their order.
    fn order(&self, batch_size: usize, key: Option<RandomKey>) -> Vec<usize> {
        let _ = batch_size;
        match key {
            Some(key) if self.streams().is_none() => key.permutation(self.rows()),
            _ => (0..self.rows()).collect(),
        }
    }

    /// The batch with the rows `rows`, in a pass over all batches in order. State that a model passes from one batch to
    /// the next goes through `carried`, which is separate for each pass and, in a group and with
    /// [`Trainer::micro_batches`](crate::Trainer::micro_batches), for each micro-batch. By default no state is passed on.
    ///
    /// # Errors
    ///
    /// Those of [`Batches::batch`].
    fn next_batch(&self, rows: &[usize], device: &Device, carried: &Carried) -> Result<Self::Batch> {
        let _ = carried;
        self.batch(rows, device)
    }

    /// The data of a training epoch, if they change from epoch to epoch: as many rows and streams as these data have,
    /// within the same limits. Each epoch has its `key`, and the same key must give the same data. Evaluation and
    /// prediction read these data themselves. By default `None`: training reads these data too.
    fn of_epoch(&self, key: RandomKey) -> Option<Arc<dyn Batches<Batch = Self::Batch>>> {
        let _ = key;
        None
    }

    /// The factor by which the learning rate is multiplied in the training step with the batch of the rows `rows`: a
    /// number of at least 0. Batches that share a step ([`Trainer::gradient_accumulation_steps`]) share the mean of
    /// their factors. Logs and callbacks see the rate without it. By default 1.
    ///
    /// [`Trainer::gradient_accumulation_steps`]: crate::Trainer::gradient_accumulation_steps
    fn rate_factor(&self, rows: &[usize]) -> f64 {
        let _ = rows;
        1.0
    }
}

/// Folds one number into a digest.
fn mixed(so_far: u64, next: u64) -> u64 {
    SplitMix64::nth(so_far ^ next, 1)
}

/// A digest of `numbers` in their order.
pub(crate) fn digest_of(numbers: impl IntoIterator<Item = u64>) -> u64 {
    numbers.into_iter().fold(0, mixed)
}

/// How many rows of `valid` have the same input as a row of `train`; `None` if the data have no row digests.
pub(crate) fn shared_rows(train: &impl Batches, valid: &impl Batches) -> Option<usize> {
    let inputs = |data: &dyn Fn(usize) -> Option<[u64; 2]>, rows| {
        (0..rows).map(|row| data(row).map(|[input, _]| input)).collect::<Option<Vec<u64>>>()
    };
    let known: HashSet<u64> = inputs(&|row| train.row_digest(row), train.rows())?.into_iter().collect();
    let asked = inputs(&|row| valid.row_digest(row), valid.rows())?;
    Some(asked.iter().filter(|input| known.contains(input)).count())
}

/// With fewer rows, all of them may be of one class by chance.
const LEAST_ROWS: usize = 10;

/// The class of all rows, if they share one and there are at least `LEAST_ROWS` of them.
pub(crate) fn one_class(data: &impl Batches) -> Option<u32> {
    let DataLimits { lowest_class, highest_class, .. } = data.limits();
    lowest_class.filter(|_| data.rows() >= LEAST_ROWS && highest_class == lowest_class)
}

/// Checks the batch size against the number of streams.
///
/// # Errors
///
/// The data have streams, and `batch_size` is not their number.
pub(crate) fn check_streams<B: Batches>(data: &B, batch_size: usize) -> Result<()> {
    match data.streams() {
        Some(streams) if streams != batch_size => Err(Error::Data {
            what: "batch_size",
            expected: format!("{streams}, the number of streams of the data"),
            found: batch_size.to_string(),
        }),
        _ => Ok(()),
    }
}

/// The order of the rows, checked to contain each row once.
///
/// # Errors
///
/// A row is missing or occurs twice, or streams are not in their order.
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
                if is_moved { ", in the order of their streams" } else { "" }
            ),
            found: format!("{listed} rows, {new} of them different"),
        });
    }
    Ok(order)
}

/// The extremes of a data set, which a model is checked against before the first step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataLimits {
    /// The number of steps of every row.
    pub steps: Option<usize>,
    /// The number of steps of the shortest batch, if batches differ in length.
    pub least_steps: Option<usize>,
    /// The number of steps of the longest row without its padding, if rows are padded.
    pub longest_row: Option<usize>,
    /// Numbers per step.
    pub d_input: Option<usize>,
    /// The highest token id.
    pub highest_id: Option<u32>,
    /// The lowest class among the targets if rows are documents; `None` if the classes are words of a text.
    pub lowest_class: Option<u32>,
    /// The highest class among the targets.
    pub highest_class: Option<u32>,
    /// The number of labels, if a row may have any number of them. Without it, an evaluation does not report on labels.
    pub labels: Option<usize>,
    /// How many numbers are predicted per row.
    pub values: Option<usize>,
}

/// A batch of a [`Model`](kiln_models::Model): inputs and targets.
#[derive(Clone, Debug)]
pub struct Labelled<I> {
    /// What the model reads.
    pub input: I,
    /// What it should predict.
    pub targets: Targets,
    /// Extra options of the training loss, set by the trainer.
    pub loss: LossOptions,
}

impl<I> Labelled<I> {
    /// A batch whose rows all have the same weight.
    pub fn new(input: I, targets: Targets) -> Self {
        Self { input, targets, loss: LossOptions::default() }
    }
}

/// The weight of each row; `None` if all weights are equal.
///
/// # Errors
///
/// A weight is invalid, the number of weights is not that of the rows or classes, or the data do not know the classes
/// of their rows.
pub(crate) fn row_weights(data: &impl Batches, weights: &RowWeights) -> Result<Option<Vec<f32>>> {
    let classes = match weights {
        RowWeights::Equal => return Ok(None),
        RowWeights::Rows(_) => vec![0; data.rows()],
        RowWeights::Balanced | RowWeights::Classes(_) => {
            let classes = (0..data.rows()).map(|row| data.class(row)).collect::<Option<_>>();
            classes.ok_or_else(|| {
                let expected = "row weights, since the data do not report the classes of their rows (`Batches::class`)";
                OptionError::new("row_weights", expected, "class weights")
            })?
        }
    };
    let weights = weights.of_rows(&classes)?;
    Ok(weights.map(|weights| weights.into_iter().map(|weight| weight as f32).collect()))
}
