//! What is guessed of tables and folders that people have, and what they are told of it.

use std::fs;
use std::path::Path;

use crate::{csv, kiln, refused, told};

/// As many rows, each of which `line` writes from its number and its class.
fn rows(count: usize, line: &dyn Fn(usize, &str) -> String) -> String {
    (0..count).map(|row| line(row, ["good", "bad"][row % 2])).collect()
}

/// A folder in which files are written.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    #[track_caller]
    fn info(&self, arguments: &[&str]) -> String {
        told(&kiln(self.path(), &[&["info"], arguments].concat()))
    }

    #[track_caller]
    fn refused(&self, arguments: &[&str]) -> String {
        refused(&kiln(self.path(), arguments))
    }
}

#[test]
fn columns_without_names_and_the_first_line_of_excel_are_read() {
    let folder = Folder::new();
    folder.write("sms.csv", format!("v1,v2,,,\n{}", rows(40, &|row, label| format!("{label},see you {row},,,\n"))));
    let info = folder.info(&["sms.csv"]);
    assert!(info.contains("with a header, texts in \"v2\", labels in \"v1\"\n40 texts, 2 classes"), "{info}");
    let excel = rows(120, &|row, label| format!("\"so; a {label} film\n{row}\";{label};{row}\r\n"));
    folder.write("excel.csv", format!("sep=;\r\nWort;Wert;Nummer\r\n{excel}"));
    let info = folder.info(&["excel.csv"]);
    assert!(
        info.contains("separated by ';', with a header, texts in \"Wort\", labels in \"Wert\"\n120 texts"),
        "{info}"
    );
    told(&kiln(folder.path(), &["train", "excel.csv", "--unit", "words", "--output", "m"]));
    let predicted = told(&kiln(folder.path(), &["predict", "m", "--file", "excel.csv"]));
    assert!(predicted.lines().count() == 120 && predicted.contains("so; a good film 0\n"), "{predicted}");
    folder.write("bad.csv", format!("sep=;\r\nWort;Wert;Nummer\r\n{excel}a;b;c;d\r\n"));
    let message = folder.refused(&["train", "bad.csv"]);
    assert!(message.contains("bad.csv, line 243: expected 3 fields, found 4"), "{message}");
}

