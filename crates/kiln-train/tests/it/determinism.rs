//! What is equal to the bit and what is only close: the rows of `docs/determinism.md` that no other test covers.

use std::path::Path;
use std::process::Command;

use burn::tensor::Device;
use kiln_models::weights::{Weights, from_safetensors, weights_of};
use kiln_predict::TextPredictor;
use kiln_train::{ExistingRun, Trainer};

use crate::devices;
use crate::small_run::{SENTENCES, SmallRun};
use crate::training::{cpu, folder};

fn fit(
    folder: &Path,
    device: &Device,
    with: impl Fn(Trainer<kiln_models::RecurrentClassifier>) -> Trainer<kiln_models::RecurrentClassifier>,
) -> Weights {
    let small = SmallRun::new();
    let existing = match folder.join("checkpoint.kiln").exists() {
        true => ExistingRun::Resume,
        false => ExistingRun::Refuse,
    };
    let trainer = with(small.trainer(folder, 2)).existing_run(existing);
    weights_of(&trainer.fit(small.model(device), &small.train, &small.valid).unwrap().into_model())
}

/// The largest distance between weights of the same name.
pub(crate) fn distance(a: &Weights, b: &Weights) -> f32 {
    assert!(a.keys().eq(b.keys()));
    let pairs = a.iter().flat_map(|(name, weight)| weight.values.iter().zip(&b[name].values));
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn on_every_device_two_runs_and_one_that_was_resumed_end_in_the_same_bits() {
    for (backend, device) in devices::all() {
        let whole = folder();
        let keep = |trainer: Trainer<_>| trainer.checkpoint_every_steps(3).keep_checkpoints(20);
        let weights = fit(whole.path(), &device, keep);
        assert_eq!(fit(folder().path(), &device, |trainer| trainer), weights, "{backend}");
        let resumed = folder();
        let middle = "checkpoint-000001-0000000003.kiln";
        std::fs::copy(whole.path().join(middle), resumed.path().join("checkpoint.kiln")).unwrap();
        assert_eq!(fit(resumed.path(), &device, |trainer| trainer), weights, "{backend}");
    }
}

#[test]
fn devices_end_close_to_each_other() {
    let mut runs = devices::all().into_iter().map(|(backend, device)| (backend, fit(folder().path(), &device, |t| t)));
    let (first, weights) = runs.next().unwrap();
    for (backend, others) in runs {
        let distance = distance(&weights, &others);
        assert!(distance < 1e-3, "{first} and {backend} are {distance} apart");
    }
}

/// The child processes of the next test run this; otherwise it does nothing.
#[test]
fn child_with_its_own_number_of_threads() {
    if let Some(folder) = std::env::var_os("KILN_TEST_THREADS") {
        fit(Path::new(&folder), &cpu(), |trainer| trainer);
    }
}

#[test]
fn any_number_of_threads_ends_close_and_the_same_number_in_the_same_bits() {
    let run = |threads: &str| {
        let folder = folder();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "determinism::child_with_its_own_number_of_threads"])
            .env("KILN_TEST_THREADS", folder.path())
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
        from_safetensors(&std::fs::read(folder.path().join("model.safetensors")).unwrap()).unwrap()
    };
    let one = run("1");
    assert_eq!(run("1"), one);
    for threads in ["2", "3"] {
        let others = run(threads);
        assert!(distance(&one, &others) < 1e-4, "{threads} threads");
        assert_eq!(run(threads), others);
    }
}

#[test]
fn a_text_among_others_is_predicted_closely_as_by_itself() {
    let folder = folder();
    fit(folder.path(), &cpu(), |trainer| trainer);
    for (backend, device) in devices::all() {
        let predictor = TextPredictor::load(folder.path(), &device).unwrap();
        let all = predictor.predict(&SENTENCES).unwrap();
        for (text, among) in SENTENCES.iter().zip(all) {
            let single = &predictor.predict(&[text]).unwrap()[0];
            assert_eq!(single.class_name, among.class_name, "{backend}");
            let apart = single.probabilities.iter().zip(&among.probabilities).map(|(a, b)| (a - b).abs());
            assert!(apart.fold(0.0, f32::max) < 1e-6, "{backend}: {text:?}");
            assert_eq!(&predictor.predict(&[text]).unwrap()[0].probabilities, &single.probabilities, "{backend}");
        }
    }
}
