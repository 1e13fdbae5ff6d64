//! Files: gensim's are read, ours equal them byte for byte, formats are detected, and the oddities of real files
//! (spaces and odd characters in words, spaces at line ends, repeated words) are read as they should be.

use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use kiln_vectors::{Error, Format, InvalidUtf8, LoadOptions, Place, WordVectors};

use crate::fixtures::{path, small};

/// A folder with one file.
fn file(name: &str, contents: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, contents).unwrap();
    (folder, path)
}

fn words(vectors: &WordVectors) -> Vec<&str> {
    vectors.words().iter().collect()
}

#[test]
fn all_files_that_gensim_wrote_hold_the_same() {
    let expected = small();
    for name in ["small.bin", "small.txt.gz", "small.glove.txt"] {
        assert_eq!(WordVectors::load(path(name)).unwrap(), expected, "{name}");
    }
    let binary = |name| LoadOptions::new().format(Format::Word2VecBinary).load(path(name));
    assert_eq!(binary("small.bin").unwrap(), expected);
    assert!(binary("small.txt").is_err());
}

#[test]
fn our_files_are_those_of_gensim_byte_for_byte() {
    let (vectors, folder) = (small(), tempfile::tempdir().unwrap());
    let ours = folder.path().join("ours");
    for (name, format) in
        [("small.txt", Format::Word2VecText), ("small.bin", Format::Word2VecBinary), ("small.glove.txt", Format::Glove)]
    {
        vectors.save(&ours, format).unwrap();
        assert!(std::fs::read(&ours).unwrap() == std::fs::read(path(name)).unwrap(), "{name}");
    }
}

#[test]
fn counts_are_read_from_a_vocabulary_and_written() {
    let options = LoadOptions::new().counts(path("counted.vocab"));
    let vectors = options.load(path("counted.bin")).unwrap();
    assert_eq!(words(&vectors), ["France", "Paris", "Italy"]);
    assert_eq!(vectors.counts(), Some(&[1000, 999, 998][..]));
    assert_eq!(WordVectors::load(path("counted.bin")).unwrap().counts(), None);
    // Words missing from the vocabulary get 0; words missing from the vectors do not matter.
    let (_folder, vocabulary) = file("v", b"Paris 7\nnowhere 3\n\nItaly 18446744073709551615\r\n");
    let partly = LoadOptions::new().counts(&vocabulary).load(path("counted.bin")).unwrap();
    assert_eq!(partly.counts(), Some(&[0, 7, u64::MAX][..]));
    vectors.save_counts(&vocabulary).unwrap();
    assert_eq!(std::fs::read(&vocabulary).unwrap(), std::fs::read(path("counted.vocab")).unwrap());
}

#[test]
fn spaces_separate_and_nothing_else_does() {
    let text =
        "a\u{a0}b 1 2\n\u{85} 3 4\nx\u{2028}y\tz 5 6\r\n. . . 7 8  \nat name@domain.com 9 10\nwindows 95 11 12 \r\n\n";
    let (_folder, path) = file("glove.txt", text.as_bytes());
    let vectors = WordVectors::load(path).unwrap();
    let expected = ["a\u{a0}b", "\u{85}", "x\u{2028}y\tz", ". . .", "at name@domain.com", "windows 95"];
    assert_eq!(words(&vectors), expected);
    assert_eq!(vectors.values(), (1..=12).map(|n| n as f32).collect::<Vec<_>>());
}

#[test]
fn fast_text_files_end_their_lines_with_a_space() {
    let (_folder, path) = file("x.vec", b"2 3\n</s> 0.1 -2e-3 3 \n, 1 2 3 \n");
    let vectors = WordVectors::load(&path).unwrap();
    assert_eq!(words(&vectors), ["</s>", ","]);
    assert_eq!(vectors.vector("</s>").unwrap(), [0.1, -0.002, 3.0]);
    vectors.save(&path, Format::FastText).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "2 3\n</s> 0.1 -0.002 3.0 \n, 1.0 2.0 3.0 \n");
    assert_eq!(WordVectors::load(&path).unwrap(), vectors);
}

#[test]
fn the_first_vector_of_a_word_counts() {
    let (_folder, path) = file("g.txt", b"a 1\nb 2\na 3\nc 4\nb 5\n");
    let vectors = WordVectors::load(&path).unwrap();
    assert_eq!((words(&vectors), vectors.values()), (vec!["a", "b", "c"], &[1.0, 2.0, 4.0][..]));
    assert_eq!(vectors.duplicates(), 2);
    // A repeated word counts for the limit and the header, as in gensim.
    let three = LoadOptions::new().limit(3).load(&path).unwrap();
    assert_eq!((words(&three), three.duplicates()), (vec!["a", "b"], 1));
    let (_folder, path) = file("w.txt", b"3 1\na 1\nb 2\na 3\n");
    assert_eq!(WordVectors::load(&path).unwrap().duplicates(), 1);
}

