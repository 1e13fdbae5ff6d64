//! Counts checked by hand: the textbook's matrix, every side and weighting, borders of sentences, and what is refused.

use kiln_vectors::Error;
use kiln_vectors::counts::{Context, Cooccurrence, CooccurrenceMatrix, Weighting};

use super::{HELLO, assert_option, on_threads, scrambled};

fn dense(counts: &CooccurrenceMatrix) -> Vec<Vec<f32>> {
    let words = 0..counts.vocab_size() as u32;
    words.clone().map(|word| words.clone().map(|other| counts.get(word, other)).collect()).collect()
}

#[test]
fn textbook_counts() {
    let counts = Cooccurrence::new().window(1).count(7, [HELLO]).unwrap();
    // you: say. say: you and goodbye, later i and hello. The matrix is printed in the textbook's section 2.3.4.
    let expected = [
        [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0],
        [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0],
        [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0],
        [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    ];
    assert_eq!(dense(&counts), expected);
    // Seven pairs of neighbours, each seen from both sides.
    assert_eq!((counts.sum(), counts.nnz(), counts.vocab_size()), (14.0, 14, 7));
    assert_eq!(counts.row_sums(), [1.0, 4.0, 2.0, 2.0, 2.0, 2.0, 1.0]);
    assert_eq!(counts.row(5).collect::<Vec<_>>(), [(1, 1.0), (6, 1.0)]);
    // "you" and "i" share "say", and "i" also has "and": 1 / (sqrt(1) sqrt(2)) = 0.7071.
    let dot: f32 = (0..7).map(|other| counts.get(0, other) * counts.get(4, other)).sum();
    let norm = |word| (0..7).map(|other| counts.get(word, other).powi(2)).sum::<f32>().sqrt();
    assert!((dot / (norm(0) * norm(4)) - 0.5f32.sqrt()).abs() < 1e-6);
}

#[test]
fn default_is_two_words_on_both_sides() {
    // 0 1 2 3: 0 sees 1 and 2, and 3 is three away.
    let counts = Cooccurrence::new().count(4, [[0, 1, 2, 3]]).unwrap();
    let expected = [[0.0, 1.0, 1.0, 0.0], [1.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]];
    assert_eq!(dense(&counts), expected);
}

#[test]
fn a_word_next_to_itself_counts_from_both_places() {
    // The textbook's loop counts 1 for the first 0, whose right neighbour is 0, and 1 for the second.
    let symmetric = Cooccurrence::new().window(1).count(1, [[0, 0]]).unwrap();
    let right = Cooccurrence::new().window(1).context(Context::Right).count(1, [[0, 0]]).unwrap();
    assert_eq!((symmetric.get(0, 0), right.get(0, 0)), (2.0, 1.0));
}

#[test]
fn left_and_right_are_each_others_transpose() {
    let count = |context| Cooccurrence::new().window(2).context(context).count(3, [vec![0, 1, 2], vec![0, 2]]).unwrap();
    // After 0 come 1, 2 and, in the other sentence, 2; after 1 comes 2.
    assert_eq!(dense(&count(Context::Right)), [[0.0, 1.0, 2.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]);
    assert_eq!(dense(&count(Context::Left)), [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.0, 1.0, 0.0]]);
}

#[test]
fn weights_fall_with_distance() {
    let first_row = |weighting| {
        let counts = Cooccurrence::new().window(3).weighting(weighting).count(5, [[0, 1, 2, 3, 4]]).unwrap();
        counts.row(0).collect::<Vec<_>>()
    };
    assert_eq!(first_row(Weighting::Flat), [(1, 1.0), (2, 1.0), (3, 1.0)]);
    assert_eq!(first_row(Weighting::InverseDistance), [(1, 1.0), (2, 0.5), (3, 1.0 / 3.0)]);
    // (3 - d + 1) / 3
    assert_eq!(first_row(Weighting::Linear), [(1, 1.0), (2, 2.0 / 3.0), (3, 1.0 / 3.0)]);
}

#[test]
fn thirds_add_up_to_one() {
    // Pairs at distance 3 count 1/3 each, which is not a binary fraction; the sum must not show it.
    let sentences = [[0, 1, 1, 2]; 3];
    let counts = Cooccurrence::new().window(3).weighting(Weighting::InverseDistance).count(3, sentences).unwrap();
    assert_eq!(counts.get(0, 2), 1.0);
    // 0 is 1 and 2 away from a 1, three times: 3 * (1 + 1/2).
    assert_eq!(counts.get(0, 1), 4.5);
}

#[test]
fn weights_of_wide_windows_are_as_exact_as_f32() {
    let sentence: Vec<u32> = (0..100).collect();
    for window in [10, 99, usize::MAX] {
        let inverse = Cooccurrence::new().window(window).weighting(Weighting::InverseDistance);
        let linear = Cooccurrence::new().window(window).weighting(Weighting::Linear);
        let (inverse, linear) = (inverse.count(100, [&sentence]).unwrap(), linear.count(100, [&sentence]).unwrap());
        for distance in 1..100u32 {
            let inside = distance as usize <= window;
            let expected = if inside { 1.0 / f64::from(distance) } else { 0.0 };
            // 2^-33 for the fixed point, and half a unit in the last place of f32, 2^-24 relative.
            let tolerance = 2f64.powi(-33) + expected * 2f64.powi(-24);
            assert!((f64::from(inverse.get(0, distance)) - expected).abs() <= tolerance, "{window} {distance}");
            let expected = if inside { (window - distance as usize + 1) as f64 / window as f64 } else { 0.0 };
            let tolerance = 2f64.powi(-33) + expected * 2f64.powi(-24);
            assert!((f64::from(linear.get(0, distance)) - expected).abs() <= tolerance, "{window} {distance}");
        }
    }
}

#[test]
fn no_window_reaches_into_the_next_sentence() {
    let apart = Cooccurrence::new().window(5).count(4, [vec![0, 1], vec![], vec![3], vec![2, 3]]).unwrap();
    assert_eq!((apart.get(0, 1), apart.get(2, 3), apart.sum()), (1.0, 1.0, 4.0));
}

#[test]
fn sentences_can_be_borrowed_or_made_on_the_way() {
    let owned: Vec<Vec<u32>> = vec![vec![0, 1, 2], vec![2, 0]];
    let slices: Vec<&[u32]> = owned.iter().map(Vec::as_slice).collect();
    let options = Cooccurrence::new();
    let expected = options.count(3, &owned).unwrap();
    assert_eq!(options.count(3, slices).unwrap(), expected);
    assert_eq!(options.count(3, (0..2).map(|at| owned[at].clone())).unwrap(), expected);
}

#[test]
fn long_sentences_and_many_short_ones_are_counted_alike_on_any_number_of_threads() {
    // Long enough for many tasks, several groups of them, and runs that are merged.
    let long: Vec<u32> = (0..300_000).map(|i| scrambled(i, 60) as u32).collect();
    let short: Vec<&[u32]> = long.chunks(17).collect();
    for weighting in [Weighting::Flat, Weighting::InverseDistance, Weighting::Linear] {
        let options = Cooccurrence::new().window(10).weighting(weighting);
        for sentences in [vec![long.as_slice()], short.clone()] {
            let one = on_threads(1, || options.count(60, &sentences).unwrap());
            let two = on_threads(2, || options.count(60, &sentences).unwrap());
            let five = on_threads(5, || options.count(60, &sentences).unwrap());
            assert!(one == two && two == five, "{weighting:?}");
            // Flat: every word has 10 neighbours on each side, except for 10 at each end, which lack
            // 10 + 9 + ... + 1 = 55.
            if weighting == Weighting::Flat && sentences.len() == 1 {
                assert_eq!(one.sum(), 2.0 * (10.0 * 300_000.0 - 55.0));
            }
        }
    }
}

#[test]
fn ids_that_are_no_word_have_no_context() {
    let counts = Cooccurrence::new().count(2, [[0, 1]]).unwrap();
    assert_eq!((counts.get(2, 0), counts.get(0, 9), counts.row(2).len()), (0.0, 0.0, 0));
}

#[test]
fn what_cannot_be_counted_is_refused() {
    assert_option(Cooccurrence::new().window(0).count(7, [HELLO]), "window", 0);
    assert_option(Cooccurrence::new().count(0, [HELLO]), "vocab_size", 0);
    // Sentence 1 holds 7 at position 2, and the words are 0 to 6.
    let error = Cooccurrence::new().count(7, [vec![0, 1], vec![6, 0, 7]]).unwrap_err();
    assert!(matches!(error, Error::IdOutOfVocabulary { id: 7, vocab_size: 7, sentence: 1, position: 2 }));
    assert_eq!(
        error.to_string(),
        "ids should be below vocab_size, which is 7, found 7 in sentence 1, position 2 (both counted from 0): \
         give the vocab_size of the encoder that made the ids"
    );
    // A sentence of one word is checked too.
    assert!(Cooccurrence::new().count(7, [vec![0, 1], vec![9]]).is_err());
    let empty: [Vec<u32>; 0] = [];
    assert!(matches!(Cooccurrence::new().count(7, empty), Err(Error::NothingToCount { sentences: 0 })));
    let short = Cooccurrence::new().count(7, [vec![1], vec![]]);
    assert!(matches!(short, Err(Error::NothingToCount { sentences: 2 })));
}
