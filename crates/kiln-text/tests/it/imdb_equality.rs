//! On all of IMDB, every id is Keras's: `fixtures/keras_imdb.json`, made by `fixtures/keras_imdb.py`.
//!
//! Reads `$KILN_TEST_DATA/imdb/aclImdb_v1.tar.gz`, the official archive or one with its layout; without the variable
//! the test is skipped.

use std::time::Instant;

use kiln_text::corpora::{Documents, Imdb};
use kiln_text::encoders::{Encoder, WordTokenizer};
use kiln_text::io::Saved;
use kiln_text::keras::MatrixMode;
use kiln_text::rows::pad_sequences;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::skips::test_data;

const EXPECTED: &str = include_str!("../fixtures/keras_imdb.json");

fn megabytes_per_second(documents: &Documents, started: Instant) -> f64 {
    let bytes: usize = documents.texts().map(str::len).sum();
    bytes as f64 / 1e6 / started.elapsed().as_secs_f64()
}

#[test]
fn every_id_of_imdb_is_that_of_keras() {
    let Some(data) = test_data("equality with Keras on IMDB", "imdb/aclImdb_v1.tar.gz") else { return };
    let expected: Value = serde_json::from_str(EXPECTED).unwrap();
    let started = Instant::now();
    let imdb = Imdb::open(data.join("imdb/aclImdb_v1.tar.gz")).unwrap();
    let (train, test) = (imdb.train().unwrap(), imdb.test().unwrap());
    eprintln!("read the archive in {:.2} s", started.elapsed().as_secs_f64());
    assert_eq!((train.class_counts(), test.class_counts()), (vec![12_500; 2], vec![12_500; 2]));

    let started = Instant::now();
    let tokenizer = WordTokenizer::builder().num_words(10_000).fit(train.texts()).unwrap();
    eprintln!("fit on all threads: {:.0} MB/s", megabytes_per_second(&train, started));
    let words: Vec<&str> = tokenizer.words().collect();
    assert_eq!(tokenizer.document_count(), expected["documents"].as_u64().unwrap());
    assert_eq!(words.len() as u64, expected["distinct_words"].as_u64().unwrap());
    assert_eq!(Value::from(&words[..20]), expected["first_words"]);
    assert_eq!(Value::from(&words[9989..10_010]), expected["words_9990_to_10010"]);
    assert_eq!(format!("{:x}", Sha256::digest(words.join("\n"))), expected["word_index_sha256"]);

    for (name, documents) in [("train", &train), ("test", &test)] {
        let texts: Vec<&str> = documents.texts().collect();
        let started = Instant::now();
        let alone: Vec<Vec<u32>> = texts.iter().map(|text| tokenizer.encode(text)).collect();
        eprintln!("encode {name} on one thread: {:.0} MB/s", megabytes_per_second(documents, started));
        let started = Instant::now();
        let ids = tokenizer.encode_batch(&texts);
        eprintln!("encode {name} on all threads: {:.0} MB/s", megabytes_per_second(documents, started));
        assert!(alone == ids, "encode_batch differs from encode");

        let expected = &expected[name];
        assert_eq!(ids.iter().map(Vec::len).sum::<usize>() as u64, expected["tokens"].as_u64().unwrap(), "{name}");
        assert_eq!(ids.iter().map(Vec::len).max().unwrap() as u64, expected["longest"].as_u64().unwrap(), "{name}");
        let padded = pad_sequences(&ids, 200).unwrap();
        let bytes: Vec<u8> = padded.values.iter().flat_map(|id| id.to_le_bytes()).collect();
        assert_eq!(Value::from(&padded.row(0)[188..]), expected["first_row_tail"], "{name}");
        assert_eq!(format!("{:x}", Sha256::digest(bytes)), expected["padded_sha256"], "{name}");
    }

    let first_200: Vec<&str> = train.texts().take(200).collect();
    for (name, mode) in [
        ("binary", MatrixMode::Binary),
        ("count", MatrixMode::Count),
        ("freq", MatrixMode::Freq),
        ("tfidf", MatrixMode::TfIdf),
    ] {
        let matrix = tokenizer.texts_to_matrix(&first_200, mode).unwrap();
        let expected = &expected["matrices_of_first_200"][name];
        let close = |found: f64, field: &str| {
            let expected = expected[field].as_f64().unwrap();
            assert!((found - expected).abs() <= 1e-9 * expected, "{name} {field}: {found} {expected}");
        };
        assert_eq!(matrix.columns as u64, expected["columns"].as_u64().unwrap(), "{name}");
        close(matrix.values.iter().sum(), "sum");
        close(matrix.row(0).iter().sum(), "row_0_sum");
        close(matrix.values.iter().copied().fold(0.0, f64::max), "max");
    }

    let started = Instant::now();
    let first_1000 = train.take(1000);
    let characters = WordTokenizer::builder().char_level(true).fit(first_1000.texts()).unwrap();
    eprintln!("fit characters: {:.0} MB/s", megabytes_per_second(&first_1000, started));
    let expected = &expected["characters_of_first_1000"];
    assert_eq!(characters.words().len() as u64, expected["distinct"].as_u64().unwrap());
    assert_eq!(characters.words().take(30).collect::<String>(), expected["first_30"].as_str().unwrap());

    let json = tokenizer.to_json();
    assert!(WordTokenizer::from_json(&json).unwrap() == tokenizer, "the JSON of all words differs when read");
}
