//! `kiln vectors`: from a corpus to vectors, and what is asked of them.

use std::fs;
use std::path::Path;

use crate::{kiln, refused, told};

/// Sentences in which the words of a pair stand at the same places.
fn corpus() -> String {
    let nouns = ["cat", "dog", "bird", "horse"];
    let line = |row: usize| format!("the {} eats in the {}\n", nouns[row % 4], ["house", "garden"][row / 4 % 2]);
    (0..400).map(line).collect()
}

#[test]
fn vectors_are_trained_asked_converted_and_judged() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| kiln(folder.path(), &[&["vectors"], arguments].concat());
    fs::write(folder.path().join("corpus.txt"), corpus()).unwrap();
    fs::write(folder.path().join("pairs.txt"), "cat\tdog\t8\ncat\tgarden\t2\ncat\tunicorn\t1\ndog\thouse\t3\n")
        .unwrap();
    fs::write(folder.path().join("questions.txt"), ": places\ncat house dog garden\n").unwrap();
    let trained = told(&run(&["train", "corpus.txt", "--output", "v.txt", "--d", "8", "--epochs", "2"]));
    assert!(trained.contains("9 words of 8 dimensions"), "{trained}");
    let near = told(&run(&["query", "v.txt", "cat", "--top-k", "2"]));
    assert_eq!(near.lines().filter(|line| line.starts_with("cat\t")).count(), 2, "{near}");
    for (from, to) in [("v.txt", "v.bin"), ("v.bin", "v.safetensors"), ("v.safetensors", "again.txt")] {
        told(&run(&["convert", from, to]));
    }
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert!(read("v.txt") == read("again.txt"), "three formats on, the same vectors");
    let judged = told(&run(&["evaluate", "v.bin", "--similarity", "pairs.txt", "--analogies", "questions.txt"]));
    assert!(judged.contains("pairs.txt") && judged.contains("places"), "{judged}");
    assert!(told(&run(&["query", "v.txt", "--analogy", "cat", "house", "dog"])).lines().count() > 0);
    for (arguments, expected) in [
        (&["train", "corpus.txt", "--output", "v.txt"][..], "--overwrite"),
        (&["train", "corpus.txt", "--output", "nowhere/v.txt"], "there is no folder nowhere"),
        (&["train", "corpus.txt", "--output", "v.xyz"], ".txt, .vec, .bin or .safetensors"),
        (&["train", "corpus.txt", "--output", "w.txt", "--min-count", "1000"], "--min-count"),
        (&["query", "v.txt", "hose"], "the closest spellings are \"house\", \"horse\""),
        (&["query", "nowhere.txt", "cat"], "nowhere.txt"),
        (&["query", "pairs.txt", "cat"], "pairs.txt"),
        (&["convert", "v.txt", "v.bin"], "already exists"),
    ] {
        let message = refused(&run(arguments));
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
    assert!(!folder.path().join("w.txt").exists());
}

/// A folder with `corpus.txt`, and vectors of it in `v.txt`.
fn with_vectors() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("corpus.txt"), corpus()).unwrap();
    told(&trained(folder.path(), "corpus.txt", "v.txt", &[]));
    folder
}

/// Trains the same small vectors each time.
fn trained(folder: &Path, corpus: &str, output: &str, more: &[&str]) -> std::process::Output {
    let train = ["vectors", "train", corpus, "--output", output, "--deterministic", "--vector-size", "8"];
    kiln(folder, &[&train[..], more].concat())
}

