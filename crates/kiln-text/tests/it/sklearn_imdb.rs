//! On IMDB's first 2,000 reviews, every column and value is scikit-learn's: `fixtures/sklearn_imdb.json`, made by
//! `fixtures/sklearn_imdb.py`.
//!
//! Reads `$KILN_TEST_DATA/imdb/aclImdb_v1.tar.gz`, the official archive or one with its layout; without the variable
//! the test is skipped.

use kiln_text::corpora::Imdb;
use kiln_text::features::{CountVectorizer, HashingVectorizer, Norm, SparseMatrix, TermUnit, TfidfVectorizer};
use kiln_text::io::Saved;
use kiln_text::vocabulary::Frequency;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::skips::test_data;

const EXPECTED: &str = include_str!("../fixtures/sklearn_imdb.json");

fn digest(bytes: impl IntoIterator<Item = u8>) -> String {
    format!("{:x}", Sha256::digest(bytes.into_iter().collect::<Vec<u8>>()))
}

fn assert_matrix<N: Copy + Into<f64>>(name: &str, matrix: &SparseMatrix<N>, expected: &Value) {
    assert_eq!(matrix.cols() as u64, expected["columns"].as_u64().unwrap(), "{name}");
    assert_eq!(matrix.nnz() as u64, expected["stored"].as_u64().unwrap(), "{name}");
    let starts = matrix.indptr().to_proper().to_vec();
    let bytes = starts.iter().flat_map(|&start| (start as u64).to_le_bytes());
    let columns = matrix.indices().iter().flat_map(|column| column.to_le_bytes());
    assert_eq!(digest(bytes.chain(columns)), expected["structure_sha256"], "{name}");
    for (row, expected) in expected["rows"].as_object().unwrap() {
        let expected: Vec<(u32, f64)> = serde_json::from_value(expected.clone()).unwrap();
        let found = matrix.outer_view(row.parse().unwrap()).unwrap();
        assert_eq!(found.nnz(), expected.len(), "{name}, row {row}");
        for ((column, &value), expected) in found.iter().zip(expected) {
            let value: f64 = value.into();
            assert!(
                column as u32 == expected.0 && (value - expected.1).abs() < 1e-8,
                "{name}, row {row}: {expected:?}"
            );
        }
    }
    for (at, (row, expected)) in
        matrix.outer_iterator().zip(expected["row_sums"].as_array().into_iter().flatten()).enumerate()
    {
        let sum: f64 = row.iter().map(|(column, &value)| value.into() * (column % 1009 + 1) as f64).sum();
        let expected = expected.as_f64().unwrap();
        assert!((sum - expected).abs() < 1e-6, "{name}, row {at}: {sum} {expected}");
    }
}

fn assert_names<'a>(name: &str, names: impl Iterator<Item = &'a str>, expected: &Value) {
    let names: Vec<&str> = names.collect();
    assert_eq!(digest(names.join("\n").into_bytes()), expected["names_sha256"], "{name}");
}

#[test]
fn every_column_of_imdb_is_that_of_scikit_learn() {
    let Some(data) = test_data("equality with scikit-learn on IMDB", "imdb/aclImdb_v1.tar.gz") else { return };
    let expected: Value = serde_json::from_str(EXPECTED).unwrap();
    assert_eq!(expected.as_object().unwrap().len(), 10);
    let train = Imdb::open(data.join("imdb/aclImdb_v1.tar.gz")).unwrap().train().unwrap();
    let texts: Vec<&str> = train.texts().take(1000).chain(train.texts().skip(12_500).take(1000)).collect();

    let builder = CountVectorizer::builder;
    for (name, options) in [
        ("count", builder()),
        ("count_10000", builder().max_features(10_000)),
        ("count_bigram", builder().ngram_range(1, 2)),
        ("count_bigram_10000", builder().ngram_range(1, 2).max_features(10_000)),
        (
            "count_trigram_within_limits",
            builder().ngram_range(2, 3).min_df(Frequency::Count(3)).max_df(Frequency::Share(0.2)),
        ),
        (
            "count_characters",
            builder().analyzer(TermUnit::CharactersInWords).ngram_range(2, 4).min_df(Frequency::Count(2)),
        ),
    ] {
        let expected = &expected[name];
        let (vectorizer, counts) = options.fit_transform(&texts).unwrap();
        assert_names(name, vectorizer.feature_names(), expected);
        assert_matrix(name, &counts, expected);
        let values = counts.data().iter().flat_map(|count| count.to_le_bytes());
        assert_eq!(digest(values), expected["values_sha256"], "{name}");
        assert!(vectorizer.transform(&texts).unwrap() == counts, "{name}: transform differs from fit_transform");
        let read = CountVectorizer::from_json(&vectorizer.to_json()).unwrap();
        assert!(read == vectorizer && read.transform(&texts).unwrap() == counts, "{name}: what was read differs");
    }

    let builder = TfidfVectorizer::builder;
    for (name, options) in [
        ("tfidf", builder()),
        ("tfidf_bigram_10000", builder().ngram_range(1, 2).max_features(10_000).sublinear_tf(true)),
    ] {
        let (vectorizer, rows) = options.fit_transform(&texts).unwrap();
        assert_names(name, vectorizer.feature_names(), &expected[name]);
        assert_matrix(name, &rows, &expected[name]);
        assert!(vectorizer.transform(&texts).unwrap() == rows, "{name}: transform differs from fit_transform");
    }

    let builder = HashingVectorizer::builder;
    for (name, options) in [
        ("hashing", builder().n_features(1 << 18)),
        ("hashing_bigram", builder().n_features(1 << 10).ngram_range(1, 2).norm(Norm::L1)),
    ] {
        assert_matrix(name, &options.build().unwrap().transform(&texts).unwrap(), &expected[name]);
    }
}
