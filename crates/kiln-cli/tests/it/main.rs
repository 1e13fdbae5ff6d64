//! The program as a person starts it.

mod answers;
mod folders;
mod guessing;
mod labels;
mod predicting;
mod reading;
mod training;
mod vectors;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn kiln(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
    command.args(arguments).current_dir(folder).env("KILN_DEVICE", "flex").stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn told(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    let message = String::from_utf8(output.stderr.clone()).unwrap();
    // The device is told there too, and Mesa has a word on machines without a screen.
    let is_ours = |line: &&str| line.starts_with("error: ") && !line.contains("XDG_RUNTIME_DIR");
    let ours: Vec<&str> = message.lines().filter(is_ours).collect();
    assert!(ours.len() == 1 && !message.contains("panicked"), "{message}");
    ours[0].to_owned()
}

/// Reviews whose class is told by a word.
fn reviews(rows: usize) -> Vec<(String, &'static str)> {
    let words = [["dull", "poor", "long"], ["fine", "lovely", "bright"]];
    let review = |row: usize| {
        let class = row * 7 % 11 % 2;
        let (first, second) = (words[class][row % 3], words[class][row / 3 % 3]);
        (format!("a {first} film, and a {second} one: {row}"), ["negative", "positive"][class])
    };
    (0..rows).map(review).collect()
}

fn csv(rows: usize) -> String {
    let lines = reviews(rows).into_iter().enumerate().map(|(at, (text, label))| format!("{at},\"{text}\",{label}\n"));
    format!("id,review,sentiment\n{}", lines.collect::<String>())
}

#[test]
fn from_a_table_to_predictions() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("reviews.csv"), csv(300)).unwrap();
    fs::write(at("more.csv"), csv(60)).unwrap();
    let trained = told(&kiln(folder.path(), &["train", "reviews.csv", "--test", "more.csv"]));
    for expected in [
        "texts in \"review\", labels in \"sentiment\"",
        "most frequent class",
        "linear ",
        "reviews holds the linear model",
    ] {
        assert!(trained.contains(expected), "{expected}: {trained}");
    }
    let predicted = told(&kiln(folder.path(), &["predict", "reviews", "a lovely film", "dull and long"]));
    let lines: Vec<&str> = predicted.lines().collect();
    assert!(lines[0].starts_with("positive\t0.") && lines[1].starts_with("negative\t0."), "{predicted}");
    let json = told(&kiln(
        folder.path(),
        &["predict", "reviews", "--file", "more.csv", "--text", "review", "--json", "--top-k", "2"],
    ));
    assert_eq!(json.lines().count(), 60);
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(first["labels"].as_array().unwrap().len(), 2);
    let evaluated = told(&kiln(folder.path(), &["evaluate", "reviews", "more.csv", "--confusion", "matrix.png"]));
    assert!(evaluated.contains("macro average") && evaluated.contains("ROC AUC"), "{evaluated}");
    assert!(fs::read(at("matrix.png")).unwrap().starts_with(b"\x89PNG"));
    let info = told(&kiln(folder.path(), &["info", "reviews"]));
    assert!(
        info.contains("text classifier") && info.contains("negative, positive") && info.contains("val_accuracy"),
        "{info}"
    );
    // A second time the folder is in the way.
    let message = refused(&kiln(folder.path(), &["train", "reviews.csv"]));
    assert!(message.contains("--overwrite"), "{message}");
    told(&kiln(folder.path(), &["train", "reviews.csv", "--overwrite"]));
}

