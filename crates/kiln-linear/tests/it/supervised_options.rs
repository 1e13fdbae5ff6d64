//! The supervised model's row weights, validation and early stopping.

use std::ops::ControlFlow;

use kiln_base::{RowWeights, SplitMix64};
use kiln_linear::{Error, Loss, Supervised, SupervisedConfig, SupervisedEpoch};

type Fitted = kiln_linear::Result<(Supervised, Vec<SupervisedEpoch>)>;

fn fit(config: &SupervisedConfig, lines: &[String]) -> kiln_linear::Result<Supervised> {
    Supervised::fit(config, lines, |_| ControlFlow::Continue(()))
}

fn fit_with(config: &SupervisedConfig, lines: &[String], valid: &[String]) -> Fitted {
    Supervised::fit_with_validation(config, lines, valid, |_| ControlFlow::Continue(()))
}

/// Every bit of a model that its file stores, and its loss.
fn bits(model: &Supervised) -> (Vec<u8>, u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.bin");
    model.save(&path).unwrap();
    (std::fs::read(path).unwrap(), model.loss().to_bits())
}

fn words(vector: Option<Vec<f32>>) -> Vec<u32> {
    vector.unwrap().into_iter().map(f32::to_bits).collect()
}

/// Lines of two labels, some with both, and every seventh without a label.
fn mixed_lines() -> Vec<String> {
    let lines = std::fs::read_to_string("tests/fixtures/lines.txt").unwrap();
    let with_others = |(at, line): (usize, &str)| {
        let other = (at % 7 == 3).then(|| format!("no label in line {at}"));
        other.into_iter().chain([line.to_owned()])
    };
    lines.lines().enumerate().flat_map(with_others).collect()
}

fn with_label(lines: &[String]) -> usize {
    lines.iter().filter(|line| line.contains("__label__")).count()
}

/// `count` lines with one label each, `__label__a` if `of_a`, and one word that occurs in no other line.
fn lines_of_one_label(count: usize, of_a: impl Fn(usize) -> bool) -> Vec<String> {
    (0..count).map(|at| format!("__label__{} own{at} shared word", if of_a(at) { "a" } else { "b" })).collect()
}

/// Lines of two labels. A third of the words depends on the label, but 3 of 10 labels are random, so that many epochs
/// overfit.
fn noisy_lines(seed: u64, count: usize) -> Vec<String> {
    let mut numbers = SplitMix64::new(seed);
    let line = |_| {
        let class = numbers.below(2);
        let label = if numbers.unit() < 0.3 { numbers.below(2) } else { class };
        let mut word = |at| match at % 3 {
            0 => format!("of{class}x{}", numbers.below(10)),
            _ => format!("w{}", numbers.below(60)),
        };
        let words: Vec<String> = (0..9).map(&mut word).collect();
        format!("__label__{label} {}", words.join(" "))
    };
    (0..count).map(line).collect()
}

/// The validation loss by its definition, from the model's predictions.
fn loss_of(model: &Supervised, lines: &[String]) -> f64 {
    let of_line = |line: &String| {
        let is_right = |label: &str| line.split(' ').any(|token| token == label);
        let known = model.labels().filter(|label| is_right(label)).count();
        let loss = |right: bool, probability: f32| match model.config().loss {
            Loss::Softmax if !right => 0.0,
            Loss::Softmax => -(f64::from(probability) + 1e-5).ln() / known as f64,
            Loss::OneVsAll if right => -(f64::from(probability) + 1e-5).ln(),
            Loss::OneVsAll => -(1.0 - f64::from(probability) + 1e-5).ln(),
        };
        let scored = model.predict(line, usize::MAX);
        (known > 0).then(|| scored.iter().map(|label| loss(is_right(&label.label), label.probability)).sum())
    };
    let losses: Vec<f64> = lines.iter().filter_map(of_line).collect();
    losses.iter().sum::<f64>() / losses.len() as f64
}

#[test]
fn weights_of_one_change_no_bit() {
    let lines = mixed_lines();
    let ones = RowWeights::Rows(vec![1.0; with_label(&lines)]);
    let config = SupervisedConfig::new().d(8).epochs(5).learning_rate(0.5).word_ngrams(2).buckets(101);
    for config in [config.clone(), config.clone().shuffle(3), config.clone().loss(Loss::OneVsAll)] {
        let weighted = fit(&config.clone().row_weights(ones.clone()), &lines).unwrap();
        assert!(bits(&weighted) == bits(&fit(&config, &lines).unwrap()));
    }
    // Balanced labels: class weights change nothing, in order or shuffled.
    let lines = lines_of_one_label(40, |at| at % 2 == 0);
    for weights in [RowWeights::Balanced, RowWeights::Classes(vec![1.0; 2]), RowWeights::Equal] {
        let weighted = fit(&config.clone().row_weights(weights), &lines).unwrap();
        assert!(bits(&weighted) == bits(&fit(&config, &lines).unwrap()));
    }
}

