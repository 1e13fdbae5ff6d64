//! Rows with any number of labels each: the loss, a run, its report, and the artifact.

use burn::tensor::Tensor;
use kiln_models::{ConvClassifierConfig, EmbeddingFlattenConfig, Head, LossOptions, Targets};
use kiln_predict::{ArtifactConfig, SequenceEncoder, TextPredictor};
use kiln_report::LabelsReport;
use kiln_text::encoders::WordTokenizer;
use kiln_text::rows::PadSequences;
use kiln_train::{Optimizer, SequenceDatasets, TokenDataset, Trainer, evaluate, predict};

use crate::devices;
use crate::training::{cpu, folder};

/// Keras 3: `BinaryCrossentropy`, the mean over labels and then over rows, by its formula.
#[test]
fn the_loss_is_the_mean_of_binary_cross_entropies() {
    let (logits, truth) = ([[0.5_f32, -1.0, 2.0], [-0.25, 3.0, 0.0]], [[1.0_f32, 0.0, 1.0], [0.0, 0.0, 1.0]]);
    let log_sigmoid = |x: f32| -(1.0 + (-x).exp()).ln();
    let cell = |x: f32, y: f32| -(y * log_sigmoid(x) + (1.0 - y) * log_sigmoid(-x));
    let mean = |weights: [f32; 2], smoothing: f32| {
        let cells = (0..6).map(|at| {
            let (row, label) = (at / 3, at % 3);
            let y = truth[row][label] * (1.0 - smoothing) + smoothing / 2.0;
            weights[row] * cell(logits[row][label], y)
        });
        cells.sum::<f32>() / 6.0
    };
    for (backend, device) in devices::all() {
        let (outputs, head) = (Tensor::<2>::from_floats(logits, &device), Head::Labels(3));
        let targets = Targets::Values(Tensor::from_floats(truth, &device));
        let loss = head.loss(outputs.clone(), &targets).into_scalar::<f32>();
        assert!((loss - mean([1.0, 1.0], 0.0)).abs() < 1e-6, "{backend}: {loss}");
        let weights = Some(Tensor::<1>::from_floats([2.0, 0.5], &device));
        let options = LossOptions { weights, label_smoothing: 0.2 };
        let loss = head.loss_with(outputs.clone(), &targets, &options).into_scalar::<f32>();
        assert!((loss - mean([2.0, 0.5], 0.2)).abs() < 1e-6, "{backend}: {loss}");
        // All labels of the first row are right, those of the second are not.
        let correct = head.correct(outputs, &targets).unwrap().into_scalar::<f32>();
        assert_eq!(correct, 1.0, "{backend}");
    }
}

/// Texts with a label for each of three words that they contain.
fn texts() -> (Vec<String>, Vec<Vec<u32>>) {
    let words = ["sad", "short", "new"];
    let mut texts = (Vec::new(), Vec::new());
    for row in 0..96_u32 {
        let labels: Vec<u32> = (0..3).filter(|label| row >> label & 1 == 1).collect();
        let said: Vec<&str> = labels.iter().map(|&label| words[label as usize]).collect();
        texts.0.push(format!("film {} number {}", said.join(" "), row % 7));
        texts.1.push(labels);
    }
    texts
}