#[test]
fn the_other_formats() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let rows = reviews(200);
    let write = |name: &str, line: &dyn Fn(&(String, &str)) -> String| {
        fs::write(at(name), rows.iter().map(line).collect::<String>()).unwrap();
    };
    write("lines.txt", &|(text, label)| format!("__label__{label} {text}\n"));
    write("rows.jsonl", &|(text, label)| format!("{{\"body\": \"{text}\", \"stars\": \"{label}\"}}\n"));
    write("rows.tsv", &|(text, label)| format!("{}\t{text}\n", u8::from(*label == "positive")));
    // Excel: a mark, semicolons, CR LF.
    let excel: String = rows.iter().map(|(text, label)| format!("{label};\"{text}\"\r\n")).collect();
    fs::write(at("excel.csv"), format!("\u{feff}Label;Text\r\n{excel}")).unwrap();
    for (at_row, (text, label)) in rows.iter().enumerate() {
        let class = at("classes").join(label);
        fs::create_dir_all(&class).unwrap();
        fs::write(class.join(format!("{at_row}.txt")), text).unwrap();
    }
    for (file, output, expected) in [
        ("lines.txt", "a", "fastText"),
        ("rows.jsonl", "b", "JSON lines, texts in \"body\", labels in \"stars\""),
        ("rows.tsv", "c", "separated by tabs, without a header"),
        ("excel.csv", "d", "separated by ';', with a header, texts in \"Text\", labels in \"Label\""),
        ("classes", "e", "a folder for each class"),
    ] {
        let trained = told(&kiln(folder.path(), &["train", file, "--unit", "words", "--output", output]));
        assert!(trained.contains(expected), "{trained}");
        let predicted = told(&kiln(folder.path(), &["predict", output, "a lovely, bright film"]));
        assert!(predicted.starts_with("positive\t") || predicted.starts_with("1\t"), "{file}: {predicted}");
    }
}

#[test]
fn a_network_goes_on_and_is_kept_if_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("reviews.csv"), csv(240)).unwrap();
    let train = |more: &[&str]| kiln(folder.path(), &[&["train", "reviews.csv", "--model", "cnn"], more].concat());
    let trained = told(&train(&["--epochs", "1"]));
    assert!(trained.contains("cnn ") && trained.contains("reviews holds the network"), "{trained}");
    let resumed = told(&train(&["--epochs", "3", "--resume"]));
    assert!(resumed.contains("resumed from"), "{resumed}");
    let info = told(&kiln(folder.path(), &["info", "reviews"]));
    assert!(info.contains("more_kernel_sizes: [4,5]"), "{info}");
}

#[test]
fn a_file_is_told_of_and_parted_in_three() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("reviews.csv"), csv(300)).unwrap();
    let info = told(&kiln(folder.path(), &["info", "reviews.csv"]));
    for expected in ["texts in \"review\"", "300 texts, 2 classes", "negative: ", "median 8", "empty texts: 0"] {
        assert!(info.contains(expected), "{expected}: {info}");
    }
    let trained =
        told(&kiln(folder.path(), &["train", "reviews.csv", "--valid", "0.2", "--test", "0.2", "--unit", "words"]));
    let sizes: Vec<usize> = trained.split_whitespace().filter_map(|word| word.parse().ok()).take(2).collect();
    let test = trained.rsplit("\non ").next().and_then(|rest| rest.split(' ').next()).unwrap();
    assert_eq!(sizes.iter().sum::<usize>() + test.parse::<usize>().unwrap(), 300, "{trained}");
    let message = refused(&kiln(folder.path(), &["train", "reviews.csv", "--test", "0.95", "--output", "other"]));
    assert!(message.contains("smaller shares"), "{message}");
    assert!(told(&kiln(folder.path(), &["completions", "bash"])).contains("_kiln"));
    fs::create_dir(folder.path().join("empty")).unwrap();
    assert!(refused(&kiln(folder.path(), &["info", "empty"])).contains("empty holds no model"));
}

#[test]
fn auto_says_its_time_and_networks_read_what_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("reviews.csv"), csv(240)).unwrap();
    fs::write(folder.path().join("words.txt"), "film 0.5 0.25\nlovely 1 0\ndull 0 1\n").unwrap();
    let train = |more: &[&str]| kiln(folder.path(), &[&["train", "reviews.csv", "--overwrite"], more].concat());
    let trained = told(&train(&["--model", "auto", "--epochs", "1"]));
    assert!(trained.contains("network: cnn of words, for at most 5 minutes"), "{trained}");
    let trained = told(&train(&["--model", "gru", "--epochs", "1", "--vectors", "words.txt"]));
    assert!(trained.contains("3 of ") && trained.contains("have a vector of 2 numbers"), "{trained}");
    for unit in ["characters", "jamo", "subwords"] {
        let trained = told(&train(&["--model", "cnn", "--epochs", "1", "--unit", unit, "--minutes", "0.0001"]));
        assert!(trained.contains(&format!("network: cnn of {unit}, for at most 0.0001 minutes")), "{trained}");
    }
    for (arguments, expected) in [
        (&["--unit", "jamo"][..], "--unit jamo is for a network"),
        (&["--minutes", "1"], "--minutes is for a network"),
        (&["--model", "cnn", "--vectors", "words.txt", "--unit", "jamo"], "`--unit words`"),
        (&["--model", "cnn", "--minutes", "0"], "--minutes should be above 0"),
    ] {
        let message = refused(&train(arguments));
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
}

