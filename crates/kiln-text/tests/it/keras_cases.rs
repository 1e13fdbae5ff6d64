//! With every option, the tokenizer gives the results of Keras's legacy `Tokenizer`: `fixtures/keras_cases.json`, made
//! by `fixtures/keras_cases.py`. Errors, where Kiln departs, are not compared.

use kiln_text::encoders::{Encoder, WordTokenizer};
use kiln_text::io::Saved;
use kiln_text::keras::MatrixMode;
use serde_json::Value;

const CASES: &str = include_str!("../fixtures/keras_cases.json");

fn strings(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn pairs(value: &Value) -> Vec<(String, u64)> {
    let pair = |pair: &Value| (pair[0].as_str().unwrap().to_owned(), pair[1].as_u64().unwrap());
    value.as_array().unwrap().iter().map(pair).collect()
}

fn fitted(case: &Value) -> WordTokenizer {
    let mut builder = WordTokenizer::builder();
    for (option, value) in case["options"].as_object().unwrap() {
        let text = || value.as_str().unwrap();
        builder = match option.as_str() {
            "num_words" => builder.num_words(value.as_u64().unwrap() as usize),
            "oov_token" => builder.oov_token(text()),
            "lower" => builder.lower(value.as_bool().unwrap()),
            "char_level" => builder.char_level(value.as_bool().unwrap()),
            "filters" => builder.filters(text()),
            "split" => builder.split(text()),
            other => panic!("the fixture has an option that this test does not know: {other}"),
        };
    }
    let mut tokenizer = builder.build().unwrap();
    for texts in case["fits"].as_array().unwrap() {
        tokenizer.fit_on_texts(strings(texts)).unwrap();
    }
    tokenizer
}

fn each_case(check: impl Fn(&str, &Value, &WordTokenizer)) {
    let cases: Value = serde_json::from_str(CASES).unwrap();
    let cases = cases.as_array().unwrap();
    assert_eq!(cases.len(), 18);
    for case in cases {
        check(case["name"].as_str().unwrap(), case, &fitted(case));
    }
}

#[test]
fn words_have_the_ids_and_counts_of_keras() {
    each_case(|name, case, tokenizer| {
        let words = tokenizer.words().map(str::to_owned).zip(1..).collect::<Vec<_>>();
        assert_eq!(words, pairs(&case["word_index"]), "{name}");
        for (word, count) in pairs(&case["word_counts"]) {
            assert_eq!(tokenizer.word_count(&word), count, "{name}: {word:?}");
            assert_eq!(tokenizer.word_documents(&word), case["word_docs"][&word].as_u64().unwrap(), "{name}: {word:?}");
        }
        assert_eq!(tokenizer.document_count(), case["document_count"].as_u64().unwrap(), "{name}");
    });
}

#[test]
fn texts_encode_as_in_keras() {
    each_case(|name, case, tokenizer| {
        let texts = strings(&case["texts"]);
        let expected: Vec<Vec<u32>> = serde_json::from_value(case["sequences"].clone()).unwrap();
        assert_eq!(tokenizer.encode_all(&texts).unwrap(), expected, "{name}");
        for (text, expected) in texts.iter().zip(&expected) {
            assert_eq!(&tokenizer.encode(text), expected, "{name}: {text:?}");
            assert!(expected.iter().all(|&id| (id as usize) < tokenizer.vocab_size()), "{name}: {text:?}");
        }
    });
}

#[test]
fn ids_decode_as_in_keras_padding_apart() {
    each_case(|name, case, tokenizer| {
        let texts = strings(&case["texts"]);
        for (text, expected) in texts.iter().zip(strings(&case["back"])) {
            let mut ids = vec![0];
            ids.extend(tokenizer.encode(text));
            ids.extend([3, 1_000_000]);
            assert_eq!(tokenizer.decode_like_keras(&ids), expected, "{name}: {text:?}");
            assert_eq!(tokenizer.decode(&ids), tokenizer.decode_like_keras(&ids[1..]), "{name}: {text:?}");
        }
    });
}

#[test]
fn matrices_are_those_of_keras() {
    let modes = [
        ("binary", MatrixMode::Binary),
        ("count", MatrixMode::Count),
        ("freq", MatrixMode::Freq),
        ("tfidf", MatrixMode::TfIdf),
    ];
    each_case(|name, case, tokenizer| {
        for (mode_name, mode) in modes {
            let expected: Vec<Vec<f64>> = serde_json::from_value(case["matrices"][mode_name].clone()).unwrap();
            let matrix = tokenizer.texts_to_matrix(strings(&case["texts"]), mode).unwrap();
            assert_eq!((matrix.rows, matrix.columns), (expected.len(), expected[0].len()), "{name}, {mode_name}");
            for (at, expected) in expected.iter().enumerate() {
                for (cell, expected) in matrix.row(at).iter().zip(expected) {
                    assert!((cell - expected).abs() < 1e-12, "{name}, {mode_name}, row {at}: {cell} {expected}");
                }
            }
        }
    });
}

#[test]
fn every_case_survives_its_json() {
    each_case(|name, _, tokenizer| {
        let read = WordTokenizer::from_json(&tokenizer.to_json()).unwrap();
        assert_eq!(&read, tokenizer, "{name}");
    });
}
