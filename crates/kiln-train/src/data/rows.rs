//! In-memory rows of one length: token ids with classes or labels, and numeric sequences with numbers to predict.

use std::sync::Arc;

use burn::data::dataset::{Dataset, DatasetError};
use burn::tensor::{Device, Tensor, TensorData};
use kiln_base::OptionError;
use kiln_models::{Series, Span, Targets, TokenBatch};
use kiln_text::rows::Padded;

use crate::data::batches::{Batches, DataLimits, Labelled, digest_of};
use crate::data::text_dataset::EncodedText;
use crate::error::{Error, Result};

/// The targets of a data set's rows.
#[derive(Clone, Debug, PartialEq)]
enum RowTargets {
    Classes(Vec<u32>),
    /// The labels of each row, in order, out of `count`.
    Labels {
        labels: Vec<Vec<u32>>,
        count: usize,
    },
    Values {
        values: Vec<f32>,
        width: usize,
    },
}

impl RowTargets {
    fn rows(&self) -> usize {
        match self {
            Self::Classes(classes) => classes.len(),
            Self::Labels { labels, .. } => labels.len(),
            Self::Values { values, width } => values.len() / width,
        }
    }

    fn limits(&self) -> DataLimits {
        match self {
            Self::Classes(classes) => DataLimits {
                lowest_class: classes.iter().min().copied(),
                highest_class: classes.iter().max().copied(),
                ..DataLimits::default()
            },
            Self::Labels { count, .. } => DataLimits { labels: Some(*count), ..DataLimits::default() },
            Self::Values { width, .. } => DataLimits { values: Some(*width), ..DataLimits::default() },
        }
    }

    fn class(&self, row: usize) -> Option<u32> {
        match self {
            Self::Classes(classes) => Some(classes[row]),
            Self::Labels { .. } | Self::Values { .. } => None,
        }
    }

    fn digest(&self, row: usize) -> u64 {
        match self {
            Self::Classes(classes) => digest_of([classes[row].into()]),
            Self::Labels { labels, .. } => digest_of(labels[row].iter().map(|&label| label.into())),
            Self::Values { values, width } => digest_of_floats(&values[row * width..(row + 1) * width]),
        }
    }

    fn of(&self, rows: &[usize], device: &Device) -> Targets {
        match self {
            Self::Classes(classes) => {
                let chosen: Vec<i32> = rows.iter().map(|&row| classes[row] as i32).collect();
                Targets::Classes(Tensor::from_data(TensorData::new(chosen, [rows.len()]), device))
            }
            Self::Labels { labels, count } => {
                let mut chosen = vec![0.0_f32; rows.len() * count];
                for (of_row, &row) in chosen.chunks_mut((*count).max(1)).zip(rows) {
                    labels[row].iter().for_each(|&label| of_row[label as usize] = 1.0);
                }
                Targets::Values(Tensor::from_data(TensorData::new(chosen, [rows.len(), *count]), device))
            }
            Self::Values { values, width } => {
                let chosen = rows_of(values, *width, rows);
                Targets::Values(Tensor::from_data(TensorData::new(chosen, [rows.len(), *width]), device))
            }
        }
    }
}

