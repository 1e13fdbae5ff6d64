//! [`SubwordTextEncoder`] equals that of TensorFlow Datasets: `fixtures/subword_text_encoder.json`, made by
//! `fixtures/subword_text_encoder.py`. Where the original does not decode to the same text, Kiln's ids may differ and
//! its text must not.

use std::fs;

use kiln_base::OptionError;
use kiln_text::Error;
use kiln_text::encoders::{Encoder, SubwordTextEncoder, TextEncoder};
use kiln_text::error::SubwordError;
use kiln_text::io::Saved;
use proptest::prelude::*;
use serde_json::Value;

const CASES: &str = include_str!("../fixtures/subword_text_encoder.json");

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

fn built(case: &Value) -> SubwordTextEncoder {
    let mut builder = SubwordTextEncoder::builder(case["target"].as_u64().unwrap() as usize);
    for (option, value) in case["options"].as_object().unwrap() {
        builder = match option.as_str() {
            "max_subword_length" => builder.max_subword_length(value.as_u64().unwrap() as usize),
            "max_corpus_chars" => builder.max_corpus_chars(value.as_u64().unwrap() as usize),
            "reserved_tokens" => builder.reserved_tokens(strings(value)),
            _ => panic!("{option}"),
        };
    }
    builder.fit(strings(&case["corpus"])).unwrap()
}

fn cases() -> Vec<Value> {
    serde_json::from_str(CASES).unwrap()
}

#[test]
fn builds_the_subwords_of_tensorflow_datasets() {
    for case in cases() {
        let encoder = built(&case);
        assert_eq!(encoder.subwords().collect::<Vec<_>>(), strings(&case["subwords"]), "{}", case["name"]);
        assert_eq!(encoder.vocab_size() as u64, case["vocab_size"], "{}", case["name"]);
        assert_eq!(encoder.vocab_size(), encoder.subwords().len() + 257);
    }
}

#[test]
fn the_order_of_texts_and_the_number_of_threads_do_not_matter() {
    let case = &cases()[3];
    let mut corpus = strings(&case["corpus"]);
    corpus.reverse();
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let alone = one.install(|| SubwordTextEncoder::builder(420).fit(&corpus)).unwrap();
    let five = rayon::ThreadPoolBuilder::new().num_threads(5).build().unwrap();
    assert_eq!(five.install(|| SubwordTextEncoder::builder(420).fit(&corpus)).unwrap(), alone);
    assert_eq!(alone, built(case));
}

#[test]
fn gives_the_ids_of_tensorflow_datasets_wherever_they_decode_to_the_text() {
    let (mut same, mut lost) = (0, 0);
    for case in cases() {
        let encoder = SubwordTextEncoder::new(strings(&case["subwords"])).unwrap();
        let texts = strings(&case["texts"]);
        let batch = encoder.encode_batch(&texts);
        for ((text, ids), (theirs, decoded)) in
            texts.iter().zip(&batch).zip(case["ids"].as_array().unwrap().iter().zip(strings(&case["decoded"])))
        {
            let theirs: Vec<u32> = serde_json::from_value(theirs.clone()).unwrap();
            assert_eq!(encoder.decode(ids), *text, "{}", case["name"]);
            assert_eq!(encoder.decode(&theirs), decoded, "{}", case["name"]);
            assert_eq!(*ids, encoder.encode(text));
            if decoded == *text {
                assert_eq!(*ids, theirs, "{}: {text:?}", case["name"]);
                same += 1;
            } else {
                lost += 1;
            }
        }
    }
    assert!(same > 200 && lost > 0, "{same} {lost}: the fixture tells nothing");
}

#[test]
fn files_are_those_of_tensorflow_datasets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.subwords");
    let mut written = 0;
    for case in cases() {
        let encoder = SubwordTextEncoder::new(strings(&case["subwords"])).unwrap();
        if strings(&case["subwords"]).iter().any(|subword| subword.contains('\n')) {
            assert!(matches!(encoder.save_subwords(&path), Err(Error::Subword(SubwordError::LineFeed { .. }))));
        } else {
            encoder.save_subwords(&path).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), case["file"].as_str().unwrap());
            assert_eq!(SubwordTextEncoder::load_subwords(&path).unwrap(), encoder);
            written += 1;
        }
        let any = TextEncoder::from(encoder);
        assert_eq!(TextEncoder::from_json(&any.to_json()).unwrap(), any);
    }
    assert!(written > 4);
}

