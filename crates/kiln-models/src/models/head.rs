//! What a model's outputs mean: the loss, the probabilities and what counts as right.

use burn::tensor::activation::{log_sigmoid, log_softmax, sigmoid, softmax};
use burn::tensor::{Int, Tensor};
use kiln_base::OptionError;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// The meaning of a model's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// Two classes and one logit, of class 1; binary cross-entropy.
    Binary,
    /// As many logits as classes; categorical cross-entropy.
    Classes(usize),
    /// Real numbers; mean squared error.
    Values(usize),
    /// A logit of the row's class, then of as many other classes drawn at random, of which each is right
    /// or wrong by itself; the sum of their binary cross-entropies.
    NegativeSampling(usize),
}

/// What a batch's outputs ought to be.
#[derive(Clone, Debug)]
pub enum Targets {
    /// The class of each row, `[batch]`.
    Classes(Tensor<1, Int>),
    /// The numbers of each row, `[batch, outputs]`.
    Values(Tensor<2>),
}

/// What a training loss does besides: nothing by default.
#[derive(Clone, Debug, Default)]
pub struct LossOptions {
    /// How much each row counts, `[batch]`.
    pub weights: Option<Tensor<1>>,
    /// The part of a row's class that goes to all classes alike, from 0 to below 1.
    pub label_smoothing: f32,
}

impl LossOptions {
    /// Whether the loss is as it is without options.
    pub fn is_plain(&self) -> bool {
        self.weights.is_none() && self.label_smoothing == 0.0
    }
}

impl Targets {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        match self {
            Self::Classes(classes) => classes.dims()[0],
            Self::Values(values) => values.dims()[0],
        }
    }
}

impl Head {
    /// The head of a classifier: one logit for two classes, else one a class.
    ///
    /// # Errors
    ///
    /// There are fewer than two classes.
    pub fn for_classes(classes: usize) -> Result<Self> {
        match classes {
            0 | 1 => Err(OptionError::new("number of classes", "at least 2", classes).into()),
            2 => Ok(Self::Binary),
            _ => Ok(Self::Classes(classes)),
        }
    }

    /// How many outputs the model has.
    #[must_use]
    pub fn outputs(self) -> usize {
        match self {
            Self::Binary => 1,
            Self::Classes(count) | Self::Values(count) => count,
            Self::NegativeSampling(negative) => negative + 1,
        }
    }

    /// How many classes there are; `None` for a regressor, and where classes are drawn.
    #[must_use]
    pub fn classes(self) -> Option<usize> {
        match self {
            Self::Binary => Some(2),
            Self::Classes(count) => Some(count),
            Self::NegativeSampling(_) | Self::Values(_) => None,
        }
    }

    /// The mean loss of the batch.
    ///
    /// # Shapes
    ///
    /// - outputs: `[batch, outputs]`
    /// - loss: `[1]`
    ///
    /// # Panics
    ///
    /// If the targets are of the other kind than the head's; the trainer checks that before the
    /// first step.
    #[must_use]
    pub fn loss(self, outputs: Tensor<2>, targets: &Targets) -> Tensor<1> {
        self.loss_with(outputs, targets, &LossOptions::default())
    }

    /// As [`Head::loss`], with weights of rows and smoothed labels. The mean is over rows, whatever their weights, as Keras's is.
    ///
    /// # Panics
    ///
    /// As [`Head::loss`], and if there are not as many weights as rows.
    #[must_use]
    pub fn loss_with(self, outputs: Tensor<2>, targets: &Targets, options: &LossOptions) -> Tensor<1> {
        let smoothing = options.label_smoothing;
        let of_rows = match (self, targets) {
            (Self::Binary, Targets::Classes(classes)) => {
                // -y log s(x) - (1 - y) log s(-x), where log s(-x) = log s(x) - x
                let y = classes.clone().float().unsqueeze_dim::<2>(1);
                let y = if smoothing > 0.0 { y.mul_scalar(1.0 - smoothing).add_scalar(smoothing / 2.0) } else { y };
                let negative = y.neg().add_scalar(1.0);
                outputs.clone() * negative - log_sigmoid(outputs)
            }
            (Self::Classes(_), Targets::Classes(classes)) => {
                let index = classes.clone().unsqueeze_dim::<2>(1);
                let logs = log_softmax(outputs, 1);
                let right = logs.clone().gather(1, index).neg();
                if smoothing > 0.0 {
                    right.mul_scalar(1.0 - smoothing) - logs.mean_dim(1).mul_scalar(smoothing)
                } else {
                    right
                }
            }
            (Self::NegativeSampling(_), Targets::Classes(_)) => {
                // The right one: -log s(x) = -log s(-x) - x, where log s(-x) = log s(x) - x
                let as_if_wrong = (outputs.clone() - log_sigmoid(outputs.clone())).sum_dim(1);
                as_if_wrong - outputs.narrow(1, 0, 1)
            }
            (Self::Values(_), Targets::Values(values)) => (outputs - values.clone()).square(),
            (head, _) => panic!("a head of {head:?} and its targets are of different kinds"),
        };
        match &options.weights {
            Some(weights) => (of_rows * weights.clone().unsqueeze_dim::<2>(1)).mean(),
            None => of_rows.mean(),
        }
    }

    /// Probabilities of classifiers, `[batch, classes]` (only of class 1 in `[batch, 1]` for
    /// [`Head::Binary`]); the outputs themselves of a regressor.
    #[must_use]
    pub fn activate(self, outputs: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Binary | Self::NegativeSampling(_) => sigmoid(outputs),
            Self::Classes(_) => softmax(outputs, 1),
            Self::Values(_) => outputs,
        }
    }

    /// How many rows are classified right, `[1]`; `None` for a regressor.
    #[must_use]
    pub fn correct(self, outputs: Tensor<2>, targets: &Targets) -> Option<Tensor<1>> {
        let Targets::Classes(classes) = targets else {
            return None;
        };
        let predicted = match self {
            Self::Binary => outputs.greater_elem(0.0).int(),
            Self::Classes(_) => outputs.argmax(1),
            Self::NegativeSampling(_) => return Some(outputs.argmax(1).equal_elem(0).float().sum()),
            Self::Values(_) => return None,
        };
        let right = predicted.equal(classes.clone().unsqueeze_dim::<2>(1));
        Some(right.float().sum())
    }
}
