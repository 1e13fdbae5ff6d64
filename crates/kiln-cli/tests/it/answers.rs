//! What `predict`, `evaluate`, `info` and `vectors` answer when a file, a number or a folder is not what it should be.

use std::fs;
use std::path::Path;

use crate::{csv, kiln, refused, told};

/// A folder with `reviews.csv`, and a linear model of it in `reviews`.
fn with_model() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("reviews.csv"), csv(120)).unwrap();
    told(&kiln(folder.path(), &["train", "reviews.csv", "--unit", "words"]));
    folder
}

/// What clap says of arguments that it does not accept.
#[track_caller]
fn misused(folder: &Path, arguments: &[&str]) -> String {
    let output = kiln(folder, arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn info_lists_what_a_linear_model_reads_and_finds_damage() {
    let folder = with_model();
    let info = told(&kiln(folder.path(), &["info", "reviews"]));
    assert!(info.contains("reads: n-grams of 1 to 2 words; ") && info.contains(" terms\n"), "{info}");
    assert!(info.contains(" KB\n") && !info.contains("0.0 MB"), "{info}");
    let weights = folder.path().join("reviews/model.safetensors");
    let bytes = fs::metadata(&weights).unwrap().len();
    fs::write(&weights, "short").unwrap();
    let output = kiln(folder.path(), &["info", "reviews"]);
    let expected = format!("model.safetensors: 5 bytes, expected {bytes}\n");
    assert!(String::from_utf8_lossy(&output.stdout).contains(&expected), "{output:?}");
    assert!(refused(&output).contains("reviews is damaged: model.safetensors (5 bytes"));
    fs::remove_file(&weights).unwrap();
    assert!(refused(&kiln(folder.path(), &["info", "reviews"])).contains("model.safetensors (missing)"));
}

#[test]
fn info_lists_twenty_classes() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("m")).unwrap();
    let names: Vec<String> = (0..23).map(|class| format!("c{class}")).collect();
    let config = serde_json::json!({"format": 2, "kind": "text_classifier", "class_names": names});
    fs::write(folder.path().join("m/config.json"), config.to_string()).unwrap();
    let info = told(&kiln(folder.path(), &["info", "m"]));
    assert!(info.contains("c18, c19 and 3 more\n") && !info.contains("c20"), "{info}");
}

#[test]
fn folders_that_hold_no_model_are_told_apart() {
    let folder = with_model();
    let message = refused(&kiln(folder.path(), &["predict", "reviews.csv", "x"]));
    assert!(message.contains("reviews.csv is a file: name the folder that `kiln train` left"), "{message}");
    fs::create_dir(folder.path().join("bert")).unwrap();
    fs::write(folder.path().join("bert/config.json"), "{\"model_type\": \"bert\"}").unwrap();
    for arguments in [["predict", "bert", "x"], ["evaluate", "bert", "reviews.csv"]] {
        let message = refused(&kiln(folder.path(), &arguments));
        assert!(message.contains("bert/config.json is not from Kiln"), "{message}");
    }
    for file in 0..20 {
        fs::write(folder.path().join(format!("note-{file:02}")), "").unwrap();
    }
    // Two folders with a config.json: neither is guessed.
    let message = refused(&kiln(folder.path(), &["evaluate", ".", "reviews.csv"]));
    assert!(message.contains("note-08 and 13 more") && !message.contains("did you mean"), "{message}");
    fs::remove_dir_all(folder.path().join("bert")).unwrap();
    let message = refused(&kiln(folder.path(), &["evaluate", ".", "reviews.csv"]));
    assert!(message.contains("did you mean the folder \"reviews\" in it?"), "{message}");
}

