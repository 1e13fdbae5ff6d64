//! The trait that a module implements to be trained, and what its steps give.

use burn::module::{Module, ModuleDisplay};
use burn::tensor::{Int, Tensor};
use kiln_models::{Example, Head, LossOptions, Model, Pass, Score, Targets};

use crate::data::batches::{DataLimits, Labelled};
use crate::error::Error;

/// A Burn module that Kiln can train.
///
/// Every [`Model`] is one. For a module of your own, say what a batch is and compute the loss;
/// backward pass, optimizer, epochs, callbacks and checkpoints are Kiln's.
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

    /// Refuses data that the model cannot take, before the first step. By default everything is
    /// taken.
    ///
    /// # Errors
    ///
    /// An id, a class or the width of the targets is beyond what the model takes.
    fn check(&self, limits: &DataLimits) -> crate::error::Result<()> {
        let _ = limits;
        Ok(())
    }

    /// Refuses a batch that is beyond the model, before its training step. It is asked in the first epoch, of data whose
    /// [`DataLimits`] tell no classes. By default every batch is taken.
    ///
    /// # Errors
    ///
    /// The batch has a class that the model does not have.
    fn check_batch(&self, batch: &Self::Batch) -> crate::error::Result<()> {
        let _ = batch;
        Ok(())
    }

    /// Whether every row of the batch is padding only, so that a step learns nothing from its words. By default not.
    fn is_padding_only(&self, batch: &Self::Batch) -> bool {
        let _ = batch;
        false
    }

    /// Whether batches can be given weights of rows by [`Trainable::with_loss`]. By default not.
    fn takes_row_weights(&self) -> bool {
        false
    }

    /// Whether they can be given smoothed labels likewise. By default not.
    fn takes_label_smoothing(&self) -> bool {
        false
    }

    /// The batch with what its loss is to do besides. It is called where the model says that it takes them. By default the
    /// batch stays as it is.
    fn with_loss(batch: Self::Batch, options: LossOptions) -> Self::Batch {
        let _ = options;
        batch
    }

    /// What the outputs of a step say of the classes, for a report: probabilities `[batch, classes]`, or `[batch, 1]` with that of
    /// class 1. By default there are no classes.
    fn probabilities(&self, outputs: Tensor<2>) -> Option<Tensor<2>> {
        let _ = outputs;
        None
    }

    /// The loss and the outputs of one batch.
    ///
    /// `pass` says whether this is a training step, and which one, for layers that act at random.
    fn step(&self, batch: Self::Batch, pass: &Pass) -> StepOutput;
}

/// What a step computes.
#[derive(Clone, Debug)]
pub struct StepOutput {
    /// The mean loss of the batch, `[1]`.
    pub loss: Tensor<1>,
    /// The model's outputs, `[batch, outputs]`.
    pub outputs: Tensor<2>,
    /// What the outputs ought to be.
    pub targets: Targets,
    /// How many rows are right, `[1]`; `None` where there is no right and wrong.
    pub correct: Option<Tensor<1>>,
    /// How many terms the loss is the mean of, where they are not the rows: tokens of running text.
    pub terms: Option<usize>,
}

impl StepOutput {
    /// An output without an accuracy.
    pub fn new(loss: Tensor<1>, outputs: Tensor<2>, targets: Targets) -> Self {
        Self { loss, outputs, targets, correct: None, terms: None }
    }

    /// Adds the number of right rows, `[1]`, from which accuracy is computed.
    #[must_use]
    pub fn correct(mut self, correct: Option<Tensor<1>>) -> Self {
        self.correct = correct;
        self
    }

    /// Says how many terms the loss is the mean of; by default as many as the batch has rows.
    #[must_use]
    pub const fn terms(mut self, terms: usize) -> Self {
        self.terms = Some(terms);
        self
    }

