//! A vocabulary follows its options, has the counts one would get by hand, with any number of threads, adds up, and can
//! be saved and loaded. Contradictions and duplicates are refused with their position.

use std::collections::HashMap;
use std::ops::ControlFlow;

use kiln_text::Error;
use kiln_text::error::VocabularyError;
use kiln_text::io::{Saved, observed};
use kiln_text::vocabulary::{Frequency, TokenCounts, TokenOrder, Vocabulary, VocabularyBuilder, whitespace_tokens};
use proptest::prelude::*;

/// the: 3 in 2 documents, sat: 2 in 2, cat: 1, mat: 2 in 1, dog: 1.
const TEXTS: [&str; 3] = ["the cat sat mat mat", "the the dog sat", ""];

fn tokens(builder: VocabularyBuilder) -> Vec<String> {
    let vocabulary = builder.fit(TEXTS, whitespace_tokens).unwrap();
    vocabulary.tokens().map(str::to_owned).collect()
}

#[test]
fn options_choose_the_tokens() {
    let builder = Vocabulary::builder;
    let (count, share) = (Frequency::Count, Frequency::Share);
    for (builder, expected) in [
        (builder(), &["the", "sat", "mat", "cat", "dog"][..]),
        (builder().order(TokenOrder::FirstAppearance), &["the", "cat", "sat", "mat", "dog"]),
        (builder().order(TokenOrder::Alphabetical), &["cat", "dog", "mat", "sat", "the"]),
        (builder().min_frequency(count(2)), &["the", "sat", "mat"]),
        (builder().max_frequency(count(2)), &["sat", "mat", "cat", "dog"]),
        // 3 of 9 tokens are a third, 2 of 9 are 0.222…
        (builder().min_frequency(share(0.3)), &["the"]),
        (builder().max_frequency(share(0.3)), &["sat", "mat", "cat", "dog"]),
        (builder().min_document_frequency(count(2)), &["the", "sat"]),
        // 1 of 3 documents; one document is empty.
        (builder().max_document_frequency(share(0.4)), &["mat", "cat", "dog"]),
        (builder().min_document_frequency(share(1.0 / 3.0)), &["the", "sat", "mat", "cat", "dog"]),
        (builder().max_size(3), &["the", "sat", "mat"]),
        (builder().max_size(3).order(TokenOrder::FirstAppearance), &["the", "sat", "mat"]),
        (builder().max_size(4).order(TokenOrder::Alphabetical), &["cat", "mat", "sat", "the"]),
        (builder().stop_words(["the", "The", "dog"]), &["sat", "mat", "cat"]),
        (builder().special_tokens(["<pad>", "<unk>"]).max_size(4), &["<pad>", "<unk>", "the", "sat"]),
        // A special token that occurs keeps its id, and no limit or stop word applies to it.
        (builder().special_tokens(["dog"]).stop_words(["dog"]).min_frequency(count(3)), &["dog", "the"]),
    ] {
        assert_eq!(tokens(builder.clone()), expected, "{builder:?}");
    }
}

#[test]
fn encodes_with_and_without_an_unknown_token() {
    let builder = || Vocabulary::builder().max_size(3).special_tokens(["<unk>"]);
    let dropping = builder().fit(TEXTS, whitespace_tokens).unwrap();
    assert_eq!(dropping.encode(["the", "cat", "sat"]), [1, 2]);
    let marking = builder().unknown_token("<unk>").fit(TEXTS, whitespace_tokens).unwrap();
    assert_eq!(marking.encode_text("the cat sat", whitespace_tokens), [1, 0, 2]);
    assert_eq!(marking.unknown_token(), Some("<unk>"));
    assert_eq!((marking.count("the"), marking.documents_with("the"), marking.count("cat")), (3, 2, 0));
    assert_eq!((marking.document_count(), marking.token_count()), (3, 9));
    assert!(matches!(marking.decode(&[1, 3]), Err(Error::Vocabulary(VocabularyError::NoSuchId { id: 3, tokens: 3 }))));
}

#[test]
fn parts_counted_apart_add_up() {
    let whole = TokenCounts::count_texts(TEXTS, whitespace_tokens).unwrap();
    for cut in 0..=TEXTS.len() {
        let mut part = TokenCounts::count_texts(&TEXTS[..cut], whitespace_tokens).unwrap();
        let rest = TokenCounts::count_texts(&TEXTS[cut..], whitespace_tokens).unwrap();
        part.merge(&TokenCounts::from_json(&rest.to_json()).unwrap()).unwrap();
        assert_eq!(part, whole);
    }
}

#[test]
fn files_come_back_equal() {
    let folder = tempfile::tempdir().unwrap();
    let (json, text) = (folder.path().join("vocabulary.json"), folder.path().join("vocabulary.txt"));
    let builder = || Vocabulary::builder().special_tokens(["<pad>", "<unk>"]).unknown_token("<unk>");
    let texts = ["\"é\" 😀 \u{0}\u{b} \u{85}x", "é"];
    let fitted = builder().fit(texts, |text, take| text.split(' ').for_each(take)).unwrap();
    fitted.save(&json).unwrap();
    assert_eq!(Vocabulary::load(&json).unwrap(), fitted);
    fitted.save_text(&text).unwrap();
    let read = builder().load_text(&text).unwrap();
    assert!(read.tokens().eq(fitted.tokens()));
    assert_eq!(read.encode(["é", "no", "<pad>"]), fitted.encode(["é", "no", "<pad>"]));
    assert_eq!(read.count("é"), 0);
    let ended = Vocabulary::builder().fit(["a\n"], |text, take| take(text)).unwrap();
    assert!(matches!(ended.save_text(&text), Err(Error::Vocabulary(VocabularyError::TokenWithLineEnd { id: 0, .. }))));
    assert_eq!(Vocabulary::from_json(&ended.to_json()).unwrap(), ended);
}

