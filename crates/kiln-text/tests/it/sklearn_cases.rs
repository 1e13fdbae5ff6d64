//! With every option, the vectorizers give the results of scikit-learn's: `fixtures/sklearn_cases.json`, made by
//! `fixtures/sklearn_cases.py`. Errors, where Kiln departs, are not compared.

use kiln_text::features::{
    CountVectorizer, HashingVectorizer, Norm, SparseMatrix, StripAccents, TermUnit, TfidfTransformer, TfidfVectorizer,
};
use kiln_text::io::Saved;
use kiln_text::vocabulary::Frequency;
use serde_json::Value;

const CASES: &str = include_str!("../fixtures/sklearn_cases.json");

fn strings(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn size(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn frequency(value: &Value) -> Frequency {
    match value.get("share") {
        Some(share) => Frequency::Share(share.as_f64().unwrap()),
        None => Frequency::Count(size(value) as u64),
    }
}

fn norm(value: &Value) -> Option<Norm> {
    match value.as_str() {
        None => None,
        Some("l1") => Some(Norm::L1),
        Some("l2") => Some(Norm::L2),
        Some(other) => panic!("the fixture has a norm that this test does not know: {other}"),
    }
}

/// Sets an option that only some builders have, or reports that it is unknown.
macro_rules! with_options {
    ($builder:expr, $case:expr, $option:ident, $value:ident, {$($name:literal => $set:expr),* $(,)?}) => {{
        let mut builder = $builder;
        for (option, $value) in $case["options"].as_object().unwrap() {
            builder = match option.as_str() {
                "analyzer" => builder.analyzer(match $value.as_str().unwrap() {
                    "char" => TermUnit::Characters,
                    "char_wb" => TermUnit::CharactersInWords,
                    other => panic!("unknown analyzer {other}"),
                }),
                "ngram_range" => builder.ngram_range(size(&$value[0]), size(&$value[1])),
                "lowercase" => builder.lowercase($value.as_bool().unwrap()),
                "strip_accents" => builder.strip_accents(match $value.as_str().unwrap() {
                    "ascii" => StripAccents::Ascii,
                    "unicode" => StripAccents::Unicode,
                    other => panic!("unknown strip_accents {other}"),
                }),
                "stop_words" => builder.stop_words(strings($value)),
                "token_pattern" => builder.token_pattern($value.as_str().unwrap()),
                "binary" => builder.binary($value.as_bool().unwrap()),
                $($name => { let $option = builder; $set })*
                other => panic!("the fixture has an option that this test does not know: {other}"),
            };
        }
        builder
    }};
}

fn count_vectorizer(case: &Value) -> (CountVectorizer, SparseMatrix<u32>) {
    with_options!(CountVectorizer::builder(), case, builder, value, {
        "min_df" => builder.min_df(frequency(value)),
        "max_df" => builder.max_df(frequency(value)),
        "max_features" => builder.max_features(size(value)),
        "vocabulary" => builder.vocabulary(strings(value)),
    })
    .fit_transform(strings(&case["texts"]))
    .unwrap()
}

fn tfidf_vectorizer(case: &Value) -> (TfidfVectorizer, SparseMatrix<f64>) {
    with_options!(TfidfVectorizer::builder(), case, builder, value, {
        "min_df" => builder.min_df(frequency(value)),
        "max_df" => builder.max_df(frequency(value)),
        "max_features" => builder.max_features(size(value)),
        "vocabulary" => builder.vocabulary(strings(value)),
        "norm" => builder.norm(norm(value)),
        "use_idf" => builder.use_idf(value.as_bool().unwrap()),
        "smooth_idf" => builder.smooth_idf(value.as_bool().unwrap()),
        "sublinear_tf" => builder.sublinear_tf(value.as_bool().unwrap()),
    })
    .fit_transform(strings(&case["texts"]))
    .unwrap()
}

fn hashing_vectorizer(case: &Value) -> HashingVectorizer {
    with_options!(HashingVectorizer::builder(), case, builder, value, {
        "n_features" => builder.n_features(size(value)),
        "alternate_sign" => builder.alternate_sign(value.as_bool().unwrap()),
        "norm" => builder.norm(norm(value)),
    })
    .build()
    .unwrap()
}

fn each_case(class: &str, expected: usize, check: impl Fn(&str, &Value)) {
    let fixture: Value = serde_json::from_str(CASES).unwrap();
    let cases = fixture["cases"].as_array().unwrap().iter().filter(|case| case["class"] == class);
    assert_eq!(cases.map(|case| check(case["name"].as_str().unwrap(), case)).count(), expected);
}

/// The same cells are stored, with the same numbers to 1e-12.
fn assert_rows<N: Copy + Into<f64>>(name: &str, what: &str, matrix: &SparseMatrix<N>, expected: &Value) {
    let expected: Vec<Vec<(u32, f64)>> = serde_json::from_value(expected.clone()).unwrap();
    assert_eq!(matrix.rows(), expected.len(), "{name}, {what}");
    assert!(matrix.is_csr(), "{name}, {what}");
    for (at, (row, expected)) in matrix.outer_iterator().zip(&expected).enumerate() {
        let columns: Vec<u32> = expected.iter().map(|&(column, _)| column).collect();
        assert_eq!(row.indices(), columns, "{name}, {what}, row {at}");
        for (&value, &(column, expected)) in row.data().iter().zip(expected) {
            let value: f64 = value.into();
            assert!((value - expected).abs() < 1e-12, "{name}, {what}, {at} {column}: {value} {expected}");
        }
    }
}

#[test]
fn terms_have_the_columns_and_counts_of_scikit_learn() {
    each_case("CountVectorizer", 33, |name, case| {
        let (vectorizer, counts) = count_vectorizer(case);
        let features = strings(&case["features"]);
        assert_eq!(vectorizer.feature_names().collect::<Vec<_>>(), features, "{name}");
        assert_rows(name, "fitted", &counts, &case["fitted"]);
        assert_rows(name, "fitted on, again", &vectorizer.transform(strings(&case["texts"])).unwrap(), &case["fitted"]);
        assert_rows(name, "others", &vectorizer.transform(strings(&case["others"])).unwrap(), &case["transformed"]);
        for (column, term) in features.iter().enumerate().filter(|(_, term)| !term.is_empty()) {
            assert_eq!(vectorizer.column(term), Some(column), "{name}: {term:?}");
        }
        assert_eq!(vectorizer.column("no such term"), None, "{name}");
        let inverse: Vec<Vec<String>> = case["inverse"].as_array().unwrap().iter().map(strings).collect();
        let terms = |matrix: &SparseMatrix<u32>| -> Vec<Vec<String>> {
            let rows = vectorizer.inverse_transform(matrix).unwrap();
            // NumPy's arrays of strings lose NULs at the end.
            rows.iter().map(|row| row.iter().map(|term| term.trim_end_matches('\0').to_owned()).collect()).collect()
        };
        assert_eq!(terms(&counts), inverse, "{name}");
        assert_eq!(terms(&counts.to_csc()), inverse, "{name}, stored by columns");
        let read = CountVectorizer::from_json(&vectorizer.to_json()).unwrap();
        assert_eq!(read, vectorizer, "{name}");
        assert_rows(name, "others, read", &read.transform(strings(&case["others"])).unwrap(), &case["transformed"]);
    });
}

#[test]
fn weights_are_those_of_scikit_learn() {
    each_case("TfidfVectorizer", 11, |name, case| {
        let (vectorizer, rows) = tfidf_vectorizer(case);
        assert_eq!(vectorizer.feature_names().collect::<Vec<_>>(), strings(&case["features"]), "{name}");
        assert_rows(name, "fitted", &rows, &case["fitted"]);
        assert_rows(name, "others", &vectorizer.transform(strings(&case["others"])).unwrap(), &case["transformed"]);
        let inverse: Vec<Vec<String>> = case["inverse"].as_array().unwrap().iter().map(strings).collect();
        assert_eq!(vectorizer.counts().inverse_transform(&rows).unwrap(), inverse, "{name}");
        let expected: Option<Vec<f64>> = case.get("idf").map(|idf| serde_json::from_value(idf.clone()).unwrap());
        assert_eq!(vectorizer.tfidf().idf().is_some(), expected.is_some(), "{name}");
        for (idf, expected) in vectorizer.tfidf().idf().into_iter().flatten().zip(expected.iter().flatten()) {
            assert!((idf - expected).abs() < 1e-12, "{name}: {idf} {expected}");
        }
        assert_eq!(TfidfVectorizer::from_json(&vectorizer.to_json()).unwrap(), vectorizer, "{name}");
        let alone = vectorizer.tfidf();
        assert_eq!(&TfidfTransformer::from_json(&alone.to_json()).unwrap(), alone, "{name}");
        let counts = vectorizer.counts().transform(strings(&case["texts"])).unwrap();
        assert_rows(name, "in two steps", &alone.transform(&counts).unwrap(), &case["fitted"]);
    });
}

#[test]
fn hashed_columns_and_signs_are_those_of_scikit_learn() {
    each_case("HashingVectorizer", 9, |name, case| {
        let vectorizer = hashing_vectorizer(case);
        assert_rows(name, "texts", &vectorizer.transform(strings(&case["texts"])).unwrap(), &case["fitted"]);
        assert_rows(name, "others", &vectorizer.transform(strings(&case["others"])).unwrap(), &case["transformed"]);
        assert_eq!(HashingVectorizer::from_json(&vectorizer.to_json()).unwrap(), vectorizer, "{name}");
    });
}

#[test]
fn of_equally_frequent_terms_those_of_numpy_are_kept() {
    let fixture: Value = serde_json::from_str(CASES).unwrap();
    let ties = fixture["ties"].as_array().unwrap();
    assert_eq!(ties.len(), 12);
    for case in ties {
        let (name, limit) = (case["name"].as_str().unwrap(), size(&case["limit"]));
        let counts: Vec<usize> = serde_json::from_value(case["counts"].clone()).unwrap();
        let most = counts.iter().max().copied().unwrap();
        let text = |level: usize| {
            let terms = counts.iter().enumerate().filter(|&(_, &count)| count > level);
            terms.map(|(at, _)| format!("w{at:05}")).collect::<Vec<_>>().join(" ")
        };
        let texts: Vec<String> = (0..most).map(text).collect();
        let vectorizer = CountVectorizer::builder().max_features(limit).fit(&texts).unwrap();
        let kept: Vec<usize> = vectorizer.feature_names().map(|term| term[1..].parse().unwrap()).collect();
        let expected: Vec<usize> = serde_json::from_value(case["kept"].clone()).unwrap();
        assert_eq!(kept, expected, "{name}, {limit}");
    }
}
