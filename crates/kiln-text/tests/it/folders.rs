//! Class folders and the IMDB folder: order, labels, and errors that list what was found.

use std::fs;
use std::path::Path;

use kiln_text::corpora::{BadRow, ClassFolder, CorpusDocuments, Encoding, Imdb};
use kiln_text::error::CorpusError;
use kiln_text::{Error, Result};

fn write(root: &Path, files: &[(&str, &[u8])]) {
    for (file, contents) in files {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
}

/// The smallest IMDB data set.
const IMDB: [(&str, &[u8]); 9] = [
    ("train/pos/0_9.txt", b"pos 0"),
    ("train/neg/10_1.txt", b"neg 10"),
    ("train/neg/2_4.txt", b"neg 2"),
    ("train/neg/0_3.txt", b"neg 0"),
    ("train/unsup/1_0.txt", b"unsup 1"),
    ("train/unsup/0_0.txt", b"unsup 0"),
    ("train/urls_neg.txt", b"not a review"),
    ("test/neg/0_2.txt", b""),
    ("test/pos/0_10.txt", b"test pos"),
];

#[test]
fn files_are_sorted_by_name_in_bytes_and_labelled_by_the_order_of_classes() {
    let folder = tempfile::tempdir().unwrap();
    let train = folder.path().join("train");
    write(folder.path(), &IMDB);
    write(folder.path(), &[("train/neg/notes.md", b"left out"), ("train/neg/2_04.txt", b"neg 2 04")]);
    let documents = ClassFolder::new(&train).read(&["neg", "pos"]).unwrap();
    let texts: Vec<&str> = documents.texts().collect();
    assert_eq!(texts, ["neg 0", "neg 10", "neg 2 04", "neg 2", "pos 0"]);
    assert_eq!(documents.labels(), [0, 0, 0, 0, 1]);
    let reversed = ClassFolder::new(&train).read(&["pos", "neg"]).unwrap();
    assert_eq!(reversed.labels(), [0, 1, 1, 1, 1]);
    assert_eq!(reversed.class_names(), ["pos", "neg"]);
}

#[test]
fn imdb_opens_as_the_folder_or_around_it() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("aclImdb"), &IMDB);
    for path in [folder.path().to_path_buf(), folder.path().join("aclImdb")] {
        let imdb = Imdb::open(&path).unwrap();
        assert_eq!(imdb.train().unwrap().texts().collect::<Vec<_>>(), ["neg 0", "neg 10", "neg 2", "pos 0"]);
        let test = imdb.test().unwrap();
        assert_eq!(test.texts().collect::<Vec<_>>(), ["", "test pos"]);
        assert_eq!(test.labels(), [0, 1]);
        assert_eq!(imdb.unsup().unwrap(), ["unsup 0", "unsup 1"]);
    }
}

#[test]
fn a_folder_that_is_not_imdb_lists_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[("reviews.csv", b""), ("readme", b"")]);
    let error = Imdb::open(folder.path()).unwrap_err();
    assert!(matches!(&error, Error::NotImdb { found, .. } if found == &["readme", "reviews.csv"]), "{error}");
    assert!(Imdb::open(folder.path().join("none")).unwrap_err().to_string().contains("none"));
    let error = Imdb::open(folder.path().join("readme")).unwrap_err().to_string();
    assert!(error.contains("not gzip"), "{error}");
}

#[test]
fn a_missing_class_lists_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[("train/neg/0.txt", b"a"), ("train/positive/0.txt", b"b"), ("test/neg/0.txt", b"c")]);
    for error in [
        Imdb::open(folder.path()).unwrap_err(),
        ClassFolder::new(folder.path().join("train")).read(&["neg", "pos"]).unwrap_err(),
    ] {
        let Error::ClassFolderMissing { path, expected, found } = &error else { panic!("{error}") };
        assert_eq!((path, found.as_slice()), (&folder.path().join("train"), &["neg".into(), "positive".into()][..]));
        assert_eq!(expected, &["neg", "pos"]);
    }
    for i in 0..30 {
        write(folder.path(), &[(&format!("many/{i:02}"), b"")]);
    }
    let error = ClassFolder::new(folder.path().join("many")).read(&["neg", "pos"]).unwrap_err().to_string();
    assert!(error.contains("\"19\", \"and 10 more\""), "{error}");
}

