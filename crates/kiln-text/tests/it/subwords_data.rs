//! On the reviews of IMDB and the Naver movie comments, subwords decode to the same text: on a share of the texts, and
//! on all of them in the ignored tests, which take a while:
//!
//!     KILN_TEST_DATA=DATA cargo test --release -p kiln-text --features subwords --test it subwords_data -- \
//!         --include-ignored --nocapture --test-threads 1
//!
//! Reads `imdb/aclImdb_v1.tar.gz` and `nsmc/ratings_{train,test}.txt` of `$KILN_TEST_DATA`; without the variable the
//! tests are skipped. Prints sizes and times.

use std::path::{Path, PathBuf};
use std::time::Instant;

use kiln_text::corpora::Imdb;
use kiln_text::encoders::{Encoder, SubwordTextEncoder};
#[cfg(feature = "subwords")]
use kiln_text::encoders::{SubwordModel, SubwordTokenizer};
#[cfg(feature = "subwords")]
use kiln_text::io::Saved;
use rayon::prelude::*;

use crate::skips::test_data;

fn data() -> Option<PathBuf> {
    test_data("subwords of IMDB and NSMC", "imdb/aclImdb_v1.tar.gz and nsmc/")
}

/// The training reviews.
fn training(data: &Path) -> Vec<String> {
    let documents = Imdb::open(data.join("imdb/aclImdb_v1.tar.gz")).unwrap().train().unwrap();
    documents.into_documents().into_iter().map(|document| document.text).collect()
}

/// The test reviews.
fn test(data: &Path) -> Vec<String> {
    let documents = Imdb::open(data.join("imdb/aclImdb_v1.tar.gz")).unwrap().test().unwrap();
    documents.into_documents().into_iter().map(|document| document.text).collect()
}

/// The Korean comments.
fn comments(data: &Path) -> Vec<String> {
    let parts = ["train", "test"].map(|part| {
        let file = std::fs::read_to_string(data.join(format!("nsmc/ratings_{part}.txt"))).unwrap();
        file.lines().skip(1).map(|line| line.split('\t').nth(1).unwrap().to_owned()).collect::<Vec<_>>()
    });
    parts.concat()
}

fn every_tenth(texts: &[String]) -> Vec<String> {
    texts.iter().step_by(10).cloned().collect()
}

/// Checks that every text decodes to itself; prints the speed and the number of tokens.
fn all_come_back(name: &str, texts: &[String], encoder: &dyn Encoder, decode: impl Fn(&[u32]) -> String + Sync) {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let megabytes = texts.iter().map(|text| text.len()).sum::<usize>() as f64 / 1e6;
    let words: usize = texts.iter().map(|text| text.split_whitespace().count()).sum();
    let started = Instant::now();
    let ids = encoder.encode_batch(&texts);
    let encoding = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let decoded: Vec<String> = ids.par_iter().map(|ids| decode(ids)).collect();
    let decoding = started.elapsed().as_secs_f64();
    let lost = texts.iter().zip(&decoded).find(|(text, decoded)| text != decoded);
    assert_eq!(lost, None, "{name}");
    let tokens: usize = ids.iter().map(Vec::len).sum();
    assert!(ids.iter().flatten().all(|&id| id != 0 && (id as usize) < encoder.vocab_size()));
    eprintln!(
        "{name}: {} texts, {megabytes:.1} MB, encode {:.0} MB/s, decode {:.0} MB/s, {:.4} tokens a word",
        texts.len(),
        megabytes / encoding,
        megabytes / decoding,
        tokens as f64 / words as f64
    );
}

#[test]
fn subword_text_encoder_gives_reviews_back() {
    let Some(data) = data() else { return };
    let few = every_tenth(&training(&data));
    let encoder = SubwordTextEncoder::builder(8_185).fit(&few).unwrap();
    for (name, texts) in [("IMDB", &few), ("NSMC", &every_tenth(&comments(&data)))] {
        all_come_back(&format!("SubwordTextEncoder, {name}"), texts, &encoder, |ids| encoder.decode(ids));
    }
}

#[test]
#[ignore = "all reviews take a while; see the top of the file"]
fn subword_text_encoder_gives_all_reviews_back() {
    let Some(data) = data() else { return };
    let train = training(&data);
    let started = Instant::now();
    let encoder = SubwordTextEncoder::builder(8_185).fit(&train).unwrap();
    eprintln!("SubwordTextEncoder: {} ids built in {:.2} s", encoder.vocab_size(), started.elapsed().as_secs_f64());
    assert!(encoder.vocab_size().abs_diff(8_185) * 100 < 8_185);
    for (name, texts) in [("IMDB train", &train), ("IMDB test", &test(&data)), ("NSMC", &comments(&data))] {
        all_come_back(&format!("SubwordTextEncoder, {name}"), texts, &encoder, |ids| encoder.decode(ids));
    }
}

#[cfg(feature = "subwords")]
fn trained(texts: &[String]) -> SubwordTokenizer {
    let started = Instant::now();
    let tokenizer = SubwordTokenizer::builder(SubwordModel::ByteLevelBpe, 8_185).fit(texts).unwrap();
    eprintln!("byte-level BPE: {} ids trained in {:.2} s", tokenizer.vocab_size(), started.elapsed().as_secs_f64());
    assert_eq!(tokenizer.vocab_size(), 8_185);
    tokenizer
}

#[cfg(feature = "subwords")]
#[test]
fn byte_level_bpe_gives_reviews_back() {
    let Some(data) = data() else { return };
    let few = every_tenth(&training(&data));
    let tokenizer = trained(&few);
    for (name, texts) in [("IMDB", &few), ("NSMC", &every_tenth(&comments(&data)))] {
        all_come_back(&format!("byte-level BPE, {name}"), texts, &tokenizer, |ids| tokenizer.decode(ids).unwrap());
    }
}

#[cfg(feature = "subwords")]
#[test]
#[ignore = "all reviews take a while; see the top of the file"]
fn byte_level_bpe_gives_all_reviews_back() {
    let Some(data) = data() else { return };
    let train = training(&data);
    let tokenizer = trained(&train);
    for (name, texts) in [("IMDB train", &train), ("IMDB test", &test(&data)), ("NSMC", &comments(&data))] {
        all_come_back(&format!("byte-level BPE, {name}"), texts, &tokenizer, |ids| tokenizer.decode(ids).unwrap());
    }
    let again = SubwordTokenizer::builder(SubwordModel::ByteLevelBpe, 8_185).fit(train.iter().rev()).unwrap();
    assert!(again == tokenizer, "a second training gave another vocabulary");
    if let Some(path) = std::env::var_os("KILN_SUBWORDS_OUT") {
        tokenizer.save(path).unwrap();
    }
}