#[test]
fn texts_are_where_the_words_are_and_other_columns_are_named() {
    let folder = Folder::new();
    let news = rows(40, &|row, label| {
        let description = "those who know say that prices rise again, ".repeat(3);
        format!("{label},Oil is up once more {row},\"{description} {row}\"\n")
    });
    folder.write("news.csv", format!("Class Index,Title,Description\n{news}"));
    let info = folder.info(&["news.csv"]);
    assert!(info.contains("texts in \"Description\", labels in \"Class Index\""), "{info}");
    assert!(info.contains("another column, \"Title\", has texts too; choose it with --text Title"), "{info}");
    assert!(!folder.info(&["news.csv", "--text", "Title"]).contains("another column"));
    let keys = rows(40, &|row, label| format!("9f1c2d3e-4b5a-6978-8796-a5b4c3d2e1f{row:03},play it {row},{label}\n"));
    folder.write("keys.csv", format!("uuid,utterance,klass\n{keys}"));
    let info = folder.info(&["keys.csv"]);
    assert!(info.contains("texts in \"utterance\", labels in \"klass\"\n40 texts"), "{info}");
    let people = rows(40, &|row, label| format!("what a day {row},{label},{}\n", ["joy", "fear", "anger"][row % 3]));
    folder.write("people.csv", format!("words,gender,emotion\n{people}"));
    let info = folder.info(&["people.csv"]);
    assert!(info.contains("labels in \"gender\"; \"emotion\" would also do: --label emotion\n"), "{info}");
    assert!(!folder.info(&["people.csv", "--label", "emotion"]).contains("would also do"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_is_named() {
    use std::io::Write;
    use std::process::{Command, Stdio};

    let folder = Folder::new();
    folder.write("reviews.csv", csv(120));
    told(&kiln(folder.path(), &["train", "reviews.csv", "--unit", "words", "--output", "m"]));
    let piped = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
        command.args(arguments).current_dir(folder.path()).env("KILN_DEVICE", "flex");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // It may end before it has read anything.
        let _ = child.stdin.take().unwrap().write_all(csv(3).as_bytes());
        child.wait_with_output().unwrap()
    };
    let output = piped(&["predict", "m", "--file", "/dev/stdin"]);
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(told(&output).lines().count(), 4);
    assert!(said.contains("a pipe: read as one text per line; to read columns, save it as a file first"), "{said}");
    for arguments in [
        &["train", "/dev/stdin", "--output", "n"][..],
        &["predict", "m", "--file", "/dev/stdin", "--format", "json"],
        &["predict", "m", "--file", "/dev/stdin", "--text", "review"],
    ] {
        let message = refused(&piped(arguments));
        assert!(message.contains("found a pipe: save it as a file first"), "{message}");
    }
}

#[test]
fn no_file_of_a_folder_is_lost_without_a_word() {
    let folder = Folder::new();
    for (name, text) in [
        ("imdb/train/pos/1.txt", "fine"),
        ("imdb/train/neg/1.txt", "dull"),
        ("imdb/train/urls.txt", "a list"),
        ("imdb/test/pos/1.txt", "fine"),
        ("imdb/test/urls.txt", "a list"),
    ] {
        folder.write(name, text);
    }
    let message = folder.refused(&["train", "imdb", "--output", "m"]);
    let meant = format!("did you mean {}?", Path::new("imdb").join("train").display());
    assert!(message.contains("3 folders inside \"test\", \"train\"") && message.contains(&meant), "{message}");
    folder.write("imdb/train/pos/Thumbs.db", b"\xd0\xcf\x11\xe0");
    folder.write("imdb/train/pos/desktop.ini", "[x]");
    folder.write("imdb/train/pos/.DS_Store", b"\0\0\0\x01Bud1");
    folder.write("imdb/train/pos/2.txt", "\u{feff}lovely");
    let info = folder.info(&["imdb/train"]);
    assert!(info.contains("\n3 texts, 2 classes") && !info.contains("not read"), "{info}");
    folder.write("imdb/train/pos/more/3.txt", "bright");
    let info = folder.info(&["imdb/train"]);
    assert!(info.contains("; not read: 1 folder inside the class folders"), "{info}");
    folder.write("imdb/train/unsup/1.txt", "neither");
    let info = folder.info(&["imdb/train"]);
    assert!(
        info.contains("\n3 texts, 2 classes") && info.contains("not read: \"unsup\", which in IMDB holds"),
        "{info}"
    );
    folder.write("other/pos/1.txt", "fine");
    folder.write("other/unsup/1.txt", "neither");
    let info = folder.info(&["other"]);
    assert!(info.contains("\n2 texts, 2 classes") && !info.contains("not read"), "{info}");
    folder.write("imdb/train/neg/2.txt", b"caf\xe9");
    let message = folder.refused(&["info", "imdb/train"]);
    assert!(message.contains("2.txt is not UTF-8: the first invalid byte is at offset 3"), "{message}");
    assert!(folder.info(&["imdb/train", "--encoding", "latin1"]).contains("4 texts"));
}

#[test]
fn rows_that_cannot_be_learned_from_are_counted_and_named() {
    let folder = Folder::new();
    let good = rows(60, &|row, label| format!("a film {row},{label}\n"));
    folder.write("single.csv", format!("text,label\n{}", rows(300, &|row, _| format!("a film {row},{row}\n"))));
    folder.write("without.csv", format!("text,label\nfirst,\n{good}second, \n"));
    folder.write("broken.csv", format!("text,label\n{good}so,\"good\nbad\"\n"));
    folder.write("ragged.csv", format!("text,label\n{good}so, so,good\n"));
    folder.write("few.csv", format!("text,label\n{good}a,w\nb,x\nc,x\nd,y\ne,z\n"));
    for (name, expected) in [
        ("single.csv", "most likely not the column of the labels"),
        ("without.csv", "2 of 62 rows have no label, the first is row 1 "),
        ("broken.csv", "the label of row 61 (counted from 1, without the header) has a line break in it"),
        ("ragged.csv", "line 62: expected 2 fields, found 3: enclose a field"),
    ] {
        let message = folder.refused(&["train", name]);
        assert!(message.contains(expected), "{name}: {message}");
    }
    let info = folder.info(&["few.csv"]);
    assert!(info.contains("; classes of only 1 or 2 texts: \"w\" (1), \"x\" (2), \"y\" (1) and 1 more\n"), "{info}");
}

#[test]
fn what_does_not_fit_a_model_or_an_option_is_named_with_advice() {
    let folder = Folder::new();
    folder.write("reviews.csv", csv(120));
    folder.write("header.csv", "id,review,sentiment\n");
    folder.write("other.csv", "Text,Label\na film,good\nanother,bad\n");
    let long = rows(20, &|row, label| format!("{row},\"a film that is as long as this one is, and {row}\",{label}\n"));
    folder.write("long.csv", format!("id,review,sentiment\n{long}"));
    let quoted = rows(20, &|row, label| format!("\"{}\",{label}\n", "so, ".repeat(row % 3)));
    folder.write("quoted.csv", format!("text,label\n{quoted}"));
    told(&kiln(folder.path(), &["train", "reviews.csv", "--unit", "words", "--output", "m"]));
    for (arguments, expected) in [
        (&["evaluate", "m", "header.csv"][..], "header.csv has no rows"),
        (&["train", "reviews.csv", "--valid", "header.csv", "--output", "n"], "header.csv has no rows"),
        (&["evaluate", "m", "long.csv", "--text", "id", "--label", "review"], "\"a film that is as long as this…\""),
        (&["evaluate", "m", "long.csv", "--text", "id", "--label", "review"], "name it with --label"),
        (&["train", "other.csv", "--text", "text"], "did you mean \"Text\"?"),
        (&["train", "reviews.csv", "--label", "7"], "numbers go from 0 to 2"),
        (
            &["train", "other.csv", "--format", "json"],
            "not a JSON object: if the file is a table, give `--format table`",
        ),
        (&["train", "other.csv", "--encoding", "latin99"], "--encoding should be"),
        (&["train", "quoted.csv", "--quote", "none"], "leave out `--quote none`"),
    ] {
        let message = folder.refused(arguments);
        assert!(message.contains(expected) && !message.contains("the option"), "{arguments:?}: {message}");
    }
    let message = folder.refused(&["info", "other.csv", "--format", "json"]);
    assert_eq!(message.matches("other.csv").count(), 1, "{message}");
    let message = folder.refused(&["info", "nowhere"]);
    assert_eq!(message.matches("nowhere").count(), 1, "{message}");
}

#[test]
fn a_run_that_cannot_go_on_names_the_option_that_differs() {
    let folder = Folder::new();
    folder.write("reviews.csv", csv(120));
    let train = |more: &[&str]| {
        kiln(folder.path(), &[&["train", "reviews.csv", "--epochs", "2", "--output", "m"], more].concat())
    };
    told(&train(&["--model", "cnn"]));
    for (more, expected) in [
        (&["--model", "cnn", "--seed", "3"][..], "`--seed 0`"),
        (&["--model", "cnn", "--class-weight", "balanced"], "`--class-weight`"),
        (&["--model", "cnn", "--unit", "characters"], "`--unit`"),
        (&["--model", "gru"], "`--model`"),
    ] {
        let message = refused(&train(&[more, &["--resume"]].concat()));
        assert!(message.contains(expected) && !message.contains("tokenizer_sha256"), "{more:?}: {message}");
    }
}
