//! Averaged weights: which weights of a run enter the mean, and the mean itself, on the device.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use kiln_base::OptionError;
use kiln_models::weights::{ParameterPath, Weight, Weights};
use kiln_predict::device_failure::device_of;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// Which weights of a run are averaged; every one of them has the same share in the mean.
///
/// Training itself goes on from the weights of the last step. As soon as there is a mean, it is what is validated, what
/// callbacks read at the end of an epoch ([`Control::weights`](crate::Control::weights), so that
/// [`Trainer::save_best`](crate::Trainer::save_best) keeps it), and what the run returns. The history has the number of
/// averaged weights as `averaged`. `checkpoint.kiln` holds both the weights of the last step and the mean.
///
/// Parameters that are never trained keep their values. The mean takes as much memory on the device as the trained
/// parameters.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use kiln_models::RecurrentRegressorConfig;
/// use kiln_train::{ExistingRun, SeriesDataset, Trainer, WeightAveraging};
///
/// let values: Vec<f32> = (0..96).map(|i| (i * 37 % 11) as f32 / 11.0).collect();
/// let sums = values.chunks(3).map(|row| row.iter().sum()).collect();
/// let (train, valid) = SeriesDataset::new(values, [3, 1], sums, 1)?.split_at(24)?;
///
/// let model = RecurrentRegressorConfig::new(1, 3).d_hidden(vec![4]).init(&burn::tensor::Device::flex(), 0)?;
/// let folder = std::env::temp_dir().join("kiln-doc-averaging");
/// let run = Trainer::new(&folder)
///     .epochs(3)
///     .weight_averaging(WeightAveraging::swa(2))
///     .existing_run(ExistingRun::Overwrite)
///     .quiet()
///     .fit(model, &train, &valid)?;
/// assert_eq!(run.history().values("averaged"), [0.0, 1.0, 2.0]);
/// # std::fs::remove_dir_all(folder).ok();
/// # }
/// # Ok::<(), kiln_train::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WeightAveraging {
    /// Stochastic weight averaging (Izmailov et al. 2018): the weights at the end of each epoch, from one epoch on. The
    /// learning rate stays the trainer's; the paper keeps it constant and high, or lets it rise and fall.
    Swa {
        /// The first of these epochs, counted from 1, up to the number of epochs.
        start_epoch: usize,
    },
    /// Averaged gradient descent (Polyak and Juditsky 1992), triggered as in AWD-LSTM (Merity et al. 2018, NT-ASGD):
    /// the weights after each optimizer step, once validation stalls. It stalls when an epoch's validation loss is
    /// above the lowest of those more than `non_monotone` epochs earlier. The mean therefore begins in epoch
    /// `non_monotone` + 3 at the earliest; a shorter run has none. For [`Optimizer::sgd`](crate::Optimizer::sgd) at a
    /// constant rate.
    ///
    /// PyTorch's `ASGD(t0=0, lambd=0)`, which AWD-LSTM uses, begins its mean with the second of these steps, not with
    /// the first.
    Asgd {
        /// How many of the latest earlier losses are left out of the comparison; at least 1. AWD-LSTM's is 5.
        non_monotone: usize,
    },
}

impl WeightAveraging {
    /// Stochastic weight averaging from epoch `start_epoch` on, counted from 1.
    pub const fn swa(start_epoch: usize) -> Self {
        Self::Swa { start_epoch }
    }

    /// Averaged gradient descent with AWD-LSTM's 5 validations. For another number, build [`WeightAveraging::Asgd`].
    pub const fn asgd() -> Self {
        Self::Asgd { non_monotone: 5 }
    }

    /// # Errors
    ///
    /// An option is outside its range, for a run of this many epochs.
    pub(crate) fn check(self, epochs: usize) -> Result<()> {
        let (is_valid, option, expected, found) = match self {
            Self::Swa { start_epoch } => {
                let expected = format!("from 1 to the number of epochs, {epochs}");
                ((1..=epochs).contains(&start_epoch), "start_epoch of weight averaging", expected, start_epoch)
            }
            Self::Asgd { non_monotone } => {
                (non_monotone > 0, "non_monotone of weight averaging", "at least 1".to_owned(), non_monotone)
            }
        };
        Ok(OptionError::unless(is_valid, option, expected, found)?)
    }

    /// Whether the weights at the end of `epoch` enter the mean.
    pub(crate) fn takes_epoch(self, epoch: usize) -> bool {
        matches!(self, Self::Swa { start_epoch } if epoch >= start_epoch)
    }

    /// Whether the weights after each step of an epoch enter the mean, after the validation losses of all epochs before.
    pub(crate) fn takes_steps(self, losses: &[f64]) -> bool {
        matches!(self, Self::Asgd { non_monotone } if is_triggered(losses, non_monotone))
    }
}

/// Whether one of the losses is above the lowest of all before it but the last `non_monotone`.
fn is_triggered(losses: &[f64], non_monotone: usize) -> bool {
    (non_monotone.saturating_add(1)..losses.len())
        .any(|at| losses[..at - non_monotone].iter().any(|&before| losses[at] > before))
}

