//! What the vectorizers promise beyond scikit-learn's results: errors that say what was wrong, the same result with any
//! number of threads, and sensible results for any text.

use kiln_base::OptionError;
use kiln_text::Error;
use kiln_text::error::VectorizerError;
use kiln_text::features::{
    CountVectorizer, HashingVectorizer, SparseMatrix, StripAccents, TermUnit, TfidfTransformer, TfidfVectorizer,
    to_dense,
};
use kiln_text::io::Saved;
use kiln_text::vocabulary::Frequency;
use proptest::prelude::*;

const TEXTS: [&str; 3] = ["red green", "green blue blue", "blue"];

#[test]
fn options_that_cannot_be_are_refused() {
    let builder = CountVectorizer::builder;
    let message = |error: Option<Error>| error.unwrap().to_string();
    for (shortest, longest) in [(0, 1), (2, 1), (0, 0)] {
        let error = builder().ngram_range(shortest, longest).fit(TEXTS).unwrap_err();
        assert!(
            matches!(&error, Error::Option(OptionError { option: "ngram_range", found, .. }) if *found == format!("{shortest} to {longest}"))
        );
        let hashing = HashingVectorizer::builder().ngram_range(shortest, longest).build();
        assert!(matches!(hashing, Err(Error::Option(OptionError { option: "ngram_range", .. }))));
    }
    assert_eq!(
        message(builder().max_features(0).fit(TEXTS).err()),
        "the option max_features should be 1 or more, found 0"
    );
    for share in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let error = builder().max_df(Frequency::Share(share)).fit(TEXTS).err();
        assert_eq!(
            message(error),
            format!(
                "the option max_df should be a count of 1 or more, or a share from 0 to 1, found a share of {share}"
            )
        );
    }
    let error = builder().min_df(Frequency::Count(0)).fit(TEXTS).unwrap_err();
    assert!(matches!(error, Error::Option(OptionError { option: "min_df", .. })));
    assert!(matches!(builder().token_pattern("(").fit(TEXTS), Err(Error::Pattern { .. })));
    assert!(matches!(builder().token_pattern("(a)(b)").fit(TEXTS), Err(Error::PatternGroups { found: 2, .. })));
    assert!(matches!(
        HashingVectorizer::builder().n_features(0).build(),
        Err(Error::Option(OptionError { option: "n_features", .. }))
    ));
    assert!(matches!(
        HashingVectorizer::builder().n_features(1 << 31).build(),
        Err(Error::Option(OptionError { option: "n_features", .. }))
    ));
    assert!(HashingVectorizer::builder().n_features((1 << 31) - 1).build().is_ok());
}

#[test]
fn texts_without_terms_are_refused() {
    let builder = CountVectorizer::builder;
    assert!(matches!(builder().fit([""; 0]), Err(Error::Vectorizer(VectorizerError::NoTerms { documents: 0 }))));
    assert!(matches!(builder().fit(["a b", "..."]), Err(Error::Vectorizer(VectorizerError::NoTerms { documents: 2 }))));
    assert!(matches!(
        builder().stop_words(["red"]).fit(["red"]),
        Err(Error::Vectorizer(VectorizerError::NoTerms { documents: 1 }))
    ));
    assert!(matches!(
        TfidfVectorizer::builder().ngram_range(3, 3).fit(&TEXTS[..1]),
        Err(Error::Vectorizer(VectorizerError::NoTerms { .. }))
    ));
    let error = builder().min_df(Frequency::Count(3)).fit(TEXTS).unwrap_err();
    assert_eq!(
        error.to_string(),
        "at least one of the 3 terms should occur in 3 (min_df) to 3 (max_df) of the 3 documents, found none: lower \
         min_df or raise max_df"
    );
    let apart = builder().min_df(Frequency::Count(3)).max_df(Frequency::Share(0.5)).fit(TEXTS);
    assert!(matches!(apart, Err(Error::Vectorizer(VectorizerError::NoTermsLeft { least: 3.0, most: 1.5, .. }))));
}

