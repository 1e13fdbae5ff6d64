//! Training with sparse and frozen embeddings, and word2vec's modules with the ordinary trainer.

use burn::tensor::{Device, Tensor};
use burn::train::metric::AccuracyMetric;
use kiln_kernels::word2vec::{WindowBatch, WindowSampler};
use kiln_models::layers::EmbeddingConfig;
use kiln_models::weights::{Weights, weights_of};
use kiln_models::word2vec::{Architecture, ContextRow, NegativeSamplingConfig, SoftmaxCbowConfig};
use kiln_models::{RandomKey, RecurrentClassifier, record_rows};
use kiln_train::{
    ContextDataset, Error, ExistingRun, Monitor, Optimizer, OptimizerState, StepGradients, Trainable, Trainer,
};

use crate::devices;
use crate::small_run::SmallRun;

const TABLE: &str = "embedding.table";

/// A short run on batches that lack most words.
fn run(
    model: RecurrentClassifier,
    change: impl FnOnce(Trainer<RecurrentClassifier>) -> Trainer<RecurrentClassifier>,
) -> Weights {
    let small = SmallRun::new();
    let folder = tempfile::tempdir().unwrap();
    let trainer = Trainer::new(folder.path()).epochs(2).batch_size(4).quiet();
    let run = change(trainer).fit(model, &small.train, &small.valid).unwrap();
    weights_of(run.model())
}

fn model(device: &Device, sparse: bool) -> RecurrentClassifier {
    let mut model = SmallRun::new().model(device);
    model.embedding = model.embedding.sparse(sparse);
    model
}