/// Checks that each row has a target and that all ids are below `vocab`.
fn check_rows(padded: &Padded<u32>, (what, found): (&'static str, usize), vocab: usize) -> Result<()> {
    if padded.rows != found {
        let expected = format!("{}, one per row", padded.rows);
        return Err(Error::Data { what, expected, found: found.to_string() });
    }
    match padded.values.iter().position(|&id| id as usize >= vocab) {
        Some(place) => {
            let (row, step) = (place / padded.len, place % padded.len);
            Err(Error::IdOutOfRange { row, step, id: padded.values[place], vocab })
        }
        None => Ok(()),
    }
}

fn digest_of_floats(values: &[f32]) -> u64 {
    digest_of(values.iter().map(|value| value.to_bits().into()))
}

/// The chosen rows of `width` values, concatenated.
fn rows_of<T: Copy>(values: &[T], width: usize, rows: &[usize]) -> Vec<T> {
    let mut chosen = Vec::with_capacity(rows.len() * width);
    rows.iter().for_each(|&row| chosen.extend_from_slice(&values[row * width..(row + 1) * width]));
    chosen
}

/// Padded rows of token ids, each with a class or with any number of labels.
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
    /// Rows and classes differ in number, or an id is not below `vocab` (on a GPU, such an id would silently read
    /// another word's row).
    pub fn new(padded: Padded<u32>, classes: Vec<u32>, vocab: usize) -> Result<Self> {
        check_rows(&padded, ("the number of classes", classes.len()), vocab)?;
        Ok(Self::with_targets(padded, RowTargets::Classes(classes)))
    }

    /// A data set of `padded` rows, each with any of `count` labels, for a model with
    /// [`Head::Labels`](kiln_models::Head::Labels).
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new); or a label is not below `count`, or occurs twice in a row.
    pub fn with_labels(padded: Padded<u32>, labels: Vec<Vec<u32>>, count: usize, vocab: usize) -> Result<Self> {
        check_rows(&padded, ("the number of label lists", labels.len()), vocab)?;
        for (row, of_row) in labels.iter().enumerate() {
            let is_bad = |at: usize| of_row[at] as usize >= count || of_row[..at].contains(&of_row[at]);
            if let Some(at) = (0..of_row.len()).find(|&at| is_bad(at)) {
                return Err(Error::Data {
                    what: "the labels of a row",
                    expected: format!("distinct labels below {count}"),
                    found: format!("{of_row:?} in row {row}, counted from 0: {} is too high or repeated", of_row[at]),
                });
            }
        }
        Ok(Self::with_targets(padded, RowTargets::Labels { labels, count }))
    }

    fn with_targets(padded: Padded<u32>, targets: RowTargets) -> Self {
        let Padded { values, len, spans, .. } = padded;
        let ids = values.into_iter().map(|id| id as i32).collect();
        Self(Arc::new(TokenRows { ids, steps: len, spans, targets }))
    }

    /// The number of steps of every row.
    pub fn steps(&self) -> usize {
        self.0.steps
    }

    fn unpadded(&self, row: usize) -> &[i32] {
        let Span { start, len } = self.0.spans[row];
        &self.0.ids[row * self.0.steps + start..][..len]
    }

    /// The classes of the rows; empty if rows have labels.
    pub fn classes(&self) -> &[u32] {
        match &self.0.targets {
            RowTargets::Classes(classes) => classes,
            RowTargets::Labels { .. } | RowTargets::Values { .. } => &[],
        }
    }
}

impl Batches for TokenDataset {
    type Batch = Labelled<TokenBatch>;

    fn rows(&self) -> usize {
        self.0.targets.rows()
    }

    fn batch(&self, rows: &[usize], device: &Device) -> Result<Self::Batch> {
        let TokenRows { ids, steps, spans, targets } = &*self.0;
        let spans = rows.iter().map(|&row| spans[row]).collect();
        let input = TokenBatch::new(rows_of(ids, *steps, rows), *steps, spans, device);
        Ok(Labelled::new(input, targets.of(rows, device)))
    }

    fn limits(&self) -> DataLimits {
        let highest_id = self.0.ids.iter().max().map(|&id| id as u32);
        let longest_row = self.0.spans.iter().map(|span| span.len).max();
        DataLimits { steps: Some(self.0.steps), longest_row, highest_id, ..self.0.targets.limits() }
    }

    fn class(&self, row: usize) -> Option<u32> {
        self.0.targets.class(row)
    }

    /// The position of the padding is part of the digest.
    fn digest(&self) -> Option<[u64; 2]> {
        let row = |row: usize| {
            let ids = self.unpadded(row).iter().map(|&id| id as u64);
            digest_of(ids.chain([self.0.spans[row].start as u64, self.0.steps as u64]))
        };
        let targets = (0..self.rows()).map(|row| self.0.targets.digest(row));
        Some([digest_of((0..self.rows()).map(row)), digest_of(targets)])
    }