#[test]
fn a_model_learns_labels_and_its_folder_tells_them() {
    let (texts, labels) = texts();
    let tokenizer = WordTokenizer::builder().fit(texts.iter().map(String::as_str)).unwrap();
    let encode = SequenceEncoder::new(tokenizer, 8).unwrap();
    let data = encode.labels_dataset(&texts, labels.clone(), 3).unwrap();
    let names: Vec<String> = ["sad", "short", "new"].map(str::to_owned).to_vec();
    for (backend, device) in devices::all() {
        let config = ConvClassifierConfig::new(encode.vocab_size(), 8).d_embedding(16).filters(32);
        let model = config.kernel_sizes(&[1]).head(Head::Labels(3)).init(&device, 1).unwrap();
        let folder = folder();
        let artifact = ArtifactConfig::text(&model, &encode, &names);
        let trainer = Trainer::new(folder.path()).epochs(60).batch_size(16).quiet().artifact(artifact);
        let run = trainer.optimizer(Optimizer::adam().learning_rate(0.02)).fit(model, &data, &data).unwrap();
        let found = evaluate(run.model(), &data, 16).unwrap();
        assert_eq!(found.accuracy, Some(1.0), "{backend}");

        let report = found.labels_report(&names, &[0.5]).unwrap();
        let probabilities: Vec<f64> =
            predict(run.model(), &data, 32).unwrap().into_iter().flatten().map(f64::from).collect();
        let truth: Vec<bool> = labels.iter().flat_map(|of| (0..3).map(|label| of.contains(&label))).collect();
        let expected = LabelsReport::new(&names, &truth, &probabilities, &[0.5]).unwrap();
        assert_eq!((report.subset_accuracy, report.micro_average), (1.0, expected.micro_average), "{backend}");
        let error = found.report(&names).unwrap_err().to_string();
        assert!(error.contains("labels_report"), "{error}");

        let predictor = TextPredictor::load(folder.path(), &device).unwrap();
        assert!(predictor.has_labels() && predictor.threshold().is_none());
        let said = predictor.predict(&["a new film, and a sad one", "a film"]).unwrap();
        assert_eq!(said[0].labels, [0, 2], "{backend}: {:?}", said[0]);
        assert_eq!((said[1].labels.len(), said[1].probabilities.len()), (0, 3), "{backend}");
    }
}

#[test]
fn one_label_by_itself_and_a_threshold() {
    let texts = ["good", "bad", "good good", "bad bad"];
    let encode = SequenceEncoder::new(WordTokenizer::builder().fit(texts).unwrap(), 2).unwrap();
    let data = encode.labels_dataset(&texts, vec![vec![0], vec![], vec![0], vec![]], 1).unwrap();
    let names = ["good".to_owned()];
    let config = EmbeddingFlattenConfig::new(encode.vocab_size(), 2).head(Head::Labels(1));
    let model = config.init(&cpu(), 0).unwrap();
    let folder = folder();
    let artifact = ArtifactConfig::text(&model, &encode, &names).threshold(0.999);
    let run = Trainer::new(folder.path()).epochs(2).quiet().artifact(artifact).fit(model, &data, &data).unwrap();
    assert_eq!(evaluate(run.model(), &data, 4).unwrap().labels_report(&names, &[0.5]).unwrap().rows, 4);
    let predictor = TextPredictor::load(folder.path(), &cpu()).unwrap();
    assert_eq!(predictor.threshold(), Some(0.999));
    let said = predictor.predict(&["good"]).unwrap();
    assert!(said[0].labels.is_empty() && said[0].probabilities.len() == 1, "{:?}", said[0]);
}

#[test]
fn targets_of_another_kind_are_refused() {
    let pad = || PadSequences::new().max_len(2).pad(&[vec![1_u32], vec![2]]).unwrap();
    let labels = |labels| TokenDataset::with_labels(pad(), labels, 3, 4);
    let data = labels(vec![vec![0, 2], vec![]]).unwrap();
    let classes = TokenDataset::new(pad(), vec![0, 1], 4).unwrap();
    let error = |head: Head, data: &TokenDataset| {
        let model = EmbeddingFlattenConfig::new(4, 2).head(head).init(&cpu(), 0).unwrap();
        Trainer::new(folder().path()).quiet().fit(model, data, data).unwrap_err().to_string()
    };
    for (head, data, said) in [
        (Head::Binary, &data, "any of 3 labels"),
        (Head::Labels(4), &data, "any of 4 labels"),
        (Head::Labels(2), &classes, "a class or numbers per row"),
    ] {
        let error = error(head, data);
        assert!(error.contains("the targets of the data") && error.contains(said), "{head:?}: {error}");
    }
    for (bad, said) in [(vec![vec![3], vec![]], "[3] in row 0"), (vec![vec![], vec![1, 1]], "[1, 1] in row 1")] {
        let error = labels(bad).unwrap_err().to_string();
        assert!(error.contains(said) && error.contains("distinct labels below 3"), "{error}");
    }
    assert!(labels(vec![vec![]]).unwrap_err().to_string().contains("label lists"));
}