#[test]
fn what_is_no_subwords_file_is_refused_with_its_line() {
    let line = |file: &str| match SubwordTextEncoder::from_subwords(file) {
        Err(Error::Subword(SubwordError::FileLine { line, .. })) => line,
        other => panic!("{other:?}"),
    };
    assert_eq!(line(""), 1);
    assert_eq!(line("### TokenTextEncoder\n### Metadata: {}\n"), 1);
    assert_eq!(line("### SubwordTextEncoder\n"), 2);
    assert_eq!(line("### SubwordTextEncoder\n### Metadata: {}\n'a'\nb\n"), 4);
    assert_eq!(line("### SubwordTextEncoder\n### Metadata: {}\n'\n"), 3);
    // A file without its last line end is complete.
    let encoder = SubwordTextEncoder::from_subwords("### SubwordTextEncoder\n### Metadata: {}\n'a'\n'''").unwrap();
    assert_eq!(encoder.subwords().collect::<Vec<_>>(), ["a", "'"]);
    let message = SubwordTextEncoder::from_subwords("x").unwrap_err().to_string();
    assert!(message.contains("line 1") && message.contains("found \"x\""), "{message}");
}

#[test]
fn options_that_cannot_be_are_refused() {
    let option = |builder: kiln_text::encoders::SubwordTextEncoderBuilder| match builder.fit(["a b"]) {
        Err(Error::Option(OptionError { option, .. })) => option,
        other => panic!("{other:?}"),
    };
    let builder = SubwordTextEncoder::builder;
    assert_eq!(option(builder(257)), "target_vocab_size");
    assert_eq!(option(builder(300).max_subword_length(0)), "max_subword_length");
    for token in ["EOS", "<>", "<a>_", "", "\\&undsc"] {
        assert_eq!(option(builder(300).reserved_tokens([token])), "reserved_tokens", "{token}");
    }
    assert_eq!(option(builder(300).reserved_tokens(["<a>", "<b>", "<a>"])), "reserved_tokens");
    assert!(matches!(builder(300).fit(["", ""]), Err(Error::EmptyCorpus { documents: 2 })));
    assert!(matches!(builder(300).fit(Vec::<String>::new()), Err(Error::EmptyCorpus { documents: 0 })));
}

#[test]
fn padding_and_foreign_ids_decode_to_nothing() {
    let encoder = SubwordTextEncoder::new(["the_", "cat"]).unwrap();
    assert_eq!(encoder.encode("the cat_ é"), [1, 2, 98, 35, 198, 172]);
    assert_eq!(encoder.decode(&[0, 0, 1, 0, 2, 259, 4_000_000_000]), "the cat");
    // Half a character decodes to the replacement character.
    assert_eq!(encoder.decode(&[198, 2]), "\u{fffd}cat");
    assert!(Encoder::encode(&encoder, "").is_empty());
}

proptest! {
    #[test]
    fn any_text_comes_back_from_any_vocabulary(
        text in r"([ab_ \n]|\\&|undsc|<E>|<E|\\&undsc|é|한|.){0,24}",
        subwords in prop::collection::vec(r"([ab<E>é한]|\\&undsc|\\&u|undsc){1,4}_?|.{1,3}", 0..12),
    ) {
        let encoder = SubwordTextEncoder::new(&subwords).unwrap();
        let ids = encoder.encode(&text);
        prop_assert_eq!(encoder.decode(&ids), text);
        prop_assert!(ids.iter().all(|&id| id > 0 && (id as usize) < encoder.vocab_size()));
    }

    #[test]
    fn any_text_comes_back_from_what_it_built(texts in prop::collection::vec(r"([ab_ ]|\\&undsc|a_b|.){0,20}", 1..6), size in 258usize..400) {
        if let Ok(encoder) = SubwordTextEncoder::builder(size).fit(&texts) {
            for text in &texts {
                prop_assert_eq!(&encoder.decode(&encoder.encode(text)), text);
            }
        }
    }
}

#[test]
fn a_target_beyond_all_subwords_takes_all() {
    let texts = ["the cat sat on the mat", "the cat ran"];
    let sizes = [1_000_000, usize::MAX / 100 + 1, usize::MAX]
        .map(|target| SubwordTextEncoder::builder(target).fit(texts).unwrap().vocab_size());
    assert!(sizes[0] > 257 && sizes.iter().all(|&size| size == sizes[0]), "{sizes:?}");
}