#[test]
fn a_class_without_documents_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[("neg/0.txt", b"a"), ("pos/0.md", b"b")]);
    let error = ClassFolder::new(folder.path()).read(&["neg", "pos"]).unwrap_err();
    assert!(matches!(&error, Error::ClassEmpty { path } if path.ends_with("pos")), "{error}");
}

#[test]
fn what_is_not_utf8_is_refused_with_its_place_or_read_lossily() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &IMDB);
    write(folder.path(), &[("train/pos/0_9.txt", b"caf\xe9!"), ("train/pos/1_9.txt", b"\xff")]);
    let error = Imdb::open(folder.path()).unwrap().train().unwrap_err();
    assert!(
        matches!(&error, Error::Corpus(CorpusError::NotUtf8 { file, offset: 3 }) if file.ends_with("0_9.txt")),
        "{error}"
    );
    let lossy = Imdb::open(folder.path()).unwrap().encoding(Encoding::UTF_8_LOSSY).train().unwrap();
    assert_eq!(lossy.texts().skip(3).collect::<Vec<_>>(), ["caf\u{fffd}!", "\u{fffd}"]);
    let lossy =
        ClassFolder::new(folder.path().join("train")).encoding(Encoding::UTF_8_LOSSY).read(&["neg", "pos"]).unwrap();
    assert_eq!(lossy.len(), 5);
}

#[test]
fn documents_come_one_at_a_time_in_the_same_order() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &IMDB);
    let imdb = Imdb::open(folder.path()).unwrap();
    let collected = |documents: Result<CorpusDocuments<'static>>| documents?.collect_documents();
    assert_eq!(collected(imdb.train_documents()).unwrap(), imdb.train().unwrap());
    assert_eq!(collected(imdb.test_documents()).unwrap(), imdb.test().unwrap());
    let unsup: Vec<String> = imdb.unsup_documents().unwrap().texts().collect::<Result<_>>().unwrap();
    assert_eq!(unsup, imdb.unsup().unwrap());

    let classes = ClassFolder::new(folder.path().join("train"));
    let mut seen = Vec::new();
    let documents = classes.documents(&["pos", "neg"]).unwrap().on_progress(|progress| {
        seen.push((progress.documents, progress.bytes, progress.total_bytes));
        std::ops::ControlFlow::Continue(())
    });
    assert_eq!(documents.map(|document| document.unwrap().label).collect::<Vec<_>>(), [0, 1, 1, 1]);
    assert_eq!(seen, [(4, 21, Some(21))]);

    assert!(matches!(classes.documents(&["neg", "good"]), Err(Error::ClassFolderMissing { .. })));
    fs::create_dir(folder.path().join("train/empty")).unwrap();
    assert!(matches!(classes.documents(&["neg", "empty"]), Err(Error::ClassEmpty { .. })));
}

#[test]
fn a_bad_file_is_given_in_its_place_or_skipped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[("a/1.txt", b"one"), ("a/2.txt", b"caf\xe9"), ("a/3.txt", b"three")]);
    let documents = || ClassFolder::new(folder.path()).documents(&["a"]).unwrap();
    let found: Vec<bool> = documents().map(|document| document.is_ok()).collect();
    assert_eq!(found, [true, false, true]);
    let mut skipping = documents().on_bad_row(BadRow::Skip);
    assert_eq!(skipping.by_ref().map(|document| document.unwrap().text).collect::<Vec<_>>(), ["one", "three"]);
    assert_eq!(skipping.bad_rows().skipped, 1);
    assert!(
        matches!(&skipping.bad_rows().first[0], Error::Corpus(CorpusError::NotUtf8 { file, offset: 3 }) if file.ends_with("2.txt"))
    );
}
