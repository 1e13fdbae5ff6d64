//! Damaged files of an artifact are refused with an error that names the file.

use std::path::Path;

use kiln_predict::{Result, SeriesPredictor, TextGenerator, TextPredictor};

use crate::damage::not_refused;
use crate::saved_model::{device, save_classifier, save_language_model, save_regressor};

/// How an artifact is made, how it is loaded, and which files it has next to those of every artifact.
type Artifact = (fn(&Path), fn(&Path) -> Result<()>, &'static [&'static str]);

#[test]
fn every_damaged_copy_of_every_file_is_refused_with_its_name() {
    let all: [Artifact; 3] = [
        (save_classifier, |folder| TextPredictor::load(folder, &device()).map(drop), &["tokenizer.json"]),
        (save_regressor, |folder| SeriesPredictor::load(folder, &device()).map(drop), &[]),
        (save_language_model, |folder| TextGenerator::load(folder, &device()).map(drop), &["tokenizer.json"]),
    ];
    for (save, load, own) in all {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path());
        for file in ["config.json", "model.safetensors"].iter().chain(own) {
            let failures = not_refused(&folder.path().join(file), |_| load(folder.path()));
            assert!(failures.is_empty(), "{file}: {failures:#?}");
        }
    }
}

/// Every single bit of `config.json`.
#[test]
fn no_bit_of_a_configuration_can_flip_unseen() {
    let folder = tempfile::tempdir().unwrap();
    save_regressor(folder.path());
    let path = folder.path().join("config.json");
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() * 8 {
        let mut copy = whole.clone();
        copy[at / 8] ^= 1 << (at % 8);
        std::fs::write(&path, copy).unwrap();
        assert!(SeriesPredictor::load(folder.path(), &device()).is_err(), "bit {} of byte {}", at % 8, at / 8);
    }
}
