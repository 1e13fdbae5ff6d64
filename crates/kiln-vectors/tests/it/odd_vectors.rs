//! Odd files, as people really have them, given to every reader of vectors, counts, pairs and analogies.

use std::path::Path;

use kiln_vectors::{AnalogyOptions, Format, LoadOptions, PairsOptions, WordVectors};

use crate::odd_files::{self, Cell};

fn words(vectors: kiln_vectors::Result<WordVectors>) -> Result<Vec<(String, Vec<f32>)>, String> {
    let vectors = vectors.map_err(|error| error.to_string())?;
    Ok(vectors.words().iter().map(|word| (word.to_owned(), vectors.vector(word).unwrap().to_vec())).collect())
}

fn load(path: &Path) -> Result<Vec<(String, Vec<f32>)>, String> {
    words(WordVectors::load(path))
}

/// What the vectors of two words are read as, with or without a header line.
fn own(has_header: bool) -> impl Fn(&str) -> Cell<Vec<(String, Vec<f32>)>> {
    let the = || ("the".to_owned(), vec![0.1, -0.2]);
    move |what| match (what, has_header) {
        ("CR", _) => Cell::Says("end them in LF"),
        ("NUL", true) => Cell::Reads(vec![the(), ("o\0f".to_owned(), vec![0.3, 0.4])]),
        ("NUL", false) => Cell::Says("neither text nor"),
        ("one line", true) => Cell::Says("promises 2 words, found 0"),
        ("one line", false) => Cell::Reads(vec![the()]),
        ("Latin-1", _) => Cell::Says("UTF-8"),
        _ => Cell::Says("a web page"),
    }
}

#[test]
fn vectors() {
    odd_files::check("glove.txt", "the 0.1 -0.2\nof 0.3 0.4\n", true, own(false), load);
    odd_files::check("word2vec.txt", "2 2\nthe 0.1 -0.2\nof 0.3 0.4\n", true, own(true), load);
    odd_files::check("fasttext.vec", "2 2\nthe 0.1 -0.2\nof 0.3 0.4\n", true, own(true), load);
}

#[test]
fn the_binary_format() {
    let vectors = WordVectors::new(["the", "of"], vec![0.1, -0.2, 0.3, 0.4], 2).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("saved.bin");
    vectors.save(&path, Format::Word2VecBinary).unwrap();
    odd_files::check_bytes("word2vec.bin", &std::fs::read(&path).unwrap(), load);
}

#[test]
fn counts_pairs_and_analogies() {
    let folder = tempfile::tempdir().unwrap();
    let vectors = WordVectors::new(["a", "b", "c", "d"], vec![1.0, 0.1, 1.0, 0.3, -0.2, 1.0, 0.5, 0.5], 2).unwrap();
    let path = folder.path().join("vectors.txt");
    vectors.save(&path, Format::Word2VecText).unwrap();
    odd_files::check(
        "counts.txt",
        "a 9\nb 7\nc 5\nd 1\n",
        true,
        |what| match what {
            "CR" => Cell::Same,
            "NUL" => Cell::Reads(vec![9, 7, 5, 0]),
            "one line" => Cell::Reads(vec![9, 0, 0, 0]),
            "Latin-1" => Cell::Says("UTF-8"),
            _ => Cell::Says("line 1 should be a word"),
        },
        |counts| {
            let loaded = LoadOptions::new().counts(counts).load(&path).map_err(|error| error.to_string())?;
            Ok(loaded.counts().unwrap().to_vec())
        },
    );
    odd_files::check(
        "pairs.tsv",
        "a\tb\t9\na\tc\t1\nb\tc\t2\n",
        true,
        |what| match what {
            "CR" => Cell::Same,
            "NUL" => Cell::Reads((2, 0.999_999_999_999_999_8)),
            "one line" => Cell::Says("at least two pairs of known words, found 1"),
            "Latin-1" => Cell::Says("UTF-8"),
            _ => Cell::Says("line 1 holds the columns 0 \"<!DOCTYPE html>\""),
        },
        |pairs| {
            let score = vectors.evaluate_word_pairs(pairs, &PairsOptions::new()).map_err(|error| error.to_string())?;
            Ok((score.used, score.spearman.coefficient))
        },
    );
    odd_files::check(
        "analogies.txt",
        ": letters\na b c d\nb a d c\n",
        true,
        |what| match what {
            "CR" => Cell::Same,
            "NUL" => Cell::Same,
            "one line" => Cell::Says("found none in 1 lines"),
            "Latin-1" => Cell::Says("UTF-8"),
            _ => Cell::Says("a section line such as `: capitals`"),
        },
        |questions| {
            let score = vectors
                .evaluate_word_analogies(questions, &AnalogyOptions::new())
                .map_err(|error| error.to_string())?;
            Ok(score.sections.iter().map(|section| section.name.clone()).collect::<Vec<_>>())
        },
    );
}

