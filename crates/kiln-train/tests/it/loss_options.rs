//! Row weights, class weights and label smoothing.

use burn::tensor::{Device, Int, Tensor};
use kiln_base::RowWeights;
use kiln_models::weights::{Weights, weights_of};
use kiln_models::{EmbeddingFlattenConfig, Head, LanguageModelConfig, LossOptions, RecurrentRegressorConfig, Targets};
use kiln_text::rows::PadSequences;
use kiln_train::{Batches, ExistingRun, Optimizer, SeriesDataset, TextWindows, TokenDataset, Trainer, evaluate};

use crate::devices;
use crate::training::{cpu, folder};

const VOCAB: usize = 12;

fn rows(of: &[(Vec<u32>, u32)]) -> TokenDataset {
    let (ids, classes): (Vec<Vec<u32>>, Vec<u32>) = of.iter().cloned().unzip();
    TokenDataset::new(PadSequences::new().max_len(4).pad(&ids).unwrap(), classes, VOCAB).unwrap()
}

/// The weights of a model after one step over all rows.
fn after_a_step(data: &TokenDataset, device: &Device, head: Head, weights: RowWeights) -> Weights {
    let model = EmbeddingFlattenConfig::new(VOCAB, 4).d_embedding(3).head(head).init(device, 3).unwrap();
    let folder = folder();
    let trainer = Trainer::new(folder.path()).batch_size(data.rows()).quiet().row_weights(weights);
    let trainer = trainer.optimizer(Optimizer::sgd().learning_rate(0.5));
    weights_of(&trainer.fit(model, data, data).unwrap().into_model())
}

fn close(a: &Weights, b: &Weights) -> bool {
    let pairs = a.iter().flat_map(|(name, weight)| weight.values.iter().zip(&b[name].values));
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) < 1e-6
}

#[test]
fn a_row_of_weight_2_counts_twice_and_one_of_0_not_at_all() {
    let [a, b, c, d] = [(vec![1, 2], 0), (vec![3, 4, 5], 1), (vec![6], 1), (vec![7, 8], 0)];
    for (backend, device) in devices::all() {
        for head in [Head::Binary, Head::Classes(2)] {
            let once = rows(&[a.clone(), b.clone(), c.clone(), d.clone()]);
            let twice = rows(&[a.clone(), a.clone(), c.clone(), d.clone()]);
            let expected = after_a_step(&twice, &device, head, RowWeights::Equal);
            let weighted = |weights| after_a_step(&once, &device, head, weights);
            assert!(close(&weighted(RowWeights::Rows(vec![2.0, 0.0, 1.0, 1.0])), &expected), "{backend} {head:?}");
            assert!(!close(&weighted(RowWeights::Equal), &expected), "{backend} {head:?}");
            // Class weights act like the weights of the rows of these classes.
            let by_rows = weighted(RowWeights::Rows(vec![0.5, 3.0, 3.0, 0.5]));
            assert_eq!(weighted(RowWeights::Classes(vec![0.5, 3.0])), by_rows, "{backend} {head:?}");
            assert!(close(&weighted(RowWeights::Balanced), &weighted(RowWeights::Equal)), "{backend} {head:?}");
        }
    }
}

/// Keras 3: `BinaryCrossentropy` and `CategoricalCrossentropy` with `label_smoothing=0.2`, by their formulas.
#[test]
fn smoothed_labels_have_keras_loss() {
    for (backend, device) in devices::all() {
        let classes = Targets::Classes(Tensor::<1, Int>::from_ints([1, 0], &device));
        let options = LossOptions { weights: None, label_smoothing: 0.2 };
        let loss = |head: Head, logits: Tensor<2>| head.loss_with(logits, &classes, &options).into_scalar::<f32>();
        let log_sigmoid = |x: f32| -(1.0 + (-x).exp()).ln();
        let of = |y: f32, x: f32| -(y * log_sigmoid(x) + (1.0 - y) * log_sigmoid(-x));
        let binary = loss(Head::Binary, Tensor::from_floats([[0.7], [-1.5]], &device));
        assert!((binary - (of(0.9, 0.7) + of(0.1, -1.5)) / 2.0).abs() < 1e-6, "{backend}: {binary}");
        let logits = [[0.2, 1.0, -0.3], [0.5, 0.1, 0.9]];
        let of = |row: [f32; 3], class: usize| {
            let total: f32 = row.iter().map(|x| x.exp()).sum();
            let target = |at: usize| 0.2 / 3.0 + if at == class { 0.8 } else { 0.0 };
            -(0..3).map(|at| target(at) * (row[at] - total.ln())).sum::<f32>()
        };
        let many = loss(Head::Classes(3), Tensor::from_floats(logits, &device));
        assert!((many - (of(logits[0], 1) + of(logits[1], 0)) / 2.0).abs() < 1e-6, "{backend}: {many}");
    }
}

