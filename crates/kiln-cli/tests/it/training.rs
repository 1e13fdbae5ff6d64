//! What `kiln train` makes of its options, and of files for validation and test.

use std::fs;

use crate::{csv, kiln, refused, reviews, told};

#[test]
fn auto_says_by_what_it_chooses() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("reviews.csv"), csv(240)).unwrap();
    for (more, what) in [(&[][..], "log loss"), (&["--class-weight", "balanced"], "macro F1")] {
        let auto = ["train", "reviews.csv", "--model", "auto", "--epochs", "1", "--unit", "words", "--overwrite"];
        let trained = told(&kiln(folder.path(), &[&auto[..], more].concat()));
        let choice = trained.lines().find(|line| line.starts_with("auto keeps the ")).unwrap();
        assert!(choice.contains(&format!(": {what} ")), "{choice}");
        let kept = if choice.contains("keeps the network") { "the network" } else { "the linear model" };
        assert!(trained.contains(&format!("reviews holds {kept}")), "{trained}");
    }
}

#[test]
fn minutes_end_a_network_and_must_be_a_time() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("reviews.csv"), csv(240)).unwrap();
    let train = |more: &[&str]| kiln(folder.path(), &[&["train", "reviews.csv", "--unit", "words"], more].concat());
    let trained = told(&train(&["--model", "cnn", "--epochs", "50", "--minutes", "0.0001"]));
    let epochs = trained.lines().filter(|line| line.starts_with("epoch ")).count();
    assert_eq!(epochs, 1, "{trained}");
    for minutes in ["0", "-1", "inf", "nan", "1e30", "1e-12"] {
        let message = refused(&train(&["--model", "cnn", "--overwrite", "--minutes", minutes]));
        assert!(message.contains("--minutes should be above 0"), "{minutes}: {message}");
    }
    let message = refused(&train(&["--epochs", "3", "--overwrite"]));
    assert!(message.contains("--epochs is for a network"), "{message}");
}

#[test]
fn a_network_that_has_ended_says_by_which_option_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("reviews.csv"), csv(120)).unwrap();
    let train = |file: &str, more: &[&str]| {
        told(&kiln(folder.path(), &[&["train", file, "--unit", "words", "--model", "cnn"], more].concat()))
    };
    assert!(!train("reviews.csv", &["--epochs", "1"]).contains("raise --epochs"));
    let again = train("reviews.csv", &["--epochs", "1", "--resume"]);
    assert!(again.contains("\nto train it further, raise --epochs above 1\n"), "{again}");
    assert!(!train("reviews.csv", &["--epochs", "2", "--resume"]).contains("raise --epochs"));
    // Labels that the texts do not tell: the validation loss soon rises.
    let mut state = 1_u64;
    let mut below = |count: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % count
    };
    let mut noise = "text,label\n".to_owned();
    for row in 0..240 {
        let words: Vec<String> = (0..8).map(|_| format!("word{}", below(60))).collect();
        noise += &format!("{} {row},{}\n", words.join(" "), ["a", "b"][below(2) as usize]);
    }
    fs::write(folder.path().join("noise.csv"), noise).unwrap();
    let trained = train("noise.csv", &["--epochs", "60"]);
    assert!(trained.contains("stopped: val_loss has not improved for 2 epochs"), "{trained}");
    let again = train("noise.csv", &["--epochs", "60", "--resume"]);
    assert!(again.contains("would end again at once") && !again.contains("patience"), "{again}");
    assert!(again.contains("give `--overwrite` in place of `--resume`"), "{again}");
}

#[test]
fn ready_vectors_are_read_as_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("reviews.csv", csv(240).as_bytes());
    write("words.txt", b"film 0.5 0.25\nlovely 1 0\ndull 0 1\nfa\xe7ade 1 1\n");
    let train = |more: &[&str]| {
        let train =
            ["train", "reviews.csv", "--model", "cnn", "--epochs", "1", "--overwrite", "--vectors", "words.txt"];
        kiln(folder.path(), &[&train[..], more].concat())
    };
    let trained = told(&train(&["--vectors-limit", "2"]));
    assert!(trained.lines().any(|line| line.starts_with("2 of ") && line.contains("have a vector of 2")), "{trained}");
    let message = refused(&train(&[]));
    assert!(message.contains("`--vectors-unicode-errors replace`"), "{message}");
    told(&train(&["--vectors-unicode-errors", "replace"]));
    assert!(refused(&train(&["--vectors-limit", "0"])).contains("--vectors-limit should be at least 1"));
}

#[test]
fn other_files_have_the_columns_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let rows = reviews(120);
    let line = |(text, label): &(String, &str)| format!("\"{text}\",{label}\n");
    write("train.csv", &format!("alpha,beta\n{}", rows.iter().map(line).collect::<String>()));
    // Its texts are shorter than its labels, and one of them is in the first file too.
    let shared = &rows[5].0;
    let short = "dull,negative\nfine,positive\npoor,negative\n".repeat(10);
    write("valid.csv", &format!("alpha,beta\n{short}\"{shared}\",{}\n", rows[5].1));
    write("test.txt", "__label__negative dull\n__label__positive fine\n");
    let trained = told(&kiln(folder.path(), &["train", "train.csv", "--valid", "valid.csv", "--test", "test.txt"]));
    for expected in [
        "valid.csv: columns separated by ',', with a header, texts in \"alpha\", labels in \"beta\"",
        "1 of the 31 texts of valid.csv are also among the texts to learn from",
        "test.txt: fastText's lines",
        "120 texts to learn from, 31 to validate on",
        "on 2 texts of the test part",
    ] {
        assert!(trained.contains(expected), "{expected}: {trained}");
    }
    assert!(!trained.contains("texts of test.txt are also"), "{trained}");
}

#[test]
fn a_column_with_the_name_of_another_is_named_by_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let line = |(text, label): &(String, &str)| {
        let length = if text.len().is_multiple_of(2) { "even" } else { "odd" };
        format!("\"{text}\",{length},{label}\n")
    };
    let rows: String = reviews(120).iter().map(line).collect();
    fs::write(folder.path().join("twice.csv"), format!("text,label,label\n{rows}")).unwrap();
    let info = told(&kiln(folder.path(), &["info", "twice.csv"]));
    assert!(info.contains("; \"label\" would also do: --label 2") && info.contains("\n  odd: "), "{info}");
    let train = ["train", "twice.csv", "--label", "2", "--test", "twice.csv", "--unit", "words"];
    let trained = told(&kiln(folder.path(), &train));
    assert!(
        trained.contains("labels in \"label\"\n") && trained.contains("on 120 texts of the test part"),
        "{trained}"
    );
    assert!(trained.contains("negative") && !trained.contains("odd"), "{trained}");
}
