//! Texts are normalised like Python's `unicodedata` and scikit-learn (`fixtures/normalizer.json`), and HTML tags are
//! removed as documented.

use kiln_text::tokens::{Accents, Html, Normalizer, Punctuation, UnicodeForm};
use serde_json::Value;

const FIXTURE: &str = include_str!("../fixtures/normalizer.json");

fn each_text(check: impl Fn(&str, &dyn Fn(&str) -> String)) {
    let cases: Vec<Value> = serde_json::from_str(FIXTURE).unwrap();
    assert!(cases.len() > 70);
    for case in &cases {
        check(case["text"].as_str().unwrap(), &|key| case[key].as_str().unwrap().to_owned());
    }
}

#[test]
fn forms_are_those_of_python() {
    let forms = [
        ("nfc", UnicodeForm::Nfc),
        ("nfd", UnicodeForm::Nfd),
        ("nfkc", UnicodeForm::Nfkc),
        ("nfkd", UnicodeForm::Nfkd),
    ];
    each_text(|text, expected| {
        for (name, form) in forms {
            assert_eq!(Normalizer::new().form(form).normalize(text), expected(name), "{name} of {text:?}");
        }
    });
}

#[test]
fn accents_go_as_in_scikit_learn() {
    let unicode = Normalizer::new().form(UnicodeForm::Nfkd).accents(Accents::Strip);
    let ascii = Normalizer::new().accents(Accents::Ascii);
    each_text(|text, expected| {
        assert_eq!(unicode.normalize(text), expected("strip_unicode"), "{text:?}");
        assert_eq!(ascii.normalize(text), expected("strip_ascii"), "{text:?}");
    });
}

#[test]
fn case_and_white_space_are_those_of_python() {
    each_text(|text, expected| {
        assert_eq!(Normalizer::new().lower(true).normalize(text), expected("lower"), "{text:?}");
        assert_eq!(Normalizer::new().collapse_white_space(true).normalize(text), expected("collapsed"), "{text:?}");
    });
}

#[test]
fn without_accents_the_rest_stays_composed() {
    let strip = Normalizer::new().accents(Accents::Strip);
    assert_eq!(strip.normalize("한국어 café Ångström ﬁ"), "한국어 cafe Angstrom ﬁ");
    assert_eq!(strip.form(UnicodeForm::Nfkc).normalize("ﬁ é"), "fi e");
}

#[test]
fn breaks_become_spaces() {
    let breaks = Normalizer::new().html(Html::Breaks);
    for (text, expected) in [
        ("good<br /><br />bad", "good  bad"),
        ("a<br>b<BR/>c<br\n/>d</br>e", "a b c d e"),
        ("<p class=\"x\">one</p><div>two</div><hr><li>", " one  two   "),
        ("a < b, b<c, <b>bold</b> <brb> <b r>", "a < b, b<c, <b>bold</b> <brb> <b r>"),
        ("<br", "<br"),
        ("<br<br>", "<br "),
        ("<!-- <br> -->", "<!--   -->"),
        ("한<br/>국", "한 국"),
    ] {
        assert_eq!(breaks.normalize(text), expected, "{text:?}");
    }
}

#[test]
fn tags_become_spaces() {
    let tags = Normalizer::new().html(Html::Tags);
    for (text, expected) in [
        ("<!DOCTYPE html><b>bold</b>", "  bold "),
        ("1 < 2 > 0 <3 <> </> x<y", "1 < 2 > 0 <3 <> </> x<y"),
        ("a<!-- <b> > --->b<!---->c", "a b c"),
        ("a<!-- never closed <i>b</i>", "a<!-- never closed  b "),
        ("a<!--->b<!-->c", "a b c"),
        ("<a href='x'", "<a href='x'"),
        ("&lt;br&gt;", "&lt;br&gt;"),
    ] {
        assert_eq!(tags.normalize(text), expected, "{text:?}");
    }
}

#[test]
fn punctuation_goes_or_becomes_a_space() {
    let text = "Don't stop-me, “now”… 5€ + 3$ 。";
    let drop = Normalizer::new().punctuation(Punctuation::Drop);
    assert_eq!(drop.normalize(text), "Dont stopme now 5€  3 ");
    assert_eq!(drop.keep_punctuation("'$").normalize(text), "Don't stopme now 5€  3$ ");
    let space = Normalizer::new().punctuation(Punctuation::Space);
    assert_eq!(space.normalize(text), "Don t stop me   now   5€   3   ");
}

#[test]
fn nothing_is_copied_where_nothing_changes() {
    let all = Normalizer::new()
        .html(Html::Tags)
        .form(UnicodeForm::Nfc)
        .lower(true)
        .accents(Accents::Strip)
        .punctuation(Punctuation::Drop)
        .collapse_white_space(true);
    assert!(matches!(all.normalize("plain words"), std::borrow::Cow::Borrowed("plain words")));
    let json = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<Normalizer>(&json).unwrap(), all);
    assert_eq!(serde_json::from_str::<Normalizer>("{}").unwrap(), Normalizer::new());
    assert!(serde_json::from_str::<Normalizer>("{\"lowercase\": true}").is_err());
}
