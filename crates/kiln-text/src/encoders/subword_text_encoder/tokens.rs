//! Cutting a text into the tokens of TensorFlow Datasets' `SubwordTextEncoder`: runs of word characters, runs of other
//! characters, and reserved tokens. A single space is a mark on the token before it.

use aho_corasick::{AhoCorasick, MatchKind};

use crate::error::{Error, Result};
use crate::tokens::python_characters::is_python_word;

/// Replaces an underscore in a token, since an underscore at a token's end means a space.
pub(crate) const ESCAPE: &str = "\\&undsc";

/// Where a literal [`ESCAPE`] in the text is cut in two, so that it is not decoded as an underscore.
pub(crate) const ESCAPE_CUT: usize = 2;

/// Whether a text holds both word characters and others.
pub(crate) fn is_mixed(text: &str) -> bool {
    let mut kinds = text.chars().map(is_python_word);
    kinds.next().is_some_and(|first| kinds.any(|kind| kind != first))
}

/// A token of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// As it is in the text.
    pub(crate) text: &'a str,
    /// Whether a single space follows, which then is not a separate token.
    pub(crate) space_after: bool,
    /// Whether it was kept whole, so that it may contain anything.
    pub(crate) reserved: bool,
}

impl Token<'_> {
    /// The token as subwords see it: underscores escaped, and an underscore after it for the space.
    pub(crate) fn escape_into(&self, escaped: &mut String) {
        escaped.clear();
        let mut parts = self.text.split('_');
        escaped.extend(parts.next());
        for part in parts {
            escaped.push_str(ESCAPE);
            escaped.push_str(part);
        }
        if self.space_after {
            escaped.push('_');
        }
    }
}

/// Cuts texts into tokens.
#[derive(Clone, Debug)]
pub(crate) struct Cutter {
    reserved: AhoCorasick,
}

impl Cutter {
    /// Keeps `reserved` and the escape whole wherever they occur; `kind` chooses among those that start at the same
    /// place.
    pub(crate) fn new<'a>(reserved: impl Iterator<Item = &'a str>, kind: MatchKind) -> Result<Self> {
        let patterns: Vec<&str> = reserved.chain([ESCAPE]).collect();
        let count = patterns.len();
        let too_large = |_| Error::TooLarge { what: "a list of reserved tokens", rows: count, columns: 1 };
        let reserved = AhoCorasick::builder().match_kind(kind).build(patterns).map_err(too_large)?;
        Ok(Self { reserved })
    }

    /// Calls `take` with every token.
    pub(crate) fn each<'a>(&self, text: &'a str, mut take: impl FnMut(Token<'a>)) {
        let mut before: Option<Token<'a>> = None;
        let mut push = |text: &'a str, reserved| {
            match before.take() {
                Some(token) if text == " " => return take(Token { space_after: true, ..token }),
                Some(token) => take(token),
                None => {}
            }
            before = Some(Token { text, space_after: false, reserved });
        };
        let mut start = 0;
        for found in self.reserved.find_iter(text) {
            each_run(&text[start..found.start()], |run| push(run, false));
            start = found.end();
            let whole = &text[found.start()..start];
            if whole == ESCAPE {
                push(&whole[..ESCAPE_CUT], false);
                push(&whole[ESCAPE_CUT..], false);
            } else {
                push(whole, true);
            }
        }
        each_run(&text[start..], |run| push(run, false));
        if let Some(token) = before {
            take(token);
        }
    }
}

/// Calls `take` with every longest run of word characters or of other characters.
fn each_run<'a>(text: &'a str, mut take: impl FnMut(&'a str)) {
    let mut kinds = text.char_indices().map(|(at, character)| (at, is_python_word(character)));
    let Some((mut start, mut kind)) = kinds.next() else { return };
    for (at, next) in kinds {
        if next != kind {
            take(&text[start..at]);
            (start, kind) = (at, next);
        }
    }
    take(&text[start..]);
}
