//! Evaluation returns gensim's numbers on files with unknown words, case variants, comments, ties and lines that do not
//! parse, and lists the lines that it cannot use.

use std::path::PathBuf;

use kiln_vectors::{AnalogyOptions, Error, PairsOptions, PairsScore, Place, WordVectors};
use serde_json::{Value, json};

use crate::fixtures::{answers, assert_close, path, small};

pub(crate) fn assert_pairs(score: &PairsScore, gensims: &Value, what: &str) {
    let close = |ours: f64, gensims: &Value, of: &str| {
        let gensims = gensims.as_f64().unwrap();
        assert!((ours - gensims).abs() <= 2e-6 * gensims.abs(), "{what}, {of}: {ours}, gensim has {gensims}");
    };
    close(score.pearson.coefficient, &gensims["pearson"][0], "r");
    close(score.pearson.p_value, &gensims["pearson"][1], "p of r");
    close(score.spearman.coefficient, &gensims["spearman"][0], "rho");
    close(score.spearman.p_value, &gensims["spearman"][1], "p of rho");
    assert_close(score.oov_percent, gensims["oov"].as_f64().unwrap(), &format!("{what}, oov"));
}

fn file(contents: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, contents).unwrap();
    (folder, path)
}

#[test]
fn word_pairs_score_as_in_gensim() {
    let (vectors, answers) = (small(), answers("gensim.json"));
    let cases = [
        ("default", PairsOptions::new(), 10),
        ("case", PairsOptions::new().case_insensitive(false), 8),
        ("dummy", PairsOptions::new().dummy4unknown(true), 11),
        ("restricted", PairsOptions::new().restrict_vocab(28), 7),
    ];
    for (name, options, used) in cases {
        let score = vectors.evaluate_word_pairs(path("pairs.tsv"), &options).unwrap();
        assert_pairs(&score, &answers["pairs"][name], name);
        assert_eq!(score.used, used, "{name}");
        assert_eq!(score.invalid_lines, [8, 11], "{name}");
    }
}

#[test]
fn analogies_score_as_in_gensim() {
    let (vectors, answers) = (small(), answers("gensim.json"));
    let cases = [
        ("default", AnalogyOptions::new()),
        ("case", AnalogyOptions::new().case_insensitive(false)),
        ("dummy", AnalogyOptions::new().dummy4unknown(true)),
        ("restricted", AnalogyOptions::new().restrict_vocab(28)),
    ];
    for (name, options) in cases {
        let score = vectors.evaluate_word_analogies(path("questions.txt"), &options).unwrap();
        let gensims = &answers["analogies"][name];
        assert_close(score.accuracy, gensims["score"].as_f64().unwrap(), name);
        let sections: Vec<Value> = score
            .sections
            .iter()
            .map(|s| json!({ "section": s.name, "correct": s.correct, "incorrect": s.incorrect }))
            .collect();
        assert_eq!(Value::from(sections), gensims["sections"], "{name}");
        assert_eq!(score.invalid_lines, [14], "{name}");
        assert!(score.correct > 0 && score.incorrect > 0, "{name} should have both, or it shows little");
    }
    let score = vectors.evaluate_word_analogies(path("questions.txt"), &AnalogyOptions::new()).unwrap();
    assert!((score.oov_percent - 100.0 / 13.0).abs() < 1e-12);
    assert_eq!(score.sections[1].name, "gram plural");
    assert_eq!((score.sections[2].name.as_str(), score.sections[2].accuracy()), ("empty", 0.0));
}

#[test]
fn p_values_are_those_of_student() {
    // Two degrees of freedom: p = 1 - |t| / sqrt(2 + t^2), which is 1 - |r|. Cosines to (1, 0) are the judgements.
    let angles = [0.9f32, 0.7, 0.4, 0.3];
    let values = [[1.0, 0.0]].into_iter().chain(angles.map(|a| [a, (1.0 - a * a).sqrt()])).flatten().collect();
    let vectors = WordVectors::new(["o", "a", "b", "c", "d"], values, 2).unwrap();
    let (_folder, path) = file("o\ta\t4\no\tb\t3\no\tc\t1\no\td\t2\n");
    let score = vectors.evaluate_word_pairs(path, &PairsOptions::new()).unwrap();
    assert!((score.spearman.coefficient - 0.8).abs() < 1e-12);
    assert!((score.spearman.p_value - 0.2).abs() < 1e-12);
    let r = score.pearson.coefficient;
    assert!(r > 0.8 && r < 1.0 && (score.pearson.p_value - (1.0 - r)).abs() < 1e-12);
}

