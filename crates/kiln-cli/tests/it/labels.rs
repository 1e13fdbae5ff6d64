//! Texts with any number of labels each: they are read, learned by a network, predicted and judged, and what is for one
//! label per text is refused.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::{csv, kiln, refused, told};

/// The labels, in the order of their names.
const NAMES: [&str; 3] = ["new", "sad", "short"];

/// Plots of films, each of whose labels is told by a word, and their labels.
fn films(rows: std::ops::Range<usize>) -> Vec<(String, Vec<&'static str>)> {
    let words = [["old", "fresh"], ["merry", "tearful"], ["endless", "brief"]];
    let film = |row: usize| {
        let has = [row * 7 % 11 % 2, row * 5 % 13 % 2, row * 3 % 17 % 2];
        let told: Vec<&str> = (0..3).map(|label| words[label][has[label]]).collect();
        let labels = (0..3).filter(|&label| has[label] == 1).map(|label| NAMES[label]).collect();
        (format!("{} film number {row}", told.join(" ")), labels)
    };
    rows.map(film).collect()
}

/// The same as a table, with the labels of a film in one field.
fn table(rows: std::ops::Range<usize>) -> String {
    let line = |(text, labels): (String, Vec<&str>)| format!("{text},{}\n", labels.join(";"));
    format!("plot,genres\n{}", films(rows).into_iter().map(line).collect::<String>())
}

/// The options that name the columns of the table.
const COLUMNS: [&str; 6] = ["--text", "plot", "--label", "genres", "--labels-split", ";"];

fn with_columns(folder: &Path, arguments: &[&str]) -> std::process::Output {
    kiln(folder, &[arguments, &COLUMNS[..]].concat())
}

/// The labels of each text that a prediction as JSON has, with their probabilities.
fn predicted(lines: &str) -> Vec<Vec<(String, f64)>> {
    let of_line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let labels = line["labels"].as_array().unwrap().iter();
        labels
            .map(|found| (found["label"].as_str().unwrap().to_owned(), found["probability"].as_f64().unwrap()))
            .collect()
    };
    lines.lines().map(of_line).collect()
}

/// The micro F1 of predictions whose probability is at least the threshold: 2 TP / (2 TP + FP + FN).
fn micro_f1(found: &[Vec<(String, f64)>], threshold: f64) -> f64 {
    let (mut right, mut wrong) = (0_u32, 0_u32);
    for (of_text, (_, truth)) in found.iter().zip(films(600..700)) {
        for (name, probability) in of_text {
            match (*probability >= threshold, truth.contains(&name.as_str())) {
                (true, true) => right += 1,
                (true, false) | (false, true) => wrong += 1,
                (false, false) => {}
            }
        }
    }
    2.0 * f64::from(right) / (2.0 * f64::from(right) + f64::from(wrong))
}

