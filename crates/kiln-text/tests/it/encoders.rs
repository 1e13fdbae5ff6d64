//! The encodings that a model's file can hold: a vocabulary over an analyzer, and `TextVectorization`; and what they
//! refuse.

use kiln_text::Error;
use kiln_text::encoders::{Encoder, TextEncoder, VocabularyEncoder};
use kiln_text::error::VocabularyError;
use kiln_text::io::Saved;
use kiln_text::keras::{OutputMode, SplitBy, TextVectorization};
use kiln_text::tokens::{Analyzer, NGrams, Normalizer, Segments, WordSplitter};
use kiln_text::vocabulary::{Vocabulary, VocabularyBuilder};

const TEXTS: [&str; 3] = ["The cat sat.", "The dog sat on <pad>", "A cat!"];

fn options() -> VocabularyBuilder {
    Vocabulary::builder().special_tokens(["<pad>", "<unk>", "<s>"]).unknown_token("<unk>")
}

fn lower(words: WordSplitter) -> Analyzer {
    Analyzer::default().normalizer(Normalizer::new().lower(true)).words(words)
}

#[test]
fn a_vocabulary_encodes_what_its_analyzer_makes() {
    let encoder =
        VocabularyEncoder::fit(lower(WordSplitter::unicode(Segments::All)), options().max_size(6), TEXTS).unwrap();
    // `the`, `cat` and `sat` occur twice each; `.` once.
    assert_eq!(encoder.vocabulary().tokens().collect::<Vec<_>>(), ["<pad>", "<unk>", "<s>", "the", "cat", "sat"]);
    assert_eq!(encoder.encode("The sat. CAT"), [3, 5, 1, 4]);
    assert_eq!(encoder.decode(&[0, 3, 5, 1, 99]), "the sat <unk>");
    assert_eq!((encoder.vocab_size(), Encoder::vocab_size(&encoder)), (6, 6));
    assert_eq!(encoder.encode_batch(&TEXTS), TEXTS.map(|text| encoder.encode(text)));
    let without_unknown = VocabularyEncoder::fit(
        lower(WordSplitter::keras()),
        Vocabulary::builder().special_tokens([""]).max_size(3),
        TEXTS,
    );
    assert_eq!(without_unknown.unwrap().encode("a cat, a dog, the cat"), [2, 1, 2]);
}

#[test]
fn no_text_brings_in_padding() {
    let encoder = VocabularyEncoder::fit(lower(WordSplitter::white_space()), options(), TEXTS).unwrap();
    assert_eq!(encoder.encode("<pad> <s> <unk>"), [1, 2, 1]);
    let dropped =
        Vocabulary::builder().special_tokens(["<pad>"]).fit(["a"], kiln_text::vocabulary::whitespace_tokens).unwrap();
    let dropped = VocabularyEncoder::new(lower(WordSplitter::white_space()), dropped).unwrap();
    assert_eq!(dropped.encode("<pad> a <pad>"), [1]);
}

#[test]
fn characters_and_pairs_decode_as_they_are() {
    let characters = VocabularyEncoder::fit(lower(WordSplitter::graphemes()), options(), ["e\u{301} a"]).unwrap();
    assert_eq!(characters.decode(&characters.encode("a e\u{301}a")), "a e\u{301}a");
    let pairs = lower(WordSplitter::white_space()).ngrams(NGrams::new(1..=2).unwrap());
    let pairs = VocabularyEncoder::fit(pairs, options(), ["a b"]).unwrap();
    assert_eq!(pairs.decode(&pairs.encode("a b")), "a b a b");
}

#[test]
fn a_vocabulary_whose_first_id_is_not_padding_is_refused() {
    for (options, first) in [
        (Vocabulary::builder(), None),
        (Vocabulary::builder().special_tokens(["<unk>", "<pad>"]).unknown_token("<unk>"), Some("<unk>")),
    ] {
        let early = VocabularyEncoder::fit(Analyzer::default(), options.clone(), TEXTS).unwrap_err();
        let fitted = options.fit(TEXTS, kiln_text::vocabulary::whitespace_tokens).unwrap();
        for error in [early, VocabularyEncoder::new(Analyzer::default(), fitted).unwrap_err()] {
            assert!(
                matches!(&error, Error::Vocabulary(VocabularyError::NoPadding { found }) if found.as_deref() == first),
                "{error}"
            );
        }
    }
}

#[test]
fn text_vectorization_decodes_its_ids() {
    let words = TextVectorization::builder().adapt(TEXTS).unwrap();
    assert_eq!(words.decode(&Encoder::encode(&words, "the bird sat")), "the [UNK] sat");
    assert_eq!(words.decode(&[0, 99]), "");
    let characters = TextVectorization::builder().split(SplitBy::Character).adapt(["ab c"]).unwrap();
    assert_eq!(characters.decode(&Encoder::encode(&characters, "c ab")), "c ab");
}

#[test]
fn all_of_them_are_a_text_encoder_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    let vectorization = |mode| TextVectorization::builder().output_mode(mode).max_tokens(6).adapt(TEXTS).unwrap();
    let analyzer = lower(WordSplitter::matches(r"\w+").unwrap());
    let encoders = [
        TextEncoder::from(VocabularyEncoder::fit(analyzer, options(), TEXTS).unwrap()),
        TextEncoder::from(vectorization(OutputMode::Ids)),
        TextEncoder::from(vectorization(OutputMode::TfIdf)),
    ];
    for encoder in encoders {
        encoder.save(&path).unwrap();
        let read = TextEncoder::load(&path).unwrap();
        assert_eq!(read, encoder);
        let ids = read.encode("The cat, the bird");
        assert!(ids.len() == 4 && ids[0] == ids[2] && ids[3] == 1 && ids.iter().all(|&id| id > 0), "{ids:?}");
        assert!(ids.iter().all(|&id| (id as usize) < read.vocab_size()));
        assert_eq!(read.encode_batch(&TEXTS), TEXTS.map(|text| encoder.encode(text)));
        assert_eq!(read.decode(&ids).unwrap().split(' ').take(2).collect::<Vec<_>>(), ["the", "cat"]);
        assert!(read.downcast_ref::<kiln_text::encoders::WordTokenizer>().is_none());
    }
    let json = std::fs::read_to_string(&path).unwrap();
    for (from, to, says) in [("\"version\": 1", "\"version\": 9", "9"), ("[UNK]", "sat", "\"sat\"")] {
        std::fs::write(&path, json.replace(from, to)).unwrap();
        let error = TextEncoder::load(&path).unwrap_err().to_string();
        assert!(error.contains("tokenizer.json") && error.contains(says), "{error}");
    }
}
