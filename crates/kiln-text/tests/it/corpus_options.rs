//! Options of corpora: class names, escapes, initial spaces, encodings.

use std::fs;

use kiln_text::corpora::{
    ClassFolder, DelimitedCorpus, Encoding, Imdb, JsonLinesCorpus, Labels, LineCorpus, Nsmc, PennTreebank,
};

use crate::corpora::{all, file, items};

#[test]
fn class_names_are_those_of_the_labels() {
    let (_folder, path) = file("a.csv", "text,stars\na,5\nb,1\nc,4\n");
    let corpus = DelimitedCorpus::new([&path]).text("text");
    let labels = Labels::map([("5", "pos"), ("4", "pos"), ("1", "neg")]);
    let documents = all(corpus.clone().label("stars", labels).documents());
    assert_eq!((documents.class_names(), documents.labels()), (&["pos", "neg"].map(str::to_owned)[..], vec![0, 1, 0]));
    let without = corpus.documents().unwrap().collect_documents().unwrap_err().to_string();
    assert!(without.contains("no labels") && without.contains("set `label`"), "{without}");

    let (_folder, other) = file("b.txt", "one\ntwo\n");
    let lines = LineCorpus::new([&other, &path, &other]);
    let documents = all(lines.clone().label_by_file(["x", "y", "x"]).documents());
    assert_eq!((documents.class_names(), documents.class_counts()), (&["x", "y"].map(str::to_owned)[..], vec![4, 4]));
    let error = lines.label_by_file(["x", "y"]).documents().map(drop).unwrap_err().to_string();
    assert!(error.contains("3 classes, one for each file"), "{error}");
}

#[test]
fn a_first_row_with_a_label_is_no_header() {
    let (folder, path) = file("a.csv", "a,1\nb,0\n");
    let corpus = DelimitedCorpus::new([&path]).label(1, Labels::numbers(["neg", "pos"]));
    let found = items(corpus.documents(), folder.path());
    assert!(found.len() == 1 && found[0].contains("headers(false)") && found[0].contains("\"1\""), "{found:?}");
    assert_eq!(items(corpus.headers(false).documents(), folder.path()), ["a=1", "b=0"]);
    // As pandas writes a table without column names.
    for header in ["0,1\n", ",0,1\n"] {
        let row = if header.starts_with(',') { "0,a,1\n" } else { "a,1\n" };
        let (folder, path) = file("pandas.csv", format!("{header}{row}"));
        let last = header.matches(',').count();
        let corpus = DelimitedCorpus::new([&path]).text(last - 1).label(last, Labels::numbers(["neg", "pos"]));
        assert_eq!(items(corpus.documents(), folder.path()), ["a=1"]);
    }
}

#[test]
fn a_byte_means_one_thing() {
    let (_folder, path) = file("a.csv", "text\n");
    let told = |corpus: DelimitedCorpus| corpus.documents().map(drop).map_err(|error| error.to_string());
    let corpus = DelimitedCorpus::new([&path]);
    assert_eq!(told(corpus.clone()), Ok(()));
    assert_eq!(told(corpus.clone().delimiter(b' ').quote(None)), Ok(()));
    for (option, corpus) in [
        ("delimiter", corpus.clone().delimiter(b'"')),
        ("delimiter", corpus.clone().delimiter(b'\n')),
        ("delimiter", corpus.clone().delimiter(b' ').skip_initial_space(true)),
        ("quote", corpus.clone().quote(b'\r')),
        ("quote", corpus.clone().escape(b'"')),
        ("escape", corpus.clone().quote(None).escape(b'\r')),
        ("delimiter", corpus.escape(b',')),
    ] {
        let error = told(corpus).unwrap_err();
        assert!(error.contains(&format!("option {option} should be")), "{option}: {error}");
    }
}

