//! Corpora are read from their files one document at a time, plain or gzip. Errors in a file name the line, and are
//! skipped and counted on request. NSMC and Penn Treebank have their published sizes.
//!
//! The tests on real data read `$KILN_TEST_DATA/nsmc` and `$KILN_TEST_DATA/ptb`; without the variable they are skipped.

use std::fs;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use kiln_text::corpora::{
    BadRow, CorpusDocuments, DelimitedCorpus, Document, Documents, JsonLinesCorpus, Labels, LineCorpus, Nsmc,
    PennTreebank,
};
use kiln_text::error::{CorpusError, RowProblem};
use kiln_text::vocabulary::{TokenOrder, Vocabulary, whitespace_tokens};
use kiln_text::{Error, Result};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::skips::test_data;

/// A folder with one file.
pub(crate) fn file(name: &str, contents: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, contents).unwrap();
    (folder, path)
}

fn gzip(contents: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(contents).unwrap();
    out.finish().unwrap()
}

fn texts(documents: Result<CorpusDocuments<'static>>) -> Vec<String> {
    documents.unwrap().texts().collect::<Result<_>>().unwrap()
}

/// The text and label of each item, or its error without the folder.
pub(crate) fn items(documents: Result<CorpusDocuments<'static>>, folder: &Path) -> Vec<String> {
    let shown = |item: Result<Document>| match item {
        Ok(document) => format!("{}={}", document.text, document.label),
        Err(error) => error.to_string().replace(&format!("{}/", folder.display()), ""),
    };
    match documents {
        Ok(documents) => documents.map(shown).collect(),
        Err(error) => vec![shown(Err(error))],
    }
}

#[test]
fn lines_come_in_order_from_several_files_plain_and_packed() {
    let (folder, first) = file("a.txt", "\u{feff}one\r\n\ntwo \u{85}\u{2028}x\rx\n\u{feff}three");
    let second = folder.path().join("b.txt.gz");
    // Two members, as made by `cat a.gz b.gz`; the second begins inside a line.
    fs::write(&second, [gzip(b"four\nfi"), gzip(b"ve\n")].concat()).unwrap();
    let corpus = LineCorpus::new([&first, &second]);
    let expected = ["one", "", "two \u{85}\u{2028}x\rx", "\u{feff}three", "four", "five"];
    assert_eq!(texts(corpus.documents()), expected);
    // A second pass starts again at the beginning.
    assert_eq!(texts(corpus.clone().skip_empty(true).documents()).len(), 5);
    let labels: Vec<u32> =
        corpus.label_by_file(["neg", "pos"]).documents().unwrap().map(|document| document.unwrap().label).collect();
    assert_eq!(labels, [0, 0, 0, 0, 1, 1]);
}

#[test]
fn bad_lines_are_named_or_skipped_and_counted() {
    let mut contents = b"good\nb\xffd\ngood\n".to_vec();
    contents.extend_from_slice(&b"\xc3\n".repeat(11));
    let (folder, path) = file("a.txt", &contents);
    let corpus = LineCorpus::new([&path]);
    let all = items(corpus.documents(), folder.path());
    assert_eq!(all.len(), 14);
    assert_eq!(
        all[1],
        "a.txt, line 2: not UTF-8: the first invalid byte of the line is at offset 1; set the corpus's `encoding`, for \
         example `Encoding::WINDOWS_1252` for Latin-1"
    );
    assert_eq!(all[2], "good=0");

    let mut documents = corpus.documents().unwrap().on_bad_row(BadRow::Skip);
    assert_eq!(documents.by_ref().map(|document| document.unwrap().text).collect::<Vec<_>>(), ["good", "good"]);
    let report = documents.bad_rows();
    assert_eq!((report.skipped, report.first.len()), (12, 10));
    assert!(matches!(
        report.first[1],
        Error::Corpus(CorpusError::Row { line: 4, problem: RowProblem::NotUtf8 { offset: 0, .. }, .. })
    ));
}

