//! Everything that accepts a text accepts any `&str`: no panic, time proportional to its length, and the same result
//! with any number of threads. Add new splitters, normalisers and encodings to the lists here.

use std::array;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use kiln_text::encoders::{CharTokenizer, CharUnit, Encoder, ImdbIds, SubwordTextEncoder, TextEncoder, WordTokenizer};
use kiln_text::io::Saved;
use kiln_text::keras::{HashingTrick, MatrixMode, WordOneHot, one_hot_characters, one_hot_hashed, one_hot_texts};
use kiln_text::tokens::{
    Accents, Analyzer, Html, NGrams, Normalizer, Punctuation, Segments, UnicodeForm, WordSplitter, text_to_words,
};
use proptest::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Text that is known to break programs: emoji with joiners and skin tones, flags, marks without a base, BOM, NUL,
/// right-to-left overrides, jamo, capitals whose lower case is longer, the highest code point, halves of tags.
const ODD: [&str; 24] = [
    "👩‍👩‍👧‍👦",
    "👍🏽",
    "🇰🇷🇩🇪🇫",
    "\u{301}\u{301}",
    "e\u{301}",
    "\u{feff}",
    "\0",
    "\u{202e}שלום\u{202c}",
    "مرحبا",
    "\u{1112}\u{1161}\u{11ab}",
    "한",
    "İΣ",
    "ΟΔΟΣ",
    "\u{10ffff}",
    "\u{fffd}",
    "\r\n",
    "\u{2028}",
    "<br />",
    "<b",
    "<!--",
    "-->",
    ">",
    "can't",
    "32.5",
];

fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(&ODD[..]).prop_map(str::to_owned),
        2 => any::<String>(),
        3 => "[a-cA-C .,!<>/']{0,8}",
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn normalizers() -> Vec<Normalizer> {
    let mut all = vec![Normalizer::new(), Normalizer::new().lower(true)];
    for form in [UnicodeForm::Nfc, UnicodeForm::Nfd, UnicodeForm::Nfkc, UnicodeForm::Nfkd] {
        all.push(Normalizer::new().form(form));
        for accents in [Accents::Keep, Accents::Strip, Accents::Ascii] {
            let full = Normalizer::new().form(form).lower(true).accents(accents).collapse_white_space(true);
            all.push(full.clone().punctuation(Punctuation::Drop));
            all.push(full.punctuation(Punctuation::Space).keep_punctuation("'"));
        }
    }
    all.push(Normalizer::new().accents(Accents::Strip).lower(true).punctuation(Punctuation::Drop));
    all.push(Normalizer::new().accents(Accents::Ascii).lower(true));
    all
}

fn splitters() -> Vec<WordSplitter> {
    vec![
        WordSplitter::keras(),
        WordSplitter::keras_with("é。", "ab").unwrap(),
        WordSplitter::keras_with("é", "。").unwrap(),
        WordSplitter::white_space(),
        WordSplitter::characters(),
        WordSplitter::graphemes(),
        WordSplitter::unicode(Segments::Words),
        WordSplitter::unicode(Segments::WordsAndSymbols),
        WordSplitter::unicode(Segments::All),
        WordSplitter::matches(r"\b\w\w+\b").unwrap(),
        WordSplitter::matches(r"(\w+)'?").unwrap(),
        WordSplitter::gaps(r"\s+").unwrap(),
    ]
}

fn full_analyzer() -> Analyzer {
    Analyzer::default()
        .normalizer(Normalizer::new().html(Html::Tags).form(UnicodeForm::Nfkc).lower(true).accents(Accents::Strip))
        .words(WordSplitter::unicode(Segments::WordsAndSymbols))
        .ngrams(NGrams::new(1..=3).unwrap())
}

