//! `cargo xtask faults`: inputs that people really give to such a library, the expected behaviour, and whether it
//! holds. Each row names the tests with that input.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::{command, output};

/// An input, the expected behaviour, and the tests, by module and name.
struct Fault(&'static str, &'static str, &'static [&'static str]);

const FAULTS: [Fault; 36] = [
    Fault(
        "a byte order mark, CR LF, gzip under another name, in members, with zeros after it",
        "is read as the plain text",
        &[
            "input::text_in_every_guise_is_read_and_everything_else_refused",
            "odd_corpora::lines",
            "odd_corpora::delimited_rows",
            "odd_corpora::json_lines",
            "odd_corpora::the_penn_treebank",
            "odd_corpora::a_class_folder_drops_the_mark_and_names_what_is_no_text",
            "odd_vectors::vectors",
            "odd_vectors::counts_pairs_and_analogies",
            "word2vec::a_corpus_in_every_guise_is_read_or_named",
        ],
    ),
    Fault(
        "a byte order mark before a label or a tokenizer",
        "is dropped",
        &[
            "supervised::a_byte_order_mark_is_no_part_of_the_first_label",
            "odd_corpora::a_tokenizer_may_have_a_mark_and_must_be_text",
            "json::a_byte_order_mark_is_no_part_of_a_file",
        ],
    ),
    Fault(
        "UTF-16, tar, zip, xlsx, bz2, xz, zst, Parquet, NumPy, HDF5, a pointer of Git LFS, a folder, nothing",
        "is refused by name",
        &[
            "input::text_in_every_guise_is_read_and_everything_else_refused",
            "odd_corpora::lines",
            "odd_vectors::vectors",
        ],
    ),
    Fault(
        "Latin-1, UTF-16, broken UTF-8",
        "is read with `encoding`, and an error without",
        &["corpus_options::every_corpus_takes_an_encoding"],
    ),
    Fault("a page of the web in place of vectors", "is refused by name", &["bad_files::files_that_hold_no_vectors"]),
    Fault(
        "class folders with files of any name; hidden files",
        "are read with `any_extension`; never",
        &["odd_corpora::a_class_folder_reads_files_of_any_name_if_asked_and_never_hidden_ones"],
    ),
    Fault(
        "blanks around words and values, tabs, a blank header",
        "are read where they are unambiguous",
        &[
            "odd_vectors::blanks_around_words_and_between_values_count_for_nothing",
            "odd_vectors::what_could_be_read_in_two_ways_is_refused_with_its_line",
        ],
    ),
    Fault(
        "words that would come back as others",
        "are not written",
        &["odd_vectors::a_word_that_would_come_back_as_another_is_not_written"],
    ),
    Fault(
        "SimLex-999 as published",
        "is read by its columns",
        &["odd_vectors::the_columns_of_pairs_may_be_named_or_numbered"],
    ),
    Fault(
        "a term without documents, unsmoothed; logarithms of counts below 1",
        "an error names the term",
        &["vectorizers::a_weight_that_is_no_number_is_named"],
    ),
    Fault(
        "rows of NaN at prediction",
        "are refused",
        &["logistic::rows_that_hold_no_numbers_are_refused_at_prediction_too"],
    ),
    Fault(
        "NaN in a series",
        "is refused with its row and step",
        &["training::options_and_data_that_make_no_run_are_refused_before_anything_is_written"],
    ),
    Fault(
        "a loss that is no number",
        "ends the run, and names data and rate",
        &["broken_runs::a_loss_that_is_no_number_ends_the_run"],
    ),
    Fault(
        "word2vec whose subsampling drops every word",
        "is an error with the option",
        &["word2vec::a_training_that_drops_every_word_is_an_error"],
    ),
    Fault(
        "a fastText model with a label prefix of its own",
        "predicts the same after it is read again",
        &["supervised::a_chosen_prefix_survives_the_file"],
    ),
    Fault(
        "a tokenizer.json with truncation and dropout",
        "truncates, and drops nothing",
        &["subwords::of_a_file_truncation_is_applied_and_dropout_is_not"],
    ),
    Fault(
        "a run that early stopping ended, resumed with more patience",
        "goes on",
        &["training::a_run_that_early_stopping_ended_goes_on_with_more_patience_to_the_bits_of_one_never_stopped"],
    ),
    Fault(
        "another learning rate or batch size for the weights of a run",
        "`from_weights`",
        &["beginnings::a_run_starts_from_the_weights_of_another_with_other_options"],
    ),
    Fault(
        "labels swapped, rows exchanged before a run is resumed",
        "are noticed and named",
        &["beginnings::a_run_is_not_resumed_with_other_data"],
    ),
    Fault("an example piped into `head`", "ends quietly", &[PIPE]),
    Fault("the quickstart a second time", "replaces its own earlier run", &[TWICE]),
    Fault("a byte order mark before a text on the standard input of `predict`", "changes nothing", &[STDIN]),
    Fault(
        "quotes after a backslash, blanks before quotes",
        "are read with `escape` and `skip_initial_space`",
        &["corpus_options::quotes_may_be_escaped_and_spaces_dropped"],
    ),
    Fault(
        "JSON lines of Python: NaN, half a surrogate pair, `1.0` and `true` as labels; an object in several lines",
        "are read; the last is an error with its line",
        &["odd_corpora::json_lines_as_python_writes_them"],
    ),
    Fault(
        "a field that JSON lines do not have",
        "an error lists those they have",
        &["odd_corpora::json_lines_as_python_writes_them"],
    ),
    Fault(
        "texts shorter than a convolution's window",
        "are refused before the first step, or padded",
        &["training::rows_shorter_than_a_models_window_are_refused_before_the_first_step_or_padded"],
    ),
    Fault(
        "class names in two lists of different order",
        "cannot be: labels own the names",
        &["corpus_options::class_names_are_those_of_the_labels"],
    ),
    Fault(
        "a forgotten `label`",
        "is an error",
        &["corpus_options::class_names_are_those_of_the_labels", "beginnings::training_data_of_one_class_are_refused"],
    ),
    Fault(
        "`headers(false)` and a column's name",
        "an error says that columns have numbers",
        &["corpora::a_header_without_the_column_is_an_error"],
    ),
    Fault("a forgotten `headers(false)`", "is an error", &["corpus_options::a_first_row_with_a_label_is_no_header"]),
    Fault(
        "documents sorted by class, to be split",
        "are refused",
        &["documents::documents_sorted_by_class_are_not_split"],
    ),
    Fault(
        "labelled lines sorted by class",
        "are refused without `shuffle`",
        &["supervised::lines_sorted_by_label_need_to_be_shuffled"],
    ),
    Fault(
        "training data of one class",
        "are refused; of validation data it is told",
        &["beginnings::training_data_of_one_class_are_refused"],
    ),
    Fault(
        "more classes than the head has",
        "an error names `Head::for_classes`",
        &["training::data_beyond_the_model_is_refused_before_anything_is_written"],
    ),
    Fault(
        "the same texts in training and validation",
        "are counted and told, or refused",
        &["beginnings::rows_that_training_and_validation_share_are_counted"],
    ),
    Fault(
        "a worker of many that hangs, leaves, fails, or was started with another seed",
        "the others end in time, with an error that names it",
        &[
            "faults::a_rank_that_does_not_come_is_named_by_all_others",
            "faults::a_rank_that_left_is_missing_at_once",
            "faults::values_that_differ_name_their_ranks_and_equal_ones_pass",
            "shards::a_worker_whose_file_is_missing_ends_the_others_with_its_reason",
        ],
    ),
];

