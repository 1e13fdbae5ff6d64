//! Every cell of `TextVectorization` is Keras's: with every option on small texts, and on IMDB's first 2,000 training
//! reviews (`fixtures/text_vectorization.json`, made by `fixtures/text_vectorization.py`). It can be saved and loaded,
//! reads and writes Keras's configuration, and refuses invalid options.
//!
//! The test on IMDB reads `$KILN_TEST_DATA/imdb/aclImdb_v1.tar.gz`; without the variable it is skipped.

use std::ops::ControlFlow;
use std::time::Instant;

use kiln_text::Error;
use kiln_text::corpora::Imdb;
use kiln_text::encoders::Encoder;
use kiln_text::error::TextVectorizationError;
use kiln_text::io::{Saved, TextProgress, observed};
use kiln_text::keras::{OutputMode, SplitBy, Standardize, TextVectorization, TextVectorizationBuilder};
use proptest::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::skips::test_data;

const EXPECTED: &str = include_str!("../fixtures/text_vectorization.json");
const CONFIG: &str = include_str!("../fixtures/text_vectorization_config.json");

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

fn builder(options: &Value) -> TextVectorizationBuilder {
    let mut builder = TextVectorization::builder();
    for (name, value) in options.as_object().unwrap() {
        builder = match (name.as_str(), value) {
            ("max_tokens", Value::Null) | ("vocabulary" | "idf_weights", _) => builder,
            ("max_tokens", value) => builder.max_tokens(value.as_u64().unwrap() as usize),
            ("standardize", value) => builder.standardize(match value.as_str() {
                Some("lower_and_strip_punctuation") => Some(Standardize::LowerAndStripPunctuation),
                Some("lower") => Some(Standardize::Lower),
                Some("strip_punctuation") => Some(Standardize::StripPunctuation),
                other => other.map(|name| panic!("{name}")),
            }),
            ("split", value) => builder.split(match value.as_str() {
                Some("whitespace") => Some(SplitBy::Whitespace),
                Some("character") => Some(SplitBy::Character),
                other => other.map(|name| panic!("{name}")),
            }),
            ("ngrams", Value::Array(widths)) => {
                builder.ngram_widths(widths.iter().map(|width| width.as_u64().unwrap() as usize))
            }
            ("ngrams", longest) => builder.ngrams(longest.as_u64().unwrap() as usize),
            ("output_sequence_length", value) => builder.output_sequence_length(value.as_u64().unwrap() as usize),
            ("pad_to_max_tokens", value) => builder.pad_to_max_tokens(value.as_bool().unwrap()),
            ("output_mode", value) => builder.output_mode(match value.as_str().unwrap() {
                "int" => OutputMode::Ids,
                "multi_hot" => OutputMode::MultiHot,
                "count" => OutputMode::Count,
                "tf_idf" => OutputMode::TfIdf,
                other => panic!("{other}"),
            }),
            (other, _) => panic!("{other}"),
        };
    }
    builder
}

/// The rows as numbers, in any output mode.
fn rows(vectorization: &TextVectorization, mode: Option<&str>, texts: &[&str]) -> (usize, Vec<f64>) {
    if matches!(mode, None | Some("int")) {
        let ids = vectorization.ids(texts).unwrap();
        assert!(matches!(
            vectorization.matrix(texts),
            Err(Error::TextVectorization(TextVectorizationError::OutputMode { mode: "int", .. }))
        ));
        for (text, (row, span)) in texts.iter().zip(ids.values.chunks(ids.len.max(1)).zip(&ids.spans)) {
            assert_eq!((vectorization.encode(text).as_slice(), span.start), (&row[..span.len], 0));
        }
        (ids.len, ids.values.iter().copied().map(f64::from).collect())
    } else {
        assert!(matches!(
            vectorization.ids(texts),
            Err(Error::TextVectorization(TextVectorizationError::OutputMode { asked: "ids", .. }))
        ));
        let matrix = vectorization.matrix(texts).unwrap();
        let sparse = vectorization.sparse_matrix(texts).unwrap().to_dense();
        assert!(sparse.iter().map(|&cell| f64::from(cell)).eq(matrix.values.iter().copied()));
        (matrix.columns, matrix.values)
    }
}