#[test]
fn a_vocabulary_needs_different_terms() {
    let with = |terms: &[&str]| CountVectorizer::builder().vocabulary(terms.iter().copied()).build();
    assert!(matches!(with(&[]), Err(Error::Vectorizer(VectorizerError::NoTerms { .. }))));
    assert!(matches!(CountVectorizer::builder().build(), Err(Error::Vectorizer(VectorizerError::NoTerms { .. }))));
    let error = with(&["a", "b", "a"]).unwrap_err().to_string();
    assert_eq!(error, "the terms of a vocabulary should differ, found \"a\" in columns 0 and 2 (counted from 0)");
    let vectorizer = with(&["green", "red"]).unwrap();
    assert_eq!(to_dense(&vectorizer.transform(TEXTS).unwrap()).unwrap().values, [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
    assert_eq!(vectorizer.transform([""; 0]).unwrap().shape(), (0, 2));
}

#[test]
fn a_matrix_of_another_width_is_refused() {
    let (vectorizer, counts) = CountVectorizer::builder().fit_transform(TEXTS).unwrap();
    let other = CountVectorizer::builder().fit(["red"]).unwrap();
    let error = other.inverse_transform(&counts).unwrap_err().to_string();
    assert_eq!(error, "the matrix should have 1 columns, one for each term, found 3");
    let tfidf = TfidfTransformer::builder().fit(&counts);
    assert!(matches!(
        tfidf.transform(&other.transform(TEXTS).unwrap()),
        Err(Error::Vectorizer(VectorizerError::MatrixColumns { expected: 3, found: 1 }))
    ));
    // The same matrix stored by columns gives the same result.
    assert_eq!(TfidfTransformer::builder().fit(&counts.to_csc()), tfidf);
    assert_eq!(tfidf.transform(&counts.to_csc()).unwrap(), tfidf.transform(&counts).unwrap());
    assert_eq!(to_dense(&counts.to_csc()).unwrap(), to_dense(&counts).unwrap());
    assert_eq!(vectorizer.feature_names().len(), counts.cols());
}

#[test]
fn files_of_other_classes_and_versions_are_refused() {
    let vectorizer = TfidfVectorizer::builder().fit(TEXTS).unwrap();
    let json = vectorizer.to_json();
    let from = TfidfVectorizer::from_json;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectorizer.json");
    vectorizer.save(&path).unwrap();
    assert_eq!(TfidfVectorizer::load(&path).unwrap(), vectorizer);
    assert_eq!(
        CountVectorizer::load(&path).unwrap_err().to_string(),
        format!(
            "{}: expected a file of class_name \"CountVectorizer\", found \"TfidfVectorizer\", which TfidfVectorizer::load reads",
            path.display()
        )
    );
    assert!(matches!(from("{}"), Err(Error::FileClass { .. })));
    assert!(matches!(from("[1"), Err(Error::FileJson { .. })));
    let newer = json.replace("\"version\": 1", "\"version\": 2");
    assert!(matches!(from(&newer), Err(Error::FileVersion { found: 2, supported: 1, .. })));
    for version in ["0", "null"] {
        let other = json.replace("\"version\": 1", &format!("\"version\": {version}"));
        assert!(matches!(from(&other), Err(Error::FileField { field: "version", .. })), "{version}");
    }
    let twice = json.replace("\"green\"", "\"blue\"");
    assert!(matches!(from(&twice), Err(Error::Vectorizer(VectorizerError::DuplicateTerm { first: 0, second: 1, .. }))));
    assert!(json.contains("\"document_frequencies\":[2,2,1]"), "{json}");
    for frequencies in ["[2,2]", "[2,2,4]", "[2,2,1,1]"] {
        let other = json.replace("[2,2,1]", frequencies);
        assert!(matches!(from(&other), Err(Error::FileField { field: "document_frequencies", .. })));
    }
    for broken in ["\"ngram_range\":[0,1]", "\"ngram_range\":[1]", "\"ngram_rang\":[1,1]"] {
        assert!(from(&json.replace("\"ngram_range\":[1,1]", broken)).is_err(), "{broken}");
    }
}

/// Enough texts for every thread to have several pieces.
fn many_texts() -> Vec<String> {
    let word = |at: usize| ["the", "a cat", "sat", "Élan", "mat,", "x9", "of_it", "一二"][at * at % 13 % 8];
    (0..4000).map(|text| (0..text % 37).map(|at| word(text * 7 + at * 3)).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let texts = many_texts();
    assert!(texts.iter().map(String::len).sum::<usize>() > 3 << 16, "too little for several threads");
    let on = |threads: usize| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
            let words = TfidfVectorizer::builder().ngram_range(1, 3).max_features(99).fit_transform(&texts).unwrap();
            let characters = CountVectorizer::builder().analyzer(TermUnit::CharactersInWords).ngram_range(2, 3);
            let again = words.0.transform(&texts).unwrap();
            (
                words,
                again,
                characters.fit_transform(&texts).unwrap(),
                HashingVectorizer::builder().build().unwrap().transform(&texts).unwrap(),
            )
        })
    };
    let alone = on(1);
    for threads in [2, 3, 5] {
        assert!(on(threads) == alone, "{threads} threads");
    }
}

#[test]
fn fit_learns_what_fit_transform_learns() {
    let texts = many_texts();
    let builder = || TfidfVectorizer::builder().ngram_range(1, 2).min_df(Frequency::Share(0.01));
    let (both, rows) = builder().fit_transform(&texts).unwrap();
    assert_eq!(builder().fit(&texts).unwrap(), both);
    assert_eq!(both.transform(&texts).unwrap(), rows);
}

#[test]
fn a_text_of_ten_megabytes_without_a_space_is_a_word() {
    let text = "na".repeat(5_000_000);
    let (vectorizer, counts) = CountVectorizer::builder().fit_transform([&text]).unwrap();
    assert_eq!(vectorizer.feature_names().collect::<Vec<_>>(), [&text]);
    assert_eq!(counts.data(), [1]);
    let pairs = CountVectorizer::builder().analyzer(TermUnit::Characters).ngram_range(2, 2);
    assert_eq!(pairs.fit_transform([&text]).unwrap().1.data(), [4_999_999, 5_000_000]);
}

