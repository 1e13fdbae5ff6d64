//! Which characters Python takes for white space and for parts of words. Leaves out Keras's own splitting
//! (`splitter.rs`) and the words of vectorizers (`features/terms/python_text.rs`).
//!
//! Followed: CPython 3.11, whose Unicode is 14; this crate's Unicode is that of the Rust toolchain and of
//! `regex-syntax`, so characters that a later Unicode added are letters here before they are there.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, HirKind};

/// Whether Python's `str.isspace` says so, which is also what its `\s` matches: Unicode's white space and, beyond Rust's
/// notion of it, four separators of ASCII.
pub(crate) fn is_python_space(character: char) -> bool {
    character.is_whitespace() || ('\x1c'..='\x1f').contains(&character)
}

/// Python's `str.split()`.
pub(crate) fn python_words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_python_space).filter(|word| !word.is_empty())
}

/// A bit for each character that Python's `\w` matches.
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

/// Whether Python's `\w` matches. That is `str.isalnum` or `_`: letters and numbers by general category. Rust's
/// `is_alphanumeric` also takes signs that combine, such as vowels of Indian scripts.
#[inline]
pub(crate) fn is_python_word(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || character == '_';
    }
    WORD[character as usize / 64] >> (character as usize % 64) & 1 == 1
}
