//! Labelled documents: what they refuse, how they split, and that shuffling never changes.

use kiln_text::Error;
use kiln_text::corpora::{Document, Documents};

fn numbered(n: u32) -> Documents {
    let document = |i: u32| Document { text: i.to_string(), label: i % 2 };
    Documents::new((0..n).map(document).collect(), ["neg", "pos"]).unwrap()
}

fn texts(documents: &Documents) -> Vec<&str> {
    documents.texts().collect()
}

#[test]
fn what_cannot_be_learned_from_is_refused() {
    let document = |label| Document { text: String::new(), label };
    assert!(matches!(Documents::new(vec![], ["a", "b"]), Err(Error::NoDocuments)));
    let one = Documents::new(vec![document(0)], ["only"]);
    assert!(matches!(one, Err(Error::TooFewClasses { found: 1, .. })));
    let beyond = Documents::new(vec![document(1), document(2)], ["a", "b"]);
    assert!(matches!(beyond, Err(Error::LabelOutOfRange { document: 1, label: 2, classes: 2 })));
    let empty_text = Documents::new(vec![document(1)], ["a", "b"]).unwrap();
    assert_eq!((texts(&empty_text), empty_text.labels()), (vec![""], vec![1]));
}

#[test]
fn the_tail_is_split_off_as_keras_does() {
    let (train, valid) = numbered(10).split_tail(0.25).unwrap();
    // floor(10 x 0.75) = 7
    assert_eq!(texts(&train), ["0", "1", "2", "3", "4", "5", "6"]);
    assert_eq!(texts(&valid), ["7", "8", "9"]);
    assert_eq!(valid.labels(), [1, 0, 1]);
    assert_eq!(valid.class_names(), ["neg", "pos"]);
    assert_eq!(valid.class_counts(), [1, 2]);
}

#[test]
fn a_split_with_an_empty_side_is_refused() {
    for fraction in [0.0, 1.0, -0.5, 1.5, 0.95, f64::NAN, f64::INFINITY] {
        let split = numbered(10).split_tail(fraction);
        assert!(matches!(split, Err(Error::SplitFraction { documents: 10, .. })), "{fraction}");
    }
    assert_eq!(numbered(10).split_tail(1e-9).unwrap().1.len(), 1);
}

#[test]
fn documents_sorted_by_class_are_not_split() {
    let of = |labels: &[u32]| {
        let document = |&label| Document { text: String::new(), label };
        Documents::new(labels.iter().map(document).collect(), ["neg", "pos"]).unwrap()
    };
    let sorted = of(&[vec![0; 8], vec![1; 8]].concat());
    let error = sorted.split_tail(0.25).unwrap_err();
    assert!(matches!(error, Error::SortedByClass { documents: 16, .. }));
    assert!(error.to_string().contains("sorted by class (neg, pos)") && error.to_string().contains("`shuffled`"));
    assert!(sorted.shuffled(1).split_tail(0.25).is_ok());
    // Few documents may be in this order by chance, and those of one class have no order.
    for labels in [&[0, 0, 1, 1][..], &[1, 1, 1, 0], &[1; 40], &[vec![0; 20], vec![1]].concat()] {
        assert!(of(labels).split_tail(0.25).is_ok(), "{labels:?}");
    }
    assert!(of(&[vec![0; 8], vec![1; 8], vec![0]].concat()).split_tail(0.25).is_ok());
}

#[test]
fn a_seed_gives_one_order_for_ever() {
    // `fixtures/shuffle.py` prints them.
    assert_eq!(texts(&numbered(10).shuffled(0)), EXPECTED_0);
    assert_eq!(texts(&numbered(10).shuffled(u64::MAX)), EXPECTED_MAX);
}

const EXPECTED_0: [&str; 10] = ["4", "9", "2", "5", "1", "7", "6", "0", "3", "8"];
const EXPECTED_MAX: [&str; 10] = ["6", "7", "0", "3", "5", "4", "2", "1", "9", "8"];

#[test]
fn shuffling_keeps_every_document_with_its_label() {
    let shuffled = numbered(1000).shuffled(3);
    assert!(shuffled.iter().all(|document| document.text.parse::<u32>().unwrap() % 2 == document.label));
    let mut sorted: Vec<u32> = shuffled.texts().map(|text| text.parse().unwrap()).collect();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
    assert_ne!(texts(&shuffled), texts(&numbered(1000)));
}

/// Documents with the texts and labels given.
fn labelled<const N: usize>(documents: &[(&str, u32)], class_names: [&str; N]) -> Documents {
    let document = |&(text, label): &(&str, u32)| Document { text: text.to_owned(), label };
    Documents::new(documents.iter().map(document).collect(), class_names).unwrap()
}

#[test]
fn map_changes_the_texts_and_nothing_else() {
    let many = numbered(1000);
    let changed = many.map(|text| format!("{text}!"));
    assert!(changed.texts().eq((0..1000).map(|i| format!("{i}!"))));
    assert_eq!((changed.labels(), changed.class_names()), (many.labels(), many.class_names()));
    let emptied = labelled(&[("a", 2), ("b", 0)], ["x", "y", "z"]).map(|_| String::new());
    assert_eq!(emptied, labelled(&[("", 2), ("", 0)], ["x", "y", "z"]));
    assert!(numbered(2).take(0).map(str::to_owned).is_empty());
}

