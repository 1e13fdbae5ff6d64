//! Linear classifiers in artifacts, read by the predictor of networks.

use std::path::Path;

use kiln_linear::{LinearClassifier, LogisticRegression};
use kiln_models::weights::Precision;
use kiln_predict::{ArtifactConfig, Error, TextPredictor, linear_weights};
use kiln_text::corpora::{Document, Documents};
use kiln_text::features::TfidfVectorizer;

use crate::damage::not_refused;
use crate::saved_model::device;

const TEXTS: [&str; 4] = ["a fine film", "dull, dull", "an odd thing", ""];

fn trained(classes: usize) -> LinearClassifier {
    let words = ["dull", "fine", "odd"];
    let document = |at: usize| {
        let label = at % classes;
        Document { text: format!("a {} film number {at}", words[label]), label: label as u32 }
    };
    let names = (0..classes).map(|class| format!("class {class}"));
    let documents = Documents::new((0..30).map(document).collect(), names).unwrap();
    LinearClassifier::fit(TfidfVectorizer::builder().ngram_range(1, 2), &LogisticRegression::new(), &documents).unwrap()
}

fn save(classifier: &LinearClassifier, folder: &Path, with: impl Fn(ArtifactConfig) -> ArtifactConfig) {
    with(ArtifactConfig::linear(classifier)).save(folder, &linear_weights(classifier)).unwrap();
}

#[test]
fn a_saved_linear_classifier_predicts_the_same() {
    for classes in [2, 3] {
        let (classifier, folder) = (trained(classes), tempfile::tempdir().unwrap());
        save(&classifier, folder.path(), |artifact| artifact);
        let predictor = TextPredictor::load(folder.path(), &device()).unwrap();
        let linear = predictor.linear().unwrap();
        assert_eq!(linear.features(), classifier.features());
        assert_eq!(linear.predict_probabilities(TEXTS).unwrap(), classifier.predict_probabilities(TEXTS).unwrap());
        assert!(predictor.encoder().is_none() && predictor.summary().is_none());
        assert_eq!(predictor.class_names(), classifier.class_names());
        let probabilities = classifier.predict_probabilities(TEXTS).unwrap();
        let found = predictor.predict(&TEXTS).unwrap();
        for (prediction, expected) in found.iter().zip(probabilities.chunks(classes)) {
            let close = prediction.probabilities.iter().zip(expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6);
            assert!(close, "{prediction:?} {expected:?}");
            assert_eq!(prediction.class_name, format!("class {}", prediction.label));
        }
        assert_eq!([found[0].label, found[1].label], [1, 0]);
    }
}

#[test]
fn options_of_an_artifact_act_on_a_linear_classifier() {
    let (classifier, folder) = (trained(2), tempfile::tempdir().unwrap());
    let load = || TextPredictor::load(folder.path(), &device()).unwrap().predict(&TEXTS).unwrap();
    save(&classifier, folder.path(), |artifact| artifact);
    let plain = load();
    save(&classifier, folder.path(), |artifact| artifact.threshold(0.999));
    assert!(load().iter().all(|prediction| prediction.label == 0));
    save(&classifier, folder.path(), |artifact| artifact.temperature(4.0));
    for (cooled, plain) in load().iter().zip(&plain) {
        let logit = |p: f32| (p / (1.0 - p)).ln();
        let (cooled, plain) = (logit(cooled.probabilities[1]), logit(plain.probabilities[1]));
        assert!((cooled - plain / 4.0).abs() < 1e-4, "{cooled} {plain}");
    }
    save(&classifier, folder.path(), |artifact| artifact.precision(Precision::Half));
    for (half, plain) in load().iter().zip(&plain) {
        assert!((half.probability - plain.probability).abs() < 1e-2);
    }
    let error = ArtifactConfig::linear(&trained(3)).threshold(0.5).save(folder.path(), &linear_weights(&classifier));
    assert!(matches!(error.unwrap_err(), Error::Option(_)));
}

#[test]
fn damaged_and_edited_folders_are_refused() {
    let (classifier, folder) = (trained(2), tempfile::tempdir().unwrap());
    save(&classifier, folder.path(), |artifact| artifact);
    let load = |_: &Path| TextPredictor::load(folder.path(), &device()).map(drop);
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let failures = not_refused(&folder.path().join(file), load);
        assert!(failures.is_empty(), "{file}: {failures:#?}");
    }
    let config = std::fs::read_to_string(folder.path().join("config.json")).unwrap();
    let body = &config[..config.find(",\n  \"checksum\"").unwrap()];
    let encoder = r#""encoder": {"name": "Tokenizer", "max_len": 5, "padding": "pre", "truncating": "pre"}"#;
    for (from, to, expected) in [
        ("\"encoder\": null", encoder, "\"encoder\" must be null"),
        ("\"outputs\": 1", "\"outputs\": 3", "must be ["),
        ("\"columns\": ", "\"columns\": 9", "must be ["),
        ("\"class 1\"", "\"class 1\", \"class 2\"", "class names"),
        ("\"class 1\"", "\"class 0\"", "the class names"),
        ("\"temperature\": null", "\"temperature\": 0.0", "temperature"),
    ] {
        assert!(body.contains(from), "{from} in {body}");
        std::fs::write(folder.path().join("config.json"), body.replacen(from, to, 1) + "\n}\n").unwrap();
        let error = TextPredictor::load(folder.path(), &device()).map(drop).unwrap_err().to_string();
        assert!(error.contains(expected), "{from}: {error}");
    }
}
