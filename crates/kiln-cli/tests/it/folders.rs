//! The folder that `kiln train` writes into: its name, what it may replace, and what is refused before anything is
//! trained.

use std::fs;
use std::path::Path;
#[cfg(target_os = "linux")]
use std::process::{Command, Stdio};

use crate::{csv, kiln, refused, told};

/// The files of a model.
const FILES: [&str; 3] = ["config.json", "tokenizer.json", "model.safetensors"];

/// A folder with texts in `reviews.csv`.
fn with_reviews() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("reviews.csv"), csv(120)).unwrap();
    folder
}

/// `kiln train` of the reviews.
fn train(folder: &Path, more: &[&str]) -> std::process::Output {
    kiln(folder, &[&["train", "reviews.csv", "--unit", "words"], more].concat())
}

/// A file that is always full.
#[cfg(target_os = "linux")]
fn full() -> Stdio {
    fs::File::options().write(true).open("/dev/full").unwrap().into()
}

/// `kiln train` of the reviews, with nothing of it run yet.
#[cfg(target_os = "linux")]
fn command(folder: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
    command.args(["train", "reviews.csv", "--unit", "words"]).args(more).current_dir(folder);
    command.env("KILN_DEVICE", "flex").stdin(Stdio::null());
    command
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_old_model() {
    let folder = with_reviews();
    told(&train(folder.path(), &[]));
    let files = || FILES.map(|name| fs::read(folder.path().join("reviews").join(name)).unwrap());
    let old = files();
    // Files may have three blocks of 512 bytes: the weights fit, the tokenizer does not.
    assert!(old[2].len() < 3 * 512 && old[1].len() > 3 * 512, "{}, {}", old[2].len(), old[1].len());
    fs::write(folder.path().join("reviews.csv"), csv(110)).unwrap();
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 3; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_kiln")]);
    limited.args(["train", "reviews.csv", "--unit", "words", "--overwrite"]).current_dir(folder.path());
    let message = refused(&limited.stdin(Stdio::null()).output().unwrap());
    assert!(message.contains("cannot write reviews/tokenizer.json"), "{message}");
    assert!(files() == old, "the old model was changed");
    told(&train(folder.path(), &["--overwrite"]));
    assert!(files()[2] != old[2], "the new model has the same weights");
}

#[test]
fn files_of_another_program_are_not_replaced() {
    let folder = with_reviews();
    let hf = folder.path().join("hf");
    fs::create_dir(&hf).unwrap();
    for (name, text) in FILES.into_iter().zip([r#"{"model_type": "bert"}"#, "{}", "weights"]) {
        fs::write(hf.join(name), text).unwrap();
    }
    for more in [&["--output", "hf"][..], &["--output", "hf", "--overwrite"]] {
        let message = refused(&train(folder.path(), more));
        let expected = "hf holds files that are not from Kiln (config.json, tokenizer.json, model.safetensors): name";
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(fs::read_to_string(hf.join("model.safetensors")).unwrap(), "weights");
    // A model of Kiln without its config.json is a run's own.
    told(&train(folder.path(), &["--output", "m"]));
    fs::remove_file(folder.path().join("m/config.json")).unwrap();
    told(&train(folder.path(), &["--output", "m", "--overwrite"]));
    fs::remove_file(folder.path().join("m/config.json")).unwrap();
    fs::write(folder.path().join("m/vocab.txt"), "film").unwrap();
    let message = refused(&train(folder.path(), &["--output", "m", "--overwrite"]));
    assert!(message.contains("not from Kiln (tokenizer.json, model.safetensors)"), "{message}");
}

#[test]
fn a_network_that_was_stopped_goes_on_and_what_cannot_go_on_is_refused_first() {
    let folder = with_reviews();
    let cnn = ["--model", "cnn", "--epochs", "1"];
    told(&train(folder.path(), &cnn));
    let message = refused(&train(folder.path(), &cnn));
    assert!(message.contains("continue its network with --resume, replace it with --overwrite"), "{message}");
    let message = refused(&train(folder.path(), &[]));
    assert!(message.contains("--overwrite") && !message.contains("--resume"), "{message}");
    fs::write(folder.path().join("reviews.csv"), csv(110)).unwrap();
    let output = train(folder.path(), &[&cnn[..], &["--resume"]].concat());
    let message = refused(&output);
    assert!(message.contains("cannot resume"), "{message}");
    let before = String::from_utf8_lossy(&output.stdout);
    assert!(before.contains("network: cnn") && !before.contains("linear model: "), "{before}");
}

#[test]
fn a_network_that_was_stopped_before_there_was_a_model_is_kept() {
    let folder = with_reviews();
    let cnn = ["--model", "cnn", "--epochs", "1"];
    told(&train(folder.path(), &cnn));
    // As a stopped training leaves it if texts have several labels, for which there is no linear model.
    FILES.iter().for_each(|name| fs::remove_file(folder.path().join("reviews").join(name)).unwrap());
    for more in [&[][..], &cnn] {
        let message = refused(&train(folder.path(), more));
        let (is_there, resume) = ("reviews already holds a network whose training was stopped: ", "with --resume, ");
        assert!(message.contains(is_there) && message.contains("replace it with --overwrite"), "{message}");
        assert_eq!(message.contains(resume), !more.is_empty(), "{message}");
    }
    for arguments in
        [&["predict", "reviews", "a film"][..], &["evaluate", "reviews", "reviews.csv"], &["info", "reviews"]]
    {
        let message = refused(&kiln(folder.path(), arguments));
        assert!(message.contains("reviews holds no model yet") && message.contains("with --resume"), "{message}");
    }
    let resumed = told(&train(folder.path(), &[&cnn[..], &["--resume"]].concat()));
    assert!(resumed.contains("resumed from") && resumed.contains("reviews holds the network"), "{resumed}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_is_refused_before_anything_is_read() {
    let folder = with_reviews();
    // Not even the administrator can make a file in it.
    let output = train(folder.path(), &["--output", "/proc/self"]);
    let message = refused(&output);
    assert!(message.contains("cannot write into /proc/self; name another folder with --output"), "{message}");
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[cfg(target_os = "linux")]
#[test]
fn an_unknown_device_is_refused_before_anything_is_read_and_a_linear_model_needs_none() {
    let folder = with_reviews();
    let train = |more: &[&str]| command(folder.path(), more).env("KILN_DEVICE", "abacus").output().unwrap();
    let output = train(&["--model", "cnn"]);
    let message = refused(&output);
    assert!(message.contains("'abacus'") && message.contains("no backend of that name"), "{message}");
    assert!(message.contains("auto, cpu, "), "{message}");
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(!folder.path().join("reviews").exists());
    told(&train(&[]));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_output_ends_no_training() {
    let folder = with_reviews();
    // The network's device is named on the standard error.
    let cnn = ["--model", "cnn", "--epochs", "1", "--output", "cnn"];
    told(&command(folder.path(), &cnn).stderr(full()).output().unwrap());
    let message = refused(&command(folder.path(), &[]).stdout(full()).stderr(Stdio::piped()).output().unwrap());
    assert!(message.contains("cannot write to the standard output: "), "{message}");
    told(&kiln(folder.path(), &["predict", "reviews", "a fine film"]));
}

#[test]
fn a_folder_is_named_like_the_file_without_a_known_ending() {
    let folder = tempfile::tempdir().unwrap();
    for (file, output) in [
        ("v1.2.en.csv", "v1.2.en"),
        ("train.de.csv", "train.de"),
        ("train.en.CSV", "train.en"),
        ("reviews", "reviews-model"),
        ("reviews.v2", "reviews.v2-model"),
    ] {
        fs::write(folder.path().join(file), csv(60)).unwrap();
        let trained = told(&kiln(folder.path(), &["train", file, "--unit", "words"]));
        assert!(trained.contains(&format!("\n{output} holds the linear model")), "{file}: {trained}");
        assert!(folder.path().join(output).join("config.json").exists(), "{file}");
    }
}

#[cfg(unix)]
#[test]
fn an_output_by_a_link_is_looked_at_where_it_leads() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("texts/good")).unwrap();
    fs::write(at("texts/good/a.txt"), "a fine film").unwrap();
    symlink("texts", at("link")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    for (output, expected) in [
        ("link", "link is inside the folder of the texts: name another folder with --output"),
        ("link/model", "link/model is inside the folder of the texts: name another folder with --output"),
        ("dangling", "dangling is a link to a folder that does not exist: make that folder, or name another"),
        ("/dev/null", "/dev/null is a pipe or a device: name another folder with --output"),
        ("texts/good/a.txt", "is inside the folder of the texts"),
    ] {
        let message = refused(&kiln(folder.path(), &["train", "texts", "--output", output]));
        assert!(message.contains(expected), "{output}: {message}");
    }
    let names: Vec<_> = fs::read_dir(at("texts")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["good"]);
    // A folder next to the texts, by a path that goes through theirs.
    let message = refused(&kiln(folder.path(), &["train", "texts", "--output", "texts/../model"]));
    assert!(!message.contains("inside"), "{message}");
}
