//! What went wrong, for a person at the command line: where messages of the library name its functions, these name the
//! program's options.

use kiln::text::error::{CorpusError, RowProblem};
use kiln::{predict, text, train};

/// What the library calls an option in messages that it passes on as text, and the option here.
const OPTIONS: [(&str, &str); 7] = [
    ("`resume` (`--resume`, `ExistingRun::Resume`)", "`--resume`"),
    ("(`Encoding::UTF_16`)", "with `--encoding utf-16`"),
    ("`Encoding::UTF_16`", "`--encoding utf-16`"),
    ("the option encoding should", "--encoding should"),
    ("the option delimiter should", "--delimiter should"),
    ("the option quote should", "--quote should"),
    ("the option escape should", "--escape should"),
];

/// An error with its causes, on one line.
pub(crate) fn of(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(of_cause) {
        // Messages of Kiln's errors hold those of their causes.
        if !told.contains(&cause) {
            told = if told.is_empty() { cause } else { format!("{told}: {}", without_file(&cause, &told)) };
        }
    }
    told
}

/// A message without the file that it begins with, if what comes before it begins with that file too.
fn without_file<'a>(cause: &'a str, told: &str) -> &'a str {
    let rest = cause.strip_prefix("cannot read ").unwrap_or(cause);
    for (end, name_end) in [(": ", ": ".len()), (", line ", ", ".len())] {
        if let Some(at) = rest.find(end)
            && told.strip_prefix(&rest[..at]).is_some_and(|after| after.starts_with(' '))
        {
            return &rest[at + name_end..];
        }
    }
    cause
}