/// Checks of whole programs, which no test of a crate covers.
const PIPE: &str = "a closed pipe";
const TWICE: &str = "twice in one folder";
const STDIN: &str = "a marked text on the standard input";

/// Prints for each input whether the expected behaviour holds.
pub(crate) fn faults(root: &Path) -> Result<()> {
    let mut holds = of_tests(root)?;
    let scratch = tempfile::tempdir()?;
    for (name, checked) in programs(root, scratch.path()) {
        if let Err(error) = &checked {
            eprintln!("{name}: {error:?}");
        }
        holds.insert(name.to_owned(), checked.is_ok());
    }
    let mut broken = 0;
    for Fault(input, expected, tests) in FAULTS {
        let missing: Vec<&&str> = tests.iter().filter(|&&test| !holds.contains_key(test)).collect();
        ensure!(missing.is_empty(), "there is no test {missing:?}");
        let is_well = tests.iter().all(|&test| holds[test]);
        broken += usize::from(!is_well);
        println!(
            "{}  {input}\n        {expected}\n        {}",
            if is_well { "ok    " } else { "BROKEN" },
            tests.join(", ")
        );
    }
    ensure!(broken == 0, "{broken} of {} do not hold", FAULTS.len());
    println!("all {} hold", FAULTS.len());
    Ok(())
}

