//! Every kind of bad file has an error that says where it is wrong and what to do, and none makes this crate allocate
//! memory that the file does not fill.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use kiln_vectors::{Format, LoadOptions, WordVectors};

use crate::fixtures::path;

/// The error for a file with this name and contents, without its folder.
fn error_with(options: &LoadOptions, name: &str, contents: impl AsRef<[u8]>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, contents).unwrap();
    let error = options.load(&path).unwrap_err().to_string();
    error.replace(&format!("{}/", folder.path().display()), "")
}

fn error(name: &str, contents: impl AsRef<[u8]>) -> String {
    error_with(&LoadOptions::new(), name, contents)
}

fn as_format(format: Format, contents: impl AsRef<[u8]>) -> String {
    error_with(&LoadOptions::new().format(format), "file", contents)
}

fn gzip(contents: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(contents).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn lines_with_the_wrong_number_of_values() {
    let few = "v.txt, line 3: the word \"b\" should have 3 values, found 2";
    assert_eq!(error("v.txt", "2 3\na 1 2 3\nb 1 2\n"), few);
    assert_eq!(error("v.txt", "a 1 2 3\nc 1 2 3\nb 1 2\n"), few);
    let many = "v.txt, line 2: the word \"b\" should have 3 values, found 4";
    assert_eq!(error("v.txt", "a 1 2 3\nb 0.5 2 3 4\n"), many);
    assert_eq!(error("v.txt", "1 3\nb 0.5 2 3 4\n"), many);
    assert_eq!(error("v.txt", "a 1 2\nlonely\n"), "v.txt, line 2: the word \"lonely\" should have 2 values, found 0");
    // "York" could be part of the word or a broken value; with one value fewer it is clear.
    assert!(
        error("v.txt", "a 1 2 3\nNew York 2 3\n")
            .ends_with("value 1 of the word \"New\" should be a number, found \"York\"")
    );
    assert!(error("v.txt", "a 1 2 3\nNew York City 2 3\n").ends_with("the word \"New\" should have 3 values, found 2"));
}

#[test]
fn values_that_are_no_numbers() {
    assert_eq!(
        error("v.txt", "a 1 2 3\nb 1 2,5 3\n"),
        "v.txt, line 2: value 2 of the word \"b\" should be a number, found \"2,5\""
    );
    assert_eq!(
        error("v.txt", "2 2\na 1 2\nb x 2\n"),
        "v.txt, line 3: value 1 of the word \"b\" should be a number, found \"x\""
    );
    assert_eq!(
        error("v.txt", "a 1 2\nb 1 - 2\n"),
        "v.txt, line 2: value 2 of the word \"b\" should be a number, found \"-\""
    );
    assert!(error("v.txt", "a 1 2\nb 1 \u{663}\n").ends_with("found \"\u{663}\""));
    assert_eq!(
        error("v.txt", "a 1 2 3\nNew York 1 x 3\n"),
        "v.txt, line 2: value 2 of the word \"New\" should be a number, found \"x\""
    );
}

#[test]
fn values_that_are_not_finite() {
    for value in ["nan", "NaN", "inf", "-inf", "1e39", "-infinity"] {
        assert_eq!(
            error("v.txt", format!("a 1 2\nb 1 {value}\n")),
            format!("v.txt, line 2: value 2 of the word \"b\" should be a finite 32-bit number, found {value}")
        );
    }
    let mut bytes = b"2 2\na ".to_vec();
    for value in [1.0f32, 2.0] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(b"b ");
    for value in [1.0, f32::NAN] {
        bytes.extend(value.to_le_bytes());
    }
    assert_eq!(
        error("v.bin", bytes),
        "v.bin, word 2: value 2 of the word \"b\" should be a finite 32-bit number, found NaN"
    );
}

#[test]
fn a_file_without_a_word_is_named() {
    for blank in [" ", "\t", "  \n"] {
        assert_eq!(
            error("v.txt", blank),
            "v.txt should hold at least one word and its vector, found none",
            "{blank:?}"
        );
    }
}

#[test]
fn headers_that_are_none() {
    let expected = "file, line 1 should be the number of words and the width of the vectors, both 1 or more, as in \
                    `400000 100`, found \"the 1 2\"; a file without a header is Format::Glove";
    for format in [Format::Word2VecText, Format::FastText, Format::Word2VecBinary] {
        assert_eq!(as_format(format, "the 1 2\nof 1 2\n"), expected);
    }
    for header in ["0 5", "5 0", "-1 5", "1 2 3", "12", ""] {
        let error = as_format(Format::Word2VecText, format!("{header}\na 1 2\n"));
        assert!(error.contains(&format!("found {header:?};")), "{error}");
    }
}

#[test]
fn headers_with_the_wrong_count_or_width() {
    let error_of = |contents: &str| error("v.txt", contents);
    assert_eq!(
        error_of("3 2\na 1 2\nb 1 2\n"),
        "v.txt, line 1 promises 3 words, found 2: the file is cut short or its header is wrong; \
         `limit(2)` reads the words that are there"
    );
    assert!(error_of("1 2\na 1 2\nb 1 2\n").starts_with("v.txt, line 1 promises 1 words, found at least 2:"));
    assert_eq!(error_of("2 3\na 1 2\nb 1 2\n"), "v.txt, line 2: the word \"a\" should have 3 values, found 2");
    assert!(error_of("2 2\n").contains("promises 2 words, found 0"));
    let mut binary = std::fs::read(path("small.bin")).unwrap();
    assert_eq!(&binary[..5], b"60 8\n");
    binary[..5].copy_from_slice(b"59 8\n");
    assert!(error("v.bin", &binary).starts_with("v.bin, line 1 promises 59 words, found at least 60:"));
}

#[test]
fn headers_that_promise_more_than_any_memory() {
    // 4 x 10^15 bytes are 3638 TiB.
    let promise = "which would take 4000000000000000 bytes (3638.0 TiB) of memory, but the file has";
    let contents = "10000000000000 100\na 1 2\n";
    for format in [Format::Word2VecText, Format::Word2VecBinary] {
        let error = as_format(format, contents);
        assert!(error.contains(&format!("{promise} {} bytes", contents.len())), "{error}");
        assert!(as_format(format, gzip(contents.as_bytes())).contains(promise));
    }
    assert!(as_format(Format::Word2VecText, "99999999999999999999999 99999999999999999999\na 1\n").contains("TiB"));
    // Smaller headers are read as far as the file goes, without allocating first: a width of 200 GB, and as many words.
    let error = as_format(Format::Word2VecText, "1 50000000000\na 1 2\n");
    assert_eq!(error, "file, line 2: the word \"a\" should have 50000000000 values, found 2");
    let error = as_format(Format::Word2VecBinary, "1 50000000000\na 1234");
    assert!(error.starts_with("file ends at byte 20, inside word 1 of the 1 that line 1 promises"), "{error}");
    let error = as_format(Format::Word2VecBinary, gzip(b"1 50000000\na 1234"));
    assert!(error.starts_with("file ends at byte"), "{error}");
    let error = as_format(Format::Word2VecText, "50000000000 2\na 1 2\n");
    assert!(error.contains("promises 50000000000 words, found 1"), "{error}");
}

#[test]
fn binary_files_that_are_cut_short() {
    let binary = std::fs::read(path("small.bin")).unwrap();
    // The header has 5 bytes; "France " and 32 bytes of values end at 44, "Paris " and its values at 82.
    for (length, word) in [(82, 3), (81, 2), (60, 2), (47, 2), (44, 2), (43, 1), (5, 1)] {
        let what_is_there = match word - 1 {
            0 => String::new(),
            whole => format!(", or read what is there with `limit({whole})`"),
        };
        assert_eq!(
            error("v.bin", &binary[..length]),
            format!(
                "v.bin ends at byte {length}, inside word {word} of the 60 that line 1 promises: the file is cut \
                 short or its header is wrong; fetch it again{what_is_there}"
            )
        );
    }
    let packed = gzip(&binary);
    let error = error("v.bin.gz", &packed[..packed.len() / 2]);
    assert!(error.starts_with("cannot read v.bin.gz: "), "{error}");
}

#[test]
fn binary_files_whose_words_do_not_end() {
    let mut contents = b"2 1\n".to_vec();
    contents.resize(200_000, b'x');
    assert_eq!(
        error("v.bin", &contents),
        "v.bin, word 1, byte 4: a word should end with a space within 65536 bytes, found none: the width in line 1 is \
         wrong, or the file is not in word2vec's binary format"
    );
}

#[test]
fn files_that_hold_no_vectors() {
    assert_eq!(error("v.txt", ""), "v.txt should hold word vectors, found an empty file");
    assert_eq!(error("v.txt.gz", gzip(b"")), "v.txt.gz should hold word vectors, found an empty file");
    assert_eq!(error("v.txt", "\n \n\r\n"), "v.txt should hold at least one word and its vector, found none");
    assert_eq!(
        error("v.txt", "some prose\n"),
        "v.txt should be lines with a word and its values, found a first line without values"
    );
    let expected = "v should be word vectors in a format of word2vec, GloVe, fastText or Kiln, found";
    let wrong: [(&[u8], &str); 3] = [
        (b"\xba\x16\x4f\x2f\x0c\0\0\0", "fastText's own model: use the .vec file next to it"),
        (b"\x80\x04\x95", "a Python pickle, as gensim's `save` writes it: write it with `save_word2vec_format`"),
        (b"\x01\x02\x03 x", "neither text nor the header of a binary format"),
    ];
    for (contents, found) in wrong {
        assert_eq!(error("v", contents), format!("{expected} {found}"));
    }
    let packed: [(&[u8], &str); 3] = [
        (b"PK\x03\x04xyz", "a zip archive; unpack it and name the file in it"),
        (b"BZh91AY&SY", "packed by bzip2; unpack it with bunzip2, or pack it with gzip"),
        (b"\xfd7zXZ\0", "packed by xz; unpack it with unxz, or pack it with gzip"),
    ];
    for (contents, found) in packed {
        assert_eq!(error("v", contents), format!("cannot read v: it is {found}"));
    }
    let missing = WordVectors::load("/nowhere/v.txt").unwrap_err().to_string();
    assert!(missing.starts_with("cannot read /nowhere/v.txt: "), "{missing}");
    assert!(WordVectors::load(std::env::temp_dir()).unwrap_err().to_string().starts_with("cannot read "));
}

#[test]
fn words_that_are_not_utf8() {
    assert_eq!(
        error("v.txt", b"a 1 2\nx\xc3y 1 2\n"),
        "v.txt, line 2: words should be UTF-8, found an invalid byte at 7; use InvalidUtf8::Replace to read \
         U+FFFD instead"
    );
    assert!(
        error("v.bin", b"1 1\nab\xff \0\0\0\0")
            .contains("v.bin, word 1: words should be UTF-8, found an invalid byte at 6")
    );
}

#[test]
fn counts_that_do_not_parse() {
    let folder = tempfile::tempdir().unwrap();
    let counts = folder.path().join("vocab");
    let load = |contents: &[u8]| {
        std::fs::write(&counts, contents).unwrap();
        LoadOptions::new().counts(&counts).load(path("counted.bin")).unwrap_err().to_string()
    };
    for (contents, line, found) in
        [(&b"Paris 3\nItaly\n"[..], 2, "Italy"), (b"Paris -3\n", 1, "Paris -3"), (b"\n\nParis 3.5\n", 3, "Paris 3.5")]
    {
        let expected = format!("line {line} should be a word, a space and a whole number, found {found:?}");
        assert!(load(contents).ends_with(&expected), "{}", load(contents));
    }
    assert!(load(b"x 1\n\xff 2\n").contains("line 2: words should be UTF-8, found an invalid byte at 4"));
}

#[test]
fn words_that_a_format_cannot_hold() {
    let vectors = |word: &str| WordVectors::new(["a", word], vec![1.0, 2.0], 1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let save = |word: &str, format| vectors(word).save(folder.path().join("v"), format);
    let texts = [Format::Word2VecText, Format::Word2VecBinary, Format::FastText];
    for format in texts {
        assert_eq!(
            save("New York", format).unwrap_err().to_string(),
            format!(
                "the word \"New York\" at 1 (counted from 0) has a space, which {format} cannot hold: use \
                 Format::Safetensors or change the word"
            )
        );
        assert!(save("New\u{a0}York", format).is_ok());
    }
    for format in texts.into_iter().chain([Format::Glove]) {
        assert!(save("a\nb", format).unwrap_err().to_string().contains("has a line feed, which"));
    }
    assert!(save("New York", Format::Glove).is_ok());
    let error = save("python 3.12", Format::Glove).unwrap_err().to_string();
    assert!(
        error.contains("has a space followed by what looks like a value, which GloVe's text format cannot"),
        "{error}"
    );
    assert!(save("python 3.12\n", Format::Safetensors).is_ok());
    assert!(vectors("New York").save_counts(folder.path().join("c")).is_err());
}

#[test]
fn safetensors_that_are_not_ours() {
    use safetensors::tensor::{Dtype, TensorView, serialize};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.safetensors");
    let meta = |format: &str, version: &str| {
        Some([("format", format), ("version", version)].map(|(k, v)| (k.to_owned(), v.to_owned())).into())
    };
    let good = || meta("kiln-word-vectors", "1");
    let (values, words, ends) = ([0u8; 16], b"ab", [1u64.to_le_bytes(), 2u64.to_le_bytes()].concat());
    let write = |tensors: &[(&str, Dtype, &[usize], &[u8])], metadata| {
        let views = tensors
            .iter()
            .map(|&(name, dtype, shape, data)| (name, TensorView::new(dtype, shape.to_vec(), data).unwrap()));
        std::fs::write(&path, serialize(views, metadata).unwrap()).unwrap();
        let error = WordVectors::load(&path).unwrap_err().to_string();
        assert_eq!(WordVectors::open(&path).unwrap_err().to_string(), error);
        error.replace(&path.display().to_string(), "v")
    };
    let vectors = ("vectors", Dtype::F32, &[2, 2][..], &values[..]);
    let text = ("words", Dtype::U8, &[2][..], &words[..]);
    let word_ends = ("word_ends", Dtype::U64, &[2][..], &ends[..]);
    assert_eq!(
        write(&[vectors], None),
        "v: the metadata `format` should be \"kiln-word-vectors\", as in the files that Kiln writes, found none"
    );
    assert!(write(&[vectors], meta("pt", "1")).ends_with("found \"pt\""));
    assert_eq!(
        write(&[vectors], meta("kiln-word-vectors", "2")),
        "v has the format version 2, this Kiln reads 1: update Kiln"
    );
    assert_eq!(
        write(&[text, word_ends], good()),
        "v: the tensor `vectors` should be F32 of words x width, both 1 or more, found none"
    );
    let flat = ("vectors", Dtype::F32, &[4][..], &values[..]);
    assert!(write(&[flat, text, word_ends], good()).ends_with("found F32 of shape [4]"));
    assert_eq!(
        write(&[vectors, text, ("word_ends", Dtype::U64, &[1], &ends[..8])], good()),
        "v: the tensor `word_ends` should be U64 of shape [2], one for each word, found U64 of shape [1]"
    );
    let bad_ends = |ends: [u64; 2], words: &[u8]| {
        let ends = [ends[0].to_le_bytes(), ends[1].to_le_bytes()].concat();
        write(&[vectors, ("words", Dtype::U8, &[words.len()], words), ("word_ends", Dtype::U64, &[2], &ends)], good())
    };
    assert!(bad_ends([2, 1], b"ab").contains("found 1 for word 1 (counted from 0) of 2 bytes"));
    assert!(bad_ends([1, 3], b"ab").contains("found 3 for word 1"));
    assert!(bad_ends([1, 1], b"ab").contains("found 1 for word 1"));
    assert!(bad_ends([1, 2], "é".as_bytes()).contains("found 1 for word 0"));
    assert!(bad_ends([1, 2], b"\xc3\xc3").contains("words in UTF-8, found an invalid byte at offset 0"));
    assert!(bad_ends([1, 2], b"aa").contains("words that differ, found the same at 0 and 1 (counted from 0)"));
    let counts = ("counts", Dtype::U64, &[1][..], &ends[..8]);
    assert!(
        write(&[vectors, text, word_ends, counts], good()).contains("the tensor `counts` should be U64 of shape [2]")
    );

    WordVectors::new(["a"], vec![1.0; 9], 9).unwrap().save(&path, Format::Safetensors).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
    let error = WordVectors::open(&path).unwrap_err().to_string();
    assert!(error.contains("is not a whole safetensors file: ") && error.ends_with("; fetch it again"), "{error}");
}

#[test]
fn files_that_cannot_be_mapped() {
    let folder = tempfile::tempdir().unwrap();
    let packed = folder.path().join("v.safetensors.gz");
    let vectors = WordVectors::new(["a"], vec![1.0], 1).unwrap();
    vectors.save(&packed, Format::Safetensors).unwrap();
    assert_eq!(WordVectors::load(&packed).unwrap(), vectors);
    let error = WordVectors::open(&packed).unwrap_err().to_string();
    assert!(error.ends_with("found a compressed file: use `load`, or decompress it"), "{error}");
    let error = WordVectors::open(path("small.txt")).unwrap_err().to_string();
    assert!(error.contains("found something else: use `load`"), "{error}");
}
