//! The rules for one file: its header, its length, its name, and leftovers.

use std::path::Path;

/// The most lines in a source file.
const LONGEST: usize = 600;
/// File names that do not say what a file holds.
const EMPTY_NAMES: [&str; 5] = ["utils.rs", "util.rs", "common.rs", "base.rs", "helpers.rs"];

/// The rules that a file breaks.
pub(super) fn broken(file: &Path, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    if !text.starts_with("//! ") {
        complaints.push("it must open with `//!` and what it holds".to_owned());
    }
    let lines = text.lines().count();
    if lines > LONGEST {
        complaints.push(format!("it has {lines} lines, more than {LONGEST}"));
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    if EMPTY_NAMES.contains(&name.as_ref()) {
        complaints.push("its name says nothing of what it holds".to_owned());
    }
    // Concatenated, so that this file does not break its own rule.
    let leftovers = [["to", "do!("], ["unimple", "mented!("], ["dbg", "!("], ["TO", "DO"], ["FIX", "ME"]];
    for (number, line) in text.lines().enumerate() {
        if let Some(parts) = leftovers.iter().find(|parts| line.contains(&parts.concat())) {
            complaints.push(format!("line {}: '{}' is left over", number + 1, parts.concat()));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_finds_its_breach() {
        let of = |name: &str, text: &str| broken(Path::new(name), text).len();
        assert_eq!(of("lstm.rs", "//! The layer.\n"), 0);
        assert_eq!(of("lstm.rs", "use std::fs;\n"), 1);
        assert_eq!(of("utils.rs", "//! Things.\n"), 1);
        assert_eq!(of("lstm.rs", &format!("//! Long.\n{}", "\n".repeat(LONGEST))), 1);
        assert_eq!(of("lstm.rs", &format!("//! Left.\nfn f() {{ {}{}) }}\n", "to", "do!(")), 1);
    }
}
