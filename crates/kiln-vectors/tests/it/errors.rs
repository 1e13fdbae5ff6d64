//! Mistakes of users without a file: each is an error that says what to do, and nothing is NaN.

use kiln_vectors::{Error, MeanOptions, UnknownWords, WordList, WordVectors};

const NONE: [&str; 0] = [];

fn vectors() -> WordVectors {
    let values = vec![1.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0];
    WordVectors::new(["right", "up", "left", "zero"], values, 2).unwrap()
}

#[test]
fn vectors_that_cannot_be_are_refused() {
    let new = |words: &[&str], values: &[f32], d| WordVectors::new(words, values.to_vec(), d).unwrap_err().to_string();
    assert_eq!(new(&["a"], &[], 0), "the width of word vectors should be 1 or more, found 0");
    assert_eq!(new(&[], &[], 2), "word vectors need at least one word, found none");
    assert_eq!(new(&["a", "b"], &[1.0; 5], 3), "2 words of width 3 need 6 values, found 5");
    assert_eq!(
        new(&["a", "b", "a"], &[1.0; 3], 1),
        "words should differ, found \"a\" at 0 and again at 2 (counted from 0)"
    );
    let found = new(&["a", "b"], &[1.0, 2.0, 3.0, f32::NAN], 2);
    assert_eq!(
        found,
        "the values of word vectors should be finite, found NaN at position 1 of word 1, \"b\" (counted from 0)"
    );
    assert!(new(&["a"], &[f32::NEG_INFINITY], 1).contains("found -inf"));
    let error = vectors().with_counts(vec![1]).unwrap_err();
    assert_eq!(error.to_string(), "4 words need as many counts, found 1");
}

#[test]
fn unknown_words_come_with_the_closest_spellings() {
    let words = ["Berlin", "berlin", "merlin", "Bern", "Boston", "serial", "x"];
    let vectors = WordVectors::new(words, vec![1.0; 7], 1).unwrap();
    let suggestions = |word: &str| match vectors.vector(word).unwrap_err() {
        Error::UnknownWord { suggestions, word: found, words: 7 } if found == word => suggestions,
        error => panic!("{error}"),
    };
    // First the same except for case, then by edits, then by index.
    assert_eq!(suggestions("BERLIN"), ["Berlin", "berlin"]);
    assert_eq!(suggestions("Berlim"), ["Berlin", "berlin", "merlin"]);
    assert_eq!(suggestions("Bostno"), ["Boston"]);
    assert_eq!(suggestions("Ulaanbaatar"), NONE);
    assert_eq!(vectors.get("BERLIN"), None);
    assert_eq!(
        vectors.similarity("x", "Bostno").unwrap_err().to_string(),
        "\"Bostno\" is not one of the 7 words, closest are \"Boston\"; `get` returns None for unknown words"
    );
    assert!(vectors.most_similar(&["Berlin"], &["nowhere"], 1).is_err());
    assert!(vectors.rank("Berlin", "nowhere").is_err());
}

