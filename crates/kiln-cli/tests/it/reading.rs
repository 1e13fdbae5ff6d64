//! What is read of files, in training and in predictions: formats, headers, quotes, and what is refused.

use std::fs;
use std::path::Path;

use crate::{csv, kiln, refused, reviews, told};

/// A folder with a model called `m`.
fn with_model() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("reviews.csv"), csv(120)).unwrap();
    told(&kiln(folder.path(), &["train", "reviews.csv", "--unit", "words", "--output", "m"]));
    folder
}

/// The texts that were predicted, and what the program said of the file.
fn predicted(folder: &Path, arguments: &[&str]) -> (Vec<String>, String) {
    let output = kiln(folder, &[&["predict", "m", "--file"], arguments].concat());
    let texts = told(&output).lines().map(|line| line.rsplit('\t').next().unwrap().to_owned()).collect();
    (texts, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn predictions_are_of_the_texts_of_any_file() {
    let folder = with_model();
    for (name, contents, texts, said) in [
        (
            "new.csv",
            "id,review\n1,\"a fine, bright film\"\n2,a dull film\n",
            &["a fine, bright film", "a dull film"][..],
            "separated by ',', with a header, texts in \"review\"",
        ),
        ("rows.tsv", "1\ta fine film\n0\ta dull film\n1\ta film\n", &["a fine film", "a dull film", "a film"], "\"1\""),
        (
            "new.jsonl",
            "{\"id\": 1, \"body\": \"a fine film\"}\n\n{\"id\": 2, \"body\": \"a dull film\"}\n",
            &["a fine film", "a dull film"],
            "texts in \"body\"",
        ),
        (
            "labelled.txt",
            "__label__a __label__b a fine film\n__label__a a dull film\na film\n",
            &["a fine film", "a dull film", "a film"],
            "fastText's lines",
        ),
        ("lines.txt", "A fine film, really\nA dull, long film\n", &["A fine film, really", "A dull, long film"], ""),
        ("one.csv", "a fine film\na dull film\n", &["a fine film", "a dull film"], ""),
        ("signs.txt", "{sic} a fine film\n[Music] a dull film\n", &["{sic} a fine film", "[Music] a dull film"], ""),
        ("sounds.txt", "[Music] a dull film\n", &["[Music] a dull film"], ""),
    ] {
        fs::write(folder.path().join(name), contents).unwrap();
        let (found, told) = predicted(folder.path(), &[name]);
        assert_eq!(found, texts, "{name}");
        assert!(told.contains(said) && told.contains("texts in") == said.contains('"'), "{name}: {told}");
    }
    fs::write(folder.path().join("null.jsonl"), "{\"text\": \"a\"}\n{\"text\": null}\n").unwrap();
    let (found, told) = predicted(folder.path(), &["new.csv", "--format", "lines"]);
    assert!(found[0] == "id,review" && found.len() == 3 && !told.contains("texts in"), "{found:?} {told}");
    let (found, told) = predicted(folder.path(), &["new.csv", "--text", "id"]);
    assert!(found == ["1", "2"] && !told.contains("texts in"), "{found:?} {told}");
    for (arguments, expected) in [
        (&["lines.txt", "--format", "folders"][..], "found a folder"),
        (&["."], "found a folder"),
        (&["null.jsonl"], "line 2: the field \"text\" should be a string, found null: repair the row"),
        (&["labelled.txt", "--text", "a"], "labelled.txt is read as fastText's lines"),
        (&["new.jsonl", "--text", "words"], "there is no column \"words\"; there are id, body"),
        (&["new.jsonl", "--delimiter", ";"], "have no columns"),
        (&["one.csv", "--format", "table"], "have no columns"),
    ] {
        let message = refused(&kiln(folder.path(), &[&["predict", "m", "--file"], arguments].concat()));
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
}

#[test]
fn a_first_row_of_data_is_no_header() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let rows = reviews(80);
    // The first row is of a class that has the name of a usual column.
    let letter = |label: &str| if label == "positive" { "y" } else { "n" };
    let of_letters = |(text, label): &(String, &str)| format!("{},\"{text}\"\n", letter(label));
    write("letters.csv", &rows.iter().rev().map(of_letters).collect::<String>());
    let kind = |label: &str| if label == "positive" { "question" } else { "answer" };
    let of_kinds = |(text, label): &(String, &str)| format!("{}\t{text}\n", kind(label));
    write("kinds.tsv", &rows.iter().rev().map(of_kinds).collect::<String>());
    write("reviews.csv", &csv(80));
    for (arguments, expected) in [
        (
            &["letters.csv"][..],
            "without a header, numbered from 0, texts in \"1\", labels in \"0\"\n80 texts, 2 classes",
        ),
        (&["kinds.tsv"], "without a header, numbered from 0, texts in \"1\", labels in \"0\"\n80 texts, 2 classes"),
        (&["reviews.csv"], "with a header, texts in \"review\", labels in \"sentiment\"\n80 texts, 2 classes"),
        (
            &["reviews.csv", "--no-header", "--text", "1", "--label", "2"],
            "labels in \"2\"; classes of only 1 or 2 texts: \"sentiment\" (1)\n81 texts, 3 classes",
        ),
    ] {
        let info = told(&kiln(folder.path(), &[&["info"], arguments].concat()));
        assert!(info.contains(expected), "{arguments:?}: {info}");
    }
}

#[test]
fn json_is_read_by_line_and_judged_by_many_objects() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let info = |name: &str| kiln(folder.path(), &["info", name]);
    // The label of the first object is longer than its text, and the last is of Python's, which writes NaN.
    let others: String = (0..20).map(|row| format!("{{\"p\": \"no\", \"q\": \"a longer text: {row}\"}}\n")).collect();
    let (first, last) = ("{\"p\": \"a long label\", \"q\": \"ok\"}", "{\"p\": \"no\", \"q\": \"\\ud800\", \"x\": NaN}");
    write("many.jsonl", &format!("{first}\n{others}{last}\n"));
    let read = told(&info("many.jsonl"));
    assert!(
        read.contains("texts in \"q\", labels in \"p\"; classes of only 1 or 2 texts: \"a long label\" (1)\n22 texts"),
        "{read}"
    );
    for (line, expected) in [
        (
            "{\"text\": \"a\", \"label\": [\"b\", null]}",
            "a string, a number or a boolean, or a list of these, found a list with something else in it",
        ),
        ("{\"text\": \"a\", \"label\": {\"b\": 1}}", "a boolean, or a list of these, found an object: repair the row"),
        (
            "{\"text\": 7, \"label\": \"b\"}",
            "\"text\" should be a string, found 7: repair the row, or name the field of the texts with --text",
        ),
        ("{\"text\": \"a\", ", "not a JSON object"),
    ] {
        let good = "{\"text\": \"a\", \"label\": \"b\"}\n{\"text\": \"c\", \"label\": \"d\"}";
        write("bad.jsonl", &format!("{good}\n{line}\n"));
        let message = refused(&info("bad.jsonl"));
        assert!(message.contains(": line 3: ") && message.contains(expected), "{line}: {message}");
    }
}

#[test]
fn json_rows_without_a_text_or_a_label_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, lines: &[&str]| fs::write(folder.path().join(name), lines.join("\n")).unwrap();
    let row = |text: &str, label: &str| format!("{{\"text\": {text}, \"label\": {label}}}");
    let (good, bad) = (row("\"a\"", "\"b\""), row("\"c\"", "\"d\""));
    let (no_text, no_label) = (row("null", "\"b\""), row("\"a\"", "null"));
    let missing = ["{\"text\": \"a\"}", "{\"label\": \"b\"}"];
    write("rows.jsonl", &[&good, &no_label, &bad, missing[0], "", &good, missing[1], &bad, &no_text, &bad, &good]);
    let info = told(&kiln(folder.path(), &["info", "rows.jsonl"]));
    let left_out = "left out: 4 of 10 rows have no text or no label (null or missing), the first in line 2";
    assert!(info.contains(left_out) && info.contains("\n6 texts, 2 classes\n"), "{info}");
    // Each text keeps its own label.
    write("empty.jsonl", &[&good, &no_label, &row("\"this one\"", "\"\""), &bad]);
    let message = refused(&kiln(folder.path(), &["info", "empty.jsonl"]));
    assert!(message.contains("1 of 3 rows has no label") && message.contains("begins with \"this one\""), "{message}");
    write("most.jsonl", &[&good, &no_label, missing[0], &bad, missing[1]]);
    let message = refused(&kiln(folder.path(), &["info", "most.jsonl"]));
    assert!(
        message.contains("3 of 5 rows have no text or no label (null or missing), the first in line 2"),
        "{message}"
    );
    assert!(message.contains("fill them in, remove them, or name other fields with --text and --label"), "{message}");
}

