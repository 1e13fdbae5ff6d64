//! The trait that a module implements to be trained, and the output of its steps.

use burn::module::{Module, ModuleDisplay};
use burn::tensor::{Int, Tensor};
use kiln_models::{Example, Head, LossOptions, Model, Pass, Score, Targets};

use crate::data::batches::{DataLimits, Labelled};
use crate::error::Error;

/// A Burn module that Kiln can train.
///
/// Every [`Model`] implements it. For your own module, define a batch and compute the loss; Kiln does the rest:
/// backward pass, optimizer, epochs, callbacks and checkpoints.
///
/// # Examples
///
/// ```
/// use burn::module::{Module, Param};
/// use burn::tensor::Tensor;
/// use kiln_models::{Pass, Targets};
/// use kiln_train::{StepOutput, Trainable};
///
/// #[derive(Module, Debug)]
/// struct Line {
///     slope: Param<Tensor<2>>,
/// }
///
/// impl Trainable for Line {
///     type Batch = (Tensor<2>, Tensor<2>);
///
///     fn step(&self, (x, y): Self::Batch, _pass: &Pass) -> StepOutput {
///         let outputs = x.matmul(self.slope.val());
///         let loss = (outputs.clone() - y.clone()).abs().mean();
///         StepOutput::new(loss, outputs, Targets::Values(y))
///     }
/// }
/// ```
pub trait Trainable: Module + ModuleDisplay + std::fmt::Display + 'static {
    /// What one step works on.
    type Batch: Send + 'static;

    /// Rejects data that the model cannot handle, before the first step. By default everything is accepted.
    ///
    /// # Errors
    ///
    /// An id, a class or the width of the targets is beyond the model's limits.
    fn check(&self, limits: &DataLimits) -> crate::error::Result<()> {
        let _ = limits;
        Ok(())
    }

    /// Rejects a batch that the model cannot handle, before its step. Called in the first epoch, for data whose
    /// [`DataLimits`] contain no classes. By default every batch is accepted.
    ///
    /// # Errors
    ///
    /// The batch has a class that the model does not have.
    fn check_batch(&self, batch: &Self::Batch) -> crate::error::Result<()> {
        let _ = batch;
        Ok(())
    }

    /// Whether all rows of the batch are only padding, so that a step learns nothing from words. By default `false`.
    fn is_padding_only(&self, batch: &Self::Batch) -> bool {
        let _ = batch;
        false
    }

    /// Whether [`Trainable::with_loss`] supports row weights. By default `false`.
    fn takes_row_weights(&self) -> bool {
        false
    }

    /// Whether [`Trainable::with_loss`] supports label smoothing. By default `false`.
    fn takes_label_smoothing(&self) -> bool {
        false
    }

    /// The batch with extra options for its loss. Called only with options that the model supports. By default the
    /// batch stays as it is.
    fn with_loss(batch: Self::Batch, options: LossOptions) -> Self::Batch {
        let _ = options;
        batch
    }

    /// For a report, the probabilities of the classes or labels in the outputs of a step: `[batch, classes]`, or
    /// `[batch, 1]` with the probability of class 1. By default `None`.
    fn probabilities(&self, outputs: Tensor<2>) -> Option<Tensor<2>> {
        let _ = outputs;
        None
    }

    /// The loss and the outputs of one batch.
    ///
    /// `pass` says whether this is a training step, and which one, for layers that draw random numbers.
    fn step(&self, batch: Self::Batch, pass: &Pass) -> StepOutput;
}

/// What a step computes.
#[derive(Clone, Debug)]
pub struct StepOutput {
    /// The mean loss of the batch, `[1]`.
    pub loss: Tensor<1>,
    /// The model's outputs, `[batch, outputs]`.
    pub outputs: Tensor<2>,
    /// The expected outputs.
    pub targets: Targets,
    /// The number of correct rows, `[1]`; `None` if rows cannot be right or wrong.
    pub correct: Option<Tensor<1>>,
    /// The number of terms that the loss is the mean of, if they are not the rows: tokens of running text.
    pub terms: Option<usize>,
    /// Added to the loss for the gradient, and not part of the reported loss, `[1]`.
    pub penalty: Option<Tensor<1>>,
}

impl StepOutput {
    /// An output without an accuracy.
    pub fn new(loss: Tensor<1>, outputs: Tensor<2>, targets: Targets) -> Self {
        Self { loss, outputs, targets, correct: None, terms: None, penalty: None }
    }

    /// Sets the number of correct rows, `[1]`, from which accuracy is computed.
    #[must_use]
    pub fn correct(mut self, correct: Option<Tensor<1>>) -> Self {
        self.correct = correct;
        self
    }

    /// Sets the number of terms that the loss is the mean of. Default: the number of rows in the batch.
    #[must_use]
    pub const fn terms(mut self, terms: usize) -> Self {
        self.terms = Some(terms);
        self
    }

    /// Sets a penalty, `[1]`. A training step follows the gradient of loss and penalty together; histories, metrics and
    /// monitors have only the loss. Default: no penalty.
    #[must_use]
    pub fn penalty(mut self, penalty: Option<Tensor<1>>) -> Self {
        self.penalty = penalty;
        self
    }

    /// The classes of the rows, `[batch]`, if the targets are classes.
    pub fn classes(&self) -> Option<Tensor<1, Int>> {
        match &self.targets {
            Targets::Classes(classes) => Some(classes.clone()),
            Targets::Values(_) => None,
        }
    }
}

impl<M: Model> Trainable for M {
    type Batch = Labelled<M::Input>;