/// Texts of which one of 51 is of the class "rare", told by words that others have too, but seldom.
fn uneven(rows: usize, seed: u64) -> String {
    let mut state = seed;
    let mut below = |count: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % count
    };
    let line = |row: usize| {
        let is_rare = row.is_multiple_of(51);
        let words = (0..8).map(|_| {
            let hint = below(100) < if is_rare { 20 } else { 2 };
            if hint { format!("hint{}", below(40)) } else { format!("word{}", below(400)) }
        });
        let words: Vec<String> = words.collect();
        format!("{} {row},{}\n", words.join(" "), if is_rare { "rare" } else { "common" })
    };
    format!("text,label\n{}", (0..rows).map(line).collect::<String>())
}

#[test]
fn balanced_weights_find_a_rare_class() {
    let folder = tempfile::tempdir().unwrap();
    let mut gains = Vec::new();
    for seed in 1..=5 {
        fs::write(folder.path().join("train.csv"), uneven(4_080, seed)).unwrap();
        fs::write(folder.path().join("test.csv"), uneven(2_040, 100 + seed)).unwrap();
        let macro_f1 = |weight: &str| {
            let train = ["train", "train.csv", "--unit", "words", "--overwrite", "--class-weight", weight];
            told(&kiln(folder.path(), &train));
            let report = told(&kiln(folder.path(), &["evaluate", "train", "test.csv", "--json"]));
            serde_json::from_str::<serde_json::Value>(&report).unwrap()["macro_average"]["f1"].as_f64().unwrap()
        };
        gains.push(macro_f1("balanced") - macro_f1("none"));
    }
    assert!(gains.iter().all(|&gain| gain > 0.05), "{gains:?}");
}

#[test]
fn what_makes_no_classifier_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("reviews.csv", &csv(60));
    write("one.csv", "text,label\na film,good\nanother,good\n");
    write("empty.csv", "");
    write("words.txt", "one\ntwo\n");
    write("new.csv", "id,review,sentiment\n1,a film,undecided\n");
    let ids: String = (0..3_000).map(|row| format!("text {row},{row}\n")).collect();
    write("ids.csv", &format!("text,label\n{ids}"));
    write("nolabel.csv", "text,label\na film,good\nanother,\na third,bad\n");
    write("array.json", "[{\"text\": \"a\", \"label\": \"b\"}]");
    write("two.txt", "__label__a a film\n__label__b __label__c another\n");
    fs::create_dir(folder.path().join("other")).unwrap();
    write("other/config.json", "{}");
    for (arguments, expected) in [
        (
            &["train", "reviews.csv", "--label", "mood"][..],
            "there is no column \"mood\"; there are id, review, sentiment",
        ),
        (&["train", "reviews.csv", "--text", "review", "--label", "review"], "the same column"),
        (&["train", "one.csv"], "are of class \"good\""),
        (&["train", "empty.csv"], "empty.csv is empty"),
        (&["train", "words.txt"], "have no columns"),
        (&["train", "ids.csv"], "most likely not the column of the labels"),
        (&["train", "missing.csv"], "missing.csv"),
        (&["train", "nolabel.csv"], "1 of 3 rows has no label, the first is row 2 (counted"),
        (&["train", "array.json"], "is a JSON array: write one object per line"),
        (&["train", "two.txt"], "`--model linear` is for one label per text, and two.txt holds texts with several"),
        (&["train", "reviews.csv", "--resume"], "--resume continues a network"),
        (&["train", "reviews.csv", "--model", "cnn", "--resume"], "no network to continue"),
        (&["train", "reviews.csv", "--model", "cnn", "--epochs", "0"], "--epochs should be at least 1"),
        (&["predict", "other", "a", "--text", "b"], "are for a --file"),
        (&["train", "reviews.csv", "--test", "new.csv"], "the training file has no label \"undecided\", found in"),
        (&["train", "reviews.csv", "--valid", "1.5"], "--valid should be"),
        // Before the file is read.
        (
            &["train", "nowhere.csv", "--valid", "0.5", "--test", "0.5"],
            "--valid and --test together set all texts aside",
        ),
        (&["predict", "nowhere", "a"], "nowhere"),
        (&["predict", "other", "a"], "config.json is not from Kiln"),
        (&["info", "nowhere"], "holds no model"),
        (&["info", "other", "--text", "review"], "other holds a model"),
    ] {
        let message = refused(&kiln(folder.path(), arguments));
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
    // No folder was made.
    for name in ["one", "ids", "reviews", "nolabel", "two"] {
        assert!(!folder.path().join(name).exists(), "{name}");
    }
}

