//! The meaning of a model's outputs: the loss, the probabilities and which rows are right.

use burn::tensor::activation::{log_sigmoid, log_softmax, sigmoid, softmax};
use burn::tensor::{Int, Tensor};
use kiln_base::OptionError;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// The meaning of a model's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// Two classes, one logit (of class 1); binary cross-entropy.
    Binary,
    /// One logit per class; categorical cross-entropy.
    Classes(usize),
    /// One logit per label; a row has any number of the labels, each right or wrong independently. The loss is the mean
    /// of the labels' binary cross-entropies. Targets are [`Targets::Values`] of zeros and ones.
    Labels(usize),
    /// Real numbers; mean squared error.
    Values(usize),
    /// One logit for the row's class, then one for each of this many other classes drawn at random, each right or wrong
    /// independently. The loss is the sum of their binary cross-entropies.
    NegativeSampling(usize),
}

/// The right outputs for a batch.
#[derive(Clone, Debug)]
pub enum Targets {
    /// The class of each row, `[batch]`.
    Classes(Tensor<1, Int>),
    /// The numbers of each row, `[batch, outputs]`; for [`Head::Labels`], 1 if the row has the label and 0 if not.
    Values(Tensor<2>),
}

/// Options of a training loss: none by default.
#[derive(Clone, Debug, Default)]
pub struct LossOptions {
    /// The weight of each row, `[batch]`.
    pub weights: Option<Tensor<1>>,
    /// The share of a row's class that is spread over all classes, at least 0 and below 1.
    pub label_smoothing: f32,
}

impl LossOptions {
    /// Whether no option is set.
    pub fn is_plain(&self) -> bool {
        self.weights.is_none() && self.label_smoothing == 0.0
    }
}

impl Targets {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Classes(classes) => classes.dims()[0],
            Self::Values(values) => values.dims()[0],
        }
    }
}

impl Head {
    /// The head of a classifier: one logit for two classes, otherwise one per class.
    ///
    /// # Errors
    ///
    /// There are fewer than two classes.
    pub fn for_classes(classes: usize) -> Result<Self> {
        match classes {
            0 | 1 => Err(OptionError::new("classes", "at least 2", classes).into()),
            2 => Ok(Self::Binary),
            _ => Ok(Self::Classes(classes)),
        }
    }

    /// The number of outputs of the model.
    #[must_use]
    pub fn outputs(self) -> usize {
        match self {
            Self::Binary => 1,
            Self::Classes(count) | Self::Labels(count) | Self::Values(count) => count,
            Self::NegativeSampling(negative) => negative + 1,
        }
    }

    /// The number of classes, if each row has exactly one; `None` for regressors, labels and negative sampling.
    #[must_use]
    pub fn classes(self) -> Option<usize> {
        match self {
            Self::Binary => Some(2),
            Self::Classes(count) => Some(count),
            Self::Labels(_) | Self::NegativeSampling(_) | Self::Values(_) => None,
        }
    }

    /// The number of named classes or labels; `None` for regressors and negative sampling.
    #[must_use]
    pub fn names(self) -> Option<usize> {
        match self {
            Self::Labels(count) => Some(count),
            head => head.classes(),
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
    /// If the targets are not of the head's kind; the trainer checks that before the first step.
    #[must_use]
    pub fn loss(self, outputs: Tensor<2>, targets: &Targets) -> Tensor<1> {
        self.loss_with(outputs, targets, &LossOptions::default())
    }

    /// [`Head::loss`] with row weights and label smoothing. The mean is over rows, whatever their weights, as in Keras.
    ///
    /// # Panics
    ///
    /// As [`Head::loss`], and if the numbers of weights and rows differ.
    #[must_use]
    pub fn loss_with(self, outputs: Tensor<2>, targets: &Targets, options: &LossOptions) -> Tensor<1> {
        let smoothing = options.label_smoothing;
        let of_rows = match (self, targets) {
            (Self::Binary, Targets::Classes(classes)) => {
                binary_cross_entropy(outputs, classes.clone().float().unsqueeze_dim::<2>(1), smoothing)
            }
            (Self::Labels(_), Targets::Values(labels)) => binary_cross_entropy(outputs, labels.clone(), smoothing),
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
            (head, _) => panic!("the targets are of another kind than the head {head:?}"),
        };
        match &options.weights {
            Some(weights) => (of_rows * weights.clone().unsqueeze_dim::<2>(1)).mean(),
            None => of_rows.mean(),
        }
    }

    /// The probabilities `[batch, classes]` of a classifier: for [`Head::Binary`], only that of class 1, `[batch, 1]`;
    /// for [`Head::Labels`], each label's own. For a regressor, the outputs themselves.
    #[must_use]
    pub fn activate(self, outputs: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Binary | Self::Labels(_) | Self::NegativeSampling(_) => sigmoid(outputs),
            Self::Classes(_) => softmax(outputs, 1),
            Self::Values(_) => outputs,
        }
    }

    /// How many rows are right, `[1]`; for [`Head::Labels`], those with every label right at a threshold of 0.5. `None`
    /// for a regressor.
    #[must_use]
    pub fn correct(self, outputs: Tensor<2>, targets: &Targets) -> Option<Tensor<1>> {
        let classes = match (self, targets) {
            (Self::Labels(_), Targets::Values(labels)) => {
                let right = outputs.greater_equal_elem(0.0).equal(labels.clone().greater_elem(0.5));
                return Some(right.float().min_dim(1).sum());
            }
            (_, Targets::Classes(classes)) => classes,
            (_, Targets::Values(_)) => return None,
        };
        let predicted = match self {
            Self::Binary => outputs.greater_elem(0.0).int(),
            Self::Classes(_) => outputs.argmax(1),
            Self::NegativeSampling(_) => return Some(outputs.argmax(1).equal_elem(0).float().sum()),
            Self::Labels(_) | Self::Values(_) => return None,
        };
        let right = predicted.equal(classes.clone().unsqueeze_dim::<2>(1));
        Some(right.float().sum())
    }
}

/// Binary cross-entropy with smoothed targets: -y log s(x) - (1 - y) log s(-x), where log s(-x) = log s(x) - x.
fn binary_cross_entropy(outputs: Tensor<2>, y: Tensor<2>, smoothing: f32) -> Tensor<2> {
    let y = if smoothing > 0.0 { y.mul_scalar(1.0 - smoothing).add_scalar(smoothing / 2.0) } else { y };
    let negative = y.neg().add_scalar(1.0);
    outputs.clone() * negative - log_sigmoid(outputs)
}
