//! Splitters split as documented, an analyzer combines the steps, and a tokenizer accepts one and saves it in its file.

use kiln_base::OptionError;
use kiln_text::Error;
use kiln_text::encoders::{Encoder, ImdbIds, TextEncoder, WordTokenizer};
use kiln_text::io::Saved;
use kiln_text::tokens::{
    Accents, Analyzer, Html, NGrams, Normalizer, Punctuation, Segments, UnicodeForm, WordSplitter, text_to_words,
};

const TEXT: &str = "The quick (“brown”) fox can't jump 32.3 feet, right? 한국어 日本 👍🏽 €5\u{a0}a_b ๆ";

fn every_kind() -> Vec<WordSplitter> {
    vec![
        WordSplitter::keras(),
        WordSplitter::keras_with("–", "ab").unwrap(),
        WordSplitter::white_space(),
        WordSplitter::characters(),
        WordSplitter::graphemes(),
        WordSplitter::unicode(Segments::Words),
        WordSplitter::unicode(Segments::WordsAndSymbols),
        WordSplitter::unicode(Segments::All),
        WordSplitter::matches(r"(?i)([a-z]+)\d*").unwrap(),
        WordSplitter::matches(r"\b\w\w+\b").unwrap(),
        WordSplitter::gaps(r"\W+").unwrap(),
    ]
}

#[test]
fn unicode_words_are_those_of_annex_29() {
    // The first sentence is the annex's own example, in section 4.
    let words = ["The", "quick", "brown", "fox", "can't", "jump", "32.3", "feet", "right", "한국어", "日", "本"];
    let split = WordSplitter::unicode(Segments::Words).split(TEXT);
    assert_eq!(split[..12], words);
    assert_eq!(split[12..], ["5", "a_b", "ๆ"]);
    let symbols = WordSplitter::unicode(Segments::WordsAndSymbols).split(TEXT);
    assert_eq!(symbols[12..], ["👍🏽", "€", "5", "a_b", "ๆ"]);
    let all = WordSplitter::unicode(Segments::All).split("(“Yes”), + 2 … 👍🏽!\r\n\t");
    assert_eq!(all, ["(", "“", "Yes", "”", ")", ",", "+", "2", "…", "👍🏽", "!"]);
    let symbols = WordSplitter::unicode(Segments::WordsAndSymbols).split("(“Yes”), + 2 … 👍🏽!\r\n\t");
    assert_eq!(symbols, ["Yes", "+", "2", "👍🏽"]);
}

#[test]
fn characters_and_graphemes() {
    assert_eq!(WordSplitter::characters().split("e\u{301} 👍🏽"), ["e", "\u{301}", " ", "👍", "🏽"]);
    assert_eq!(WordSplitter::graphemes().split("e\u{301} 👍🏽한\r\n"), ["e\u{301}", " ", "👍🏽", "한", "\r\n"]);
}

#[test]
fn patterns_give_matches_groups_and_gaps() {
    assert_eq!(WordSplitter::matches(r"\w+").unwrap().split("a-b, c1"), ["a", "b", "c1"]);
    assert_eq!(WordSplitter::matches(r"#(\w+)").unwrap().split("#one two #three"), ["one", "three"]);
    assert_eq!(WordSplitter::matches(r"x|(a*)").unwrap().split("xaab"), ["aa"]);
    assert_eq!(WordSplitter::matches(r"a*").unwrap().split("baac"), ["aa"]);
    assert_eq!(WordSplitter::gaps(r"(,)\s*").unwrap().split(",a,  b,,c"), ["a", "b", "c"]);
    assert_eq!(WordSplitter::gaps("").unwrap().split("aé"), ["a", "é"]);
}

