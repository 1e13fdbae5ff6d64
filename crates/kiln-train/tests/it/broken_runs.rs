//! Runs whose losses or weights stop being numbers.

use kiln_train::{Callback, Control, EpochLogs, Error, History, Optimizer, Trainer};

use crate::devices;
use crate::training::{cpu, folder, numbers, slope};

#[test]
fn a_loss_that_is_no_number_ends_the_run() {
    let folder = folder();
    let error = Trainer::new(folder.path())
        .epochs(3)
        .quiet()
        .fit(slope(&cpu()), &numbers(f32::NAN, 4), &numbers(1.0, 4))
        .unwrap_err();
    assert!(matches!(error, Error::NotFinite { epoch: 1, .. }), "{error}");
}

/// Sets a rate behind the first epoch with which the next step's weight is beyond all numbers.
struct Bursts;

impl Callback for Bursts {
    fn name(&self) -> &'static str {
        "bursts"
    }

    fn on_epoch_end(&mut self, _: &EpochLogs, control: &mut Control<'_>) -> kiln_train::Result<()> {
        control.set_learning_rate(1e39);
        Ok(())
    }
}

#[test]
fn what_the_last_step_of_an_epoch_breaks_is_not_kept() {
    for (backend, device) in devices::all() {
        let folder = folder();
        let trainer = Trainer::new(folder.path()).epochs(3).batch_size(4).quiet().callback(Bursts);
        let trainer = trainer.optimizer(Optimizer::sgd().with_learning_rate(0.1));
        let error = trainer.fit(slope(&device), &numbers(1.0, 4), &numbers(1.0, 4)).unwrap_err();
        let message = error.to_string();
        let Error::NotFinite { what, step: 1, epoch: 2, learning_rate: 1e39, .. } = error else { panic!("{message}") };
        assert_eq!(what, "the weight weight", "{backend}: {message}");
        assert!(message.contains("gradient before had norm 1.000e0"), "{backend}: {message}");
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
    assert!(matches!(&error, Error::NotFinite { what, epoch: 1, .. } if what == "the validation loss"), "{error}");
    assert!(!folder.path().join("checkpoint.kiln").exists());
}