#[test]
fn a_limit_stops_before_what_is_wrong_behind_it() {
    let (_folder, path) = file("g.txt", b"a 1\nb 2\nc wrong\n");
    for limit in [1, 2] {
        assert_eq!(LoadOptions::new().limit(limit).load(&path).unwrap().len(), limit);
    }
    assert!(LoadOptions::new().limit(3).load(&path).is_err());
    assert!(matches!(LoadOptions::new().limit(0).load(&path), Err(Error::NoWords)));
    let mut cut = std::fs::read(crate::fixtures::path("small.bin")).unwrap();
    cut.truncate(1000);
    let (_folder, path) = file("cut.bin", &cut);
    assert_eq!(LoadOptions::new().limit(5).load(&path).unwrap().values(), &small().values()[..40]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.safetensors");
    small().with_counts((0..60).collect()).unwrap().save(&path, Format::Safetensors).unwrap();
    let five = LoadOptions::new().limit(5).load(&path).unwrap();
    assert_eq!((five.values(), five.counts()), (&small().values()[..40], Some(&[0, 1, 2, 3, 4][..])));
    assert_eq!(words(&five), words(&small())[..5]);
}

#[test]
fn formats_are_told_apart_whatever_the_name() {
    let text = std::fs::read(path("small.txt")).unwrap();
    let binary = std::fs::read(path("small.bin")).unwrap();
    for (name, contents) in [("none", &text), ("x.bin", &binary), ("none", &binary), ("x.model", &binary)] {
        let (_folder, path) = file(name, contents);
        assert_eq!(WordVectors::load(path).unwrap(), small(), "{name}");
    }
    // Latin-1 in a text with a header is still text, as the error shows.
    let (_folder, path) = file("none", b"2 2\ncaf\xe9 0.25 0.5\ntea 1 2\n");
    let error = WordVectors::load(&path).unwrap_err();
    assert!(error.to_string().contains("line 2: words should be UTF-8, found an invalid byte at 7"), "{error}");
}

#[test]
fn a_binary_file_may_have_line_feeds_between_words() {
    let mut bytes = b"2 1\n".to_vec();
    for (word, value) in [("a", 1.5f32), ("b", -2.5)] {
        bytes.extend_from_slice(word.as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(&value.to_le_bytes());
        bytes.push(b'\n');
    }
    let (_folder, path) = file("word2vec.bin", &bytes);
    let vectors = WordVectors::load(path).unwrap();
    assert_eq!((words(&vectors), vectors.values()), (vec!["a", "b"], &[1.5, -2.5][..]));
}

#[test]
fn invalid_utf8_can_be_replaced() {
    let replace = || LoadOptions::new().invalid_utf8(InvalidUtf8::Replace);
    let (_folder, path) = file("g.txt", b"caf\xc3 1 2\n\xe9t\xe9 3 4\n");
    assert_eq!(words(&replace().load(&path).unwrap()), ["caf\u{fffd}", "\u{fffd}t\u{fffd}"]);
    let (_folder, path) = file("w.bin", b"1 1\nx\xe2\x82 \x00\x00\x80\x3f");
    assert_eq!(words(&replace().load(&path).unwrap()), ["x\u{fffd}"]);
}

#[test]
fn numbers_are_rounded_to_64_bits_and_then_to_32() {
    // The first is just above the middle between two 32-bit floats, by less than 64 bits resolve: gensim rounds it
    // down, to even, and so does this.
    let text = "a 1.00000005960464477540 1e-7 -.5 +3. 1E3 16777217 0.000000000000000000001\n";
    let (_folder, path) = file("g.txt", text.as_bytes());
    let vectors = WordVectors::load(path).unwrap();
    assert_eq!(vectors.values(), [1.0, 1e-7, -0.5, 3.0, 1000.0, 16_777_216.0, 1e-21]);
}

#[test]
fn long_files_keep_their_order() {
    // More than one block of 16 MiB, so that a line is cut at its end, and longer than a part of it.
    let (n, d) = (150_000, 20);
    let mut text = String::new();
    for i in 0..n {
        text.push_str(&format!("w{i}"));
        for j in 0..d {
            text.push_str(&format!(" {}.25", (i * 31 + j) % 1000));
        }
        text.push('\n');
    }
    assert!(text.len() > 18 << 20);
    let (folder, path) = file("g.txt", text.as_bytes());
    let vectors = WordVectors::load(&path).unwrap();
    assert_eq!((vectors.len(), vectors.d()), (n, d));
    for i in [0, 1, 777, 104_857, n - 1] {
        assert_eq!(vectors.index(&format!("w{i}")), Some(i));
        assert_eq!(vectors.row(i).unwrap()[7], ((i * 31 + 7) % 1000) as f32 + 0.25);
    }
    // A fault after the first block is reported in the right line, also in a compressed file.
    let broken = text.replacen("w140000 ", "w140000 x", 1);
    let gz = folder.path().join("g.txt.gz");
    let mut encoder = GzEncoder::new(std::fs::File::create(&gz).unwrap(), Compression::fast());
    encoder.write_all(broken.as_bytes()).unwrap();
    encoder.finish().unwrap();
    let error = WordVectors::load(&gz).unwrap_err();
    assert!(matches!(error, Error::BadFile { place: Some(Place::Line(140_001)), .. }), "{error}");
    assert!(error.to_string().contains("line 140001: value 1 of the word"), "{error}");
    let broken = text.replacen("w140000 ", "w140000\u{1}", 1).replacen('\u{1}', "\u{85} ", 1).into_bytes();
    let at = broken.windows(2).position(|pair| pair == [0xc2, 0x85]).unwrap();
    let mut latin = broken;
    latin.remove(at);
    std::fs::write(&path, latin).unwrap();
    match WordVectors::load(&path).unwrap_err() {
        Error::NotUtf8 { byte, .. } => assert_eq!(byte, at as u64),
        error => panic!("{error}"),
    }
}

#[test]
fn mapped_vectors_are_those_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.safetensors");
    let vectors = small().with_counts((0..60).rev().collect()).unwrap();
    vectors.save(&path, Format::Safetensors).unwrap();
    let mapped = WordVectors::open(&path).unwrap();
    assert!(mapped.is_mapped() && !vectors.is_mapped());
    assert_eq!(mapped, vectors);
    assert_eq!(mapped.counts().unwrap()[..2], [59, 58]);
    let loaded = WordVectors::load(&path).unwrap();
    assert!(!loaded.is_mapped());
    assert_eq!(loaded, vectors);
    // The file can be replaced while it is mapped: the map keeps the old contents.
    WordVectors::new(["x"], vec![1.0], 1).unwrap().save(&path, Format::Safetensors).unwrap();
    assert_eq!(mapped.clone(), vectors);
    assert_eq!(WordVectors::open(&path).unwrap().len(), 1);
}

#[test]
fn unchecked_values_in_a_map_are_similar_to_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.safetensors");
    let vectors =
        WordVectors::new(["a", "b", "bad", "worse"], vec![1.0, 0.0, 0.6, 0.8, 5.5, 0.0, 6.5, 0.0], 2).unwrap();
    vectors.save(&path, Format::Safetensors).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    for (value, by) in [(5.5f32, f32::NAN), (6.5, f32::INFINITY)] {
        let at = bytes.windows(4).position(|window| window == value.to_le_bytes()).unwrap();
        bytes[at..at + 4].copy_from_slice(&by.to_le_bytes());
    }
    std::fs::write(&path, bytes).unwrap();
    let mapped = WordVectors::open(&path).unwrap();
    let found = mapped.similar_by_word("a", 3).unwrap();
    let pairs: Vec<(&str, f32)> = found.iter().map(|similar| (similar.word, similar.similarity)).collect();
    assert_eq!(pairs, [("b", 0.6), ("bad", 0.0), ("worse", 0.0)]);
    mapped.prepare_search();
    assert_eq!(mapped.similar_by_word("a", 3).unwrap(), found);
    let queries = vec![mapped.query().positive("a"); 8];
    assert_eq!(mapped.most_similar_batch(&queries, 3).unwrap(), vec![found; 8]);
    let error = WordVectors::load(&path).unwrap_err();
    assert!(error.to_string().contains("found NaN at position 0 of word 2, \"bad\""), "{error}");
}