#[test]
fn smoothed_labels_keep_a_model_from_being_sure() {
    let of: Vec<(Vec<u32>, u32)> = (0..40).map(|row| (vec![1 + row % 2, 3], row % 2)).collect();
    let data = rows(&of);
    let surest = |smoothing| {
        let model = EmbeddingFlattenConfig::new(VOCAB, 4).d_embedding(3).init(&cpu(), 3).unwrap();
        let folder = folder();
        let trainer = Trainer::new(folder.path()).epochs(60).quiet().label_smoothing(smoothing);
        let trainer = trainer.optimizer(Optimizer::adam().learning_rate(0.1));
        let run = trainer.fit(model, &data, &data).unwrap();
        let found = evaluate(run.model(), &data, 40).unwrap().report(&["a", "b"]).unwrap();
        found.probabilities.unwrap().log_loss
    };
    assert!(surest(0.0) < 0.01);
    // With 0.2, a probability of 0.9 is best: minus the logarithm of 0.9.
    assert!((surest(0.2) - 0.105).abs() < 0.02, "{}", surest(0.2));
}

#[test]
fn balanced_weights_find_a_rare_class() {
    // One row of 51 is of class 1, and its words occur almost only there. In a short training, rows of equal weight
    // teach it too slowly.
    let device = cpu();
    let (mut better, mut gained) = (0, 0.0);
    for seed in 0..5 {
        let mut numbers = kiln_base::SplitMix64::new(seed);
        let mut draw = |count: usize| {
            let of = (0..count).map(|row| {
                let class = u32::from(row % 51 == 0);
                let word = |numbers: &mut kiln_base::SplitMix64| {
                    let marked = numbers.unit() < if class == 1 { 0.9 } else { 0.01 };
                    if marked { 1 + numbers.below(3) as u32 } else { 4 + numbers.below(8) as u32 }
                };
                ((0..4).map(|_| word(&mut numbers)).collect(), class)
            });
            rows(&of.collect::<Vec<_>>())
        };
        let (train, test) = (draw(51 * 30), draw(51 * 30));
        let f1 = |weights| {
            let model = EmbeddingFlattenConfig::new(VOCAB, 4).d_embedding(4).init(&device, seed).unwrap();
            let folder = folder();
            let trainer = Trainer::new(folder.path()).epochs(4).quiet().seed(seed).row_weights(weights);
            let trainer = trainer.optimizer(Optimizer::adam().learning_rate(2e-3));
            let run = trainer.fit(model, &train, &test).unwrap();
            evaluate(run.model(), &test, 500).unwrap().report(&["common", "rare"]).unwrap().macro_average.f1
        };
        let (equal, balanced) = (f1(RowWeights::Equal), f1(RowWeights::Balanced));
        eprintln!("macro F1 {equal:.3} with equal row weights, {balanced:.3} with balanced ones");
        better += usize::from(balanced > equal);
        gained += (balanced - equal) / 5.0;
    }
    assert!(better == 5 && gained > 0.03, "better with {better} of 5 seeds, by {gained} on average");
}