#[test]
fn every_case_is_that_of_keras() {
    let expected: Value = serde_json::from_str(EXPECTED).unwrap();
    let cases = expected["cases"].as_array().unwrap();
    assert!(cases.len() > 60);
    for case in cases {
        let (name, options) = (case["name"].as_str().unwrap(), &case["options"]);
        let builder = builder(options);
        let vectorization = match &case["adapt"] {
            Value::Null => {
                let idf = options.get("idf_weights").map_or(&[][..], |weights| weights.as_array().unwrap());
                let idf = idf.iter().map(|weight| weight.as_f64().unwrap() as f32);
                builder.vocabulary_and_idf(strings(&options["vocabulary"]), idf)
            }
            texts => builder.adapt(strings(texts)),
        }
        .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(vectorization.vocabulary().collect::<Vec<_>>(), strings(&case["vocabulary"]), "{name}");

        let (columns, values) = rows(&vectorization, options["output_mode"].as_str(), &strings(&case["texts"]));
        assert_eq!(columns as u64, case["shape"][1].as_u64().unwrap(), "{name}");
        let expected: Vec<f64> = case["rows"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|row| row.as_array().unwrap())
            .map(|x| x.as_f64().unwrap())
            .collect();
        assert_eq!(values.len(), expected.len(), "{name}");
        for (at, (found, expected)) in values.iter().zip(&expected).enumerate() {
            assert!((found - expected).abs() <= 1e-6 * expected.abs(), "{name}, cell {at}: {found} {expected}");
        }
        for (found, expected) in vectorization.idf_weights().iter().zip(case["idf"].as_array().into_iter().flatten()) {
            let expected = expected.as_f64().unwrap();
            assert!((f64::from(*found) - expected).abs() <= 1e-6 * expected, "{name}: {found} {expected}");
        }

        assert_eq!(TextVectorization::from_json(&vectorization.to_json()).unwrap(), vectorization, "{name}");
        let through_keras = TextVectorization::from_keras_config(&vectorization.to_keras_config()).unwrap();
        assert_eq!(through_keras, vectorization, "{name}");
    }
}

#[test]
fn two_thousand_reviews_are_those_of_keras() {
    let Some(data) = test_data("TextVectorization on IMDB", "imdb/aclImdb_v1.tar.gz") else { return };
    let imdb = Imdb::open(data.join("imdb/aclImdb_v1.tar.gz")).unwrap();
    let train = imdb.train().unwrap();
    let texts: Vec<&str> = train.texts().take(2000).collect();
    let expected: Value = serde_json::from_str(EXPECTED).unwrap();
    for (name, case) in expected["imdb"].as_object().unwrap() {
        let vectorization = builder(&case["options"]).adapt(&texts).unwrap();
        let vocabulary: Vec<&str> = vectorization.vocabulary().collect();
        assert_eq!(vocabulary[..12], strings(&case["first_tokens"]), "{name}");
        assert_eq!(vocabulary.len() as u64, case["vocabulary_size"].as_u64().unwrap(), "{name}");
        let digest = format!("{:x}", Sha256::digest(vocabulary.join("\n")));
        assert_eq!(digest, case["vocabulary_sha256"].as_str().unwrap(), "{name}");
        let (columns, values) = rows(&vectorization, case["options"]["output_mode"].as_str(), &texts);
        assert_eq!(columns as u64, case["columns"].as_u64().unwrap(), "{name}");
        if let Some(expected) = case.get("sha256") {
            let bytes: Vec<u8> = values.iter().flat_map(|&value| (value as i32).to_le_bytes()).collect();
            assert_eq!(format!("{:x}", Sha256::digest(bytes)), expected.as_str().unwrap(), "{name}");
        } else {
            let close = |found: f64, expected: &Value| {
                let expected = expected.as_f64().unwrap();
                assert!((found - expected).abs() <= 1e-6 * expected, "{name}: {found} {expected}");
            };
            close(values.iter().sum(), &case["sum"]);
            close(values.iter().copied().fold(0.0, f64::max), &case["max"]);
            for (row, expected) in values.chunks(columns).zip(case["row_sums"].as_array().unwrap()) {
                close(row.iter().sum(), expected);
            }
        }
    }

    // The speed, on the same texts that Keras is timed on.
    let texts: Vec<&str> = train.texts().collect();
    let megabytes = texts.iter().map(|text| text.len()).sum::<usize>() as f64 / 1e6;
    let started = Instant::now();
    let vectorization =
        TextVectorization::builder().max_tokens(10_000).output_sequence_length(200).adapt(&texts).unwrap();
    eprintln!("text_vectorization_fit: {:.0} MB/s", megabytes / started.elapsed().as_secs_f64());
    let started = Instant::now();
    for batch in texts.chunks(512) {
        assert_eq!(vectorization.ids(batch).unwrap().rows, batch.len());
    }
    eprintln!("text_vectorization_encode: {:.0} MB/s", megabytes / started.elapsed().as_secs_f64());
}

