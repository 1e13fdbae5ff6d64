//! Artifacts: a new process predicts the same bits; files that are missing, cut short or from another model are named.

use std::path::Path;
use std::process::Command;

use kiln_models::{RecurrentKind, RecurrentRegressorConfig};
use kiln_predict::Error;
use kiln_train::{ArtifactConfig, ExistingRun, SeriesDataset, SeriesPredictor, TextPredictor, Trainer, predict};

use crate::devices;
use crate::small_run::{SENTENCES, SmallRun};

fn cpu() -> burn::tensor::Device {
    devices::all().swap_remove(0).1
}

fn trained(folder: &Path) -> SmallRun {
    let small = SmallRun::new();
    small
        .trainer(folder, 2)
        .existing_run(ExistingRun::Refuse)
        .fit(small.model(&cpu()), &small.train, &small.valid)
        .unwrap();
    small
}

/// The probabilities of the sentences, as bits.
fn bits(folder: &Path) -> String {
    let predictor = TextPredictor::load(folder, &cpu()).unwrap();
    let predictions = predictor.predict(&SENTENCES).unwrap();
    let bits: Vec<String> =
        predictions.iter().flat_map(|p| &p.probabilities).map(|p| format!("{:08x}", p.to_bits())).collect();
    format!("bits {}", bits.join(" "))
}

/// The child process of the next test runs this; otherwise it does nothing.
#[test]
fn child_that_predicts() {
    if let Some(folder) = std::env::var_os("KILN_TEST_ARTIFACT") {
        println!("\n{}", bits(Path::new(&folder)));
    }
}

#[test]
fn a_new_process_predicts_the_bits_of_the_training_process() {
    let folder = tempfile::tempdir().unwrap();
    let small = SmallRun::new();
    let run = small
        .trainer(folder.path(), 2)
        .existing_run(ExistingRun::Refuse)
        .fit(small.model(&cpu()), &small.train, &small.valid)
        .unwrap();
    let padded = small.encode.pad(&SENTENCES).unwrap();
    let data = kiln_train::TokenDataset::new(padded, vec![0; 4], small.encode.vocab_size()).unwrap();
    let here: Vec<String> = predict(run.model(), &data, 64)
        .unwrap()
        .into_iter()
        .map(|outputs| outputs[0])
        .flat_map(|p| [1.0 - p, p])
        .map(|p| format!("{:08x}", p.to_bits()))
        .collect();

    // Another folder with only the three files.
    let moved = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::copy(folder.path().join(file), moved.path().join(file)).unwrap();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "artifact::child_that_predicts", "--nocapture"])
        .env("KILN_TEST_ARTIFACT", moved.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(&format!("bits {}", here.join(" "))), "{here:?}\n{text}");
}

#[test]
fn damaged_artifacts_are_named() {
    let folder = tempfile::tempdir().unwrap();
    trained(folder.path());
    let load = || TextPredictor::load(folder.path(), &cpu()).map(|_| ()).unwrap_err();
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let path = folder.path().join(file);
        let good = std::fs::read(&path).unwrap();

        std::fs::remove_file(&path).unwrap();
        let message = load().to_string();
        assert!(message.contains(&format!("lacks {file}")), "{message}");

        for bytes in [&good[..good.len() / 2], &good[..0]] {
            std::fs::write(&path, bytes).unwrap();
            let message = load().to_string();
            assert!(message.contains(file), "{message}");
        }
        std::fs::write(&path, good).unwrap();
    }
    assert!(TextPredictor::load(folder.path(), &cpu()).is_ok());

    // An intact tokenizer of the same size, but another one.
    let tokenizer = folder.path().join("tokenizer.json");
    let good = std::fs::read_to_string(&tokenizer).unwrap();
    std::fs::write(&tokenizer, good.replace("fine", "foul")).unwrap();
    let message = load().to_string();
    assert!(message.contains("tokenizer.json") && message.contains("trained with"), "{message}");
    std::fs::write(&tokenizer, good).unwrap();

    let config = folder.path().join("config.json");
    let text = std::fs::read_to_string(&config).unwrap();
    // An edit by a person who removes the checksum.
    let begins = text.find(",\n  \"checksum\"").unwrap();
    let edited = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        std::fs::write(&config, text[..begins].replacen(from, to, 1) + "\n}\n").unwrap();
        load().to_string()
    };
    let vocab = format!("\"vocab\": {}", SmallRun::new().encode.vocab_size());
    for (from, to, expected) in [
        ("\"format\": 2", "\"format\": 3", &["\"format\" must be 1 or 2", "newer Kiln"][..]),
        ("\"d_embedding\": 6", "\"d_embedding\": 7", &["embedding.table", "shape", "config.json"]),
        ("\"d_embedding\": 6", "\"d_embedding\": 1000000000", &["embedding.table", "1000000000"]),
        ("\"d_embedding\": 6", "\"d_embeding\": 6", &["d_embedding", "\"d_embeding\" a misspelling"]),
        ("\"d_embedding\": 6", "\"d_embedding\": 6, \"was\": 3", &["unknown key \"was\""]),
        ("\"class_names\": [", "\"classnames\": [], \"class_names\": [", &["\"class_names\" meant?"]),
        (&vocab, "\"vocab\": 4", &["vocabulary", "config.json"]),
        (&vocab, "\"vocab\": 99999999999", &["embedding.table", "99999999999"]),
        ("\"head\": \"binary\"", "\"head\": {\"values\": 1}", &["head", "config.json"]),
        ("\"threshold\": null", "\"threshold\": 1.5", &["threshold", "between 0 and 1"]),
        ("\"recurrent_classifier\"", "\"recurrent_clasifier\"", &["recurrent_classifier", "meant?", "conv_classifier"]),
        ("\"name\": \"Tokenizer\"", "\"name\": \"Morse\"", &["does not know the encoder", "\"ImdbIds\""]),
        ("\"kind\": \"text_classifier\"", "\"kind\": \"language_model\"", &["holds a language model"]),
    ] {
        let message = edited(from, to);
        assert!(expected.iter().all(|expected| message.contains(expected)), "{to}: {message}");
    }
    // The checksum removed and nothing else changed; then with a threshold.
    std::fs::write(&config, text[..begins].to_owned() + "\n}\n").unwrap();
    let labels = |threshold: &str| {
        std::fs::write(&config, text[..begins].replace("\"threshold\": null", threshold) + "\n}\n").unwrap();
        let predictor = TextPredictor::load(folder.path(), &cpu()).unwrap();
        predictor.predict(&SENTENCES).unwrap().into_iter().map(|prediction| prediction.label).collect::<Vec<_>>()
    };
    assert_eq!(labels("\"threshold\": 0.0"), [1; 4]);
    assert_eq!(labels("\"threshold\": 1.0"), [0; 4]);
    std::fs::write(&config, &text).unwrap();

    // A folder instead of each file.
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let path = folder.path().join(file);
        let good = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        let message = load().to_string();
        assert!(message.contains(file) && message.contains("must be a file, but is a folder"), "{message}");
        std::fs::remove_dir(&path).unwrap();
        std::fs::write(&path, good).unwrap();
    }

    let missing = TextPredictor::load(folder.path().join("nowhere"), &cpu()).map(|_| ()).unwrap_err();
    assert!(matches!(missing, Error::File(_)) && missing.to_string().contains("nowhere"), "{missing}");
}

