//! Damaged files of vectors: in Kiln's own format, every one is refused with the file's name; in formats of other
//! programs, at least nothing panics.

use std::path::{Path, PathBuf};

use kiln_vectors::{Format, LoadOptions, WordVectors};

use crate::damaged_copies::not_refused;
use crate::fixtures::{path as path_of, small};

/// A folder with a saved file of 60 words with counts.
fn saved(name: &str, format: Format) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    small().with_counts((0..60).rev().collect()).unwrap().save(&path, format).unwrap();
    (folder, path)
}

#[test]
fn no_damaged_copy_of_kilns_own_format_is_read() {
    let (_folder, path) = saved("v.safetensors", Format::Safetensors);
    let loaded = not_refused(&path, |path| WordVectors::load(path).map(drop));
    assert_eq!(loaded, Vec::<String>::new());
    let limited = not_refused(&path, |path| LoadOptions::new().limit(2).load(path).map(drop));
    assert_eq!(limited, Vec::<String>::new());
    let verified = not_refused(&path, |path| WordVectors::open(path)?.verify());
    assert_eq!(verified, Vec::<String>::new());
}

#[test]
fn a_mapped_file_checks_all_but_the_values_at_once() {
    let (_folder, path) = saved("v.safetensors", Format::Safetensors);
    let whole = std::fs::read(&path).unwrap();
    let vectors = small();
    let values: Vec<u8> = vectors.values().iter().flat_map(|value| value.to_le_bytes()).collect();
    let begins = whole.windows(values.len()).position(|bytes| bytes == values).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        std::fs::write(&path, damaged).unwrap();
        let opened = WordVectors::open(&path);
        assert_eq!(opened.is_ok(), (begins..begins + values.len()).contains(&at), "byte {at}");
        if let Ok(opened) = opened {
            assert!(opened.verify().is_err(), "byte {at}");
        }
    }
    vectors.verify().unwrap();
}

#[test]
fn the_words_with_damaged_values_are_told() {
    // Rows of 4 KiB, 256 to a block.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.safetensors");
    let words: Vec<String> = (0..600).map(|n| n.to_string()).collect();
    let vectors = WordVectors::new(&words, vec![0.5; 600 << 10], 1 << 10).unwrap();
    vectors.save(&path, Format::Safetensors).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let begins = bytes.windows(8).position(|bytes| bytes == [0, 0, 0, 0x3f].repeat(2)).unwrap();
    bytes[begins + (300 << 12)] = 1;
    std::fs::write(&path, bytes).unwrap();
    let opened = WordVectors::open(&path).unwrap();
    let error = opened.clone().verify().unwrap_err().to_string();
    assert!(error.contains("v.safetensors: the values of words 256 to 511 (counted from 0)"), "{error}");
    assert!(error.ends_with("the file is damaged; take a fresh copy"), "{error}");
    assert_eq!(WordVectors::load(&path).unwrap_err().to_string(), error);
    // The block of the requested words is whole.
    assert_eq!(LoadOptions::new().limit(256).load(&path).unwrap().len(), 256);
    assert!(LoadOptions::new().limit(257).load(&path).is_err());
}

#[test]
fn a_file_from_before_there_were_checksums_is_read() {
    let expected = small().with_counts((0..60).rev().collect()).unwrap();
    let old = path_of("small.safetensors");
    assert_eq!(WordVectors::load(&old).unwrap(), expected);
    let opened = WordVectors::open(&old).unwrap();
    opened.verify().unwrap();
    assert_eq!(opened, expected);
}

#[test]
fn half_of_the_checksums_or_a_misspelt_one_is_damage() {
    let (_folder, path) = saved("v.safetensors", Format::Safetensors);
    let whole = std::fs::read(&path).unwrap();
    // Entries of the same length keep the header's length correct. The last entry of a name counts.
    for (part, with) in [("\"sha256\"", "\"format\""), ("\"values_sha256\"", "\"values_sha255\"")] {
        let mut bytes = whole.clone();
        let at = bytes.windows(part.len()).position(|bytes| bytes == part.as_bytes()).unwrap();
        bytes[at..at + part.len()].copy_from_slice(with.as_bytes());
        std::fs::write(&path, bytes).unwrap();
        let error = WordVectors::open(&path).unwrap_err().to_string();
        assert!(error.contains("v.safetensors: the metadata"), "{error}");
    }
}

/// Formats of other programs have no room for a checksum: a damaged file is read or refused.
#[test]
fn damaged_copies_for_others_are_read_or_refused() {
    let load = |path: &Path| WordVectors::load(path).map(drop);
    for (name, format) in [
        ("v.txt", Format::Word2VecText),
        ("v.glove.txt", Format::Glove),
        ("v.vec", Format::FastText),
        ("v.bin", Format::Word2VecBinary),
        ("v.txt.gz", Format::Word2VecText),
    ] {
        let (_folder, path) = saved(name, format);
        let failures = not_refused(&path, load);
        let other: Vec<_> = failures.into_iter().filter(|failure| !failure.ends_with(": read")).collect();
        assert_eq!(other, Vec::<String>::new(), "{name}");
    }
}