#[test]
fn keras_configurations_go_both_ways() {
    let read = TextVectorization::from_keras_config(CONFIG).unwrap();
    let texts = ["The cat sat.", "the the dog"];
    let expected = TextVectorization::builder()
        .output_mode(OutputMode::TfIdf)
        .ngram_widths([1, 3])
        .vocabulary_and_idf(["cat", "sat", "the"], [0.5, 0.25, 2.0])
        .unwrap();
    assert_eq!(read, expected);
    assert_eq!(read.matrix(texts).unwrap().row(1), [2.0 * 2.75 / 3.0, 0.0, 0.0, 4.0].map(|x| f64::from(x as f32)));
    let adapted = CONFIG.replace(r#""vocabulary": ["cat", "sat", "the"]"#, r#""vocabulary": null"#);
    let error = TextVectorization::from_keras_config(&adapted).unwrap_err().to_string();
    assert!(error.contains("add get_vocabulary()"), "{error}");
}

#[test]
fn files_come_back_equal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectorization.json");
    let builder = || TextVectorization::builder().split(SplitBy::Character).standardize(None);
    let characters = builder().adapt(["a\nb\u{0}", "\"é\\", "\r"]).unwrap();
    characters.save(&path).unwrap();
    assert_eq!(TextVectorization::load(&path).unwrap(), characters);

    let list = folder.path().join("vocabulary.txt");
    let refused = characters.save_vocabulary(&list).unwrap_err().to_string();
    assert!(refused.contains("contains a line end"), "{refused}");
    let words = TextVectorization::builder().adapt(["a b b", "c b"]).unwrap();
    words.save_vocabulary(&list).unwrap();
    assert_eq!(std::fs::read_to_string(&list).unwrap(), "\n[UNK]\nb\nc\na\n");
    assert_eq!(TextVectorization::builder().load_vocabulary(&list).unwrap(), words);
    std::fs::write(&list, "\n[UNK]\nb\nc\nb\n\n").unwrap();
    let twice = TextVectorization::builder().load_vocabulary(&list).unwrap_err().to_string();
    assert!(twice.ends_with("found \"b\" in line 3 and again in line 5"), "{twice}");
}

