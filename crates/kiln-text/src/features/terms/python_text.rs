//! Preparing text like scikit-learn: runs of Python's word characters, `str.lower`, and two ways to strip accents. The
//! word characters are in `python_characters.rs`.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

use crate::tokens::python_characters::{is_python_space, is_python_word};

/// How to strip accents, after Unicode's NFKD has separated them from their characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StripAccents {
    /// Keep only ASCII: `é` becomes `e`, `好` is dropped.
    Ascii,
    /// Drop combining characters: `é` becomes `e`, `好` stays.
    Unicode,
}

/// Whether Python's `\w` matches an ASCII byte.
const ASCII_WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'_';
        byte += 1;
    }
    table
};

/// Calls `take` with start and end of every longest run of at least `least` word characters. With 2, these are the
/// matches of `(?u)\b\w\w+\b`.
pub(crate) fn each_word(text: &str, least: usize, mut take: impl FnMut(usize, usize)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        // How many bytes of the run are continuation bytes of a character.
        let mut continued = 0;
        loop {
            while at < bytes.len() && ASCII_WORD[bytes[at] as usize] {
                at += 1;
            }
            match beyond_ascii(text, at).filter(|&character| is_python_word(character)) {
                None => break,
                Some(character) => {
                    at += character.len_utf8();
                    continued += character.len_utf8() - 1;
                }
            }
        }
        if at - start - continued >= least {
            take(start, at);
        }
        // The character that ended the run, and following ones that cannot start one.
        while at < bytes.len() && !ASCII_WORD[bytes[at] as usize] {
            match beyond_ascii(text, at) {
                None => at += 1,
                Some(character) if is_python_word(character) => break,
                Some(character) => at += character.len_utf8(),
            }
        }
    }
}

/// The character at `at`, if it is not ASCII.
#[inline]
fn beyond_ascii(text: &str, at: usize) -> Option<char> {
    match text.as_bytes().get(at) {
        Some(128..) => text[at..].chars().next(),
        _ => None,
    }
}

/// `text` in lower case and without accents, as requested, in `out` if that changes anything.
pub(crate) fn normalized<'a>(
    text: &'a str,
    lowercase: bool,
    strip_accents: Option<StripAccents>,
    out: &'a mut String,
) -> &'a str {
    out.clear();
    if text.is_ascii() {
        if !lowercase {
            return text;
        }
        out.push_str(text);
        out.make_ascii_lowercase();
        return out;
    }
    match (lowercase, strip_accents) {
        (false, None) => return text,
        (true, None) => *out = text.to_lowercase(),
        (true, Some(strip)) => strip_into(&text.to_lowercase(), strip, out),
        (false, Some(strip)) => strip_into(text, strip, out),
    }
    out
}

fn strip_into(text: &str, strip: StripAccents, out: &mut String) {
    match strip {
        StripAccents::Ascii => out.extend(text.nfkd().filter(char::is_ascii)),
        StripAccents::Unicode => out.extend(text.nfkd().filter(|&c| canonical_combining_class(c) == 0)),
    }
}

/// Replaces every run of two or more white-space characters by one space, as scikit-learn does before it makes
/// character n-grams. A single tab or line end stays.
pub(crate) fn collapse_spaces(text: &str, out: &mut String) {
    out.clear();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if is_python_space(character) && characters.peek().is_some_and(|&next| is_python_space(next)) {
            while characters.next_if(|&next| is_python_space(next)).is_some() {}
            out.push(' ');
        } else {
            out.push(character);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, least: usize) -> Vec<&str> {
        let mut words = Vec::new();
        each_word(text, least, |start, end| words.push(&text[start..end]));
        words
    }

    #[test]
    fn words_are_runs_of_two_characters_or_more() {
        assert_eq!(words("I don't_know, a b2 é éa x", 2), ["don", "t_know", "b2", "éa"]);
        assert_eq!(words("éé—好好。ab", 2), ["éé", "好好", "ab"]);
        assert_eq!(words("a é", 1), ["a", "é"]);
        assert_eq!(words("", 2), [""; 0]);
        assert_eq!(words("—", 1), [""; 0]);
    }

    #[test]
    fn combining_signs_are_no_word_characters() {
        // Devanagari "hindi": consonants are letters; the vowel signs (U+093F, U+0940) and the virama are combining.
        assert_eq!(words("हिन्दी कमल", 2), ["कमल"]);
        assert!('\u{93f}'.is_alphanumeric() && !is_python_word('\u{93f}'));
        assert!(is_python_word('Ⅷ') && is_python_word('²') && is_python_word('一'));
    }

    #[test]
    fn only_longer_runs_of_space_collapse() {
        let mut out = String::new();
        collapse_spaces("a\tb  c \u{1c}\u{3000}d\n", &mut out);
        assert_eq!(out, "a\tb c d\n");
    }
}
