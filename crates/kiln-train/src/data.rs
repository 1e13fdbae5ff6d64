//! Data sets in memory, cut into batches in an order keyed by (seed, epoch).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use burn::data::dataloader::batcher::Batcher;
use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::{Dataset, DatasetError};
use burn::tensor::{Device, Int, Tensor, TensorData};
use kiln_models::{Carried, Pass, RandomKey, Series, Span, Spans, Targets, Tokens};
use kiln_text::rows::Padded;

use crate::error::{Error, Result};
use crate::text_dataset::EncodedText;
use crate::trainable::{Labelled, StepInput};

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
            got: batch_size.to_string(),
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
            got: format!("{listed} rows, {new} of them different"),
        });
    }
    Ok(order)
}

/// The extremes of a data set, which a model is checked against before the first step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataLimits {
    /// Steps of every row.
    pub steps: Option<usize>,
    /// Numbers a step.
    pub d_input: Option<usize>,
    /// The highest token id.
    pub highest_id: Option<u32>,
    /// The highest class among the targets.
    pub highest_class: Option<u32>,
    /// How many numbers are to be predicted a row.
    pub values: Option<usize>,
}

/// What the rows of a data set ought to come out as.
#[derive(Clone, Debug, PartialEq)]
enum RowTargets {
    Classes(Vec<u32>),
    Values { values: Vec<f32>, width: usize },
}

impl RowTargets {
    fn rows(&self) -> usize {
        match self {
            Self::Classes(classes) => classes.len(),
            Self::Values { values, width } => values.len() / width,
        }
    }

    fn limits(&self) -> DataLimits {
        match self {
            Self::Classes(classes) => {
                DataLimits { highest_class: classes.iter().max().copied(), ..DataLimits::default() }
            }
            Self::Values { width, .. } => DataLimits { values: Some(*width), ..DataLimits::default() },
        }
    }

    fn of(&self, rows: &[usize], device: &Device) -> Targets {
        match self {
            Self::Classes(classes) => {
                let chosen: Vec<i32> = rows.iter().map(|&row| classes[row] as i32).collect();
                Targets::Classes(Tensor::from_data(TensorData::new(chosen, [rows.len()]), device))
            }
            Self::Values { values, width } => {
                let chosen = rows_of(values, *width, rows);
                Targets::Values(Tensor::from_data(TensorData::new(chosen, [rows.len(), *width]), device))
            }
        }
    }
}

/// The chosen rows of `width` values one after another.
fn rows_of<T: Copy>(values: &[T], width: usize, rows: &[usize]) -> Vec<T> {
    let mut chosen = Vec::with_capacity(rows.len() * width);
    rows.iter().for_each(|&row| chosen.extend_from_slice(&values[row * width..(row + 1) * width]));
    chosen
}

/// The spans of the chosen rows; `None` if all of them are valid from end to end.
fn spans_of(spans: &[Span], rows: &[usize], steps: usize) -> Option<Spans> {
    let chosen: Vec<Span> = rows.iter().map(|&row| spans[row]).collect();
    let whole = Span { start: 0, len: steps };
    chosen.iter().any(|&span| span != whole).then(|| Spans::new(chosen))
}

/// Padded rows of token ids with a class each.
///
/// Cloning is cheap: the rows are shared.
#[derive(Clone, Debug)]
pub struct TokenDataset(Arc<TokenRows>);

#[derive(Debug)]
struct TokenRows {
    ids: Vec<i32>,
    steps: usize,
    spans: Vec<Span>,
    targets: RowTargets,
}

impl TokenDataset {
    /// A data set of `padded` rows and their classes.
    ///
    /// # Errors
    ///
    /// Rows and classes differ in number, or an id is not below `vocab` (on a GPU such an id
    /// would read another word's row in silence).
    pub fn new(padded: Padded<u32>, classes: Vec<u32>, vocab: usize) -> Result<Self> {
        if padded.rows != classes.len() {
            return Err(Error::Data {
                what: "the number of classes",
                expected: format!("{}, one a row", padded.rows),
                got: classes.len().to_string(),
            });
        }
        if let Some(place) = padded.values.iter().position(|&id| id as usize >= vocab) {
            return Err(Error::IdOutOfRange {
                row: place / padded.len,
                step: place % padded.len,
                id: padded.values[place],
                vocab,
            });
        }
        let span = |s: &kiln_text::rows::Span| Span { start: s.start, len: s.len };
        Ok(Self(Arc::new(TokenRows {
            ids: padded.values.iter().map(|&id| id as i32).collect(),
            steps: padded.len,
            spans: padded.spans.iter().map(span).collect(),
            targets: RowTargets::Classes(classes),
        })))
    }

    /// Steps of every row.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.0.steps
    }

    /// The classes of the rows.
    #[must_use]
    pub fn classes(&self) -> &[u32] {
        match &self.0.targets {
            RowTargets::Classes(classes) => classes,
            RowTargets::Values { .. } => &[],
        }
    }
}

