//! Loss and accuracy on a data set, and predictions.

use burn::tensor::{Device, Tensor};
use kiln_base::OptionError;
use kiln_models::{Carried, Model, Pass, Targets};
use kiln_report::{LabelsReport, Report};

use crate::data::batches::{Batches, DataLimits, Labelled, check_streams, checked_order};
use crate::error::{Error, Result};
use crate::run::meter::{Measured, Meter};
use crate::run::trainable::Trainable;
use kiln_predict::device_failure::{Work, device_of};

/// The result of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The mean loss over all rows, or over all tokens of running text.
    pub loss: f64,
    /// The share of correct rows, if rows can be right or wrong.
    pub accuracy: Option<f64>,
    /// The number of rows.
    pub rows: usize,
    /// The class or labels of each row and the probabilities that the model predicted, if rows have classes or labels.
    outcomes: Option<Outcomes>,
}

#[derive(Clone, Debug, PartialEq)]
struct Outcomes {
    truth: Truth,
    probabilities: Vec<f64>,
}

#[derive(Clone, Debug, PartialEq)]
enum Truth {
    /// The class of each row.
    Classes(Vec<u32>),
    /// Whether each row has each label.
    Labels(Vec<bool>),
}

impl Evaluation {
    /// The result on running text, whose tokens are not counted as right or wrong.
    pub(crate) const fn of_text(loss: f64, rows: usize) -> Self {
        Self { loss, accuracy: None, rows, outcomes: None }
    }

    /// Precision, recall and F1 of each class and overall, log loss, areas under curves, and the confusion matrix.
    /// `class_names` are in the order of the classes. The prediction is the most probable class.
    ///
    /// # Errors
    ///
    /// The model is not a classifier of rows, or the number of names is not that of its classes.
    pub fn report<N: AsRef<str>>(&self, class_names: &[N]) -> Result<Report> {
        match &self.outcomes {
            Some(Outcomes { truth: Truth::Classes(truth), probabilities }) => {
                Ok(Report::of_probabilities(class_names, truth, probabilities)?)
            }
            other => Err(Error::Data {
                what: "the model and data of a report",
                expected: "a classifier, and rows with one class each".into(),
                found: if other.is_some() {
                    "rows with any number of labels; use `labels_report`"
                } else {
                    "another model or data"
                }
                .into(),
            }),
        }
    }

    /// Precision, recall and F1 of each label, overall and by row, for rows with any number of labels. A label is
    /// predicted if its probability is at least its threshold: one for all labels, such as `&[0.5]`, or one for each.
    ///
    /// # Errors
    ///
    /// The model's head is not [`Head::Labels`](kiln_models::Head::Labels), the number of names is not that of its
    /// labels, or a threshold is not a probability.
    pub fn labels_report<N: AsRef<str>>(&self, names: &[N], thresholds: &[f64]) -> Result<LabelsReport> {
        match &self.outcomes {
            Some(Outcomes { truth: Truth::Labels(truth), probabilities }) => {
                Ok(LabelsReport::new(names, truth, probabilities, thresholds)?)
            }
            other => Err(Error::Data {
                what: "the model and data of a labels report",
                expected: "a model with `Head::Labels`, and rows with any number of labels".into(),
                found: if other.is_some() { "rows with one class each; use `report`" } else { "another model or data" }
                    .into(),
            }),
        }
    }

    /// The perplexity, e to the mean loss, if the loss is the negative log-likelihood of a token.
    pub fn perplexity(&self) -> f64 {
        self.loss.exp()
    }
}

/// Measures `model` on every row of `data`. All rows have the same weight, also in a smaller last batch, and dropout is
/// off.
///
/// # Errors
///
/// The data set is empty or cannot be read, the batch size is 0 or not the number of the data's streams, or the device
/// fails or has no memory for a batch.
pub fn evaluate<M, D>(model: &M, data: &D, batch_size: usize) -> Result<Evaluation>
where
    M: Trainable,
    D: Batches<Batch = M::Batch>,
{
    let model = model.valid();
    let limits = data.limits();
    model.check(&limits)?;
    let (mut meter, mut outcomes) = (Meter::default(), None);
    // If the classes are the words of a text, there are too many of them.
    let of_rows = limits.lowest_class.is_some() || limits.labels.is_some();
    let is_told = limits.highest_class.is_some() || limits.labels.is_some();
    Work::of(&model, batch_size)?.run(|| {
        each_batch(data, batch_size, &device_of(&model)?, |batch, rows| {
            if !is_told {
                model.check_batch(&batch)?;
            }
            let output = model.step(batch, &Pass::Inference);
            if of_rows && let Some(probabilities) = model.probabilities(output.outputs.clone()) {
                match &output.targets {
                    Targets::Values(_) if limits.labels.is_none() => {}
                    targets => Outcomes::add(&mut outcomes, targets.clone(), probabilities)?,
                }
            }
            meter.add(Measured::of(&output, rows), None)
        })?;
        meter.read()
    })?;
    let (loss, accuracy) = (meter.loss().unwrap_or(f64::NAN), meter.accuracy());
    Ok(Evaluation { loss, accuracy, rows: meter.rows(), outcomes })
}