#[test]
fn files_that_hold_nothing_are_errors_whatever_the_format() {
    let (folder, path) = file("empty", "");
    let packed = folder.path().join("empty.gz");
    fs::write(&packed, gzip(b"")).unwrap();
    let missing = folder.path().join("missing");
    for (path, says) in [(&path, "empty is empty"), (&packed, "empty.gz is empty"), (&missing, "cannot read missing")] {
        for documents in [
            LineCorpus::new([path]).documents(),
            DelimitedCorpus::new([path]).documents(),
            JsonLinesCorpus::new([path], "text").documents(),
        ] {
            let documents = documents.map(|documents| documents.on_bad_row(BadRow::Skip));
            let found = items(documents, folder.path());
            assert!(found.len() == 1 && found[0].contains(says), "{found:?}");
        }
    }
    let none: [&Path; 0] = [];
    assert!(matches!(LineCorpus::new(none).documents(), Err(Error::Corpus(CorpusError::NoFiles))));
    assert!(matches!(DelimitedCorpus::new(none).documents(), Err(Error::Corpus(CorpusError::NoFiles))));
    // Blank lines are not rows.
    let (folder, path) = file("blank.csv", "\n\r\n\n");
    let found = items(DelimitedCorpus::new([path]).documents(), folder.path());
    assert!(found.len() == 1 && found[0].contains("blank.csv is empty"), "{found:?}");
}

#[test]
fn a_broken_archive_is_an_error_and_the_end() {
    let whole = gzip("a line\n".repeat(10_000).as_bytes());
    let (folder, path) = file("cut.gz", &whole[..whole.len() - 9]);
    let documents = LineCorpus::new([&path]).documents().unwrap().on_bad_row(BadRow::Skip);
    let found = items(Ok(documents), folder.path());
    assert!(found.last().unwrap().contains("cannot read cut.gz"), "{:?}", found.last());
    assert_eq!(found.iter().filter(|item| item.starts_with("cannot")).count(), 1);
}

#[test]
fn columns_are_found_by_name_and_number() {
    let contents = "id;label;text\n1;pos;'it''s; fine\n; really'\n\n2;neg;\"x\" \r\n3;pos;''";
    let (folder, path) = file("a.csv", contents);
    let corpus = DelimitedCorpus::new([&path]).delimiter(b';').quote(b'\'');
    let named = corpus.clone().text("text").label("label", Labels::names(["neg", "pos"]));
    assert_eq!(items(named.documents(), folder.path()), ["it's; fine\n; really=1", "\"x\" =0", "=1"]);
    let numbered = corpus.text(2).label(0, Labels::map([("1", "odd"), ("2", "even"), ("3", "odd")]));
    assert_eq!(items(numbered.documents(), folder.path()), ["it's; fine\n; really=0", "\"x\" =1", "=0"]);
    // Without quoting, quotes are ordinary characters and lines are rows.
    let (folder, path) = file("a.tsv", "5\t\"open\n6\tx\n");
    let plain = DelimitedCorpus::new([&path]).delimiter(b'\t').quote(None).headers(false);
    let plain = plain.text(1).label(0, Labels::numbers(["0", "1", "2", "3", "4", "5", "6"]));
    assert_eq!(items(plain.documents(), folder.path()), ["\"open=5", "x=6"]);
    let (folder, path) = file("bom.csv.gz", gzip("\u{feff}text\na\n".as_bytes()));
    assert_eq!(items(DelimitedCorpus::new([path]).text("text").documents(), folder.path()), ["a=0"]);
}

#[test]
fn what_is_wrong_in_a_row_is_named_with_its_line() {
    // The same rows with either line end: blank lines and line ends in fields count.
    for end in ["\n", "\r\n", "\r"] {
        let rows =
            ["text,label", "a,0", "", "short", "\"two", "lines\",1", "b,2", "long,0,1", "c,one", "", "", "d,-1", "e,1"];
        let mut contents = rows.join(end).into_bytes();
        contents.extend_from_slice(format!("{end}\u{e9},0{end}").as_bytes());
        contents.extend_from_slice(b"\xe9,0");
        contents.extend_from_slice(format!("{end}f,0{end}\"never{end}closed,1{end}g,0{end}").as_bytes());
        let (folder, path) = file("a.csv", &contents);
        let corpus = DelimitedCorpus::new([&path]).text("text").label("label", Labels::numbers(["neg", "pos"]));
        let two_lines = format!("two{end}lines=1");
        let expected = [
            "a=0",
            "a.csv, line 4: expected 2 fields, found 1",
            two_lines.as_str(),
            "a.csv, line 7: the label should be a whole number from 0, below 2, found \"2\"",
            "a.csv, line 8: expected 2 fields, found 3",
            "a.csv, line 9: the label should be a whole number from 0, below 2, found \"one\"",
            "a.csv, line 12: the label should be a whole number from 0, below 2, found \"-1\"",
            "e=1",
            "é=0",
            "a.csv, line 15: not UTF-8: the first invalid byte of the field is at offset 0; set the corpus's \
             `encoding`, for example `Encoding::WINDOWS_1252` for Latin-1",
            "f=0",
            "a.csv, line 17: a quote opened in this row is not closed before the end of the file",
        ];
        assert_eq!(items(corpus.documents(), folder.path()), expected);

        let mut documents = corpus.documents().unwrap().on_bad_row(BadRow::Skip);
        let read = documents.collect_documents().unwrap();
        assert_eq!(read.labels(), [0, 1, 1, 0, 0]);
        assert_eq!(documents.bad_rows().skipped, 7);
    }
}