impl Batches for TokenDataset {
    type Batch = Labelled<Tokens>;

    fn rows(&self) -> usize {
        self.0.targets.rows()
    }

    fn batch(&self, rows: &[usize], device: &Device) -> Result<Self::Batch> {
        let TokenRows { ids, steps, spans, targets } = &*self.0;
        let chosen = TensorData::new(rows_of(ids, *steps, rows), [rows.len(), *steps]);
        let ids = Tensor::<2, Int>::from_data(chosen, device);
        Ok(Labelled { input: Tokens { ids, spans: spans_of(spans, rows, *steps) }, targets: targets.of(rows, device) })
    }

    fn limits(&self) -> DataLimits {
        let highest_id = self.0.ids.iter().max().map(|&id| id as u32);
        DataLimits { steps: Some(self.0.steps), highest_id, ..self.0.targets.limits() }
    }
}

/// As Burn's `Dataset`, an item a row without its padding.
impl Dataset<EncodedText> for TokenDataset {
    fn get(&self, index: usize) -> std::result::Result<EncodedText, DatasetError> {
        let Span { start, len } = self.0.spans[index];
        let start = index * self.0.steps + start;
        let ids = self.0.ids[start..start + len].iter().map(|&id| id as u32).collect();
        Ok(EncodedText { ids, label: self.classes()[index] })
    }

    fn len(&self) -> usize {
        self.rows()
    }
}

/// Numeric sequences of one length with numbers to predict.
///
/// Cloning is cheap: the rows are shared.
#[derive(Clone, Debug)]
pub struct SeriesDataset(Arc<SeriesRows>);

#[derive(Debug)]
struct SeriesRows {
    values: Vec<f32>,
    steps: usize,
    d_input: usize,
    targets: RowTargets,
}

impl SeriesDataset {
    /// A data set of `values`, `[rows, steps, d_input]` row by row, and `targets`,
    /// `[rows, outputs]`.
    ///
    /// # Errors
    ///
    /// A size is 0 or the numbers do not fill whole rows.
    pub fn new(values: Vec<f32>, [steps, d_input]: [usize; 2], targets: Vec<f32>, outputs: usize) -> Result<Self> {
        let width = steps * d_input;
        if width == 0 || outputs == 0 {
            return Err(Error::option("steps, inputs and outputs a row", "at least 1", 0));
        }
        if !values.len().is_multiple_of(width) || values.len() / width * outputs != targets.len() {
            return Err(Error::Data {
                what: "the numbers of a series data set",
                expected: format!("rows of {steps} x {d_input} values with {outputs} targets each"),
                got: format!("{} values and {} targets", values.len(), targets.len()),
            });
        }
        let targets = RowTargets::Values { values: targets, width: outputs };
        Ok(Self(Arc::new(SeriesRows { values, steps, d_input, targets })))
    }

    /// The first `rows` rows and the rest.
    ///
    /// # Errors
    ///
    /// There are fewer rows.
    pub fn split_at(&self, rows: usize) -> Result<(Self, Self)> {
        if rows > self.rows() {
            return Err(Error::Data {
                what: "the rows to split off",
                expected: format!("at most {}", self.rows()),
                got: rows.to_string(),
            });
        }
        let SeriesRows { values, steps, d_input, targets } = &*self.0;
        let (first, rest) = values.split_at(rows * steps * d_input);
        let RowTargets::Values { values: targets, width } = targets else {
            unreachable!("a series data set has numbers as targets");
        };
        let (first_targets, rest_targets) = targets.split_at(rows * width);
        let part =
            |values: &[f32], targets: &[f32]| Self::new(values.to_vec(), [*steps, *d_input], targets.to_vec(), *width);
        Ok((part(first, first_targets)?, part(rest, rest_targets)?))
    }
}

impl Batches for SeriesDataset {
    type Batch = Labelled<Series>;

    fn rows(&self) -> usize {
        self.0.targets.rows()
    }

    fn batch(&self, rows: &[usize], device: &Device) -> Result<Self::Batch> {
        let SeriesRows { values, steps, d_input, targets } = &*self.0;
        let chosen = rows_of(values, steps * d_input, rows);
        let data = TensorData::new(chosen, [rows.len(), *steps, *d_input]);
        Ok(Labelled {
            input: Series { values: Tensor::from_data(data, device), spans: None },
            targets: targets.of(rows, device),
        })
    }

    fn limits(&self) -> DataLimits {
        DataLimits { steps: Some(self.0.steps), d_input: Some(self.0.d_input), ..self.0.targets.limits() }
    }
}

/// A Burn `Dataset` with the `Batcher` that makes batches of its items.
pub struct BurnDataset<I, B> {
    dataset: Arc<dyn Dataset<I>>,
    batcher: Arc<dyn Batcher<I, B>>,
}