#[test]
fn labels_of_a_table_are_learned_predicted_and_judged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("films.csv"), table(0..600)).unwrap();
    fs::write(path.join("more.csv"), table(600..700)).unwrap();
    let none = films(0..600).iter().filter(|(_, labels)| labels.is_empty()).count();
    let info = told(&with_columns(path, &["info", "films.csv"]));
    for expected in [
        format!("labels in \"genres\" separated by ';'; any number of labels per text, none in {none} of 600\n"),
        "\n600 texts, 3 labels\n".to_owned(),
    ] {
        assert!(info.contains(&expected), "{expected}: {info}");
    }
    let train = ["train", "films.csv", "--model", "cnn", "--epochs", "15", "--test", "more.csv"];
    let trained = told(&with_columns(path, &train));
    for expected in ["network: cnn of words", "micro F1", "films holds the network", "\non 100 texts of the test part"]
    {
        assert!(trained.contains(expected), "{expected}: {trained}");
    }
    assert!(told(&kiln(path, &["info", "films"])).contains("\nlabels, any number a text: new, sad, short\n"));
    let predict = |more: &[&str]| {
        let predict = ["predict", "films", "--file", "more.csv", "--text", "plot", "--json"];
        predicted(&told(&kiln(path, &[&predict[..], more].concat())))
    };
    let all = predict(&["--threshold", "0"]);
    assert!(all.len() == 100 && all.iter().all(|labels| labels.len() == NAMES.len()), "{all:?}");
    for (more, threshold) in [(&[][..], 0.5), (&["--threshold", "0.3"], 0.3)] {
        for (of_text, all) in predict(more).iter().zip(&all) {
            let expected = all.iter().filter(|(_, probability)| *probability >= threshold).count();
            assert!(of_text.len() == expected && of_text.iter().all(|label| all.contains(label)), "{of_text:?}");
        }
        let report = told(&with_columns(path, &[&["evaluate", "films", "more.csv", "--json"], more].concat()));
        let report: Value = serde_json::from_str(&report).unwrap();
        let (found, expected) = (report["micro_average"]["f1"].as_f64().unwrap(), micro_f1(&all, threshold));
        assert!((found - expected).abs() < 1e-12, "{found}, {expected}");
        for (class, name) in report["classes"].as_array().unwrap().iter().zip(NAMES) {
            assert!(class["name"] == name && class["roc_auc"].as_f64().unwrap() > 0.7, "{class}");
        }
    }
    for (more, expected) in [
        (&[][..], "samples average"),
        (&[], "labels with a probability of at least 0.5\n"),
        (&["--threshold", "0.3"], "labels with a probability of at least 0.3\n"),
        (&["--markdown"], "| samples average |"),
    ] {
        let report = told(&with_columns(path, &[&["evaluate", "films", "more.csv"], more].concat()));
        assert!(report.contains(expected), "{report}");
    }
    // One label per text is a special case of several.
    fs::write(path.join("one.csv"), "plot,genres\na brief film,short\na tearful one,sad\n").unwrap();
    let one = ["evaluate", "films", "one.csv", "--text", "plot", "--label", "genres"];
    assert!(told(&kiln(path, &one)).contains("any number of labels per text, none in 0 of 2"));
    fs::write(path.join("two.csv"), "plot,genres\na fresh and brief film,new;short\na tearful one,sad\n").unwrap();
    let message = refused(&kiln(path, &["evaluate", "films", "two.csv", "--text", "plot", "--label", "genres"]));
    assert!(message.contains("labels that the model does not know: \"new;short\""), "{message}");
    assert!(message.contains("if a field holds several, name what separates them with --labels-split"), "{message}");
    for (more, expected) in [
        (&["--bootstrap", "100"][..], "--bootstrap and --confusion are for a model of one label per text"),
        (&["--confusion", "c.svg"], "--bootstrap and --confusion are for a model of one label per text"),
        (&["--threshold", "2"], "--threshold should be a probability from 0 to 1"),
    ] {
        let message = refused(&with_columns(path, &[&["evaluate", "films", "more.csv"], more].concat()));
        assert!(message.contains(expected), "{message}");
    }
    let resumed = told(&with_columns(path, &["train", "films.csv", "--model", "cnn", "--epochs", "16", "--resume"]));
    assert!(resumed.contains("resumed from") && resumed.contains("films holds the network"), "{resumed}");
}

#[test]
fn lists_of_json_and_labels_of_a_fasttext_line_need_no_option() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let films = films(0..120);
    let json =
        |(text, labels): &(String, Vec<&str>)| format!("{}\n", serde_json::json!({"plot": text, "labels": labels}));
    fs::write(path.join("films.jsonl"), films.iter().map(json).collect::<String>()).unwrap();
    let line = |(text, labels): &(String, Vec<&str>)| {
        let labels: String = labels.iter().map(|label| format!("__label__{label} ")).collect();
        format!("{labels}{text}\n")
    };
    // A line of fastText's has one label at least.
    let labelled = films.iter().filter(|(_, labels)| !labels.is_empty());
    fs::write(path.join("films.txt"), labelled.clone().map(line).collect::<String>()).unwrap();
    let (all, with) = (films.len(), labelled.count());
    for (file, expected) in [
        (
            "films.jsonl",
            format!("labels in \"labels\"; any number of labels per text, none in {} of {all}\n", all - with),
        ),
        (
            "films.txt",
            format!("fastText's lines, labels after __label__; any number of labels per text, none in 0 of {with}\n"),
        ),
    ] {
        let info = told(&kiln(path, &["info", file]));
        assert!(info.contains(&expected) && info.contains(" texts, 3 labels\n"), "{expected}: {info}");
    }
    // Numbers, a label by itself, one that is there twice, and a row that says nothing.
    let rows = ["[7, 10, 7]", "[]", "7", "null", "[\"10\"]"]
        .map(|labels| format!("{{\"text\": \"a\", \"label\": {labels}}}\n"));
    fs::write(path.join("numbers.jsonl"), rows.concat()).unwrap();
    let info = told(&kiln(path, &["info", "numbers.jsonl"]));
    for expected in
        ["left out: 1 of 5 rows has no text", "none in 1 of 4", "\n4 texts, 2 labels\n  7: 2 ", "\n  10: 2 "]
    {
        assert!(info.contains(expected), "{expected}: {info}");
    }
    let trained =
        told(&kiln(path, &["train", "films.txt", "--model", "auto", "--epochs", "1", "--valid", "films.jsonl"]));
    for expected in ["auto takes the network", "for at most 5 minutes", "films holds the network"] {
        assert!(trained.contains(expected), "{expected}: {trained}");
    }
}