#[test]
fn quotes_may_be_escaped_and_spaces_dropped() {
    let contents = "1,\"he said \\\"no\\\" twice\",neg\n2,a\\,b \\\nc,pos\n3,\"x \\\\\",pos\n4,\"two\"\"quotes\",neg\n5,\\\"y,pos\n6,z,pos\\";
    for end in ["\n", "\r\n", "\r"] {
        let (folder, path) = file("ends.csv", contents.replace('\n', end));
        let corpus = DelimitedCorpus::new([&path]).headers(false).text(1).escape(b'\\');
        assert_eq!(items(corpus.documents(), folder.path())[1], format!("a,b {end}c=0"), "an escaped line end");
    }
    let (folder, path) = file("spark.csv", contents);
    let corpus = DelimitedCorpus::new([&path]).headers(false).text(1);
    let escaped = items(corpus.clone().escape(b'\\').documents(), folder.path());
    assert_eq!(
        escaped,
        ["he said \"no\" twice=0", "a,b \nc=0", "x \\=0", "two\"quotes=0", "\"y=0", "z=0"],
        "lines, delimiters, quotes and the escape itself"
    );
    let plain = items(corpus.documents(), folder.path());
    assert!(plain[0].contains("line 1: ") && plain[0].contains(r"`.escape(b'\\')`"), "{}", plain[0]);

    let (folder, path) = file("spaced.csv", "1, \"a, b\",  x\n 2,  c d , \"y\"\n");
    let corpus = DelimitedCorpus::new([&path]).headers(false);
    let skipping =
        |column: usize| items(corpus.clone().text(column).skip_initial_space(true).documents(), folder.path());
    assert_eq!((skipping(0), skipping(1)), (vec!["1=0".into(), "2=0".into()], vec!["a, b=0".into(), "c d =0".into()]));
    assert_eq!(skipping(2), ["x=0", "y=0"]);
    let kept = items(corpus.text(1).documents(), folder.path());
    assert!(kept[1].contains("expected 4 fields, found 3") && kept[1].contains("skip_initial_space(true)"), "{kept:?}");
}

/// A text file in UTF-8, and the same in other encodings.
#[test]
fn every_corpus_takes_an_encoding() {
    let utf_16 = |text: &str| format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let latin = |text: &str| text.chars().map(|c| c as u8).collect::<Vec<u8>>();
    let lossy = |text: &str| {
        text.replace('\u{fffd}', "\u{1}").into_bytes().iter().map(|&b| if b == 1 { 0xff } else { b }).collect()
    };
    type Case<'a> = (&'a str, Encoding, &'a dyn Fn(&str) -> Vec<u8>);
    let cases: [Case; 3] = [
        ("a café", Encoding::WINDOWS_1252, &latin),
        ("a café – 한국", Encoding::UTF_16, &utf_16),
        ("a \u{fffd} caf\u{fffd}", Encoding::UTF_8_LOSSY, &lossy),
    ];
    for (text, encoding, write) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str, contents: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, write(contents)).unwrap();
            path
        };
        let lines = path("lines.txt", &format!("{text}\nb\n"));
        let rows = path("rows.csv", &format!("label,text\n1,\"{text}\"\n0,b\n"));
        let json = path("rows.jsonl", &format!("{{\"text\": \"{text}\"}}\n{{\"text\": \"b\"}}\n"));
        path("ptb.train.txt", &format!("{text}\n"));
        path("train/neg/1.txt", text);
        path("train/pos/1.txt", "b");
        path("test/neg/1.txt", "b");
        path("test/pos/1.txt", "b");
        path("ratings_train.txt", &format!("id\tdocument\tlabel\n1\t{text}\t0\n"));
        path("ratings_test.txt", "id\tdocument\tlabel\n");
        let imdb = Imdb::open(folder.path()).unwrap().encoding(encoding);
        for (corpus, first) in [
            (LineCorpus::new([&lines]).encoding(encoding).documents(), text.to_owned()),
            (DelimitedCorpus::new([&rows]).text("text").encoding(encoding).documents(), text.to_owned()),
            (JsonLinesCorpus::new([&json], "text").encoding(encoding).documents(), text.to_owned()),
            (PennTreebank::open(folder.path()).encoding(encoding).train(), format!("{text} <eos>")),
            (Nsmc::open(folder.path()).encoding(encoding).train(), text.to_owned()),
            (imdb.train_documents(), text.to_owned()),
            (
                ClassFolder::new(folder.path().join("train")).encoding(encoding).documents(&["neg", "pos"]),
                text.to_owned(),
            ),
        ] {
            assert_eq!(corpus.unwrap().next().unwrap().unwrap().text, first, "{encoding}");
        }
        assert_eq!(imdb.train().unwrap().texts().next(), Some(text));
        // Without the right encoding, nothing is read wrongly without an error.
        let plain = items(LineCorpus::new([&lines]).documents(), folder.path());
        assert!(plain[0].contains("UTF-"), "{plain:?}");
    }
}