#[test]
fn line_ends_in_quotes_and_numbers_as_labels_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let rows = reviews(120);
    let line = |(text, label): &(String, &str)| format!("\"{}\",{label}\n", text.replace(", ", "\n"));
    let rows_of_two_lines: String = rows.iter().map(line).collect();
    fs::write(at("quoted.csv"), format!("text,label\n{rows_of_two_lines}")).unwrap();
    let json = |(text, label): &(String, &str)| {
        format!("{{\"text\": \"{text}\", \"label\": {}}}\n", u8::from(*label == "positive"))
    };
    fs::write(at("numbers.jsonl"), rows.iter().map(json).collect::<String>()).unwrap();
    told(&kiln(folder.path(), &["train", "quoted.csv", "--unit", "words"]));
    let info = told(&kiln(folder.path(), &["info", "quoted"]));
    assert!(info.contains("classes: negative, positive\n"), "{info}");
    let predicted = told(&kiln(folder.path(), &["predict", "quoted", "--file", "quoted.csv", "--text", "text"]));
    assert_eq!(predicted.lines().count(), 120);
    told(&kiln(folder.path(), &["train", "numbers.jsonl", "--unit", "words"]));
    let info = told(&kiln(folder.path(), &["info", "numbers"]));
    assert!(info.contains("classes: 0, 1\n"), "{info}");
}

#[test]
fn a_closed_pipe_takes_no_model_away() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("reviews.csv"), csv(100)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
    command.args(["train", "reviews.csv", "--unit", "words"]).current_dir(folder.path()).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
    told(&kiln(folder.path(), &["predict", "reviews", "a fine film"]));
}

#[test]
fn what_fails_leaves_the_old_model_and_what_replaces_it_leaves_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("reviews.csv", &csv(120));
    write("other.csv", &csv(120).replace("positive", "yes").replace("negative", "no"));
    let classes = || {
        let info = told(&kiln(folder.path(), &["info", "m"]));
        info.lines().find(|line| line.starts_with("classes: ")).unwrap().to_owned()
    };
    let network = |file: &str, more: &[&str]| {
        kiln(folder.path(), &[&["train", file, "--model", "cnn", "--epochs", "1", "--output", "m"], more].concat())
    };
    told(&network("reviews.csv", &[]));
    refused(&kiln(
        folder.path(),
        &["train", "other.csv", "--model", "cnn", "--epochs", "0", "--overwrite", "--output", "m"],
    ));
    // Another file's texts are not those that the network was trained on.
    let message = refused(&network("other.csv", &["--resume"]));
    assert!(message.contains("cannot resume"), "{message}");
    assert_eq!(classes(), "classes: negative, positive");
    write("m/network/notes.txt", "what a run does not leave");
    write("m/network/checkpoint-1.kiln", "a copy that somebody named");
    told(&kiln(folder.path(), &["train", "other.csv", "--unit", "words", "--overwrite", "--output", "m"]));
    assert_eq!(classes(), "classes: no, yes");
    let left = fs::read_dir(folder.path().join("m/network")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut left: Vec<String> = left.map(|name| name.into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["checkpoint-1.kiln", "notes.txt"]);
    let message = refused(&network("reviews.csv", &["--resume"]));
    assert!(message.contains("no network to continue"), "{message}");
    // While another process trains into the folder.
    let lock = fs::File::create(folder.path().join("m/.kiln-training")).unwrap();
    lock.lock().unwrap();
    let message = refused(&kiln(folder.path(), &["train", "reviews.csv", "--overwrite", "--output", "m"]));
    assert!(message.contains("is in use"), "{message}");
    assert_eq!(classes(), "classes: no, yes");
}