    fn check(&self, limits: &DataLimits) -> crate::error::Result<()> {
        let refuse = |what: &'static str, expected: String, found: String| Err(Error::Data { what, expected, found });
        for (what, data, model) in [
            ("the steps per row of the data", limits.steps, self.max_len()),
            ("the numbers per step of the data", limits.d_input, self.d_input()),
        ] {
            if let (Some(data), Some(model)) = (data, model)
                && data != model
            {
                return refuse(what, format!("{model}, as in the model's configuration"), data.to_string());
            }
        }
        if limits.longest_row == Some(0) {
            let expected = "at least one token: the texts are empty, or the tokenizer knows none of their words".into();
            return refuse("the rows of the data", expected, "padding only, in every row".into());
        }
        if let Some(steps) = limits.least_steps.filter(|&steps| steps < self.min_len()) {
            let least = self.min_len();
            let expected =
                format!("at least {least}, for the windows of the model (set `PadBatcher::min_len({least})`)");
            return refuse("the steps of the shortest batch of the data", expected, steps.to_string());
        }
        if let (Some(id), Some(vocab)) = (limits.highest_id, self.vocab_size())
            && id as usize >= vocab
        {
            let expected =
                format!("below the model's vocabulary of {vocab} (set it to the tokenizer's `vocab_size()`)");
            return refuse("the highest id of the data", expected, id.to_string());
        }
        match (classes(self), limits.highest_class, limits.values) {
            (Some(classes), Some(class), _) if class as usize >= classes => refuse(
                "the highest class of the data",
                format!(
                    "below the {classes} classes of the model's head (set `.head(Head::for_classes({})?)`)",
                    class + 1
                ),
                class.to_string(),
            ),
            _ if labels(self) != limits.labels && (limits.labels.is_some() || is_told(limits)) => {
                let told = |labels: Option<usize>| match labels {
                    Some(labels) => format!("any of {labels} labels per row"),
                    None => "a class or numbers per row, not labels".into(),
                };
                refuse(
                    "the targets of the data",
                    format!("{}, as in the model's head", told(labels(self))),
                    told(limits.labels),
                )
            }
            (Some(_), None, Some(_)) => {
                refuse("the targets of the data", "classes, for a classifier".into(), "numbers".into())
            }
            (None, Some(_), _) => {
                refuse("the targets of the data", "numbers, for a regressor".into(), "classes".into())
            }
            (None, _, Some(width)) if width != self.head().outputs() => refuse(
                "the numbers to predict per row",
                format!("{}, the number of the model's outputs", self.head().outputs()),
                width.to_string(),
            ),
            _ => Ok(()),
        }
    }

    fn check_batch(&self, batch: &Self::Batch) -> crate::error::Result<()> {
        let refuse =
            |expected: String, found: String| Err(Error::Data { what: "the targets of the batch", expected, found });
        let (targets, classes) = match (&batch.targets, classes(self), labels(self)) {
            (Targets::Classes(_), _, Some(labels)) => {
                return refuse(format!("any of {labels} labels per row, as in the model's head"), "classes".into());
            }
            (Targets::Values(values), _, Some(labels)) if values.dims()[1] != labels => {
                let found = format!("{} per row", values.dims()[1]);
                return refuse(format!("any of {labels} labels per row, as in the model's head"), found);
            }
            (Targets::Values(_), Some(classes), _) => {
                return refuse(format!("a class per row, of {classes}"), "numbers".into());
            }
            (Targets::Classes(targets), Some(classes), _) => (targets, classes),
            _ => return Ok(()),
        };
        let targets = targets.clone().try_into_vec_as::<i64>().map_err(kiln_predict::Error::Device)?;
        match targets.into_iter().find(|&class| usize::try_from(class).map_or(true, |class| class >= classes)) {
            Some(class) => Err(Error::Data {
                what: "the classes of the batch",
                expected: format!("0 to {}, the classes of the model's head", classes - 1),
                found: class.to_string(),
            }),
            None => Ok(()),
        }
    }

    fn is_padding_only(&self, batch: &Self::Batch) -> bool {
        batch.input.is_padding_only()
    }

    fn takes_row_weights(&self) -> bool {
        Model::takes_loss_options(self)
    }

    fn takes_label_smoothing(&self) -> bool {
        Model::takes_loss_options(self) && self.head().names().is_some()
    }

    fn with_loss(batch: Self::Batch, options: LossOptions) -> Self::Batch {
        Labelled { loss: options, ..batch }
    }

    fn probabilities(&self, outputs: Tensor<2>) -> Option<Tensor<2>> {
        let head = self.head();
        head.names().map(|_| head.activate(outputs))
    }

    fn step(&self, batch: Self::Batch, pass: &Pass) -> StepOutput {
        let Score { loss, outputs, correct, terms, penalty } = match batch.loss.is_plain() {
            true => self.score(&batch.input, &batch.targets, pass),
            false => self.score_with(&batch.input, &batch.targets, &batch.loss, pass),
        };
        let targets = match (self.head(), batch.targets) {
            // The class of a row is the first of those that are scored.
            (Head::NegativeSampling(_), Targets::Classes(classes)) => Targets::Classes(classes.zeros_like()),
            (_, targets) => targets,
        };
        StepOutput::new(loss, outputs, targets).correct(correct).terms(terms).penalty(penalty)
    }
}

/// The number of labels of the model's head, if it has labels.
fn labels<M: Model>(model: &M) -> Option<usize> {
    match model.head() {
        Head::Labels(labels) => Some(labels),
        _ => None,
    }
}

/// Whether the data specify their targets.
fn is_told(limits: &DataLimits) -> bool {
    limits.highest_class.is_some() || limits.values.is_some()
}

/// The number of classes of the model's targets; `None` if it predicts numbers.
fn classes<M: Model>(model: &M) -> Option<usize> {
    match model.head() {
        Head::NegativeSampling(_) => model.vocab_size(),
        head => head.classes(),
    }
}
