//! Counts lines of code, without blank lines, comments, documentation and unit tests.

use anyhow::{Result, anyhow};
use proc_macro2::TokenStream;

/// The number of lines of code in a file.
///
/// # Errors
///
/// The text is not Rust.
pub(super) fn of_code(text: &str) -> Result<usize> {
    let _: TokenStream = text.parse().map_err(|error| anyhow!("it cannot be read: {error}"))?;
    let mut code = without_comments(text);
    for (mark, is_item) in [("#[cfg(test)]", true), ("#[doc", false), ("#![doc", false)] {
        while let Some(start) = find(&code, mark.as_bytes()) {
            let end = if is_item { end_of_item(&code, start + mark.len()) } else { end_of_group(&code, start) };
            blank(&mut code[start..end]);
        }
    }
    Ok(code.split(|&byte| byte == b'\n').filter(|line| line.iter().any(|byte| !byte.is_ascii_whitespace())).count())
}

/// The text with comments blanked out, and with `x` for the contents of literals, so that all brackets and quotes
/// belong to the code. Line breaks stay.
fn without_comments(text: &str) -> Vec<u8> {
    let source = text.as_bytes();
    let mut code = source.to_vec();
    let mut at = 0;
    while at < source.len() {
        let rest = &source[at..];
        let (length, is_comment) = if rest.starts_with(b"//") {
            (rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len()), true)
        } else if rest.starts_with(b"/*") {
            (length_of_block(rest), true)
        } else {
            (length_of_literal(rest, at.checked_sub(1).map(|before| source[before])), false)
        };
        let part = &mut code[at..at + length.max(1)];
        match length {
            0 => {}
            _ if is_comment => blank(part),
            _ => part.iter_mut().filter(|byte| !byte.is_ascii_whitespace()).for_each(|byte| *byte = b'x'),
        }
        at += length.max(1);
    }
    code
}

/// The length of a comment between `/*` and `*/`, which may contain others.
fn length_of_block(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    loop {
        match rest.get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            Some(_) => at += 1,
            None => return rest.len(),
        }
        if depth == 0 {
            return at;
        }
    }
}

/// The length of the string or character that `rest` begins with, 0 if it begins with something else.
fn length_of_literal(rest: &[u8], before: Option<u8>) -> usize {
    let after_word = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let end_of_quoted = |quote: u8| {
        let mut at = 1;
        while at < rest.len() && rest[at] != quote {
            at += if rest[at] == b'\\' { 2 } else { 1 };
        }
        (at + 1).min(rest.len())
    };
    match rest[0] {
        b'"' => end_of_quoted(b'"'),
        // A character, not a lifetime.
        b'\'' if rest.get(1) == Some(&b'\\') => end_of_quoted(b'\''),
        b'\'' => {
            let character = std::str::from_utf8(rest).ok().and_then(|rest| rest[1..].chars().next());
            let end = 1 + character.map_or(1, char::len_utf8);
            if rest.get(end) == Some(&b'\'') { end + 1 } else { 0 }
        }
        b'r' if !after_word || before == Some(b'b') => {
            let hashes = rest[1..].iter().take_while(|&&byte| byte == b'#').count();
            if rest.get(1 + hashes) != Some(&b'"') {
                return 0;
            }
            let end = [&b"\""[..], &b"#".repeat(hashes)].concat();
            find(&rest[2 + hashes..], &end).map_or(rest.len(), |length| 2 + hashes + length + end.len())
        }
        _ => 0,
    }
}

/// The end of the item that begins at `at`: after its block, or after a semicolon.
fn end_of_item(code: &[u8], at: usize) -> usize {
    let (mut depth, mut block) = (0, false);
    for (place, byte) in code.iter().enumerate().skip(at) {
        match byte {
            b'(' | b'[' | b'{' => {
                // `use a::{b, c};` has its braces before its semicolon.
                block |= depth == 0 && *byte == b'{' && find(&code[at..place], b"use ").is_none();
                depth += 1;
            }
            b')' | b']' | b'}' => {
                depth -= 1;
                if depth == 0 && block {
                    return place + 1;
                }
            }
            b';' if depth == 0 => return place + 1,
            _ => {}
        }
    }
    code.len()
}

/// The end of the first bracket after `at`.
fn end_of_group(code: &[u8], at: usize) -> usize {
    let mut depth = 0;
    for (place, byte) in code.iter().enumerate().skip(at) {
        match byte {
            b'[' => depth += 1,
            b']' if depth == 1 => return place + 1,
            b']' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn blank(part: &mut [u8]) {
    part.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
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