#[test]
fn the_same_vectors_give_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    for format in [Format::Safetensors, Format::Word2VecText] {
        let paths = [folder.path().join("a"), folder.path().join("b")];
        for path in &paths {
            small().save(path, format).unwrap();
        }
        assert_eq!(std::fs::read(&paths[0]).unwrap(), std::fs::read(&paths[1]).unwrap());
    }
    // The layout that the documentation of the format promises.
    let bytes = std::fs::read({
        small().save(folder.path().join("c"), Format::Safetensors).unwrap();
        folder.path().join("c")
    })
    .unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("vectors").unwrap().shape(), [60, 8]);
    assert!(tensors.tensor("words").unwrap().data().starts_with(b"FranceParisItaly"));
    assert_eq!(tensors.tensor("word_ends").unwrap().data()[..8], 6u64.to_le_bytes());
    assert_eq!(tensors.names().len(), 3);
}

#[test]
fn a_failed_save_leaves_the_file_and_nothing_else() {
    let (folder, path) = file("v.txt", b"a 1\n");
    let spaced = WordVectors::new(["x", "New York"], vec![1.0, 2.0], 1).unwrap();
    assert!(spaced.save(&path, Format::Word2VecText).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"a 1\n");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let error = spaced.save(folder.path().join("none/v.txt"), Format::Glove).unwrap_err();
    assert!(error.to_string().contains("cannot create a temporary file in"), "{error}");
}
