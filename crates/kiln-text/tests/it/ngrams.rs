//! N-grams are all sequences of the given widths, as in the textbook, and bags count them.

use std::collections::BTreeMap;

use kiln_base::OptionError;
use kiln_text::Error;
use kiln_text::tokens::{Bag, NGrams, WordSplitter};
use proptest::prelude::*;

fn grams(range: std::ops::RangeInclusive<usize>) -> NGrams {
    NGrams::new(range).unwrap()
}

fn counts(bag: &Bag) -> BTreeMap<&str, u64> {
    bag.iter().collect()
}

/// Chollet, "Deep Learning with Python", section 6.1.1, prints both as sets.
#[test]
fn the_bags_of_the_cat_on_the_mat() {
    let words = WordSplitter::white_space().split("The cat sat on the mat");
    let two = ["The", "The cat", "cat", "cat sat", "sat", "sat on", "on", "on the", "the", "the mat", "mat"];
    let three = ["The cat sat", "cat sat on", "sat on the", "on the mat"];
    let expected: BTreeMap<&str, u64> = two.iter().map(|&gram| (gram, 1)).collect();
    assert_eq!(counts(&grams(1..=2).bag(&words)), expected);
    let expected: BTreeMap<&str, u64> = two.iter().chain(&three).map(|&gram| (gram, 1)).collect();
    assert_eq!(counts(&grams(1..=3).bag(&words)), expected);
    // Pairs only, and in lower case, where `the` occurs twice.
    assert_eq!(grams(2..=2).sequence(&words), ["The cat", "cat sat", "sat on", "on the", "the mat"]);
    assert_eq!(grams(3..=3).sequence(&words), three);
    let lower = words.iter().map(|word| word.to_lowercase());
    let bag = grams(1..=2).bag(lower);
    assert_eq!((bag.get("the"), bag.get("the cat"), bag.iter().len(), bag.total()), (2, 1, 10, 11));
}

#[test]
fn widths_come_one_after_the_other() {
    assert_eq!(grams(1..=2).separator("+").sequence(["a", "b", "c"]), ["a", "b", "c", "a+b", "b+c"]);
    assert_eq!(grams(2..=9).sequence(["a", "b"]), ["a b"]);
    assert_eq!(grams(3..=usize::MAX).sequence(["a", "b"]), [""; 0]);
    assert_eq!(grams(1..=usize::MAX).sequence([""; 0]), [""; 0]);
    assert_eq!(grams(1..=2).sequence(["", "x"]), ["", "x", " x"]);
    assert_eq!(grams(2..=3).characters("né한😀").collect::<Vec<_>>(), ["né", "é한", "한😀", "né한", "é한😀"]);
    assert_eq!(grams(1..=usize::MAX).characters("").count(), 0);
    let bag = grams(2..=2).character_bag("banana");
    assert_eq!(bag.iter().collect::<Vec<_>>(), [("ba", 1), ("an", 2), ("na", 2)]);
}

#[test]
fn ranges_that_hold_no_width_are_refused() {
    assert!(
        matches!(NGrams::new(0..=2), Err(Error::Option(OptionError { option: "ngram_range", found, .. })) if found == "0 to 2")
    );
    #[expect(clippy::reversed_empty_ranges, reason = "the mistake in question")]
    let backwards = NGrams::new(3..=2);
    assert!(
        matches!(backwards, Err(Error::Option(OptionError { option: "ngram_range", found, .. })) if found == "3 to 2")
    );
}

#[test]
fn bags_add_up_and_survive_a_file() {
    let mut one = Bag::from_iter(["b", "a", "b"]);
    let other = Bag::from_iter(["a", "c"]);
    one.merge(&other);
    assert_eq!(one.iter().collect::<Vec<_>>(), [("b", 2), ("a", 2), ("c", 1)]);
    assert_eq!(one, Bag::from_iter(["c", "a", "b", "a", "b"]));
    assert_ne!(one, Bag::from_iter(["c", "a", "b", "a"]));
    let json = serde_json::to_string(&one).unwrap();
    assert_eq!(json, r#"{"b":2,"a":2,"c":1}"#);
    assert_eq!(serde_json::from_str::<Bag>(&json).unwrap(), one);
    assert_eq!(Bag::default().iter().len(), 0);
}

proptest! {
    #[test]
    fn they_are_the_windows_joined(
        tokens in prop::collection::vec(".{0,3}", 0..8), min in 1usize..4, more in 0usize..4, separator in ".{0,2}",
    ) {
        let ngrams = grams(min..=min + more).separator(&separator);
        let widths = min..=min + more;
        let naive: Vec<String> = widths.clone().flat_map(|n| tokens.windows(n).map(|run| run.join(&separator))).collect();
        prop_assert_eq!(ngrams.sequence(&tokens), naive.clone());
        let bag = ngrams.bag(&tokens);
        prop_assert_eq!(bag.total(), naive.len() as u64);
        prop_assert!(naive.iter().all(|gram| bag.get(gram) == naive.iter().filter(|other| *other == gram).count() as u64));

        let text = tokens.concat();
        let characters: Vec<char> = text.chars().collect();
        let naive: Vec<String> = widths.flat_map(|n| characters.windows(n).map(|run| run.iter().collect())).collect();
        prop_assert_eq!(ngrams.characters(&text).collect::<Vec<_>>(), naive.clone());
        prop_assert_eq!(ngrams.character_bag(&text).total(), naive.len() as u64);
    }
}