    fn row_digest(&self, row: usize) -> Option<[u64; 2]> {
        Some([digest_of(self.unpadded(row).iter().map(|&id| id as u64)), self.0.targets.digest(row)])
    }
}

/// As Burn's `Dataset`: one item per row, without its padding.
impl Dataset<EncodedText> for TokenDataset {
    fn get(&self, index: usize) -> std::result::Result<EncodedText, DatasetError> {
        let ids = self.unpadded(index).iter().map(|&id| id as u32).collect();
        match self.classes().get(index) {
            Some(&label) => Ok(EncodedText { ids, label }),
            None => Err(DatasetError::new(Error::Data {
                what: "the rows of a Burn `Dataset`",
                expected: "one class each, since an item has one label".to_owned(),
                found: "any number of labels each".to_owned(),
            })),
        }
    }

    fn len(&self) -> usize {
        self.rows()
    }
}

/// Numeric sequences of one length with numbers to predict.
///
/// Cloning is cheap: the rows are shared.
///
/// # Examples
///
/// ```
/// use kiln_train::{Batches, SeriesDataset};
///
/// // Rows of two steps with one number each; to predict is their sum.
/// let data = SeriesDataset::new(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 1], vec![3.0, 7.0, 11.0], 1)?;
/// let (train, valid) = data.split_at(2)?;
/// assert_eq!((train.rows(), valid.rows()), (2, 1));
/// # Ok::<(), kiln_train::Error>(())
/// ```
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
    /// A size is 0, the numbers do not fill whole rows, or one of them is not finite.
    pub fn new(values: Vec<f32>, [steps, d_input]: [usize; 2], targets: Vec<f32>, outputs: usize) -> Result<Self> {
        for (option, size) in [("steps", steps), ("d_input", d_input), ("outputs", outputs)] {
            OptionError::unless(size > 0, option, "at least 1", size)?;
        }
        let width = steps * d_input;
        if !values.len().is_multiple_of(width) || values.len() / width * outputs != targets.len() {
            return Err(Error::Data {
                what: "the numbers of a series data set",
                expected: format!("rows of {steps} x {d_input} values with {outputs} targets each"),
                found: format!("{} values and {} targets", values.len(), targets.len()),
            });
        }
        let bad = |numbers: &[f32]| numbers.iter().position(|number| !number.is_finite());
        if let Some(at) = bad(&values) {
            let (row, step, input) = (at / width, at % width / d_input, at % d_input);
            return Err(Error::Data {
                what: "the values of a series data set",
                expected: "finite numbers: remove the row, or replace the value".to_owned(),
                found: format!("{} in row {row}, step {step}, input {input}, counted from 0", values[at]),
            });
        }
        if let Some(at) = bad(&targets) {
            return Err(Error::Data {
                what: "the targets of a series data set",
                expected: "finite numbers: remove the row, or replace the value".to_owned(),
                found: format!("{} in row {}, target {}, counted from 0", targets[at], at / outputs, at % outputs),
            });
        }
        let targets = RowTargets::Values { values: targets, width: outputs };
        Ok(Self(Arc::new(SeriesRows { values, steps, d_input, targets })))
    }

    /// The first `rows` rows and the rest.
    ///
    /// # Errors
    ///
    /// There are fewer than `rows` rows.
    pub fn split_at(&self, rows: usize) -> Result<(Self, Self)> {
        if rows > self.rows() {
            return Err(Error::Data {
                what: "the rows to split off",
                expected: format!("at most {}", self.rows()),
                found: rows.to_string(),
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
        let input = Series { values: Tensor::from_data(data, device), spans: None };
        Ok(Labelled::new(input, targets.of(rows, device)))
    }

    fn limits(&self) -> DataLimits {
        DataLimits { steps: Some(self.0.steps), d_input: Some(self.0.d_input), ..self.0.targets.limits() }
    }

    fn row_digest(&self, row: usize) -> Option<[u64; 2]> {
        let width = self.0.steps * self.0.d_input;
        Some([digest_of_floats(&self.0.values[row * width..][..width]), self.0.targets.digest(row)])
    }
}