#[test]
fn a_quote_that_closes_at_the_end_is_closed() {
    for (contents, expected) in [
        ("t\n\"a\"", vec!["a=0"]),
        ("t\n\"a\"\n", vec!["a=0"]),
        ("t\n\"a\nend\"", vec!["a\nend=0"]),
        ("t\nend", vec!["end=0"]),
        ("t\nend\n", vec!["end=0"]),
        ("t\na\"", vec!["a\"=0"]),
        ("t\n\"", vec!["a.csv, line 2: a quote opened in this row is not closed before the end of the file"]),
        ("t\n\"a\"\"", vec!["a.csv, line 2: a quote opened in this row is not closed before the end of the file"]),
        ("t\n\"end\n", vec!["a.csv, line 2: a quote opened in this row is not closed before the end of the file"]),
        ("\"t", vec!["a.csv, line 1: a quote opened in this row is not closed before the end of the file"]),
    ] {
        let (folder, path) = file("a.csv", contents);
        assert_eq!(items(DelimitedCorpus::new([path]).documents(), folder.path()), expected, "{contents:?}");
    }
}

#[test]
fn text_behind_a_closing_quote_costs_its_line_and_no_other() {
    let says = |line, closed| {
        format!(
            "a.tsv, line {line}: expected a delimiter or the end of the line after the closing quote in line {closed}, found \
             text: if quotes are ordinary characters, set `.quote(None)`; if \\\" is a quote within a field, set \
             `.escape(b'\\\\')`"
        )
    };
    for end in ["\n", "\r\n", "\r"] {
        let rows =
            ["text\tn", "a\t0", "\"nice\" film\t1", "b\t0", "", "\"opens\t1", "c\t0", "\"\"d\"\"\t1", "e \"x\"\t0"];
        let (folder, path) = file("a.tsv", rows.join(end) + end + "\"f\" \t1");
        let corpus = DelimitedCorpus::new([&path]).delimiter(b'\t').label("n", Labels::numbers(["neg", "pos"]));
        let expected = [
            "a=0".to_owned(),
            says(3, 3),
            "b=0".to_owned(),
            says(6, 9),
            "c=0".to_owned(),
            says(8, 8),
            "e \"x\"=0".to_owned(),
            says(10, 10),
        ];
        assert_eq!(items(corpus.documents(), folder.path()), expected);
        let mut documents = corpus.documents().unwrap().on_bad_row(BadRow::Skip);
        assert_eq!(documents.by_ref().map(|document| document.unwrap().label).collect::<Vec<_>>(), [0; 4]);
        assert_eq!(documents.bad_rows().skipped, 4);
        let letters = corpus.quote(None);
        assert_eq!(
            texts(letters.documents()),
            ["a", "\"nice\" film", "b", "\"opens", "c", "\"\"d\"\"", "e \"x\"", "\"f\" "]
        );
    }
}

#[test]
fn an_unclosed_quote_does_not_stop_the_next_file_nor_fill_the_memory() {
    let mut huge = b"t\nok\n\"".to_vec();
    huge.extend_from_slice("no quote closes this\n".repeat(4_000_000).as_bytes());
    let (folder, first) = file("a.csv.gz", gzip(&huge));
    let second = folder.path().join("b.csv");
    fs::write(&second, "t\nfine\n").unwrap();
    let corpus = DelimitedCorpus::new([&first, &second]);
    let expected = [
        "ok=0",
        "a.csv.gz, line 3: the row has more than 67108864 bytes: look for a quote that is not closed",
        "fine=0",
    ];
    assert_eq!(items(corpus.documents(), folder.path()), expected);
}