#[test]
fn filter_keeps_what_is_wanted_in_order_and_all_classes() {
    let documents = labelled(&[("a", 1), ("b", 0), ("c", 1), ("d", 2)], ["x", "y", "z"]);
    assert_eq!(
        documents.filter(|document| document.label != 0),
        labelled(&[("a", 1), ("c", 1), ("d", 2)], ["x", "y", "z"])
    );
    assert_eq!(documents.filter(|document| document.text.as_str() < "c").class_counts(), [1, 1, 0]);
    // The first of each class.
    let mut seen = [false; 3];
    let firsts = documents.filter(|document| !std::mem::replace(&mut seen[document.label as usize], true));
    assert_eq!(texts(&firsts), ["a", "b", "d"]);
    let nothing = documents.filter(|_| false);
    assert_eq!(
        (nothing.is_empty(), nothing.class_names(), nothing.class_counts()),
        (true, documents.class_names(), vec![0; 3])
    );
    assert!(matches!(nothing.split_tail(0.5), Err(Error::SplitFraction { documents: 0, .. })));
}

#[test]
fn join_merges_classes_by_name() {
    let films = labelled(&[("dull", 0), ("a joy", 1)], ["neg", "pos"]);
    let other_order = labelled(&[("superb", 0), ("a bore", 1)], ["pos", "neg"]);
    let all = [("dull", 0), ("a joy", 1), ("superb", 1), ("a bore", 0)];
    assert_eq!(films.join(&other_order).unwrap(), labelled(&all, ["neg", "pos"]));
    let all = [("superb", 0), ("a bore", 1), ("dull", 1), ("a joy", 0)];
    assert_eq!(other_order.join(&films).unwrap(), labelled(&all, ["pos", "neg"]));
    let twice = [("dull", 0), ("a joy", 1), ("dull", 0), ("a joy", 1)];
    assert_eq!(films.join(&films).unwrap(), labelled(&twice, ["neg", "pos"]));
    let new_classes =
        labelled(&[("so-so", 0), ("no film", 3), ("poor", 2), ("fine", 1)], ["neutral", "pos", "neg", "spam"]);
    let all = [("dull", 0), ("a joy", 1), ("so-so", 2), ("no film", 3), ("poor", 0), ("fine", 1)];
    assert_eq!(films.join(&new_classes).unwrap(), labelled(&all, ["neg", "pos", "neutral", "spam"]));
    assert_eq!(films.take(0).join(&films).unwrap(), films);
    assert_eq!(films.join(&films.take(0)).unwrap(), films);
}

#[test]
fn documents_whose_classes_cannot_be_merged_are_not_joined() {
    let films = labelled(&[("dull", 0), ("a joy", 1)], ["neg", "pos"]);
    let spelt_out = labelled(&[("a bore", 0), ("superb", 1)], ["negative", "positive"]);
    let error = films.join(&spelt_out).unwrap_err();
    assert!(
        matches!(&error, Error::NoSharedClass { first, second } if first == films.class_names() && second == spelt_out.class_names())
    );
    assert!(error.to_string().contains("found (neg, pos) and (negative, positive)"), "{error}");
    // Both pieces of advice in the message work.
    let renamed = Documents::new(spelt_out.clone().into_documents(), ["neg", "pos"]).unwrap();
    assert_eq!(films.join(&renamed).unwrap().labels(), [0, 1, 0, 1]);
    let with_all = Documents::new(films.clone().into_documents(), ["neg", "pos", "negative", "positive"]).unwrap();
    assert_eq!(with_all.join(&spelt_out).unwrap().labels(), [0, 1, 2, 3]);
    let twice = labelled(&[("a", 0), ("b", 2)], ["pos", "neg", "pos"]);
    for joined in [films.join(&twice), twice.join(&films), twice.join(&twice)] {
        assert!(matches!(joined, Err(Error::SameClassName { name }) if name == "pos"));
    }
}

#[test]
fn the_longest_is_by_the_measure_given() {
    let documents = labelled(&[("a b c d", 0), ("eleven 文字 é", 1), ("", 0)], ["neg", "pos"]);
    assert_eq!(documents.longest(|text| text.split_whitespace().count()), 4);
    assert_eq!(documents.longest(|text| text.chars().count()), 11);
    assert_eq!(documents.longest(str::len), 16);
    assert_eq!(numbered(1000).longest(|text| text.parse().unwrap()), 999);
    assert_eq!(documents.take(0).longest(str::len), 0);
}

#[test]
fn take_keeps_the_first() {
    assert_eq!(texts(&numbered(5).take(2)), ["0", "1"]);
    assert_eq!(numbered(5).take(9).len(), 5);
    assert!(numbered(5).take(0).is_empty());
    assert!(numbered(5).take(0).shuffled(1).is_empty());
}