#[test]
fn a_regressor_predicts_from_its_artifact_and_is_no_text_classifier() {
    let folder = tempfile::tempdir().unwrap();
    let values: Vec<f32> = (0..120).map(|i| (i * 13 % 17) as f32 / 17.0).collect();
    let sums: Vec<f32> = values.chunks(6).map(|row| row.iter().sum()).collect();
    let data = SeriesDataset::new(values.clone(), [3, 2], sums, 1).unwrap();
    let config = RecurrentRegressorConfig::new(2, 3).kind(RecurrentKind::Lstm).d_hidden(vec![4]);
    let model = config.init(&cpu(), 1).unwrap();
    let run = Trainer::new(folder.path())
        .epochs(2)
        .quiet()
        .artifact(ArtifactConfig::series(&model))
        .fit(model, &data, &data)
        .unwrap();
    let predictor = SeriesPredictor::load(folder.path(), &cpu()).unwrap();
    assert_eq!(predictor.predict(&values).unwrap(), predict(run.model(), &data, 64).unwrap());
    assert!(predictor.predict(&values[..7]).is_err());
    let error = TextPredictor::load(folder.path(), &cpu()).map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::ArtifactKind { .. }), "{error}");
    assert!(error.to_string().contains("regressor"), "{error}");
}

/// A model that was trained inside the enum of all text classifiers has the same parameter names as the model without
/// it.
#[test]
fn a_classifier_of_any_kind_is_loaded_as_it_was_trained() {
    use kiln_models::{
        ConvBiLstmConfig, ConvClassifierConfig, EmbeddingFlattenConfig, TextClassifier, TextClassifierConfig,
    };
    let small = SmallRun::new();
    let vocab = small.encode.vocab_size();
    let configs: [TextClassifierConfig; 4] = [
        EmbeddingFlattenConfig::new(vocab, 9).into(),
        ConvClassifierConfig::new(vocab, 9).filters(3).into(),
        ConvBiLstmConfig::new(vocab, 9).d_embedding(3).filters(3).d_hidden([3, 2]).into(),
        small.config.clone().into(),
    ];
    for config in configs {
        let folder = tempfile::tempdir().unwrap();
        let model = config.init(&cpu(), 1).unwrap();
        let run = Trainer::new(folder.path())
            .quiet()
            .artifact(ArtifactConfig::text(&model, &small.encode, &small.class_names))
            .fit(model, &small.train, &small.valid)
            .unwrap();
        let predictor = TextPredictor::load(folder.path(), &cpu()).unwrap();
        let trained = kiln_models::weights::weights_of(run.model());
        assert_eq!(
            kiln_models::weights::weights_of(predictor.model::<TextClassifier>().unwrap()),
            trained,
            "{config:?}"
        );
        assert!(trained.keys().all(|name| name.starts_with(char::is_lowercase)), "{:?}", trained.keys());
    }
}
