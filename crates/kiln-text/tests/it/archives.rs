//! The IMDB archive: the same documents as from a folder, and no harm from a bad archive. Entries that the tar crate
//! would not write are written here byte by byte.

use std::fs;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use kiln_text::Error;
use kiln_text::corpora::{BadRow, CorpusDocuments, Document, Encoding, Imdb};
use kiln_text::error::CorpusError;
use kiln_text::io::TextProgress;

/// A tar entry: a header of 512 bytes (ustar), then the contents in whole blocks.
fn entry(name: &str, kind: u8, size: u64, contents: &[u8]) -> Vec<u8> {
    let mut header = [0u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..108].copy_from_slice(b"0000644\0");
    header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    header[136..148].copy_from_slice(b"00000000000\0");
    header[156] = kind;
    if matches!(kind, b'1' | b'2') {
        header[157..168].copy_from_slice(b"/etc/passwd");
    }
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut block = header.to_vec();
    block.extend_from_slice(contents);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

fn file(name: &str, contents: &[u8]) -> Vec<u8> {
    entry(name, b'0', contents.len() as u64, contents)
}

/// The smallest IMDB data set, in an order that no file system gives.
fn reviews() -> Vec<Vec<u8>> {
    vec![
        entry("aclImdb/", b'5', 0, b""),
        file("aclImdb/README", b"\xff not a review"),
        file("aclImdb/test/pos/0_10.txt", b"test pos"),
        file("aclImdb/train/neg/2_4.txt", b"neg 2"),
        file("aclImdb/train/pos/0_9.txt", b"pos 0"),
        file("aclImdb/train/unsup/3_0.txt", b"unsup 3"),
        file("aclImdb/train/neg/10_1.txt", b"neg 10"),
        file("aclImdb/train/unsup/0_0.txt", b"unsup 0"),
        file("aclImdb/train/neg/urls.html", b"not a review"),
        file("aclImdb/test/neg/0_2.txt", b""),
    ]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut tar = entries.concat();
    tar.resize(tar.len() + 1024, 0);
    tar
}

fn write(folder: &Path, bytes: &[u8]) -> PathBuf {
    let path = folder.join("reviews.tar.gz");
    fs::write(&path, bytes).unwrap();
    path
}

fn train_error(bytes: &[u8]) -> Error {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), bytes);
    let error = Imdb::open(path).unwrap().train().unwrap_err();
    assert!(error.to_string().contains("reviews.tar.gz"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "something was unpacked");
    error
}

#[test]
fn an_archive_gives_what_its_folder_would() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), &gzip(&tar(&reviews())));
    let imdb = Imdb::open(&path).unwrap();
    let train = imdb.train().unwrap();
    assert_eq!(train.texts().collect::<Vec<_>>(), ["neg 10", "neg 2", "pos 0"]);
    assert_eq!(train.labels(), [0, 0, 1]);
    assert_eq!(imdb.unsup().unwrap(), ["unsup 0", "unsup 3"]);
    // Both parts came from one pass, so the second no longer needs the file.
    fs::remove_file(&path).unwrap();
    assert_eq!(imdb.test().unwrap().texts().collect::<Vec<_>>(), ["", "test pos"]);
}

#[test]
fn a_folder_with_the_archive_in_it_opens() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("aclImdb_v1.tar.gz"), gzip(&tar(&reviews()))).unwrap();
    assert_eq!(Imdb::open(folder.path()).unwrap().test().unwrap().len(), 2);
}