fn of_cause(cause: &(dyn std::error::Error + 'static)) -> String {
    let own = if let Some(error) = cause.downcast_ref() {
        of_text(error)
    } else if let Some(error) = cause.downcast_ref() {
        of_model(error)
    } else if let Some(error) = cause.downcast_ref() {
        of_run(error)
    } else {
        None
    };
    let told = own.unwrap_or_else(|| cause.to_string());
    OPTIONS.iter().fold(told, |told, (name, option)| told.replace(name, option))
}

/// An error of texts, if the library's own message would not do.
fn of_text(error: &text::Error) -> Option<String> {
    Some(match error {
        text::Error::Corpus(CorpusError::Row { path, line, problem }) => {
            format!("{}, line {line}: {}", path.display(), of_row(problem, *line)?)
        }
        text::Error::Corpus(CorpusError::NotUtf8 { file, offset }) => format!(
            "{file} is not UTF-8: the first invalid byte is at offset {offset}; name its encoding, such as `--encoding \
             latin1`, or `--encoding utf-8-lossy` for U+FFFD in place of what is not UTF-8"
        ),
        text::Error::ClassEmpty { path } => {
            format!("{} holds no file: every class needs at least one file with a text", path.display())
        }
        _ => return None,
    })
}

fn of_row(problem: &RowProblem, line: u64) -> Option<String> {
    Some(match problem {
        RowProblem::NotUtf8 { place, offset } => format!(
            "not UTF-8, the first invalid byte of {place} is at offset {offset}: name the encoding of the file, such \
             as `--encoding latin1`"
        ),
        RowProblem::Fields { expected, found, quote_after_space: true } => format!(
            "expected {expected} fields, found {found}: a field begins with a space and a quote; give \
             `--skip-initial-space` to read it as quoted"
        ),
        RowProblem::Fields { expected, found, .. } => format!(
            "expected {expected} fields, found {found}: enclose a field that holds the delimiter or a line end in \
             quotes, or name another delimiter with --delimiter or the quotes with --quote"
        ),
        RowProblem::Json { column, problem } if line == 1 && is_no_json(*column, problem) => {
            "not a JSON object: if the file is a table, give `--format table`, else write one object per line".into()
        }
        RowProblem::FieldType { field, expected: "a string", found } => format!(
            "the field {field:?} should be a string, found {found}: repair the row, or name the field of the texts \
             with --text"
        ),
        // Of one label the library speaks, and lists are read here.
        RowProblem::FieldType { field, expected, found } => {
            let found = if found == "a list" { "a list with something else in it" } else { found.as_str() };
            format!(
                "the field {field:?} should be {expected}, or a list of these, found {found}: repair the row, or name \
                 the field of the labels with --label"
            )
        }
        RowProblem::UnclosedQuote => {
            format!("{problem}; if quotes are ordinary characters in this file, give `--quote none`")
        }
        RowProblem::BehindQuote { closed, is_escaped } => format!(
            "expected a delimiter or the end of the line after the closing quote in line {closed}, found text: if \
             quotes are ordinary characters in this file, give `--quote none`{}",
            if *is_escaped { "" } else { r#"; if \" is a quote in a field, give `--escape '\'`"# }
        ),
        _ => return None,
    })
}

/// Whether the parser's message is about a line that is not JSON at all.
fn is_no_json(column: usize, problem: &str) -> bool {
    let is_begin = ["expected value", "expected ident"].iter().any(|begin| problem.starts_with(begin)) && column <= 4;
    let is_other =
        ["invalid type", "invalid number", "trailing characters"].iter().any(|begin| problem.starts_with(begin));
    // The library's own advice, for a list or an object on several lines.
    (is_begin || is_other) && !problem.contains("rewrite ")
}

/// An error of a trained model, if the library's own message would not do.
fn of_model(error: &predict::Error) -> Option<String> {
    match error {
        predict::Error::Text(error) => of_text(error),
        predict::Error::Unknown { path, what, name, known } => Some(format!(
            "{}: this program does not know the {what} {name:?}; it knows {known}: read the folder with the program \
             that wrote it",
            path.display()
        )),
        _ => None,
    }
}

/// An error of a run, if the library's own message would not do.
fn of_run(error: &train::Error) -> Option<String> {
    match error {
        train::Error::Text(error) => of_text(error),
        train::Error::Predict(error) => of_model(error),
        train::Error::RunExists { path } => Some(format!(
            "{} already holds a run: continue it with `--resume`, replace it with `--overwrite`, or name another \
             folder with `--output`",
            path.display()
        )),
        train::Error::NothingToResume { path } => Some(format!(
            "nothing to resume: {} does not exist; it is written when the first epoch ends. Check the folder, or \
             start a new run without `--resume`",
            path.display()
        )),
        train::Error::ResumeMismatch { path, what, before, now } => Some(format!(
            "cannot resume {}: {}, or start again with `--overwrite`",
            path.display(),
            of_mismatch(what, before, now)
        )),
        _ => None,
    }
}

/// What to do where a resumed network had nothing left to train: early stopping `has_ended` it, or all its epochs were
/// done.
pub(crate) fn of_finished(epochs: usize, has_ended: bool) -> String {
    match has_ended {
        true => "early stopping ended this network, and --epochs does not change that: to train it again, give \
                 `--overwrite` in place of `--resume`, and another `--model`, `--unit` or `--seed`"
            .to_owned(),
        false => format!("to train it further, raise --epochs above {epochs}"),
    }
}

/// What differs between a run that is resumed and its beginning, and what to do.
fn of_mismatch(what: &str, before: &str, now: &str) -> String {
    let names_model = ["\"model\"", "\"kind\""].iter().any(|key| before.starts_with(key));
    match what {
        "seed" => format!("it was started with `--seed {before}`, found {now}; give the same"),
        "row_weights and label_smoothing" => "it was started with another `--class-weight`: use that one".to_owned(),
        "model options" if names_model => "it was started with another `--model`: use that one".to_owned(),
        "model options" => {
            "it was started with another `--unit`, `--model`, `--vectors`, `--label` or `--labels-split`, or the \
             training file has changed; give the same options and the same file"
                .to_owned()
        }
        "training rows" | "validation rows" => format!(
            "it was started with {before} {what}, found {now}: the file has changed, or `--valid` or `--test` differs; \
             give the same"
        ),
        what if what.contains("training rows") || what.contains("validation rows") => {
            "the texts or labels are not those it was started with: the file has changed, or `--valid`, `--test`, \
             `--text`, `--label` or `--labels-split` differs; give the same"
                .to_owned()
        }
        what => format!("it was started by another version of this program, with another {what}; use that version"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// Whether a message names what only a program in Rust can do.
    fn names_rust(told: &str) -> bool {
        told.contains("::") || told.contains("set `.") || told.contains("Registry")
    }

    #[test]
    fn a_mismatch_names_the_options_and_a_file_comes_once() {
        for (what, before, option) in [
            ("seed", "7", "`--seed 7`"),
            ("row_weights and label_smoothing", "none", "`--class-weight`"),
            ("model options", "\"model\": \"conv_classifier\"", "another `--model`: use that one"),
            ("model options", "\"vocab\": 20", "`--unit`"),
            ("model options", "\"labels\": 2", "`--labels-split`"),
            ("validation rows", "30", "`--valid`"),
            ("targets (labels) of the training rows", "0a1b", "the file has changed"),
        ] {
            let path = PathBuf::from("x");
            let (what, before, now) = (what.to_owned(), before.to_owned(), "else".to_owned());
            let told = of(&train::Error::ResumeMismatch { path, what, before, now }.into());
            assert!(told.starts_with("cannot resume x: ") && told.contains(option), "{told}");
            assert!(told.contains("`--overwrite`") && !told.contains("0a1b") && !told.contains("vocab"), "{told}");
        }
        let error = anyhow::anyhow!("a b.csv, line 3: odd").context("a b.csv holds no model");
        assert_eq!(of(&error), "a b.csv holds no model: line 3: odd");
        let error = anyhow::anyhow!("cannot read a b.csv: not there").context("a b.csv holds no model");
        assert_eq!(of(&error), "a b.csv holds no model: not there");
    }

    #[test]
    fn a_finished_network_is_trained_further_or_again_by_options() {
        assert!(of_finished(3, false).contains("raise --epochs above 3"));
        let told = of_finished(3, true);
        assert!(told.contains("give `--overwrite` in place of `--resume`") && !told.contains("raise"), "{told}");
    }

    #[test]
    fn errors_of_the_library_name_the_options_of_the_program() {
        let path = PathBuf::from("x");
        let row = |problem| text::Error::from(CorpusError::Row { path: path.clone(), line: 3, problem });
        let source = std::io::Error::other("it is text in UTF-16; set the encoding to UTF-16 (`Encoding::UTF_16`)");
        let file = kiln::FileError::new("read", &path)(source);
        let run = |path| train::Error::RunExists { path };
        let of_type =
            |expected, found: &str| RowProblem::FieldType { field: "x".into(), expected, found: found.to_owned() };
        for (error, option) in [
            (anyhow::Error::from(row(RowProblem::NotUtf8 { place: "the line", offset: 7 })), "`--encoding latin1`"),
            (row(RowProblem::BehindQuote { closed: 3, is_escaped: false }).into(), r"`--escape '\'`"),
            (row(RowProblem::UnclosedQuote).into(), "`--quote none`"),
            (
                row(RowProblem::Fields { expected: 2, found: 3, quote_after_space: true }).into(),
                "`--skip-initial-space`",
            ),
            (row(of_type("a string", "null")).into(), "the texts with --text"),
            (
                row(of_type("a string, a number or a boolean", "a list")).into(),
                "a boolean, or a list of these, found a",
            ),
            (text::Error::from(CorpusError::NotUtf8 { file: "x".into(), offset: 7 }).into(), "`--encoding latin1`"),
            (text::Error::ClassEmpty { path: path.clone() }.into(), "x holds no file"),
            (file.into(), "with `--encoding utf-16`"),
            (run(path.clone()).into(), "`--overwrite`"),
        ] {
            let told = of(&error.context("x cannot be read"));
            assert!(told.starts_with("x cannot be read: ") && told.contains(option) && !names_rust(&told), "{told}");
            assert_eq!(told.matches(option).count(), 1, "{told}");
        }
    }
}
