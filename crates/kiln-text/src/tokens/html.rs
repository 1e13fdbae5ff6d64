//! Replaces each HTML tag of a text by a space. Entities (`&amp;`) and everything else in HTML stay: this is for
//! reviews with `<br />` in them, not for web pages.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Which HTML tags a [`Normalizer`](crate::tokens::Normalizer) replaces by a space.
///
/// A tag is `<`, optionally `/`, a letter, anything but `<` and `>`, and `>`. So `a < b` and a tag that is never closed
/// stay unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Html {
    /// None.
    #[default]
    Keep,
    /// Tags that break a line: `br`, `hr`, `p`, `div` and `li`, opening or closing, in any case, with or without
    /// attributes.
    Breaks,
    /// All tags, and also comments and `<!DOCTYPE ...>`.
    Tags,
}

const BREAKS: [&str; 5] = ["br", "hr", "p", "div", "li"];

impl Html {
    /// Replaces each tag by one space. Every byte is read a fixed number of times.
    pub(crate) fn strip(self, text: Cow<'_, str>) -> Cow<'_, str> {
        if self == Html::Keep || !text.contains('<') {
            return text;
        }
        let mut stripped = String::with_capacity(text.len());
        let (mut kept, mut from) = (0, 0);
        // The end of the last comment: a comment that opens after it is not searched further.
        let last_comment_end = text.rfind("-->");
        while let Some(found) = text[from..].find('<') {
            let open = from + found;
            match self.tag_end(&text, open, last_comment_end) {
                Some(end) => {
                    stripped.push_str(&text[kept..open]);
                    stripped.push(' ');
                    (kept, from) = (end, end);
                }
                None => from = open + 1,
            }
        }
        if kept == 0 {
            return text;
        }
        stripped.push_str(&text[kept..]);
        Cow::Owned(stripped)
    }

    /// The position after the tag that opens at `open`, if there is one to be replaced.
    fn tag_end(self, text: &str, open: usize, last_comment_end: Option<usize>) -> Option<usize> {
        let inside = &text[open + 1..];
        if self == Html::Tags && inside.starts_with("!--") {
            // The dashes that open a comment can close it too: `<!-->`.
            let body = open + 2;
            last_comment_end.filter(|&last| last >= body)?;
            return text[body..].find("-->").map(|length| body + length + 3);
        }
        let name = inside.strip_prefix('/').unwrap_or(inside);
        let name_len = name.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let goes = match self {
            Html::Keep => false,
            Html::Breaks => BREAKS.iter().any(|tag| tag.eq_ignore_ascii_case(&name[..name_len])),
            Html::Tags => name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '!' || c == '?'),
        };
        if !goes {
            return None;
        }
        let close = inside.find(['<', '>'])?;
        (inside.as_bytes()[close] == b'>').then_some(open + 1 + close + 1)
    }
}