/// The equal mean of a module's weights at several times: of each parameter that is trained, by path and flattened.
#[derive(Debug, Default)]
pub(crate) struct Average {
    means: BTreeMap<String, Tensor<1>>,
    count: usize,
}

impl Average {
    /// Adds the weights of `module`, except those of the parameters `never_trained`.
    pub(crate) fn add<M: Module>(&mut self, module: &M, never_trained: &[String]) {
        self.count += 1;
        module.visit(&mut Adding { path: ParameterPath::default(), average: self, never_trained });
    }

    /// How many weights the mean is of.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// `module`, for inference, with the mean of its weights; `None` before the first weights were added.
    pub(crate) fn of<M: Module>(&self, module: &M) -> Option<M> {
        let mut mapper = Putting { path: ParameterPath::default(), means: &self.means };
        (self.count > 0).then(|| module.valid().map(&mut mapper))
    }

    /// The mean, for a checkpoint.
    pub(crate) fn to_weights(&self) -> Weights {
        let weight = |(path, mean): (&String, &Tensor<1>)| {
            let values = mean.to_data().try_into_vec_as::<f32>().expect("the mean of weights holds floats");
            (path.clone(), Weight { shape: vec![values.len()], values })
        };
        self.means.iter().map(weight).collect()
    }

    /// Restores what [`Average::to_weights`] and [`Average::count`] returned for a module with the same parameters.
    ///
    /// # Errors
    ///
    /// The module has no parameters.
    pub(crate) fn restore<M: Module>(&mut self, module: &M, means: Weights, count: usize) -> Result<()> {
        let device = device_of(module)?.inner();
        let tensor = |weight: Weight| Tensor::from_data(TensorData::new(weight.values, [weight.shape[0]]), &device);
        self.means = means.into_iter().map(|(path, weight)| (path, tensor(weight))).collect();
        self.count = count;
        Ok(())
    }
}

struct Adding<'a> {
    path: ParameterPath,
    average: &'a mut Average,
    never_trained: &'a [String],
}

impl ModuleVisitor for Adding<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.name();
        // A parameter that is only frozen at first is in the mean from the start, like any other.
        if self.never_trained.contains(&path) {
            return;
        }
        let weights = param.val().without_autodiff();
        let numbers = weights.dims().iter().product::<usize>();
        let weights = weights.reshape([numbers]);
        let Average { means, count } = &mut *self.average;
        let mean = match means.remove(&path) {
            Some(mean) => {
                let away = weights - mean.clone();
                // Nothing else holds the mean now, so it is changed in place.
                mean + away * (1.0 / *count as f64)
            }
            None => weights,
        };
        means.insert(path, mean);
    }
}

struct Putting<'a> {
    path: ParameterPath,
    means: &'a BTreeMap<String, Tensor<1>>,
}

impl ModuleMapper for Putting<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(mean) = self.means.get(&self.path.name()) else { return param };
        let (id, tensor, mapper) = param.consume();
        Param::from_mapped_value(id, mean.clone().reshape(tensor.dims()), mapper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AWD-LSTM's rule, before an epoch's loss is added to those before it:
    /// `len(best_val_loss) > nonmono and val_loss > min(best_val_loss[:-nonmono])`.
    #[test]
    fn averaging_begins_when_a_loss_is_above_the_best_but_the_last_few() {
        // The number of epochs after which it begins.
        let begins = |losses: &[f64], non_monotone| {
            let averaging = WeightAveraging::Asgd { non_monotone };
            (0..=losses.len()).find(|&epochs| averaging.takes_steps(&losses[..epochs]))
        };
        assert_eq!(begins(&[5.0, 4.0, 3.0, 2.0, 1.0], 1), None, "always better");
        // 3.5 is not above 4, the best but the last one; 3.2 is above 3.
        assert_eq!(begins(&[5.0, 4.0, 3.0, 3.5, 3.2, 1.0], 1), Some(5));
        assert_eq!(begins(&[5.0, 4.0, 3.0, 3.5, 3.2, 3.1, 3.3], 2), Some(6), "3.1 is above 3");
        assert_eq!(begins(&[3.0, 3.0, 3.0, 3.0, 3.0], 2), None, "the same is not above");
        // Once it has begun, it goes on, however good the losses are.
        let averaging = WeightAveraging::Asgd { non_monotone: 1 };
        assert!(averaging.takes_steps(&[1.0, 1.0, 2.0, 0.1, 0.01]));
        // With five, the seventh loss is the first that is compared, with the first one.
        let mut losses = vec![1.0, 9.0, 9.0, 9.0, 9.0, 9.0];
        assert_eq!(begins(&losses[..5], 5), None);
        assert_eq!(begins(&losses, 5), None);
        losses.push(9.0);
        assert_eq!(begins(&losses, 5), Some(7));
        assert_eq!(WeightAveraging::asgd(), WeightAveraging::Asgd { non_monotone: 5 });
        assert!(!WeightAveraging::swa(1).takes_steps(&losses));
    }
}
