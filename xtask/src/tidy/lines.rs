//! Lines of code: without blanks, comments, documentation and unit tests.

use std::collections::BTreeSet;

use anyhow::{Result, anyhow};
use proc_macro2::{Span, TokenStream, TokenTree};

use super::tokens::{attribute, without_tests};

/// The number of lines of code in a file.
///
/// # Errors
///
/// It is not Rust.
pub(super) fn of_code(text: &str) -> Result<usize> {
    let tokens: TokenStream = text.parse().map_err(|error| anyhow!("it cannot be read: {error}"))?;
    let mut lines = BTreeSet::new();
    walk(without_tests(tokens), &mut lines);
    let is_blank = |line: usize| text.lines().nth(line - 1).is_none_or(|line| line.trim().is_empty());
    // Blank lines stand in literals of several lines.
    let blanks = lines.iter().filter(|&&line| is_blank(line)).count();
    Ok(lines.len() - blanks)
}

/// Takes note of the lines of all tokens but those of documentation.
fn walk(tokens: TokenStream, lines: &mut BTreeSet<usize>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        if let Some((length, group)) = attribute(&tokens[at..])
            && group.stream().into_iter().next().is_some_and(|first| first.to_string() == "doc")
        {
            at += length;
            continue;
        }
        match &tokens[at] {
            TokenTree::Group(group) => {
                note(group.span_open(), lines);
                walk(group.stream(), lines);
                note(group.span_close(), lines);
            }
            other => note(other.span(), lines),
        }
        at += 1;
    }
}

fn note(span: Span, lines: &mut BTreeSet<usize>) {
    lines.extend(span.start().line..=span.end().line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_is_counted() {
        let text = "//! Header.\n\nuse std::fs; // why\n\n/// Docs.\n#[must_use]\nfn f() -> &'static str {\n    // Why.\n    \
                    /* and\n    why */\n    \"two\n\n    lines\"\n}\n\n#[cfg(test)]\nuse a::{b, c};\n\n#[cfg(test)]\nmod tests {\n    \
                    fn g() {}\n}\n\nconst N: usize = 1;\n";
        // use, must_use, fn, two of the literal, the brace, const
        assert_eq!(of_code(text).unwrap(), 7);
        assert_eq!(of_code("//! Header.\n").unwrap(), 0);
        assert!(of_code("fn f() {").is_err());
    }

    #[test]
    fn what_a_macro_declares_counts_as_written() {
        assert_eq!(
            of_code("options! {\n    /// Docs.\n    pub struct A {\n        /// Docs.\n        b: u8 = 1,\n    }\n}\n")
                .unwrap(),
            5
        );
    }
}