#[test]
fn entries_that_could_do_harm_are_refused_by_name() {
    for (bad, says) in [
        (file("aclImdb/../../etc/passwd", b"x"), "leads out"),
        (file("..", b"x"), "leads out"),
        (file("aclImdb\\..\\x.txt", b"x"), "leads out"),
        (file("/etc/passwd", b"x"), "absolute"),
        (file("C:/windows/x.txt", b"x"), "absolute"),
        (entry("aclImdb/train/neg/1_1.txt", b'2', 0, b""), "symbolic link"),
        (entry("aclImdb/train/neg/1_1.txt", b'1', 0, b""), "hard link"),
        (entry("aclImdb/train/neg/1_1.txt", b'6', 0, b""), "neither a file nor a folder"),
        (entry("aclImdb/train/neg/1_1.txt", b'0', 8_000_000_000, b"x"), "larger than 64 MiB"),
    ] {
        let name = String::from_utf8(bad[..100].split(|&byte| byte == 0).next().unwrap().to_vec()).unwrap();
        let mut entries = reviews();
        entries.insert(3, bad);
        let error = train_error(&gzip(&tar(&entries)));
        let Error::ArchiveEntry { entry, problem, .. } = &error else { panic!("{name}: {error}") };
        assert_eq!(entry, &name);
        assert!(problem.contains(says), "{name}: {problem}");
    }
}

#[test]
fn an_archive_cut_short_anywhere_is_refused() {
    let whole = gzip(&tar(&reviews()));
    for keep in [2, 10, whole.len() / 3, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
        let error = train_error(&whole[..keep]);
        assert!(matches!(error, Error::Archive { .. }), "{keep} of {} bytes: {error}", whole.len());
    }
}

#[test]
fn a_tar_cut_short_inside_good_gzip_is_refused() {
    let whole = tar(&reviews());
    // Cut in a header, in contents, between entries, and in the middle of the end mark.
    for keep in [700, 2048 + 515, whole.len() - 1024, whole.len() - 512] {
        let error = train_error(&gzip(&whole[..keep]));
        assert!(matches!(error, Error::Archive { .. }), "{keep} of {} bytes: {error}", whole.len());
    }
}

#[test]
fn a_flipped_bit_is_refused() {
    let mut checksum = gzip(&tar(&reviews()));
    let at = checksum.len() - 6;
    checksum[at] ^= 1;
    assert!(matches!(train_error(&checksum), Error::Archive { .. }));
    let mut header = tar(&reviews());
    header[512 + 3] ^= 1;
    assert!(matches!(train_error(&gzip(&header)), Error::Archive { .. }));
}

#[test]
fn an_archive_of_something_else_lists_its_folders() {
    let error = train_error(&gzip(&tar(&[file("photos/2024/cat.txt", b"x"), file("top.txt", b"y")])));
    assert!(matches!(&error, Error::NotImdb { found, .. } if found.contains(&"photos/2024".to_owned())), "{error}");
}

#[test]
fn an_archive_without_a_class_says_which() {
    let mut entries = reviews();
    entries.retain(|entry| !entry.starts_with(b"aclImdb/test/pos"));
    let error = train_error(&gzip(&tar(&entries)));
    assert!(matches!(&error, Error::ClassEmpty { path } if path.ends_with("aclImdb/test/pos")), "{error}");
}

#[test]
fn what_is_not_utf8_is_refused_with_its_place_or_read_lossily() {
    let mut entries = reviews();
    entries.push(file("aclImdb/train/neg/3_1.txt", b"caf\xe9"));
    let bytes = gzip(&tar(&entries));
    let error = train_error(&bytes);
    assert!(
        matches!(&error, Error::Corpus(CorpusError::NotUtf8 { file, offset: 3 }) if file.ends_with("train/neg/3_1.txt")),
        "{error}"
    );
    let folder = tempfile::tempdir().unwrap();
    let imdb = Imdb::open(write(folder.path(), &bytes)).unwrap().encoding(Encoding::UTF_8_LOSSY);
    assert_eq!(imdb.train().unwrap().texts().nth(2), Some("caf\u{fffd}"));
}

#[test]
fn what_claims_more_than_any_data_set_takes_is_refused() {
    // A file of 60 MB, compressed once and used five times in the archive, since gzip has members.
    let large = gzip(&file("aclImdb/train/neg/1_1.txt", &vec![b'x'; 60_000_000]));
    let error = train_error(&[large.repeat(5), gzip(&tar(&reviews()))].concat());
    assert!(error.to_string().contains("more than 256 MiB"), "{error}");
    // GNU's long name and PAX's header for the next file.
    for kind in [b'L', b'x'] {
        let long = entry("././@LongLink", kind, 40_000_000, &vec![b'a'; 40_000_000]);
        let error = train_error(&gzip(&tar(&[vec![long], reviews()].concat())));
        assert!(error.to_string().contains("more than 1 MiB"), "{error}");
    }
}