fn greatest_difference(a: &Weights, b: &Weights) -> f32 {
    let numbers = |weights: &Weights| -> Vec<f32> { weights.values().flat_map(|w| w.values.clone()).collect() };
    numbers(a).iter().zip(numbers(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn gradient_descent_by_rows_is_gradient_descent() {
    for (backend, device) in devices::all() {
        let train = |sparse, decay| {
            let steep = Optimizer::sgd().learning_rate(0.5).weight_decay(decay);
            run(model(&device, sparse), |trainer| trainer.optimizer(steep).clip_norm(0.5))
        };
        let [learned, decayed] = [0.0, 0.1].map(|decay| {
            let (whole, rows) = (train(false, decay), train(true, decay));
            let far = greatest_difference(&whole, &rows);
            assert!(far < 1e-5, "{backend}, weight decay {decay}: {far}");
            rows
        });
        assert!(greatest_difference(&learned, &weights_of(&model(&device, false))) > 0.01, "{backend}: it learned");
        assert!(greatest_difference(&learned, &decayed) > 0.01, "{backend}: weights decayed");
    }
}

/// The batches of a group touch different rows; each row has the mean over all batches of the group.
#[test]
fn accumulated_gradients_of_rows_are_those_of_whole_tables() {
    for (backend, device) in devices::all() {
        let steep = Optimizer::sgd().learning_rate(0.5);
        let train = |sparse, accumulated| {
            run(model(&device, sparse), |trainer| {
                trainer.optimizer(steep).clip_norm(0.5).gradient_accumulation_steps(accumulated)
            })
        };
        let (whole, rows) = (train(false, 3), train(true, 3));
        let far = greatest_difference(&whole, &rows);
        assert!(far < 1e-5, "{backend}: {far}");
        assert!(greatest_difference(&rows, &train(true, 1)) > 0.01, "{backend}: accumulation changes the run");
    }
}

/// Rows that are not in a batch do not change, and neither do Adam's moments for them.
#[test]
fn adam_by_rows_leaves_the_other_rows_alone() {
    for (backend, device) in devices::all() {
        let device = device.autodiff();
        let mut embedding = EmbeddingConfig::new(6, 3).init(&device, RandomKey::new(0)).unwrap().sparse(true);
        let mut optimizer = OptimizerState::new(Optimizer::adam()).unwrap();
        let mut tables = vec![weights_of(&embedding)["table"].values.clone()];
        for ids in [[1, 2], [3, 3]] {
            let ids = Tensor::from_ints([ids], &device);
            let (loss, looked_up) = record_rows(|| embedding.forward(ids).sum());
            let gradients = StepGradients::new(&embedding, loss.backward(), looked_up);
            embedding = optimizer.step(embedding, gradients, 0.1, None);
            tables.push(weights_of(&embedding)["table"].values.clone());
        }
        let moved = |step: usize, row: usize| {
            let part = |table: &Vec<f32>| table[3 * row..][..3].to_vec();
            let (before, after) = (part(&tables[step]), part(&tables[step + 1]));
            before.iter().zip(after).map(|(before, after)| (before - after).abs()).fold(0.0, f32::max)
        };
        for (row, expected) in [(0, [0.0, 0.0]), (1, [0.1, 0.0]), (2, [0.1, 0.0]), (3, [0.0, 0.1]), (5, [0.0, 0.0])] {
            for (step, expected) in expected.into_iter().enumerate() {
                let got = moved(step, row);
                // The first step of Adam has the size of the rate, whatever the gradient; a second step differs.
                let right = if expected == 0.0 { got == 0.0 } else { got > 0.05 && got < 0.11 };
                assert!(right, "{backend}: row {row} moved by {got} in step {step}");
            }
        }
    }
}

#[test]
fn a_sparse_run_resumes_to_the_same_bits() {
    let device = devices::all().swap_remove(0).1;
    let small = SmallRun::new();
    let train = |folder: &std::path::Path, epochs, accumulated| {
        let run = small.trainer(folder, epochs).gradient_accumulation_steps(accumulated);
        let fresh = !folder.join("checkpoint.kiln").exists();
        let run = if fresh { run.existing_run(ExistingRun::Refuse) } else { run };
        weights_of(&run.fit(model(&device, true), &small.train, &small.valid).unwrap().into_model())
    };
    for accumulated in [1, 2] {
        let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let expected = train(whole.path(), 4, accumulated);
        train(parts.path(), 2, accumulated);
        assert_eq!(train(parts.path(), 4, accumulated), expected, "{accumulated} batches per step");
    }
}

#[test]
fn frozen_epochs_leave_an_embedding_alone_and_later_ones_train_it() {
    for (backend, device) in devices::all() {
        let before = weights_of(&model(&device, false));
        let frozen = run(model(&device, false), |trainer| trainer.frozen("embedding", 2));
        assert_eq!(frozen[TABLE], before[TABLE], "{backend}");
        assert_ne!(frozen["dense.kernel"], before["dense.kernel"], "{backend}");
        let thawed = run(model(&device, false), |trainer| trainer.frozen("embedding", 1));
        assert_ne!(thawed[TABLE], before[TABLE], "{backend}");
        let mut model = model(&device, false);
        model.embedding = model.embedding.trainable(false);
        assert_eq!(run(model, |trainer| trainer)[TABLE], before[TABLE], "{backend}: frozen for good");
    }
}

#[test]
fn the_longest_rule_counts_and_what_is_frozen_for_good_stays_so() {
    let device = devices::all().swap_remove(0).1;
    let before = weights_of(&model(&device, false));
    for rules in [[("embedding.table", 2), ("embedding", 1)], [("embedding", 1), ("embedding.table", 2)]] {
        let after = run(model(&device, false), |trainer| {
            rules.iter().fold(trainer, |trainer, &(path, epochs)| trainer.frozen(path, epochs))
        });
        assert_eq!(after[TABLE], before[TABLE], "{rules:?}");
    }
    let mut model = model(&device, false);
    model.embedding = model.embedding.trainable(false);
    assert_eq!(run(model, |trainer| trainer.frozen("embedding", 1))[TABLE], before[TABLE]);
}

/// A table that is both looked up and multiplied by, as with tied weights, has one gradient.
#[test]
fn a_sparse_table_that_is_also_used_whole_takes_one_step() {
    let device = devices::all().swap_remove(0).1.autodiff();
    let step = |sparse: bool| {
        let layer = EmbeddingConfig::new(6, 3).init(&device, RandomKey::new(0)).unwrap().sparse(sparse);
        let mut optimizer = OptimizerState::new(Optimizer::adam()).unwrap();
        let mut layer = layer;
        for _ in 0..2 {
            let (loss, looked_up) = record_rows(|| {
                let rows = layer.forward(Tensor::from_ints([[1, 4, 1]], &device)).reshape([3, 3]);
                rows.matmul(layer.table.val().transpose()).square().sum()
            });
            let gradients = StepGradients::new(&layer, loss.backward(), looked_up);
            layer = optimizer.step(layer, gradients, 0.01, Some(0.5));
        }
        weights_of(&layer)
    };
    assert!(greatest_difference(&step(true), &step(false)) < 1e-6);
}

#[test]
fn burns_accuracy_of_negative_sampling_is_kilns() {
    let device = devices::all().swap_remove(0).1;
    let (rows, counts) = rows(Architecture::Cbow);
    let model = NegativeSamplingConfig::new(counts).vector_size(8).init(&device, 0).unwrap();
    let data = ContextDataset::new(rows).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let trainer = Trainer::new(folder.path()).epochs(2).batch_size(20).quiet().metric(AccuracyMetric::new());
    let run = trainer.fit(model, &data, &data).unwrap();
    let last = run.history().epochs().last().unwrap();
    let burns = last.metrics.iter().find(|(name, _)| name.starts_with("val_")).unwrap().1;
    assert!((burns / 100.0 - last.val_accuracy.unwrap()).abs() < 0.02, "{last:?}");
}

#[test]
fn freezing_what_is_not_there_is_refused_before_anything_is_written() {
    let device = devices::all().swap_remove(0).1;
    let small = SmallRun::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let error = Trainer::new(&path).frozen("embeding", 1).quiet().fit(small.model(&device), &small.train, &small.valid);
    let error = error.unwrap_err();
    assert!(matches!(error, Error::Model(_)) && error.to_string().contains("embedding.table"), "{error}");
    assert!(!path.exists());
}

/// A text in which `a` and `b` occur next to `c` or `d`.
fn rows(architecture: Architecture) -> (Vec<ContextRow>, Vec<u64>) {
    let text: Vec<u32> = (0..400).map(|n| [0, 2, 1, 2, 0, 3, 1, 3, 4][n * n % 9]).collect();
    let mut counts = vec![0; 5];
    text.iter().for_each(|&word| counts[word as usize] += 1);
    let mut batch = WindowBatch::default();
    let sampler = WindowSampler::new(&counts, 1, false, 1, 0.0, 0.75);
    sampler.draw(&text, &mut RandomKey::new(0).generator(), &mut batch);
    (ContextRow::of(&batch, architecture), counts)
}

/// The loss of the first and of the last epoch.
fn losses<M: Trainable>(model: M, rows: Vec<ContextRow>) -> (f64, f64)
where
    ContextDataset: kiln_train::Batches<Batch = M::Batch>,
{
    let data = ContextDataset::new(rows).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let run = Trainer::new(folder.path())
        .epochs(6)
        .batch_size(20)
        .optimizer(Optimizer::adam().learning_rate(0.02))
        .save_best(Monitor::ValidLoss)
        .quiet()
        .fit(model, &data, &data)
        .unwrap();
    let losses = run.history().values("loss");
    (losses[0], *losses.last().unwrap())
}

#[test]
fn word2vecs_modules_are_trained_by_the_ordinary_trainer() {
    for (backend, device) in devices::all() {
        for architecture in [Architecture::Cbow, Architecture::SkipGram] {
            let (rows, counts) = rows(architecture);
            let mut model = NegativeSamplingConfig::new(counts).vector_size(8).negative(2).init(&device, 0).unwrap();
            model.input = model.input.sparse(true);
            model.output = model.output.sparse(true);
            let (first, last) = losses(model, rows.clone());
            assert!(last < 0.9 * first, "{backend}: {first} {last}");
            let model = SoftmaxCbowConfig::new(5).vector_size(8).init(&device, 0).unwrap();
            let (first, last) = losses(model, rows);
            assert!(last < 0.9 * first, "{backend}: {first} {last}");
        }
    }
}
