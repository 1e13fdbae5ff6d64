//! Kiln and Keras read each other's files, and other files are refused with the reason. `fixtures/keras_tokenizer.json`
//! was written by Keras (`fixtures/keras_cases.py`).

use std::fs;

use kiln_text::Error;
use kiln_text::encoders::{Encoder, ImdbIds, TextEncoder, WordTokenizer};
use kiln_text::io::Saved;

const BY_KERAS: &str = include_str!("../fixtures/keras_tokenizer.json");

fn small() -> WordTokenizer {
    WordTokenizer::builder().num_words(9).fit(["b a b \"q\" é 😀\u{7f}", "a b"]).unwrap()
}

#[test]
fn reads_what_keras_wrote() {
    let tokenizer = WordTokenizer::from_json(BY_KERAS).unwrap();
    assert_eq!(tokenizer.num_words(), Some(20));
    assert_eq!(tokenizer.oov_token(), Some("<OOV>"));
    assert_eq!(tokenizer.document_count(), 10);
    assert_eq!(tokenizer.word_index("<OOV>"), Some(1));
    assert_eq!(tokenizer.encode("The unheard-of mat"), [2, 1, 1, 5]);
    assert_eq!(WordTokenizer::from_json(&tokenizer.to_json()).unwrap(), tokenizer);
}

#[test]
fn what_keras_wrote_goes_on_learning_as_the_original() {
    let mut read = WordTokenizer::from_json(&small().to_json()).unwrap();
    let mut original = small();
    for tokenizer in [&mut read, &mut original] {
        tokenizer.fit_on_texts(["z a z a z z", "z a"]).unwrap();
    }
    assert_eq!(read, original);
    // a: 2 + 3, z: 5, b: 3; the tie goes to the word seen first, in the first fit.
    assert_eq!(read.words().take(3).collect::<Vec<_>>(), ["a", "z", "b"]);
}

#[test]
fn writes_as_python_does() {
    let expected = concat!(
        r#"{"class_name": "Tokenizer", "config": {"num_words": 9, "#,
        r##""filters": "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n", "lower": true, "split": " ", "char_level": false, "##,
        r#""oov_token": null, "document_count": 2, "#,
        r#""word_counts": "{\"b\": 3, \"a\": 2, \"q\": 1, \"\\u00e9\": 1, \"\\ud83d\\ude00\\u007f\": 1}", "#,
        r#""word_docs": "{\"b\": 2, \"a\": 2, \"q\": 1, \"\\u00e9\": 1, \"\\ud83d\\ude00\\u007f\": 1}", "#,
        r#""index_docs": "{\"1\": 2, \"2\": 2, \"3\": 1, \"4\": 1, \"5\": 1}", "#,
        r#""index_word": "{\"1\": \"b\", \"2\": \"a\", \"3\": \"q\", \"4\": \"\\u00e9\", \"5\": \"\\ud83d\\ude00\\u007f\"}", "#,
        r#""word_index": "{\"b\": 1, \"a\": 2, \"q\": 3, \"\\u00e9\": 4, \"\\ud83d\\ude00\\u007f\": 5}"}}"#,
    );
    assert_eq!(small().to_json(), expected);
}

#[test]
fn either_kind_survives_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    let imdb = ImdbIds::new(small(), 7).unwrap();
    for encoder in [TextEncoder::from(small()), TextEncoder::from(imdb)] {
        encoder.save(&path).unwrap();
        assert_eq!(TextEncoder::load(&path).unwrap(), encoder);
        // Only the file itself is left, and it replaced the previous one.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
    assert!(matches!(WordTokenizer::load(&path), Err(Error::InFile { .. })));
    assert_eq!(ImdbIds::load(&path).unwrap().num_words(), 7);
    assert_eq!(WordTokenizer::from_json(&TextEncoder::from(small()).to_json()).unwrap(), small());
}

#[test]
fn errors_of_a_file_name_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.json");
    fs::write(&path, &BY_KERAS[..BY_KERAS.len() / 2]).unwrap();
    let error = TextEncoder::load(&path).unwrap_err().to_string();
    assert!(error.contains("cut.json") && error.contains("line 1 column"), "{error}");
    let missing = TextEncoder::load(folder.path().join("none.json")).unwrap_err().to_string();
    assert!(missing.contains("cannot read") && missing.contains("none.json"), "{missing}");
    fs::write(&path, b"{\"class_name\": \"\xff\"}").unwrap();
    assert!(matches!(TextEncoder::load(&path), Err(Error::NotUtf8 { offset: 16, .. })));
    let unwritable = small().save(folder.path().join("no/such/folder.json")).unwrap_err().to_string();
    assert!(unwritable.contains("no/such"), "{unwritable}");
}