/// Runs the named tests, and returns which passed.
fn of_tests(root: &Path) -> Result<HashMap<String, bool>> {
    // This feature separately: together with the other crates, all of Burn would be built again.
    let subwords = "test --release --locked -p kiln-text --features subwords";
    let (mut holds, names) = (HashMap::new(), FAULTS.iter().flat_map(|fault| fault.2));
    let (of_subwords, others): (Vec<&str>, Vec<&str>) = names.copied().partition(|name| name.starts_with("subwords::"));
    for (tests, names) in [(crate::ci::TESTS, others), (subwords, of_subwords)] {
        let mut command = command(root, "cargo", tests);
        command.args(["--test", "it", "--no-fail-fast", "--", "--exact"]).args(names).stderr(Stdio::inherit());
        let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        let outcomes = lines.lines().filter_map(|line| line.strip_prefix("test ")?.rsplit_once(" ... "));
        let before = holds.len();
        for (name, outcome) in outcomes {
            // If two tests have the same name, both must pass.
            let is_ok = outcome == "ok";
            holds.entry(name.to_owned()).and_modify(|all| *all &= is_ok).or_insert(is_ok);
        }
        ensure!(holds.len() > before, "the tests were not built: {command:?} ended with {}", output.status);
    }
    Ok(holds)
}

/// The checks of whole programs.
pub(crate) fn programs(root: &Path, scratch: &Path) -> [(&'static str, Result<()>); 3] {
    [(TWICE, twice(root, scratch)), (PIPE, closed_pipe(root)), (STDIN, marked_text(root, scratch))]
}

/// `cargo run` for an example, in another folder.
fn example(root: &Path, folder: &Path, name: &str) -> Command {
    let mut cargo = command(folder, "cargo", "run --release --locked --quiet --manifest-path");
    cargo.arg(root.join("Cargo.toml")).args(["--package", "kiln-examples", "--example", name, "--"]);
    cargo
}

fn twice(root: &Path, scratch: &Path) -> Result<()> {
    let first = output(example(root, scratch, "quickstart").arg("--fast"))?;
    let second = output(example(root, scratch, "quickstart").arg("--fast"))?;
    ensure!(!first.contains("is replaced") && second.contains("is replaced"), "the second run says:\n{second}");
    Ok(())
}

fn closed_pipe(root: &Path) -> Result<()> {
    let mut program = example(root, root, "one-hot").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    // No one reads its output.
    drop(program.stdout.take());
    let ended = program.wait_with_output()?;
    let told = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success() && !told.contains("panicked"), "{}: {told}", ended.status);
    Ok(())
}

fn marked_text(root: &Path, scratch: &Path) -> Result<()> {
    let predicted = |text: &str| -> Result<String> {
        let file = scratch.join("text.txt");
        std::fs::write(&file, text)?;
        let input = std::fs::File::open(&file)?;
        output(example(root, scratch, "predict").args(["--artifact", "artifacts/quickstart"]).stdin(input))
    };
    let (plain, marked) = (predicted("Never boring.\n")?, predicted("\u{feff}Never boring.\n")?);
    if plain != marked || !plain.contains("tive") {
        bail!("without a mark:\n{plain}\nwith one:\n{marked}");
    }
    Ok(())
}
