//! The IMDB ids, hashing, one-hot arrays, and the trait that encodings share.

use kiln_base::OptionError;
use kiln_text::Error;
use kiln_text::encoders::{Encoder, ImdbIds, TextEncoder, WordTokenizer};
use kiln_text::io::Saved;
use kiln_text::keras::{HashingTrick, WordOneHot, one_hot_characters, one_hot_hashed, one_hot_ids, one_hot_texts};

const SAMPLES: [&str; 2] = ["The cat sat on the mat.", "The dog ate my homework."];

fn ranked() -> WordTokenizer {
    WordTokenizer::builder().fit(["a a a a b b b c c d"]).unwrap()
}

#[test]
fn imdb_ids_are_shifted_and_num_words_is_compared_after_the_shift() {
    let all = ImdbIds::new(ranked(), 10_000).unwrap();
    assert_eq!(all.encode("a b c d e"), [1, 4, 5, 6, 7, 2]);
    assert_eq!(all.vocab_size(), 8);
    let few = ImdbIds::new(ranked(), 6).unwrap();
    assert_eq!(few.encode("a b c d e"), [1, 4, 5, 2, 2, 2]);
    assert_eq!(few.vocab_size(), 6);
    assert_eq!(few.encode(""), [1]);
    assert_eq!(few.decode(&[0, 1, 4, 3, 5, 6, 4_000_000_000]), "a ? b ? ?");
    assert_eq!(few.encode_batch(&["b", "c"]), [vec![1, 5], vec![1, 2]]);
}

#[test]
fn imdb_ids_ignore_the_limit_of_their_tokenizer() {
    let limited = WordTokenizer::builder().num_words(2).fit(["a a b"]).unwrap();
    assert_eq!(ImdbIds::new(limited, 100).unwrap().encode("a b"), [1, 4, 5]);
}

#[test]
fn imdb_ids_refuse_what_would_clash() {
    assert!(matches!(ImdbIds::new(ranked(), 4), Err(Error::Option(OptionError { option: "num_words", .. }))));
    let oov = WordTokenizer::builder().oov_token("<OOV>").fit(["a"]).unwrap();
    assert!(matches!(ImdbIds::new(oov, 100), Err(Error::ImdbOovToken { .. })));
    let unfitted = WordTokenizer::builder().build().unwrap();
    assert!(matches!(ImdbIds::new(unfitted, 100), Err(Error::EmptyCorpus { documents: 0 })));
}

#[test]
fn all_encodings_serve_behind_the_trait() {
    let encoders: [Box<dyn Encoder>; 4] = [
        Box::new(ranked()),
        Box::new(ImdbIds::new(ranked(), 7).unwrap()),
        Box::new(TextEncoder::from(ranked())),
        Box::new(HashingTrick::new(1000).unwrap()),
    ];
    let sizes = encoders.each_ref().map(|encoder| encoder.vocab_size());
    assert_eq!(sizes, [5, 7, 5, 1000]);
    for encoder in &encoders {
        let batch = encoder.encode_batch(&["a z", "d"]);
        assert_eq!(batch, [encoder.encode("a z"), encoder.encode("d")]);
    }
    assert_eq!(encoders[1].encode("d"), [1, 2]);
}

#[test]
fn hashing_gives_keras_its_md5_ids() {
    let ids = |buckets| HashingTrick::new(buckets).unwrap().encode(SAMPLES[0]);
    assert_eq!(ids(5), [4, 1, 1, 1, 4, 1]);
    assert_eq!(ids(1000), [132, 759, 622, 379, 132, 962]);
    assert_eq!(ids(2), [1; 6]);
    assert!(matches!(HashingTrick::new(1), Err(Error::Option(OptionError { option: "buckets", .. }))));
    assert!(matches!(HashingTrick::new(usize::MAX), Err(Error::TooLarge { .. })));
}

#[test]
fn words_one_hot() {
    let words = WordOneHot::fit(&SAMPLES);
    let array = words.encode(&SAMPLES, 10).unwrap();
    assert_eq!(array.shape, [2, 10, 11]);
    // The cat sat on the mat. | The dog ate my homework. by first appearance, case and punctuation kept.
    let ids = [vec![1, 2, 3, 4, 5, 6], vec![1, 7, 8, 9, 10]];
    for (sample, ids) in ids.iter().enumerate() {
        for step in 0..10 {
            for id in 0..11 {
                let expected = ids.get(step) == Some(&id);
                assert_eq!(array.at(sample, step, id) == 1.0, expected, "[{sample}, {step}, {id}]");
            }
        }
    }
    assert_eq!(array.values.iter().sum::<f32>(), 11.0);
    assert_eq!(words.index("the"), Some(5));
    let cut = words.encode(&["The unknown mat.\u{1c}cat dog"], 4).unwrap();
    assert_eq!((cut.shape, cut.values.iter().sum::<f32>()), ([1, 4, 11], 3.0));
    assert_eq!(cut.at(0, 3, 2), 1.0);
}