#[test]
fn a_header_without_the_column_is_an_error() {
    let (folder, path) = file("a.csv", "review,stars\nx,1\n");
    let corpus = DelimitedCorpus::new([&path]);
    for (corpus, says) in [
        (corpus.clone().text("text"), "a.csv, line 1, should have the column \"text\", found [\"review\", \"stars\"]"),
        (
            corpus.clone().label(2, Labels::numbers(["neg", "pos"])),
            "a.csv, line 1, should have the column 2 (counted from 0)",
        ),
        (corpus.clone().headers(false).text("review"), "a.csv, line 1, should have the column \"review\""),
    ] {
        let documents = corpus.documents().map(|documents| documents.on_bad_row(BadRow::Skip));
        let found = items(documents, folder.path());
        assert!(found.len() == 1 && found[0].starts_with(says), "{says}: {found:?}");
    }
}

#[test]
fn json_lines_give_the_chosen_fields() {
    let contents = [
        r#"{"text": "a \u00e9\n", "label": 1, "more": {"text": [1, {"label": 2}]}}"#,
        "",
        r#"{"label": "1", "text": ""}"#,
        r#"{"label": true, "text": "b"}"#,
        r#"{"text": "c"}"#,
        r#"{"label": 1}"#,
        r#"{"text": null, "label": 1}"#,
        r#"{"text": "d", "label": [1]}"#,
        r#"{"text": "e", "label": 1.5}"#,
        r#"["text", "label"]"#,
        r#"{"text": "f""#,
        r#"{"text": "g", "label": 1} x"#,
    ];
    let (folder, path) = file("a.jsonl", contents.join("\r\n"));
    let corpus = JsonLinesCorpus::new([&path], "text").label("label", Labels::map([("1", "neg"), ("true", "pos")]));
    let expected = [
        "a é\n=0",
        "=0",
        "b=1",
        "a.jsonl, line 5: expected a field \"label\", found \"text\"",
        "a.jsonl, line 6: expected a field \"text\", found \"label\"",
        "a.jsonl, line 7: the field \"text\" should be a string, found null",
        "a.jsonl, line 8: the field \"label\" should be a string, a number or a boolean, found a list",
        "a.jsonl, line 9: the label should be one of \"1\", \"true\", found \"1.5\"",
        "a.jsonl, line 10: not a JSON object, at column 1: invalid type: sequence, expected an object: rewrite a \
         file that is one list with one object per line",
        "a.jsonl, line 11: not a JSON object, at column 12: EOF while parsing an object",
        "a.jsonl, line 12: not a JSON object, at column 27: trailing characters",
    ];
    assert_eq!(items(corpus.documents(), folder.path()), expected);
    assert_eq!(texts(JsonLinesCorpus::new([&path], "text").documents().map(|d| d.on_bad_row(BadRow::Skip))).len(), 6);
}

#[test]
fn a_list_of_labels_is_in_its_error() {
    let contents = ["[\"b\", 1.5, true, \"b\"]", "[]", "[\"b\", null]", "[[\"b\"]]", "null"]
        .map(|list| format!("{{\"text\": \"a\", \"label\": {list}}}\n"));
    let (_folder, path) = file("a.jsonl", contents.concat());
    let corpus = JsonLinesCorpus::new([&path], "text").label("label", Labels::names(["b"]));
    let list = |item: Result<Document>| match item {
        Err(Error::Corpus(CorpusError::Row { problem: RowProblem::LabelList { field, found }, .. })) => {
            assert_eq!(field, "label");
            Some(found)
        }
        _ => None,
    };
    let lists: Vec<_> = corpus.documents().unwrap().map(list).collect();
    let full = ["b", "1.5", "true", "b"].map(str::to_owned).to_vec();
    assert_eq!(lists, [Some(full), Some(vec![]), None, None, None]);
}

