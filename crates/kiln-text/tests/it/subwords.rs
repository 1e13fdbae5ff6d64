//! [`SubwordTokenizer`] gives the ids of the Python package `tokenizers`, with that package's files and with Kiln's:
//! `fixtures/huggingface_subwords.json`, made by `fixtures/huggingface_subwords.py`.

use std::path::Path;
use std::sync::LazyLock;

use kiln_base::OptionError;
use kiln_text::Error;
use kiln_text::encoders::{Encoder, SubwordModel, SubwordTokenizer, TextEncoder, WordTokenizer};
use kiln_text::error::SubwordError;
use kiln_text::io::Saved;
use proptest::prelude::*;
use serde_json::{Value, json};

const CASES: &str = include_str!("../fixtures/huggingface_subwords.json");
const MODELS: [(SubwordModel, &str, usize); 3] = [
    (SubwordModel::ByteLevelBpe, "bpe", 330),
    (SubwordModel::WordPiece, "wordpiece", 200),
    (SubwordModel::Unigram, "unigram", 120),
];

fn corpus() -> Vec<&'static str> {
    vec![
        "the low tide and the lower tide, the lowest of them all",
        "new things, newer things; the newest thing isn't the widest",
        "wide and wider, they're low, we've seen 12 of 345 tides",
        "한국어 영화는 한국어 영화가 최고의 영화!",
        "café naïve 😀 e\u{301} ½ \t tabs\n\nlines   spaces ",
    ]
}

fn trained(model: SubwordModel, size: usize) -> SubwordTokenizer {
    SubwordTokenizer::builder(model, size).fit(corpus()).unwrap()
}

fn fixture_of(name: &str) -> std::path::PathBuf {
    // Cargo runs tests in the package's folder.
    Path::new("tests/fixtures").join(format!("kiln_subwords_{name}.json"))
}

#[test]
fn gives_the_ids_of_python() {
    let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
    assert!(cases.iter().filter(|case| case["name"].as_str().unwrap().starts_with("kiln")).count() == 3);
    for case in cases {
        let name = &case["name"];
        let tokenizer = SubwordTokenizer::from_json(case["json"].as_str().unwrap()).unwrap();
        let texts: Vec<&str> = case["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        let expected: Vec<Vec<u32>> = serde_json::from_value(case["ids"].clone()).unwrap();
        assert_eq!(tokenizer.encode_batch(&texts), expected, "{name}");
        for ((text, ids), decoded) in texts.iter().zip(&expected).zip(case["decoded"].as_array().unwrap()) {
            assert_eq!(tokenizer.encode(text), *ids, "{name}");
            assert_eq!(tokenizer.encode_by_pipeline(text).unwrap(), *ids, "{name}");
            assert_eq!(tokenizer.decode(ids).unwrap(), decoded.as_str().unwrap(), "{name}");
        }
    }
}

/// Writes the files to compare with if `KILN_WRITE_FIXTURES` is set.
#[test]
fn the_same_texts_give_the_same_file_every_time() {
    for (model, name, size) in MODELS {
        let json = trained(model, size).to_json();
        if std::env::var_os("KILN_WRITE_FIXTURES").is_some() {
            std::fs::write(fixture_of(name), &json).unwrap();
        }
        assert!(json == std::fs::read_to_string(fixture_of(name)).unwrap(), "{name} came out otherwise");
        let mut backwards = corpus();
        backwards.reverse();
        for threads in [1, 4] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let again = pool.install(|| SubwordTokenizer::builder(model, size).fit(&backwards).unwrap());
            assert!(again.to_json() == json, "{name} on {threads} threads came out otherwise");
        }
    }
}

#[test]
fn special_tokens_have_the_first_ids_and_no_text_brings_them_in() {
    for (model, name, size) in MODELS {
        let builder = SubwordTokenizer::builder(model, size).special_tokens(["<pad>", "<unk>", "<end>"]);
        let tokenizer = builder.fit(corpus()).unwrap();
        for (id, token) in ["<pad>", "<unk>", "<end>"].iter().enumerate() {
            assert_eq!(tokenizer.token_to_id(token), Some(id as u32), "{name}");
            assert_eq!(tokenizer.id_to_token(id as u32).as_deref(), Some(*token), "{name}");
        }
        let ids = tokenizer.encode("low <pad> <end>low");
        assert!(ids.iter().all(|&id| id != 0 && id != 2 && (id as usize) < tokenizer.vocab_size()), "{name}: {ids:?}");
        let read = tokenizer.clone().read_special_tokens(true);
        assert!(read != tokenizer);
        let ids = read.encode("low <pad> <end>low");
        assert!(ids.contains(&0) && ids.contains(&2), "{name}: {ids:?}");
        assert_eq!(read.read_special_tokens(false), tokenizer);
        assert!(tokenizer.vocab_size() <= size);
    }
}