#[test]
fn what_cannot_be_is_refused() {
    let builder = TextVectorization::builder;
    let bag = || builder().output_mode(OutputMode::Count);
    let weighed = || builder().output_mode(OutputMode::TfIdf);
    for (result, says) in [
        (
            builder().max_tokens(2).adapt(["a"]),
            "max_tokens should be 3 or more: special tokens count, and pad_to_max_tokens needs it, found 2",
        ),
        (
            bag().max_tokens(1).adapt(["a"]),
            "max_tokens should be 2 or more: special tokens count, and pad_to_max_tokens needs it, found 1",
        ),
        (
            bag().pad_to_max_tokens(true).adapt(["a"]),
            "special tokens count, and pad_to_max_tokens needs it, found none",
        ),
        (builder().output_sequence_length(0).adapt(["a"]), "should be 1 or more, found 0"),
        (bag().output_sequence_length(3).adapt(["a"]), "output_mode count does not support output_sequence_length"),
        (builder().ngrams(0).adapt(["a"]), "found []"),
        (builder().ngram_widths([2, 0]).adapt(["a"]), "found [2, 0]"),
        (builder().adapt([" ?! ", ""]), "found none to keep among 0 distinct tokens in 2 documents"),
        (builder().vocabulary(["a", "b", "a"]), "found \"a\" at place 0 and again at 2"),
        (builder().vocabulary(["", "[UNK]", "a", "a"]), "found \"a\" at place 2 and again at 3"),
        (builder().vocabulary(["a", ""]), "\"\" is a special token"),
        (builder().vocabulary(["", "[UNK]"]), "needs at least one token"),
        (
            builder().max_tokens(3).vocabulary(["a", "b"]),
            "at most max_tokens = 3 tokens, special ones included, found 4",
        ),
        (weighed().vocabulary(["a"]), "output_mode tf_idf should come with 1 idf_weights, found 0"),
        (bag().vocabulary_and_idf(["a"], [1.0]), "output_mode count should come with 0 idf_weights, found 1"),
        (TextVectorization::from_json("{}"), "class_name \"TextVectorization\", found none"),
        (TextVectorization::from_json("{"), "line 1 column 1"),
        (
            TextVectorization::from_json(r#"{"class_name": "TextVectorization", "version": 2}"#),
            "format version 2, but this Kiln reads only up to 1",
        ),
    ] {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(says), "{says}: {error}");
    }
}

#[test]
fn a_callback_sees_the_pass_and_stops_it() {
    let mut seen = Vec::new();
    let texts = vec!["a b".to_owned(); 20_000];
    let adapt = |seen: &mut Vec<TextProgress>, stop_at| {
        TextVectorization::builder().adapt(observed(&texts, |progress| {
            seen.push(progress);
            if progress.documents >= stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }))
    };
    adapt(&mut seen, u64::MAX).unwrap();
    assert_eq!(seen.last().map(|last| (last.documents, last.bytes)), Some((20_000, 60_000)));
    assert!(seen.len() > 1 && seen.is_sorted_by_key(|progress| progress.documents));
    assert!(matches!(adapt(&mut Vec::new(), 1), Err(Error::Stopped { documents: 1..20_000 })));
}

/// Keras's stages, carried out literally.
fn keras_tokens(text: &str, characters: bool, widths: &[usize]) -> Vec<String> {
    let text: String = text.to_ascii_lowercase().chars().filter(|c| !c.is_ascii_punctuation()).collect();
    let tokens: Vec<String> = if characters {
        text.chars().map(String::from).collect()
    } else {
        let white = |c: char| matches!(c, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r');
        text.split(white).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    widths.iter().flat_map(|&width| tokens.windows(width).map(|ngram| ngram.join(" "))).collect()
}

proptest! {
    #[test]
    fn tokens_are_the_stages_carried_out(
        texts in prop::collection::vec("([abA '.\t\u{b}é\u{feff}]|.){0,20}", 1..6), characters: bool,
        widths in prop::collection::vec(1usize..4, 1..3),
    ) {
        let split = if characters { SplitBy::Character } else { SplitBy::Whitespace };
        let builder = TextVectorization::builder().split(split);
        let builder = if widths == [1] { builder } else { builder.ngram_widths(widths.clone()) };
        let expected: Vec<Vec<String>> = texts.iter().map(|text| keras_tokens(text, characters, &widths)).collect();
        match builder.adapt(&texts) {
            Err(_) => prop_assert!(expected.iter().all(Vec::is_empty)),
            Ok(vectorization) => for (text, expected) in texts.iter().zip(&expected) {
                let ids = vectorization.encode(text);
                let tokens: Vec<&str> = ids.iter().map(|&id| vectorization.token(id).unwrap()).collect();
                prop_assert_eq!(&tokens, expected);
            }
        }
    }

    #[test]
    fn threads_make_no_difference(texts in prop::collection::vec("[abc ]{0,9}", 1..200), threads in 1usize..5) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let builder = TextVectorization::builder().output_mode(OutputMode::TfIdf).ngrams(2);
        let alone: Option<TextVectorization> = builder.clone().adapt(&texts).ok();
        prop_assert_eq!(pool.install(|| builder.adapt(&texts).ok()), alone);
    }
}
