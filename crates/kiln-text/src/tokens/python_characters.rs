//! Which characters are white space and which are parts of words in Python. Keras's splitting is in `splitter.rs`, the
//! words of vectorizers in `features/terms/python_text.rs`.
//!
//! Followed: CPython 3.11 with Unicode 14. This crate uses the Unicode of the Rust toolchain and of `regex-syntax`, so
//! characters added by later versions of Unicode are letters here and not yet there.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, HirKind};

/// Python's `str.isspace`, which its `\s` also matches: Unicode's white space and four ASCII separators that Rust does
/// not count as white space.
pub(crate) fn is_python_space(character: char) -> bool {
    character.is_whitespace() || ('\x1c'..='\x1f').contains(&character)
}

/// Python's `str.split()`.
pub(crate) fn python_words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_python_space).filter(|word| !word.is_empty())
}

/// One bit for each character, whether Python's `\w` matches it.
static WORD: LazyLock<Box<[u64]>> = LazyLock::new(|| {
    let mut bits = vec![0; (char::MAX as usize + 1) / 64].into_boxed_slice();
    let parsed = regex_syntax::parse(r"[\p{L}\p{N}_]").map(|hir| hir.into_kind());
    if let Ok(HirKind::Class(Class::Unicode(class))) = parsed {
        for range in class.iter() {
            for character in range.start()..=range.end() {
                bits[character as usize / 64] |= 1 << (character as usize % 64);
            }
        }
    }
    bits
});

/// Whether Python's `\w` matches, which means `str.isalnum` or `_`: letters and numbers by general category. Rust's
/// `is_alphanumeric` also accepts combining signs, such as vowels of Indian scripts.
#[inline]
pub(crate) fn is_python_word(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || character == '_';
    }
    WORD[character as usize / 64] >> (character as usize % 64) & 1 == 1
}