#[test]
fn a_network_that_finds_no_label_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    // One text of ten has the label, by chance.
    let row = |row: usize| format!("a film number {row},{}\n", if row % 10 == 3 { "new" } else { "" });
    fs::write(path.join("rare.csv"), format!("plot,genres\n{}", (0..200).map(row).collect::<String>())).unwrap();
    let trained = told(&with_columns(path, &["train", "rare.csv", "--model", "cnn", "--epochs", "3"]));
    for expected in ["none in 180 of 200; no text has more than one\n", "no label of the validation part is found at"] {
        assert!(trained.contains(expected), "{expected}: {trained}");
    }
    assert!(told(&with_columns(path, &["info", "rare.csv"])).contains("\n200 texts, 1 label\n"));
    fs::write(path.join("other.txt"), "__label__new one\n__label__old two\n").unwrap();
    let message = refused(&kiln(path, &["evaluate", "rare", "other.txt"]));
    assert!(message.contains("does not know: \"old\"; it knows \"new\": remove these texts"), "{message}");
    fs::write(path.join("bare.txt"), "__label__new one\n\ntwo\n").unwrap();
    let message = refused(&kiln(path, &["evaluate", "rare", "bare.txt"]));
    assert!(message.contains("line 3 should begin with __label__, found \"two\": remove the line"), "{message}");
}

#[test]
fn what_is_for_one_label_a_text_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("films.csv"), table(0..60)).unwrap();
    fs::write(path.join("lines.txt"), "__label__a one\n__label__b two\n").unwrap();
    fs::write(path.join("several.txt"), "__label__negative __label__positive one\n").unwrap();
    fs::write(path.join("reviews.csv"), csv(120)).unwrap();
    told(&kiln(path, &["train", "reviews.csv", "--unit", "words", "--output", "m"]));
    let message = refused(&with_columns(path, &["train", "films.csv"]));
    assert!(message.contains("films.csv holds texts with several: name a network, such as `--model cnn`"), "{message}");
    let message = refused(&with_columns(path, &["train", "films.csv", "--model", "cnn", "--class-weight", "balanced"]));
    assert!(message.contains("`--class-weight balanced` is for one label per text"), "{message}");
    assert!(!path.join("films").exists());
    for (arguments, expected) in [
        (
            &["evaluate", "m", "several.txt"][..],
            "several.txt has texts with several labels, and the model has one label",
        ),
        (&["train", "reviews.csv", "--valid", "several.txt"], "and the training file has one label per text"),
        (
            &["evaluate", "m", "reviews.csv", "--threshold", "0.5"],
            "--threshold is for a model of several labels per text",
        ),
        (
            &["info", "lines.txt", "--labels-split", ";"],
            "--labels-split are for columns, and lines.txt is read as fastText's",
        ),
        (
            &["predict", "m", "--file", "films.csv", "--labels-split", ";"],
            "--label and --labels-split are for training",
        ),
        (&["info", "m", "--labels-split", ";"], "m holds a model"),
    ] {
        let message = refused(&kiln(path, arguments));
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
    let wrong = kiln(path, &["info", "films.csv", "--labels-split", ";;"]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("expected `tab`, `space` or one ASCII character"));
}