#[test]
fn word_pieces_are_spelled_and_decoded_as_berts() {
    let tokenizer = trained(SubwordModel::WordPiece, 200);
    assert!(tokenizer.token_to_id("##er").is_some() && tokenizer.token_to_id("the").is_some());
    let ids = tokenizer.encode("the lower tide, they're new 東");
    assert_eq!(tokenizer.decode(&ids).unwrap(), "the lower tide, they ' re new");
    assert_eq!(ids.last(), Some(&1));
    let lower = SubwordTokenizer::builder(SubwordModel::WordPiece, 200).lower(true).fit(["Été été ETE"]).unwrap();
    assert_eq!(lower.encode("ÉTÉ"), lower.encode("ete"));
    let lower = SubwordTokenizer::builder(SubwordModel::ByteLevelBpe, 270).lower(true).fit(corpus()).unwrap();
    assert_eq!(lower.decode(&lower.encode("LOW Ü")).unwrap(), "low ü");
}

#[test]
fn is_one_of_the_encoders_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    let tokenizer = trained(SubwordModel::ByteLevelBpe, 330);
    tokenizer.save(&path).unwrap();
    let read = TextEncoder::load(&path).unwrap();
    assert_eq!(read, TextEncoder::from(tokenizer.clone()));
    assert!(read.downcast_ref::<WordTokenizer>().is_none());
    assert_eq!(read.vocab_size(), 330);
    assert_eq!(read.to_json(), tokenizer.to_json());
    assert_eq!(read.encode_batch(&["low tide", ""]), [tokenizer.encode("low tide"), vec![]]);
    assert_eq!(read.decode(&read.encode("low tide\u{0}")).unwrap(), "low tide\u{0}");
    let words = TextEncoder::from(WordTokenizer::builder().fit(["a"]).unwrap());
    assert_eq!(TextEncoder::from_json(&words.to_json()).unwrap(), words);
    assert!(matches!(SubwordTokenizer::from_json(&words.to_json()), Err(Error::FileClass { .. })));
    assert!(matches!(
        TextEncoder::from_json(r#"{"model": {"type": "BPE"}}"#),
        Err(Error::Subword(SubwordError::Library { .. }))
    ));
}