#[test]
fn nsmc_keeps_or_skips_empty_documents_and_names_what_is_wrong() {
    let contents = "id\tdocument\tlabel\r\n1\t좋다 \"열\t1\n2\t\t0\n3\tno label\n4\tx\ty\t1\n5\tz\t2\n";
    let (folder, _) = file("ratings_test.txt", contents);
    let nsmc = Nsmc::open(folder.path());
    let expected = [
        "좋다 \"열=1",
        "=0",
        "ratings_test.txt, line 4: expected 3 fields, found 2",
        "ratings_test.txt, line 5: expected 3 fields, found 4",
        "ratings_test.txt, line 6: the label should be a whole number from 0, below 2, found \"2\"",
    ];
    assert_eq!(items(nsmc.test(), folder.path()), expected);
    let skipping = nsmc.clone().skip_empty(true).test().unwrap().on_bad_row(BadRow::Skip);
    assert_eq!(texts(Ok(skipping)), ["좋다 \"열"]);
    let mine = Nsmc::of_files(folder.path().join("ratings_test.txt"), folder.path().join("none.txt"));
    assert_eq!(items(mine.train(), folder.path()), expected);
    assert!(mine.test().unwrap_err().to_string().contains("none.txt"));
    assert!(nsmc.train().unwrap_err().to_string().contains("ratings_train.txt"));
    fs::write(folder.path().join("ratings_train.txt"), "id\ttext\tlabel\n").unwrap();
    let found = items(nsmc.train(), folder.path());
    assert!(found.len() == 1 && found[0].contains("line 1, should have the column \"document\""), "{found:?}");
}

#[test]
fn a_callback_sees_the_bytes_on_disk_and_stops_the_pass() {
    let (_folder, path) = file("a.txt.gz", gzip("one line\n".repeat(2500).as_bytes()));
    let size = fs::metadata(&path).unwrap().len();
    let corpus = LineCorpus::new([&path]);
    let mut seen = Vec::new();
    let documents = corpus.documents().unwrap().on_progress(|progress| {
        seen.push((progress.documents, progress.total_bytes));
        if progress.documents == 2500 {
            assert_eq!(progress.bytes, size);
        }
        ControlFlow::Continue(())
    });
    assert_eq!(documents.count(), 2500);
    assert_eq!(seen, [1000, 2000, 2500].map(|documents| (documents, Some(size))));

    let mut documents = corpus.documents().unwrap().on_progress(|_| ControlFlow::Break(()));
    assert_eq!(documents.by_ref().take_while(Result::is_ok).count(), 999);
    assert!(documents.next().is_none());
    let stopped = corpus.documents().unwrap().on_progress(|_| ControlFlow::Break(()));
    let stopped = stopped.collect::<Result<Vec<_>>>();
    assert!(matches!(stopped, Err(Error::Stopped { documents: 1000 })));
}

#[test]
fn a_corpus_is_counted_without_being_in_memory() {
    let (_folder, path) = file("a.txt", "a b\nb c\n");
    let documents = || LineCorpus::new([&path]).documents().unwrap();
    let fit = |documents: CorpusDocuments<'static>| Vocabulary::builder().fit(documents, whitespace_tokens);
    let vocabulary = fit(documents()).unwrap();
    assert!(vocabulary.tokens().take(2).eq(["b", "a"]));
    fs::write(&path, b"a\n\xff\n").unwrap();
    assert!(matches!(fit(documents()), Err(Error::Corpus(CorpusError::Row { line: 2, .. }))));
}

/// The folder `name` of the test data.
fn data(name: &str) -> Option<PathBuf> {
    Some(test_data(&format!("the corpus {name}"), name)?.join(name))
}

/// All documents of a corpus, and the names of their classes.
pub(crate) fn all(corpus: Result<CorpusDocuments<'_>>) -> Documents {
    corpus.unwrap().collect_documents().unwrap()
}

#[test]
fn nsmc_has_its_published_sizes() {
    let Some(folder) = data("nsmc") else { return };
    let nsmc = Nsmc::open(&folder);
    let (train, test) = (all(nsmc.train()), all(nsmc.test()));
    assert_eq!((train.len(), test.len()), (150_000, 50_000));
    let balance: Vec<usize> = train.class_counts().iter().zip(test.class_counts()).map(|(a, b)| a + b).collect();
    assert_eq!(balance, [100_000, 100_000]);
    let empty = test.texts().chain(train.texts()).filter(|text| text.is_empty()).count();
    let kept = nsmc.skip_empty(true);
    assert_eq!(all(kept.train()).len() + all(kept.test()).len(), 200_000 - empty);
    eprintln!("NSMC has {empty} empty documents");
}

