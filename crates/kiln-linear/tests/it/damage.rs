//! fastText's file has no room for a checksum. A damaged copy must either load or be refused by an error with the
//! file's name, without crashing.

use std::ops::ControlFlow;

use kiln_linear::{Supervised, SupervisedConfig};

use crate::damaged_copies::not_refused;

#[test]
fn damaged_copies_are_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.bin");
    let lines = std::fs::read_to_string("tests/fixtures/lines.txt").unwrap();
    let config = SupervisedConfig::new().d(4).epochs(2).word_ngrams(2).buckets(11);
    let model = Supervised::fit(&config, lines.lines(), |_| ControlFlow::Continue(())).unwrap();
    model.save(&path).unwrap();
    let failures = not_refused(&path, |path| {
        // A model that loads must also predict.
        Supervised::load(path).map(|model| drop(model.predict("a good film of the year", 3)))
    });
    let other: Vec<_> = failures.into_iter().filter(|failure| !failure.ends_with(": read")).collect();
    assert_eq!(other, Vec::<String>::new());
}