#[test]
fn padding_of_a_file_is_kept_and_left_to_rows() {
    let padding = r#""padding":{"strategy":{"Fixed":64},"direction":"Right","pad_to_multiple_of":null,"pad_id":0,"pad_type_id":0,"pad_token":"[PAD]"}"#;
    let plain = trained(SubwordModel::ByteLevelBpe, 330);
    let json = plain.to_json().replace(r#""padding":null"#, padding);
    let tokenizer = SubwordTokenizer::from_json(&json).unwrap();
    assert_eq!(tokenizer.encode("low tide"), plain.encode("low tide"));
    assert_eq!(tokenizer.to_json(), json);
}

#[test]
fn of_a_file_truncation_is_applied_and_dropout_is_not() {
    let whole = trained(SubwordModel::ByteLevelBpe, 400);
    let text = "a low lower lowest text that is longer than four tokens";
    let mut json: Value = serde_json::from_str(&whole.to_json()).unwrap();
    json["model"]["dropout"] = json!(0.5);
    json["truncation"] = json!({"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0});
    let read = SubwordTokenizer::from_json(&json.to_string()).unwrap();
    for _ in 0..20 {
        assert_eq!(read.encode(text), whole.encode(text)[..4]);
    }
    assert!(read.to_json().contains("\"max_length\":4") && read.to_json().contains("\"dropout\":0.5"));
}

#[test]
fn a_file_whose_ids_have_huge_gaps_is_refused_before_any_table_is_made() {
    for model in [SubwordModel::ByteLevelBpe, SubwordModel::WordPiece] {
        let mut json: Value = serde_json::from_str(&trained(model, 400).to_json()).unwrap();
        let last = json["model"]["vocab"].as_object().unwrap().len() as u64 - 1;
        let vocab = json["model"]["vocab"].as_object_mut().unwrap();
        let token = vocab.iter().find(|(_, id)| id.as_u64() == Some(last)).unwrap().0.clone();
        let mut with_last = |id: u64| {
            json["model"]["vocab"][&token] = json!(id);
            SubwordTokenizer::from_json(&json.to_string())
        };
        let error = with_last(2_777_777_713).unwrap_err();
        assert!(error.to_string().contains("found 2777777713: number the tokens from 0"), "{error}");
        // Some published vocabularies have gaps.
        assert_eq!(with_last(5_000).unwrap().vocab_size(), 5_001);
    }
}

#[test]
fn trainings_that_cannot_be_are_refused() {
    let fit = |model, size, text: &str| SubwordTokenizer::builder(model, size).fit([text]);
    assert!(matches!(
        fit(SubwordModel::ByteLevelBpe, 256, "a"),
        Err(Error::Subword(SubwordError::Alphabet { needed: 257, found: 256 }))
    ));
    for (model, _, size) in MODELS {
        assert!(matches!(fit(model, size, ""), Err(Error::EmptyCorpus { documents: 1 })));
        let fit =
            |tokens: &[&str]| SubwordTokenizer::builder(model, size).special_tokens(tokens.iter().copied()).fit(["a"]);
        for tokens in [&[][..], &["a", "a"], &["a", ""]] {
            assert!(
                matches!(fit(tokens), Err(Error::Option(OptionError { option: "special_tokens", .. }))),
                "{tokens:?}"
            );
        }
    }
    // [PAD], [UNK], a, b, ##a, ##b.
    assert!(matches!(
        fit(SubwordModel::WordPiece, 5, "ab ba"),
        Err(Error::Subword(SubwordError::Alphabet { needed: 6, .. }))
    ));
    assert_eq!(fit(SubwordModel::WordPiece, 6, "ab ba").unwrap().vocab_size(), 6);
    // [PAD], [UNK], their letters [ ] P A D U N K, ▁, a, b, and one piece more.
    assert!(matches!(
        fit(SubwordModel::Unigram, 13, "ab ba"),
        Err(Error::Subword(SubwordError::Alphabet { needed: 14, .. }))
    ));
    assert!(fit(SubwordModel::Unigram, 14, "ab ba").is_ok());
    let json = trained(SubwordModel::Unigram, 120).to_json();
    for version in ["\"1.1\"", "\"2.0\"", "2"] {
        let newer = json.replace("\"version\":\"1.0\"", &format!("\"version\":{version}"));
        let error = TextEncoder::from_json(&newer).unwrap_err();
        assert!(matches!(&error, Error::Subword(SubwordError::Version { found, .. }) if found == version), "{error}");
    }
    // A model that fails on unknown characters would fail only later.
    let no_unknown = trained(SubwordModel::Unigram, 120).to_json().replace("\"unk_id\":1", "\"unk_id\":null");
    assert!(matches!(SubwordTokenizer::from_json(&no_unknown), Err(Error::Subword(SubwordError::Library { .. }))));
}

#[test]
fn the_short_way_cuts_every_character_as_the_pattern_does() {
    let tokenizer = trained(SubwordModel::ByteLevelBpe, 330);
    let others = ('\0'..=char::MAX).map(|c| format!("{c} {c}1{c}a {c}"));
    for text in others.collect::<Vec<_>>().chunks(4096).map(|texts| texts.join("x")) {
        assert!(tokenizer.encode(&text) == tokenizer.encode_by_pipeline(&text).unwrap());
    }
}

#[test]
fn corpora_on_which_a_suffix_array_went_wrong_are_trained_on() {
    for (texts, size) in [(["\u{feff} \u{feff}!0", "\0â¡¢"], 19), (["\u{feff}cqal ▁n▁e c c", "c cf\u{feff}b c"], 24)]
    {
        let tokenizer = SubwordTokenizer::builder(SubwordModel::Unigram, size).fit(texts).unwrap();
        assert!(tokenizer.vocab_size() <= size);
    }
}

fn bpe() -> &'static SubwordTokenizer {
    static BPE: LazyLock<SubwordTokenizer> = LazyLock::new(|| trained(SubwordModel::ByteLevelBpe, 330));
    &BPE
}

proptest! {
    #[test]
    fn byte_level_bpe_gives_any_text_back_and_the_pipelines_ids(text in r"('(s|t|re|ve|m|ll|d|x)|the| low|[ \t\n]{1,3}|[0-9]|.){0,30}") {
        let tokenizer = bpe();
        let ids = tokenizer.encode(&text);
        prop_assert_eq!(&ids, &tokenizer.encode_by_pipeline(&text).unwrap());
        prop_assert_eq!(tokenizer.decode(&ids).unwrap(), text);
        prop_assert!(ids.iter().all(|&id| id > 0));
    }

    #[test]
    fn no_corpus_makes_training_panic(texts in prop::collection::vec("([ab ]|.){0,12}", 0..5), size in 2usize..400) {
        for (model, ..) in MODELS {
            if let Ok(tokenizer) = SubwordTokenizer::builder(model, size).fit(&texts) {
                prop_assert!(tokenizer.vocab_size() <= size);
                for text in &texts {
                    prop_assert_eq!(&Encoder::encode(&tokenizer, text), &tokenizer.encode(text));
                }
            }
        }
    }
}

#[test]
fn a_text_that_the_rules_of_a_file_refuse_is_an_error() {
    // A file that drops all characters but letters, and has no token for unknown words.
    let json = r#"{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": {"type": "Replace", "pattern": {"Regex": "[^a-z]"}, "content": ""},
        "pre_tokenizer": null, "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "[UNK]"}}"#;
    let tokenizer = SubwordTokenizer::from_json(json).unwrap();
    assert_eq!(tokenizer.encode("a!"), [0]);
    let refused = |result: kiln_text::Result<Vec<Vec<u32>>>| {
        matches!(result, Err(Error::Subword(SubwordError::Library { action: "encode a text", .. })))
    };
    assert!(refused(tokenizer.try_encode_batch(&["a", "b"])));
    assert!(refused(tokenizer.encode_all(["a", "b"])));
    assert!(refused(tokenizer.encode_stream(["a", "b"]).collect()));
    assert!(refused(TextEncoder::from(tokenizer).try_encode_batch(&["a", "b"])));
}