fn on<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    // Starting threads takes longer than most of the work.
    static POOLS: LazyLock<[ThreadPool; 3]> =
        LazyLock::new(|| array::from_fn(|at| ThreadPoolBuilder::new().num_threads(at + 1).build().unwrap()));
    POOLS[threads - 1].install(work)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn normalising_twice_is_normalising_once(text in any_text()) {
        for normalizer in normalizers() {
            let once = normalizer.normalize(&text);
            prop_assert_eq!(normalizer.normalize(&once), once.clone(), "{:?}", normalizer);
        }
    }

    #[test]
    fn tags_leave_all_else_as_it_was(text in any_text()) {
        for html in [Html::Breaks, Html::Tags] {
            let normalizer = Normalizer::new().html(html);
            let stripped = normalizer.normalize(&text);
            // Apart from spaces, what stays is a subsequence of the text.
            let mut rest = text.chars();
            for kept in stripped.chars().filter(|&c| c != ' ') {
                prop_assert!(rest.any(|c| c == kept), "{:?} of {:?}", stripped, text);
            }
            if !text.contains('<') {
                prop_assert_eq!(&stripped, &text);
            }
        }
    }

    #[test]
    fn tokens_are_parts_of_the_text_in_order_and_not_empty(text in any_text()) {
        for words in splitters() {
            let mut rest = &text[..];
            for token in words.split(&text) {
                prop_assert!(!token.is_empty());
                let at = rest.find(&token);
                prop_assert!(at.is_some(), "{:?}: {:?} of {:?}", words, token, text);
                rest = &rest[at.unwrap() + token.len()..];
            }
        }
        prop_assert_eq!(WordSplitter::characters().split(&text).concat(), text.clone());
        prop_assert_eq!(WordSplitter::graphemes().split(&text).concat(), text.clone());
        let unicode = WordSplitter::unicode(Segments::All).split(&text).concat();
        let visible = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        prop_assert_eq!(visible(&unicode), visible(&text));
    }

    #[test]
    fn the_default_analyzer_splits_as_keras(text in any_text()) {
        prop_assert_eq!(Analyzer::default().tokens(&text), text_to_words(&text));
    }

    #[test]
    fn every_encoding_is_the_same_on_any_number_of_threads(texts in prop::collection::vec(any_text(), 1..40)) {
        let analyzer = full_analyzer();
        prop_assert_eq!(on(1, || analyzer.tokens_batch(&texts)), on(3, || analyzer.tokens_batch(&texts)));

        let mut encoders: Vec<Box<dyn Encoder>> = vec![Box::new(HashingTrick::new(50).unwrap())];
        for builder in [
            WordTokenizer::builder(),
            WordTokenizer::builder().char_level(true),
            WordTokenizer::builder().analyzer(full_analyzer()).num_words(20),
        ] {
            let Ok(tokenizer) = builder.fit(&texts) else { continue };
            let read = TextEncoder::from_json(&tokenizer.to_json()).unwrap();
            prop_assert_eq!(read, TextEncoder::from(tokenizer.clone()));
            let matrix = |threads| on(threads, || tokenizer.texts_to_matrix(&texts, MatrixMode::TfIdf).unwrap());
            prop_assert_eq!(matrix(1), matrix(3));
            encoders.push(Box::new(ImdbIds::new(tokenizer.clone(), 20).unwrap()));
            encoders.push(Box::new(tokenizer));
        }
        for unit in [CharUnit::Scalar, CharUnit::Grapheme, CharUnit::Jamo] {
            let Ok(tokenizer) = CharTokenizer::builder().unit(unit).lower(true).fit(&texts) else { continue };
            prop_assert_eq!(CharTokenizer::from_json(&tokenizer.to_json()).unwrap(), tokenizer.clone());
            encoders.push(Box::new(tokenizer));
        }
        encoders.push(Box::new(SubwordTextEncoder::new(["a_", "ab", "한", "<br />"]).unwrap()));
        let views: Vec<&str> = texts.iter().map(String::as_str).collect();
        for encoder in &encoders {
            let ids = on(1, || encoder.encode_batch(&views));
            prop_assert_eq!(&on(3, || encoder.encode_batch(&views)), &ids);
            prop_assert!(ids.iter().flatten().all(|&id| id > 0 && (id as usize) < encoder.vocab_size()));
            let array = one_hot_texts(&**encoder, &views, 5).unwrap();
            prop_assert_eq!(array.values.iter().sum::<f32>() as usize, ids.iter().map(|ids| ids.len().min(5)).sum::<usize>());
        }
    }

    #[test]
    fn one_hot_arrays_have_at_most_a_one_a_step(texts in prop::collection::vec(any_text(), 1..4)) {
        let words = WordOneHot::fit(&texts).encode(&texts, 6).unwrap();
        for array in [words, one_hot_characters(&texts, 9).unwrap(), one_hot_hashed(&texts, 7, 11).unwrap()] {
            for step in array.values.chunks(array.shape[2]) {
                let ones = step.iter().filter(|&&value| value == 1.0).count();
                prop_assert!(ones <= 1 && step.iter().sum::<f32>() == ones as f32);
            }
        }
    }
}