#[test]
fn weights_of_two_are_twice_the_learning_rate() {
    let lines = mixed_lines();
    let config = SupervisedConfig::new().d(8).epochs(5).word_ngrams(2).buckets(101);
    for config in [config.clone(), config.loss(Loss::OneVsAll)] {
        let twos = RowWeights::Rows(vec![2.0; with_label(&lines)]);
        let weighted = fit(&config.clone().learning_rate(0.1).row_weights(twos), &lines).unwrap();
        let faster = fit(&config.clone().learning_rate(0.2), &lines).unwrap();
        assert!(bits(&weighted).0 == bits(&faster).0);
        assert_eq!(weighted.loss(), 2.0 * faster.loss());
        let plain = fit(&config.learning_rate(0.1), &lines).unwrap();
        assert!(bits(&weighted).0 != bits(&plain).0);
    }
}

#[test]
fn a_weight_belongs_to_its_line() {
    let mut lines = lines_of_one_label(40, |at| at % 3 == 0);
    for at in [0, 5, 25] {
        lines.insert(at, "no label".to_owned());
    }
    // Line 31 of the lines with labels has weight 0; line 10 has a label that is too rare.
    lines[12] = "__label__rare own10".to_owned();
    let mut weights = vec![1.0; 40];
    weights[31] = 0.0;
    let config = SupervisedConfig::new().d(6).epochs(4).learning_rate(0.5).min_count_label(2);
    // Steps so small that all rows keep their initial values.
    let drawn = fit(&config.clone().learning_rate(1e-30), &lines).unwrap();
    for config in [config.clone(), config.clone().shuffle(1), config.shuffle(2).loss(Loss::OneVsAll)] {
        let model = fit(&config.row_weights(RowWeights::Rows(weights.clone())), &lines).unwrap();
        for at in 0..40 {
            let word = format!("own{at}");
            let is_drawn = words(model.word_vector(&word)) == words(drawn.word_vector(&word));
            assert_eq!(is_drawn, at == 31 || at == 10, "{word}");
        }
    }
}

#[test]
fn class_weights_have_the_order_of_the_labels() {
    let lines = lines_of_one_label(40, |at| at % 4 == 0);
    let config = SupervisedConfig::new().d(6).epochs(4).learning_rate(0.5);
    let drawn = fit(&config.clone().learning_rate(1e-30), &lines).unwrap();
    let model = fit(&config.row_weights(RowWeights::Classes(vec![0.0, 1.0])), &lines).unwrap();
    // The first line has the rarer label, which comes second.
    assert_eq!(model.labels().collect::<Vec<_>>(), ["__label__b", "__label__a"]);
    for at in 0..40 {
        let word = format!("own{at}");
        let is_drawn = words(model.word_vector(&word)) == words(drawn.word_vector(&word));
        assert_eq!(is_drawn, at % 4 != 0, "{word}");
    }
}

#[test]
fn balanced_weights_find_a_rare_label() {
    // One line in 20 has the rare label, which is recognised by words that occur in the other lines, too.
    let lines = |seed| {
        let mut numbers = SplitMix64::new(seed);
        let line = |at: usize| {
            let is_rare = at.is_multiple_of(20);
            let marked = if is_rare { 0.5 } else { 0.1 };
            let mut word = |_| match numbers.unit() < marked {
                true => format!("m{}", numbers.below(5)),
                false => format!("w{}", numbers.below(30)),
            };
            let words: Vec<String> = (0..8).map(&mut word).collect();
            format!("__label__{} {}", if is_rare { "rare" } else { "common" }, words.join(" "))
        };
        (0..1_000).map(line).collect::<Vec<_>>()
    };
    let mut gains = Vec::new();
    for seed in 0..5 {
        let (train, test) = (lines(seed), lines(100 + seed));
        let recalls = |weights| {
            let config = SupervisedConfig::new().d(10).epochs(5).shuffle(seed).row_weights(weights);
            let model = fit(&config, &train).unwrap();
            ["common", "rare"].map(|label| {
                let of_label: Vec<&String> = test.iter().filter(|line| line.contains(label)).collect();
                model.test(&of_label, 1).recall()
            })
        };
        let (equal, balanced) = (recalls(RowWeights::Equal), recalls(RowWeights::Balanced));
        let gained = (balanced.iter().sum::<f64>() - equal.iter().sum::<f64>()) / 2.0;
        gains.push(gained);
    }
    assert!(gains.iter().all(|&gain| gain > 0.05) && gains.iter().sum::<f64>() > 0.5, "{gains:?}");
}