#[test]
fn options_that_do_not_fit_are_refused() {
    let data = rows(&[(vec![1, 2], 0), (vec![3], 1), (vec![4], 1)]);
    let told = |with: &dyn Fn(Trainer<_>) -> Trainer<_>| {
        let model = EmbeddingFlattenConfig::new(VOCAB, 4).init(&cpu(), 3).unwrap();
        let folder = folder();
        with(Trainer::new(folder.path()).quiet()).fit(model, &data, &data).map(drop).unwrap_err().to_string()
    };
    for (weights, expected) in [
        (RowWeights::Rows(vec![1.0; 2]), "row_weights should be 3 weights"),
        (RowWeights::Rows(vec![1.0, -1.0, 1.0]), "0 or more, found -1"),
        (RowWeights::Rows(vec![1.0, 1e300, 1.0]), "finite numbers"),
        (RowWeights::Rows(vec![0.0; 3]), "above 0 in one row at least"),
        (RowWeights::Classes(vec![1.0]), "row_weights should be 2 class weights"),
        (RowWeights::Classes(vec![1.0, f64::NAN]), "found NaN"),
    ] {
        let message = told(&|trainer| trainer.row_weights(weights.clone()));
        assert!(message.contains(expected), "{message}");
    }
    for part in [1.0, -0.1, f64::NAN] {
        assert!(
            told(&|trainer| trainer.label_smoothing(part)).contains("label_smoothing should be at least 0 and below 1")
        );
    }
    // A language model computes its own loss.
    let windows = TextWindows::new((0..60).map(|at| at * 7 % 11).collect(), 3, 5).unwrap();
    let model = || LanguageModelConfig::new(11).d_embedding(3).d_hidden(vec![3]).init(&cpu(), 0).unwrap();
    let folder = folder();
    let trainer = || Trainer::new(folder.path()).batch_size(3).quiet();
    let error = trainer().label_smoothing(0.1).fit(model(), &windows, &windows).unwrap_err().to_string();
    assert!(error.contains("label_smoothing should be unset for this model"), "{error}");
    // Running text has no class per row, only rows.
    assert!(
        trainer()
            .row_weights(RowWeights::Balanced)
            .fit(model(), &windows, &windows)
            .unwrap_err()
            .to_string()
            .contains("Batches::class")
    );
    // A regressor has no labels to smooth, but rows to weigh.
    let series = SeriesDataset::new((0..12).map(|at| at as f32 / 12.0).collect(), [3, 1], vec![0.5; 4], 1).unwrap();
    let regressor = || RecurrentRegressorConfig::new(1, 3).d_hidden(vec![2]).init(&cpu(), 0).unwrap();
    let trainer = || Trainer::new(folder.path()).batch_size(2).quiet().existing_run(ExistingRun::Overwrite);
    let error = trainer().label_smoothing(0.1).fit(regressor(), &series, &series).unwrap_err().to_string();
    assert!(error.contains("label_smoothing should be unset for this model"), "{error}");
    trainer().row_weights(RowWeights::Rows(vec![1.0, 0.0, 2.0, 1.0])).fit(regressor(), &series, &series).unwrap();
    let series = SeriesDataset::new(vec![0.0; 6], [3, 1], vec![0.0; 2], 1).unwrap();
    assert_eq!((series.class(0), data.class(0)), (None, Some(0)));
}

#[test]
fn a_run_is_not_resumed_with_other_weights() {
    let data = rows(&[(vec![1, 2], 0), (vec![3], 1), (vec![4], 1)]);
    let folder = folder();
    let fit = |existing, weights| {
        let model = EmbeddingFlattenConfig::new(VOCAB, 4).init(&cpu(), 3).unwrap();
        let trainer = Trainer::new(folder.path()).quiet().existing_run(existing).row_weights(weights);
        trainer.fit(model, &data, &data).map(drop)
    };
    fit(ExistingRun::Refuse, RowWeights::Balanced).unwrap();
    fit(ExistingRun::Resume, RowWeights::Balanced).unwrap();
    let error = fit(ExistingRun::Resume, RowWeights::Equal).unwrap_err().to_string();
    assert!(error.contains("row_weights and label_smoothing Balanced"), "{error}");
}
