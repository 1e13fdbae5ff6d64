//! Words by number: the laws of a list without repeats.

use kiln_base::{BadParts, Interner};
use proptest::prelude::*;

proptest! {
    #[test]
    fn words_have_the_number_of_their_first_appearance(words in prop::collection::vec("[ab\u{0}é]{0,3}|.{14,18}", 0..60)) {
        let interner: Interner = words.iter().collect();
        let mut first: Vec<&str> = Vec::new();
        for word in &words {
            if !first.contains(&word.as_str()) {
                first.push(word);
            }
        }
        prop_assert!(interner.iter().eq(first.iter().copied()));
        for (number, word) in first.iter().enumerate() {
            prop_assert_eq!(interner.find(word.as_bytes()), Some(number as u32));
            let within = format!("é{word}, and more to come");
            prop_assert_eq!(interner.find_in(within.as_bytes(), (2, 2 + word.len())), Some(number as u32));
        }
        prop_assert_eq!(interner.find("no such word".as_bytes()), None);
        let (texts, ends) = interner.parts();
        prop_assert_eq!(Interner::from_parts(texts.to_owned(), ends.to_vec()).unwrap(), interner);
    }
}

#[test]
fn parts_that_are_no_words_are_refused() {
    let from = |text: &str, ends: &[usize]| Interner::from_parts(text.to_owned(), ends.to_vec()).unwrap_err();
    assert_eq!(from("abc", &[2, 1]), BadParts::End { word: 1, end: 1 });
    assert_eq!(from("abc", &[2, 9]), BadParts::End { word: 1, end: 9 });
    assert_eq!(from("é", &[1, 2]), BadParts::End { word: 0, end: 1 });
    assert_eq!(from("abc", &[1, 2]), BadParts::End { word: 1, end: 2 });
    assert_eq!(from("aba", &[1, 2, 3]), BadParts::Duplicate { first: 0, second: 2 });
}
