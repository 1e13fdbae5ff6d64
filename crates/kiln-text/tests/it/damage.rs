//! Damaged files of Kiln's own classes are refused with the file's name, and no damaged file of any format makes a
//! reader panic.

use std::path::Path;

use kiln_text::Result;
use kiln_text::encoders::{
    CharTokenizer, Encoder, ImdbIds, SubwordTextEncoder, TextEncoder, VocabularyEncoder, WordTokenizer,
};
use kiln_text::features::{CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer};
use kiln_text::io::Saved;
use kiln_text::keras::{OutputMode, TextVectorization, WordOneHot};
use kiln_text::tokens::Analyzer;
use kiln_text::vocabulary::{TokenCounts, Vocabulary, whitespace_tokens};

use crate::damaged_copies::not_refused;

const TEXTS: [&str; 4] = ["the checksum of the cat", "sat on the mat", "über den Hund", "the \"mat\" of {the} dog, 12"];

/// The damaged copies of a saved file that its class does not refuse.
fn failures<T: Saved>(saved: &T) -> Vec<String> {
    failures_with(saved, |path| T::load(path).map(drop))
}

fn failures_with(saved: &impl Saved, load: impl Fn(&Path) -> Result<()>) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("saved.json");
    saved.save(&path).unwrap();
    not_refused(&path, load)
}

fn counts() -> CountVectorizer {
    CountVectorizer::builder().fit(TEXTS).unwrap()
}

fn words() -> WordTokenizer {
    WordTokenizer::builder().fit(TEXTS).unwrap()
}

#[test]
fn no_damaged_copy_of_a_class_of_kilns_is_read() {
    let special = || Vocabulary::builder().special_tokens(["<pad>", "<unk>"]).unknown_token("<unk>");
    let hashing = HashingVectorizer::builder().n_features(64).build().unwrap();
    let layer = TextVectorization::builder().output_mode(OutputMode::TfIdf).adapt(TEXTS).unwrap();
    let vocabulary = VocabularyEncoder::fit(Analyzer::default(), special(), TEXTS).unwrap();
    let all = [
        ("CharTokenizer", failures(&CharTokenizer::builder().fit(TEXTS).unwrap())),
        ("CountVectorizer", failures(&counts())),
        ("HashingVectorizer", failures(&hashing)),
        ("ImdbIds", failures(&ImdbIds::new(words(), 9).unwrap())),
        ("SubwordTextEncoder", failures(&SubwordTextEncoder::builder(300).fit(TEXTS).unwrap())),
        ("TextVectorization", failures(&layer)),
        ("TfidfTransformer", failures(&TfidfTransformer::builder().fit(&counts().transform(TEXTS).unwrap()))),
        ("TfidfVectorizer", failures(&TfidfVectorizer::builder().fit(TEXTS).unwrap())),
        ("TokenCounts", failures(&TokenCounts::count_texts(TEXTS, whitespace_tokens).unwrap())),
        ("Vocabulary", failures(&special().fit(TEXTS, whitespace_tokens).unwrap())),
        ("VocabularyEncoder", failures(&vocabulary)),
        ("VocabularyEncoder, as any", failures(&TextEncoder::from(vocabulary))),
        ("WordOneHot", failures(&WordOneHot::fit(&TEXTS))),
    ];
    for (class, failures) in all {
        assert_eq!(failures, Vec::<String>::new(), "{class}");
    }
}

#[test]
fn whoever_edits_a_file_deletes_the_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("edited.json");
    let vocabulary = Vocabulary::builder().fit(TEXTS, whitespace_tokens).unwrap();
    vocabulary.save(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let load = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Vocabulary::load(&path)
    };
    let edited = text.replace("\"Hund\"", "\"Katze\"");
    let error = load(&edited).unwrap_err().to_string();
    assert!(error.contains("edited.json: not a usable Vocabulary: checksum should be"), "{error}");
    assert!(error.contains("if you edited it, delete the key `checksum`"), "{error}");
    let key = edited.find(", \"checksum\"").unwrap();
    let read = load(&format!("{}}}\n", &edited[..key])).unwrap();
    assert_eq!((read.id("Katze"), read.id("Hund")), (vocabulary.id("Hund"), None));
    // As written before checksums existed.
    assert_eq!(load(&vocabulary.to_json()).unwrap(), vocabulary);
    assert_eq!(Vocabulary::from_json(&text).unwrap(), vocabulary);
    let error = load(&text.replace("checksum", "checksun")).unwrap_err().to_string();
    assert!(error.contains("unknown field `checksun`"), "{error}");
}