#[test]
fn patterns_that_cannot_be_are_refused() {
    let error = WordSplitter::matches("(unclosed").unwrap_err();
    assert!(matches!(error, Error::Pattern { .. }) && error.to_string().contains("(unclosed"), "{error}");
    assert!(matches!(WordSplitter::gaps(r"(?=a)"), Err(Error::Pattern { .. })));
    assert!(matches!(WordSplitter::gaps(r"\w{1000}{1000}"), Err(Error::Pattern { .. })));
    let error = WordSplitter::matches("(a)(b)").unwrap_err();
    assert!(matches!(error, Error::PatternGroups { found: 2, .. }), "{error}");
    assert!(matches!(WordSplitter::keras_with("", ""), Err(Error::Option(OptionError { option: "split", .. }))));
}

#[test]
fn the_default_analyzer_is_keras() {
    for text in [TEXT, "Don't stop-me\rnow\u{a0}x  y\u{b}z ÀB İ ΟΔΟΣ ß 'quoted' _a_", "", "..."] {
        assert_eq!(Analyzer::default().tokens(text), text_to_words(text));
    }
}

#[test]
fn an_analyzer_goes_through_normaliser_words_and_ngrams() {
    let analyzer = Analyzer::default()
        .normalizer(Normalizer::new().html(Html::Breaks).lower(true).accents(Accents::Strip))
        .words(WordSplitter::unicode(Segments::Words))
        .ngrams(NGrams::new(2..=2).unwrap().separator("_"));
    let texts = ["Très bon!<br />À voir", "un", ""];
    let expected = [vec!["tres_bon", "bon_a", "a_voir"], vec![], vec![]];
    assert_eq!(analyzer.tokens_batch(&texts), expected);
    assert_eq!(texts.map(|text| analyzer.tokens(text)), expected);
}

#[test]
fn a_tokenizer_with_an_analyzer_survives_its_file() {
    let normalizer = Normalizer::new()
        .html(Html::Tags)
        .form(UnicodeForm::Nfkc)
        .accents(Accents::Ascii)
        .punctuation(Punctuation::Space)
        .keep_punctuation("\"'\\é");
    for words in every_kind() {
        for ngrams in [None, Some(NGrams::new(1..=3).unwrap().separator("\u{0}\""))] {
            let mut analyzer = Analyzer::default().normalizer(normalizer.clone()).words(words.clone());
            if let Some(ngrams) = ngrams {
                analyzer = analyzer.ngrams(ngrams);
            }
            let tokenizer = WordTokenizer::builder().analyzer(analyzer.clone()).fit([TEXT]).unwrap();
            let read = WordTokenizer::from_json(&tokenizer.to_json()).unwrap();
            assert_eq!(read, tokenizer);
            assert_eq!(read.encode(TEXT), tokenizer.encode(TEXT));
            assert_eq!(tokenizer.encode(TEXT).len(), analyzer.tokens(TEXT).len());

            let encoder = TextEncoder::from(ImdbIds::new(tokenizer, 100).unwrap());
            assert_eq!(TextEncoder::from_json(&encoder.to_json()).unwrap(), encoder);
        }
    }
}

#[test]
fn splitters_of_one_kind_differ_by_what_they_say() {
    let kinds = every_kind();
    for (at, one) in kinds.iter().enumerate() {
        for (other_at, other) in kinds.iter().enumerate() {
            assert_eq!(one == other, at == other_at, "{one:?} {other:?}");
        }
    }
}

#[test]
fn without_an_analyzer_the_file_is_keras_own() {
    let json = WordTokenizer::builder().fit(["a"]).unwrap().to_json();
    assert!(!json.contains("kiln"));
    let with = WordTokenizer::builder().analyzer(Analyzer::default()).fit(["a"]).unwrap().to_json();
    assert!(with.contains("kiln_analyzer"));
    let broken = with.replace("\"ngrams\":null", "\"ngrams\":{\"min\":3,\"max\":2,\"separator\":\"\"}");
    assert_ne!(broken, with);
    let error = WordTokenizer::from_json(&broken).unwrap_err();
    assert!(error.to_string().contains("found 3 to 2"), "{error}");
    let newer = with.replace("\"ngrams\":null", "\"ngrams\":null,\"stemmer\":1");
    assert!(WordTokenizer::from_json(&newer).unwrap_err().to_string().contains("stemmer"));
}