#[test]
fn an_archives_documents_come_one_at_a_time_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = gzip(&tar(&reviews()));
    let path = write(folder.path(), &bytes);
    let imdb = Imdb::open(&path).unwrap();
    let of = |documents: CorpusDocuments<'static>| -> Vec<(String, u32)> {
        documents.map(|document| document.unwrap()).map(|document| (document.text, document.label)).collect()
    };
    let expected = |pairs: &[(&str, u32)]| -> Vec<(String, u32)> {
        pairs.iter().map(|&(text, label)| (text.to_owned(), label)).collect()
    };
    assert_eq!(of(imdb.train_documents().unwrap()), expected(&[("neg 2", 0), ("pos 0", 1), ("neg 10", 0)]));
    assert_eq!(of(imdb.test_documents().unwrap()), expected(&[("test pos", 1), ("", 0)]));
    assert_eq!(of(imdb.unsup_documents().unwrap()), expected(&[("unsup 3", 0), ("unsup 0", 0)]));

    let mut last = TextProgress::default();
    let documents = imdb.train_documents().unwrap().on_progress(|progress| {
        last = progress;
        ControlFlow::Continue(())
    });
    assert_eq!(documents.count(), 3);
    let size = bytes.len() as u64;
    assert_eq!((last.documents, last.bytes, last.total_bytes), (3, size, Some(size)));
    // Dropping the iterator ends the reading thread and does no harm.
    assert_eq!(imdb.train_documents().unwrap().take(1).count(), 1);
}

#[test]
fn what_is_wrong_in_an_archive_comes_behind_its_good_documents() {
    let folder = tempfile::tempdir().unwrap();
    let items = |entries: &[Vec<u8>], cut: usize| -> Vec<String> {
        let mut bytes = gzip(&tar(entries));
        bytes.truncate(bytes.len() - cut);
        let imdb = Imdb::open(write(folder.path(), &bytes)).unwrap();
        let item = |document: Result<Document, Error>| match document {
            Ok(document) => document.text,
            Err(error) => error.to_string(),
        };
        imdb.train_documents().unwrap().map(item).collect()
    };
    let good = |items: &[String]| items.iter().take(3).eq(["neg 2", "pos 0", "neg 10"]);
    let cut = items(&reviews(), 4);
    assert!(good(&cut) && cut.len() == 4 && cut[3].contains("reviews.tar.gz"), "{cut:?}");
    let mut link = reviews();
    link.push(entry("aclImdb/link", b'2', 0, b""));
    let link = items(&link, 0);
    assert!(good(&link) && link.len() == 4 && link[3].contains("symbolic link"), "{link:?}");
    let one_class: Vec<Vec<u8>> =
        reviews().into_iter().filter(|entry| !entry.starts_with(b"aclImdb/train/pos")).collect();
    let one_class = items(&one_class, 0);
    assert!(one_class.len() == 3 && one_class[2].contains("pos"), "{one_class:?}");
    let none = items(&[file("notes/readme.txt", b"hello")], 0);
    assert!(none.len() == 1 && none[0].contains("notes"), "{none:?}");

    let mut latin = reviews();
    latin.insert(1, file("aclImdb/train/pos/5_8.txt", b"caf\xe9"));
    let imdb = Imdb::open(write(folder.path(), &gzip(&tar(&latin)))).unwrap();
    let mut skipping = imdb.train_documents().unwrap().on_bad_row(BadRow::Skip);
    assert_eq!(skipping.by_ref().filter(Result::is_ok).count(), 3);
    assert_eq!(skipping.bad_rows().skipped, 1);
    assert_eq!(imdb.encoding(Encoding::UTF_8_LOSSY).train_documents().unwrap().filter(Result::is_ok).count(), 4);
}