/// By hand, since items and batches need not be cloned.
impl<I, B> Clone for BurnDataset<I, B> {
    fn clone(&self) -> Self {
        Self { dataset: self.dataset.clone(), batcher: self.batcher.clone() }
    }
}

impl<I, B> BurnDataset<I, B> {
    /// Joins the two.
    #[must_use]
    pub fn new(dataset: Arc<dyn Dataset<I>>, batcher: Arc<dyn Batcher<I, B>>) -> Self {
        Self { dataset, batcher }
    }
}

impl<I: Send + Sync, B: Send + 'static> Batches for BurnDataset<I, B> {
    type Batch = B;

    fn rows(&self) -> usize {
        self.dataset.len()
    }

    fn batch(&self, rows: &[usize], device: &Device) -> Result<B> {
        let items = self.dataset.get_many(rows.to_vec()).map_err(Error::Dataset)?;
        Ok(self.batcher.batch(items, device))
    }
}

/// How a loader orders its rows.
#[derive(Clone)]
pub(crate) enum Order {
    /// As the data have it without a key.
    Evaluation,
    /// As the data have it with the key of (seed, epoch).
    Training { seed: u64, epoch: Arc<AtomicU64> },
}

/// A loader for Burn's training machinery over [`Batches`].
pub(crate) struct Loader<B> {
    pub(crate) data: Arc<dyn Batches<Batch = B>>,
    pub(crate) batch_size: usize,
    pub(crate) device: Device,
    pub(crate) order: Order,
    /// The places in the order that are served.
    pub(crate) range: std::ops::Range<usize>,
}

impl<B: Send + 'static> Loader<B> {
    /// Training or evaluation over all rows.
    pub(crate) fn new(data: Arc<dyn Batches<Batch = B>>, batch_size: usize, device: Device, order: Order) -> Self {
        let range = 0..data.rows();
        Self { data, batch_size, device, order, range }
    }

    /// Steps in one pass over the rows.
    pub(crate) fn steps(&self) -> usize {
        self.range.len().div_ceil(self.batch_size)
    }

    fn copy(&self) -> Self {
        Self {
            data: self.data.clone(),
            batch_size: self.batch_size,
            device: self.device.clone(),
            order: self.order.clone(),
            range: self.range.clone(),
        }
    }
}

impl<B: Send + 'static> DataLoader<StepInput<B>> for Loader<B> {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<StepInput<B>> + 'a> {
        let (key, training) = match &self.order {
            Order::Evaluation => (None, None),
            Order::Training { seed, epoch } => {
                let epoch = epoch.load(Ordering::Relaxed);
                let key = RandomKey::new(*seed).child("shuffle").index(epoch);
                (Some(key), Some((*seed, epoch * self.steps() as u64)))
            }
        };
        let order = checked_order(&*self.data, self.batch_size, key).and_then(|order| {
            let rows = order.get(self.range.clone()).map(<[usize]>::to_vec);
            rows.ok_or_else(|| Error::Data {
                what: "the rows of a data set",
                expected: format!("{} as at the begin", self.range.end),
                got: order.len().to_string(),
            })
        });
        let (rows, error) = match order {
            Ok(rows) => (rows, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        Box::new(LoaderIterator { loader: self, rows, error, training, served: 0, carried: Carried::default() })
    }

    fn num_items(&self) -> usize {
        self.range.len()
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<StepInput<B>>> {
        Arc::new(Self { device: device.clone(), ..self.copy() })
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<StepInput<B>>> {
        let range = self.range.start + start..self.range.start + end;
        Arc::new(Self { range, ..self.copy() })
    }
}

struct LoaderIterator<'a, B> {
    loader: &'a Loader<B>,
    rows: Vec<usize>,
    /// Why there are no rows, until it has been told.
    error: Option<Error>,
    /// Seed and number of the first step, in training.
    training: Option<(u64, u64)>,
    served: usize,
    /// What batches hand on, within this pass.
    carried: Carried,
}

impl<B: Send + 'static> Iterator for LoaderIterator<'_, B> {
    type Item = std::result::Result<StepInput<B>, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.error.take() {
            return Some(Err(DatasetError::new(error)));
        }
        let end = (self.served + self.loader.batch_size).min(self.rows.len());
        let rows = self.rows.get(self.served..end).filter(|rows| !rows.is_empty())?;
        let pass = match self.training {
            None => Pass::Inference,
            Some((seed, first)) => Pass::Training { seed, step: first + (self.served / self.loader.batch_size) as u64 },
        };
        let batch = self.loader.data.next_batch(rows, &self.loader.device, &self.carried);
        self.served = end;
        Some(match batch {
            Ok(batch) => Ok(StepInput { batch, pass, rows: rows.len() }),
            Err(error) => Err(DatasetError::new(error)),
        })
    }
}

impl<B: Send + 'static> DataLoaderIterator<StepInput<B>> for LoaderIterator<'_, B> {
    fn progress(&self) -> Progress {
        Progress::new(self.served, self.rows.len(), Some("rows".to_owned()))
    }
}