#[test]
fn what_cannot_be_is_refused() {
    let builder = Vocabulary::builder;
    let fit = |builder: VocabularyBuilder| builder.fit(TEXTS, whitespace_tokens);
    let good = fit(builder().special_tokens(["<unk>"]).unknown_token("<unk>")).unwrap().to_json();
    let edited = |from: &str, to: &str| {
        assert!(good.contains(from), "{from} {good}");
        Vocabulary::from_json(&good.replace(from, to))
    };
    for (result, says) in [
        (
            fit(builder().min_frequency(Frequency::Share(1.5))),
            "min_frequency should be a count of 0 or more, or a share from 0 to 1, found a share of 1.5",
        ),
        (
            fit(builder().max_document_frequency(Frequency::Share(f64::NAN))),
            "max_document_frequency should be a count of 0 or more, or a share from 0 to 1",
        ),
        (
            fit(builder().min_frequency(Frequency::Count(3)).max_frequency(Frequency::Count(2))),
            "min_frequency should not be above max_frequency, found 3 and 2",
        ),
        (
            fit(builder().min_frequency(Frequency::Count(4))),
            "found none to keep among 5 distinct tokens in 3 documents",
        ),
        (
            fit(builder().max_size(0)),
            "max_size should be 0 + 1 or more, since it includes the 0 special tokens, found 0",
        ),
        (
            fit(builder().special_tokens(["a", "b"]).max_size(2)),
            "max_size should be 2 + 1 or more, since it includes the 2 special tokens, found 2",
        ),
        (fit(builder().special_tokens(["a", "b", "a"])), "found \"a\" at place 0 and again at 2"),
        (fit(builder().unknown_token("<unk>")), "unknown_token should be one of the special tokens []"),
        (builder().build_from_text(""), "needs at least one token"),
        (builder().build_from_text("a\nb\r\na\n"), "found \"a\" in line 1 and again in line 3"),
        (
            builder().special_tokens(["<unk>"]).build_from_text("a\n<unk>"),
            "line 1 should be the special token \"<unk>\"",
        ),
        (Vocabulary::from_json("[]"), "found a list, not an object"),
        (edited("\"cat\"", "\"sat\""), "entry 4 repeats the token \"sat\" of entry 2 at line 6 column"),
        (edited("\"Vocabulary\"", "\"TokenCounts\""), "class_name \"Vocabulary\", found \"TokenCounts\""),
        (edited("\"version\": 1", "\"version\": 2"), "format version 2"),
        (edited("\"unknown_token\": \"<unk>\"", "\"unknown_token\": \"the\""), "should be one of the special tokens"),
        (edited("\"special_tokens\": 1", "\"special_tokens\": 9"), "at most the number of entries, found 9"),
        (edited("[\"cat\", 1, 1]", "[\"cat\", -1, 1]"), "line 6"),
    ] {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(says), "{says}: {error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("words.txt");
    std::fs::write(&path, "a\na\n").unwrap();
    let error = builder().load_text(&path).unwrap_err().to_string();
    assert!(error.contains("words.txt") && error.contains("line 2"), "{error}");
}

#[test]
fn errors_and_callbacks_end_the_pass() {
    let bad = || Err(Error::NoDocuments);
    let texts = [Ok("a"), bad(), Ok("b")];
    assert!(matches!(TokenCounts::count_texts(texts, whitespace_tokens), Err(Error::NoDocuments)));
    let mut calls = 0;
    let texts = observed(vec!["a"; 9000], |progress| {
        calls += 1;
        assert_eq!((progress.documents, progress.bytes, progress.total_bytes), (8192, 8192, None));
        ControlFlow::Break(())
    });
    let stopped = Vocabulary::builder().fit(texts, whitespace_tokens);
    assert!(matches!(stopped, Err(Error::Stopped { documents: 8192 })));
    assert_eq!(calls, 1);
}

proptest! {
    #[test]
    fn counts_are_those_of_a_simple_loop_with_any_number_of_threads(
        texts in prop::collection::vec("([ab ]|longer than fifteen bytes|.){0,12}", 0..150), threads in 1usize..5,
    ) {
        let mut expected: Vec<(String, u64, u64)> = Vec::new();
        let mut last: HashMap<String, usize> = HashMap::new();
        for (document, text) in texts.iter().enumerate() {
            for token in text.split(' ') {
                let new_here = last.insert(token.to_owned(), document) != Some(document);
                match expected.iter_mut().find(|(known, ..)| known == token) {
                    Some((_, count, documents)) => { *count += 1; *documents += u64::from(new_here); }
                    None => expected.push((token.to_owned(), 1, 1)),
                }
            }
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let split = |text: &str, take: &mut dyn FnMut(&str)| text.split(' ').for_each(take);
        let counts = pool.install(|| TokenCounts::count_texts(&texts, split)).unwrap();
        let found: Vec<_> = counts.iter().map(|(token, known)| (token.to_owned(), known.count, known.documents)).collect();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(counts.documents(), texts.len() as u64);
        prop_assert_eq!(TokenCounts::from_json(&counts.to_json()).unwrap(), counts);
    }
}