/// How often each sequence of characters occurs, counted literally.
fn occurrences(text: &str, length: usize, term: &str) -> usize {
    let characters: Vec<char> = text.chars().collect();
    let term: Vec<char> = term.chars().collect();
    characters.windows(length).filter(|window| **window == term[..]).count()
}

proptest! {
    #[test]
    fn any_text_survives_fit_file_and_rows(
        texts in prop::collection::vec(any::<String>(), 1..6), analyzer in 0..3, shortest in 1usize..3, more in 0usize..3,
        accents in 0..3, lowercase: bool, pattern in 0..3,
    ) {
        let mut builder = CountVectorizer::builder()
            .analyzer([TermUnit::Words, TermUnit::Characters, TermUnit::CharactersInWords][analyzer as usize])
            .ngram_range(shortest, shortest + more)
            .token_pattern([r"(?u)\b\w\w+\b", r"\S+", r"(?s)."][pattern as usize])
            .lowercase(lowercase);
        if accents > 0 {
            builder = builder.strip_accents([StripAccents::Ascii, StripAccents::Unicode][accents as usize - 1]);
        }
        if let Ok((vectorizer, counts)) = builder.fit_transform(&texts) {
            let terms: Vec<&str> = vectorizer.feature_names().collect();
            prop_assert!(terms.is_sorted_by(|a, b| a < b), "{terms:?}");
            prop_assert_eq!(&vectorizer.transform(&texts).unwrap(), &counts);
            let read = CountVectorizer::from_json(&vectorizer.to_json()).unwrap();
            prop_assert_eq!(&read.transform(&texts).unwrap(), &counts);
            prop_assert_eq!(&read, &vectorizer);
            for (column, term) in terms.iter().enumerate() {
                prop_assert_eq!(vectorizer.column(term), Some(column));
            }
        }
    }

    #[test]
    fn counts_are_those_told_literally(text in "[ab ]{0,12}", length in 1usize..4) {
        // A run of spaces would become one space, and the text would no longer contain that run.
        let text = text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        let builder = CountVectorizer::builder().analyzer(TermUnit::Characters).ngram_range(length, length);
        match builder.fit_transform([&text]) {
            Err(_) => prop_assert!(text.chars().count() < length),
            Ok((vectorizer, counts)) => {
                for (term, &count) in vectorizer.feature_names().zip(counts.data()) {
                    prop_assert_eq!(count as usize, occurrences(&text, length, term));
                }
                prop_assert_eq!(counts.data().iter().sum::<u32>() as usize, text.chars().count() + 1 - length);
            }
        }
    }

    #[test]
    fn rows_have_norm_1_or_are_empty(texts in prop::collection::vec("[ab é]{0,12}", 1..5)) {
        let rows: SparseMatrix<f64> = HashingVectorizer::builder().n_features(64).build().unwrap().transform(&texts).unwrap();
        for row in rows.outer_iterator() {
            let square: f64 = row.data().iter().map(|value| value * value).sum();
            prop_assert!(square == 0.0 || (square - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn no_json_makes_the_readers_panic(json in any::<String>()) {
        prop_assert!(TfidfVectorizer::from_json(&json).is_err());
    }
}

#[test]
fn a_weight_that_is_no_number_is_named() {
    let message =
        |result: kiln_text::Result<_>| result.err().map_or_else(String::new, |error: Error| error.to_string());
    // "zz" of the vocabulary occurs nowhere, so that its inverse document frequency is infinite.
    let builder = || TfidfVectorizer::builder().vocabulary(["aa", "zz"]).smooth_idf(false);
    let (vectorizer, _) = builder().fit_transform(["aa", "aa aa"]).unwrap();
    let error = message(vectorizer.transform(["aa", "aa zz"]));
    assert!(error.contains("row 1, column 1") && error.contains("smooth_idf"), "{error}");
    assert!(vectorizer.transform(["aa"]).is_ok());

    let counts = |values: Vec<f64>| SparseMatrix::new((2, 1), vec![0, 1, 2], vec![0, 0], values);
    let none = SparseMatrix::<f64>::new((0, 1), vec![0], vec![], vec![]);
    let unfitted = TfidfTransformer::builder().smooth_idf(false).fit(&none);
    assert!(message(unfitted.transform(&counts(vec![1.0, 2.0]))).contains("row 0, column 0"));
    let sublinear = TfidfTransformer::builder().sublinear_tf(true).fit(&counts(vec![1.0, 2.0]));
    for bad in [0.0, -3.0, f64::NAN] {
        let error = message(sublinear.transform(&counts(vec![1.0, bad])));
        assert!(error.contains("row 1, column 0") && error.contains("sublinear_tf"), "{error}");
    }
}
