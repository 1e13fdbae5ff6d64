//! What subwords are learned from: the distinct tokens of a corpus and how often each occurs, counted by
//! `token_counts.rs`. Adds cutting that can fail and a limit on the characters read.

use std::sync::OnceLock;

use crate::error::{Error, Result};
use crate::io::text::Text;
use crate::vocabulary::token_counts::{EachToken, Tables, TokenCount, count_in_any_order};

/// Distinct tokens with how often they occur.
pub(crate) type CountedTokens = Vec<(Box<str>, u64)>;

/// The counts in the form from which subwords are learned.
pub(crate) fn listed<'a>(counts: impl Iterator<Item = (&'a str, TokenCount)>) -> CountedTokens {
    counts.map(|(token, known)| (Box::from(token), known.count)).collect()
}

/// Distinct tokens with how often they occur. `each` calls its second argument with every token of a text. Reading stops
/// after `max_characters` characters.
pub(crate) fn count_tokens(
    texts: impl IntoIterator<Item = impl Text>,
    max_characters: Option<usize>,
    each: impl Fn(&str, &mut dyn FnMut(&str)) -> Result<()> + Sync,
) -> Result<Tables> {
    let each = Fallible { each, failure: OnceLock::new() };
    // After a failure nothing more is read.
    let texts = texts.into_iter().take_while(|_| each.failure.get().is_none());
    let counted = count_in_any_order(up_to(texts, max_characters), &each);
    if let Some(error) = each.failure.into_inner() {
        return Err(error);
    }
    counted
}

/// Adapts a function that can fail to [`EachToken`], which cannot.
struct Fallible<F> {
    each: F,
    failure: OnceLock<Error>,
}

impl<F: Fn(&str, &mut dyn FnMut(&str)) -> Result<()> + Sync> EachToken for Fallible<F> {
    type Scratch = ();

    fn each(&self, _scratch: &mut (), text: &str, take: &mut impl FnMut(&[u8], (usize, usize))) {
        if let Err(error) = (self.each)(text, &mut |token| take(token.as_bytes(), (0, token.len()))) {
            // Only the first of several failures is reported.
            self.failure.get_or_init(|| error);
        }
    }
}

/// The start of a text.
struct Start<T> {
    text: T,
    end: usize,
}

impl<T: AsRef<str>> AsRef<str> for Start<T> {
    fn as_ref(&self) -> &str {
        &self.text.as_ref()[..self.end]
    }
}

/// Texts until they have `max_characters` characters in total; the last is cut there.
fn up_to<T: Text>(
    mut texts: impl Iterator<Item = T>,
    max_characters: Option<usize>,
) -> impl Iterator<Item = Result<Start<T::Held>>> {
    let mut left = max_characters;
    std::iter::from_fn(move || {
        if left == Some(0) {
            return None;
        }
        Some(texts.next()?.text().map(|text| {
            let all = text.as_ref();
            let end = left.and_then(|left| all.char_indices().nth(left)).map_or(all.len(), |(at, _)| at);
            left = left.map(|left| left - all[..end].chars().count());
            Start { text, end }
        }))
    })
}