#[test]
fn another_delimiter_is_read() {
    let (_folder, path) = file("cat,dog,1\ncat,car,2\nParis,Rome,3\n");
    let vectors = small();
    assert_eq!(vectors.evaluate_word_pairs(&path, &PairsOptions::new().delimiter(",")).unwrap().used, 3);
    let error = vectors.evaluate_word_pairs(&path, &PairsOptions::new()).unwrap_err();
    assert!(matches!(error, Error::TooFewPairs { used: 0, unknown: 0, invalid: 3, .. }), "{error}");
    assert!(error.to_string().contains("check the delimiter"), "{error}");
}

#[test]
fn pairs_that_cannot_be_correlated_are_refused() {
    let vectors = small();
    let (_folder, path) = file("cat\tdog\t1\nOslo\tAtlantis\t2\n");
    let error = vectors.evaluate_word_pairs(&path, &PairsOptions::new()).unwrap_err();
    assert!(matches!(error, Error::TooFewPairs { used: 1, unknown: 1, invalid: 0, .. }), "{error}");
    let (_folder, path) = file("cat\tdog\t1\ncat\tcar\t1.0\n");
    let error = vectors.evaluate_word_pairs(&path, &PairsOptions::new()).unwrap_err();
    assert!(error.to_string().ends_with("found 1 for all 2 pairs in the file"), "{error}");
    let (_folder, path) = file("cat\tcat\t1\ndog\tdog\t2\n");
    let error = vectors.evaluate_word_pairs(&path, &PairsOptions::new()).unwrap_err();
    assert!(error.to_string().ends_with("found 1 for all 2 pairs by the vectors"), "{error}");
    let (_folder, path) = file("cat\tdog\tnan\ncat\tcar\tinf\n");
    let error = vectors.evaluate_word_pairs(&path, &PairsOptions::new()).unwrap_err();
    assert!(matches!(error, Error::TooFewPairs { invalid: 2, .. }), "{error}");
}

#[test]
fn errors_of_evaluation_name_the_line() {
    let vectors = small();
    let (_folder, path) = file("\ncat cats dog dogs\n: late\n");
    let error = vectors.evaluate_word_analogies(&path, &AnalogyOptions::new()).unwrap_err();
    assert!(matches!(error, Error::BadFile { place: Some(Place::Line(2)), .. }), "{error}");
    assert!(error.to_string().contains("file, line 2: a section line such as `: capitals`"), "{error}");
    let (_folder, path) = file(": only\n");
    let error = vectors.evaluate_word_analogies(&path, &AnalogyOptions::new()).unwrap_err();
    assert!(error.to_string().ends_with("should hold questions of four words each, found none in 1 lines"), "{error}");
    std::fs::write(&path, b": a\ncat cats d\xffg dogs\n").unwrap();
    let error = vectors.evaluate_word_analogies(&path, &AnalogyOptions::new()).unwrap_err();
    assert!(error.to_string().contains("line 2: words should be UTF-8, found an invalid byte at 14"), "{error}");
    let error = vectors.evaluate_word_pairs(path.with_extension("none"), &PairsOptions::new()).unwrap_err();
    assert!(matches!(&error, Error::File(file) if file.action == "read"), "{error}");
}

#[test]
fn questions_whose_vectors_cancel_out_are_answered_wrongly() {
    let vectors = WordVectors::new(["a", "b", "c", "d"], vec![0.0, 0.0, 1.0, 0.0, -1.0, 0.0, 0.5, 0.5], 2).unwrap();
    let (_folder, path) = file(": s\na b c d\nb c d a\n");
    let score = vectors.evaluate_word_analogies(path, &AnalogyOptions::new()).unwrap();
    assert_eq!((score.correct, score.incorrect), (1, 1)); // c + d - b is nearest to "a"; the others are in the question
}