#[test]
fn what_is_no_tokenizer_is_refused_with_the_reason() {
    let newer = ImdbIds::new(small(), 7).unwrap().to_json().replace("\"version\": 1", "\"version\": 2");
    for (json, says) in [
        ("", "line 1 column 0"),
        ("[1, 2]", "found a list, not an object"),
        ("{}", "found no class_name"),
        (r#"{"class_name": "Hashing"}"#, "found \"Hashing\""),
        (r#"{"class_name": "TextVectorization", "config": {}}"#, "version should be a number from 1, found none"),
        (r#"{"class_name": "VocabularyEncoder", "version": 2, "config": {}}"#, "reads only up to 1"),
        (r#"{"class_name": "Tokenizer"}"#, "missing field `config`"),
        (r#"{"class_name": "ImdbIds", "config": {}}"#, "version should be a number from 1, found none"),
        (newer.as_str(), "format version 2, but this Kiln reads only up to 1"),
    ] {
        let error = TextEncoder::from_json(json).unwrap_err().to_string();
        assert!(error.contains(says), "{json}: {error}");
    }
}

#[test]
fn contradictions_are_refused_with_the_field() {
    let good = small().to_json();
    for (part, with, says) in [
        (r#"\"b\": 1, \"a\": 2, \"q\""#, r#"\"b\": 1, \"a\": 1, \"q\""#, "word_index should be every id"),
        (r#"\"b\": 1, \"a\": 2, \"q\""#, r#"\"b\": 0, \"a\": 2, \"q\""#, "word_index should be every id"),
        (r#"\"b\": 1, \"a\": 2, \"q\""#, r#"\"b\": 1, \"x\": 2, \"q\""#, "found \"x\""),
        (r#"\"b\": 1, \"a\": 2, \"q\""#, r#"\"b\": 2, \"a\": 1, \"q\""#, "index_word should be the inverse"),
        (r#"\"1\": 2, \"2\": 2"#, r#"\"9\": 2, \"2\": 2"#, "index_docs should be ids of word_index"),
        (r#"\"b\": 3"#, r#"\"b\": -3"#, "cannot read word_counts as"),
        (r#"\"b\": 3"#, r#"\"b\": 9223372036854775807"#, "counts of at most 2^53"),
        (r#""oov_token": null"#, r#""oov_token": "new""#, "an id for the oov_token"),
        (r#""oov_token": null"#, r#""oov_token": "a""#, "words other than the oov_token"),
        (r#""split": " ""#, r#""split": """#, "split should be at least one character"),
        (r#""num_words": 9"#, r#""num_words": 1"#, "num_words should be 2 or more"),
        (r#""num_words": 9"#, r#""num_words": 9, "analyzer": "f""#, "analyzer should be absent"),
        (r#""num_words": 9"#, r#""num_words": 9, "max_tokens": 3"#, "unknown field `max_tokens`"),
    ] {
        assert!(good.contains(part), "{part}");
        let error = WordTokenizer::from_json(&good.replacen(part, with, 1));
        // `"b": 1` occurs in several dictionaries; the last is word_index.
        let error = match error {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{with} was accepted"),
        };
        assert!(error.contains(says), "{with}: {error}");
    }
}

#[test]
fn zero_num_words_is_no_limit_as_in_keras() {
    let json = small().to_json().replace("\"num_words\": 9", "\"num_words\": 0, \"analyzer\": null");
    assert_eq!(WordTokenizer::from_json(&json).unwrap().num_words(), None);
}

#[test]
fn a_file_of_another_kind_is_told_with_what_reads_it() {
    for (json, says) in [
        (r#"{"class_name": "Vocabulary", "config": {}}"#, "\"Vocabulary\", which Vocabulary::load reads"),
        (r#"{"version": "1.0", "model": {"vocab": {}}}"#, "which SubwordTokenizer::load reads"),
        ("[1, 2]", "found a list, not an object"),
        ("\"text\"", "found a string, not an object"),
    ] {
        let error = WordTokenizer::from_json(json).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    for json in [r#"{"class_name": "Tokenizer", "config": {}}"#, r#"{"class_name": "Tokenizer", "model": {}}"#] {
        let error = kiln_text::vocabulary::Vocabulary::from_json(json).unwrap_err().to_string();
        assert!(error.ends_with("found \"Tokenizer\", which WordTokenizer::load reads"), "{error}");
        #[cfg(feature = "subwords")]
        {
            let error = kiln_text::encoders::SubwordTokenizer::from_json(json).unwrap_err().to_string();
            assert!(error.ends_with("found \"Tokenizer\", which WordTokenizer::load reads"), "{error}");
        }
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let tokenizer = WordTokenizer::builder().fit(["a b"]).unwrap();
    fs::write(&path, format!("\u{feff}{}", tokenizer.to_json())).unwrap();
    assert_eq!(WordTokenizer::load(&path).unwrap(), tokenizer);
    fs::write(&path, "\u{feff}the\ncat\n").unwrap();
    let vocabulary = kiln_text::vocabulary::Vocabulary::builder().load_text(&path).unwrap();
    assert!(vocabulary.tokens().eq(["the", "cat"]));
    // An empty file gives no tokens to choose from.
    fs::write(&path, "").unwrap();
    let error = kiln_text::vocabulary::Vocabulary::builder().load_text(&path).unwrap_err().to_string();
    assert!(error.ends_with("the file is empty"), "{error}");
}

#[test]
fn no_message_holds_a_whole_file() {
    let long = "x".repeat(1 << 20);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let first = |documents: kiln_text::Result<kiln_text::corpora::CorpusDocuments<'static>>| {
        documents.unwrap().next().unwrap().unwrap_err().to_string()
    };
    let labels = || kiln_text::corpora::Labels::numbers(["neg", "pos"]);
    let mut errors = vec![kiln_text::encoders::SubwordTextEncoder::from_subwords(&long).unwrap_err().to_string()];
    fs::write(&path, format!("{long},{long}\n")).unwrap();
    let delimited = kiln_text::corpora::DelimitedCorpus::new([&path]);
    errors.push(first(delimited.clone().text("text").documents()));
    errors.push(first(delimited.headers(false).label(1, labels()).documents()));
    fs::write(&path, format!("{{\"t\": \"\", \"n\": [], \"s\": \"{long}\"}}\n")).unwrap();
    let json = kiln_text::corpora::JsonLinesCorpus::new([&path], "t");
    errors.push(first(json.label("s", labels()).documents()));
    for error in errors {
        assert!(error.len() < 500 && error.contains("… (1048576 bytes)"), "{}", &error[..500.min(error.len())]);
    }
}