#[test]
fn validation_changes_no_bit_and_measures_what_the_model_predicts() {
    let lines = mixed_lines();
    let (train, mut valid) = lines.split_at(90);
    let unknown = ["__label__unknown a dull film".to_owned(), "__label__unknown __label__bad a dull film".to_owned()];
    let all_valid = [valid, &unknown].concat();
    valid = &all_valid;
    let config = SupervisedConfig::new().d(8).epochs(6).learning_rate(0.3).word_ngrams(2).buckets(101);
    for config in [config.clone(), config.clone().shuffle(3), config.clone().loss(Loss::OneVsAll)] {
        let (model, epochs) = fit_with(&config, train, valid).unwrap();
        assert!(bits(&model) == bits(&fit(&config, train).unwrap()));
        assert_eq!(epochs.len(), 6);
        let last = epochs[5];
        assert_eq!(last.val_precision, model.test(valid, 1).precision());
        let loss = loss_of(&model, valid);
        assert!((last.val_loss - loss).abs() < 1e-6, "{} for {loss}", last.val_loss);
        // The epochs have about the same number of steps.
        let mean = epochs.iter().map(|epoch| epoch.loss).sum::<f64>() / 6.0;
        assert!((mean / model.loss() - 1.0).abs() < 0.03, "{mean} for {}", model.loss());
        assert!(epochs[0].loss > last.loss && epochs[0].val_loss > last.val_loss, "{epochs:?}");
    }
    let (model, epochs) = fit_with(&config.clone().epochs(1), train, valid).unwrap();
    assert_eq!(epochs[0].loss, model.loss());
    // An epoch with too few tokens to update the learning rate.
    assert_eq!(fit_with(&config, &train[..8], valid).unwrap().1.len(), 6);
}

#[test]
fn an_epoch_is_judged_when_it_ends() {
    let (train, valid) = (noisy_lines(1, 300), noisy_lines(2, 100));
    // The rate falls so slowly that it hardly affects the tables of the first epoch.
    let config = SupervisedConfig::new().d(8).learning_rate(0.2);
    let (_, epochs) = fit_with(&config.clone().epochs(1_000), &train, &valid).unwrap();
    // At half that rate, the loss after the second epoch is near that after the first one above.
    let (_, slower) = fit_with(&config.clone().learning_rate(0.1).epochs(2_000), &train, &valid).unwrap();
    assert!((epochs[0].val_loss - slower[1].val_loss).abs() < 0.01, "{:?} {:?}", epochs[0], slower[1]);
    assert!((epochs[0].val_loss - slower[0].val_loss).abs() > 0.02, "{:?} {:?}", epochs[0], slower[0]);
}

#[test]
fn early_stopping_stops_and_restores_the_best_tables() {
    let (train, valid) = (noisy_lines(1, 400), noisy_lines(2, 200));
    let config = SupervisedConfig::new().d(10).epochs(40).learning_rate(0.5).word_ngrams(2).buckets(1_000);
    let (last, all) = fit_with(&config, &train, &valid).unwrap();
    let best = (0..all.len()).min_by(|&a, &b| all[a].val_loss.total_cmp(&all[b].val_loss)).unwrap();
    assert!(best > 0 && best + 5 < all.len() && all[39].val_loss > all[best].val_loss + 0.1, "{best} of {all:?}");
    for patience in [1, 3] {
        let (model, epochs) = fit_with(&config.clone().patience(patience), &train, &valid).unwrap();
        // The first place with this many epochs after it whose loss is not lower.
        let stop = (0..all.len())
            .find(|&at| all[at + 1..].iter().take(patience).all(|next| next.val_loss >= all[at].val_loss));
        let stop = stop.unwrap();
        assert_eq!(epochs.len(), stop + 1 + patience);
        assert_eq!(epochs, all[..epochs.len()], "the rate falls over all planned epochs");
        let (found, lowest, end) = (loss_of(&model, &valid), all[stop].val_loss, epochs.last().unwrap().val_loss);
        assert!((found - lowest).abs() < 1e-6 && (found - end).abs() > 1e-5, "{found}: {lowest}, at the end {end}");
        assert_eq!(model.test(&valid, 1).precision(), all[stop].val_precision);
        assert_eq!(model.config().patience, Some(patience));
    }
    // A run that never stops also returns the best epoch; one thread computes the same bits.
    let patient = config.patience(39);
    let (model, epochs) = fit_with(&patient, &train, &valid).unwrap();
    assert_eq!(epochs, all);
    assert!((loss_of(&model, &valid) - all[best].val_loss).abs() < 1e-6);
    assert!((loss_of(&last, &valid) - all[39].val_loss).abs() < 1e-6);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let (again, epochs_again) = pool.install(|| fit_with(&patient, &train, &valid)).unwrap();
    assert!(bits(&again) == bits(&model) && epochs_again == epochs);
}

