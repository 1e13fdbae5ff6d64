//! Translates Python's regular expressions for words to the `regex` crate: `\w`, `\W`, `\s` and `\S`. `\b` stays that
//! of `regex`; look-around and backreferences are refused by `regex`.

use regex::Regex;

use crate::error::{Error, Result};

/// Python's `\w` and `\s`, as the inside of a class.
const WORD: &str = r"\p{L}\p{N}_";
const SPACE: &str = r"\s\x1c-\x1f";

/// Compiles a pattern of Python's `re`.
pub(crate) fn compile(pattern: &str) -> Result<Regex> {
    let regex = Regex::new(&translated(pattern))
        .map_err(|source| Error::Pattern { pattern: pattern.to_owned(), source: Box::new(source) })?;
    match regex.captures_len() - 1 {
        0 | 1 => Ok(regex),
        found => Err(Error::PatternGroups { pattern: pattern.to_owned(), found }),
    }
}

fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 64);
    let mut in_class = false;
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match (character, in_class) {
            ('\\', _) => match (characters.next(), in_class) {
                (Some('w'), false) => out.extend(["[", WORD, "]"]),
                (Some('w'), true) => out.push_str(WORD),
                (Some('W'), _) => out.extend(["[^", WORD, "]"]),
                (Some('s'), false) => out.extend(["[", SPACE, "]"]),
                (Some('s'), true) => out.push_str(SPACE),
                (Some('S'), _) => out.extend(["[^", SPACE, "]"]),
                (next, _) => {
                    out.push('\\');
                    out.extend(next);
                }
            },
            ('[', true) => out.push_str(r"\["),
            // In `regex` these are set operations within classes; in Python they are ordinary characters.
            ('&' | '~', true) => out.extend(['\\', character]),
            ('[', false) => {
                in_class = true;
                out.push('[');
                let rest = characters.as_str();
                if rest.starts_with('^') {
                    characters.next();
                    out.push('^');
                }
                // A leading bracket is a member of the class.
                if characters.as_str().starts_with(']') {
                    characters.next();
                    out.push_str(r"\]");
                }
            }
            (']', true) => {
                in_class = false;
                out.push(']');
            }
            _ => out.push(character),
        }
    }
    out
}
