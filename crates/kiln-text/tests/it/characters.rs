//! Characters by three units, and Hangul letters. For scalars, the oracle is `WordTokenizer` at character level, which
//! is Keras's.

use kiln_base::OptionError;
use kiln_text::Error;
use kiln_text::encoders::{CharTokenizer, CharUnit, Encoder, TextEncoder, WordTokenizer};
use kiln_text::io::Saved;
use kiln_text::tokens::{from_jamo, to_jamo};
use proptest::prelude::*;

const UNITS: [CharUnit; 3] = [CharUnit::Scalar, CharUnit::Grapheme, CharUnit::Jamo];

#[test]
fn units_count_what_they_say() {
    let text = "e\u{301}\r\n한👩‍👩‍👧";
    let count = |unit| CharTokenizer::builder().unit(unit).fit([text]).unwrap().encode(text).len();
    assert_eq!(UNITS.map(count), [10, 4, 12]);
    let jamo = CharTokenizer::builder().unit(CharUnit::Jamo).fit(["각나"]).unwrap();
    // ᄀ ᅡ ᆨ ᄂ ᅡ: the vowel twice.
    assert_eq!(jamo.encode("나각"), [4, 1, 2, 1, 3]);
    assert_eq!(jamo.decode(&[4, 1, 3, 0]), "낙");
}

#[test]
fn limits_and_unknown_characters() {
    let all = CharTokenizer::builder().oov_token("?").fit(["aaabbc"]).unwrap();
    assert_eq!(all.characters().collect::<Vec<_>>(), ["?", "a", "b", "c"]);
    assert_eq!(all.encode("abcz"), [2, 3, 4, 1]);
    let few = CharTokenizer::builder().oov_token("?").num_chars(3).fit(["aaabbc"]).unwrap();
    assert_eq!(few.vocab_size(), 3);
    assert_eq!(few.encode("abcz"), [2, 1, 1, 1]);
    assert_eq!(few.decode(&[0, 2, 3, 9]), "a??");
    let dropping = CharTokenizer::builder().num_chars(2).lower(true).fit(["aaAb"]).unwrap();
    assert_eq!(dropping.encode("Aba"), [1, 1]);
    let fit = |builder: kiln_text::encoders::CharTokenizerBuilder, text: &str| builder.fit(["", text]);
    assert!(matches!(
        fit(CharTokenizer::builder().num_chars(1), "a"),
        Err(Error::Option(OptionError { option: "num_chars", .. }))
    ));
    assert!(matches!(fit(CharTokenizer::builder(), ""), Err(Error::EmptyCorpus { documents: 2 })));
    assert!(matches!(fit(CharTokenizer::builder().oov_token("b"), "ab"), Err(Error::OovInCorpus { document: 1, .. })));
}

#[test]
fn files_with_characters_twice_or_of_a_newer_version_are_refused() {
    let json = CharTokenizer::builder().oov_token("?").fit(["ab"]).unwrap().to_json();
    let from = |json: &str| CharTokenizer::from_json(json);
    assert!(from(&json).is_ok());
    let twice = json.replace("[\"b\",1]", "[\"a\",1]");
    assert!(matches!(from(&twice), Err(Error::FileField { field: "characters", .. })));
    let misplaced = json.replace("\"oov_token\":\"?\"", "\"oov_token\":\"!\"");
    assert!(matches!(from(&misplaced), Err(Error::FileField { field: "characters", .. })));
    let newer = json.replace("\"version\":1", "\"version\":2");
    assert!(matches!(from(&newer), Err(Error::FileVersion { found: 2, supported: 1, .. })));
    assert!(matches!(from("{}"), Err(Error::FileClass { .. })));
}

#[test]
fn every_syllable_is_its_letters_by_the_standard() {
    // The standard's example: U+D4DB is U+1111 U+1171 U+11B6.
    assert_eq!(to_jamo("\u{d4db}"), "\u{1111}\u{1171}\u{11b6}");
    assert_eq!(to_jamo("가힣"), "\u{1100}\u{1161}\u{1112}\u{1175}\u{11c2}");
    let all: String = ('가'..='힣').collect();
    assert_eq!(all.chars().count(), 11_172);
    let letters = to_jamo(&all);
    // 399 syllables have no trailing consonant.
    assert_eq!(letters.chars().count(), 3 * 11_172 - 399);
    assert_eq!(from_jamo(&letters), all);
    // Letters of the text itself stay separate.
    assert_eq!(to_jamo("\u{1100}\u{1161}"), "\u{34f}\u{1100}\u{34f}\u{1161}");
    assert_eq!(from_jamo("\u{1100}\u{1100}\u{1161}\u{11a7}"), "\u{1100}가\u{11a7}");
}

proptest! {
    #[test]
    fn letters_give_any_text_back(text in r"([가-힣]|[\u{1100}-\u{11ff}]|\u{34f}|[ㄱ-ㅎ]|.){0,40}") {
        prop_assert_eq!(from_jamo(&to_jamo(&text)), text);
    }

    #[test]
    fn scalars_are_numbered_as_keras_does(texts in prop::collection::vec("([abAé한]|.){0,12}", 1..6), lower: bool, size in 2usize..9) {
        let ours = CharTokenizer::builder().lower(lower).num_chars(size).oov_token("<>").fit(&texts);
        let keras = WordTokenizer::builder().char_level(true).lower(lower).num_words(size).oov_token("<>").fit(&texts);
        prop_assert_eq!(ours.is_ok(), keras.is_ok());
        if let (Ok(ours), Ok(keras)) = (ours, keras) {
            prop_assert_eq!(ours.characters().collect::<Vec<_>>(), keras.words().collect::<Vec<_>>());
            prop_assert_eq!(ours.vocab_size(), keras.vocab_size());
            prop_assert_eq!(ours.encode_all(&texts).unwrap(), keras.encode_all(&texts).unwrap());
            prop_assert_eq!(Encoder::encode(&ours, "abcé"), keras.encode("abcé"));
        }
    }

    #[test]
    fn any_text_fitted_on_comes_back_and_so_does_the_file(text in any::<String>(), unit in prop::sample::select(&UNITS[..])) {
        if let Ok(tokenizer) = CharTokenizer::builder().unit(unit).fit([&text]) {
            prop_assert_eq!(tokenizer.decode(&tokenizer.encode(&text)), text);
            let encoder = TextEncoder::from(tokenizer);
            prop_assert_eq!(TextEncoder::from_json(&encoder.to_json()).unwrap(), encoder);
        }
    }
}
