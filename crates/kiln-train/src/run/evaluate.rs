//! Loss and accuracy on a data set, and predictions.

use burn::tensor::{Device, Int, Tensor};
use kiln_base::OptionError;
use kiln_models::{Carried, Model, Pass};
use kiln_report::Report;

use crate::data::batches::{Batches, DataLimits, Labelled, check_streams, checked_order};
use crate::error::{Error, Result};
use crate::run::meter::Meter;
use crate::run::trainable::Trainable;
use kiln_predict::device_failure::{Work, device_of};

/// What an evaluation finds.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The mean loss over all rows, or over all tokens of running text.
    pub loss: f64,
    /// The share of right rows, where there is right and wrong.
    pub accuracy: Option<f64>,
    /// How many rows there were.
    pub rows: usize,
    /// The class of each row and the probabilities that the model gave it, where rows have a class each.
    outcomes: Option<Outcomes>,
}

#[derive(Clone, Debug, PartialEq)]
struct Outcomes {
    truth: Vec<u32>,
    probabilities: Vec<f64>,
}

impl Evaluation {
    /// Precision, recall and F1 of each class and over all, log loss, areas under curves, and the confusion matrix. Classes are
    /// named in their order. The prediction is the most probable class.
    ///
    /// # Errors
    ///
    /// The model is not a classifier of rows, or has another number of classes than there are names.
    pub fn report<N: AsRef<str>>(&self, class_names: &[N]) -> Result<Report> {
        let Outcomes { truth, probabilities } = self.outcomes.as_ref().ok_or_else(|| Error::Data {
            what: "the model of a report",
            expected: "a classifier, and data whose rows have a class each".into(),
            found: "another one".into(),
        })?;
        Ok(Report::of_probabilities(class_names, truth, probabilities)?)
    }

    /// e to the mean loss: the perplexity, where the loss is the negative log-likelihood of a token.
    pub fn perplexity(&self) -> f64 {
        self.loss.exp()
    }
}

/// Measures `model` on every row of `data`: each row weighs the same, also in a last, smaller
/// batch, and dropout is off.
///
/// # Errors
///
/// The data set is empty or cannot be read, the batch size is 0 or not that of the data's streams, or the device fails
/// or has no memory for a batch.
pub fn evaluate<M, D>(model: &M, data: &D, batch_size: usize) -> Result<Evaluation>
where
    M: Trainable,
    D: Batches<Batch = M::Batch>,
{
    let model = model.valid();
    let limits = data.limits();
    model.check(&limits)?;
    let (mut meter, mut classified) = (Meter::default(), Vec::new());
    // Where classes are the words of a text, there would be too many.
    let (of_rows, is_told) = (limits.lowest_class.is_some(), limits.highest_class.is_some());
    let outcomes = Work::of(&model, batch_size)?.run(|| {
        each_batch(data, batch_size, &device_of(&model)?, |batch, rows| {
            if !is_told {
                model.check_batch(&batch)?;
            }
            let output = model.step(batch, &Pass::Inference);
            if of_rows && let Some(probabilities) = model.probabilities(output.outputs.clone()) {
                classified.extend(output.classes().map(|classes| (classes, probabilities)));
            }
            meter.add(&output, rows, None)
        })?;
        meter.read()?;
        Outcomes::read(classified)
    })?;
    let (loss, accuracy) = (meter.loss().unwrap_or(f64::NAN), meter.accuracy());
    Ok(Evaluation { loss, accuracy, rows: meter.rows(), outcomes })
}

impl Outcomes {
    /// Reads what all batches left on the device.
    fn read(classified: Vec<(Tensor<1, Int>, Tensor<2>)>) -> Result<Option<Self>> {
        if classified.is_empty() {
            return Ok(None);
        }
        let (classes, probabilities): (Vec<_>, Vec<_>) = classified.into_iter().unzip();
        let truth = Tensor::cat(classes, 0).try_into_vec_as::<i64>().map_err(kiln_predict::Error::Device)?;
        let probabilities = Tensor::cat(probabilities, 0);
        let [_, width] = probabilities.dims();
        let values = probabilities.try_into_vec_as::<f32>().map_err(kiln_predict::Error::Device)?;
        let values = values.into_iter().map(f64::from);
        Ok(Some(Self {
            truth: truth.into_iter().map(|class| class as u32).collect(),
            // Only that of class 1, of two.
            probabilities: if width == 1 { values.flat_map(|p| [1.0 - p, p]).collect() } else { values.collect() },
        }))
    }
}

/// The activated outputs of every row of `data`: probabilities of a classifier, numbers of a
/// regressor.
///
/// # Errors
///
/// As [`evaluate`].
pub fn predict<M, D>(model: &M, data: &D, batch_size: usize) -> Result<Vec<Vec<f32>>>
where
    M: Model,
    D: Batches<Batch = Labelled<M::Input>>,
{
    let model = model.valid();
    model.check(&DataLimits { highest_class: None, values: None, ..data.limits() })?;
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

/// Calls `act` with every batch and its number of rows, and gives the order that the rows came in.
fn each_batch<B>(
    data: &impl Batches<Batch = B>,
    batch_size: usize,
    device: &Device,
    mut act: impl FnMut(B, usize) -> Result<()>,
) -> Result<Vec<usize>> {
    OptionError::unless(batch_size > 0, "batch size", "at least 1", batch_size)?;
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