#[test]
fn weights_validation_and_patience_that_do_not_fit_are_refused() {
    let lines = lines_of_one_label(4, |at| at % 2 == 0);
    let several = [&lines[..], &["__label__b __label__a x".to_owned()]].concat();
    let config = SupervisedConfig::new().d(4);
    for (weights, lines, expected) in [
        (RowWeights::Rows(vec![1.0; 3]), &lines, "row_weights should be 4 weights, one for each row, found 3"),
        (RowWeights::Rows(vec![1.0; 5]), &lines, "found 5"),
        (RowWeights::Rows(vec![1.0, -1.0, 1.0, 1.0]), &lines, "0 or more, found -1"),
        (RowWeights::Rows(vec![0.0; 4]), &lines, "above 0 in one row at least"),
        (RowWeights::Classes(vec![1.0]), &lines, "should be 2 class weights, one for each class, or more, found 1"),
        (RowWeights::Balanced, &several, "found line 5 with __label__b and __label__a"),
        (RowWeights::Classes(vec![1.0; 2]), &several, "found line 5 with"),
    ] {
        for loss in [Loss::Softmax, Loss::OneVsAll] {
            let config = config.clone().loss(loss).row_weights(weights.clone());
            let error = fit(&config, lines).unwrap_err();
            assert!(matches!(error, Error::Option(_)) && error.to_string().contains(expected), "{error}");
            assert_eq!(fit_with(&config, lines, lines).unwrap_err().to_string(), error.to_string());
        }
    }
    // A repeated label is one label, and a label that is too rare does not count.
    let twice = [&lines[..], &["__label__a __label__a __label__rare x".to_owned()]].concat();
    fit(&config.clone().min_count_label(2).row_weights(RowWeights::Balanced), &twice).unwrap();

    for valid in [vec![], vec!["no label"], vec!["__label__c unknown"], vec![""]] {
        let valid: Vec<String> = valid.into_iter().map(str::to_owned).collect();
        let error = fit_with(&config, &lines, &valid).unwrap_err();
        assert!(matches!(error, Error::NothingToValidate { lines, .. } if lines == valid.len()), "{error}");
    }
    let error = fit_with(&config.clone().patience(0), &lines, &lines).unwrap_err().to_string();
    assert!(error.contains("patience should be 1 or more, found 0"), "{error}");
    let error = fit(&config.clone().patience(2), &lines).unwrap_err().to_string();
    assert!(error.contains("patience should be none without validation lines") && error.contains("found 2"), "{error}");
    let error = Supervised::fit_with_validation(
        &config,
        &lines,
        [Err::<&str, _>(kiln_text::Error::EmptyCorpus { documents: 0 })],
        |_| ControlFlow::Continue(()),
    );
    assert!(matches!(error.unwrap_err(), Error::Text(_)));
}

#[test]
fn options_are_data() {
    let config = SupervisedConfig::new().row_weights(RowWeights::Rows(vec![0.1, 2.0])).patience(3);
    let json = serde_json::to_string(&config).unwrap();
    assert!(json.contains(r#""row_weights":{"rows":[0.1,2.0]},"patience":3"#), "{json}");
    assert_eq!(serde_json::from_str::<SupervisedConfig>(&json).unwrap(), config);
    for (weights, expected) in [
        (RowWeights::Equal, r#""equal""#),
        (RowWeights::Balanced, r#""balanced""#),
        (RowWeights::Classes(vec![1.5]), r#"{"classes":[1.5]}"#),
    ] {
        let config = SupervisedConfig::new().row_weights(weights);
        let json = serde_json::to_string(&config).unwrap();
        assert!(json.contains(&format!(r#""row_weights":{expected},"#)), "{json}");
        assert_eq!(serde_json::from_str::<SupervisedConfig>(&json).unwrap(), config);
    }
    // JSON from before these options existed.
    let mut old = serde_json::to_value(SupervisedConfig::new()).unwrap();
    let fields = old.as_object_mut().unwrap();
    assert!(fields.remove("row_weights").is_some() && fields.remove("patience").is_some());
    assert_eq!(serde_json::from_value::<SupervisedConfig>(old).unwrap(), SupervisedConfig::new());
}
