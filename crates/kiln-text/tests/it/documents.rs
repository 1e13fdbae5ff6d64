//! Labelled documents: what they refuse, how they split, and that shuffling is the same for ever.

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
    // Few documents may fall so by chance, and those of one class have no order.
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

#[test]
fn take_keeps_the_first() {
    assert_eq!(texts(&numbered(5).take(2)), ["0", "1"]);
    assert_eq!(numbered(5).take(9).len(), 5);
    assert!(numbered(5).take(0).is_empty());
    assert!(numbered(5).take(0).shuffled(1).is_empty());
}
