//! Runs whose losses or weights are no longer finite.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use kiln_models::Pass;
use kiln_train::{
    Broken, Callback, Control, EpochLogs, Error, History, Optimizer, StepLogs, StepOutput, Trainable, Trainer,
    WeightAveraging,
};

use crate::devices;
use crate::training::{Slope, cpu, folder, numbers, slope};

#[test]
fn a_loss_that_is_no_number_ends_the_run() {
    let folder = folder();
    let error = Trainer::new(folder.path())
        .epochs(3)
        .quiet()
        .fit(slope(&cpu()), &numbers(f32::NAN, 4), &numbers(1.0, 4))
        .unwrap_err();
    // A weight is broken after this step, too, but the loss came first and is reported.
    assert!(matches!(error, Error::NotFinite { what: Broken::TrainLoss, step: 1, epoch: 1, .. }), "{error}");
}

/// Sets an absurd learning rate after the first epoch.
pub(crate) struct Reckless(pub(crate) f64);

impl Callback for Reckless {
    fn name(&self) -> &'static str {
        "reckless"
    }

    fn on_epoch_end(&mut self, _: &EpochLogs, control: &mut Control<'_>) -> kiln_train::Result<()> {
        control.set_learning_rate(self.0);
        Ok(())
    }
}

#[test]
fn what_the_last_step_of_an_epoch_breaks_is_not_kept() {
    for (backend, device) in devices::all() {
        let folder = folder();
        let trainer = Trainer::new(folder.path()).epochs(3).batch_size(4).quiet().callback(Reckless(1e39));
        let trainer = trainer.optimizer(Optimizer::sgd().learning_rate(0.1));
        let error = trainer.fit(slope(&device), &numbers(1.0, 4), &numbers(1.0, 4)).unwrap_err();
        let message = error.to_string();
        let Error::NotFinite { what, step: 1, epoch: 2, learning_rate: 1e39, .. } = error else { panic!("{message}") };
        assert_eq!(what, Broken::Weight("weight".to_owned()), "{backend}: {message}");
        assert!(message.contains("gradient so far had norm 1.000e0"), "{backend}: {message}");
        assert!(message.contains("keeps everything up to the end of epoch 1"), "{backend}: {message}");
        assert_eq!(History::load_json(folder.path().join("history.json")).unwrap().epochs().len(), 1, "{backend}");
        let kept = std::fs::read(folder.path().join("model.safetensors")).unwrap();
        let kept = kiln_models::weights::from_safetensors(&kept).unwrap();
        assert!((kept["weight"].values[0] + 0.1).abs() < 1e-6, "{backend}: {kept:?}");
    }
}

#[test]
fn a_validation_loss_that_is_no_number_ends_the_run() {
    let folder = folder();
    let trainer = Trainer::new(folder.path()).epochs(3).quiet();
    let error = trainer.fit(slope(&cpu()), &numbers(1.0, 4), &numbers(f32::NAN, 4)).unwrap_err();
    assert!(matches!(error, Error::NotFinite { what: Broken::ValidLoss, epoch: 1, .. }), "{error}");
    assert!(error.to_string().contains("look for NaN or infinity in the validation data"), "{error}");
    assert!(!folder.path().join("checkpoint.kiln").exists());
}

/// A slope, and a constant that is not finite.
#[derive(Module, Debug)]
struct WithConstant {
    slope: Slope,
    constant: Param<Tensor<1>>,
}

impl Trainable for WithConstant {
    type Batch = Tensor<2>;

    fn step(&self, numbers: Tensor<2>, pass: &Pass) -> StepOutput {
        self.slope.step(numbers, pass)
    }
}

#[test]
fn what_is_never_trained_may_be_no_number() {
    for averaging in [None, Some(WeightAveraging::swa(1))] {
        let folder = folder();
        let constant = Param::from_data([f32::NEG_INFINITY], &cpu()).set_require_grad(false);
        let model = WithConstant { slope: slope(&cpu()), constant };
        let trainer = Trainer::new(folder.path()).epochs(2).quiet();
        let trainer = averaging.into_iter().fold(trainer, Trainer::weight_averaging);
        let run = trainer.fit(model, &numbers(1.0, 4), &numbers(1.0, 4)).unwrap();
        assert_eq!(run.history().epochs().len(), 2);
        assert_eq!(run.model().constant.val().into_scalar::<f32>(), f32::NEG_INFINITY);
    }
}

/// Sets a different rate for each step, and NaN weights after the first epoch.
struct Spoils;

impl Callback for Spoils {
    fn name(&self) -> &'static str {
        "spoils"
    }

    fn on_step_end(&mut self, logs: &StepLogs, control: &mut Control<'_>) -> kiln_train::Result<()> {
        control.set_learning_rate(logs.step as f64 / 8.0);
        Ok(())
    }

    fn on_epoch_end(&mut self, _: &EpochLogs, control: &mut Control<'_>) -> kiln_train::Result<()> {
        let mut weights = control.weights();
        weights.values_mut().for_each(|weight| weight.values.fill(f32::NAN));
        control.set_learning_rate(0.75);
        control.set_weights(weights);
        Ok(())
    }
}

#[test]
fn the_first_step_of_an_epoch_tells_its_rate_and_the_largest_gradient_of_the_epoch_before() {
    let folder = folder();
    let trainer = Trainer::new(folder.path()).epochs(2).batch_size(1).quiet().callback(Spoils);
    let error = trainer.fit(slope(&cpu()), &numbers(1.0, 4), &numbers(1.0, 4)).unwrap_err();
    let message = error.to_string();
    // The loss is read after the fourth step, when another rate applies.
    let Error::NotFinite { what: Broken::TrainLoss, step: 1, epoch: 2, learning_rate: 0.75, .. } = error else {
        panic!("{message}")
    };
    assert!(message.contains("the largest gradient of the previous epoch, 1, had norm 1.000e0"), "{message}");
}