#[test]
fn blanks_around_words_and_between_values_count_for_nothing() {
    let expected = || vec![("the".to_owned(), vec![0.1, -0.2]), ("of".to_owned(), vec![0.3, 0.4])];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors.txt");
    for text in [
        "2 2\nthe  0.1 -0.2\nof  0.3  0.4\n",
        "the  0.1 -0.2\nof  0.3  0.4\n",
        " the 0.1 -0.2\n of 0.3 0.4\n",
        "the\t0.1 -0.2\nof\t0.3 0.4\n",
        "the\t0.1\t-0.2\t\nof\t0.3\t0.4\t\n",
        " 2 2\nthe 0.1 -0.2\nof 0.3 0.4\n",
        "2\t2\nthe 0.1 -0.2\nof 0.3 0.4\n",
    ] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(load(&path).as_ref(), Ok(&expected()), "{text:?}");
    }
    // A word that consists only of blanks is kept, and so are blanks inside a word.
    std::fs::write(&path, "  0.1 0.2\nR$ 0,00 0.3 0.4\na\tb 0.5 0.6\n").unwrap();
    let words: Vec<String> = load(&path).unwrap().into_iter().map(|(word, _)| word).collect();
    assert_eq!(words, [" ", "R$ 0,00", "a\tb"]);
}

#[test]
fn what_could_be_read_in_two_ways_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors.txt");
    for (text, says) in [
        ("2 2 0\nthe 0.1 0.2\nof 0.3 0.4\n", "line 1"),
        ("a\t0.1\t0.2\nthe\t0.1\t0.2\t0.3\n", "line 2"),
        ("the 0.1 0.2\rof 0.3 0.4\r", "CR"),
        ("<!DOCTYPE html>\n<html>404</html>\n", "HTML"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = load(&path).unwrap_err();
        assert!(error.contains(says) && error.contains("vectors.txt"), "{text:?}: {error}");
    }
}

#[test]
fn a_word_that_would_come_back_as_another_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    for word in [" the", "the\t", "\tthe"] {
        let vectors = WordVectors::new([word, "of"], vec![0.1, 0.2, 0.3, 0.4], 2).unwrap();
        for format in [Format::Glove, Format::Word2VecText, Format::FastText] {
            assert!(vectors.save(folder.path().join("vectors"), format).is_err(), "{word:?} in {format:?}");
        }
    }
}

#[test]
fn the_columns_of_pairs_may_be_named_or_numbered() {
    let vectors = WordVectors::new(["old", "new", "smart"], vec![1.0, 0.1, 1.0, 0.3, -0.2, 1.0], 2).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("SimLex-999.txt");
    let text = "word1\tword2\tPOS\tSimLex999\tconc(w1)\nold\tnew\tA\t1.58\t2.72\nsmart\told\tA\t9.2\t1.75\nnew\tsmart\tA\t3\t1\n";
    std::fs::write(&path, text).unwrap();
    let score = |options: PairsOptions| vectors.evaluate_word_pairs(&path, &options);
    let named = score(PairsOptions::new().columns(["word1", "word2", "SimLex999"])).unwrap();
    assert_eq!((named.used, named.invalid_lines.as_slice()), (3, &[1][..]));
    assert_eq!(named, score(PairsOptions::new().columns([0, 1, 3])).unwrap());
    let error = score(PairsOptions::new()).unwrap_err().to_string();
    assert!(error.contains("line 1 holds the columns 0 \"word1\"") && error.contains("`columns`"), "{error}");
    let error = score(PairsOptions::new().columns(["word1", "word2", "rating"])).unwrap_err().to_string();
    assert!(error.contains("no column \"rating\"") && error.contains("3 \"SimLex999\""), "{error}");
}