#[test]
fn penn_treebank_has_its_published_sizes() {
    let Some(folder) = data("ptb") else { return };
    let treebank = PennTreebank::open(&folder);
    let builder = Vocabulary::builder().order(TokenOrder::FirstAppearance);
    let texts = treebank.train().unwrap().texts();
    let vocabulary = builder.fit(texts, whitespace_tokens).unwrap();
    assert_eq!(vocabulary.len(), 10_000);
    assert_eq!(
        (vocabulary.token(0), vocabulary.id("<eos>"), vocabulary.id("pierre")),
        (Some("aer"), Some(24), Some(25))
    );
    assert_eq!((vocabulary.count("<eos>"), vocabulary.documents_with("<eos>")), (42_068, 42_068));
    for (documents, expected) in [(treebank.train(), 929_589), (treebank.valid(), 73_760), (treebank.test(), 82_430)] {
        let words: Vec<String> = documents.unwrap().words().collect::<Result<_>>().unwrap();
        assert_eq!((words.len(), words.last().map(String::as_str)), (expected, Some("<eos>")));
        assert_eq!(vocabulary.encode(&words).len(), expected);
    }
}

proptest! {
    #[test]
    fn any_texts_survive_a_delimited_file(
        rows in prop::collection::vec(("([a,;'\"\r\n]|.){0,8}", 0u32..3), 1..8),
        end in prop::sample::select(vec!["\n", "\r\n"]), packed: bool, ended: bool,
    ) {
        let quoted: Vec<String> = rows.iter().map(|(text, label)| format!("\"{}\",{label}", text.replace('"', "\"\""))).collect();
        let mut contents = format!("text,label{end}{}", quoted.join(end)).into_bytes();
        if ended {
            contents.extend_from_slice(end.as_bytes());
        }
        let (_folder, path) = file("a.csv", if packed { gzip(&contents) } else { contents });
        let corpus = DelimitedCorpus::new([path]).text("text").label("label", Labels::numbers(["neg", "so-so", "pos"]));
        let found: Vec<(String, u32)> =
            corpus.documents().unwrap().map(|document| document.map(|d| (d.text, d.label))).collect::<Result<_>>().unwrap();
        prop_assert_eq!(found, rows);
    }

    #[test]
    fn rows_are_those_of_the_csv_crate_where_quotes_end_fields(
        contents in prop::collection::vec(prop::sample::select(b"ab\"\",,\t\n\n\r".to_vec()), 1..40), quoting: bool,
    ) {
        let (_folder, path) = file("a.csv", &contents);
        let corpus = DelimitedCorpus::new([path]).headers(false).quote(quoting.then_some(b'"'));
        let found: Result<Vec<String>> = corpus.documents().unwrap().texts().collect();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).quoting(quoting).from_reader(&contents[..]);
        let rows: std::result::Result<Vec<_>, _> = reader.byte_records().collect();
        match found {
            Ok(found) => {
                let firsts: Vec<_> = rows.unwrap().iter().map(|row| String::from_utf8_lossy(&row[0]).into_owned()).collect();
                prop_assert_eq!(found, firsts);
            }
            Err(Error::Corpus(CorpusError::Row { problem: RowProblem::Fields { .. }, .. })) => prop_assert!(rows.is_err()),
            Err(Error::Corpus(CorpusError::EmptyFile { .. })) => prop_assert_eq!(rows.unwrap().len(), 0),
            Err(error) => prop_assert!(quoting, "{}", error),
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(contents in prop::collection::vec(prop::sample::select(b"a\"',\t\n\r{}[]:1\xff\x1f\x8b".to_vec()), 1..60)) {
        let (folder, path) = file("ratings_train.txt", &contents);
        for documents in [
            LineCorpus::new([&path]).documents(),
            DelimitedCorpus::new([&path]).label(0, Labels::numbers(["neg", "pos"])).documents(),
            DelimitedCorpus::new([&path]).quote(b'\'').headers(false).documents(),
            JsonLinesCorpus::new([&path], "a").documents(),
            Nsmc::open(folder.path()).train(),
        ] {
            let items: Vec<_> = documents.unwrap().collect();
            prop_assert!(items.len() <= contents.len());
            for error in items.into_iter().filter_map(Result::err) {
                prop_assert!(error.to_string().contains("ratings_train.txt"), "{}", error);
            }
        }
    }
}