/// A number in a file is only trusted if what it counts is there.
#[test]
fn no_number_in_a_file_takes_memory() {
    let special = Vocabulary::builder().special_tokens(["<pad>", "<unk>"]).unknown_token("<unk>");
    let layer = TextVectorization::builder().ngrams(1).output_sequence_length(3).max_tokens(99).adapt(TEXTS).unwrap();
    let layer = layer.to_json().replace("\"ngrams\":[1]", "\"ngrams\":1");
    let vectorizer = TfidfVectorizer::builder().max_features(9).fit(TEXTS).unwrap();
    let hashing = HashingVectorizer::builder().n_features(64).build().unwrap();
    let characters = CharTokenizer::builder().num_chars(9).fit(TEXTS).unwrap();
    with_huge_numbers(&layer, TextVectorization::from_json, |layer| layer.vocabulary().count());
    with_huge_numbers(&vectorizer.to_json(), TfidfVectorizer::from_json, |read| {
        read.transform(TEXTS).map_or(0, |matrix| matrix.cols())
    });
    with_huge_numbers(&hashing.to_json(), HashingVectorizer::from_json, |read| {
        read.transform(TEXTS).map_or(0, |matrix| matrix.rows())
    });
    with_huge_numbers(&characters.to_json(), CharTokenizer::from_json, |read| read.encode(TEXTS[0]).len());
    let vocabulary = VocabularyEncoder::fit(Analyzer::default(), special, TEXTS).unwrap();
    with_huge_numbers(&vocabulary.to_json(), VocabularyEncoder::from_json, |read| read.encode(TEXTS[0]).len());
    let ids = ImdbIds::new(words(), 9).unwrap();
    with_huge_numbers(&ids.to_json(), ImdbIds::from_json, |read| read.encode(TEXTS[0]).len());
}

/// Replaces each number by a huge one, reads the result, and uses what was read.
fn with_huge_numbers<T>(json: &str, read: impl Fn(&str) -> Result<T>, using: impl Fn(&T) -> usize) {
    let mut read_ones = 0;
    let is_digit = |at: usize| json.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    for at in (0..json.len()).filter(|&at| is_digit(at) && (at == 0 || !is_digit(at - 1))) {
        let end = (at..).find(|&at| !is_digit(at)).unwrap_or(json.len());
        let huge = format!("{}1000000000000000000{}", &json[..at], &json[end..]);
        if let Ok(read) = read(&huge) {
            using(&read);
            read_ones += 1;
        }
    }
    assert!(read_ones > 0, "{json}");
}

/// Files for other programs have no room for a checksum: they are read or refused, and every error names the file.
#[test]
fn damaged_copies_for_others_are_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.subwords");
    SubwordTextEncoder::builder(300).fit(TEXTS).unwrap().save_subwords(&path).unwrap();
    let mut all = Vec::new();
    all.push(("Keras's tokenizer", failures(&words())));
    all.push((".subwords", not_refused(&path, |path| SubwordTextEncoder::load_subwords(path).map(drop))));
    #[cfg(feature = "subwords")]
    {
        use kiln_text::encoders::{SubwordModel, SubwordTokenizer};
        let tokenizer = SubwordTokenizer::builder(SubwordModel::ByteLevelBpe, 262).fit(TEXTS).unwrap();
        all.push(("tokenizers", failures(&tokenizer)));
        let normalizer = r#""normalizer":{"type":"Precompiled","precompiled_charsmap":"AAAA"}"#;
        let json = tokenizer.to_json().replace("\"normalizer\":null", normalizer);
        assert!(json.contains("Precompiled"), "{json}");
        let error = SubwordTokenizer::from_json(&json).unwrap_err().to_string();
        assert!(error.contains("damaged"), "{error}");
    }
    for (format, failures) in all {
        let other: Vec<_> = failures.into_iter().filter(|failure| !failure.ends_with(": read")).collect();
        assert_eq!(other, Vec::<String>::new(), "{format}");
    }
}
