//! [`quoted`]: a text from a file, shortened for a message.

/// How many characters of a text a message shows.
const MOST_SHOWN: usize = 80;

/// The text in quotes. A long one is cut off and followed by its number of bytes, so that no message holds a whole
/// file.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(MOST_SHOWN) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}… ({} bytes)", &text[..end], text.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(quoted("a\n"), r#""a\n""#);
        let most = "é".repeat(MOST_SHOWN);
        assert_eq!(quoted(&most), format!("{most:?}"));
        assert_eq!(quoted(&format!("{most}x")), format!("{most:?}… (161 bytes)"));
    }
}