#[test]
fn words_one_hot_survive_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("words.json");
    let words = WordOneHot::fit(&SAMPLES);
    words.save(&path).unwrap();
    let read = WordOneHot::load(&path).unwrap();
    assert_eq!((&read, read.words().nth(4)), (&words, Some("the")));
    let json = std::fs::read_to_string(&path).unwrap();
    for (from, to, says) in [
        ("\"on\"", "\"cat\"", "\"cat\""),
        ("WordOneHot", "Vocabulary", "WordOneHot"),
        ("\"version\": 1", "\"version\": 2", "2"),
        ("]", "", "line"),
    ] {
        std::fs::write(&path, json.replace(from, to)).unwrap();
        let error = WordOneHot::load(&path).unwrap_err().to_string();
        assert!(error.contains("words.json") && error.contains(says), "{says}: {error}");
    }
}

#[test]
fn characters_one_hot() {
    let array = one_hot_characters(&SAMPLES, 50).unwrap();
    assert_eq!(array.shape, [2, 50, 101]);
    assert_eq!(array.values.iter().sum::<f32>(), (23 + 24) as f32);
    // In string.printable, T is at 55, h at 17, the full stop at 75, and the space at 94.
    for (sample, step, place) in [(0, 0, 55), (0, 1, 17), (0, 3, 94), (0, 22, 75), (1, 23, 75)] {
        assert_eq!(array.at(sample, step, place + 1), 1.0, "{sample} {step}");
    }
    let odd = one_hot_characters(&["é\u{c}"], 2).unwrap();
    assert_eq!((odd.at(0, 1, 100), odd.values.iter().sum::<f32>()), (1.0, 1.0));
}

#[test]
fn hashed_words_one_hot() {
    let array = one_hot_hashed(&SAMPLES, 10, 1000).unwrap();
    assert_eq!(array.shape, [2, 10, 1000]);
    let hash = HashingTrick::new(1000).unwrap();
    // Case and punctuation count here: "The" is not "the", "mat." is not "mat".
    assert_eq!(array.at(0, 4, 132), 1.0);
    assert_eq!(array.at(0, 0, hash.word("The") as usize), 1.0);
    assert_eq!(array.at(0, 5, hash.word("mat.") as usize), 1.0);
    assert_eq!(array.values.iter().sum::<f32>(), 11.0);
}

#[test]
fn ids_of_any_encoding_one_hot() {
    // Keras's word_index: the cat sat on mat dog ate my homework, of which `the` occurs three times.
    let words = WordTokenizer::builder().fit(SAMPLES).unwrap();
    let array = one_hot_texts(&words, &SAMPLES, 10).unwrap();
    assert_eq!((words.words().len(), array.shape), (9, [2, 10, 10]));
    let ids = [vec![1, 2, 3, 4, 1, 5], vec![1, 6, 7, 8, 9]];
    for (sample, ids) in ids.iter().enumerate() {
        for step in 0..10 {
            let on: Vec<usize> = (0..10).filter(|&id| array.at(sample, step, id) == 1.0).collect();
            assert_eq!(on, ids.get(step).copied().into_iter().collect::<Vec<_>>(), "[{sample}, {step}]");
        }
    }
    let characters = WordTokenizer::builder().char_level(true).fit(SAMPLES).unwrap();
    let array = one_hot_texts(&characters, &SAMPLES, 50).unwrap();
    // 17 characters in lower case, and padding; 23 and 24 steps are taken.
    assert_eq!((array.shape, array.values.iter().sum::<f32>()), ([2, 50, 18], 47.0));
    assert_eq!(array.at(0, 0, characters.word_index("t").unwrap() as usize), 1.0);
    let cut = one_hot_ids(&[vec![0, 1, 2], vec![]], 2, 3).unwrap();
    assert_eq!(cut.values, [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn one_hot_arrays_that_cannot_be_are_refused() {
    assert!(matches!(
        WordOneHot::fit(&SAMPLES).encode(&SAMPLES, 0),
        Err(Error::Option(OptionError { option: "max_length", .. }))
    ));
    assert!(matches!(one_hot_characters(&SAMPLES, usize::MAX), Err(Error::TooLarge { .. })));
    assert!(matches!(one_hot_hashed(&SAMPLES, 10, 0), Err(Error::Option(OptionError { option: "buckets", .. }))));
    let error = one_hot_ids(&[vec![1], vec![0, 3]], 1, 3).unwrap_err();
    assert!(matches!(error, Error::IdOutOfRange { sequence: 1, position: 1, id: 3, limit: 3, .. }), "{error}");
    assert!(matches!(one_hot_ids(&[[0; 0]], 1, 0), Err(Error::Option(OptionError { option: "vocab_size", .. }))));
    assert!(matches!(one_hot_ids(&[[0]], 0, 1), Err(Error::Option(OptionError { option: "max_length", .. }))));
}