impl Outcomes {
    /// Adds those of a batch. They are read from the device at once, which has no room for those of all batches.
    fn add(all: &mut Option<Self>, targets: Targets, probabilities: Tensor<2>) -> Result<()> {
        let [_, width] = probabilities.dims();
        let values = probabilities.try_into_vec_as::<f32>().map_err(kiln_predict::Error::Device)?;
        let values = values.into_iter().map(f64::from);
        let truth = match targets {
            Targets::Classes(classes) => {
                let classes = classes.try_into_vec_as::<i64>().map_err(kiln_predict::Error::Device)?;
                Truth::Classes(classes.into_iter().map(|class| class as u32).collect())
            }
            Targets::Values(labels) => {
                let labels = labels.try_into_vec_as::<f32>().map_err(kiln_predict::Error::Device)?;
                Truth::Labels(labels.into_iter().map(|there| there > 0.5).collect())
            }
        };
        let is_binary = width == 1 && matches!(truth, Truth::Classes(_));
        // A binary model outputs only the probability of class 1.
        let probabilities: Vec<f64> =
            if is_binary { values.flat_map(|p| [1.0 - p, p]).collect() } else { values.collect() };
        let Some(all) = all else {
            *all = Some(Self { truth, probabilities });
            return Ok(());
        };
        all.probabilities.extend(probabilities);
        match (&mut all.truth, truth) {
            (Truth::Classes(all), Truth::Classes(more)) => all.extend(more),
            (Truth::Labels(all), Truth::Labels(more)) => all.extend(more),
            _ => {
                return Err(Error::Data {
                    what: "the targets of the data",
                    expected: "classes in every batch, or labels in every batch".into(),
                    found: "both".into(),
                });
            }
        }
        Ok(())
    }
}

/// The activated outputs of every row of `data`: probabilities of a classifier, numbers of a
/// regressor.
///
/// # Errors
///
/// Those of [`evaluate`].
pub fn predict<M, D>(model: &M, data: &D, batch_size: usize) -> Result<Vec<Vec<f32>>>
where
    M: Model,
    D: Batches<Batch = Labelled<M::Input>>,
{
    let model = model.valid();
    model.check(&DataLimits { highest_class: None, labels: None, values: None, ..data.limits() })?;
    let mut outputs = Vec::new();
    let order = Work::of(&model, batch_size)?.run(|| {
        each_batch(data, batch_size, &device_of(&model)?, |batch, rows| {
            let batch = activated(&model, &batch.input)?;
            // A language model has an output for each token of a row.
            outputs.extend(batch.chunks((batch.len() / rows).max(1)).map(<[_]>::to_vec));
            Ok(())
        })
    })?;
    let mut by_row: Vec<_> = order.into_iter().zip(outputs).collect();
    by_row.sort_by_key(|(row, _)| *row);
    Ok(by_row.into_iter().flat_map(|(_, outputs)| outputs).collect())
}

/// The activated outputs of one batch.
pub(crate) fn activated<M: Model>(model: &M, input: &M::Input) -> Result<Vec<Vec<f32>>> {
    let outputs = model.head().activate(model.forward(input, &Pass::Inference));
    let [_, width] = outputs.dims();
    let values = outputs.try_into_vec_as::<f32>().map_err(kiln_predict::Error::Device)?;
    Ok(values.chunks(width).map(<[f32]>::to_vec).collect())
}

/// Calls `act` with every batch and its number of rows, and returns the order of the rows.
fn each_batch<B>(
    data: &impl Batches<Batch = B>,
    batch_size: usize,
    device: &Device,
    mut act: impl FnMut(B, usize) -> Result<()>,
) -> Result<Vec<usize>> {
    OptionError::unless(batch_size > 0, "batch_size", "at least 1", batch_size)?;
    if data.rows() == 0 {
        return Err(Error::EmptyData { what: "evaluation" });
    }
    check_streams(data, batch_size)?;
    let order = checked_order(data, batch_size, None)?;
    let carried = Carried::default();
    for rows in order.chunks(batch_size) {
        act(data.next_batch(rows, device, &carried)?, rows.len())?;
    }
    Ok(order)
}
