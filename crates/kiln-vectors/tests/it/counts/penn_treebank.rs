//! The Penn Treebank: counts compared with a loop that shares no code with the crate, and vectors in which a year is
//! similar to a month.
//!
//! Reads `$KILN_TEST_DATA/ptb/ptb.train.txt`; without the variable the test is skipped.

use std::collections::HashMap;

use kiln_vectors::counts::{Cooccurrence, CountVectors};

use crate::skips::test_data;

/// The words of the training part, newlines as `<eos>`, numbered by first appearance.
fn penn_treebank() -> Option<(Vec<String>, Vec<u32>)> {
    let data = test_data("counts of the Penn Treebank", "ptb/ptb.train.txt")?;
    let text = std::fs::read_to_string(data.join("ptb/ptb.train.txt")).unwrap().replace('\n', "<eos> ");
    let (mut words, mut ids, mut corpus) = (Vec::new(), HashMap::new(), Vec::new());
    for word in text.split_whitespace() {
        corpus.push(*ids.entry(word).or_insert_with(|| {
            words.push(word.to_owned());
            words.len() as u32 - 1
        }));
    }
    Some((words, corpus))
}

#[test]
fn counts_match_a_plain_loop_and_vectors_make_sense() {
    let Some((words, corpus)) = penn_treebank() else { return };
    assert_eq!((words.len(), corpus.len()), (10_000, 929_589));

    let start = &corpus[..20_000];
    let mut expected: HashMap<(u32, u32), f32> = HashMap::new();
    for at in 0..start.len() {
        for distance in 1..=2 {
            if at >= distance {
                *expected.entry((start[at], start[at - distance])).or_default() += 1.0;
            }
            if at + distance < start.len() {
                *expected.entry((start[at], start[at + distance])).or_default() += 1.0;
            }
        }
    }
    let counts = Cooccurrence::new().window(2).count(words.len(), [start]).unwrap();
    assert_eq!(counts.nnz(), expected.len());
    assert!(expected.iter().all(|(&(word, other), &count)| counts.get(word, other) == count));

    let d = 100;
    let vectors = CountVectors::new(d).fit(words.len(), [&corpus]).unwrap();
    let vector = |id: usize| &vectors[id * d..(id + 1) * d];
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
    let id = |word: &str| words.iter().position(|known| known == word).unwrap();
    for (word, relatives) in [("year", ["month", "quarter"]), ("car", ["auto", "cars"])] {
        let query = vector(id(word));
        let cosine = |other: &usize| dot(query, vector(*other)) / dot(vector(*other), vector(*other)).sqrt();
        let mut nearest: Vec<usize> = (0..words.len()).collect();
        nearest.sort_by(|a, b| cosine(b).total_cmp(&cosine(a)));
        let nearest: Vec<&str> = nearest[1..11].iter().map(|&id| words[id].as_str()).collect();
        assert!(relatives.iter().any(|relative| nearest.contains(relative)), "{word}: {nearest:?}");
    }
}