#[test]
fn the_same_command_makes_the_same_vectors() {
    let folder = with_vectors();
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    fs::write(folder.path().join("upper.txt"), corpus().to_uppercase()).unwrap();
    for (corpus, output, more, is_same) in [
        ("corpus.txt", "again.txt", &[][..], true),
        ("corpus.txt", "threads.txt", &["--workers", "3", "--alpha", "0.05"], true),
        ("corpus.txt", "names.txt", &["--threads", "1", "--learning-rate", "0.05", "--seed", "1"], true),
        ("corpus.txt", "seed.txt", &["--seed", "2"], false),
        ("upper.txt", "lower.txt", &["--lowercase"], true),
        ("upper.txt", "capitals.txt", &[], false),
    ] {
        told(&trained(folder.path(), corpus, output, more));
        assert_eq!(read(output) == read("v.txt"), is_same, "{output}");
    }
    // Nothing but the files that were asked for.
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.starts_with('.')).collect::<Vec<_>>(), [""; 0]);
    for (more, expected) in [
        (&["--vector-size", "0"][..], "--vector-size should be at least 1, found 0"),
        (&["--alpha", "-1"], "--alpha should be above 0, found -1"),
        (&["--workers", "5000"], "--workers should be at most 1,024, found 5000"),
    ] {
        let arguments = [&["vectors", "train", "corpus.txt", "--output", "w.txt"], more].concat();
        let message = refused(&kiln(folder.path(), &arguments));
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn vectors_are_read_as_they_are_asked_for() {
    let folder = with_vectors();
    let run = |arguments: &[&str]| kiln(folder.path(), &[&["vectors"], arguments].concat());
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let near = told(&run(&["query", "v.txt", "cat", "--topn", "2", "--json", "--analogy", "cat", "dog", "bird"]));
    let answers: Vec<serde_json::Value> = near.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((answers.len(), &answers[0]["word"]), (2, &serde_json::json!("cat")));
    assert_eq!(answers[1]["analogy"], serde_json::json!(["cat", "dog", "bird"]));
    for answer in &answers {
        let nearest = answer["nearest"].as_array().unwrap();
        let cosines: Vec<f64> = nearest.iter().map(|near| near["cosine"].as_f64().unwrap()).collect();
        assert!(cosines.len() == 2 && cosines[0] >= cosines[1], "{answer}");
    }
    told(&run(&["convert", "v.txt", "few.txt", "--limit", "3"]));
    assert!(read("few.txt").starts_with("3 8\n") && read("few.txt").lines().count() == 4);
    told(&run(&["convert", "v.txt", "v.data", "--to", "glove"]));
    assert_eq!(read("v.data").lines().collect::<Vec<_>>(), read("v.txt").lines().skip(1).collect::<Vec<_>>());
    fs::write(folder.path().join("latin.txt"), b"2 2\nfa\xe7ade 1 2\nhouse 3 4\n").unwrap();
    let message = refused(&run(&["query", "latin.txt", "house"]));
    assert!(message.contains("`--unicode-errors replace`"), "{message}");
    let near = told(&run(&["query", "latin.txt", "house", "--unicode-errors", "replace"]));
    assert!(near.starts_with("house\tfa\u{fffd}ade\t"), "{near}");
    fs::write(folder.path().join("short.txt"), "3 2\na 1 2\nb 3 4\n").unwrap();
    let message = refused(&run(&["query", "short.txt", "a"]));
    assert!(message.contains("`--limit 2`"), "{message}");
    assert!(told(&run(&["query", "short.txt", "a", "--limit", "2"])).starts_with("a\tb\t"));
}

#[test]
fn a_training_goes_on_from_its_state() {
    let folder = with_vectors();
    let train = |output: &str, more: &[&str]| {
        trained(folder.path(), "corpus.txt", output, &[&["--state", "s.model"], more].concat())
    };
    told(&train("two.txt", &["--epochs", "2"]));
    let resumed = train("four.txt", &["--epochs", "4", "--resume"]);
    assert!(told(&resumed).contains("four.txt: 9 words of 8 dimensions"));
    let said = String::from_utf8(resumed.stderr).unwrap();
    let epochs: Vec<&str> =
        said.lines().filter_map(|line| line.strip_prefix("epoch ")).map(|line| &line[..6]).collect();
    assert_eq!(epochs, ["3 of 4", "4 of 4"], "{said}");
    fs::write(folder.path().join("other.txt"), corpus().replace("cat", "cow")).unwrap();
    fs::write(folder.path().join("not.model"), "text").unwrap();
    for (message, expected) in [
        (refused(&train("w.txt", &[])), "s.model already exists: continue it with --resume"),
        (refused(&train("w.txt", &["--resume", "--window", "3"])), "window was 5 and is now 3"),
        (
            refused(&trained(folder.path(), "corpus.txt", "w.txt", &["--state", "t.model", "--resume"])),
            "t.model does not exist",
        ),
        (refused(&trained(folder.path(), "other.txt", "w.txt", &["--state", "s.model", "--resume"])), "another corpus"),
    ] {
        assert!(message.contains(expected), "{message}");
    }
    let message = refused(&trained(folder.path(), "corpus.txt", "w.txt", &["--state", "not.model", "--resume"]));
    assert!(message.contains("not.model") && !message.contains("::"), "{message}");
}

#[cfg(unix)]
#[test]
fn a_signal_saves_the_training_and_says_how_to_continue() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("corpus.txt"), corpus().repeat(50)).unwrap();
    let train = ["vectors", "train", "corpus.txt", "--output", "v.txt", "--vector-size", "8", "--state", "s.model"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_kiln"))
        .args(train)
        .args(["--epochs", "1000000"])
        .current_dir(folder.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("epoch ") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "no epoch ended");
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{rest}");
    assert!(
        rest.contains("the training is saved in s.model: to continue, run the same command with --resume"),
        "{rest}"
    );
    assert!(!folder.path().join("v.txt").exists());
    let done = 1 + rest.lines().filter(|line| line.starts_with("epoch ")).count();
    let resumed = kiln(folder.path(), &[&train[..], &["--epochs", &(done + 1).to_string(), "--resume"]].concat());
    assert!(told(&resumed).contains("v.txt: 9 words of 8 dimensions"));
    let said = String::from_utf8(resumed.stderr).unwrap();
    assert!(said.contains(&format!("after {done} epochs")), "{said}");
}

#[cfg(unix)]
#[test]
fn what_cannot_be_written_is_said_before_the_training() {
    use std::os::unix::fs::PermissionsExt;

    let folder = with_vectors();
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    // Root may write anywhere.
    if fs::write(closed.join("probe"), "").is_err() {
        let output = trained(folder.path(), "corpus.txt", "closed/v.txt", &[]);
        let message = refused(&output);
        assert!(message.contains("cannot write closed/v.txt: no file can be made in closed"), "{message}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("epoch "), "{message}");
    }
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
    // A device stays a device.
    std::os::unix::fs::symlink("/dev/null", folder.path().join("null.txt")).unwrap();
    for arguments in [
        &["convert", "v.txt", "/dev/null", "--to", "glove", "--overwrite"][..],
        &["convert", "v.txt", "null.txt", "--overwrite"],
        &["train", "corpus.txt", "--output", "null.txt", "--overwrite"],
    ] {
        let message = refused(&kiln(folder.path(), &[&["vectors"], arguments].concat()));
        assert!(message.contains("is a pipe or a device"), "{message}");
    }
    assert!(fs::symlink_metadata(folder.path().join("null.txt")).unwrap().is_symlink());
}
