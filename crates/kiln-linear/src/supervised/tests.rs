//! Training compared with one thread of fastText, which draws initial values for only a tenth of the table.

use std::ops::ControlFlow;

use serde_json::Value;

use super::dictionary::Reading;
use super::tables::Tables;
use super::train::{Lines, train};
use super::{Loss, Supervised, SupervisedConfig};

#[test]
fn one_thread_of_fasttext_trains_the_same_model() {
    let text = std::fs::read_to_string("tests/fixtures/lines.txt").unwrap();
    let fixture: Value =
        serde_json::from_str(&std::fs::read_to_string("tests/fixtures/fasttext.json").unwrap()).unwrap();
    for case in fixture["cases"].as_array().unwrap() {
        let options = &case["options"];
        let number = |name: &str, default: u64| options[name].as_u64().unwrap_or(default) as usize;
        let config = SupervisedConfig::new()
            .d(number("dim", 100))
            .epochs(number("epoch", 5))
            .learning_rate(options["lr"].as_f64().unwrap() as f32)
            .word_ngrams(number("wordNgrams", 1))
            .min_n(number("minn", 0))
            .max_n(number("maxn", 0))
            .buckets(number("bucket", 2_000_000))
            .min_count(number("minCount", 1) as u64)
            .loss(if options["loss"] == "ova" { Loss::OneVsAll } else { Loss::Softmax })
            .seed(3);
        let mut reading = Reading::default();
        text.lines().for_each(|line| reading.line(line));
        let (dictionary, kinds) = reading.finish(&config);
        let lines = Lines { reading, kinds };
        let mut tables = Tables::new(dictionary.rows(), dictionary.labels.len(), config.d, 3, 1).unwrap();
        let loss = train(&config, &dictionary, &lines, &mut tables, &mut |_| ControlFlow::Continue(())).unwrap();
        let model = Supervised { config, dictionary, tables, loss };
        let expected = case["predictions"].as_array().unwrap();
        for (question, expected) in fixture["questions"].as_array().unwrap().iter().zip(expected) {
            for pair in expected.as_array().unwrap() {
                let found = model.predict(question.as_str().unwrap(), 10);
                let found = found.iter().find(|prediction| pair[0] == prediction.label.as_str()).unwrap();
                let expected = pair[1].as_f64().unwrap();
                // Words of equal count have another order here, and fastText looks its sigmoid up in a table.
                let difference = (f64::from(found.probability) - expected).abs();
                assert!(difference < 0.01, "{} {question} {found:?} for {expected}", case["name"]);
            }
        }
    }
}