#[test]
fn a_picture_that_cannot_be_drawn_takes_no_report_away() {
    let folder = with_model();
    let evaluate = |more: &[&str]| kiln(folder.path(), &[&["evaluate", "reviews", "reviews.csv"], more].concat());
    let output = evaluate(&["--confusion", "c.xyz"]);
    assert!(output.stdout.is_empty(), "the ending is checked first");
    assert!(refused(&output).contains("--confusion should be a file that ends in .svg or .png, found c.xyz"));
    let output = evaluate(&["--confusion", "nowhere/c.svg"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("macro average"), "{output:?}");
    assert!(refused(&output).contains("nowhere"));
    for (samples, is_right) in [("0", true), ("100", true), ("7", false), ("100001", false)] {
        let output = evaluate(&["--bootstrap", samples]);
        match is_right {
            true => assert!(told(&output).contains("macro average")),
            false => assert!(refused(&output).contains("--bootstrap should be 0 or from 100 to 100,000"), "{samples}"),
        }
    }
}

#[test]
fn negative_numbers_are_values() {
    let folder = with_model();
    for arguments in [
        &["predict", "reviews", "x", "--top-k", "-1"][..],
        &["evaluate", "reviews", "reviews.csv", "--bootstrap", "-1"],
        &["train", "reviews.csv", "--model", "cnn", "--epochs", "-1"],
        &["train", "reviews.csv", "--seed", "-1"],
        &["vectors", "train", "reviews.csv", "--output", "v.txt", "--seed", "-1"],
        &["vectors", "train", "reviews.csv", "--output", "v.txt", "--workers", "-1"],
        &["vectors", "train", "reviews.csv", "--output", "v.txt", "--epochs", "-1"],
        &["vectors", "query", "v.txt", "a", "--limit", "-1"],
    ] {
        let message = misused(folder.path(), arguments);
        assert!(message.contains("invalid value '-1' for '--"), "{arguments:?}: {message}");
        assert!(message.contains("expected a whole number, 0 or more"), "{arguments:?}: {message}");
    }
    let message = refused(&kiln(folder.path(), &["predict", "reviews", "x", "--threshold", "-1"]));
    assert!(message.contains("--threshold should be a probability from 0 to 1, found -1"), "{message}");
    let predicted = told(&kiln(folder.path(), &["predict", "reviews", "-5", "--json"]));
    assert!(predicted.contains("\"text\":\"-5\""), "{predicted}");
    let predicted = told(&kiln(folder.path(), &["predict", "reviews", "--json", "--", "-5 degrees"]));
    assert!(predicted.contains("\"text\":\"-5 degrees\""), "{predicted}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_called_the_standard_output() {
    use std::process::{Command, Stdio};

    let folder = with_model();
    for arguments in
        [&["predict", "reviews", "x"][..], &["evaluate", "reviews", "reviews.csv"], &["info", "reviews"], &["device"]]
    {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
        command.args(arguments).current_dir(folder.path()).env("KILN_DEVICE", "flex").stdin(Stdio::null());
        let message = refused(&command.stdout(full).output().unwrap());
        assert!(message.contains("cannot write to the standard output: No space left"), "{arguments:?}: {message}");
    }
}

#[test]
fn training_shows_each_strength_and_the_epoch_that_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("reviews.csv"), csv(240)).unwrap();
    let train = |more: &[&str]| told(&kiln(folder.path(), &[&["train", "reviews.csv", "--overwrite"], more].concat()));
    let trained = train(&[]);
    for expected in ["words, signs and pairs of these from ", "runs of 1 to 4 characters from ", "\nC 1: log loss 0."] {
        assert!(trained.contains(expected), "{expected}: {trained}");
    }
    let trained = train(&["--model", "cnn", "--unit", "words", "--epochs", "1"]);
    assert!(trained.contains("the weights are those of epoch 1\n") && !trained.contains("stopped: "), "{trained}");
    let trained = train(&["--model", "cnn", "--unit", "words", "--minutes", "0.0001"]);
    assert!(trained.contains("stopped: ") && trained.contains("0.0001 minutes was reached\n"), "{trained}");
}

#[test]
fn a_class_without_rows_is_named() {
    let folder = with_model();
    let (table, mut positive) = (csv(120), String::new());
    for line in table.lines().filter(|line| !line.ends_with("negative")) {
        positive += &format!("{line}\n");
    }
    fs::write(folder.path().join("one.csv"), positive).unwrap();
    let report =
        told(&kiln(folder.path(), &["evaluate", "reviews", "one.csv", "--text", "review", "--label", "sentiment"]));
    assert!(report.contains("1 class has no rows here and counts as 0 in macro averages: negative"), "{report}");
}

#[test]
fn vectors_are_scored_on_the_files_that_can_be_scored() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("v.txt", b"4 2\na 1 0\nb 1 1\nc 0 1\nd -1 0\n");
    write("pairs.txt", b"a\tb\t8\na\tc\t3\na\td\t1\n");
    write("other.txt", b"x\ty\t8\ny\tz\t2\n");
    let evaluate = |more: &[&str]| kiln(folder.path(), &[&["vectors", "evaluate", "v.txt"], more].concat());
    let output = evaluate(&["--similarity", "other.txt", "pairs.txt"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("pairs.txt"), "{output:?}");
    let message = refused(&output);
    assert!(message.contains("other.txt") && message.contains("found 0: 2 pairs have a word without one"), "{message}");
    assert!(!message.contains("--delimiter"), "{message}");
    let message = refused(&evaluate(&[]));
    assert!(message.contains("--similarity") && message.contains("--analogies"), "{message}");
    write("cut.bin", b"2 2\na \0\0");
    let message = refused(&kiln(folder.path(), &["vectors", "query", "cut.bin", "a", "--from", "word2vec-binary"]));
    assert!(message.contains("inside word 1") && !message.contains("--limit"), "{message}");
}

#[test]
fn a_finished_training_of_vectors_says_so() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("corpus.txt"), "a b c d\n".repeat(50)).unwrap();
    let train = |output: &str, more: &[&str]| {
        let train = ["vectors", "train", "corpus.txt", "--d", "4", "--state", "s.model", "--output", output];
        kiln(folder.path(), &[&train[..], more].concat())
    };
    told(&train("v.txt", &["--epochs", "2"]));
    let message = refused(&train("w.txt", &["--epochs", "1", "--resume"]));
    assert!(message.contains("has 2 epochs, which is more than the 1 of --epochs"), "{message}");
    let again = train("w.txt", &["--epochs", "2", "--resume"]);
    assert!(!told(&again).contains("trained in"), "{again:?}");
    assert!(String::from_utf8_lossy(&again.stderr).contains("all epochs are done"), "{again:?}");
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert!(read("v.txt") == read("w.txt"), "the same vectors");
}
