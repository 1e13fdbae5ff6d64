//! Shared by several modules: the fixture files, gensim's answers, and comparing numbers with them.

use std::path::PathBuf;

use kiln_vectors::{Similar, WordVectors};
use serde_json::Value;

/// A file of `tests/fixtures`. Cargo runs tests in the package's folder; a compiled-in path would be that of the
/// checkout that built them.
pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from("tests/fixtures").join(name)
}

/// The answers in a file of `tests/fixtures`.
pub(crate) fn answers(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(path(name)).unwrap()).unwrap()
}

/// The 60 words of `generate.py`.
pub(crate) fn small() -> WordVectors {
    WordVectors::load(path("small.txt")).unwrap()
}

/// A list of texts.
pub(crate) fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// A list of numbers.
pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// Compares with gensim's numbers, which are computed in 32 bits.
pub(crate) fn assert_close(ours: f64, gensims: f64, what: &str) {
    assert!((ours - gensims).abs() <= 2e-6 * gensims.abs().max(1.0), "{what}: {ours}, gensim has {gensims}");
}

/// Compares numbers in order.
pub(crate) fn assert_all_close(ours: &[f32], gensims: &Value, what: &str) {
    let gensims = numbers(gensims);
    assert_eq!(ours.len(), gensims.len(), "{what}");
    for (n, (&ours, &gensims)) in ours.iter().zip(&gensims).enumerate() {
        assert_close(f64::from(ours), gensims, &format!("{what}, number {n}"));
    }
}

/// Compares words in order, with their similarities. Words with nearly equal similarities may have changed places.
pub(crate) fn assert_ranked(ours: &[Similar<'_>], gensims: &Value, what: &str) {
    let gensims = gensims.as_array().unwrap();
    assert_eq!(ours.len(), gensims.len(), "{what}");
    for (n, (ours, gensims)) in ours.iter().zip(gensims).enumerate() {
        let what = format!("{what}, place {n}, {}", ours.word);
        assert_close(f64::from(ours.similarity), gensims[1].as_f64().unwrap(), &what);
    }
    let mut words: Vec<&str> = ours.iter().map(|similar| similar.word).collect();
    let mut expected: Vec<&str> = gensims.iter().map(|pair| pair[0].as_str().unwrap()).collect();
    let apart = |n: usize| n == 0 || ours[n - 1].similarity - ours[n].similarity > 1e-6;
    if (0..ours.len()).all(apart) {
        assert_eq!(words, expected, "{what}");
    } else {
        words.sort_unstable();
        expected.sort_unstable();
        assert_eq!(words, expected, "{what}");
    }
}
