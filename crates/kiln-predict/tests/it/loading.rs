//! What a folder says is checked before it is used; the options of an artifact have their effect.

use std::path::Path;
use std::time::{Duration, Instant};

use kiln_models::weights::{Precision, to_safetensors, weights_of};
use kiln_models::{Head, LanguageModelConfig, Model};
use kiln_predict::{ArtifactConfig, Error, TextGenerator, TextPredictor, TokenUnit};
use kiln_text::vocabulary::Vocabulary;

use crate::saved_model::{TEXTS, classifier, device, encode, names, save_classifier, save_regressor};

fn refused(folder: &Path) -> Error {
    TextPredictor::load(folder, &device()).map(drop).unwrap_err()
}

/// Replaces a part of `config.json` and removes its checksum, as a person who edits the file does.
fn edit(folder: &Path, from: &str, to: &str) {
    let path = folder.join("config.json");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    let text = text.replacen(from, to, 1);
    let end = text.find(",\n  \"checksum\"").unwrap_or(text.len() - 3);
    std::fs::write(&path, text[..end].to_owned() + "\n}\n").unwrap();
}

#[test]
fn sizes_that_the_weights_do_not_have_are_refused_at_once() {
    for (from, to) in [
        ("\"d_embedding\": 5", "\"d_embedding\": 1000000000"),
        ("\"filters\": 4", "\"filters\": 1000000000000"),
        ("\"kernel_size\": 5", "\"kernel_size\": 3"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        save_classifier(folder.path());
        edit(folder.path(), from, to);
        let began = Instant::now();
        let error = refused(folder.path()).to_string();
        assert!(error.contains("should have shape") && error.contains("model.safetensors"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
}

#[test]
fn keys_that_contradict_each_other_are_refused() {
    for (from, to, expected) in [
        ("\"class_names\": [", "\"class_names\": null, \"unit\": [", "unit"),
        ("\"threshold\": null", "\"threshold\": 0.5, \"threshold\": 0.9", "\"threshold\" occurs twice"),
        ("\"filters\": 4", "\"filters\": 4, \"filters\": 4", "\"filters\" occurs twice"),
        ("\"unit\": null", "\"unit\": \"words\"", "\"unit\" must be null"),
        ("\"class 0\"", "\"class 1\"", "the class names"),
        ("\"kind\": \"text_classifier\",", "", "missing field `kind`"),
        ("\"threshold\": null", "\"threshold\": null, \"checksum\": 1", "must be the last one"),
        ("\"model.safetensors\": {", "\"model.safetensor\": {", "\"model.safetensors\" meant?"),
        ("\"head\": \"binary\"", "\"head\": {\"classes\": 1}", "at least 2"),
        ("\"max_len\": 6", "\"max_len\": 7", "the model's length"),
        ("\"max_len\": 6", "\"max_lenn\": 6", "\"encoder\": missing field `max_len`; is \"max_lenn\" a misspelling"),
        ("\"max_len\": 6", "\"max_len\": \"six\"", "\"encoder.max_len\": invalid type"),
        ("\"padding\": \"pre\"", "\"padding\": \"left\"", "unknown variant `left`"),
        ("\"class 0\",", "", "the number of class names"),
        ("\"temperature\": null", "\"temperature\": 0", "temperature"),
        ("\"encoder\": {", "\"encoder\": null, \"made\": {", "made"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        save_classifier(folder.path());
        edit(folder.path(), from, to);
        let error = refused(folder.path()).to_string();
        assert!(error.contains(expected) && error.contains("config.json"), "{to}: {error}");
    }
}

#[test]
fn weights_that_are_no_numbers_are_refused_by_name() {
    for value in [f32::NAN, f32::INFINITY] {
        let folder = tempfile::tempdir().unwrap();
        let model = classifier(Head::Binary);
        let artifact = ArtifactConfig::text(&model, &encode(), &names(2));
        let mut weights = weights_of(&model);
        weights.get_mut("dense.bias").unwrap().values[0] = value;
        let error = artifact.save(folder.path(), &weights).unwrap_err().to_string();
        assert!(error.contains("dense.bias"), "{error}");

        artifact.save_without_weights(folder.path()).unwrap();
        let bytes = to_safetensors(&weights, Precision::Full, None).unwrap();
        std::fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
        let error = refused(folder.path()).to_string();
        assert!(error.contains("dense.bias") && error.contains("model.safetensors"), "{error}");
    }
}

#[test]
fn half_precision_takes_half_the_room_and_predicts_nearly_the_same() {
    let (full, half) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let model = classifier(Head::Classes(3));
    let mut weights = weights_of(&model);
    let artifact = ArtifactConfig::text(&model, &encode(), &names(3));
    artifact.save(full.path(), &weights).unwrap();
    let artifact = artifact.precision(Precision::Half);
    artifact.save(half.path(), &weights).unwrap();
    // Without the header.
    let numbers = |folder: &Path| {
        let bytes = std::fs::read(folder.join("model.safetensors")).unwrap();
        bytes.len() - 8 - u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize
    };
    assert_eq!(numbers(full.path()), 2 * numbers(half.path()));
    let [full, half] =
        [&full, &half].map(|folder| TextPredictor::load(folder.path(), &device()).unwrap().predict(&TEXTS).unwrap());
    assert!(full != half);
    for (full, half) in full.iter().zip(&half) {
        assert!((full.probability - half.probability).abs() < 1e-3, "{full:?} {half:?}");
    }
    weights.get_mut("dense.bias").unwrap().values[1] = 70_000.0;
    let error = artifact.save(tempfile::tempdir().unwrap().path(), &weights).unwrap_err().to_string();
    assert!(error.contains("dense.bias") && error.contains("65,504"), "{error}");
}

#[test]
fn a_temperature_and_a_threshold_do_what_they_say() {
    let model = classifier(Head::Binary);
    let predict = |artifact: ArtifactConfig| {
        let folder = tempfile::tempdir().unwrap();
        artifact.save(folder.path(), &weights_of(&model)).unwrap();
        TextPredictor::load(folder.path(), &device()).unwrap().predict(&TEXTS).unwrap()
    };
    let artifact = || ArtifactConfig::text(&model, &encode(), &names(2));
    let plain = predict(artifact());
    let logit = |p: f32| (p / (1.0 - p)).ln();
    for (plain, softened) in plain.iter().zip(predict(artifact().temperature(4.0))) {
        let expected = logit(plain.probabilities[1]) / 4.0;
        assert!((logit(softened.probabilities[1]) - expected).abs() < 1e-4, "{plain:?} {softened:?}");
    }
    let positive: Vec<f32> = plain.iter().map(|prediction| prediction.probabilities[1]).collect();
    let threshold = positive.iter().copied().fold(0.0, f32::max);
    for (positive, prediction) in positive.iter().zip(predict(artifact().threshold(threshold))) {
        let label = u32::from(*positive >= threshold);
        assert_eq!(prediction.label, label);
        assert_eq!(prediction.class_name, format!("class {label}"));
        assert_eq!(prediction.probability, prediction.probabilities[label as usize]);
    }
    let three = classifier(Head::Classes(3));
    let error = ArtifactConfig::text(&three, &encode(), &names(3)).threshold(0.5).check().unwrap_err();
    assert!(error.to_string().contains("3 classes"), "{error}");
}

#[test]
fn an_artifact_says_how_it_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let model = classifier(Head::Binary);
    let scores = [("val_loss".to_owned(), 0.25), ("loss".to_owned(), f64::NAN)];
    let artifact = ArtifactConfig::text(&model, &encode(), &names(2)).data("three texts").seed(9).scores(scores);
    artifact.save(folder.path(), &weights_of(&model)).unwrap();
    let text = std::fs::read_to_string(folder.path().join("config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(config["format"], 2);
    assert_eq!(
        (&config["model"]["name"], &config["encoder"]["name"]),
        (&"conv_classifier".into(), &"Tokenizer".into())
    );
    assert_eq!(config["scores"], serde_json::json!({"val_loss": 0.25}));
    assert_eq!((&config["made"]["data"], &config["made"]["seed"]), (&"three texts".into(), &9.into()));
    assert!(config["made"]["date"].as_str().unwrap().starts_with("20"));
    let bytes = std::fs::read(folder.path().join("model.safetensors")).unwrap();
    assert_eq!(config["files"]["model.safetensors"]["bytes"], bytes.len());
    let lock = include_str!("../../../../Cargo.lock");
    let burn = format!("name = \"burn\"\nversion = \"{}\"", config["burn"].as_str().unwrap());
    assert!(lock.contains(&burn), "{burn}");
}

#[test]
fn a_tokenizer_of_another_run_is_suspected_and_not_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    save_classifier(folder.path());
    let tokenizer = folder.path().join("tokenizer.json");
    let text = std::fs::read_to_string(&tokenizer).unwrap();
    std::fs::write(&tokenizer, text.replace("dull", "full")).unwrap();
    let error = refused(folder.path()).to_string();
    assert!(
        error.contains(
            "tokenizer.json was changed or is another run's: put back the one that the model was trained with"
        ),
        "{error}"
    );
    edit(folder.path(), "\"threshold\": null", "\"threshold\": 0.5");
    let error = refused(folder.path()).to_string();
    assert!(error.contains("either of the two may be wrong"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    save_classifier(folder.path());
    let path = folder.path().join("model.safetensors");
    std::fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let error = refused(folder.path()).to_string();
    assert!(error.contains("model.safetensors") && error.contains("a pipe"), "{error}");
}

#[test]
fn another_kind_is_named() {
    let folder = tempfile::tempdir().unwrap();
    save_regressor(folder.path());
    assert!(matches!(refused(folder.path()), Error::ArtifactKind { .. }));
    let error = TextGenerator::load(folder.path(), &device()).map(drop).unwrap_err().to_string();
    assert!(error.contains("holds a regressor of numeric sequences, but a language model was asked for"), "{error}");
}

/// Drawing an orthogonal matrix of 1,024 rows takes seconds.
#[test]
fn loading_draws_no_weights() {
    let folder = tempfile::tempdir().unwrap();
    let vocabulary = Vocabulary::builder().fit(TEXTS, |text, take| TokenUnit::Words.each(text, take)).unwrap();
    let config = LanguageModelConfig::new(vocabulary.len()).d_embedding(8).d_hidden(vec![1024]);
    let model = config.init(&device(), 0).unwrap();
    // Zeros instead of drawn weights.
    let zeros = kiln_models::weights::shapes_of(&model).into_iter().map(|(name, shape)| {
        let values = vec![0.0; shape.iter().product()];
        (name, kiln_models::weights::Weight { shape, values })
    });
    ArtifactConfig::language_model(&model, &vocabulary, TokenUnit::Words)
        .save(folder.path(), &zeros.collect())
        .unwrap();
    let began = Instant::now();
    let generator = TextGenerator::load(folder.path(), &device()).unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(generator.model().vocab_size(), Some(vocabulary.len()));
}