    /// The classes of the rows, `[batch]`, where the targets are classes.
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
            ("the steps of the data's rows", limits.steps, self.max_len()),
            ("the numbers a step of the data", limits.d_input, self.d_input()),
        ] {
            if let (Some(data), Some(model)) = (data, model)
                && data != model
            {
                return refuse(what, format!("{model}, as the model's configuration says"), data.to_string());
            }
        }
        if limits.longest_row == Some(0) {
            let expected = "some tokens: texts are empty, or the tokenizer knows none of their words".into();
            return refuse("the rows of the data", expected, "padding only, in every row".into());
        }
        if let Some(steps) = limits.least_steps.filter(|&steps| steps < self.min_len()) {
            let least = self.min_len();
            let expected =
                format!("at least {least}, which the model's windows need; set `PadBatcher::min_len({least})`");
            return refuse("the steps of the shortest batch of the data", expected, steps.to_string());
        }
        if let (Some(id), Some(vocab)) = (limits.highest_id, self.vocab_size())
            && id as usize >= vocab
        {
            let expected = format!("below the model's vocabulary of {vocab}; give it the tokenizer's `vocab_size()`");
            return refuse("the highest id of the data", expected, id.to_string());
        }
        match (classes(self), limits.highest_class, limits.values) {
            (Some(classes), Some(class), _) if class as usize >= classes => refuse(
                "the highest class of the data",
                format!(
                    "below the {classes} classes of the model's head; give its configuration `.head(Head::for_classes({})?)`",
                    class + 1
                ),
                class.to_string(),
            ),
            (Some(_), None, Some(_)) => {
                refuse("the targets of the data", "classes, for a classifier".into(), "numbers".into())
            }
            (None, Some(_), _) => {
                refuse("the targets of the data", "numbers, for a regressor".into(), "classes".into())
            }
            (None, _, Some(width)) if width != self.head().outputs() => refuse(
                "the numbers to predict a row",
                format!("{}, as the model has outputs", self.head().outputs()),
                width.to_string(),
            ),
            _ => Ok(()),
        }
    }

    fn check_batch(&self, batch: &Self::Batch) -> crate::error::Result<()> {
        let (Targets::Classes(targets), Some(classes)) = (&batch.targets, classes(self)) else { return Ok(()) };
        let targets = targets.clone().try_into_vec_as::<i64>().map_err(kiln_predict::Error::Device)?;
        match targets.into_iter().find(|&class| usize::try_from(class).map_or(true, |class| class >= classes)) {
            Some(class) => Err(Error::Data {
                what: "the classes of the batch",
                expected: format!("0 to {}, which the model's head has", classes - 1),
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
        Model::takes_loss_options(self) && self.head().classes().is_some()
    }

    fn with_loss(batch: Self::Batch, options: LossOptions) -> Self::Batch {
        Labelled { loss: options, ..batch }
    }

    fn probabilities(&self, outputs: Tensor<2>) -> Option<Tensor<2>> {
        let head = self.head();
        head.classes().map(|_| head.activate(outputs))
    }

    fn step(&self, batch: Self::Batch, pass: &Pass) -> StepOutput {
        let Score { loss, outputs, correct, terms } = match batch.loss.is_plain() {
            true => self.score(&batch.input, &batch.targets, pass),
            false => self.score_with(&batch.input, &batch.targets, &batch.loss, pass),
        };
        let targets = match (self.head(), batch.targets) {
            // The row's class comes first among those that are scored.
            (Head::NegativeSampling(_), Targets::Classes(classes)) => Targets::Classes(classes.zeros_like()),
            (_, targets) => targets,
        };
        StepOutput::new(loss, outputs, targets).correct(correct).terms(terms)
    }
}

/// How many classes a target of the model may be of; `None` where it predicts numbers.
fn classes<M: Model>(model: &M) -> Option<usize> {
    match model.head() {
        Head::NegativeSampling(_) => model.vocab_size(),
        head => head.classes(),
    }
}