#[test]
fn advice_can_be_followed() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    let rows = |line: &dyn Fn(usize, &str) -> String| -> String {
        (0..40).map(|row| line(row, ["good", "bad"][row % 2])).collect()
    };
    let plain = rows(&|row, label| format!("text {row},{label}\n"));
    write("quotes.csv", format!("text,label\n{plain}\"nice\" film,good\n").as_bytes());
    write("latin.csv", &[format!("text,label\n{plain}").as_bytes(), b"caf\xe9,good\n"].concat());
    let utf_16 = format!("\u{feff}text,label\n{plain}").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    write("wide.csv", &utf_16);
    let spaced = rows(&|row, label| format!("{row}, text, {label}\n"));
    let late = rows(&|_, label| format!("7, {}, {label}\n", "long text ".repeat(200)));
    write("spaces.csv", format!("id,text,label\n{spaced}{late}1, \"so, so\", good\n").as_bytes());
    // Escapes, and a backslash that is not an escape.
    let escaped = rows(&|row, label| format!("\"so \\\"{row}\\\", so\",{label}\n"));
    write("escapes.csv", format!("text,label\n{escaped}").as_bytes());
    let backslash = rows(&|row, label| format!("\"folder {row}, C:\\\",{label}\n"));
    write("backslash.csv", format!("text,label\n{backslash}").as_bytes());
    write("colons.txt", rows(&|row, label| format!("'text: {row}':{label}\n")).as_bytes());
    for (name, advice, options) in [
        ("quotes.csv", "`--quote none`", &["--quote", "none"][..]),
        ("latin.csv", "`--encoding latin1`", &["--encoding", "latin1"]),
        ("wide.csv", "`--encoding utf-16`", &["--encoding", "utf-16"]),
        ("spaces.csv", "`--skip-initial-space`", &["--skip-initial-space", "--text", "text"]),
        ("colons.txt", "--delimiter", &["--delimiter", ":", "--quote", "'", "--no-header"]),
    ] {
        let message = refused(&kiln(folder.path(), &["info", name]));
        assert!(message.contains(advice) && !message.contains("::"), "{name}: {message}");
        assert!(!message.contains("set `."), "{name}: {message}");
        told(&kiln(folder.path(), &[&["info", name], options].concat()));
    }
    for (name, expected) in [("escapes.csv", "escapes '\\\\'\n40 texts"), ("backslash.csv", "\"label\"\n40 texts")] {
        let info = told(&kiln(folder.path(), &["info", name]));
        assert!(info.contains(expected), "{name}: {info}");
    }
    let wrong = kiln(folder.path(), &["info", "quotes.csv", "--delimiter", "ab"]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("expected `tab`, `space` or one ASCII character"));
    fs::create_dir_all(folder.path().join("classes/a")).unwrap();
    fs::create_dir_all(folder.path().join("classes/b")).unwrap();
    fs::write(folder.path().join("classes/a/1"), "a text").unwrap();
    let message = refused(&kiln(folder.path(), &["train", "classes"]));
    assert!(message.contains("b holds no file") && !message.contains("any_extension"), "{message}");
    for (file, options, expected) in [
        ("classes", &["--text", "review"][..], "classes is read as a folder for each class"),
        ("classes", &["--no-header"], "are for tables"),
        ("quotes.csv", &["--format", "lines"], "is for predictions"),
    ] {
        let message = refused(&kiln(folder.path(), &[&["info", file], options].concat()));
        assert!(message.contains(expected), "{message}");
    }
}