/// Text that makes careless programs quadratic, ten megabytes of the simplest cases and 400 kB of each of the others:
/// no spaces, one mark after another, tags and comments that are opened and never closed, and characters for which a
/// word boundary must look far ahead or back.
#[test]
fn ten_megabytes_without_a_space_take_linear_time() {
    let mut longest = (Duration::ZERO, String::new());
    let mut timed = |what: String, work: &dyn Fn()| {
        let start = Instant::now();
        work();
        longest = longest.clone().max((start.elapsed(), what));
    };
    for unit in [
        "a",
        "A",
        "é",
        "한",
        "\u{301}",
        "\u{323}\u{301}",
        "\0",
        "\u{feff}",
        "🇰🇷",
        "👍🏽\u{200d}",
        "שׁ",
        "<",
        "<b",
        "<!--",
        "<br",
        "a'",
        "1,",
        "a.",
        "\u{1112}\u{1161}\u{11ab}",
        "Σ",
        "'",
        ".",
    ] {
        let bytes = if ["a", "한"].contains(&unit) { 10_000_000 } else { 400_000 };
        let text = unit.repeat(bytes / unit.len());
        let html = Normalizer::new().html(Html::Tags);
        timed(format!("tags in {unit:?}"), &|| assert!(html.normalize(&text).len() <= text.len()));
        for (at, words) in splitters().iter().enumerate() {
            timed(format!("splitter {at} on {unit:?}"), &|| words.each(&text, |token| assert!(!token.is_empty())));
        }
        let all = Normalizer::new()
            .html(Html::Breaks)
            .form(UnicodeForm::Nfkc)
            .lower(true)
            .accents(Accents::Strip)
            .punctuation(Punctuation::Drop)
            .collapse_white_space(true);
        timed(format!("normaliser on {unit:?}"), &|| drop(all.normalize(&text)));
        let nfd = Normalizer::new().form(UnicodeForm::Nfd);
        timed(format!("NFD of {unit:?}"), &|| drop(nfd.normalize(&text)));
        timed(format!("character n-grams of {unit:?}"), &|| {
            assert!(NGrams::new(1..=3).unwrap().character_bag(&text).iter().len() <= 12);
        });
        for char_level in [false, true] {
            timed(format!("tokenizer on {unit:?}, char_level {char_level}"), &|| {
                if let Ok(tokenizer) = WordTokenizer::builder().char_level(char_level).fit([&text]) {
                    let ids = tokenizer.encode(&text);
                    assert!(!ids.is_empty() && tokenizer.vocab_size() < 10);
                }
            });
        }
        timed(format!("hashing of {unit:?}"), &|| drop(HashingTrick::new(9).unwrap().encode(&text)));
    }
    // Quadratic time takes many minutes here. Linear time is below a second on any current machine; the rest is for
    // busy machines.
    assert!(longest.0 < Duration::from_secs(30), "{:?}: {}", longest.0, longest.1);
}
