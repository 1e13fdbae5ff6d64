//! The tokenizer beyond Keras's own cases: refusals, sizes, and the state after a failed fit.

use kiln_base::OptionError;
use kiln_text::Error;
use kiln_text::encoders::{Encoder, WordTokenizer};
use kiln_text::keras::MatrixMode;
use kiln_text::tokens::text_to_words;

const TEXTS: [&str; 3] = ["The cat sat on the mat.", "The dog sat on the log.", "Dogs and cats living together."];

#[test]
fn splits_the_golden_text_as_keras_does() {
    assert_eq!(
        text_to_words("Don't stop-me\rnow\u{a0}x  y\u{b}z ÀB İ ΟΔΟΣ ß 'quoted' _a_"),
        ["don't", "stop", "me\rnow\u{a0}x", "y\u{b}z", "àb", "i\u{307}", "οδος", "ß", "'quoted'", "a"]
    );
}

#[test]
fn num_words_below_two_keeps_nothing_and_is_refused() {
    for found in [0, 1] {
        let error = WordTokenizer::builder().num_words(found).fit(TEXTS).unwrap_err();
        assert!(
            matches!(&error, Error::Option(OptionError { option: "num_words", found: f, .. }) if *f == found.to_string()),
            "{error}"
        );
        assert!(error.to_string().contains("num_words N keeps the ids 1 to N - 1"), "{error}");
    }
}

#[test]
fn an_empty_split_is_refused() {
    assert!(matches!(
        WordTokenizer::builder().split("").build(),
        Err(Error::Option(OptionError { option: "split", .. }))
    ));
}

#[test]
fn a_corpus_without_words_is_refused() {
    let none: [&str; 0] = [];
    assert!(matches!(WordTokenizer::builder().fit(none), Err(Error::EmptyCorpus { documents: 0 })));
    assert!(matches!(WordTokenizer::builder().fit(["...", " "]), Err(Error::EmptyCorpus { documents: 2 })));
}

#[test]
fn an_oov_token_in_the_corpus_is_refused_with_its_document_and_nothing_is_learned() {
    let mut tokenizer = WordTokenizer::builder().oov_token("oov").fit(["a b"]).unwrap();
    let before = tokenizer.clone();
    let error = tokenizer.fit_on_texts(["b c", "a oov a b"]).unwrap_err();
    assert!(matches!(&error, Error::OovInCorpus { token, document: 1 } if token == "oov"), "{error}");
    assert_eq!(tokenizer, before);
    assert_eq!(tokenizer.document_count(), 1);
}

#[test]
fn vocab_size_is_what_an_embedding_needs() {
    let size = |builder: kiln_text::encoders::WordTokenizerBuilder| builder.fit(TEXTS).unwrap().vocab_size();
    assert_eq!(size(WordTokenizer::builder()), 13);
    assert_eq!(size(WordTokenizer::builder().oov_token("<OOV>")), 14);
    assert_eq!(size(WordTokenizer::builder().num_words(5)), 5);
    assert_eq!(size(WordTokenizer::builder().num_words(10_000)), 13);
}

#[test]
fn num_words_limits_ids_but_not_what_is_known() {
    let tokenizer = WordTokenizer::builder().num_words(3).fit(TEXTS).unwrap();
    assert_eq!(tokenizer.encode(TEXTS[0]), [1, 2, 1]);
    assert_eq!(tokenizer.word_index("together"), Some(12));
    assert_eq!(tokenizer.index_word(12), Some("together"));
    assert_eq!(tokenizer.index_word(0), None);
    assert_eq!(tokenizer.index_word(13), None);
    assert_eq!(tokenizer.words().len(), 12);
}

#[test]
fn an_unfitted_tokenizer_knows_only_its_oov_token() {
    let tokenizer = WordTokenizer::builder().oov_token("<OOV>").build().unwrap();
    assert_eq!(tokenizer.encode("a b"), [1, 1]);
    assert_eq!(tokenizer.vocab_size(), 2);
    assert!(WordTokenizer::builder().build().unwrap().encode("a b").is_empty());
}

#[test]
fn decoding_skips_padding_but_keras_does_not() {
    let tokenizer = WordTokenizer::builder().oov_token("<OOV>").fit(["a b"]).unwrap();
    assert_eq!(tokenizer.decode(&[0, 0, 2, 9]), "a <OOV>");
    assert_eq!(tokenizer.decode_like_keras(&[0, 0, 2, 9]), "<OOV> <OOV> a <OOV>");
}

#[test]
fn the_golden_tf_idf_row() {
    let tokenizer = WordTokenizer::builder().fit(TEXTS).unwrap();
    let matrix = tokenizer.texts_to_matrix(TEXTS, MatrixMode::TfIdf).unwrap();
    // the: twice here, in 2 of 3 documents: (1 + ln 2) ln(1 + 3/3) = 1.1736; cat: once, in 1: ln(1 + 3/2) = 0.9163.
    // sat and on: once, in 2 of 3: ln 2.
    let ln_2 = std::f64::consts::LN_2;
    let expected = [0.0, 1.1736, ln_2, ln_2, 0.916291, 0.916291, 0.0];
    for (cell, expected) in matrix.row(0).iter().zip(expected) {
        assert!((cell - expected).abs() < 1e-5, "{cell} {expected}");
    }
}

#[test]
fn matrices_that_cannot_be_are_refused() {
    let unfitted = WordTokenizer::builder().build().unwrap();
    assert!(matches!(unfitted.texts_to_matrix(["a"], MatrixMode::Count), Err(Error::MatrixWithoutWords)));
    let limited = WordTokenizer::builder().num_words(9).build().unwrap();
    assert!(matches!(limited.texts_to_matrix(["a"], MatrixMode::TfIdf), Err(Error::TfIdfWithoutDocuments)));
    assert_eq!(limited.sequences_to_matrix(&[[1, 8, 9, 0]], MatrixMode::Freq).unwrap().row(0)[8], 0.25);
    let endless = WordTokenizer::builder().num_words(usize::MAX).fit(["a"]).unwrap();
    assert!(matches!(endless.texts_to_matrix(["a", "b"], MatrixMode::Count), Err(Error::TooLarge { .. })));
}

#[test]
fn any_number_of_threads_gives_the_same_batch() {
    let texts: Vec<String> = (0..500).map(|i| format!("{} {} word{}", TEXTS[i % 3], i, i % 17)).collect();
    let tokenizer = WordTokenizer::builder().num_words(40).oov_token("?").fit(&texts).unwrap();
    let alone: Vec<Vec<u32>> = texts.iter().map(|text| tokenizer.encode(text)).collect();
    for threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| tokenizer.encode_all(&texts).unwrap()), alone, "{threads} threads");
    }
}

#[test]
fn words_of_every_length_are_told_apart_also_by_zero_bytes_at_their_end() {
    let texts: Vec<String> =
        (1..=20).flat_map(|length| ["a", "\0", "é"].map(|end| "x".repeat(length - 1) + end)).collect();
    let tokenizer = WordTokenizer::builder().fit(&texts).unwrap();
    assert_eq!(tokenizer.words().collect::<Vec<_>>(), texts);
    assert_eq!(tokenizer.encode(&texts.join(" ")), (1..=60).collect::<Vec<_>>());
    let ends = ["b", "b\0", "b\0\0"];
    let tokenizer = WordTokenizer::builder().fit(ends).unwrap();
    assert_eq!(tokenizer.words().collect::<Vec<_>>(), ends);
}