#[test]
fn empty_lists_are_refused() {
    let vectors = vectors();
    let errors = [
        vectors.query().top(1).unwrap_err(),
        vectors.query().all().unwrap_err(),
        vectors.most_similar(&NONE, &NONE, 1).unwrap_err(),
        vectors.most_similar_cosmul(&NONE, &["up"], 1).unwrap_err(),
        vectors.n_similarity(&NONE, &["up"]).unwrap_err(),
        vectors.doesnt_match(&NONE).unwrap_err(),
        vectors.most_similar_to_given("up", &NONE).unwrap_err(),
        vectors.relative_cosine_similarity("up", "left", 0).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::EmptyList { .. }), "{error}");
    }
    assert_eq!(vectors.most_similar_batch(&[], 3).unwrap(), Vec::<Vec<_>>::new());
    assert_eq!(vectors.distances_to("up", &NONE).unwrap(), Vec::<f32>::new());
    let error = vectors.n_similarity(&["up"], &["down", "under"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a mean needs at least one known word, found none of [\"down\", \"under\"] among the 4 words"
    );
}

#[test]
fn queries_without_a_direction_are_refused() {
    let vectors = vectors();
    for query in [
        vectors.query().positive("zero"),
        vectors.query().positive("up").negative("up"),
        vectors.query().positive("right").positive("left"),
        vectors.query().positive_vector(&[0.0, -0.0]),
        vectors.query().weighted("up", 0.0),
    ] {
        assert!(matches!(query.top(1), Err(Error::ZeroQuery)), "{query:?}");
        assert!(matches!(query.all(), Err(Error::ZeroQuery)), "{query:?}");
        assert!(matches!(vectors.most_similar_batch(&[query], 1), Err(Error::ZeroQuery)));
    }
    assert!(matches!(vectors.most_similar_cosmul(&["up"], &["zero"], 1), Err(Error::ZeroQuery)));
}

#[test]
fn a_vector_of_zeros_is_similar_to_nothing() {
    let vectors = vectors();
    assert_eq!(vectors.similarity("zero", "up").unwrap(), 0.0);
    assert_eq!(vectors.similarity("zero", "zero").unwrap(), 0.0);
    assert_eq!(vectors.distances("zero").unwrap(), [1.0; 4]);
    assert_eq!(vectors.query().positive("left").all().unwrap(), [-1.0, 0.0, 1.0, 0.0]);
    let ranked: Vec<&str> = vectors.similar_by_word("left", 9).unwrap().iter().map(|similar| similar.word).collect();
    assert_eq!(ranked, ["up", "zero", "right"]);
    assert_eq!(vectors.n_similarity(&["right", "left"], &["up"]).unwrap(), 0.0);
    assert_eq!(vectors.unit_vector("zero").unwrap(), [0.0, 0.0]);
    assert_eq!(vectors.mean_vector(&["zero"], &MeanOptions::new().post_normalize(true)).unwrap(), [0.0, 0.0]);
    assert_eq!(vectors.doesnt_match(&["zero", "up", "up"]).unwrap(), "zero");
}

#[test]
fn numbers_that_do_not_fit_are_refused() {
    let vectors = vectors();
    let error = vectors.similar_by_vector(&[1.0], 1).unwrap_err();
    assert_eq!(error.to_string(), "a vector of the query should have 2 values, like the word vectors, found 1");
    let error = vectors.similar_by_vector(&[1.0, f32::NAN], 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the values of a vector should be finite numbers, found NaN at position 1 (counted from 0)"
    );
    let error = vectors.query().positive("up").weighted("left", f64::INFINITY).top(1).unwrap_err();
    assert!(matches!(error, Error::NotFinite { position: 1, .. }), "{error}");
    assert!(vectors.distances_from_vector(&[0.0; 3]).is_err());
    let mean = |options| vectors.mean_vector(&["up", "down"], &options);
    let error = mean(MeanOptions::new().weights([1.0])).unwrap_err();
    assert_eq!(error.to_string(), "the number of weights should be 2, one for each word, found 1");
    assert!(matches!(mean(MeanOptions::new().weights([1.0, f64::NAN])), Err(Error::NotFinite { position: 1, .. })));
    let error = mean(MeanOptions::new().unknown_words(UnknownWords::Refuse)).unwrap_err();
    assert!(matches!(&error, Error::UnknownWord { word, .. } if word == "down"), "{error}");
    assert_eq!(mean(MeanOptions::new().weights([0.0, 1.0])).unwrap(), [0.0, 0.0]);
}

#[test]
fn huge_and_tiny_vectors_have_a_direction() {
    let values = vec![3e38, 3e38, 1e-45, 0.0, 1e30, -1e30, 0.0, 1e-40];
    let vectors = WordVectors::new(["huge", "tiny", "down", "small"], values, 2).unwrap();
    let found = vectors.similar_by_word("huge", 3).unwrap();
    let half = 0.5f32.sqrt();
    assert_eq!(
        found.iter().map(|s| (s.word, s.similarity)).collect::<Vec<_>>(),
        [("tiny", half), ("small", half), ("down", 0.0)]
    );
    vectors.prepare_search();
    assert_eq!(vectors.similar_by_word("huge", 3).unwrap(), found);
    let queries = vec![vectors.query().positive("huge"); 5];
    assert_eq!(vectors.most_similar_batch(&queries, 3).unwrap(), vec![found; 5]);
}

#[test]
fn asking_for_no_or_too_many_neighbours_is_fine() {
    let vectors = vectors();
    assert!(vectors.similar_by_word("up", 0).unwrap().is_empty());
    assert_eq!(vectors.similar_by_word("up", usize::MAX).unwrap().len(), 3);
    assert!(vectors.query().positive("up").restrict_vocab(0).top(3).unwrap().is_empty());
    assert!(vectors.query().positive("up").clip_start(3).clip_end(2).all().unwrap().is_empty());
    assert!(vectors.query().positive("up").clip_start(100).top(3).unwrap().is_empty());
    assert_eq!(vectors.query().positive("up").restrict_vocab(100).all().unwrap().len(), 4);
    assert_eq!(vectors.row(4), None);
    assert_eq!(vectors.row(1), Some(&[0.0, 1.0][..]));
}

#[test]
fn words_keep_their_first_index_and_may_be_anything() {
    let words: WordList = ["", "a", "", "a b", "\n", "a"].into_iter().collect();
    assert_eq!(words.iter().collect::<Vec<_>>(), ["", "a", "a b", "\n"]);
    assert_eq!((words.index(""), words.index("\n"), words.index("b")), (Some(0), Some(3), None));
    assert_eq!((words.word(2), words.word(4)), (Some("a b"), None));
    assert!(WordList::default().is_empty());
}
