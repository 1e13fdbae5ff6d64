//! What `kiln predict` and `kiln info` make of a model's folder, and of lines that come one at a time.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::{csv, kiln, refused, told};

#[test]
fn a_line_is_answered_while_the_input_is_open() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("reviews.csv"), csv(120)).unwrap();
    told(&kiln(folder.path(), &["train", "reviews.csv", "--unit", "words"]));
    let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
    command.args(["predict", "reviews"]).current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (sender, lines) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        BufReader::new(output).lines().map_while(Result::ok).for_each(|line| sender.send(line).unwrap());
    });
    for (text, label) in [("a lovely, bright film", "positive"), ("a dull and poor film", "negative")] {
        writeln!(input, "{text}").unwrap();
        input.flush().unwrap();
        // The input stays open, so that only an answer to the line ends the wait.
        let line = lines.recv_timeout(Duration::from_secs(120)).unwrap();
        assert!(line.starts_with(&format!("{label}\t")) && line.ends_with(text), "{line}");
    }
    input.write_all(b"caf\xe9\n").unwrap();
    drop(input);
    assert!(!child.wait().unwrap().success(), "a line that is not UTF-8");
    reader.join().unwrap();
}

#[test]
fn a_threshold_hides_the_predicted_class_and_shows_no_other() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("reviews.csv"), csv(120)).unwrap();
    told(&kiln(folder.path(), &["train", "reviews.csv", "--unit", "words"]));
    let predict =
        |more: &[&str]| told(&kiln(folder.path(), &[&["predict", "reviews", "a lovely, bright film"], more].concat()));
    assert!(predict(&["--threshold", "0.5"]).starts_with("positive\t0."));
    // A model that says "positive" only where it is nearly certain, edited by hand and so without a checksum.
    let path = folder.path().join("reviews/config.json");
    let mut config: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    config.as_object_mut().unwrap().remove("checksum");
    config["threshold"] = serde_json::json!(0.999_999);
    fs::write(&path, config.to_string()).unwrap();
    assert!(predict(&[]).starts_with("negative\t0."));
    assert_eq!(predict(&["--threshold", "0.5"]), "\ta lovely, bright film\n");
}

#[test]
fn info_refuses_the_config_of_another_program() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| {
        fs::create_dir_all(folder.path().join("bert")).unwrap();
        fs::write(folder.path().join("bert/config.json"), text).unwrap();
    };
    for config in ["{\"model_type\": \"bert\"}", "{\"format\": \"pt\", \"kind\": \"x\"}", "{\"format\": 2}", "[]"] {
        write(config);
        let message = refused(&kiln(folder.path(), &["info", "bert"]));
        assert!(message.contains("config.json is not from Kiln") && !message.contains("null"), "{config}: {message}");
    }
}
